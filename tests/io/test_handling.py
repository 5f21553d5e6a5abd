"""What one batch comes to: outcomes become messages, unreadable ones are parked, and a too large output is found."""

import base64
import dataclasses
from collections.abc import Sequence
from typing import Any

import pytest

from shared.io.envelope import MAX_MESSAGE_BYTES, Raw, Received
from shared.io.handling import by_name, process
from shared.io.memory import ManualClock, MemoryBroker, MemoryBus, MemoryReader
from shared.io.ports import BusUnavailable, Inbound, NotReady, Outbound, run_blocking
from shared.metrics import Metrics
from shared.model.outcomes import NEWER_VERSION, Done, Drop, Later, Outcome, Park
from shared.wire.messages import Delayed, Notice, Parked
from shared.wire.topics import LATER, NOTICES, PARKED, RECORDS, Topic

TOPICS: tuple[Topic[Any], ...] = (NOTICES, RECORDS, PARKED, *LATER.values())


class World:
    """A broker in memory, and a handler whose outcomes a test chooses by record id."""

    def __init__(self) -> None:
        self.broker = MemoryBroker(TOPICS, partitions=2)
        self.clock = ManualClock(1_000_000)
        self.bus = MemoryBus(self.broker)
        self.metrics = Metrics()
        self.handled: list[list[str]] = []
        self.outcomes: dict[str, Outcome | Exception] = {}

    async def handle(self, batch: Sequence[Inbound[Notice]]) -> Sequence[Outcome]:
        self.handled.append([item.message.id for item in batch])
        made: list[Outcome] = []
        for item in batch:
            outcome = self.outcomes.get(item.message.id, Done())
            if isinstance(outcome, Exception):
                raise outcome
            made.append(outcome)
        return made

    def run(self, received: Sequence[Received], handle: Any = None) -> Sequence[Outcome]:
        return run_blocking(
            process(
                received,
                by_name((NOTICES,)),
                handle or self.handle,
                bus=self.bus,
                clock=self.clock,
                metrics=self.metrics,
            )
        )

    def stored(self, topic: Any) -> list[Any]:
        return [item.message for item in MemoryReader(self.broker, topic).read_to_end()]


def _received(*ids: str) -> list[Received]:
    return [
        Received(
            topic="notices",
            partition=0,
            offset=number,
            key=f"hub/contact/{name}",
            value=NOTICES.encode(Notice(connection="hub", object="contact", id=name)),
            headers={"ce_dataschema": "1", "traceparent": f"00-{'a' * 32}-{'b' * 16}-01"},
        )
        for number, name in enumerate(ids)
    ]


def test_done_and_drop_publish_nothing() -> None:
    """What is handled leaves only a count."""
    world = World()
    world.outcomes = {"b": Drop("out_of_scope")}
    assert world.run(_received("a", "b")) == [Done(), Drop("out_of_scope")]
    assert sum(sum(world.broker.end_offsets(topic.name).values()) for topic in TOPICS) == 0
    assert world.metrics.value("messages_total", topic="notices", outcome="done", reason="done") == 1
    assert world.metrics.value("messages_total", topic="notices", outcome="drop", reason="out_of_scope") == 1


def test_later_publishes_the_original_with_its_due_time() -> None:
    """A delayed message carries the bytes, key and headers that came in."""
    world = World()
    world.outcomes = {"a": Later("rate_limited", "1m")}
    (received,) = _received("a")
    world.run([received])
    (delayed,) = world.stored(LATER["1m"])
    assert isinstance(delayed, Delayed)
    assert base64.b64decode(delayed.raw_base64) == received.value
    assert (delayed.topic, delayed.key) == ("notices", received.key)
    assert delayed.headers == {**received.headers, "waited": "rate_limited"}
    assert delayed.due_ms == 1_000_000 + 60_000


def test_park_publishes_the_original_with_its_reason() -> None:
    """A parked message says where it stood, and why nobody could handle it."""
    world = World()
    world.outcomes = {"b": Park("invalid_value", "no such option")}
    received = _received("a", "b")
    world.run(received)
    (parked,) = world.stored(PARKED)
    assert isinstance(parked, Parked)
    assert (parked.topic, parked.partition, parked.offset) == ("notices", 0, 1)
    assert (parked.reason, parked.detail) == ("invalid_value", "no such option")
    assert base64.b64decode(parked.raw_base64) == received[1].value
    assert world.metrics.value("parked_total", topic="notices", reason="invalid_value") == 1


@pytest.mark.parametrize(
    ("value", "headers", "reason"),
    [
        (b"{broken", {}, "malformed"),
        (b"\xff\xfe", {}, "malformed"),
        (b"", {}, "malformed"),
        (None, {}, "malformed"),
        (b"[" * 100_000, {}, "malformed"),
        (b'{"connection":"h","object":"o","id":1}', {}, "malformed"),
        (b"{}", {"ce_dataschema": "-1"}, "unknown_version"),
        (b"{}", {"ce_dataschema": "x" * 5000}, "unknown_version"),
    ],
)
def test_an_unreadable_message_is_parked_and_the_rest_goes_on(
    value: bytes | None, headers: dict[str, str], reason: str
) -> None:
    """Poison never reaches the handler, keeps its bytes, and holds nobody up."""
    world = World()
    good = _received("a", "b", "c")
    poison = dataclasses.replace(good[1], value=value, headers=headers)
    outcomes = world.run([good[0], poison, good[2]])
    assert world.handled == [["a", "c"]]
    assert [type(outcome) for outcome in outcomes] == [Done, Park, Done]
    (parked,) = world.stored(PARKED)
    assert parked.reason == reason
    assert base64.b64decode(parked.raw_base64) == (value or b"")


@pytest.mark.parametrize(
    ("value", "headers"),
    [
        (b"what the next version writes", {"ce_dataschema": "2"}),
        (b'{"connection":"h","object":"o","id":"1","kind":"probed"}', {"ce_dataschema": "1"}),
    ],
)
def test_a_message_of_a_newer_version_waits_and_the_rest_goes_on(value: bytes, headers: dict[str, str]) -> None:
    """It comes again as it was, for a worker that reads it; nothing is parked."""
    world = World()
    good = _received("a", "b", "c")
    outcomes = world.run([good[0], dataclasses.replace(good[1], value=value, headers=headers), good[2]])
    assert world.handled == [["a", "c"]]
    assert outcomes[1] == NEWER_VERSION
    (delayed,) = world.stored(LATER["1m"])
    assert isinstance(delayed, Delayed)
    assert (base64.b64decode(delayed.raw_base64), delayed.topic) == (value, "notices")
    assert delayed.headers == {**headers, "waited": "newer_version"}
    assert world.stored(PARKED) == []


def test_what_a_newer_version_adds_to_a_message_hinders_nobody() -> None:
    """It is handled by what is known of it."""
    world = World()
    (good,) = _received("a")
    news = (good.value or b"").replace(b"{", b'{"surprise":1,', 1)
    assert [type(outcome) for outcome in world.run([dataclasses.replace(good, value=news)])] == [Done]
    assert world.handled == [["a"]]


def test_an_output_that_is_too_large_parks_only_its_cause() -> None:
    """The message whose output does not fit is found by handling one at a time; the others are handled."""
    world = World()

    async def handle(batch: Sequence[Inbound[Notice]]) -> Sequence[Outcome]:
        raws = [
            Raw(topic="records", key=item.key, value=b"x" * (MAX_MESSAGE_BYTES if item.message.id == "b" else 10))
            for item in batch
        ]
        await world.bus.publish_raw(raws)
        return [Done() for _ in batch]

    outcomes = world.run(_received("a", "b", "c"), handle)
    assert [outcome.reason for outcome in outcomes] == ["done", "too_large", "done"]
    assert sum(world.broker.end_offsets("records").values()) == 2
    assert len(world.stored(PARKED)) == 1


@pytest.mark.parametrize("error", [NotReady("s1"), BusUnavailable("away"), ZeroDivisionError()])
def test_what_a_handler_raises_comes_out_with_nothing_published(error: Exception) -> None:
    """The loop decides whether to come again or to stop; nothing is parked on the way."""
    world = World()
    world.outcomes = {"a": Park("internal"), "b": error}
    with pytest.raises(type(error)):
        world.run(_received("a", "b"))
    assert world.stored(PARKED) == []


def test_follow_ups_that_are_not_acknowledged_come_out() -> None:
    """Without Kafka's word for the parked copy the offset must not move."""
    world = World()
    world.outcomes = {"a": Park("internal")}
    world.broker.available = False
    with pytest.raises(BusUnavailable):
        world.run(_received("a"))


def test_a_handler_that_forgets_a_message_is_a_bug() -> None:
    """Fewer outcomes than messages would lose one."""
    world = World()

    async def handle(batch: Sequence[Inbound[Notice]]) -> Sequence[Outcome]:
        return [Done() for _ in batch[1:]]

    with pytest.raises(RuntimeError, match="1 outcomes for 2 messages"):
        world.run(_received("a", "b"), handle)


def test_a_trace_goes_from_a_message_to_its_delayed_copy() -> None:
    """The wait is part of the change's trace."""
    world = World()
    world.outcomes = {"a": Later("rate_limited")}
    world.run(_received("a"))
    (item,) = MemoryReader(world.broker, LATER["10s"]).read_to_end()
    assert item.headers["traceparent"].startswith(f"00-{'a' * 32}-")


def test_outbound_needs_no_cause() -> None:
    """A feed's notice begins its own trace."""
    world = World()
    message = Notice(connection="hub", object="contact", id="1")
    assert list(run_blocking(world.bus.publish([Outbound(topic=NOTICES, key="k", message=message)]))) == [0]
