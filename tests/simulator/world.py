"""A whole installation in one thread: the product's own handlers over broker, Redis, apps and clock in memory.

Every handler runs step by step: at each effect it may be cut off (its offsets stay uncommitted), or it may become a
zombie whose partitions others took over. Everything is drawn from one seed.
"""

import base64
import random
from collections.abc import Callable, Coroutine, Generator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from services.ingest.hydrate import Hydrate
from services.matcher.matching.match import Match
from services.matcher.resolving.resolve import Resolve
from services.writer.write import Write
from shared.contract.calls import AppError, HttpRequest, HttpResponse
from shared.io.envelope import Raw, Received
from shared.io.handling import process
from shared.io.links.rebuild import Rebuilder
from shared.io.links.store import Store
from shared.io.memory import ManualClock, MemoryBus, MemoryCaller, MemoryReader
from shared.io.ports import BusUnavailable, NotReady, Outbound, run_blocking
from shared.io.redis.memory import MemoryScripts
from shared.metrics import Metrics
from shared.model.outcomes import NOT_RUN_HERE, Drop
from shared.model.pairs import Pair, PairEvent
from shared.model.records import Version
from shared.wire import topics
from shared.wire.messages import Notice, PhaseSet, SetupDoc
from shared.wire.topics import MATCHER_GROUP, Topic
from tests.simulator.apps import MemoryApp, lost_answer
from tests.simulator.checks import check
from tests.simulator.faults import CALM, Faults
from tests.simulator.people import MILD, Habits, People
from tests.simulator.settings import APPS, found_as, set_up
from tests.simulator.storage import Broker, Journal

_UNCLAIMED: Final = (NOT_RUN_HERE, Drop("no_sync"))
"""What match says of a record that it claimed for no sync: none runs, or another notice of it waits for the one."""
_PARTITIONS: Final = 3
_STEPS_MOST: Final = 60_000


class _Suspend:
    def __await__(self) -> Generator[None, None, None]:
        yield


async def pause() -> None:
    """Let somebody else go on."""
    await _Suspend()


@dataclass
class _Task:
    """One handler at work on one batch."""

    run: Coroutine[Any, Any, Any]
    topic: str = ""
    partition: int = 0
    group: str = ""
    batch: Sequence[Received] = ()
    zombie: bool = False


class World:
    """Two apps, their syncs, and everything between them."""

    def __init__(self, seed: int, faults: Faults | None = None, habits: Habits = MILD) -> None:
        self.rng = random.Random(seed)
        self.faults = faults or Faults()
        self.blind = self.faults.blind
        self.tells_versions = self.faults.parts and not (self.faults.flush or self.faults.failover)
        self.wild = habits.wild or habits.firms > 0 or habits.cars > 0
        self.away: set[str] = set()
        self.removals = random.Random(f"{seed}/removals")
        self.removed = 0
        """How often an object of the right account was removed."""
        self.clock = ManualClock()
        self.broker = Broker(topics.catalogue(tuple(APPS.values())), partitions=_PARTITIONS)
        self.apps = {
            "a": MemoryApp("a", "ordered", unique_email=True),
            "b": MemoryApp("b", "opaque", unique_email=self.rng.random() < 0.5),
        }
        for app in self.apps.values():
            app.blind = self.faults.blind
            app.parts = self.faults.parts
            app.unique_email = app.unique_email and not self.faults.lenient
        self.setups = set_up(firms=habits.firms > 0, cars=habits.cars > 0)
        self.grants = self.broker.grants
        self.scripts = MemoryScripts(pause, self.grants.watch)
        self.bus = MemoryBus(self.broker, pause=pause)
        self.metrics = Metrics()
        store = Store(self.scripts)
        caller = MemoryCaller(self._serve, pause=pause)
        self.rebuilder = Rebuilder(store, self.bus, self.setups, Journal(self.broker), self.clock)
        write = Write(store, self.bus, self.setups, caller, clock=self.clock, metrics=self.metrics).handle
        self.handlers: list[tuple[str, Topic[Any], Callable[[Sequence[Any]], Coroutine[Any, Any, Any]]]] = [
            ("hydrate", topics.NOTICES, Hydrate(store, self.bus, self.setups, caller, self.clock).handle),
            (MATCHER_GROUP, topics.RECORDS, Match(store, self.bus, self.setups).handle),
            (MATCHER_GROUP, topics.PAIRS, Resolve(store, self.bus, self.setups, self.clock).handle),
            *(("write", topics.writes(app, backfill=late), write) for app in APPS.values() for late in (False, True)),
        ]
        self._tasks: list[_Task] = []
        self._inside: dict[tuple[str, int, int], int] = {}
        """How many items of a bundle at a topic's offset were handled, where these are not all."""
        self.people = People(self.rng, self.apps, habits, self.states)
        self.people.begin()

    def empty(self) -> None:
        """Take out everybody who was entered at the beginning."""
        for app in self.apps.values():
            app.rows.clear()
            app.changed.clear()
        self.people.last.clear()
        self.people.lives.addresses.clear()

    def first_sync(self) -> None:
        """Read both sides, and only then let records be matched and created."""
        faults, self.faults = self.faults, CALM
        self.tell()
        self.rest()
        for sync in self.setups.syncs():
            doc = SetupDoc(phase=PhaseSet(sync=sync.id, phase="live"))
            self.setups.apply(self.setups.offset + 1, f"phase:{sync.id}", doc)
        self._touch("backfill")
        self.faults = faults

    def tell(self) -> None:
        """Let the apps tell about changes: some twice, in any order."""
        for name, app in self.apps.items():
            self.rng.shuffle(app.changed)
            while app.changed:
                record = app.changed.pop()
                self._notice(name, record, told=True)
                if self.rng.random() < 0.1:
                    self._notice(name, record)
            # As a feed of associations does, which compares what records lead to with what is known.
            while app.relinked:
                self._notice(name, app.relinked.pop())

    def _notice(self, connection: str, record: str, *, told: bool = False) -> None:
        """Say that a record changed; where its version is *told*, one that is known need not be read."""
        now = self.clock.now_ms()
        app = self.apps[connection]
        row = app.rows[record]
        object_ = row.object
        told = told and app.kind == "ordered" and self.tells_versions
        version = Version(order=row.version) if told else None
        notice = Notice(connection=connection, object=object_, id=record, version=version, accepted_ms=now)
        bus = MemoryBus(self.broker)
        run_blocking(
            bus.publish([Outbound(topic=topics.NOTICES, key=f"{connection}/{object_}/{record}", message=notice)])
        )

    def _serve(self, connection: str, request: HttpRequest) -> HttpResponse:
        if self.rng.random() < self.faults.outage or connection in self.away:
            raise AppError("app_unavailable", "away", retry="outage")
        response = self.apps[connection].serve(request)
        if self.rng.random() < self.faults.lost_answer:
            raise lost_answer()
        return response

    # Time

    def step(self) -> bool:
        """Let one thing happen; False when there was nothing to do."""
        self.clock.advance(self.rng.randrange(20))
        self._hurt()
        self._start_something()
        if not self._tasks:
            return self._deliver_later()
        task = self.rng.choice(self._tasks)
        draw = self.rng.random()
        if draw < self.faults.crash:
            self._end(task)
            self._forget(task)
            task.run.close()
            return True
        if draw < self.faults.crash + self.faults.zombie:
            task.zombie = True
            self._forget(task)
            if not task.topic:
                self.scripts.run_out()
        self._advance(task)
        return True

    def _remove_or_restore(self) -> None:
        """Take an object away from the right account, or bring back the one that is gone."""
        rows = [row for row in self.setups.found().values() if row.connection == "b"]
        gone = next((row for row in rows if row.gone), None)
        self.removed += gone is None
        name = (gone or self.removals.choice(rows)).object.name
        self.setups.apply(self.setups.offset + 1, *found_as("b", name, "" if gone else "removed"))
        if gone:
            self._touch("resync")

    def _touch(self, reason: str) -> None:
        """Have all pairs that the journal knows look again, as a job does."""
        touches = [
            Outbound(
                topic=topics.PAIRS,
                key=pair,
                message=PairEvent(sync=state.sync, pair=pair, kind="touch", reason=reason),
            )
            for pair, state in self.states().items()
        ]
        run_blocking(MemoryBus(self.broker).publish(touches))

    def _hurt(self) -> None:
        if self.faults.removal and self.removals.random() < self.faults.removal:
            self._remove_or_restore()
        draw = self.rng.random()
        if draw < self.faults.flush:
            self.scripts.flush()
            self.grants.lost(self.scripts.dump())
        elif draw < self.faults.flush + self.faults.failover:
            self.scripts.failover(self.rng.randrange(4))
            self.grants.lost(self.scripts.dump())

    def _start_something(self) -> None:
        busy = {(task.topic, task.partition) for task in self._tasks if not task.zombie}
        ready = [
            (group, topic, handle, partition, at, end)
            for group, topic, handle in self.handlers
            for (partition, at), end in zip(
                self.broker.committed(group, topic.name).items(),
                self.broker.end_offsets(topic.name).values(),
                strict=True,
            )
            if at < end and (topic.name, partition) not in busy
        ]
        if not ready:
            return
        group, topic, handle, partition, at, _ = self.rng.choice(ready)
        most, done = self.rng.randrange(1, 6), self._inside.get((topic.name, partition, at), 0)
        batch = self.broker.items(topic.name, partition, at, most)[done : done + most]
        run = process(batch, {topic.name: topic}, handle, bus=self.bus, clock=self.clock, metrics=self.metrics)
        self._tasks.append(_Task(run, topic.name, partition, group, batch))

    def _advance(self, task: _Task) -> None:
        try:
            task.run.send(None)
        except StopIteration as done:
            self._end(task)
            if task.topic and not task.zombie:
                self._commit(task)
                if task.topic == topics.RECORDS.name:
                    outcomes = zip(task.batch, done.value, strict=True)
                    self.grants.passed([item for item, outcome in outcomes if outcome not in _UNCLAIMED])
        except (NotReady, BusUnavailable):
            self._end(task)
            if not any(not other.topic and not other.zombie for other in self._tasks):
                self._tasks.append(_Task(self.rebuilder.rebuild_lost()))

    def _commit(self, task: _Task) -> None:
        """Commit what was handled; how far it is in a bundle that was not handled to its end, only its worker knows."""
        last = task.batch[-1]
        self.broker.commit(task.group, task.topic, task.partition, last.after)
        self._forget(task)
        if last.more:
            self._inside[task.topic, task.partition, last.offset] = last.index + 1

    def _forget(self, task: _Task) -> None:
        """Have whoever takes a partition over begin at what is committed."""
        self._inside = {at: done for at, done in self._inside.items() if at[:2] != (task.topic, task.partition)}

    def crash(self) -> None:
        """Cut everybody off at once."""
        self._inside = {}
        for task in list(self._tasks):
            self._end(task)
            task.run.close()

    def _end(self, task: _Task) -> None:
        self._tasks.remove(task)
        if not task.topic:  # whoever rebuilt and died leaves its claim to run out
            self.scripts.run_out()

    def _deliver_later(self) -> bool:
        """Publish what is due; when everything else rests, time passes until something is."""
        moved = False
        for topic in topics.LATER.values():
            at = self.broker.committed("later", topic.name)[0]
            for item in self.broker.fetch(topic.name, 0, at, 1):
                if item.value is None:
                    continue
                delayed = topic.decode(item.value, item.headers)
                self.clock.advance(max(0, delayed.due_ms - self.clock.now_ms()))
                raw = Raw(
                    topic=delayed.topic,
                    key=delayed.key,
                    value=base64.b64decode(delayed.raw_base64),
                    headers=dict(delayed.headers),
                )
                self.broker.append(raw)
                self.broker.commit("later", topic.name, 0, at + 1)
                moved = True
        return moved

    def rebuild(self) -> None:
        """Rebuild the links, with nothing going on meanwhile."""
        work = self.rebuilder.rebuild_lost()
        while True:
            try:
                work.send(None)
            except StopIteration:
                return

    def settle(self, *, look_again: bool = True) -> None:
        """End all faults, look at every record once more, and run until nothing moves.

        Without looking again, only what changed is told: nobody is helped who waits for somebody else to move.
        """
        self.faults = CALM
        if self.setups.not_run():
            self._remove_or_restore()
        self.tell()
        self.rest()
        if not look_again:
            return
        for _ in range(2):
            for name, app in self.apps.items():
                app.changed.clear()
                for record in app.rows:
                    self._notice(name, record)
            self.rest()

    def rest(self) -> None:
        """Run until nothing moves."""
        for _ in range(_STEPS_MOST):
            if not self.step() and not self._tasks:
                return
        raise AssertionError("it never comes to rest")

    def states(self) -> dict[str, Pair]:
        """Return the newest state of each pair, as the journal tells it."""
        newest: dict[str, Pair] = {}
        for stored in MemoryReader(self.broker, topics.PAIR_STATE).read_to_end():
            if stored.message is not None:
                newest[stored.key] = stored.message
        return newest


def run(
    seed: int, faults: Faults | None = None, habits: Habits = MILD, *, steps: int = 1500, look_again: bool = True
) -> World:
    """Run one seed to its end, and check it."""
    world = World(seed, faults, habits)
    world.first_sync()
    for _ in range(steps):
        if world.rng.random() < 0.03:
            world.people.act()
        if world.rng.random() < 0.03:
            world.tell()
        world.step()
    world.settle(look_again=look_again)
    check(world)
    return world
