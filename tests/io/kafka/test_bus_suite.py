"""One suite for every bus: Kafka's and the one in memory mean the same, so that the simulator proves the product."""

import dataclasses
import random
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pytest

from shared.io.envelope import (
    MAX_MESSAGE_BYTES,
    MessageTooLarge,
    Raw,
    Stored,
    setups_seen,
    trace_id,
)
from shared.io.kafka.connecting import partition_of
from shared.io.memory import MemoryBroker, MemoryBus, MemoryReader
from shared.io.ports import BusUnavailable, Inbound, Outbound, run_blocking
from shared.metrics import Metrics
from shared.settings import load
from shared.wire.messages import Notice, SetupDoc
from shared.wire.topics import NOTICES, SETUPS, Topic, UnreadableMessage

PARTITIONS = 4


class _Bus(Protocol):
    async def publish(self, messages: Sequence[Outbound]) -> Sequence[int]: ...
    async def publish_raw(self, raws: Sequence[Raw]) -> Sequence[int]: ...


@dataclass
class World:
    """A bus with topics of its own, and a way to read them."""

    bus: _Bus
    notices: Topic[Notice]
    setups: Topic[SetupDoc]
    reader: Callable[..., Any]
    setups_read: list[int]

    def stored(self, topic: Topic[Any]) -> list[Stored[Any]]:
        """Read a whole topic."""
        reader = self.reader(topic)
        try:
            return list(reader.read_to_end())
        finally:
            reader.close()

    def publish(self, *messages: Outbound) -> Sequence[int]:
        return run_blocking(self.bus.publish(messages))


def _topics() -> tuple[Topic[Notice], Topic[SetupDoc]]:
    suffix = uuid.uuid4().hex[:10]
    return (
        dataclasses.replace(NOTICES, name=f"notices-{suffix}", partitions=PARTITIONS),
        dataclasses.replace(SETUPS, name=f"setups-{suffix}"),
    )


@pytest.fixture(name="memory_world")
def _memory_world() -> World:
    notices, setups = _topics()
    broker, read = MemoryBroker((notices, setups), partitions=PARTITIONS), [7]
    bus = MemoryBus(broker, setups=lambda: read[-1], bits=random.Random(1))
    return World(bus, notices, setups, lambda topic, **more: MemoryReader(broker, topic, **more), read)


@pytest.fixture(name="kafka_world")
def _kafka_world(kafka: Any) -> Iterator[World]:
    from shared.io.kafka.producer import KafkaBus  # noqa: PLC0415 - only where a server runs
    from shared.io.kafka.reader import TopicReader  # noqa: PLC0415 - as above
    from shared.io.kafka.topics import create_topics  # noqa: PLC0415 - as above

    notices, setups = _topics()
    settings = load(kafka_bootstrap=kafka.bootstrap, kafka_replication=1, kafka_partitions=PARTITIONS)
    create_topics(settings, (notices, setups))
    read = [7]
    bus = KafkaBus(settings, metrics=Metrics(), setups=lambda: read[-1])
    yield World(bus, notices, setups, lambda topic, **more: TopicReader(settings, topic, **more), read)
    bus.close()


@pytest.fixture(name="world", params=["memory", pytest.param("kafka", marks=pytest.mark.server)])
def _world(request: pytest.FixtureRequest) -> World:
    world: World = request.getfixturevalue(f"{request.param}_world")
    return world


def _notice(number: int) -> Notice:
    return Notice(connection="hub", object="contact", id=str(number))


def _out(topic: Topic[Notice], number: int, cause: Inbound[Any] | None = None) -> Outbound:
    return Outbound(topic=topic, key=f"hub/contact/{number}", message=_notice(number), cause=cause)


def test_what_is_published_is_read_back(world: World) -> None:
    """Each message arrives once, with its key, at the offset that `publish` told."""
    offsets = world.publish(*(_out(world.notices, number) for number in range(50)))
    stored = world.stored(world.notices)
    assert {item.key for item in stored} == {f"hub/contact/{number}" for number in range(50)}
    told = {f"hub/contact/{number}": offset for number, offset in enumerate(offsets)}
    assert {item.key: item.offset for item in stored} == told
    assert all(item.message == _notice(int(item.key.rsplit("/")[-1])) for item in stored)


def test_one_key_keeps_its_order_and_partition(world: World) -> None:
    """Messages of one record stay in order, over several calls."""
    for number in range(5):
        world.publish(
            Outbound(topic=world.notices, key="k", message=_notice(number)),
            Outbound(topic=world.notices, key="k", message=_notice(number + 100)),
        )
    stored = [item for item in world.stored(world.notices) if item.key == "k"]
    assert [item.message and item.message.id for item in stored] == [str(n) for i in range(5) for n in (i, i + 100)]
    assert [item.place for item in stored] == sorted({item.place for item in stored})
    assert {item.partition for item in stored} == {partition_of("k", PARTITIONS)}


def test_keys_go_where_every_client_sends_them(world: World) -> None:
    """The partition of a key does not depend on who publishes it."""
    world.publish(*(_out(world.notices, number) for number in range(100)))
    for item in world.stored(world.notices):
        assert item.partition == partition_of(item.key, PARTITIONS)


def test_the_envelope_names_schema_and_settings(world: World) -> None:
    """Receivers learn the schema version, and the settings that the sender had read."""
    world.publish(_out(world.notices, 1))
    world.setups_read.append(12)
    world.publish(_out(world.notices, 2))
    first, second = sorted(world.stored(world.notices), key=lambda item: item.key)
    assert first.headers["ce_dataschema"] == "1"
    assert (setups_seen(first.headers), setups_seen(second.headers)) == (7, 12)
    assert first.headers.keys() == {"ce_dataschema", "setups", "traceparent"}, "each costs every worker time"


def _inbound(headers: Mapping[str, str]) -> Inbound[Notice]:
    return Inbound(topic="x", partition=0, offset=0, key="k", message=_notice(0), raw=b"", headers=headers)


def test_a_trace_goes_on_in_a_new_span(world: World) -> None:
    """A message that follows from another shares its trace; one without a cause begins a trace."""
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    world.publish(
        _out(world.notices, 1, _inbound({"traceparent": parent})),
        _out(world.notices, 2, _inbound({"traceparent": "nonsense"})),
        _out(world.notices, 3),
    )
    one, two, three = (item.headers for item in sorted(world.stored(world.notices), key=lambda item: item.key))
    assert trace_id(one) == "0af7651916cd43dd8448eb211c80319c"
    assert "b7ad6b7169203331" not in one["traceparent"]
    assert len({trace_id(one), trace_id(two), trace_id(three)}) == 3
    assert trace_id(two)


def test_a_message_without_a_body_is_a_tombstone(world: World) -> None:
    """None removes its key: readers see that there is no message."""
    world.publish(
        Outbound(topic=world.setups, key="job:1", message=SetupDoc()),
        Outbound(topic=world.setups, key="job:1", message=None),
    )
    assert [(item.key, item.message is None) for item in world.stored(world.setups)] == [
        ("job:1", False),
        ("job:1", True),
    ]


def test_a_message_over_the_limit_is_refused_with_its_whole_batch(world: World) -> None:
    """Nothing of the batch is published, and the error says how large the message was."""
    huge = Raw(topic=world.notices.name, key="big", value=b"x" * (MAX_MESSAGE_BYTES + 1))
    small = Raw(topic=world.notices.name, key="small", value=b"{}")
    with pytest.raises(MessageTooLarge, match=str(MAX_MESSAGE_BYTES)):
        run_blocking(world.bus.publish_raw([small, huge]))
    assert world.stored(world.notices) == []


def test_a_message_just_under_the_limit_arrives(world: World) -> None:
    """What our own check lets through, the broker takes."""
    empty = Notice(connection="hub", object="contact", id="")
    room = MAX_MESSAGE_BYTES - 3000 - len(world.notices.encode(empty))
    world.publish(Outbound(topic=world.notices, key="k", message=empty.model_copy(update={"id": "x" * room})))
    assert len(world.stored(world.notices)) == 1


def test_a_topic_that_does_not_exist_is_unavailable(world: World) -> None:
    """Nothing is created by the way, and nothing counts as published."""
    missing = dataclasses.replace(NOTICES, name="no-such-topic")
    with pytest.raises(BusUnavailable):
        world.publish(_out(missing, 1))


def test_nothing_to_publish_is_no_error(world: World) -> None:
    """An empty batch needs no broker."""
    assert list(world.publish()) == []


def test_a_reader_goes_on_after_the_end(world: World) -> None:
    """After the end, `poll` gives what was written since, once."""
    world.publish(_out(world.notices, 1))
    reader = world.reader(world.notices)
    try:
        assert len(list(reader.read_to_end())) == 1
        world.publish(_out(world.notices, 2), _out(world.notices, 3))
        seen: list[str] = []
        for _ in range(20):
            seen += [item.message.id for item in reader.poll(0.5)]
            if len(seen) >= 2:
                break
        assert sorted(seen) == ["2", "3"]
        assert sum(reader.positions.values()) == 3
    finally:
        reader.close()


def test_a_reader_passes_over_what_has_other_keys(world: World) -> None:
    """Unread, whatever it is, and without the partitions that hold none of its keys."""
    world.publish(*(_out(world.notices, number) for number in range(20)))
    world.publish(Outbound(topic=world.notices, key="hub/contact/19", message=None, raw=b"{"))
    wanted = ("hub/contact/3", "hub/contact/4")
    reader = world.reader(world.notices, keys=wanted)
    try:
        assert sorted(item.key for item in reader.read_to_end()) == list(wanted)
        assert set(reader.positions) == {partition_of(key, PARTITIONS) for key in wanted}
    finally:
        reader.close()


def test_a_reader_starts_where_it_is_told(world: World) -> None:
    """Given offsets are where reading begins: a rebuild reads `pairs` from the committed offset on."""
    for number in range(6):
        world.publish(Outbound(topic=world.notices, key="k", message=_notice(number)))
    part = partition_of("k", PARTITIONS)
    reader = world.reader(world.notices, start={part: 4})
    try:
        assert [item.message.id for item in reader.read_to_end()] == ["4", "5"]
    finally:
        reader.close()


def test_an_unreadable_message_is_raised_or_told(world: World) -> None:
    """A reader never leaves a message out in silence."""
    run_blocking(world.bus.publish_raw([Raw(topic=world.notices.name, key="k", value=b"{broken")]))
    world.publish(_out(world.notices, 1))
    with pytest.raises(UnreadableMessage):
        world.stored(world.notices)
    told: list[str] = []
    reader = world.reader(world.notices, unreadable=lambda received, _error: told.append(received.key))
    try:
        assert [item.message.id for item in reader.read_to_end()] == ["1"]
    finally:
        reader.close()
    assert told == ["k"]
