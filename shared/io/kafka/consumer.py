"""The supervised consumer: takes batches, has them handled, and commits when everything that follows is published."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from kafka import KafkaConsumer, OffsetAndMetadata
from kafka.errors import FencedInstanceIdError, KafkaError
from pydantic import BaseModel

from shared import logs
from shared.io.envelope import Received
from shared.io.handling import Handler, by_name, process
from shared.io.health import Progress
from shared.io.kafka.bundles import items_of
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
from shared.io.kafka.reader import received
from shared.io.kafka.shares import Shares
from shared.io.ports import Bus, BusUnavailable, Clock, NotReady, run_blocking
from shared.metrics import Metrics
from shared.settings import Settings
from shared.wire.topics import Topic

M = TypeVar("M", bound=BaseModel)

_POLL_MS: Final = 2000
"""How long an idle consumer waits: polls cost time even where nothing comes. What comes ends the wait, and so does a
process that stops."""
_JOINING_MS: Final = 500
"""The same while it joins its group, for it tells only between two polls that it has."""
_FETCH_MS: Final = 2000
"""Longest wait of a broker for the first message, so that an idle consumer asks seldom. A message is sent at once all
the same, but of a partition that is new or was paused only once the question before it is answered."""
_COMMIT_MS: Final = 5000
_COMMIT_EVERY_S: Final = 0.2
"""How long the offsets of handled batches may wait to be committed together: small batches, as while people edit, would
else cost a call to the broker each. After a crash so much more is handled twice."""
_CLOSE_MS: Final = 2000
SETTLE_S: Final = 30.0
"""While a broker is away, polls fail only now and then: so long without a failure means that it is back."""
_PAUSE_S: Final = (0.2, 0.4, 0.7, 1.0)
_log = logs.get(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription(Generic[M]):
    """What one consumer takes, and who handles it."""

    group: str
    topics: tuple[Topic[M], ...]
    handle: Handler[M]
    batch: int
    """Most messages handed over at once, in fair shares of all partitions."""
    linger_s: float = 0.0
    """How long to wait for a batch to fill once its first message is there; for work where calls count, not time."""
    member: str = ""
    """Tells apart several consumers of one group in one process."""


class SupervisedConsumer(Generic[M]):
    """Runs one subscription in the thread that calls `run`.

    What it promises: an offset is committed only after its message's outcome, and every message that follows from it,
    is acknowledged by Kafka; a message that cannot be read is parked; a batch that met `NotReady` or `BusUnavailable`
    comes again, whole; any other exception of a handler stops the process with nothing of that batch committed.
    """

    def __init__(
        self,
        settings: Settings,
        subscription: Subscription[M],
        *,
        bus: Bus,
        metrics: Metrics,
        clock: Clock,
        progress: Progress,
    ) -> None:
        self._settings = settings
        self._plan = subscription
        self._bus = bus
        self._metrics = metrics
        self._clock = clock
        self._progress = progress
        self._topics = by_name(subscription.topics)
        self._assigned: frozenset[tuple[str, int]] | None = None
        self._waiting: Shares[Any, Received] = Shares()
        self._generation = -1
        """Of the group, when what waits was fetched."""
        self._handled: dict[Any, int] = {}
        """By partition, where to go on after what was handled and is not committed yet."""
        self._due = 0.0
        self._outrun = False
        """A commit failed: another member may have had our partitions since, and gone further."""
        self._failures = 0
        self._away = logs.Trouble(_log, "dropped_and_polling_again", settle_s=SETTLE_S)
        self._put_aside = logs.Trouble(_log, "batch_put_back")

    def run(self, stop: threading.Event) -> None:
        """Consume until *stop* is set, then finish the batch in hand; raises `KafkaFault` or the handler's bug."""
        consumer = self._connect()
        try:
            while not stop.is_set():
                self._round(consumer, stop)
            self._commit(consumer)
        except KafkaError as error:
            raise KafkaFault(f"group {self._plan.group} cannot go on: {error!r}") from error
        finally:
            self._progress.assigned(self._plan.group, ())
            consumer.close(autocommit=False, timeout_ms=_CLOSE_MS)

    def ready(self) -> str:
        """Return why the consumer takes no messages yet; nothing once it has joined its group."""
        return "" if self._assigned is not None else f"has not joined group {self._plan.group}"

    def _connect(self) -> Any:
        session_ms = int(self._settings.session_timeout_s * 1000)
        names = [topic.name for topic in self._plan.topics]
        member = f"-{self._plan.member}" if self._plan.member else ""
        try:
            consumer = make_client(
                KafkaConsumer,
                **client_config(self._settings),
                **WITHOUT_METRICS,
                group_id=self._plan.group,
                group_instance_id=f"{self._settings.instance_id}{member}",
                enable_auto_commit=False,
                auto_offset_reset="earliest",  # a new group must not miss what came before it
                allow_auto_create_topics=False,
                max_poll_records=ALL_FETCHED,
                session_timeout_ms=session_ms,
                heartbeat_interval_ms=session_ms // 4,
                max_poll_interval_ms=int(1000 * (self._settings.watchdog_s + 30)),  # the watchdog bites first
                fetch_max_wait_ms=_FETCH_MS,
            )
        except KafkaError as error:
            raise KafkaFault(f"no Kafka at {self._settings.kafka_bootstrap}: {error!r}") from error
        subscribe(consumer, names)
        return consumer

    def _round(self, consumer: Any, stop: threading.Event) -> None:
        self._progress.member(self._plan.group, self._topics, joined=is_member(consumer))
        try:
            if self._handled and time.monotonic() >= self._due:
                self._commit(consumer)
            self._fetch(consumer, 0 if self._waiting else self._wait_ms(consumer))
            if self._waiting and self._plan.linger_s:
                self._gather(consumer, stop)
        except FencedInstanceIdError:
            raise
        except REBALANCE as error:
            self._rebalanced("poll", error)
            stop.wait(_PAUSE_S[0])
            return
        self._note_assignment(consumer)
        if is_member(consumer):
            self._away.over(group=self._plan.group)
        batch = {} if stop.is_set() else self._waiting.take(self._plan.batch)
        if batch and not self._settle(batch, stop):
            self._waiting.put_back(batch)

    def _fetch(self, consumer: Any, wait_ms: int) -> None:
        """Take what the client has fetched, but no more of a partition of which something waits."""
        paused, waiting = consumer.paused(), self._waiting.parts & consumer.assignment()
        consumer.pause(*(waiting - paused))
        consumer.resume(*(paused - waiting))
        for part, records in poll(consumer, wait_ms).items():
            self._waiting.add({part: [item for record in records for item in items_of(received(record))]})
        generation = consumer.group_metadata().generation_id
        if waiting and generation != self._generation:
            self._read_again(consumer)
        self._generation = generation

    def _read_again(self, consumer: Any) -> None:
        """Forget what was fetched before a rebalance: others may have had the partitions since, and handled it."""
        mine = consumer.assignment()
        for part, item in self._waiting.clear().items():
            if part in mine:
                consumer.seek(part, item.offset)
        self._outrun = True

    def _gather(self, consumer: Any, stop: threading.Event) -> None:
        """Wait until the batch is full, or the time is over."""
        deadline = time.monotonic() + self._plan.linger_s
        while len(self._waiting) < self._plan.batch and time.monotonic() < deadline and not stop.is_set():
            self._fetch(consumer, 50)

    def _settle(self, batch: dict[Any, list[Received]], stop: threading.Event) -> bool:
        """Handle one batch and note that it can be committed; False when it, and all after it, has to come again."""
        items = [item for part in sorted(batch) for item in batch[part]]
        work = process(items, self._topics, self._plan.handle, bus=self._bus, clock=self._clock, metrics=self._metrics)
        try:
            run_blocking(work)
        except (NotReady, BusUnavailable) as error:
            self._hold(error, items[0].topic, stop)
            return False
        except Exception:
            _log.exception("handler_failed", group=self._plan.group, topic=items[0].topic, offset=items[0].offset)
            raise
        self._failures = 0
        self._put_aside.over(group=self._plan.group)
        self._progress.working(self._plan.group)
        if not self._handled:
            self._due = time.monotonic() + _COMMIT_EVERY_S
        self._handled |= {part: items[-1].after for part, items in batch.items()}
        return True

    def _hold(self, error: NotReady | BusUnavailable, topic: str, stop: threading.Event) -> None:
        not_ready = isinstance(error, NotReady)
        self._metrics.count("retries_total", topic=topic, cause="not_ready" if not_ready else "bus_unavailable")
        self._put_aside.begun(group=self._plan.group, topic=topic, detail=str(error))
        if not_ready:
            self._progress.waiting(self._plan.group)
        stop.wait(_PAUSE_S[min(self._failures, len(_PAUSE_S) - 1)])
        self._failures += 1

    def _wait_ms(self, consumer: Any) -> int:
        """Return how long a poll may wait: until the next commit is due, where there is one."""
        most = _POLL_MS if self._assigned is not None and is_member(consumer) else _JOINING_MS
        if not self._handled:
            return most
        return max(0, min(most, int(1000 * (self._due - time.monotonic()))))

    def _commit(self, consumer: Any) -> None:
        """Commit what was handled; what cannot be committed now is tried again while its partition is ours."""
        mine = consumer.assignment()
        self._handled = {part: offset for part, offset in self._handled.items() if part in mine}
        if not self._handled:
            return
        self._due = time.monotonic() + _COMMIT_EVERY_S
        try:
            if self._outrun:
                self._handled = {
                    part: offset
                    for part, offset in self._handled.items()
                    if offset > (consumer.committed(part, timeout_ms=_COMMIT_MS) or 0)
                }
            offsets = {part: OffsetAndMetadata(offset, "", -1) for part, offset in self._handled.items()}
            if offsets:
                consumer.commit(offsets, timeout_ms=_COMMIT_MS)
        except FencedInstanceIdError as error:
            raise KafkaFault(
                f"another process runs as {self._settings.instance_id!r} in group {self._plan.group}: "
                "give each process its own SYNCLINE_INSTANCE"
            ) from error
        except REBALANCE as error:
            self._rebalanced("commit", error)
            self._outrun = True
        else:
            self._handled, self._outrun = {}, False

    def _rebalanced(self, where: str, error: Exception) -> None:
        self._away.begun(group=self._plan.group, where=where, detail=repr(error))
        self._metrics.count("retries_total", topic=self._plan.topics[0].name, cause="rebalance")

    def _note_assignment(self, consumer: Any) -> None:
        now = frozenset((part.topic, part.partition) for part in consumer.assignment())
        if now != self._assigned and (now or self._assigned is not None or is_member(consumer)):
            self._assigned = now
            self._progress.assigned(self._plan.group, now)
            _log.info("assigned", group=self._plan.group, partitions=_named(now))


def _named(partitions: frozenset[tuple[str, int]]) -> Sequence[str]:
    return [f"{topic}/{number}" for topic, number in sorted(partitions)]
