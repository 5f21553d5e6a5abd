"""How much somebody may ask for: a bucket that fills again evenly, kept in Redis for all processes.

While Redis is away each process fills a bucket of its own.
"""

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from redis.exceptions import RedisError

from shared import logs
from shared.io.ports import Clock
from shared.io.redis.inline import NOW, Inline, Nothing, OneKey

if TYPE_CHECKING:
    from redis import Redis

_BUCKETS: Final = 10_000
"""Buckets that a process keeps by itself; the oldest is forgotten first, as if it were full."""
_REST_S: Final = 5.0
"""For how long Redis is not asked after it did not answer."""
_log = logs.get(__name__)


class _Take(NamedTuple):
    size: int
    within: int
    cost: int


# What is taken is never more than there is: whoever is refused waits no longer for having asked.
_TAKE: Final = Inline(
    NOW
    + """
local per_ms = size / within
local held = redis.call('HMGET', key, 'left', 'at')
local left = math.min(size, tonumber(held[1] or size) + math.max(0, now - tonumber(held[2] or now)) * per_ms)
local wait = 0
if left >= cost then left = left - cost else wait = math.ceil((cost - left) / per_ms) end
redis.call('HSET', key, 'left', tostring(left), 'at', now)
redis.call('PEXPIRE', key, within)
return {wait, math.floor(left), math.ceil((size - left) / per_ms)}
""",
    keys=OneKey,
    args=_Take,
    item=Nothing,
)


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of asking for a part of a bucket."""

    wait_ms: int
    """How long to wait until it can be had; 0 where it was taken."""
    left: int
    full_ms: int
    """When the bucket is full again."""


class Rates(Protocol):
    """Keeps buckets. Safe to use from several threads."""

    def take(self, name: str, size: int, within_ms: int, cost: int) -> Taken:
        """Take a part of a bucket, if there is as much.

        Args:
            name: Whose bucket.
            size: What it holds.
            within_ms: In which time an empty one is full again.
            cost: What is taken; at most *size*.
        """
        ...


class MemoryRates:
    """Keeps the buckets of one process."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._buckets: dict[str, tuple[float, int]] = {}
        """By name: what is left, and when that was."""

    def take(self, name: str, size: int, within_ms: int, cost: int) -> Taken:
        """Take a part of a bucket, if there is as much."""
        now, per_ms = self.clock.now_ms(), size / within_ms
        left, at = self._buckets.pop(name, (size, now))
        left, wait = min(size, left + max(0, now - at) * per_ms), 0
        if left >= cost:
            left -= cost
        else:
            wait = math.ceil((cost - left) / per_ms)
        self._buckets[name] = (left, now)
        while len(self._buckets) > _BUCKETS:
            self._buckets.pop(next(iter(self._buckets)))
        return Taken(wait, int(left), math.ceil((size - left) / per_ms))


class RedisRates:
    """Keeps buckets for all processes that share a Redis, by its clock."""

    def __init__(self, client: "Redis", clock: Clock) -> None:
        self._client: Any = client
        self._alone = MemoryRates(clock)
        self._rests_until = 0.0
        self._trouble = logs.Trouble(_log, "rates_kept_alone")

    def take(self, name: str, size: int, within_ms: int, cost: int) -> Taken:
        """Take a part of a bucket, if there is as much."""
        if time.monotonic() >= self._rests_until:
            try:
                found = _TAKE.run(self._client, OneKey(f"console:rate:{name}"), _Take(size, within_ms, cost))
            except RedisError as error:
                self._rests_until = time.monotonic() + _REST_S
                self._trouble.begun(detail=repr(error))
            else:
                self._trouble.over()
                return Taken(*map(int, found))
        return self._alone.take(name, size, within_ms, cost)
