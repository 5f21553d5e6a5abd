"""Wrong attempts are counted alike in memory and in Redis, by lane, before they are judged."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from shared.io.memory import ManualClock
from shared.io.redis.attempts import FIRST_WAIT_MS, Attempts, Lane, MemoryAttempts, RedisAttempts
from shared.io.redis.client import connect
from shared.io.redis.once import MemoryOnce, Once, OnceAway, RedisOnce

ANN = Lane("account:ann:10.0.0.1", 3)
BOB = Lane("account:bob:10.0.0.1", 3)
HERE = Lane("address:10.0.0.1", 5)


@pytest.fixture(name="client")
def _client(redis_url: str) -> Iterator[Any]:
    client = connect(redis_url)
    yield client
    client.close()


@pytest.fixture(name="attempts", params=["memory", "redis"])
def _attempts(request: pytest.FixtureRequest) -> Attempts:
    if request.param == "memory":
        return MemoryAttempts(ManualClock())
    return RedisAttempts(request.getfixturevalue("client"), ManualClock())


def test_the_free_ones_cost_nothing_and_then_one_waits(attempts: Attempts) -> None:
    assert attempts.wait_ms([ANN, HERE]) == 0
    for _ in range(3):
        assert attempts.begin([ANN, HERE]) == 0
    assert 0 < attempts.begin([ANN, HERE]) <= FIRST_WAIT_MS
    assert 0 < attempts.wait_ms([ANN]) <= FIRST_WAIT_MS
    assert attempts.begin([BOB, HERE]) == 0, "another account is judged by itself"
    attempts.forgive([ANN])
    assert attempts.begin([ANN, HERE]) == 0
    assert attempts.wait_ms([HERE]) > 0, "the address has been wrong five times, whatever became of each account"


def test_what_was_right_is_taken_back(attempts: Attempts) -> None:
    for _ in range(20):
        assert attempts.begin([HERE]) == 0
        attempts.take_back([HERE])
    assert attempts.wait_ms([HERE]) == 0


def test_many_at_once_are_no_more_than_many_in_a_row(attempts: Attempts) -> None:
    with ThreadPoolExecutor(8) as pool:
        heard = [wait == 0 for wait in pool.map(lambda _: attempts.begin([ANN]), range(40))]
    assert sum(heard) == ANN.free


def test_waits_grow(client: Any) -> None:
    """In Redis, by its own clock; the rest is in the console's tests."""
    attempts, waits = RedisAttempts(client, ManualClock()), []
    for number in range(6):
        lane = Lane(f"x{number}", 1)
        for _ in range(number):
            client.hincrby(f"console:{{attempts}}:{lane.name}", "wrong", 1)
        attempts.begin([lane])
        waits.append(round(attempts.wait_ms([lane]) / 1000))
    assert waits == [1, 2, 4, 8, 16, 32]
    assert 0 < client.pttl("console:{attempts}:x0") <= 3_600_000


def test_two_processes_count_together(client: Any) -> None:
    one, two = RedisAttempts(client, ManualClock()), RedisAttempts(client, ManualClock())
    for attempts in (one, two, one):
        assert attempts.begin([ANN]) == 0
    assert one.wait_ms([ANN]) > 0
    assert two.wait_ms([ANN]) > 0


def test_while_redis_is_away_each_process_counts_for_itself() -> None:
    attempts = RedisAttempts(connect("redis://127.0.0.1:1/0", timeout_s=0.2), ManualClock())
    for _ in range(3):
        assert attempts.begin([ANN]) == 0
    assert attempts.wait_ms([ANN]) == FIRST_WAIT_MS
    attempts.forgive([ANN])
    assert attempts.wait_ms([ANN]) == 0


@pytest.fixture(name="once", params=["memory", "redis"])
def _once(request: pytest.FixtureRequest) -> Once:
    return MemoryOnce(ManualClock()) if request.param == "memory" else RedisOnce(request.getfixturevalue("client"))


def test_what_works_once_is_given_to_one_of_many(once: Once) -> None:
    assert once.offer("place", "secret", 60_000)
    assert not once.offer("place", "other", 60_000), "something is there"
    assert not once.take("place", "other")
    assert once.is_there("place", "secret")
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda _: once.take("place", "secret"), range(20))) == 1
    assert not once.is_there("place", "secret")
    assert once.offer("place", "other", 60_000)


def test_a_place_is_held_by_one_until_it_stops(once: Once) -> None:
    """Whoever holds it keeps it for as long as it says so again in time."""
    assert once.hold("lease", "one", 60_000)
    assert once.hold("lease", "one", 60_000)
    assert not once.hold("lease", "two", 60_000)
    assert once.take("lease", "one")
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda number: once.hold("lease", f"n{number}", 60_000), range(20))) == 1
    assert once.hold("short", "one", 1)
    if isinstance(once, MemoryOnce):
        once.clock.advance(1)  # type: ignore[attr-defined]  # moved by hand
    deadline = time.monotonic() + 5
    while not once.hold("short", "two", 60_000):
        assert time.monotonic() < deadline
    assert not once.hold("short", "one", 60_000)


@pytest.mark.parametrize("ask", [lambda once: once.offer("p", "s", 1), lambda once: once.hold("p", "s", 1),
                                 lambda once: once.take("p", "s"),
                                 lambda once: once.is_there("p", "s")])  # fmt: skip
def test_without_redis_nothing_is_given(ask: Callable[[Once], bool]) -> None:
    with pytest.raises(OnceAway, match="Redis does not answer"):
        ask(RedisOnce(connect("redis://127.0.0.1:1/0", timeout_s=0.2)))
