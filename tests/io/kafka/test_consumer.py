"""The supervised consumer and the later loop on a real broker: nothing is lost, whatever happens in between."""

import base64
import dataclasses
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from kafka import TopicPartition
from kafka.errors import RequestTimedOutError

from shared.io.clock import SystemClock
from shared.io.envelope import Raw
from shared.io.health import Progress
from shared.io.kafka.client import end_polls
from shared.io.kafka.connecting import KafkaFault
from shared.io.kafka.consumer import Subscription, SupervisedConsumer
from shared.io.kafka.later import LaterLoop
from shared.io.kafka.producer import KafkaBus
from shared.io.kafka.reader import KafkaOffsets, read_to_end
from shared.io.kafka.topics import create_topics
from shared.io.ports import BusUnavailable, Inbound, NotReady, Outbound, run_blocking
from shared.metrics import Metrics
from shared.model.outcomes import Done, Later, Outcome, Park
from shared.settings import Settings, load
from shared.wire.messages import Delayed, Notice
from shared.wire.topics import LATER, NOTICES, PARKED, Topic

pytestmark = pytest.mark.server


class World:
    """One broker, a topic and a group of its own, and consumers in threads."""

    def __init__(self, bootstrap: str) -> None:
        suffix = uuid.uuid4().hex[:10]
        self.topic: Topic[Notice] = dataclasses.replace(NOTICES, name=f"notices-{suffix}", partitions=3)
        self.group = f"group-{suffix}"
        self.settings = load(kafka_bootstrap=bootstrap, kafka_replication=1, instance=f"i-{suffix}")
        create_topics(self.settings, (self.topic, PARKED, *LATER.values()))
        self.metrics, self.clock = Metrics(), SystemClock()
        self.bus = KafkaBus(self.settings, metrics=self.metrics)
        self.offsets = KafkaOffsets(self.settings)
        self.handled: list[str] = []
        self.rule: Callable[[str], Outcome] = lambda _: Done()
        self.threads: list[tuple[threading.Thread, threading.Event]] = []
        self.errors: list[BaseException] = []

    async def handle(self, batch: Sequence[Inbound[Notice]]) -> Sequence[Outcome]:
        made = [self.rule(item.message.id) for item in batch]
        self.handled += [item.message.id for item in batch]
        return made

    def publish(self, *ids: str) -> None:
        """Publish messages, each by itself."""
        for name in ids:
            self.publish_together(name)

    def publish_together(self, *ids: str, key: str = "") -> None:
        """Publish messages in one call."""
        notices = {name: Notice(connection="hub", object="contact", id=name) for name in ids}
        out = [Outbound(topic=self.topic, key=key or name, message=notices[name]) for name in ids]
        run_blocking(self.bus.publish(out))

    def start(self, instance: str = "", *, batch: int = 50) -> threading.Event:
        """Run one more consumer in a thread, and return the event that stops it."""
        return self.spawn(self.loop(instance, batch=batch).run)

    def loop(self, instance: str = "", *, batch: int = 50) -> SupervisedConsumer[Notice]:
        """Make a consumer that nobody runs yet."""
        return SupervisedConsumer(
            self.settings.model_copy(update={"instance": instance}) if instance else self.settings,
            Subscription(group=self.group, topics=(self.topic,), handle=self.handle, batch=batch),
            bus=self.bus,
            metrics=self.metrics,
            clock=self.clock,
            progress=Progress(limit_s=60),
        )

    def spawn(self, run: Callable[[threading.Event], None]) -> threading.Event:
        stop = threading.Event()

        def body() -> None:
            try:
                run(stop)
            except BaseException as error:  # noqa: BLE001 - the test looks at it
                self.errors.append(error)

        thread = threading.Thread(target=body, daemon=True)
        thread.start()
        self.threads.append((thread, stop))
        return stop

    def stop_all(self) -> None:
        for _, stop in self.threads:
            stop.set()
        for thread, _ in self.threads:
            end_polls()
            thread.join(timeout=15)
            assert not thread.is_alive()
        self.threads.clear()

    def committed(self) -> int:
        return sum(self.offsets.committed(self.group, self.topic.name).values())

    def parked(self) -> list[Any]:
        return [
            item.message
            for item in read_to_end(self.settings, PARKED)
            if item.message and item.message.topic == self.topic.name
        ]


@pytest.fixture(name="world")
def _world(kafka: Any) -> Iterator[World]:
    world = World(kafka.bootstrap)
    yield world
    world.stop_all()
    world.bus.close()
    world.offsets.close()


def _until(condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.05)


def test_everything_is_handled_once_and_committed(world: World) -> None:
    """In a quiet world each message is handled exactly once, and the offsets say so."""
    names = [f"r{number}" for number in range(200)]
    world.publish(*names)
    world.start(batch=30)
    _until(lambda: world.committed() == 200)
    assert sorted(world.handled) == sorted(names)
    world.stop_all()
    assert world.errors == []


def test_outcomes_become_messages_before_the_offset_moves(world: World) -> None:
    """Parked and delayed copies are there when the commit is."""
    world.rule = lambda name: Park("invalid_value") if name == "p" else Later("busy", "1m") if name == "l" else Done()
    world.publish("a", "p", "l")
    run_blocking(world.bus.publish_raw([Raw(topic=world.topic.name, key="x", value=b"{poison")]))
    world.start()
    _until(lambda: world.committed() == 4)
    assert sorted(parked.reason for parked in world.parked()) == ["invalid_value", "malformed"]
    delayed = [
        item.message
        for item in read_to_end(world.settings, LATER["1m"])
        if item.message and item.message.topic == world.topic.name
    ]
    assert [item.key for item in delayed] == ["l"]


def test_what_small_batches_handled_is_committed_together(world: World) -> None:
    """A call to the broker each would cost more than the work; soon all is committed, also when nothing comes."""
    loop: Any = world.loop(batch=1)
    consumer, stop, commits = loop._connect(), threading.Event(), []
    commit = consumer.commit

    def counted(offsets: Any, **more: Any) -> Any:
        commits.append(len(world.handled))
        return commit(offsets, **more)

    consumer.commit = counted
    try:
        world.publish(*(f"r{number}" for number in range(50)))

        def handled() -> int:
            loop._round(consumer, stop)
            return len(world.handled)

        _until(lambda: handled() == 50)
        assert loop._wait_ms(consumer) <= 200
        _until(lambda: handled() == 50 and world.committed() == 50, timeout_s=2)
        assert len(commits) <= 25
        assert loop._wait_ms(consumer) == 2000, "with nothing to commit it waits for messages alone"
    finally:
        consumer.close(autocommit=False, timeout_ms=2000)


def test_a_bundle_is_committed_with_its_last_message(world: World) -> None:
    """Batches are as small as they should be; a worker that dies within a bundle leaves all of it to the next one."""
    world.publish_together(*(f"r{number}" for number in range(25)), key="k")
    loop: Any = world.loop("first", batch=10)
    consumer, stop = loop._connect(), threading.Event()
    try:
        _until(lambda: loop._round(consumer, stop) or len(world.handled) == 20)
        time.sleep(0.3)
        loop._commit(consumer)
        assert world.committed() == 0
    finally:
        consumer.close(autocommit=False, timeout_ms=2000)
    world.handled.clear()
    world.start("second", batch=10)
    _until(lambda: world.committed() == 1)
    assert world.handled == [f"r{number}" for number in range(25)]


def test_with_a_backlog_each_batch_has_a_share_of_each_partition(world: World) -> None:
    """Else slow work on what was fetched of one partition would keep the others waiting for minutes."""
    loop: Any = world.loop(batch=30)
    consumer, stop = loop._connect(), threading.Event()
    batches: list[set[int]] = []
    handle = loop._plan.handle

    async def noted(batch: Sequence[Inbound[Notice]]) -> Sequence[Outcome]:
        batches.append({item.partition for item in batch})
        return await handle(batch)  # type: ignore[no-any-return]

    loop._plan = dataclasses.replace(loop._plan, handle=noted)
    world.publish(*(f"r{number}" for number in range(600)))
    try:
        _until(lambda: loop._round(consumer, stop) or world.committed() == 600)
    finally:
        consumer.close(autocommit=False, timeout_ms=2000)
    full = [parts for parts in batches if len(parts) == 3]
    assert len(full) >= 15, batches
    assert len(world.handled) == len(set(world.handled)) == 600


def test_what_waits_is_read_again_after_a_rebalance(world: World) -> None:
    """What another member handled meanwhile is not handled from memory, and nothing is left out."""
    loop: Any = world.loop(batch=10)
    consumer, stop = loop._connect(), threading.Event()
    world.publish(*(f"r{number}" for number in range(100)))
    try:
        _until(lambda: loop._round(consumer, stop) or len(world.handled) >= 10)
        assert len(loop._waiting) > 0
        loop._generation -= 1
        loop._fetch(consumer, 0)
        assert len(loop._waiting) == 0
        _until(lambda: loop._round(consumer, stop) or world.committed() == 100)
        assert len(world.handled) == len(set(world.handled)) == 100
    finally:
        consumer.close(autocommit=False, timeout_ms=2000)


def test_what_cannot_be_committed_is_tried_again_while_it_is_ours(world: World) -> None:
    """A broker that is away for a moment costs no second handling; a partition that went elsewhere is let go."""
    loop: Any = world.loop()
    consumer, stop = loop._connect(), threading.Event()
    commit = consumer.commit

    def away(_offsets: Any, **_more: Any) -> Any:
        raise RequestTimedOutError

    consumer.commit = away
    try:
        world.publish("a", "b")
        _until(lambda: loop._round(consumer, stop) or len(world.handled) == 2)
        time.sleep(0.25)
        loop._round(consumer, stop)
        assert world.metrics.value("retries_total", topic=world.topic.name, cause="rebalance") == 1
        assert world.committed() == 0
        loop._handled[TopicPartition(world.topic.name, 99)] = 7
        consumer.commit = commit
        _until(lambda: loop._round(consumer, stop) or world.committed() == 2)
        assert (loop._handled, len(world.handled)) == ({}, 2)
    finally:
        consumer.close(autocommit=False, timeout_ms=2000)


def test_what_another_member_committed_meanwhile_is_never_taken_back(world: World) -> None:
    """Else a group that has nothing to do would seem to be behind for ever."""
    loop: Any = world.loop()
    consumer, stop, commits = loop._connect(), threading.Event(), []

    def away(offsets: Any, **_more: Any) -> Any:
        commits.append(offsets)
        raise RequestTimedOutError

    consumer.commit = away
    try:
        world.publish("a")
        _until(lambda: loop._round(consumer, stop) or len(world.handled) == 1)
        time.sleep(0.25)
        loop._round(consumer, stop)
        assert len(commits) == 1
        consumer.committed = lambda _part, **_more: 5
        time.sleep(0.25)
        loop._round(consumer, stop)
        assert (len(commits), loop._handled) == (1, {})
    finally:
        consumer.close(autocommit=False, timeout_ms=2000)


def test_not_ready_commits_nothing_and_comes_again(world: World) -> None:
    """While a rebuild is under way the same messages come again, in their order, until they are handled."""
    ready, tries = threading.Event(), []

    def rule(name: str) -> Outcome:
        tries.append(name)
        if not ready.is_set():
            raise NotReady("s1") if len(tries) % 2 else BusUnavailable("away")
        return Done()

    world.rule = rule
    world.publish(*["k"] * 3)
    world.start()
    _until(lambda: len(tries) >= 3)
    assert world.committed() == 0
    ready.set()
    _until(lambda: world.committed() == 3)
    assert world.handled == ["k"] * 3
    assert world.metrics.value("retries_total", topic=world.topic.name, cause="not_ready") >= 1
    assert world.metrics.value("retries_total", topic=world.topic.name, cause="bus_unavailable") >= 1


def test_a_bug_stops_the_process_and_loses_nothing(world: World) -> None:
    """An exception nobody planned for ends the loop with nothing committed; the next start handles all of it."""

    def broken(name: str) -> Outcome:
        raise ZeroDivisionError(name)

    world.rule = broken
    world.publish("a", "b")
    world.start()
    _until(lambda: bool(world.errors))
    assert isinstance(world.errors[0], ZeroDivisionError)
    assert world.committed() == 0
    world.rule = lambda _: Done()
    world.start()
    _until(lambda: world.committed() == 2)
    assert sorted(world.handled) == ["a", "b"]


def test_stop_finishes_the_batch_in_hand(world: World) -> None:
    """After a stop during a batch, the batch is committed and the rest is left for the next start."""
    inside = threading.Event()

    def slow(_: str) -> Outcome:
        inside.set()
        time.sleep(0.05)
        return Done()

    world.rule = slow
    world.publish(*["k"] * 40)
    world.start(batch=10)
    assert inside.wait(20)
    started = time.monotonic()
    world.stop_all()
    assert time.monotonic() - started < 10
    assert world.errors == []
    assert world.committed() == len(world.handled) > 0
    world.rule = lambda _: Done()
    world.start()
    _until(lambda: world.committed() == 40)
    assert len(world.handled) == 40


def test_a_rebalance_under_load_loses_nothing(world: World) -> None:
    """Workers that come and go may handle a message twice, but each one at least once."""
    names = [f"r{number}" for number in range(1500)]

    def slow(_: str) -> Outcome:
        time.sleep(0.002)
        return Done()

    world.rule = slow
    world.publish(*names)
    first = world.start("one", batch=20)
    _until(lambda: len(world.handled) > 50)
    world.start("two", batch=20)
    _until(lambda: len(world.handled) > 500)
    first.set()
    world.start("three", batch=20)
    _until(lambda: world.committed() == 1500, timeout_s=60)
    assert set(world.handled) == set(names)
    world.stop_all()
    assert world.errors == []


def test_a_missing_topic_is_named(world: World) -> None:
    """A consumer of a topic that nobody created says so at once, and how to create it."""
    world.topic = dataclasses.replace(world.topic, name="never-created")
    world.start()
    _until(lambda: bool(world.errors))
    assert isinstance(world.errors[0], KafkaFault)
    assert "shared.io.kafka.topics" in str(world.errors[0])


def _delayed(world: World, name: str, due_in_ms: int) -> Outbound:
    message = Notice(connection="hub", object="contact", id=name)
    delayed = Delayed(
        topic=world.topic.name,
        key=f"key-{name}",
        raw_base64=base64.b64encode(world.topic.encode(message)).decode(),
        headers={"ce_dataschema": "1", "traceparent": f"00-{'a' * 32}-{'b' * 16}-01"},
        due_ms=world.clock.now_ms() + due_in_ms,
    )
    return Outbound(topic=LATER["10s"], key=f"key-{name}", message=delayed)


def test_the_later_loop_publishes_when_due_and_not_before(world: World) -> None:
    """What is due goes out at once; what is not waits, with its key and headers kept; an unreadable one is parked."""
    began = time.monotonic()
    run_blocking(world.bus.publish([_delayed(world, "now", -1), _delayed(world, "soon", 3000)]))
    run_blocking(world.bus.publish_raw([Raw(topic=LATER["10m"].name, key=world.group, value=b"nonsense")]))
    settings: Settings = world.settings
    loop = LaterLoop(settings, bus=world.bus, metrics=world.metrics, clock=world.clock, progress=Progress(limit_s=60))
    world.spawn(loop.run)

    def arrived() -> list[Any]:
        return sorted(read_to_end(settings, world.topic), key=lambda item: item.message.id)

    _until(lambda: len(arrived()) == 1)
    assert arrived()[0].message.id == "now"
    _until(lambda: len(arrived()) == 2)
    assert time.monotonic() - began >= 2.99
    now, soon = arrived()
    assert (soon.key, soon.message.id) == ("key-soon", "soon")
    assert soon.headers["traceparent"] == f"00-{'a' * 32}-{'b' * 16}-01"
    assert now.key == "key-now"
    _until(lambda: any(item.key == world.group for item in read_to_end(settings, PARKED)))
    world.stop_all()
    assert world.errors == []


@pytest.mark.parametrize("kind", ["supervised", "later"])
def test_a_join_that_ends_between_two_polls_is_not_forgotten(world: World, kind: str) -> None:
    """kafka-python takes changed metadata for dealt with then: the member would never be one again."""
    time = [0.0]
    progress = Progress(limit_s=60, monotonic=lambda: time[0])
    parts: dict[str, Any] = {
        "bus": world.bus,
        "metrics": world.metrics,
        "clock": world.clock,
        "progress": progress,
    }
    loop: Any = LaterLoop(world.settings, **parts)
    if kind == "supervised":
        plan = Subscription(group=world.group, topics=(world.topic,), handle=world.handle, batch=50)
        loop = SupervisedConsumer(world.settings, plan, **parts)
    consumer, stop = loop._connect(), threading.Event()
    coordinator = consumer._coordinator

    def stable() -> bool:
        loop._round(consumer, stop)
        return bool(coordinator.stable())

    try:
        _until(lambda: stable() and coordinator._assignment_snapshot == coordinator._metadata_snapshot)
        coordinator._assignment_snapshot = {}  # there is more to divide than when the partitions were divided
        _until(lambda: not consumer.poll(timeout_ms=0) and coordinator._join_task is not None)
        _until(lambda: coordinator._join_task.is_done)
        assert not coordinator.need_rejoin()
        assert not coordinator.stable()
        loop._round(consumer, stop)
        time[0] = 1000.0
        assert "has tried to join the group for 1000 s" in progress.stuck()[0]
        _until(stable)
        assert consumer.assignment()
        loop._round(consumer, stop)
        assert progress.stuck() == ()
    finally:
        consumer.close(autocommit=False, timeout_ms=2000)
