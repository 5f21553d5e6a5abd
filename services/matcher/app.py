"""The matcher's two Faust agents: match on `records`, resolve on `pairs`.

No decision lives here. An agent gathers what has arrived, has it handled completely, outputs acknowledged, and only
then acknowledges the messages themselves.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import Any, Final

import faust

from services.matcher.faust_fast import FastApp
from shared import logs
from shared.config.setups import Setups
from shared.io.envelope import (
    MAX_WRAPPED_BYTES,
    Raw,
    Received,
    fresh_bits,
    read_headers,
    setups_seen,
    wire_headers,
)
from shared.io.handling import process
from shared.io.health import Progress
from shared.io.kafka.bundles import items_of, pack, topics_of
from shared.io.ports import Bus, BusUnavailable, Clock, NotReady, Outbound
from shared.metrics import Metrics
from shared.settings import Settings
from shared.wire import topics

WORTH_DIVIDING: Final = 32
"""Messages of a batch from which on two halves are worth their round trips."""
_PAUSES_S: Final = (0.05, 0.1, 0.2, 0.5, 1.0)
_log = logs.get(__name__)


class FaustBus:
    """Publishes through the app's own producer."""

    def __init__(self, app: faust.App, settings: Settings, setups: Setups) -> None:
        self._app = app
        self._settings = settings
        self._setups = setups
        self._bits = fresh_bits()

    async def publish(self, messages: Sequence[Outbound]) -> Sequence[int]:
        """Send all, and return their offsets once Kafka has acknowledged each."""
        try:
            async with asyncio.timeout(self._settings.publish_timeout_s):
                producer = await self._app.maybe_start_producer()
                raws, numbers = await self._packed(producer, messages)
                for raw in raws:
                    raw.check()
                sent = [await self._send(producer, raw) for raw in raws]
                answers = await asyncio.gather(*sent)
        except (TimeoutError, faust.exceptions.ProducerSendError) as error:
            raise BusUnavailable(f"Kafka acknowledged nothing for {self._settings.publish_timeout_s} s") from error
        except Exception as error:
            if type(error).__module__.startswith(("aiokafka", "kafka")):
                raise BusUnavailable(repr(error)) from error
            raise
        return [answers[number].offset for number in numbers]

    async def _packed(self, producer: Any, messages: Sequence[Outbound]) -> tuple[list[Raw], list[int]]:
        counts: dict[str, int] = {}
        for name in topics_of(messages):
            counts[name] = len(await producer._producer.partitions_for(name))  # noqa: SLF001 - Faust does not tell
        return pack(messages, setups=self._setups.offset, bits=self._bits, partitions=counts)

    @staticmethod
    async def _send(producer: Any, raw: Raw) -> Awaitable[Any]:
        sending: Awaitable[Any] = await producer.send(
            raw.topic, raw.key.encode(), raw.value, None, None, wire_headers(raw.headers)
        )
        return sending


def make_app(settings: Settings, member: str) -> faust.App:
    """Make the app with the settings that were measured: fast, static membership, nothing declared, no web."""
    return FastApp(
        topics.MATCHER_GROUP,
        broker=[f"kafka://{address.strip()}" for address in settings.kafka_bootstrap.split(",")],
        store="memory://",
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
        value_serializer="raw",
        key_serializer="raw",
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=member,
        broker_session_timeout=settings.session_timeout_s,
        broker_heartbeat_interval=min(1.0, settings.session_timeout_s / 4),
        broker_commit_interval=0.25,
        broker_max_poll_interval=600.0,
        producer_linger=0.0,
        producer_acks=-1,
        producer_max_batch_size=262_144,
        producer_max_request_size=MAX_WRAPPED_BYTES + 100_000,
        # Faust sleeps for a whole second when all its buffers are full: more than is handled in that time, and no more,
        # because all of it lies in memory while a first sync is ahead of us.
        stream_buffer_maxsize=8192,
        stream_wait_empty=False,
    )


class Agents:
    """Runs handlers as agents of the app, with the recipe that loses nothing and is fast."""

    def __init__(
        self, app: faust.App, settings: Settings, bus: Bus, setups: Setups, clock: Clock, metrics: Metrics,
        progress: Progress,
    ) -> None:  # fmt: skip
        self._app = app
        self._settings = settings
        self._bus = bus
        self._setups = setups
        self._clock = clock
        self._metrics = metrics
        self._progress = progress
        self._topics: list[str] = []
        app.on_partitions_revoked.connect(self._revoked)
        app.on_partitions_assigned.connect(self._assigned)

    def add(self, topic: topics.Topic[Any], handle: Callable[..., Any]) -> None:
        """Register a handler for a topic."""
        self._topics.append(topic.name)
        self._progress.member(topics.MATCHER_GROUP, self._topics, joined=False)
        self._app.agent(_source(self._app, topic.name), concurrency=1)(self._agent(topic, handle))

    async def _revoked(self, _app: Any, _revoked: Any, **_kwargs: Any) -> None:
        self._progress.member(topics.MATCHER_GROUP, self._topics, joined=False)

    async def _assigned(self, _app: Any, assigned: Any, **_kwargs: Any) -> None:
        self._progress.member(topics.MATCHER_GROUP, self._topics, joined=True)
        self._progress.assigned(topics.MATCHER_GROUP, ((part.topic, part.partition) for part in assigned))

    def _agent(self, topic: topics.Topic[Any], handle: Callable[..., Any]) -> Callable[[Any], Awaitable[None]]:
        async def agent(stream: Any) -> None:
            events: list[Any] = []
            batch: list[Received] = []
            queue = stream.channel.queue
            # Batches grow under load, and nothing waits when idle.
            async for event in stream.noack().events():
                events.append(event)
                batch += items_of(received(event.message))
                if len(batch) >= self._settings.match_batch or queue.empty():
                    await self._settle(topic, handle, batch)
                    for done in events:
                        await stream.ack(done)
                    events, batch = [], []

        agent.__name__ = f"{topic.name}_agent"
        agent.__qualname__ = agent.__name__
        return agent

    async def _settle(self, topic: topics.Topic[Any], handle: Callable[..., Any], batch: list[Received]) -> None:
        """Handle a batch, however long Redis or Kafka is away; a bug ends the process."""

        async def work_off(lane: Sequence[Received]) -> None:
            await process(lane, {topic.name: topic}, handle, bus=self._bus, clock=self._clock, metrics=self._metrics)

        attempt, trouble = 0, logs.Trouble(_log, "batch_waits")
        try:
            await self._catch_up(batch)
            while True:
                try:
                    await _all(work_off(lane) for lane in lanes(batch))
                except (NotReady, BusUnavailable) as error:
                    self._progress.waiting(topics.MATCHER_GROUP)
                    self._metrics.count("retries_total", topic=topic.name, cause=_cause(error))
                    trouble.begun(topic=topic.name, detail=str(error))
                    await asyncio.sleep(_PAUSES_S[min(attempt, len(_PAUSES_S) - 1)])
                    attempt += 1
                else:
                    trouble.over(topic=topic.name)
                    self._progress.working(topics.MATCHER_GROUP)
                    return
        except Exception:  # noqa: BLE001 - a bug must end the process
            # An exception that leaves an agent acknowledges its message. Nothing may be lost to a bug: stop here.
            _log.exception("handler_failed", topic=topic.name, first=batch[0].offset, messages=len(batch))
            os._exit(1)

    async def _catch_up(self, batch: Sequence[Received]) -> None:
        """Wait until the settings that the senders had seen are known here too."""
        wanted = max(setups_seen(item.headers) for item in batch)
        while self._setups.offset < wanted:  # noqa: ASYNC110 - another thread moves the offset
            await asyncio.sleep(0.01)


def lanes(batch: Sequence[Received]) -> list[list[Received]]:
    """Divide a batch by partitions into parts that share no pair and no record, to be worked off side by side.

    While one waits for Redis or Kafka, the other is decided. Two keep the processor busy; more only make batches small,
    and a batch that is small already is better left whole.
    """
    if len(batch) < WORTH_DIVIDING:
        return [list(batch)]
    made: tuple[list[Received], list[Received]] = ([], [])
    for item in batch:
        made[item.partition % 2].append(item)
    return [lane for lane in made if lane]


async def _all(works: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Await all works before raising the first error, so that none is still running when the batch is retried."""
    for result in await asyncio.gather(*works, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result


def _cause(error: NotReady | BusUnavailable) -> str:
    return "not_ready" if isinstance(error, NotReady) else "bus_unavailable"


def _source(app: faust.App, name: str) -> Any:
    return app.topic(name, value_type=bytes, key_type=bytes, value_serializer="raw", key_serializer="raw")


def received(message: Any) -> Received:
    """Convert a message of Faust to ours."""
    headers = message.headers or {}
    items = headers.items() if hasattr(headers, "items") else headers
    return Received(
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        key=(message.key or b"").decode("utf-8", "replace"),
        value=message.value,
        headers=read_headers(items),
    )
