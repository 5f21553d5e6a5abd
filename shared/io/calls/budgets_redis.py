"""Budgets shared through Redis: one script a request, by Redis' own clock, so that no two machines' clocks matter."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from redis.exceptions import RedisError

from shared.io.calls.budgets import (
    ASK_AGAIN_MS,
    BUCKETS,
    FIRST_PAUSE_MS,
    FORGET_MS,
    HOLD_MS,
    HOUR_MS,
    LISTED,
    LIVE_FIRST_MS,
    LONGEST_PAUSE_MS,
    PACE,
    PACE_FROM,
    PACED,
    USE_HOURS,
    AppCount,
    BudgetsUnavailable,
    CallRequest,
    Denied,
    Grant,
    Paused,
    Quota,
    QuotaUse,
    Reason,
    Share,
    Usage,
)
from shared.io.envelope import RandomBits, fresh_bits
from shared.io.redis.client import text_of
from shared.io.redis.inline import NOW, Args, Inline, Item, Keys, Nothing, OneKey

if TYPE_CHECKING:
    from redis import Redis


class _Account(NamedTuple):
    """The keys of an account; those of its quotas follow."""

    pause: str
    live: str
    lanes: str
    latest: str
    use: str


class _Take(NamedTuple):
    slot: str
    share: str
    room: int
    hold: int = HOLD_MS
    live_first: int = LIVE_FIRST_MS
    again: int = ASK_AGAIN_MS
    listed: int = LISTED
    buckets: int = BUCKETS
    paced: int = PACED
    pace_from: float = PACE_FROM
    pace: float = PACE
    an_hour: int = HOUR_MS
    hours: int = USE_HOURS


class _Quota(NamedTuple):
    amount: int
    window: int
    allowed: int


class _UnderWay(NamedTuple):
    pause: str
    lanes: str
    told: str


class _Settle(NamedTuple):
    slot: str
    ok: bool
    latest: int


class _Window(NamedTuple):
    window: int


class _Pause(NamedTuple):
    reason: str
    asked: int
    first: int = FIRST_PAUSE_MS
    longest: int = LONGEST_PAUSE_MS
    forget: int = FORGET_MS


class _Used(NamedTuple):
    pause: str
    lanes: str
    use: str
    told: str


class _Usage(NamedTuple):
    listed: int = LISTED
    buckets: int = BUCKETS


class _Known(NamedTuple):
    amount: int
    window: int


_TAKE: Final = Inline(
    NOW
    + """
local held = redis.call('HMGET', pause, 'until', 'reason', 'probe')
if held[1] then
  if now < tonumber(held[1]) then return {0, held[2], tonumber(held[1]) - now} end
  if now < tonumber(held[3] or 0) then return {0, held[2], again} end
end
if share == 'backfill' then
  local wait = tonumber(redis.call('HGET', live, lanes) or 0) - now
  for key in items() do wait = math.max(wait, tonumber(redis.call('HGET', live, key) or 0) - now) end
  if wait > 0 then return {0, 'live_first', wait} end
end

-- The answer to a request that is refused, and what it lacks.
local function refused()
  redis.call('ZREMRANGEBYSCORE', lanes, '-inf', now)
  if redis.call('ZCARD', lanes) >= room then return {0, 'parallel', 50}, lanes end
  for key, amount, window, allowed in items() do
    if amount <= listed then
      redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
      local n = redis.call('ZCARD', key)
      if n >= allowed then
        local freed = redis.call('ZRANGE', key, n - allowed, n - allowed, 'WITHSCORES')
        return {0, 'quota', tonumber(freed[2]) - now}, key
      end
      if amount >= paced and n >= pace_from * allowed then
        local wait = tonumber(redis.call('HGET', latest, key) or 0) + math.floor(pace * window / allowed) - now
        if wait > 0 then return {0, 'quota', wait}, key end
      end
    else
      local width = math.floor(window / buckets)
      local current = math.floor(now / width)
      local oldest, sum = current, 0
      local rows = redis.call('HGETALL', key)
      for r = 1, #rows, 2 do
        local at = tonumber(rows[r])
        if at > current - buckets - 1 then
          sum = sum + tonumber(rows[r + 1])
          oldest = math.min(oldest, at)
        else
          redis.call('HDEL', key, rows[r])
        end
      end
      if sum >= allowed then return {0, 'quota', (oldest + buckets + 1) * width - now}, key end
    end
  end
  return nil
end

local no, lacks = refused()
if no then
  if share == 'live' then
    redis.call('HSET', live, lacks, now + live_first)
    redis.call('PEXPIRE', live, 2 * live_first)
  end
  return no
end
for key, amount, window in items() do
  if amount <= listed then
    redis.call('ZADD', key, now + hold + window, slot)
  else
    redis.call('HINCRBY', key, math.floor(now / math.floor(window / buckets)), 1)
  end
  redis.call('PEXPIRE', key, 2 * (hold + window))
  redis.call('HSET', latest, key, now)
end
redis.call('ZADD', lanes, now + hold, slot)
redis.call('PEXPIRE', lanes, 2 * hold)
redis.call('PEXPIRE', latest, 2 * hold)
local hour = math.floor(now / an_hour)
if redis.call('HINCRBY', use, share .. ':' .. hour, 1) == 1 then
  for _, name in ipairs(redis.call('HKEYS', use)) do
    if tonumber(string.match(name, '%d+$')) <= hour - hours then redis.call('HDEL', use, name) end
  end
  redis.call('PEXPIRE', use, (hours + 1) * an_hour)
end
if held[1] then redis.call('HSET', pause, 'probe', now + hold) end
if share == 'live' then redis.call('HDEL', live, lanes, unpack(KEYS, 6)) end
return {1, tostring(now), 0}
""",
    keys=_Account,
    args=_Take,
    item=_Quota,
)

_SETTLE: Final = Inline(
    NOW
    + """
redis.call('ZREM', lanes, slot)
for key, window in items() do
  redis.call('ZADD', key, 'XX', latest + window, slot)
end
for i = rest(), #ARGV, 2 do
  local limit, counted = ARGV[i], ARGV[i + 1]
  redis.call('HSET', told, limit, counted .. ':' .. now)
  redis.call('PEXPIRE', told, tonumber(86400000))
end
if ok then
  local held = redis.call('HGET', pause, 'until')
  if held and now >= tonumber(held) then redis.call('DEL', pause) end
end
return 1
""",
    keys=_UnderWay,
    args=_Settle,
    item=_Window,
)

_PAUSE: Final = Inline(
    NOW
    + """
local held = redis.call('HMGET', key, 'until', 'streak')
local known, streak = tonumber(held[1] or 0), tonumber(held[2] or 0)
local under_way = now < known
if not under_way then streak = streak + 1 end
local length = asked
if asked < 0 then length = math.min(longest, first * 2 ^ math.min(streak - 1, 16)) end
local stop = now + length
if under_way then
  if asked < 0 then stop = known else stop = math.max(known, stop) end
end
redis.call('HSET', key, 'until', stop, 'reason', reason, 'streak', streak, 'probe', 0)
redis.call('HSETNX', key, 'since', now)
redis.call('PEXPIRE', key, stop - now + forget)
return stop - now
""",
    keys=OneKey,
    args=_Pause,
    item=Nothing,
)


_USAGE: Final = Inline(
    NOW
    + """
local found = {now}
for key, amount, window in items() do
  local used, first, last = 0, 0, 0
  if amount <= listed then
    local open = '(' .. now
    used = redis.call('ZCOUNT', key, open, '+inf')
    if used > 0 then
      first = redis.call('ZRANGEBYSCORE', key, open, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)[2] - now
      last = redis.call('ZREVRANGE', key, 0, 0, 'WITHSCORES')[2] - now
    end
  else
    local width = math.floor(window / buckets)
    local current = math.floor(now / width)
    local rows = redis.call('HGETALL', key)
    for r = 1, #rows, 2 do
      local free = (tonumber(rows[r]) + buckets + 1) * width - now
      if tonumber(rows[r]) > current - buckets - 1 then
        used = used + tonumber(rows[r + 1])
        if first == 0 or free < first then first = free end
        last = math.max(last, free)
      end
    end
  end
  table.insert(found, {used, first, last})
end
return {found, redis.call('ZCOUNT', lanes, '(' .. now, '+inf'), redis.call('HMGET', pause, 'reason', 'since',
  'until'), redis.call('HGETALL', use), redis.call('HGETALL', told)}
""",
    keys=_Used,
    args=_Usage,
    item=_Known,
)


class RedisBudgets:
    """Budgets of all processes that share a Redis. Safe to use from several threads.

    Args:
        client: A client that repeats no command by itself: a repeated `take` would count twice.
        backfill_share: Share of each quota that backfill may use.
        bits: Source of the names of requests under way.
    """

    def __init__(self, client: "Redis", *, backfill_share: float = 0.99, bits: RandomBits | None = None) -> None:
        self._client: Any = client
        self._backfill_share = backfill_share
        self._bits = bits or fresh_bits()

    def take(self, ask: CallRequest) -> Grant | Denied:
        """Grant a request, or say when to ask again."""
        slot = f"{self._bits.getrandbits(64):016x}"
        head = f"budget:{{{ask.account}}}:"
        keys = _Account(*(head + name for name in _Account._fields))
        quotas = {
            f"{head}q:{quota.name}": _Quota(
                quota.amount, quota.window_ms, quota.for_share(ask.share, self._backfill_share)
            )
            for quota in ask.quotas
        }
        granted, told, wait = self._run(_TAKE, keys, _Take(slot, ask.share, ask.lanes()), quotas)
        text = text_of(told)
        if granted:
            return Grant(slot=slot, ask=ask, at_ms=int(text))
        reason: Reason = text  # type: ignore[assignment]  # the script gives back reasons alone
        return Denied(reason=reason, retry_after_s=max(1, int(wait)) / 1000)

    def settle(
        self, grant: Grant, *, late_s: float, ok: bool, counted: Mapping[str, tuple[int, int]] | None = None
    ) -> None:
        """Free a request's lane, and its quota one window after it can have been counted."""
        head = f"budget:{{{grant.ask.account}}}:"
        keys = _UnderWay(*(head + name for name in _UnderWay._fields))
        listed = {
            f"{head}q:{quota.name}": _Window(quota.window_ms) for quota in grant.ask.quotas if quota.amount <= LISTED
        }
        latest = grant.at_ms + int(late_s * 1000) + 1
        said = [text for name, (amount, left) in (counted or {}).items() for text in (name, f"{amount}:{left}")]
        self._run(_SETTLE, keys, _Settle(grant.slot, ok, latest), listed, said)

    def pause(self, account: str, *, reason: Reason, retry_after_s: float | None) -> float:
        """Stop an account; several refusals of one moment are one pause."""
        asked = -1 if retry_after_s is None else max(1, int(retry_after_s * 1000))
        wait = self._run(_PAUSE, OneKey(f"budget:{{{account}}}:pause"), _Pause(reason, asked))
        return int(wait) / 1000

    def paused(self, account: str) -> Paused | None:
        """Return since when an account has been stopped; Redis forgets a pause that nobody probed."""
        try:
            found = self._client.hmget(f"budget:{{{account}}}:pause", "reason", "since", "until")
        except RedisError as error:
            raise BudgetsUnavailable(f"the shared budgets cannot be read: {error!r}") from error
        return _paused(found)

    def usage(self, account: str, quotas: Sequence[Quota]) -> Usage:
        """Return how an account's budget is used at this moment."""
        head = f"budget:{{{account}}}:"
        keys = _Used(*(head + name for name in _Used._fields))
        known = {f"{head}q:{row.name}": _Known(row.amount, row.window_ms) for row in quotas}
        (now, *used), under_way, paused, calls, told = self._run(_USAGE, keys, _Usage(), known)
        by_share: dict[Share, int] = {}
        for name, number in _pairs(calls):
            share, _, hour = name.partition(":")
            if int(hour) > int(now) // HOUR_MS - USE_HOURS:
                part: Share = "backfill" if share == "backfill" else "live"
                by_share[part] = by_share.get(part, 0) + int(number)
        return Usage(
            quotas={
                quota.name: QuotaUse(used=int(number), next_ms=int(first), all_ms=int(last))
                for quota, (number, first, last) in zip(quotas, used, strict=True)
            },
            under_way=int(under_way),
            paused=_paused(paused),
            calls=by_share,
            counted={
                name: AppCount(amount=int(amount), left=int(left), at_ms=int(at))
                for name, text in _pairs(told)
                for amount, left, at in [text.split(":")]
            },
        )

    def _run(
        self,
        script: Inline[Keys, Args, Item],
        keys: Keys,
        args: Args,
        items: Mapping[str, Item] | None = None,
        rest: Sequence[str] = (),
    ) -> Any:
        try:
            return script.run(self._client, keys, args, items, rest)
        except RedisError as error:
            raise BudgetsUnavailable(f"the shared budgets cannot be read: {error!r}") from error


def _pairs(flat: Sequence[Any]) -> list[tuple[str, str]]:
    texts = [text_of(value) for value in flat]
    return list(zip(texts[::2], texts[1::2], strict=True))


def _paused(found: Sequence[Any]) -> Paused | None:
    reason, since, until = found
    if reason is None:
        return None
    told: Reason = text_of(reason)  # type: ignore[assignment]  # what `pause` stored
    return Paused(reason=told, since_ms=int(since or 0), until_ms=int(float(until or 0)))
