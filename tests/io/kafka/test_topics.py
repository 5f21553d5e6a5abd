"""Topics from the catalogue, and keys that mean the same partition to every client."""

import asyncio
import dataclasses
import time
import uuid
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from shared.io.kafka.connecting import partition_of
from shared.io.kafka.producer import KafkaBus
from shared.io.kafka.topics import KafkaRetention, configs_of, create_topics, main
from shared.io.ports import Outbound, run_blocking
from shared.metrics import Metrics
from shared.settings import load
from shared.wire.access import AccessDoc, Retention
from shared.wire.topics import (
    ACCESS,
    ACTIVITY,
    HISTORY,
    NOTICES,
    PAIR_STATE,
    PARKED,
    RETENTION_KEY,
    Kept,
    catalogue,
    kept_topics,
)


@given(st.text(min_size=1, max_size=80), st.integers(min_value=1, max_value=64))
def test_every_client_chooses_the_same_partition(key: str, partitions: int) -> None:
    """Faust's producer and ours agree on each key, or one record's changes would pass each other."""
    every = list(range(partitions))
    assert DefaultPartitioner()(key.encode(), every, every) == partition_of(key, partitions)


def test_compacted_topics_keep_their_keys_and_others_their_days() -> None:
    """Cleanup follows the catalogue; acknowledged means two brokers where there are three."""
    assert configs_of(PAIR_STATE, 1)["cleanup.policy"] == "compact"
    assert configs_of(NOTICES, 1)["retention.ms"] == str(7 * 86_400_000)
    assert configs_of(NOTICES, 3)["min.insync.replicas"] == "2"
    assert int(configs_of(PARKED, 1)["max.message.bytes"]) > int(configs_of(NOTICES, 1)["max.message.bytes"])


def test_the_history_is_kept_as_long_as_the_setting_says() -> None:
    """A quarter of a year where nothing is said; all else keeps its own days."""
    assert [
        configs_of(one, 1).get("retention.ms") for one in catalogue((), Kept(history_days=7)) if one.name == "history"
    ] == [str(7 * 86_400_000)]
    assert [configs_of(one, 1) for one in catalogue((), Kept(history_days=7)) if one.name != "history"] == [
        configs_of(one, 1) for one in catalogue(()) if one.name != "history"
    ]
    assert load().history_days * 86_400_000 == HISTORY.retention_ms


def test_the_activity_log_is_kept_as_long_as_the_setting_says() -> None:
    """A year where nothing is said."""
    (log,) = [one for one in catalogue((), Kept(activity_days=30)) if one.name == "activity"]
    assert configs_of(log, 1)["retention.ms"] == str(30 * 86_400_000)
    assert load().activity_days * 86_400_000 == ACTIVITY.retention_ms


@pytest.mark.server
def test_creating_topics_twice_changes_nothing(kafka: Any) -> None:
    """The second run keeps all; a setting that drifted is brought back; partitions stay as they are."""
    suffix = uuid.uuid4().hex[:8]
    topics = [dataclasses.replace(topic, name=f"{topic.name}-{suffix}") for topic in catalogue(("hubspot",))]
    settings = load(kafka_bootstrap=kafka.bootstrap, kafka_replication=1, kafka_partitions=2)
    planned = create_topics(settings, topics, apply=False)
    assert {action.kind for action in planned} == {"create"}
    assert {action.kind for action in create_topics(settings, topics)} == {"create"}
    assert {action.kind for action in create_topics(settings, topics)} == {"keep"}
    changed = [dataclasses.replace(topics[0], retention_ms=1_000_000), *topics[1:]]
    more = load(kafka_bootstrap=kafka.bootstrap, kafka_replication=1, kafka_partitions=5)
    first, *rest = create_topics(more, changed)
    assert (first.kind, dict(first.configs)) == (
        "configure",
        {"retention.ms": "1000000", "segment.ms": "3600000"},
    )
    assert "has 2 partitions, which stay" in first.note
    assert {action.kind for action in rest} == {"keep"}
    for _ in range(50):  # a broker tells a new configuration a moment after it took it
        if create_topics(more, changed)[0].kind == "keep":
            return
        time.sleep(0.1)
    raise AssertionError("what was configured is configured again and again")


@pytest.mark.server
def test_the_command_says_what_it_does(kafka: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """`--plan` lists every topic of the installation, one a line."""
    arguments = ["--bootstrap", kafka.bootstrap, "--apps", "hubspot,carddav", "--replication", "1", "--plan"]
    assert main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(catalogue(("hubspot", "carddav")))
    assert any("writes.carddav.backfill" in line for line in lines)


def test_the_command_fails_with_a_sentence_when_kafka_is_away(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing listens on the discard port: exit code 1, and no traceback."""
    monkeypatch.setattr("shared.io.kafka.topics._BOOTSTRAP_MS", 500)
    assert main(["--bootstrap", "127.0.0.1:9", "--plan"]) == 1
    said = capsys.readouterr().err
    assert "could not be created" in said
    assert "Traceback" not in said


@pytest.mark.server
def test_faust_s_producer_puts_keys_where_ours_does(kafka: Any) -> None:
    """The same on a real broker, with the client inside Faust as it is."""
    topic = dataclasses.replace(NOTICES, name=f"notices-{uuid.uuid4().hex[:8]}", partitions=7)
    create_topics(load(kafka_bootstrap=kafka.bootstrap, kafka_replication=1), [topic])

    async def send() -> dict[str, int]:
        producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap)
        await producer.start()
        try:
            keys = [f"hub/contact/{number}" for number in range(40)]
            return {key: (await producer.send_and_wait(topic.name, b"{}", key=key.encode())).partition for key in keys}
        finally:
            await producer.stop()

    for key, partition in asyncio.run(send()).items():
        assert partition == partition_of(key, 7)


@pytest.mark.server
def test_what_an_admin_has_decided_counts_for_the_brokers_and_the_command(
    kafka: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Told while everything runs; the command, which an update runs, brings nothing back to the settings."""
    suffix = uuid.uuid4().hex[:8]

    def own(kept: Kept) -> list[Any]:
        return [dataclasses.replace(one, name=f"{one.name}-{suffix}") for one in kept_topics(kept)]

    access = dataclasses.replace(ACCESS, name=f"access-{suffix}")
    monkeypatch.setattr("shared.io.kafka.topics.ACCESS", access)
    monkeypatch.setattr("shared.io.kafka.topics.catalogue", lambda _apps, kept: [access, *own(kept)])
    settings = load(kafka_bootstrap=kafka.bootstrap, kafka_replication=1)
    arguments = ["--bootstrap", kafka.bootstrap, "--replication", "1"]
    assert main(arguments) == 0
    retention, names = KafkaRetention(settings), [one.name for one in own(Kept())]
    assert retention.held_ms(names) == {one.name: one.retention_ms for one in own(Kept())}
    assert retention.keep(own(Kept())) == []
    decided = Retention(history_days=7, exports_days=1)
    assert retention.keep(own(Kept().decided(decided))) == [names[0]]
    bus = KafkaBus(settings, metrics=Metrics())
    run_blocking(bus.publish([Outbound(topic=access, key=RETENTION_KEY, message=AccessDoc(retention=decided))]))
    bus.close()
    for _ in range(50):  # a broker tells a new configuration a moment after it took it
        if retention.held_ms(names)[names[0]] == 7 * 86_400_000:
            break
        time.sleep(0.1)
    capsys.readouterr()
    assert main(arguments) == 0
    assert "configure" not in capsys.readouterr().out
    assert retention.held_ms(names)[names[0]] == 7 * 86_400_000
