"""The loop behind `later.*`: publishes delayed messages again, under their own key and headers, once they are due.

Each topic has one constant delay, so its head is always due first: a partition whose head is not due is paused and its
position kept there, which costs nothing and blocks no other delay.
"""

import base64
import binascii
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from kafka import KafkaConsumer, OffsetAndMetadata
from kafka.errors import FencedInstanceIdError, KafkaError

from shared import logs
from shared.io.envelope import Raw, Received, unwrap
from shared.io.handling import follow_up, report
from shared.io.health import Progress
from shared.io.kafka.client import make_client
from shared.io.kafka.connecting import (
    ALL_FETCHED,
    REBALANCE,
    WITHOUT_METRICS,
    KafkaFault,
    client_config,
    is_member,
    poll,
    subscribe,
)
from shared.io.kafka.consumer import SETTLE_S
from shared.io.kafka.producer import KafkaBus
from shared.io.kafka.reader import received
from shared.io.ports import BusUnavailable, Clock, Inbound, Outbound
from shared.io.ports import run_blocking as run
from shared.metrics import Metrics
from shared.model.outcomes import Done, Outcome, Park
from shared.settings import Settings
from shared.wire.messages import Delayed, Parked
from shared.wire.topics import DELAYS_MS, LATER, PARKED, UnreadableMessage

GROUP: Final = "later"
_POLL_MS: Final = 2000
"""How long an idle loop waits. What comes ends the wait, and so does a process that stops."""
_SHORT_MS: Final = 500
"""The same while it joins its group, or a message is due: it tells, or looks, only between two polls."""
_FETCH_MS: Final = 1000
"""Longest wait of a broker for the first message: by so much later a message that is due is read again."""
_TOPICS: Final = {topic.name: topic for topic in LATER.values()}
_DELAY_OF: Final[Mapping[str, int]] = {topic.name: DELAYS_MS[delay] for delay, topic in LATER.items()}
_log = logs.get(__name__)


@dataclass(slots=True)
class Head:
    """The message that a partition waits for."""

    offset: int
    due: float
    """On the monotonic clock, so that a jump of the wall clock cannot hold messages back."""


@dataclass(slots=True)
class Plan:
    """What to do with what a poll brought: publish a prefix, then wait for the head of the rest."""

    publish: list[Raw] = field(default_factory=list)
    park: list[Outbound] = field(default_factory=list)
    settled: list[tuple[Received, Outcome]] = field(default_factory=list)
    head: Head | None = None


def plan(items: Sequence[Received], *, now_ms: int, monotonic: float, known: Head | None) -> Plan:
    """Divide the messages of one partition into those that are due and the rest.

    A message waits for its topic's delay at most, counted from when it was first seen at the head, whatever the
    clocks of the machines say.
    """
    made = Plan()
    for item in items:
        try:
            delayed, value = _unwrap(item)
        except (UnreadableMessage, binascii.Error) as error:
            made.park.append(_parked(item, str(error), now_ms))
            made.settled.append((item, Park("unreadable_delayed", str(error))))
            continue
        left_ms = delayed.due_ms - now_ms if delayed is not None else _DELAY_OF[item.topic]
        if known is not None and known.offset == item.offset:
            due = known.due
        else:
            due = monotonic + min(left_ms, _DELAY_OF[item.topic]) / 1000
        if due > monotonic:
            made.head = Head(item.offset, due)
            return made
        if delayed is None:
            made.publish.append(Raw(topic=item.topic, key=item.key, value=item.value, headers=item.headers))
        else:
            made.publish.append(Raw(topic=delayed.topic, key=delayed.key, value=value, headers=delayed.headers))
        made.settled.append((item, Done("republished")))
    return made


def _unwrap(item: Received) -> tuple[Delayed | None, bytes]:
    """Return a delayed message and its bytes; without one, it is for a loop of a newer version, and waits once more."""
    try:
        inbound: Inbound[Delayed] = unwrap(item, _TOPICS)
    except UnreadableMessage as error:
        if error.reason != "newer_version":
            raise
        return None, b""
    return inbound.message, base64.b64decode(inbound.message.raw_base64, validate=True)


def _parked(item: Received, detail: str, now_ms: int) -> Outbound:
    outcome = Park("unreadable_delayed", detail)
    bare: Inbound[Any] = Inbound(
        topic=item.topic,
        partition=item.partition,
        offset=item.offset,
        key=item.key,
        message=None,
        raw=item.value or b"",
        headers=item.headers,
    )
    made = follow_up(bare, outcome, now_ms)
    if made is None or not isinstance(made.message, Parked):
        raise AssertionError("a parked outcome always gives a parked message")
    return Outbound(topic=PARKED, key=item.key, message=made.message)


class LaterLoop:
    """Runs in the thread that calls `run`. Several processes may run it: they share the topics as a group."""

    def __init__(
        self,
        settings: Settings,
        *,
        bus: KafkaBus,
        metrics: Metrics,
        clock: Clock,
        progress: Progress,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._bus = bus
        self._metrics = metrics
        self._clock = clock
        self._progress = progress
        self._monotonic = monotonic
        self._heads: dict[Any, Head] = {}
        self._away = logs.Trouble(_log, "dropped_and_polling_again", settle_s=SETTLE_S)
        self._unpublished = logs.Trouble(_log, "batch_put_back")

    def run(self, stop: threading.Event) -> None:
        """Publish again what is due until *stop* is set; raises `KafkaFault`."""
        consumer = self._connect()
        try:
            while not stop.is_set():
                self._round(consumer, stop)
        except KafkaError as error:
            raise KafkaFault(f"the later loop cannot go on: {error!r}") from error
        finally:
            self._progress.assigned(GROUP, ())
            consumer.close(autocommit=False, timeout_ms=2000)

    def _connect(self) -> Any:
        session_ms = int(self._settings.session_timeout_s * 1000)
        try:
            consumer = make_client(
                KafkaConsumer,
                **client_config(self._settings),
                **WITHOUT_METRICS,
                group_id=GROUP,
                group_instance_id=self._settings.instance_id,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                allow_auto_create_topics=False,
                max_poll_records=ALL_FETCHED,
                session_timeout_ms=session_ms,
                heartbeat_interval_ms=session_ms // 4,
                fetch_max_wait_ms=_FETCH_MS,
            )
        except KafkaError as error:
            raise KafkaFault(f"no Kafka at {self._settings.kafka_bootstrap}: {error!r}") from error
        subscribe(consumer, sorted(_TOPICS))
        return consumer

    def _round(self, consumer: Any, stop: threading.Event) -> None:
        self._progress.member(GROUP, _TOPICS, joined=is_member(consumer))
        try:
            found = poll(consumer, self._wait_ms(consumer))
            self._follow(consumer)
            for part, records in found.items():
                self._take(consumer, part, records)
                self._unpublished.over(group=GROUP)
            if is_member(consumer):
                self._away.over(group=GROUP)
        except FencedInstanceIdError:
            raise
        except REBALANCE as error:
            self._away.begun(group=GROUP, detail=repr(error))
            self._rewind(consumer)
            stop.wait(0.2)
        except BusUnavailable as error:
            self._metrics.count("retries_total", topic="later", cause="bus_unavailable")
            self._unpublished.begun(group=GROUP, detail=str(error))
            self._rewind(consumer)
            stop.wait(1.0)

    def _wait_ms(self, consumer: Any) -> int:
        """Return how long a poll may wait: until the next message is due."""
        if not is_member(consumer):
            return _SHORT_MS
        due = min((head.due for head in self._heads.values()), default=float("inf"))
        return int(max(_SHORT_MS, min(_POLL_MS, 1000 * (due - self._monotonic()))))

    def _follow(self, consumer: Any) -> None:
        """Forget partitions that went elsewhere, and wake those whose head is due or whose wait must be shown."""
        mine = consumer.assignment()
        self._progress.assigned(GROUP, ((part.topic, part.partition) for part in mine))
        self._heads = {part: head for part, head in self._heads.items() if part in mine}
        if self._heads:
            self._progress.holding(GROUP, ((part.topic, part.partition) for part in self._heads))
        due = [part for part, head in self._heads.items() if head.due <= self._monotonic()]
        if due:
            consumer.resume(*due)

    def _take(self, consumer: Any, part: Any, records: Sequence[Any]) -> None:
        items = [received(record) for record in records]
        made = plan(items, now_ms=self._clock.now_ms(), monotonic=self._monotonic(), known=self._heads.get(part))
        if made.publish:
            run(self._bus.publish_raw(made.publish))
        if made.park:
            run(self._bus.publish(made.park))
        if made.settled:
            consumer.commit({part: OffsetAndMetadata(made.settled[-1][0].offset + 1, "", -1)}, timeout_ms=5000)
            report([item for item, _ in made.settled], [outcome for _, outcome in made.settled], self._metrics)
        if made.head is None:
            self._heads.pop(part, None)
        else:
            self._heads[part] = made.head
            consumer.seek(part, made.head.offset)
            consumer.pause(part)

    def _rewind(self, consumer: Any) -> None:
        """Read on at what is committed: a part of what was fetched may not have been published."""
        for part in consumer.assignment():
            try:
                offset = consumer.committed(part, timeout_ms=5000)
                if offset is None:
                    consumer.seek_to_beginning(part)
                else:
                    consumer.seek(part, offset)
            except REBALANCE as error:
                _log.info("position_unknown", group=GROUP, detail=repr(error))
                return
