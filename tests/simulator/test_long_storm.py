"""An app says 429 for a long time: nothing fails, everything waits with its reason, and is written when it may be.

No fault strikes here, so that batches can be large and time passes only when it is let.
"""

import base64
import logging
import os
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

import pytest
import structlog

from services.ingest.hydrate import Hydrate
from services.matcher.matching.match import Match
from services.matcher.resolving.resolve import Resolve
from services.writer.write import Write
from shared.contract.calls import AppError, HttpRequest, HttpResponse
from shared.engine.deciding.status import HELD_MS
from shared.io.envelope import Raw
from shared.io.handling import process
from shared.io.links.store import Store
from shared.io.memory import ManualClock, MemoryBroker, MemoryBus, MemoryCaller, MemoryReader
from shared.io.ports import Outbound, run_blocking
from shared.io.redis.memory import MemoryScripts
from shared.metrics import Metrics
from shared.model.pairs import Pair
from shared.model.syncs import HALTED
from shared.wire import topics
from shared.wire.messages import Notice, PhaseSet, SetupDoc
from tests.simulator.apps import MemoryApp
from tests.simulator.settings import SYNC, set_up

_APPS: Final = ("ordered", "opaque")
_BATCH: Final = 500
_MINUTE_MS: Final = 60_000


@pytest.fixture(autouse=True)
def _quiet() -> None:
    """Leave out the product's log lines: there is one for each try of each write."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


class Scene:
    """Pairs in sync; one of the apps can be made to answer 429 to everything, or be paused by somebody."""

    def __init__(self, pairs: int) -> None:
        self.clock = ManualClock()
        self.setups = set_up()
        self.setups.apply(self.setups.offset + 1, f"phase:{SYNC}", SetupDoc(phase=PhaseSet(sync=SYNC, phase="live")))
        self.apps = {
            "a": MemoryApp("a", "ordered", unique_email=False),
            "b": MemoryApp("b", "opaque", unique_email=False),
        }
        self.broker = MemoryBroker(topics.catalogue(_APPS), partitions=1)
        self.bus = MemoryBus(self.broker)
        self.metrics = Metrics()
        store = Store(MemoryScripts())
        run_blocking(store.begin_rebuild(SYNC, "t", 1))
        run_blocking(store.finish_rebuild(SYNC, "t"))
        caller = MemoryCaller(self._serve)
        write = Write(store, self.bus, self.setups, caller, clock=self.clock, metrics=self.metrics).handle
        self._handlers: list[tuple[topics.Topic[Any], Callable[[Sequence[Any]], Coroutine[Any, Any, Any]]]] = [
            (topics.NOTICES, Hydrate(store, self.bus, self.setups, caller, self.clock).handle),
            (topics.RECORDS, Match(store, self.bus, self.setups).handle),
            (topics.PAIRS, Resolve(store, self.bus, self.setups, self.clock).handle),
            *((topics.writes(app, backfill=late), write) for app in _APPS for late in (False, True)),
        ]
        self._states = MemoryReader(self.broker, topics.PAIR_STATE)
        self._newest: dict[str, Pair] = {}
        self.stormy = self.halted = False
        for number in range(pairs):
            self.apps["a"].insert({"email": f"p{number}@x.example", "f": "old", "g": None, "h": None})
        for _ in range(2):  # what was created is told, too
            self.tell()
            self.rest()

    def _serve(self, connection: str, request: HttpRequest) -> HttpResponse:
        if self.halted and connection == "b":
            raise AppError(HALTED, "somebody paused it", retry="auth", retry_after_s=60.0)
        if self.stormy and connection == "b":
            return HttpResponse(status=429, headers={"retry-after": "10"})
        return self.apps[connection].serve(request)

    def tell(self) -> None:
        """Let the apps tell what changed."""
        for name, app in self.apps.items():
            notices = [Notice(connection=name, object="contact", id=record) for record in dict.fromkeys(app.changed)]
            app.changed.clear()
            run_blocking(
                self.bus.publish(
                    [Outbound(topic=topics.NOTICES, key=f"{name}/contact/{row.id}", message=row) for row in notices]
                )
            )

    def edit(self, text: str) -> None:
        """Edit every record of the app that works."""
        for row in self.apps["a"].rows.values():
            row.values["f"] = text
            self.apps["a"].touch(row)
        self.tell()

    def rest(self) -> None:
        """Let everything that waits be handled, in large batches."""
        while any(self._handle(topic, handle) for topic, handle in self._handlers):
            pass

    def _handle(self, topic: topics.Topic[Any], handle: Callable[[Sequence[Any]], Coroutine[Any, Any, Any]]) -> bool:
        at = self.broker.committed("all", topic.name)[0]
        batch = self.broker.items(topic.name, 0, at, _BATCH)
        if batch:
            run_blocking(
                process(batch, {topic.name: topic}, handle, bus=self.bus, clock=self.clock, metrics=self.metrics)
            )
            self.broker.commit("all", topic.name, 0, batch[-1].after)
        return bool(batch)

    def wait(self, ms: int) -> None:
        """Let time pass, and what was put off come again when it is due."""
        until = self.clock.now_ms() + ms
        while (due := self._due()) is not None and due <= until:
            self.clock.advance(max(0, due - self.clock.now_ms()))
            self._deliver()
            self.rest()
        self.clock.advance(until - self.clock.now_ms())

    def _heads(self) -> list[tuple[str, int, Any]]:
        at = {topic: self.broker.committed("later", topic.name)[0] for topic in topics.LATER.values()}
        return [
            (topic.name, offset, topic.decode(item.value or b"", item.headers))
            for topic, offset in at.items()
            for item in self.broker.fetch(topic.name, 0, offset, 1)
        ]

    def _due(self) -> int | None:
        return min((delayed.due_ms for _, _, delayed in self._heads()), default=None)

    def _deliver(self) -> None:
        while due := [row for row in self._heads() if row[2].due_ms <= self.clock.now_ms()]:
            for topic, at, delayed in due:
                value = base64.b64decode(delayed.raw_base64)
                self.broker.append(
                    Raw(topic=delayed.topic, key=delayed.key, value=value, headers=dict(delayed.headers))
                )
                self.broker.commit("later", topic, 0, at + 1)

    def counts(self) -> Counter[tuple[str, str]]:
        """Count the pairs by status and reason."""
        for stored in self._states.read_to_end():
            if stored.message is not None:
                self._newest[stored.key] = stored.message
        return Counter((pair.status, pair.reason) for pair in self.pairs())

    def pairs(self) -> list[Pair]:
        """Return the newest states that `counts` read."""
        return [pair for pair in self._newest.values() if not pair.absorbed_by]


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_twenty_minutes_of_429() -> None:
    """Case u: nobody fails, whoever was edited waits for the limit all along, and each is written once afterwards.

    The case names 5,000 pairs, which take some minutes: STORM_PAIRS=5000 make test T=tests/simulator/test_long_storm.py
    """
    many = int(os.environ.get("STORM_PAIRS", "300"))
    scene = Scene(many)
    assert scene.counts() == {("in_sync", ""): many}
    scene.stormy = True
    before = scene.apps["b"].writes
    scene.edit("new")
    scene.rest()
    began = scene.clock.now_ms()
    for _ in range(20):
        scene.wait(_MINUTE_MS)
        assert scene.counts() == {("pending", "waiting_limit"): many}
    assert {pair.changed_ms for pair in scene.pairs()} == {began}, "the age of the wait is told, not of its last try"
    scene.stormy = False
    scene.wait(2 * _MINUTE_MS)
    assert scene.counts() == {("in_sync", ""): many}
    assert {row.values["f"] for row in scene.apps["b"].rows.values()} == {"new"}
    assert scene.apps["b"].writes - before == many


def test_people_who_are_not_there_yet_wait_as_well() -> None:
    scene = Scene(2)
    scene.stormy = True
    scene.apps["a"].insert({"email": "new@x.example", "f": "x", "g": None, "h": None})
    scene.tell()
    scene.rest()
    scene.wait(5 * _MINUTE_MS)
    assert scene.counts() == {("in_sync", ""): 2, ("pending", "waiting_limit"): 1}
    scene.stormy = False
    scene.wait(2 * _MINUTE_MS)
    assert scene.counts() == {("in_sync", ""): 3}
    assert len(scene.apps["b"].rows) == 3


def test_a_person_is_told_after_a_day() -> None:
    """It is tried all the same, and what was told is over as soon as it is written."""
    scene = Scene(2)
    scene.stormy = True
    scene.edit("new")
    scene.rest()
    scene.wait(HELD_MS - 11 * _MINUTE_MS)
    assert scene.counts() == {("pending", "waiting_limit"): 2}
    scene.wait(22 * _MINUTE_MS)
    assert scene.counts() == {("failing", "rate_limited"): 2}
    scene.stormy = False
    scene.wait(11 * _MINUTE_MS)
    assert scene.counts() == {("in_sync", ""): 2}
    scene.stormy = True
    scene.edit("newer")
    scene.rest()
    assert scene.counts() == {("pending", "waiting_limit"): 2}, "a new wait begins anew"


def test_an_account_that_somebody_paused_waits_as_long_as_they_like() -> None:
    """Nothing fails, and what was edited meanwhile is written once when the account is resumed."""
    scene = Scene(2)
    scene.halted = True
    before = scene.apps["b"].writes
    scene.edit("new")
    scene.rest()
    scene.wait(HELD_MS + 22 * _MINUTE_MS)
    assert scene.counts() == {("pending", "account_paused"): 2}
    scene.halted = False
    scene.wait(11 * _MINUTE_MS)
    assert scene.counts() == {("in_sync", ""): 2}
    assert scene.apps["b"].writes - before == 2
