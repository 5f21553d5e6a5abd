"""While no broker answers, nothing stays open. The collector is switched off here, as it nearly is in a service.

Each attempt is made to a port that refuses, or to a server whose handshake fails. Where one answers, polls are ended.
"""

import dataclasses
import gc
import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import psutil
import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.errors import KafkaError

from shared.io.kafka.client import end_polls, make_client
from shared.io.kafka.connecting import client_config
from shared.io.kafka.producer import KafkaBus
from shared.io.kafka.reader import KafkaOffsets, TopicReader, TopicsReader
from shared.io.kafka.topics import create_topics
from shared.io.ports import BusUnavailable, Outbound, run_blocking
from shared.metrics import Metrics
from shared.settings import Settings, load
from shared.wire import topics
from shared.wire.messages import Notice

WAIT_MS = 300


@pytest.fixture(autouse=True)
def _uncollected() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture(name="refusing")
def _refusing() -> Iterator[Settings]:
    """Offer settings that name a port on which nobody listens, held so that nobody begins to."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield load(kafka_bootstrap=f"127.0.0.1:{held.getsockname()[1]}")


@pytest.fixture(name="hanging_up")
def _hanging_up() -> Iterator[Settings]:
    """Offer settings of an encrypted broker that ends each connection at once."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        ended = threading.Event()

        def serve() -> None:
            while not ended.is_set():
                with suppress(OSError):
                    server.accept()[0].close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield load(kafka_bootstrap=f"127.0.0.1:{server.getsockname()[1]}", kafka_security="SSL")
        ended.set()
        with socket.create_connection(server.getsockname()):
            thread.join(5)


def _left_open(attempt: Callable[[], Any]) -> tuple[int, int]:
    """Return how many files and threads more there are after an attempt that fails."""
    process = psutil.Process()
    files, threads = process.num_fds(), threading.active_count()
    with pytest.raises((KafkaError, BusUnavailable)):
        attempt()
    return process.num_fds() - files, threading.active_count() - threads


@pytest.mark.parametrize("kind", [KafkaConsumer, KafkaProducer, KafkaAdminClient])
def test_a_client_that_cannot_be_made_leaves_nothing(kind: Any, refusing: Settings) -> None:
    config = client_config(refusing)
    assert _left_open(lambda: make_client(kind, **config, bootstrap_timeout_ms=WAIT_MS)) == (0, 0)


def test_a_handshake_that_fails_leaves_nothing(hanging_up: Settings) -> None:
    config = client_config(hanging_up)
    assert _left_open(lambda: make_client(KafkaConsumer, **config, bootstrap_timeout_ms=WAIT_MS)) == (0, 0)


def test_readers_that_cannot_read_leave_nothing(refusing: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.io.kafka.reader._TIMEOUT_MS", WAIT_MS)
    offsets = KafkaOffsets(refusing)
    assert _left_open(lambda: TopicReader(refusing, topics.SETUPS)) == (0, 0)
    assert _left_open(lambda: offsets.end_offsets(topics.SETUPS.name)) == (0, 0)


@pytest.mark.server
def test_polls_are_ended_before_their_time_and_the_readers_read_on(kafka: Any) -> None:
    """A process that stops does not wait for what may not come for long; nothing is lost to who goes on."""
    suffix = uuid.uuid4().hex[:8]
    settings = load(kafka_bootstrap=kafka.bootstrap, kafka_replication=1, kafka_partitions=2)
    one, two = (dataclasses.replace(topics.NOTICES, name=f"{name}-{suffix}") for name in ("one", "two"))
    create_topics(settings, (one, two))
    bus, ends = KafkaBus(settings, metrics=Metrics()), {0: 0, 1: 0}
    reader = TopicsReader(settings, {one: ends, two: ends}, unreadable=_never, decode={})
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(reader.poll(60)))
    thread.start()
    try:
        for _ in range(50):
            thread.join(0.1)
            end_polls()
        assert (thread.is_alive(), found) == (False, [{}])
        notice = Notice(connection="hub", object="contact", id="1")
        run_blocking(bus.publish([Outbound(topic=topic, key="1", message=notice) for topic in (one, two)]))
        read: dict[Any, list[Any]] = {}
        while len(read) < 2:
            for topic, rows in reader.poll(10).items():
                read.setdefault(topic, []).extend(row.message for row in rows)
        assert read == {one: [notice], two: [notice]}
        assert all(sum(reader.positions[topic].values()) == 1 for topic in (one, two))
    finally:
        reader.close()
        bus.close()


def _never(_item: object, error: Exception) -> None:
    raise error
