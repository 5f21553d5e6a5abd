"""Budgets shared through Redis: one script a request, by Redis' own clock, so that no two machines' clocks matter."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from redis.exceptions import RedisError

from shared.io.budgets import (
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
    Ask,
    BudgetsUnavailable,
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

if TYPE_CHECKING:
    from redis import Redis

_NOW: Final = "local t = redis.call('TIME'); local now = t[1] * 1000 + math.floor(t[2] / 1000)\n"

_TAKE: Final = (
    _NOW
    + """
local pause, live, lanes, latest, use = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local slot, share, room = ARGV[1], ARGV[2], tonumber(ARGV[3])
local hold, live_first, again = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local listed, buckets = tonumber(ARGV[7]), tonumber(ARGV[8])
local paced, pace_from, pace = tonumber(ARGV[9]), tonumber(ARGV[10]), tonumber(ARGV[11])
local an_hour, hours = tonumber(ARGV[12]), tonumber(ARGV[13])

local held = redis.call('HMGET', pause, 'until', 'reason', 'probe')
if held[1] then
  if now < tonumber(held[1]) then return {0, held[2], tonumber(held[1]) - now} end
  if now < tonumber(held[3] or 0) then return {0, held[2], again} end
end
if share == 'backfill' then
  local wait = tonumber(redis.call('HGET', live, lanes) or 0) - now
  for i = 6, #KEYS do wait = math.max(wait, tonumber(redis.call('HGET', live, KEYS[i]) or 0) - now) end
  if wait > 0 then return {0, 'live_first', wait} end
end

-- The answer to a request that is refused, and what it lacks.
local function refused()
  redis.call('ZREMRANGEBYSCORE', lanes, '-inf', now)
  if redis.call('ZCARD', lanes) >= room then return {0, 'parallel', 50}, lanes end
  for i = 6, #KEYS do
    local amount = tonumber(ARGV[14 + (i - 6) * 3])
    local window = tonumber(ARGV[15 + (i - 6) * 3])
    local allowed = tonumber(ARGV[16 + (i - 6) * 3])
    if amount <= listed then
      redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', now)
      local n = redis.call('ZCARD', KEYS[i])
      if n >= allowed then
        local freed = redis.call('ZRANGE', KEYS[i], n - allowed, n - allowed, 'WITHSCORES')
        return {0, 'quota', tonumber(freed[2]) - now}, KEYS[i]
      end
      if amount >= paced and n >= pace_from * allowed then
        local wait = tonumber(redis.call('HGET', latest, KEYS[i]) or 0) + math.floor(pace * window / allowed) - now
        if wait > 0 then return {0, 'quota', wait}, KEYS[i] end
      end
    else
      local width = math.floor(window / buckets)
      local current = math.floor(now / width)
      local oldest, sum = current, 0
      local rows = redis.call('HGETALL', KEYS[i])
      for r = 1, #rows, 2 do
        local at = tonumber(rows[r])
        if at > current - buckets - 1 then
          sum = sum + tonumber(rows[r + 1])
          oldest = math.min(oldest, at)
        else
          redis.call('HDEL', KEYS[i], rows[r])
        end
      end
      if sum >= allowed then return {0, 'quota', (oldest + buckets + 1) * width - now}, KEYS[i] end
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
for i = 6, #KEYS do
  local amount = tonumber(ARGV[14 + (i - 6) * 3])
  local window = tonumber(ARGV[15 + (i - 6) * 3])
  if amount <= listed then
    redis.call('ZADD', KEYS[i], now + hold + window, slot)
  else
    redis.call('HINCRBY', KEYS[i], math.floor(now / math.floor(window / buckets)), 1)
  end
  redis.call('PEXPIRE', KEYS[i], 2 * (hold + window))
  redis.call('HSET', latest, KEYS[i], now)
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
"""
)

_SETTLE: Final = (
    _NOW
    + """
local pause, lanes, told = KEYS[1], KEYS[2], KEYS[3]
redis.call('ZREM', lanes, ARGV[1])
for i = 4, #KEYS do
  redis.call('ZADD', KEYS[i], 'XX', tonumber(ARGV[3]) + tonumber(ARGV[i]), ARGV[1])
end
for i = #KEYS + 1, #ARGV, 2 do
  redis.call('HSET', told, ARGV[i], ARGV[i + 1] .. ':' .. now)
  redis.call('PEXPIRE', told, tonumber(86400000))
end
if ARGV[2] == '1' then
  local held = redis.call('HGET', pause, 'until')
  if held and now >= tonumber(held) then redis.call('DEL', pause) end
end
return 1
"""
)

_PAUSE: Final = (
    _NOW
    + """
local first, longest, forget = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local held = redis.call('HMGET', KEYS[1], 'until', 'streak')
local known, streak = tonumber(held[1] or 0), tonumber(held[2] or 0)
local under_way = now < known
if not under_way then streak = streak + 1 end
local asked = tonumber(ARGV[2])
local length = asked
if asked < 0 then length = math.min(longest, first * 2 ^ math.min(streak - 1, 16)) end
local stop = now + length
if under_way then
  if asked < 0 then stop = known else stop = math.max(known, stop) end
end
redis.call('HSET', KEYS[1], 'until', stop, 'reason', ARGV[1], 'streak', streak, 'probe', 0)
redis.call('HSETNX', KEYS[1], 'since', now)
redis.call('PEXPIRE', KEYS[1], stop - now + forget)
return stop - now
"""
)


_USAGE: Final = (
    _NOW
    + """
local listed, buckets = tonumber(ARGV[1]), tonumber(ARGV[2])
local found = {now}
for i = 5, #KEYS do
  local amount, window = tonumber(ARGV[2 * i - 7]), tonumber(ARGV[2 * i - 6])
  local used, first, last = 0, 0, 0
  if amount <= listed then
    local open = '(' .. now
    used = redis.call('ZCOUNT', KEYS[i], open, '+inf')
    if used > 0 then
      first = redis.call('ZRANGEBYSCORE', KEYS[i], open, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)[2] - now
      last = redis.call('ZREVRANGE', KEYS[i], 0, 0, 'WITHSCORES')[2] - now
    end
  else
    local width = math.floor(window / buckets)
    local current = math.floor(now / width)
    local rows = redis.call('HGETALL', KEYS[i])
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
return {found, redis.call('ZCOUNT', KEYS[2], '(' .. now, '+inf'), redis.call('HMGET', KEYS[1], 'reason', 'since',
  'until'), redis.call('HGETALL', KEYS[3]), redis.call('HGETALL', KEYS[4])}
"""
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

    def take(self, ask: Ask) -> Grant | Denied:
        """Grant a request, or say when to ask again."""
        slot = f"{self._bits.getrandbits(64):016x}"
        head = f"budget:{{{ask.account}}}:"
        keys = [f"{head}pause", f"{head}live", f"{head}lanes", f"{head}latest", f"{head}use"]
        keys += [f"{head}q:{quota.name}" for quota in ask.quotas]
        arguments: list[str | int] = [slot, ask.share, ask.lanes(), HOLD_MS, LIVE_FIRST_MS, ASK_AGAIN_MS]
        arguments += [LISTED, BUCKETS, PACED, str(PACE_FROM), str(PACE), HOUR_MS, USE_HOURS]
        for quota in ask.quotas:
            arguments += [quota.amount, quota.window_ms, quota.for_share(ask.share, self._backfill_share)]
        granted, told, wait = self._run(_TAKE, keys, arguments)
        text = _text(told)
        if granted:
            return Grant(slot=slot, ask=ask, at_ms=int(text))
        reason: Reason = text  # type: ignore[assignment]  # the script gives back reasons alone
        return Denied(reason=reason, retry_after_s=max(1, int(wait)) / 1000)

    def settle(
        self, grant: Grant, *, late_s: float, ok: bool, counted: Mapping[str, tuple[int, int]] | None = None
    ) -> None:
        """Free a request's lane, and its quota one window after it can have been counted."""
        head = f"budget:{{{grant.ask.account}}}:"
        listed = [quota for quota in grant.ask.quotas if quota.amount <= LISTED]
        keys = [f"{head}pause", f"{head}lanes", f"{head}told", *(f"{head}q:{quota.name}" for quota in listed)]
        latest = grant.at_ms + int(late_s * 1000) + 1
        said = [text for name, (amount, left) in (counted or {}).items() for text in (name, f"{amount}:{left}")]
        self._run(_SETTLE, keys, [grant.slot, int(ok), latest, *(quota.window_ms for quota in listed), *said])

    def pause(self, account: str, *, reason: Reason, retry_after_s: float | None) -> float:
        """Stop an account; several refusals of one moment are one pause."""
        asked = -1 if retry_after_s is None else max(1, int(retry_after_s * 1000))
        keys = [f"budget:{{{account}}}:pause"]
        wait = self._run(_PAUSE, keys, [reason, asked, FIRST_PAUSE_MS, LONGEST_PAUSE_MS, FORGET_MS])
        return int(wait) / 1000

    def paused(self, account: str) -> Paused | None:
        """Tell since when an account has been stopped; Redis forgets a pause that nobody probed."""
        try:
            found = self._client.hmget(f"budget:{{{account}}}:pause", "reason", "since", "until")
        except RedisError as error:
            raise BudgetsUnavailable(f"the shared budgets cannot be read: {error!r}") from error
        return _paused(found)

    def usage(self, account: str, quotas: Sequence[Quota]) -> Usage:
        """Return how an account's budget is used at this moment."""
        head = f"budget:{{{account}}}:"
        keys = [f"{head}pause", f"{head}lanes", f"{head}use", f"{head}told", *(f"{head}q:{row.name}" for row in quotas)]
        asked = [number for quota in quotas for number in (quota.amount, quota.window_ms)]
        (now, *used), under_way, paused, calls, told = self._run(_USAGE, keys, [LISTED, BUCKETS, *asked])
        by_share: dict[Share, int] = {}
        for name, number in _pairs(calls):
            share, _, hour = name.partition(":")
            if int(hour) > int(now) // HOUR_MS - USE_HOURS:
                known: Share = "backfill" if share == "backfill" else "live"
                by_share[known] = by_share.get(known, 0) + int(number)
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

    def _run(self, script: str, keys: list[str], arguments: list[str | int]) -> Any:
        try:
            return self._client.eval(script, len(keys), *keys, *arguments)
        except RedisError as error:
            raise BudgetsUnavailable(f"the shared budgets cannot be read: {error!r}") from error


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _pairs(flat: Sequence[Any]) -> list[tuple[str, str]]:
    texts = [_text(value) for value in flat]
    return list(zip(texts[::2], texts[1::2], strict=True))


def _paused(found: Sequence[Any]) -> Paused | None:
    reason, since, until = found
    if reason is None:
        return None
    told: Reason = _text(reason)  # type: ignore[assignment]  # what `pause` stored
    return Paused(reason=told, since_ms=int(since or 0), until_ms=int(float(until or 0)))
