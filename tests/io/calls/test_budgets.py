"""Budgets: no window of an app ever holds more than its quota, and little of the quota is wasted.

One suite runs on both kinds. The laws over random schedules run on the one in memory, whose clock can be moved.
"""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.io.calls.budgets import (
    HOUR_MS,
    JITTER_S,
    Budgets,
    BudgetsUnavailable,
    CallRequest,
    Denied,
    Grant,
    MemoryBudgets,
    Quota,
    Share,
)


@dataclass
class _Now:
    ms: int = 1_000_000

    def __call__(self) -> int:
        return self.ms


def ask(
    amount: int = 5, window_ms: int = 1000, *, share: Share = "live", parallel: int = 100, account: str = "a"
) -> CallRequest:
    return CallRequest(
        account=account,
        quotas=(Quota(name="calls", amount=amount, window_ms=window_ms),),
        parallel=parallel,
        share=share,
    )


@dataclass
class World:
    """A kind of budgets, and how to let time pass for it."""

    budgets: Budgets
    wait: Callable[[float], None]

    def granted(self, asked: CallRequest) -> Grant:
        grant = self.budgets.take(asked)
        assert isinstance(grant, Grant), grant
        return grant

    def denied(self, asked: CallRequest) -> Denied:
        denied = self.budgets.take(asked)
        assert isinstance(denied, Denied), denied
        return denied

    def use(self, asked: CallRequest, count: int) -> None:
        for _ in range(count):
            self.budgets.settle(self.granted(asked), late_s=0.0, ok=True)


@pytest.fixture(name="memory_world")
def _memory_world() -> World:
    now = _Now()

    def wait(seconds: float) -> None:
        now.ms += int(seconds * 1000)

    return World(MemoryBudgets(now_ms=now, backfill_share=0.8), wait)


@pytest.fixture(name="redis_world")
def _redis_world(redis_url: str) -> Any:
    from shared.io.calls.budgets_redis import RedisBudgets  # noqa: PLC0415 - only where a server runs
    from shared.io.redis.client import connect  # noqa: PLC0415 - as above

    client = connect(redis_url)
    yield World(RedisBudgets(client, backfill_share=0.8), time.sleep)
    client.close()


@pytest.fixture(name="world", params=["memory", pytest.param("redis", marks=pytest.mark.server)])
def _world(request: pytest.FixtureRequest) -> World:
    world: World = request.getfixturevalue(f"{request.param}_world")
    return world


def test_the_quota_is_granted_and_not_more(world: World) -> None:
    """The first request over the quota is told when there is room again, and then there is."""
    world.use(ask(5), 5)
    denied = world.denied(ask(5))
    assert denied.reason == "quota"
    assert 0 < denied.retry_after_s <= 1.1
    world.wait(denied.retry_after_s + 0.01)
    world.granted(ask(5))


def test_a_pause_tells_its_reason_and_when_it_began(world: World) -> None:
    """It lasts, however often it is prolonged, until a call is taken; another account knows nothing of it."""
    assert world.budgets.paused("a") is None
    world.budgets.pause("a", reason="rate_limited", retry_after_s=0.05)
    first = world.budgets.paused("a")
    assert first is not None
    assert first.reason == "rate_limited"
    world.wait(0.1)
    assert world.budgets.paused("a") == first
    world.budgets.settle(world.granted(ask(5)), late_s=0.0, ok=False)
    world.budgets.pause("a", reason="app_unavailable", retry_after_s=0.05)
    again = world.budgets.paused("a")
    assert again is not None
    assert (again.reason, again.since_ms) == ("app_unavailable", first.since_ms)
    assert world.budgets.paused("b") is None
    world.wait(0.1)
    world.budgets.settle(world.granted(ask(5)), late_s=0.0, ok=True)
    assert world.budgets.paused("a") is None
    world.budgets.pause("a", reason="rate_limited", retry_after_s=0.05)
    later = world.budgets.paused("a")
    assert later is not None
    assert later.since_ms > first.since_ms


def test_accounts_do_not_share(world: World) -> None:
    """One account's spent quota leaves another's whole."""
    world.use(ask(2, account="a"), 2)
    world.denied(ask(2, account="a"))
    world.use(ask(2, account="b"), 2)


def test_an_unanswered_request_keeps_its_place(world: World) -> None:
    """Until its answer came, a request may still arrive: its place is not given away after a window."""
    world.granted(ask(1))
    world.wait(1.2)
    world.denied(ask(1))


def test_a_late_arrival_moves_the_window(world: World) -> None:
    """A request that may have been counted late frees its place late."""
    first = world.granted(ask(1))
    world.budgets.settle(first, late_s=0.3, ok=True)
    world.wait(1.1)
    world.denied(ask(1))
    world.wait(0.25)
    world.granted(ask(1))


def test_lanes_are_limited(world: World) -> None:
    """No more requests are under way than the account allows; an answer frees its lane."""
    first = world.granted(ask(100, parallel=2))
    world.granted(ask(100, parallel=2))
    assert world.denied(ask(100, parallel=2)).reason == "parallel"
    world.budgets.settle(first, late_s=0.0, ok=True)
    world.granted(ask(100, parallel=2))


def test_backfill_leaves_room_for_live(world: World) -> None:
    """Backfill stops at its share, live goes on to the whole."""
    world.use(ask(10, share="backfill"), 8)
    assert world.denied(ask(10, share="backfill")).reason == "quota"
    world.use(ask(10), 2)


def test_backfill_keeps_off_the_last_lane(world: World) -> None:
    """A live request finds a lane while backfill is busy."""
    world.granted(ask(100, parallel=2, share="backfill"))
    assert world.denied(ask(100, parallel=2, share="backfill")).reason == "parallel"
    world.granted(ask(100, parallel=2))


def test_a_waiting_live_request_goes_first(world: World) -> None:
    """After live was refused, backfill stands back until live was served, or gave up."""
    world.use(ask(5), 5)
    world.wait(0.7)
    world.denied(ask(5))
    world.wait(0.5)
    assert world.denied(ask(5, share="backfill")).reason == "live_first"
    world.use(ask(5), 1)
    world.use(ask(5, share="backfill"), 1)


def test_a_live_request_that_waits_for_its_own_quota_holds_nobody_up(world: World) -> None:
    """Backfill that uses no searches goes on while a live search waits; one that does stands back."""
    calls, search = Quota(name="calls", amount=3, window_ms=1000), Quota(name="search", amount=1, window_ms=1000)
    searching = CallRequest(account="a", quotas=(calls, search), parallel=10)
    backfill = CallRequest(account="a", quotas=(calls,), parallel=10, share="backfill")
    world.use(searching, 1)
    assert world.denied(searching).reason == "quota"
    world.use(backfill, 1)
    assert world.denied(replace(backfill, quotas=(calls, search))).reason == "live_first"


def test_a_live_request_that_waits_for_a_lane_goes_first(world: World) -> None:
    """Backfill leaves the next free lane to it."""
    held = world.granted(ask(100, parallel=1))
    assert world.denied(ask(100, parallel=1)).reason == "parallel"
    world.budgets.settle(held, late_s=0.0, ok=True)
    assert world.denied(ask(100, parallel=1, share="backfill")).reason == "live_first"
    world.use(ask(100, parallel=1), 1)
    world.use(ask(100, parallel=1, share="backfill"), 1)


def test_a_pause_stops_the_account_and_one_probes(world: World) -> None:
    """After a 429 nobody sends; when the pause is over one request does, and the rest follows its answer."""
    assert world.budgets.pause("a", reason="rate_limited", retry_after_s=0.3) == pytest.approx(0.3, abs=0.01)
    assert world.denied(ask()).reason == "rate_limited"
    world.granted(ask(account="b"))
    world.wait(0.35)
    probe = world.granted(ask())
    assert world.denied(ask()).reason == "rate_limited"
    world.budgets.settle(probe, late_s=0.0, ok=True)
    world.use(ask(), 2)


def test_a_probe_that_fails_pauses_for_longer(world: World) -> None:
    """Without Retry-After each pause is twice the one before; an answer starts the count anew."""
    assert world.budgets.pause("a", reason="app_unavailable", retry_after_s=None) == pytest.approx(1.0, abs=0.01)
    world.wait(1.05)
    probe = world.granted(ask())
    world.budgets.settle(probe, late_s=0.0, ok=False)
    assert world.budgets.pause("a", reason="app_unavailable", retry_after_s=None) == pytest.approx(2.0, abs=0.01)
    world.wait(2.05)
    world.budgets.settle(world.granted(ask()), late_s=0.0, ok=True)
    assert world.budgets.pause("a", reason="app_unavailable", retry_after_s=None) == pytest.approx(1.0, abs=0.01)


def test_refusals_of_one_moment_are_one_pause(world: World) -> None:
    """Eight requests under way that all meet the same 429 do not make it eight times as long."""
    for _ in range(8):
        seconds = world.budgets.pause("a", reason="rate_limited", retry_after_s=None)
    assert seconds <= 1.0


def test_a_large_quota_is_counted_in_parts(world: World) -> None:
    """A daily quota needs no list of its requests, and is not exceeded either."""
    day = CallRequest(account="a", quotas=(Quota(name="daily", amount=5001, window_ms=86_400_000),), parallel=100)
    grants = 0
    for _ in range(5200):
        grant = world.budgets.take(day)
        if isinstance(grant, Denied):
            assert grant.reason == "quota"
            assert grant.retry_after_s > 3600
            break
        world.budgets.settle(grant, late_s=0.0, ok=True)
        grants += 1
    assert grants == 5001


def test_two_quotas_must_both_have_room(world: World) -> None:
    """A request that one quota refuses is counted against neither."""
    both = CallRequest(
        account="a",
        quotas=(Quota(name="calls", amount=3, window_ms=1000), Quota(name="search", amount=1, window_ms=1000)),
        parallel=10,
    )
    calls = CallRequest(account="a", quotas=both.quotas[:1], parallel=10)
    world.use(both, 1)
    world.denied(both)
    world.use(calls, 2)
    world.denied(calls)


def test_a_large_quota_is_spaced_out_when_half_of_it_is_used(world: World) -> None:
    """A change that comes late in the window waits for a moment, not for the window's end."""
    world.use(ask(100, 2000), 50)
    denied = world.denied(ask(100, 2000))
    assert denied.reason == "quota"
    assert denied.retry_after_s <= 0.016
    world.wait(denied.retry_after_s + 0.002)
    world.use(ask(100, 2000), 1)


@pytest.mark.server
def test_threads_and_clients_share_one_quota(redis_url: str) -> None:
    """Eight threads with clients of their own, asking as fast as they can: no window holds more than the quota."""
    from shared.io.calls.budgets_redis import RedisBudgets  # noqa: PLC0415 - only where a server runs
    from shared.io.redis.client import connect  # noqa: PLC0415 - as above

    arrivals: list[float] = []
    until = time.monotonic() + 3.0

    def work(seed: int) -> None:
        client, dice = connect(redis_url), random.Random(seed)
        budgets = RedisBudgets(client)
        while time.monotonic() < until:
            asked = time.monotonic()  # as the transport does: Redis may have answered long before this thread goes on
            grant = budgets.take(ask(20, 500))
            if isinstance(grant, Denied):
                time.sleep(min(grant.retry_after_s, 0.02))
                continue
            time.sleep(dice.uniform(0, 0.01))
            arrivals.append(time.monotonic())
            budgets.settle(grant, late_s=time.monotonic() - asked + 0.005, ok=True)
        client.close()

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    arrivals.sort()
    assert len(arrivals) > 60
    assert _most_in_window(arrivals, 0.5) <= 20


@pytest.mark.server
def test_without_redis_nothing_is_granted(redis_url: str) -> None:
    """A budget that cannot be read is an error, never a free pass."""
    del redis_url
    from shared.io.calls.budgets_redis import RedisBudgets  # noqa: PLC0415 - only where a server runs
    from shared.io.redis.client import connect  # noqa: PLC0415 - as above

    client = connect("redis://127.0.0.1:9/0")
    with pytest.raises(BudgetsUnavailable):
        RedisBudgets(client).take(ask())
    client.close()


def _most_in_window(arrivals: list[float], window: float) -> int:
    """Return the largest number of arrivals in any window that is open at its start."""
    return max(
        (sum(1 for other in arrivals[index:] if other < first + window) for index, first in enumerate(arrivals)),
        default=0,
    )


@dataclass
class _App:
    """An app that counts arrivals, and callers that ask, send, and settle at random moments."""

    amount: int
    window_ms: int
    dice: random.Random
    arrivals: list[int] = field(default_factory=list)
    under_way: list[tuple[int, int, int, Grant]] = field(default_factory=list)


@pytest.mark.long
@settings(max_examples=150)
@given(
    seed=st.integers(0, 2**32),
    amount=st.integers(1, 12),
    window_ms=st.integers(200, 3000),
    eagerness=st.integers(1, 60),
    slowness_ms=st.integers(0, 900),
    crash=st.floats(0, 0.2),
)
def test_no_rolling_window_ever_exceeds_the_quota(
    seed: int, amount: int, window_ms: int, eagerness: int, slowness_ms: int, crash: float
) -> None:
    """Whatever the schedule: requests stall before they leave, arrive late, are answered late, or never settled."""
    dice, now = random.Random(seed), _Now()
    budgets = MemoryBudgets(now_ms=now)
    app = _App(amount, window_ms, dice)
    end = now.ms + 6 * window_ms + 4000
    while now.ms < end:
        now.ms += dice.randint(1, eagerness)
        app.under_way.sort(key=lambda row: row[1])
        while app.under_way and app.under_way[0][1] <= now.ms:
            left, answered, _, grant = app.under_way.pop(0)
            if dice.random() >= crash:
                late_s = min(answered - grant.at_ms, left - grant.at_ms + int(JITTER_S * 1000)) / 1000
                budgets.settle(grant, late_s=late_s, ok=True)
        share: Share = dice.choice(["live", "backfill"])
        grant_or_no = budgets.take(ask(amount, window_ms, share=share))
        if isinstance(grant_or_no, Grant):
            left = now.ms + dice.randint(0, slowness_ms)
            arrives = left + dice.randint(0, int(JITTER_S * 1000))
            app.arrivals.append(arrives)
            app.under_way.append((left, arrives + dice.randint(0, slowness_ms), arrives, grant_or_no))
    app.arrivals.sort()
    assert _most_in_window([float(at) for at in app.arrivals], float(window_ms)) <= amount


@pytest.mark.parametrize("share", ["live", "backfill"])
@pytest.mark.parametrize("latency_ms", [5, 80, 200, 400])
def test_the_quota_is_used(share: Share, latency_ms: int) -> None:
    """With requests always waiting, at least 96 % of the quota is used (10 s windows of 190, as HubSpot's)."""
    now = _Now()
    budgets = MemoryBudgets(now_ms=now)
    busy: list[tuple[int, Grant]] = []
    sent = 0
    start = now.ms
    lanes = 16
    while now.ms < start + 100_000:
        now.ms += 5
        for due, grant in [row for row in busy if row[0] <= now.ms]:
            budgets.settle(grant, late_s=min(latency_ms / 1000, JITTER_S), ok=True)
            busy.remove((due, grant))
        while isinstance(taken := budgets.take(ask(190, 10_000, share=share, parallel=lanes)), Grant):
            busy.append((now.ms + latency_ms, taken))
            sent += 1
    assert sent >= 0.96 * 190 * 10


# What is used now


def test_usage_says_what_is_used_and_when_it_is_free_again(world: World) -> None:
    """Of a listed quota exactly; what is free again counts no more, and another account's neither."""
    asked = ask(5, window_ms=1000)
    world.use(asked, 2)
    world.use(ask(5, account="b"), 1)
    world.granted(replace(asked, share="backfill"))
    usage = world.budgets.usage("a", asked.quotas)
    assert (usage.quotas["calls"].used, usage.under_way, usage.paused) == (3, 1, None)
    assert 0 < usage.quotas["calls"].next_ms <= 1001
    assert 1001 < usage.quotas["calls"].all_ms <= 31_001, "the one that is not answered keeps its place"
    assert usage.calls == {"live": 2, "backfill": 1}
    world.wait(1.1)
    assert world.budgets.usage("a", asked.quotas).quotas["calls"].used == 1
    assert world.budgets.usage("nobody", asked.quotas).quotas["calls"].used == 0


def test_usage_of_a_large_quota_is_counted_by_parts_of_its_window(world: World) -> None:
    asked = ask(6000, window_ms=86_400_000)
    world.use(asked, 7)
    use = world.budgets.usage("a", asked.quotas).quotas["calls"]
    assert use.used == 7
    assert 86_400_000 <= use.next_ms <= use.all_ms <= 86_400_000 * 97 / 96 + 1


def test_usage_tells_a_pause_and_when_it_ends(world: World) -> None:
    world.budgets.pause("a", reason="rate_limited", retry_after_s=7.0)
    paused = world.budgets.usage("a", ()).paused
    assert paused is not None
    assert paused == world.budgets.paused("a")
    assert (paused.reason, paused.until_ms - paused.since_ms) == ("rate_limited", 7000)


def test_usage_tells_what_the_app_itself_has_counted(world: World) -> None:
    """Others may use the same quota: only the app knows how much."""
    grant = world.granted(ask(5))
    world.budgets.settle(grant, late_s=0.0, ok=True, counted={"daily": (1000, 250), "calls": (5, 0)})
    counted = world.budgets.usage("a", ()).counted
    assert {name: (row.amount, row.left) for name, row in counted.items()} == {"daily": (1000, 250), "calls": (5, 0)}
    assert counted["daily"].at_ms > 0


def test_calls_are_counted_for_a_day() -> None:
    now = _Now()
    budgets = MemoryBudgets(now_ms=now)
    for hours in (0, 10, 23):
        now.ms += hours * HOUR_MS
        budgets.settle(_granted(budgets.take(ask(5))), late_s=0.0, ok=True)
    assert budgets.usage("a", ()).calls == {"live": 2}, "the first is older than a day"
    now.ms += 30 * HOUR_MS
    assert budgets.usage("a", ()).calls == {}


def _granted(grant: Grant | Denied) -> Grant:
    assert isinstance(grant, Grant), grant
    return grant
