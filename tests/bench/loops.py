"""The same work as the matcher's, in other loops: plain aiokafka, and Faust's own `take_events`.

Run as ``python -m tests.bench.loops aiokafka|take_events``; the settings are the matcher's.
"""

import asyncio
import logging
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import faust
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from services.matcher.app import FaustBus, received
from services.matcher.matching.match import Match
from services.matcher.resolving.resolve import Resolve
from shared import logs
from shared.config.setups import Setups
from shared.io.clock import SystemClock
from shared.io.envelope import Received, fresh_bits, read_headers, wire_headers, wrap
from shared.io.handling import process
from shared.io.links.store import Store
from shared.io.ports import Outbound
from shared.io.process.following import SetupsFollower
from shared.io.process.service import collect_rarely
from shared.io.redis.client import AsyncScripts, connect_async
from shared.metrics import Metrics
from shared.settings import Settings, load
from shared.wire import topics


class AiokafkaBus:
    """Publishes through a bare aiokafka producer."""

    def __init__(self, producer: Any, setups: Setups) -> None:
        self._producer = producer
        self._setups = setups
        self._bits = fresh_bits()

    async def publish(self, messages: Sequence[Outbound]) -> Sequence[int]:
        """Send all, and wait for each acknowledgement."""
        raws = [wrap(one, setups=self._setups.offset, bits=self._bits) for one in messages]
        sent = [
            await self._producer.send(raw.topic, raw.value, raw.key.encode(), headers=wire_headers(raw.headers))
            for raw in raws
        ]
        return [answer.offset for answer in await asyncio.gather(*sent)]


def _received(record: Any) -> Received:
    return Received(
        topic=record.topic, partition=record.partition, offset=record.offset, key=(record.key or b"").decode(),
        value=record.value, headers=read_headers(record.headers),
    )  # fmt: skip


async def _aiokafka(settings: Settings, setups: Setups, clock: SystemClock, metrics: Metrics) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.kafka_bootstrap, acks="all", linger_ms=0, max_batch_size=262_144
    )
    consumer = AIOKafkaConsumer(
        topics.RECORDS.name, topics.PAIRS.name, bootstrap_servers=settings.kafka_bootstrap, group_id="matcher",
        enable_auto_commit=False, auto_offset_reset="earliest",
    )  # fmt: skip
    await producer.start()
    await consumer.start()
    store = Store(AsyncScripts(connect_async(settings.redis_url.get_secret_value())))
    bus = AiokafkaBus(producer, setups)
    handlers: dict[str, Callable[..., Any]] = {
        topics.RECORDS.name: Match(store, bus, setups).handle,
        topics.PAIRS.name: Resolve(store, bus, setups, clock).handle,
    }
    known: dict[str, topics.Topic[Any]] = {topic.name: topic for topic in (topics.RECORDS, topics.PAIRS)}
    committed = time.monotonic()
    while True:
        found = await consumer.getmany(timeout_ms=100, max_records=settings.match_batch)
        by_topic: dict[str, list[Any]] = {}
        for part, records in found.items():
            by_topic.setdefault(part.topic, []).extend(map(_received, records))
        for name, batch in by_topic.items():
            await process(batch, {name: known[name]}, handlers[name], bus=bus, clock=clock, metrics=metrics)
        if time.monotonic() - committed > 1.0:
            await consumer.commit()
            committed = time.monotonic()


def _take_events(settings: Settings, setups: Setups, clock: SystemClock, metrics: Metrics) -> None:
    app = faust.App(
        topics.MATCHER_GROUP, broker=f"kafka://{settings.kafka_bootstrap}", store="memory://",
        topic_allow_declare=False, topic_disable_leader=True, web_enabled=False, value_serializer="raw",
        key_serializer="raw", consumer_auto_offset_reset="earliest", broker_commit_interval=1.0, producer_acks=-1,
        producer_linger=0.0, stream_wait_empty=False,
    )  # fmt: skip
    store = Store(AsyncScripts(connect_async(settings.redis_url.get_secret_value())))
    bus = FaustBus(app, settings, setups)
    rows: list[tuple[topics.Topic[Any], Callable[..., Any]]] = [
        (topics.RECORDS, Match(store, bus, setups).handle),
        (topics.PAIRS, Resolve(store, bus, setups, clock).handle),
    ]

    def agent(topic: topics.Topic[Any], handle: Callable[..., Any]) -> Callable[[Any], Any]:
        async def run(stream: Any) -> None:
            async for events in stream.take_events(settings.match_batch, within=0.05):
                batch = [received(event.message) for event in events]
                await process(batch, {topic.name: topic}, handle, bus=bus, clock=clock, metrics=metrics)

        run.__name__ = run.__qualname__ = f"{topic.name}_agent"
        return run

    for topic, handle in rows:
        source = app.topic(topic.name, value_type=bytes, key_type=bytes, value_serializer="raw", key_serializer="raw")
        app.agent(source, concurrency=1)(agent(topic, handle))
    faust.Worker(
        app, loglevel="WARNING", override_logging=False, redirect_stdouts=False, quiet=True
    ).execute_from_commandline()


def main() -> None:
    """Run until killed."""
    settings = load()
    logs.set_up("warning", service="bench")
    for name in ("faust", "aiokafka", "mode"):
        logging.getLogger(name).setLevel(logging.WARNING)
    setups, clock, metrics = Setups(), SystemClock(), Metrics()
    SetupsFollower(settings, setups).catch_up()
    uvloop.install()
    collect_rarely()
    if sys.argv[1] == "aiokafka":
        asyncio.run(_aiokafka(settings, setups, clock, metrics))
    else:
        _take_events(settings, setups, clock, metrics)


if __name__ == "__main__":
    main()
