"""Budgets: how many requests an account may be sent, shared by all processes.

A request *occupies* its quota from when it was granted until one window after it can have reached the app. The app
counts arrivals, and an arrival may come late: a busy machine, a new connection. So an entry is freed one window after
the answer came, or after the request left and `JITTER_S` passed, whichever is earlier. However grants and arrivals are
spread, no window of the app then holds more than the quota; what that costs is `JITTER_S` of each window at most.

A large quota could be spent in its window's first moments, and every later change would wait for the window's end. So
once half of it is used, requests are spaced out, a little closer than the quota's own rate.

Live requests go before backfill: backfill may use its share of the quota only, and stands back for a moment whenever a
live request was refused for want of something that both use. One that waits for a quota of its own, such as searches,
would not come sooner for it.

After a 429 the whole account pauses; then one request probes, and the others follow when it is answered.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol, TypeAlias

from shared.model.syncs import Connection

Share: TypeAlias = Literal["live", "backfill"]
Reason: TypeAlias = Literal["quota", "parallel", "live_first", "rate_limited", "app_unavailable"]

JITTER_S: Final = 0.5
"""Longest time from leaving this process to being counted by the app."""
HOLD_MS: Final = 30_000
"""How long an unanswered request occupies its place: longer than any request may take."""
LIVE_FIRST_MS: Final = 750
"""How long backfill stands back after a live request was refused; who waits asks again within 500 ms."""
ASK_AGAIN_MS: Final = 500
LANES: Final = "lanes"
"""What a request lacks that is refused because too many are under way; no quota has this name."""
BUCKETS: Final = 96
"""Quotas too large to list each request are counted in so many parts of their window."""
LISTED: Final = 5000
"""Largest quota whose requests are listed one by one."""
PACED: Final = 50
"""Smallest quota whose requests are spaced out."""
PACE_FROM: Final = 0.5
"""Share of a quota that may be used at once."""
PACE: Final = 0.8
"""Least distance of two requests after that, as a part of window divided by amount."""
FIRST_PAUSE_MS: Final = 1000
LONGEST_PAUSE_MS: Final = 60_000
FORGET_MS: Final = 600_000
"""After so long without a new pause, the next one starts short again."""
HOUR_MS: Final = 3_600_000
USE_HOURS: Final = 24
"""Hours for which calls are counted by what they were for."""


class BudgetsUnavailable(Exception):  # noqa: N818 - names the state of the world
    """The shared budgets cannot be read; nothing may be sent without them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """At most *amount* requests in any *window_ms*."""

    name: str
    amount: int
    window_ms: int

    def for_share(self, share: Share, backfill_share: float) -> int:
        """Return what a share may use; backfill leaves at least one request of a quota that has ten."""
        if share == "live":
            return self.amount
        part = int(self.amount * backfill_share)
        return max(1, min(part, self.amount - 1) if self.amount >= 10 and backfill_share < 1 else part)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRequest:
    """One request that wants to be sent."""

    account: str
    quotas: tuple[Quota, ...]
    parallel: int
    share: Share = "live"

    def lanes(self) -> int:
        """Return how many requests may be under way; one lane is kept free of backfill where there are two."""
        return self.parallel - 1 if self.share == "backfill" and self.parallel > 1 else self.parallel


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Leave to send one request now; to be settled when its answer came, or did not."""

    slot: str
    ask: CallRequest
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """Not now."""

    reason: Reason
    retry_after_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Paused:
    """An account that takes no calls, until one that probes is answered."""

    reason: Reason
    since_ms: int
    until_ms: int = 0
    """When one call may probe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaUse:
    """How much of a quota is used at this moment."""

    used: int
    next_ms: int = 0
    """Time until the oldest request of those is free again; 0 where none is used."""
    all_ms: int = 0
    """Time until all are, if no other one is sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppCount:
    """What the app itself said last of a quota: it counts what others use of it, too."""

    amount: int
    left: int
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """How an account's budget is used at this moment."""

    quotas: Mapping[str, QuotaUse]
    under_way: int
    """Requests that are not answered yet."""
    paused: Paused | None
    calls: Mapping[Share, int]
    """Requests of this hour and those before it, by what they were for; a day in all."""
    counted: Mapping[str, AppCount]
    """What the app said, by quota."""


def account_of(row: Connection) -> str:
    """Name the account whose budget a connection uses; two connections may share one."""
    return f"{row.app}/{row.account or row.id}"


class Budgets(Protocol):
    """Grants requests. Every method raises `BudgetsUnavailable`."""

    def take(self, ask: CallRequest) -> Grant | Denied:
        """Grant a request, or say when to ask again; never waits."""
        ...

    def settle(
        self, grant: Grant, *, late_s: float, ok: bool, counted: Mapping[str, tuple[int, int]] | None = None
    ) -> None:
        """Free a request's lane; *late_s* is the latest moment after the grant at which the app can have counted it.

        *ok* says that the app works: the pause that this request may have probed is over. *counted* is what its answer
        said of quotas: the amount of each, and what is left.
        """
        ...

    def pause(self, account: str, *, reason: Reason, retry_after_s: float | None) -> float:
        """Pause an account for as long as the app asked, or for a time that doubles, and return the seconds."""
        ...

    def paused(self, account: str) -> Paused | None:
        """Return since when an account has been stopped without a call that the app took; None when it is not."""
        ...

    def usage(self, account: str, quotas: Sequence[Quota]) -> Usage:
        """Return how an account's budget is used at this moment."""
        ...


def pause_ms(streak: int, retry_after_s: float | None) -> int:
    """Return how long the pause number *streak* lasts."""
    if retry_after_s is not None:
        return max(1, int(retry_after_s * 1000))
    return int(min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** min(streak - 1, 16)))


@dataclass(slots=True)
class _Pause:
    until_ms: int
    reason: Reason
    streak: int
    since_ms: int
    probe_until_ms: int = 0


@dataclass(slots=True)
class _Account:
    listed: dict[str, dict[str, int]] = field(default_factory=dict)
    counted: dict[str, dict[int, int]] = field(default_factory=dict)
    lanes: dict[str, int] = field(default_factory=dict)
    latest: dict[str, int] = field(default_factory=dict)
    """When each quota granted last."""
    pause: _Pause | None = None
    live_until_ms: dict[str, int] = field(default_factory=dict)
    """Until when backfill leaves each quota, or the lanes (`LANES`), to live requests."""
    calls: dict[tuple[Share, int], int] = field(default_factory=dict)
    """Requests by share and hour."""
    told: dict[str, AppCount] = field(default_factory=dict)


class MemoryBudgets:
    """Budgets of one process, by its own clock."""

    def __init__(self, *, now_ms: Callable[[], int], backfill_share: float = 0.99) -> None:
        self._now_ms = now_ms
        self._backfill_share = backfill_share
        self._accounts: dict[str, _Account] = {}
        self._lock = threading.Lock()
        self._slots = 0

    def take(self, ask: CallRequest) -> Grant | Denied:
        """Grant a request, or say when to ask again."""
        with self._lock:
            now = self._now_ms()
            account = self._accounts.setdefault(ask.account, _Account())
            paused = _paused(account, now)
            if paused is not None:
                return paused
            if ask.share == "backfill":
                until = max(account.live_until_ms.get(name, 0) for name in _needs(ask))
                if now < until:
                    return _denied("live_first", until - now)
            refused = self._refused(account, ask, now)
            if refused is not None:
                lacks, denied = refused
                if ask.share == "live":
                    account.live_until_ms[lacks] = now + LIVE_FIRST_MS
                return denied
            return self._grant(account, ask, now)

    def _refused(self, account: _Account, ask: CallRequest, now: int) -> tuple[str, Denied] | None:
        account.lanes = {slot: until for slot, until in account.lanes.items() if until > now}
        if len(account.lanes) >= ask.lanes():
            return LANES, _denied("parallel", 50)
        for quota in ask.quotas:
            room = quota.for_share(ask.share, self._backfill_share)
            wait = _wait_counted(account, quota, room, now) if quota.amount > LISTED else None
            if quota.amount <= LISTED:
                wait = _wait_listed(account, quota, room, now)
            if wait is not None:
                return quota.name, _denied("quota", wait)
        return None

    def _grant(self, account: _Account, ask: CallRequest, now: int) -> Grant:
        self._slots += 1
        slot = str(self._slots)
        for quota in ask.quotas:
            account.latest[quota.name] = now
            if quota.amount > LISTED:
                bucket = now // (quota.window_ms // BUCKETS)
                counts = account.counted.setdefault(quota.name, {})
                counts[bucket] = counts.get(bucket, 0) + 1
            else:
                account.listed.setdefault(quota.name, {})[slot] = now + HOLD_MS + quota.window_ms
        account.lanes[slot] = now + HOLD_MS
        hour = now // HOUR_MS
        account.calls = {at: number for at, number in account.calls.items() if at[1] > hour - USE_HOURS}
        account.calls[ask.share, hour] = account.calls.get((ask.share, hour), 0) + 1
        if account.pause is not None:
            account.pause.probe_until_ms = now + HOLD_MS
        if ask.share == "live":
            for name in _needs(ask):
                account.live_until_ms.pop(name, None)
        return Grant(slot=slot, ask=ask, at_ms=now)

    def settle(
        self, grant: Grant, *, late_s: float, ok: bool, counted: Mapping[str, tuple[int, int]] | None = None
    ) -> None:
        """Free a request's lane, and its quota one window after it can have been counted."""
        with self._lock:
            account = self._accounts.setdefault(grant.ask.account, _Account())
            for name, (amount, left) in (counted or {}).items():
                account.told[name] = AppCount(amount=amount, left=left, at_ms=self._now_ms())
            account.lanes.pop(grant.slot, None)
            for quota in grant.ask.quotas:
                entries = account.listed.get(quota.name, {})
                if grant.slot in entries:
                    entries[grant.slot] = grant.at_ms + int(late_s * 1000) + 1 + quota.window_ms
            if ok and account.pause is not None and self._now_ms() >= account.pause.until_ms:
                account.pause = None

    def pause(self, account: str, *, reason: Reason, retry_after_s: float | None) -> float:
        """Stop an account; several refusals of one moment are one pause."""
        with self._lock:
            now = self._now_ms()
            state = self._accounts.setdefault(account, _Account())
            known = state.pause
            if known is not None and now > known.until_ms + FORGET_MS:
                known = None
            under_way = known is not None and now < known.until_ms
            streak = (known.streak if known else 0) + (0 if under_way else 1)
            until = now + pause_ms(streak, retry_after_s)
            if known is not None and under_way:
                until = max(known.until_ms, until if retry_after_s is not None else 0)
            state.pause = _Pause(until, reason, streak, known.since_ms if known else now)
            return (until - now) / 1000

    def paused(self, account: str) -> Paused | None:
        """Return since when an account has been stopped; a pause that nobody probed is forgotten."""
        with self._lock:
            state = self._accounts.get(account)
            pause = state.pause if state else None
            if pause is None or self._now_ms() > pause.until_ms + FORGET_MS:
                return None
            return Paused(reason=pause.reason, since_ms=pause.since_ms, until_ms=pause.until_ms)

    def usage(self, account: str, quotas: Sequence[Quota]) -> Usage:
        """Return how an account's budget is used at this moment."""
        paused = self.paused(account)
        with self._lock:
            now, state = self._now_ms(), self._accounts.get(account, _Account())
            calls: dict[Share, int] = {}
            for (share, hour), number in state.calls.items():
                if hour > now // HOUR_MS - USE_HOURS:
                    calls[share] = calls.get(share, 0) + number
            return Usage(
                quotas={quota.name: _used(state, quota, now) for quota in quotas},
                under_way=sum(until > now for until in state.lanes.values()),
                paused=paused,
                calls=calls,
                counted=dict(state.told),
            )


def _used(account: _Account, quota: Quota, now: int) -> QuotaUse:
    if quota.amount <= LISTED:
        frees = sorted(free - now for free in account.listed.get(quota.name, {}).values() if free > now)
        return QuotaUse(used=len(frees), next_ms=frees[0], all_ms=frees[-1]) if frees else QuotaUse(used=0)
    width = quota.window_ms // BUCKETS
    counts = {at: n for at, n in account.counted.get(quota.name, {}).items() if at > now // width - BUCKETS - 1}
    if not counts:
        return QuotaUse(used=0)
    first, last = ((at + BUCKETS + 1) * width - now for at in (min(counts), max(counts)))
    return QuotaUse(used=sum(counts.values()), next_ms=first, all_ms=last)


def _needs(ask: CallRequest) -> tuple[str, ...]:
    return (LANES, *(quota.name for quota in ask.quotas))


def _denied(reason: Reason, wait_ms: int) -> Denied:
    return Denied(reason=reason, retry_after_s=max(1, wait_ms) / 1000)


def _paused(account: _Account, now: int) -> Denied | None:
    pause = account.pause
    if pause is None:
        return None
    if now < pause.until_ms:
        return _denied(pause.reason, pause.until_ms - now)
    if now < pause.probe_until_ms:
        return _denied(pause.reason, ASK_AGAIN_MS)
    return None


def _wait_listed(account: _Account, quota: Quota, room: int, now: int) -> int | None:
    entries = {slot: free for slot, free in account.listed.get(quota.name, {}).items() if free > now}
    account.listed[quota.name] = entries
    if len(entries) < room:
        return _pace(account, quota, room, len(entries), now)
    return sorted(entries.values())[len(entries) - room] - now


def _pace(account: _Account, quota: Quota, room: int, used: int, now: int) -> int | None:
    if quota.amount < PACED or used < PACE_FROM * room:
        return None
    wait = account.latest.get(quota.name, 0) + int(PACE * quota.window_ms / room) - now
    return wait if wait > 0 else None


def _wait_counted(account: _Account, quota: Quota, room: int, now: int) -> int | None:
    width = quota.window_ms // BUCKETS
    current = now // width
    # One part more than the window has: the oldest is still partly inside it.
    counts = {at: n for at, n in account.counted.get(quota.name, {}).items() if at > current - BUCKETS - 1}
    account.counted[quota.name] = counts
    if sum(counts.values()) < room:
        return None
    return (min(counts) + BUCKETS + 1) * width - now
