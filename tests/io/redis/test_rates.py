"""Buckets fill again evenly, alike in memory and in Redis, and are one for all processes."""

import time
from typing import Any

import pytest

from shared.io.memory import ManualClock
from shared.io.redis.rates import MemoryRates, RedisRates, Taken

MINUTE = 60_000


def test_a_bucket_gives_what_it_holds_and_fills_again_evenly() -> None:
    clock = ManualClock()
    rates = MemoryRates(clock)
    assert rates.take("ann", 60, MINUTE, 20) == Taken(0, 40, 20_000)
    assert rates.take("ann", 60, MINUTE, 40) == Taken(0, 0, MINUTE)
    assert rates.take("ann", 60, MINUTE, 2) == Taken(2_000, 0, MINUTE), "nothing is taken of what is not enough"
    assert rates.take("bob", 60, MINUTE, 1) == Taken(0, 59, 1_000), "each has a bucket of its own"
    clock.advance(2_000)
    assert rates.take("ann", 60, MINUTE, 2) == Taken(0, 0, MINUTE)
    clock.advance(90_000)
    assert rates.take("ann", 60, MINUTE, 1) == Taken(0, 59, 1_000), "it never holds more than its size"


@pytest.fixture(name="client")
def _client(redis_url: str) -> Any:
    from redis import Redis  # noqa: PLC0415 - only where a server runs

    return Redis.from_url(redis_url, decode_responses=True)


def test_all_processes_take_from_one_bucket_by_the_clock_of_redis(client: Any) -> None:
    """Whatever the own clocks say."""
    one, two = RedisRates(client, ManualClock()), RedisRates(client, ManualClock())
    assert one.take("ann", 10, 1_000, 6) == Taken(0, 4, 600)
    refused = two.take("ann", 10, 1_000, 6)
    assert 0 < refused.wait_ms <= 200
    assert refused.left >= 4
    assert two.take("bob", 10, 1_000, 6).wait_ms == 0
    time.sleep(refused.wait_ms / 1000 + 0.01)
    assert two.take("ann", 10, 1_000, 6).wait_ms == 0
    assert 0 < client.pttl("console:rate:ann") <= 1_000, "a bucket that is full again is forgotten"


def test_while_redis_is_away_each_process_counts_for_itself() -> None:
    class Away:
        calls = 0

        def evalsha(self, *_: object) -> Any:
            from redis.exceptions import ConnectionError as GoneError  # noqa: PLC0415 - as it says it

            self.calls += 1
            raise GoneError

    client: Any = Away()
    rates = RedisRates(client, ManualClock())
    assert [rates.take("ann", 2, MINUTE, 1).wait_ms > 0 for _ in range(3)] == [False, False, True]
    assert client.calls == 1, "it rests meanwhile"
