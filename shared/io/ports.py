"""What handlers need from the outside, as protocols.

Methods are coroutines, so that one handler runs in Faust's event loop, in a blocking worker (where the adapters
complete without suspending, see `run_blocking`), and under the protocol simulator, which suspends each of them
wherever a crash could strike.
"""

from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from pydantic import BaseModel

from shared.contract.calls import Exchange
from shared.model.pairs import place_at
from shared.wire.topics import Topic

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbound(Generic[M]):
    """One message as it was received and decoded."""

    topic: str
    partition: int
    offset: int
    key: str
    message: M
    raw: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    index: int = 0
    """Which item of its bundle it is."""

    @property
    def place(self) -> int:
        """Its place among all messages of its partition."""
        return place_at(self.offset, self.index)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outbound:
    """One message to publish."""

    topic: Topic[Any]
    key: str
    message: BaseModel | None
    """None writes a tombstone."""
    cause: Inbound[Any] | None = None
    """The message it follows from: its trace goes on."""
    raw: bytes | None = None
    """The message as its topic spells it, where that was done already."""
    headers: Mapping[str, str] | None = None
    """Those that it had, where a message goes out once more."""
    trace: str = ""
    """The trace that it belongs to, where it follows from no message; a new one when empty."""


class Bus(Protocol):
    """Publishes messages."""

    async def publish(self, messages: Sequence[Outbound]) -> Sequence[int]:
        """Return each message's offset once Kafka has acknowledged all of them; raises `BusUnavailable`."""
        ...


class BusUnavailable(Exception):  # noqa: N818 - names the state of the world
    """Kafka did not acknowledge in time; nothing may be taken as published."""


class Caller(Protocol):
    """Runs exchanges with apps."""

    async def run(
        self, connection: str, exchange: Exchange[T], *, share: str = "live", wait_s: float = 0.0,
        about: Collection[str] = (),
    ) -> T:  # fmt: skip
        """Drive *exchange* to its result, within the account's budget.

        Its calls are noted for people as calls *about* these records; of creates, about these pairs.
        Waits at most *wait_s* for budget. Raises `shared.contract.calls.AppError`: `rate_limited` or `budget_spent`
        with `retry_after_s`, `app_unavailable` (with `unknown` when a write may have been executed), or what the
        exchange itself raised. Raises `NotReady` while Redis is away, and `BusUnavailable` where a sign-in has to be
        renewed and Kafka is away.
        """
        ...


class Together(Protocol):
    """Runs pieces of work, at the same time where it can, and gives their results when all have ended."""

    async def __call__(self, works: Sequence[Callable[[], Coroutine[Any, Any, T]]]) -> list[T]:
        """Return the results in the order of the works; the first error is raised when all have ended."""
        ...


async def one_by_one(works: Sequence[Callable[[], Coroutine[Any, Any, T]]]) -> list[T]:
    """Run pieces of work in turn."""
    return [await work() for work in works]


class KeptTopics(Protocol):
    """Reads and sets how long the brokers keep topics."""

    def held_ms(self, names: Sequence[str]) -> Mapping[str, int]:
        """Return for how long topics are kept now, in milliseconds; raises `BusUnavailable`."""
        ...

    def keep(self, topics: Sequence[Topic[Any]]) -> Sequence[str]:
        """Keep topics as long as they say; returns those that were not. Raises `BusUnavailable`."""
        ...


class Clock(Protocol):
    """Returns the time."""

    def now_ms(self) -> int:
        """Return wall-clock milliseconds since 1970."""
        ...


class NotReady(Exception):  # noqa: N818 - names the state of the world
    """The store of a sync is being rebuilt, or must be: stop in place, commit nothing, come back."""

    def __init__(self, sync: str) -> None:
        super().__init__(f"the links of sync {sync!r} are not ready: a rebuild is needed or under way")
        self.sync = sync


def run_blocking(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine whose adapters all block, and return its result.

    Raises RuntimeError when something in it suspends: that adapter belongs into an event loop.
    """
    try:
        coroutine.send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    coroutine.close()
    raise RuntimeError("a coroutine that should block suspended instead; use its blocking adapter")
