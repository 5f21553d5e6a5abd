"""Faust's messages spelt as ours, and what its producer says about what we publish."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from aiokafka.errors import KafkaTimeoutError, NotLeaderForPartitionError
from faust.types.tuples import TP, ConsumerMessage, Message
from mode.utils.futures import done_future

from services.matcher.app import WORTH_DIVIDING, Agents, FaustBus, lanes, make_app, received
from shared.config.setups import Setups
from shared.io.envelope import MAX_MESSAGE_BYTES, SCHEMA, SETUPS, TRACE, MessageTooLarge, unwrap
from shared.io.health import JOIN_LIMITS, Progress
from shared.io.kafka.bundles import items_of
from shared.io.kafka.connecting import partition_of
from shared.io.memory import ManualClock
from shared.io.ports import BusUnavailable, Outbound
from shared.metrics import Metrics
from shared.settings import Settings
from shared.wire import topics
from shared.wire.messages import Notice, Parked


def message(kind: Any = Message, **changes: Any) -> Any:
    """Make a message as Faust gives it."""
    fields: dict[str, Any] = {
        "topic": "notices", "partition": 3, "offset": 7, "timestamp": 1.0, "timestamp_type": 0,
        "headers": [("a", b"1")], "key": b"k", "value": b"{}", "checksum": None,
    }  # fmt: skip
    return kind(**{**fields, **changes})


@pytest.mark.parametrize("kind", [Message, ConsumerMessage])
@pytest.mark.parametrize(
    "headers", [{"a": b"1", "b": b"\xff"}, [("a", b"1"), ("b", b"\xff")], (("a", b"1"), ("b", b"\xff"))]
)
def test_headers_come_as_a_table_or_as_pairs(kind: Any, headers: Any) -> None:
    """Octets that are no text are replaced, never refused."""
    found = received(message(kind, headers=headers))
    assert (found.topic, found.partition, found.offset, found.key, found.value) == ("notices", 3, 7, "k", b"{}")
    assert dict(found.headers) == {"a": "1", "b": "�"}


def test_a_message_without_key_value_or_headers_is_still_one() -> None:
    """It is parked later, with its place."""
    found = received(message(headers=None, key=None, value=None))
    assert (found.key, found.value, dict(found.headers)) == ("", None, {})
    assert received(message(headers=[("a", None)], key=b"\xff")).headers == {"a": ""}
    assert received(message(key=b"\xff")).key == "�"


@pytest.mark.parametrize(("messages", "parts"), [(1, 1), (WORTH_DIVIDING - 1, 1), (WORTH_DIVIDING, 2), (500, 2)])
def test_a_batch_is_divided_by_partitions_when_it_is_worth_it(messages: int, parts: int) -> None:
    """Nothing is left out, the order within a partition stays, and no partition is in two parts."""
    batch = [received(message(partition=number % 7, offset=number)) for number in range(messages)]
    made = lanes(batch)
    assert len(made) == parts
    assert sorted(item.offset for lane in made for item in lane) == list(range(messages))
    owners = {(item.partition, number) for number, lane in enumerate(made) for item in lane}
    assert len(owners) == len({partition for partition, _ in owners})
    for lane in made:
        assert [item.offset for item in lane] == sorted(item.offset for item in lane)


def test_a_matcher_that_waits_for_its_partitions_is_noticed() -> None:
    """From its start on, and again from each time that the group divides them anew."""
    now = [0.0]
    progress = Progress(limit_s=60, monotonic=lambda: now[0])
    settings, setups, clock = Settings(), Setups(), ManualClock()
    app = make_app(settings, "m")
    agents = Agents(app, settings, FaustBus(app, settings, setups), setups, clock, Metrics(), progress)
    agents.add(topics.PAIRS, lambda _batch: None)

    def waits(seconds: float) -> bool:
        now[0] += seconds
        return "has tried to join" in "".join(progress.stuck())

    assert not waits(60 * JOIN_LIMITS)
    assert waits(1)
    asyncio.run(app.on_partitions_assigned.send({TP("pairs", 0)}))
    assert progress.owned(topics.MATCHER_GROUP) == {("pairs", 0)}
    assert not waits(1000)
    asyncio.run(app.on_partitions_revoked.send({TP("pairs", 0)}))
    assert not waits(60 * JOIN_LIMITS)
    assert waits(1)


class Producer:
    """Takes the place of Faust's producer, which needs brokers: what it is given, and what it answers."""

    def __init__(self, answer: Callable[[int], Any]) -> None:
        self.sent: list[tuple[Any, ...]] = []
        self._answer = answer

    @property
    def _producer(self) -> "Producer":
        return self  # of Faust's driver, the client in it

    async def partitions_for(self, topic: str) -> set[int]:
        del topic
        return {0, 1}

    async def send(self, *given: Any) -> Any:
        self.sent.append(given)
        return self._answer(len(self.sent) - 1)


class App:
    """The one thing of a Faust app that the bus uses."""

    def __init__(self, answer: Callable[[int], Any]) -> None:
        self.producer = Producer(answer)

    async def maybe_start_producer(self) -> Producer:
        return self.producer


class Place:
    def __init__(self, offset: int) -> None:
        self.offset = offset


def bus(answer: Callable[[int], Any], timeout_s: float = 0.2) -> tuple[FaustBus, Producer]:
    app, setups = App(answer), Setups()
    setups.offset = 41
    settings = Settings(publish_timeout_s=timeout_s)
    return FaustBus(app, settings, setups), app.producer


def notice(record: str = "1", key: str = "k") -> Outbound:
    return Outbound(topic=topics.NOTICES, key=key, message=Notice(connection="a", object="contact", id=record))


def test_what_is_published_can_be_read_by_everybody() -> None:
    """The envelope is the one of all services; the settings that the matcher has seen go along."""

    async def run() -> None:
        made, producer = bus(lambda number: done_future(Place(number + 5)))
        assert partition_of("k", 2) != partition_of("o", 2)
        assert await made.publish([notice("1"), notice("2"), notice("3", "o")]) == [5, 5, 6]
        found = [
            item
            for topic, key, value, _, _, headers in producer.sent
            for item in items_of(received(message(topic=topic, key=key, value=value, headers=headers)))
        ]
        for number, item in enumerate(found):
            assert unwrap(item, {topics.NOTICES.name: topics.NOTICES}).message.id == str(number + 1)
            assert (item.headers[SETUPS], item.headers[SCHEMA]) == ("41", "1")
            assert item.headers[TRACE].startswith("00-")
        assert len({item.headers[TRACE] for item in found}) == 3

    asyncio.run(run())


def test_nothing_is_sent_of_a_batch_of_which_one_is_too_large() -> None:
    """Otherwise the others would be published again when its cause has been found."""

    async def run() -> None:
        made, producer = bus(lambda _number: done_future(Place(0)))
        with pytest.raises(MessageTooLarge):
            await made.publish([notice(), notice("x" * MAX_MESSAGE_BYTES)])
        assert producer.sent == []

    asyncio.run(run())


def test_a_tombstone_has_no_value() -> None:
    """Null on the wire."""

    async def run() -> None:
        made, producer = bus(lambda _number: done_future(Place(0)))
        await made.publish([Outbound(topic=topics.PARKED, key="k", message=None)])
        assert producer.sent[0][2] is None
        assert Parked is topics.PARKED.model

    asyncio.run(run())


def _failed(error: Exception) -> Callable[[int], Any]:
    def answer(number: int) -> Any:
        future = asyncio.get_running_loop().create_future()
        if number == 1:
            future.set_exception(error)
        else:
            future.set_result(Place(number))
        return future

    return answer


@pytest.mark.parametrize("error", [KafkaTimeoutError("late"), NotLeaderForPartitionError("moved")])
def test_what_kafka_refuses_is_not_published(error: Exception) -> None:
    """One message of a batch is enough: the batch comes again."""

    async def run() -> None:
        made, _ = bus(_failed(error))
        with pytest.raises(BusUnavailable):
            await made.publish([notice(), notice(key="o")])

    asyncio.run(run())


def test_silence_is_no_acknowledgement() -> None:
    """It is waited for so long, and then the batch comes again."""

    async def run() -> None:
        made, _ = bus(lambda _number: asyncio.get_running_loop().create_future(), timeout_s=0.05)
        with pytest.raises(BusUnavailable, match="acknowledged nothing"):
            await made.publish([notice()])

    asyncio.run(run())


def test_a_bug_is_not_taken_for_an_outage() -> None:
    """It would be tried for ever; the process must end."""

    async def run() -> None:
        made, _ = bus(_failed(ZeroDivisionError()))
        with pytest.raises(ZeroDivisionError):
            await made.publish([notice(), notice(key="o")])

    asyncio.run(run())
