"""What changes, as it happens: outcomes of records, jobs and connections, told to everybody who listens.

How far somebody has heard is a place on topics: any replica goes on from there, and reads from Kafka what is missing.
A connection stands on no topic alone (its pauses are in Redis), so whoever begins to listen is told how all stand.
Nobody who listens holds anything up: whoever does not keep pace is let go, and comes back to where he was.
"""

import asyncio
import json
import re
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final, Literal, Protocol, TypeAlias

from services.console.use.problems import Problem
from services.console.use.standing.jobs import job_row
from services.console.use.standing.records import Filter
from services.console.views.projection import Views
from shared.config.jobs import Jobs
from shared.config.setups import Setups
from shared.io.envelope import Stored
from shared.io.ports import BusUnavailable, Clock
from shared.model.syncs import Connection
from shared.wire import topics

Kind: TypeAlias = Literal["record", "job", "connection"]
KINDS: Final[tuple[Kind, ...]] = ("record", "job", "connection")
MOST: Final = 100
"""Who listens to one console at once at most."""
MOST_OF_ONE: Final = 5
"""How many of them are one token, or one user, at most."""
QUEUED: Final = 2_000
"""Events that wait for a listener at most."""
FURTHEST: Final = 100_000
"""Messages that are read again at most for somebody who comes back."""
LOOK_S: Final = 0.5
"""Between two looks at jobs, connections and at who may still listen."""
BEAT_S: Final = 15.0
"""After so long without an event a sign of life is sent, so that no proxy takes the stream for dead."""
AGAIN_MS: Final = 2_000
"""After how long a listener comes back that was let go."""
_AT_ONCE: Final = 500
_BEHIND: Final = "More waits than is kept for one listener: go on from here."
_ENDED: Final = "The sign-in has ended: sign in again, and go on from here."
_PLACE: Final = re.compile(r"j(-?\d{1,16})((?:\.\d{1,6}-\d{1,16})*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that has changed."""

    kind: Kind
    data: Mapping[str, Any]
    sync: str = ""
    part: int = -1
    """The partition of `pair-state` that tells it; -1 where another topic does, or none."""
    offset: int = -1


@dataclass(slots=True)
class Place:
    """How far somebody has heard."""

    jobs: int
    """Offset of the last message of `jobs`."""
    pairs: dict[int, int] = field(default_factory=dict)
    """By partition of `pair-state`, the next offset."""

    @classmethod
    def read(cls, text: str) -> "Place":
        """Return the place that an id of an event names; raises `Problem`."""
        found = _PLACE.fullmatch(text)
        if found is None:
            raise Problem(400, "Not understood", "Last-Event-ID is the id of no event of ours: leave it out.")
        pairs = [part.partition("-") for part in found[2].split(".")[1:]]
        return cls(int(found[1]), {int(part): int(offset) for part, _, offset in pairs})

    def __str__(self) -> str:
        return ".".join((f"j{self.jobs}", *(f"{part}-{offset}" for part, offset in sorted(self.pairs.items()))))

    def passes(self, event: Event) -> bool:
        """Move behind an event; returns False where it was heard before."""
        if event.part >= 0:
            if event.offset < self.pairs.get(event.part, 0):
                return False
            self.pairs[event.part] = event.offset + 1
        elif event.kind == "job":
            if event.offset <= self.jobs:
                return False
            self.jobs = event.offset
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What somebody wants to hear."""

    sync: str = ""
    object: str = ""
    """Of syncs that have this object on one side."""
    connection: str = ""
    kinds: frozenset[Kind] = frozenset(KINDS)


class Listener:
    """Somebody who listens: events wait for him, and when they become too many he is let go."""

    def __init__(self, hub: "Hub", who: str, wish: Wish) -> None:
        self.wish = wish
        self.who = who
        self.is_behind = False
        self._hub = hub
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: list[Event] = []
        self._something = asyncio.Event()

    def bind(self) -> None:
        """Take events from now on, in the loop that runs."""
        self._loop = asyncio.get_running_loop()

    def offer(self, events: Sequence[Event]) -> None:
        """Take events, in any thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._take, events)

    def _take(self, events: Sequence[Event]) -> None:
        if len(self._waiting) + len(events) > QUEUED:
            self.is_behind = True
        else:
            self._waiting += events
        self._something.set()

    async def heard(self, within_s: float) -> Sequence[Event]:
        """Return what has come, waiting for so long at most for the first of it."""
        try:
            await asyncio.wait_for(self._something.wait(), within_s)
        except TimeoutError:
            return ()
        self._something.clear()
        found, self._waiting = self._waiting, []
        return found

    def close(self) -> None:
        """Listen no longer."""
        self._hub.leave(self)


class Watched(Protocol):
    """What is told of."""

    views: Views
    setups: Setups
    jobs: Jobs
    clock: Clock

    def connection(self, row: Connection) -> dict[str, Any]:
        """Return how a connection stands."""
        ...


class Hub:
    """Sends events to everybody who listens to one console.

    Args:
        installation: What the events are about.
        states_from: Reads `pair-state` from offsets by partition to its end; raises `BusUnavailable`.
    """

    def __init__(
        self, installation: Watched, states_from: Callable[[Mapping[int, int]], Iterator[Stored[Any]]]
    ) -> None:
        self._installation = installation
        self._states_from = states_from
        self._listeners: tuple[Listener, ...] = ()
        self._lock = threading.Lock()
        self._jobs_told = -1
        self._connections: dict[str, Mapping[str, Any]] = {}
        # Threads of its own: those that answer requests are not for reading on and on.
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="events")

    # Listening

    def listen(self, who: str, wish: Wish) -> Listener:
        """Begin to listen; raises `Problem` where too many do."""
        listener = Listener(self, who, wish)
        with self._lock:
            if len(self._listeners) >= MOST or Counter(row.who for row in self._listeners)[who] >= MOST_OF_ONE:
                said = f"At most {MOST_OF_ONE} streams of one user or token, and {MOST} in all, are open at once."
                raise Problem(429, "Too many streams", said, {"Retry-After": "5"})
            self._listeners = (*self._listeners, listener)
        return listener

    def leave(self, listener: Listener) -> None:
        """Send somebody nothing more."""
        with self._lock:
            self._listeners = tuple(row for row in self._listeners if row is not listener)

    @property
    def number(self) -> int:
        """Return how many listen."""
        return len(self._listeners)

    def place(self) -> Place:
        """Return the place up to which everything is told here."""
        pairs = self._installation.views.positions(topics.PAIR_STATE.name)
        return Place(self._installation.jobs.offset, dict(pairs))

    async def stream(self, listener: Listener, place: Place | None, may: Callable[[], bool]) -> AsyncIterator[str]:
        """Yield what happens, as server-sent events, as long as somebody may hear it.

        Args:
            listener: Who listens.
            place: How far he has heard; None for from now on.
            may: Tells whether he may still listen.
        """
        listener.bind()
        loop = asyncio.get_running_loop()
        # From here on everything is told: whatever comes now is no part of what was missed, however much that is.
        now = await loop.run_in_executor(self._threads, self.place)
        at, missed = (now, None) if place is None else (place, self._missed(place, now))
        try:
            yield f"retry: {AGAIN_MS}\n{_frame('begin', at, {'at_ms': self._installation.clock.now_ms()})}"
            events: Sequence[Event] = await loop.run_in_executor(self._threads, self._begun)
            silent_s = 0.0
            while may() and not listener.is_behind:
                wants = self._chooser(listener.wish)
                told = [_frame(row.kind, at, row.data) for row in events if at.passes(row) and wants(row)]
                silent_s = 0.0 if told else silent_s + LOOK_S
                if told:
                    yield "".join(told)
                elif silent_s >= BEAT_S:
                    silent_s = 0.0
                    yield ": nothing new\n\n"
                if missed is not None:
                    events = await loop.run_in_executor(self._threads, list[Event], islice(missed, _AT_ONCE))
                    missed = missed if events else None
                else:
                    events = await listener.heard(LOOK_S)
            yield _frame("end", at, {"detail": _BEHIND if listener.is_behind else _ENDED})
        except BusUnavailable as error:
            yield _frame("end", at, {"detail": f"What is missing cannot be read: {error}. Come back."})
        finally:
            if missed is not None:
                self._threads.submit(missed.close)

    def _chooser(self, wish: Wish) -> Callable[[Event], bool]:
        """Return what tells whether an event is wanted, by the settings as they stand."""
        setups = self._installation.setups
        syncs = Filter(sync=wish.sync, object=wish.object, connection=wish.connection).syncs(setups)
        ends = [end for sync in setups.syncs() if syncs is None or sync.id in syncs for end in (sync.left, sync.right)]
        of_syncs = {end.connection for end in ends if wish.connection in ("", end.connection)}

        def wants(event: Event) -> bool:
            if event.kind == "connection":
                is_wanted = event.data["id"] == wish.connection or syncs is None or event.data["id"] in of_syncs
            else:
                is_wanted = syncs is None or event.sync in syncs
            return is_wanted and event.kind in wish.kinds

        return wants

    # What happens

    def take(self, topic: str, stored: Sequence[Stored[Any]]) -> None:
        """Publish what the views have taken to all who listen."""
        if self._listeners and topic == topics.PAIR_STATE.name:
            self._tell([_record(row) for row in stored if row.message is not None])

    def look(self) -> None:
        """Publish what has changed of jobs and connections to all who listen."""
        jobs, last = self._installation.jobs, self._jobs_told
        self._jobs_told = jobs.offset
        if not self._listeners:
            self._connections = {}
            return
        self._tell(self._jobs_since(last))
        before, now = self._connections, {row.data["id"]: row for row in self._standing()}
        self._connections = {name: row.data for name, row in now.items()}
        if before:
            gone = [Event(kind="connection", data={"id": name, "state": "gone"}) for name in before if name not in now]
            self._tell([*(row for name, row in now.items() if before.get(name) != row.data), *gone])

    def run(self, stop: threading.Event) -> None:
        """Look until *stop* is set."""
        while not stop.wait(LOOK_S):
            self.look()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _tell(self, events: Sequence[Event]) -> None:
        if events:
            for listener in self._listeners:
                listener.offer(events)

    def _begun(self) -> list[Event]:
        """Return how each connection stands for somebody who begins to listen; what differs later is told."""
        found = self._standing()
        if not self._connections:
            self._connections = {row.data["id"]: row.data for row in found}
        return found

    def _standing(self) -> list[Event]:
        """Return how each connection stands."""
        rows = self._installation.setups.connections()
        return [Event(kind="connection", data=self._installation.connection(row)) for row in rows]

    def _jobs_since(self, offset: int) -> list[Event]:
        jobs = self._installation.jobs
        moved = sorted((at, name) for name, at in jobs.moved.items() if at > offset)
        rows = [(at, row) for at, name in moved if (row := jobs.get(name)) is not None]
        return [Event(kind="job", sync=row.job.sync, data=job_row(row), offset=at) for at, row in rows]

    def _missed(self, place: Place, now: Place) -> Generator[Event, None, None]:
        """Yield what has happened since somebody has heard; of what happened twice, the last at least."""
        since = dict(place.pairs)
        behind = {part: max(at - since.get(part, 0), 0) for part, at in now.pairs.items()}
        if sum(behind.values()) > FURTHEST:
            # Nobody wants to hear all of that: lists show how it stands, and what happens is told from there on.
            since = dict(now.pairs)
            place.pairs.update(now.pairs)
        if any(since.get(part, 0) < at for part, at in now.pairs.items()):
            yield from (_record(row) for row in self._states_from(since) if row.message is not None)
        yield from self._jobs_since(place.jobs)


def _record(row: Stored[Any]) -> Event:
    """Return what a state of a pair tells, without the values of its records."""
    pair: Any = row.message
    left, right = pair.L.id if pair.L else None, pair.R.id if pair.R else None
    data = {
        "id": pair.pair, "sync": pair.sync, "label": pair.label, "status": pair.status, "reason": pair.reason,
        "left": left, "right": right, "changed_ms": pair.changed_ms, "synced_ms": pair.synced_ms,
    }  # fmt: skip
    return Event(kind="record", sync=pair.sync, data=data, part=row.partition, offset=row.offset)


def _frame(kind: str, place: Place, data: Mapping[str, Any]) -> str:
    return f"id: {place}\nevent: {kind}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n"
