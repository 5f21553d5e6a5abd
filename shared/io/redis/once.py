"""What can be taken once, within its time, by whoever knows its secret: kept in Redis, so that one process gives it."""

from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from redis.exceptions import RedisError

from shared.io.ports import Clock, NotReady
from shared.io.redis.inline import Inline, Nothing, OneKey

if TYPE_CHECKING:
    from redis import Redis


class _Secret(NamedTuple):
    secret: str


class _Hold(NamedTuple):
    holder: str
    lasts: int


_TAKE: Final = Inline(
    """
if redis.call('GET', key) ~= secret then return 0 end
redis.call('DEL', key)
return 1
""",
    keys=OneKey,
    args=_Secret,
    item=Nothing,
)
_HOLD: Final = Inline(
    """
local found = redis.call('GET', key)
if found and found ~= holder then return 0 end
redis.call('SET', key, holder, 'PX', lasts)
return 1
""",
    keys=OneKey,
    args=_Hold,
    item=Nothing,
)


class OnceAway(NotReady):
    """Redis, which knows, does not answer."""

    def __init__(self) -> None:
        super().__init__("")
        self.args = ("Redis does not answer",)


class Once(Protocol):
    """Keeps what can be taken once. Raises `OnceAway`."""

    def offer(self, place: str, secret: str, lasts_ms: int) -> bool:
        """Put something into a place, unless something is there."""
        ...

    def hold(self, place: str, holder: str, lasts_ms: int) -> bool:
        """Put a holder into a place, or keep it there for longer; returns False while the place is another one's."""
        ...

    def is_there(self, place: str, secret: str) -> bool:
        """Check whether it is still there."""
        ...

    def take(self, place: str, secret: str) -> bool:
        """Take it away; returns whether it was there, which one of several who ask at once is told."""
        ...


class MemoryOnce:
    """The same for one process."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._places: dict[str, tuple[str, int]] = {}

    def offer(self, place: str, secret: str, lasts_ms: int) -> bool:
        """Put something into a place, unless something is there."""
        found = self._places.get(place)
        if found is not None and self.clock.now_ms() < found[1]:
            return False
        self._places[place] = (secret, self.clock.now_ms() + lasts_ms)
        return True

    def hold(self, place: str, holder: str, lasts_ms: int) -> bool:
        """Put a holder into a place, or keep it there for longer; returns False while the place is another one's."""
        if self.is_there(place, holder):
            del self._places[place]
        return self.offer(place, holder, lasts_ms)

    def is_there(self, place: str, secret: str) -> bool:
        """Check whether it is still there."""
        found = self._places.get(place)
        return found is not None and found[0] == secret and self.clock.now_ms() < found[1]

    def take(self, place: str, secret: str) -> bool:
        """Take it away; returns whether it was there."""
        there = self.is_there(place, secret)
        if there:
            del self._places[place]
        return there


class RedisOnce:
    """The same for all processes that share a Redis."""

    def __init__(self, client: "Redis") -> None:
        self._client: Any = client

    def offer(self, place: str, secret: str, lasts_ms: int) -> bool:
        """Put something into a place, unless something is there."""
        try:
            return bool(self._client.set(_key(place), secret, nx=True, px=lasts_ms))
        except RedisError as error:
            raise OnceAway from error

    def hold(self, place: str, holder: str, lasts_ms: int) -> bool:
        """Put a holder into a place, or keep it there for longer; returns False while the place is another one's."""
        try:
            return bool(_HOLD.run(self._client, OneKey(_key(place)), _Hold(holder, lasts_ms)))
        except RedisError as error:
            raise OnceAway from error

    def is_there(self, place: str, secret: str) -> bool:
        """Check whether it is still there."""
        try:
            return bool(self._client.get(_key(place)) == secret)
        except RedisError as error:
            raise OnceAway from error

    def take(self, place: str, secret: str) -> bool:
        """Take it away; returns whether it was there."""
        try:
            return bool(_TAKE.run(self._client, OneKey(_key(place)), _Secret(secret)))
        except RedisError as error:
            raise OnceAway from error


def _key(place: str) -> str:
    return f"console:once:{place}"
