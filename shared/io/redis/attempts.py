"""How often somebody may be wrong: counted in Redis for all processes, with waits that grow, and told apart by lane.

A lane is whatever is judged by itself: an account from one address, a browser that has signed in before, an address. An
attempt counts before it is judged, so that many at once are no more than many in a row; one that was right is taken
back. While Redis is away each process counts for itself.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from redis.exceptions import RedisError

from shared import logs
from shared.io.ports import Clock
from shared.io.redis.inline import NOW, Args, Inline, Nothing

if TYPE_CHECKING:
    from redis import Redis

FIRST_WAIT_MS: Final = 1_000
LONGEST_WAIT_MS: Final = 900_000
_FORGET_MS: Final = 3_600_000
"""After so long without another attempt a lane is forgotten."""
_LANES: Final = 10_000
"""Lanes that a process remembers by itself; the oldest is forgotten first."""
_REST_S: Final = 5.0
"""For how long Redis is not asked after it did not answer."""
_log = logs.get(__name__)


class _Begin(NamedTuple):
    first: int
    longest: int
    forget: int
    counts: bool


class _Lane(NamedTuple):
    free: int


class _Forget(NamedTuple):
    forget: int


_BEGIN: Final = Inline(
    NOW
    + """
local wait = 0
for key in items() do
  wait = math.max(wait, tonumber(redis.call('HGET', key, 'until') or '0') - now)
end
if wait > 0 or not counts then return wait end
for key, free in items() do
  local over = redis.call('HINCRBY', key, 'wrong', 1) - free
  if over >= 0 then redis.call('HSET', key, 'until', now + math.min(longest, first * 2 ^ math.min(over, 30))) end
  redis.call('PEXPIRE', key, forget)
end
return 0
""",
    keys=Nothing,
    args=_Begin,
    item=_Lane,
)
_TAKE_BACK: Final = Inline(
    """
for key in items() do
  if redis.call('HINCRBY', key, 'wrong', -1) <= 0 then redis.call('DEL', key)
  else redis.call('HDEL', key, 'until'); redis.call('PEXPIRE', key, forget) end
end
return 1
""",
    keys=Nothing,
    args=_Forget,
    item=_Lane,
)
_FORGIVE: Final = Inline("return redis.call('DEL', unpack(KEYS))", keys=Nothing, args=Nothing, item=_Lane)


@dataclass(frozen=True, slots=True)
class Lane:
    """What is counted by itself, and how many wrong attempts of it cost nothing."""

    name: str
    free: int


class Attempts(Protocol):
    """Counts attempts. Safe to use from several threads."""

    def wait_ms(self, lanes: Sequence[Lane]) -> int:
        """Return for how long attempts on these lanes are refused; 0 when they are heard."""
        ...

    def begin(self, lanes: Sequence[Lane]) -> int:
        """Count an attempt as wrong; returns for how long it is refused instead, 0 when it is heard."""
        ...

    def take_back(self, lanes: Sequence[Lane]) -> None:
        """Take back an attempt that was right."""
        ...

    def forgive(self, lanes: Sequence[Lane]) -> None:
        """Forget all attempts on these lanes."""
        ...


class MemoryAttempts:
    """Counts for one process."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._lanes: dict[str, tuple[int, int, int]] = {}
        """By name: wrong attempts, until when they are refused, and when the last one was."""

    def wait_ms(self, lanes: Sequence[Lane]) -> int:
        """Return for how long attempts on these lanes are refused."""
        now = self.clock.now_ms()
        return max(0, *(self._of(lane, now)[1] - now for lane in lanes)) if lanes else 0

    def begin(self, lanes: Sequence[Lane]) -> int:
        """Count an attempt as wrong, or return for how long it is refused."""
        wait, now = self.wait_ms(lanes), self.clock.now_ms()
        if wait:
            return wait
        for lane in lanes:
            wrong = self._of(lane, now)[0] + 1
            over = wrong - lane.free
            until = now + min(LONGEST_WAIT_MS, FIRST_WAIT_MS << min(over, 30)) if over >= 0 else 0
            self._lanes.pop(lane.name, None)
            self._lanes[lane.name] = (wrong, until, now)
        while len(self._lanes) > _LANES:
            self._lanes.pop(next(iter(self._lanes)))
        return 0

    def take_back(self, lanes: Sequence[Lane]) -> None:
        """Take back an attempt that was right."""
        now = self.clock.now_ms()
        for lane in lanes:
            wrong = self._of(lane, now)[0] - 1
            self._lanes.pop(lane.name, None)
            if wrong > 0:
                self._lanes[lane.name] = (wrong, 0, now)

    def forgive(self, lanes: Sequence[Lane]) -> None:
        """Forget all attempts on these lanes."""
        for lane in lanes:
            self._lanes.pop(lane.name, None)

    def _of(self, lane: Lane, now: int) -> tuple[int, int, int]:
        found = self._lanes.get(lane.name, (0, 0, now))
        return found if now - found[2] < _FORGET_MS else (0, 0, now)


class RedisAttempts:
    """Counts for all processes that share a Redis, by its clock."""

    def __init__(self, client: "Redis", clock: Clock) -> None:
        self._client: Any = client
        self._alone = MemoryAttempts(clock)
        self._rests_until = 0.0
        self._trouble = logs.Trouble(_log, "attempts_counted_alone")

    def wait_ms(self, lanes: Sequence[Lane]) -> int:
        """Return for how long attempts on these lanes are refused."""
        found = self._run(_BEGIN, lanes, _Begin(FIRST_WAIT_MS, LONGEST_WAIT_MS, _FORGET_MS, counts=False))
        return self._alone.wait_ms(lanes) if found is None else max(0, found)

    def begin(self, lanes: Sequence[Lane]) -> int:
        """Count an attempt as wrong, or return for how long it is refused."""
        found = self._run(_BEGIN, lanes, _Begin(FIRST_WAIT_MS, LONGEST_WAIT_MS, _FORGET_MS, counts=True))
        return self._alone.begin(lanes) if found is None else max(0, found)

    def take_back(self, lanes: Sequence[Lane]) -> None:
        """Take back an attempt that was right."""
        if self._run(_TAKE_BACK, lanes, _Forget(_FORGET_MS)) is None:
            self._alone.take_back(lanes)

    def forgive(self, lanes: Sequence[Lane]) -> None:
        """Forget all attempts on these lanes."""
        if self._run(_FORGIVE, lanes, Nothing()) is None:
            self._alone.forgive(lanes)

    def _run(self, script: Inline[Nothing, Args, _Lane], lanes: Sequence[Lane], args: Args) -> int | None:
        """Run a script over the lanes, whose keys share a slot; returns None while Redis is away."""
        if not lanes or time.monotonic() < self._rests_until:
            return None if lanes else 0
        try:
            found = int(script.run(self._client, Nothing(), args, {_key(lane): _Lane(lane.free) for lane in lanes}))
        except RedisError as error:
            self._rests_until = time.monotonic() + _REST_S
            self._trouble.begun(detail=repr(error))
            return None
        self._trouble.over()
        return found


def _key(lane: Lane) -> str:
    return f"console:{{attempts}}:{lane.name}"
