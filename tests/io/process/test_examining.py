"""What a doctor says of servers: whether they let us in, are set up as they must be, and what to do otherwise."""

from collections.abc import Mapping
from typing import Any

import pytest
import redis

from deploy.local.servers.real import RedisServer
from shared.findings import Finding
from shared.io.kafka.topics import configs_of
from shared.io.process import examining
from shared.io.process.examining import clock, kafka_findings, redis_findings, workers
from shared.settings import Settings, load
from shared.wire import topics


def settings(**more: Any) -> Settings:
    return load(kafka_replication=1, **more)


@pytest.mark.server
def test_a_redis_that_works_is_named_with_its_version_and_its_clock(redis_server: RedisServer) -> None:
    found = list(redis_findings(settings(redis_url=redis_server.url)))
    assert all(one.ok for one in found)
    assert found[0].title.startswith("Redis ")
    assert found[-1].title == "this machine's clock and that of Redis are 0.0 s apart"


@pytest.mark.server
def test_a_redis_that_evicts_or_is_full_is_told(redis_server: RedisServer) -> None:
    client = redis.Redis.from_url(redis_server.url)
    try:
        client.config_set("maxmemory-policy", "allkeys-lru")
        (found,) = redis_findings(settings(redis_url=redis_server.url))
        assert (found.ok, found.title.endswith("cannot be used")) == (False, True)
        assert "noeviction" in found.advice
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", str(int(client.info()["used_memory"]) + 100_000))
        (room,) = (one for one in redis_findings(settings(redis_url=redis_server.url)) if "uses" in one.title)
        assert room.state == "warn"
        assert "Raise its maxmemory" in room.advice
    finally:
        client.config_set("maxmemory", "0")
        client.config_set("maxmemory-policy", "noeviction")
        client.close()


def test_a_password_is_in_no_sentence() -> None:
    (found,) = redis_findings(settings(redis_url="redis://ann:secret@127.0.0.1:1/0"))
    assert found.title.startswith("Redis does not answer at 127.0.0.1:1 ")
    assert "secret" not in found.title + found.advice


@pytest.mark.parametrize(
    ("apart_ms", "state"), [(0, "ok"), (-1_999, "ok"), (2_000, "warn"), (-29_999, "warn"), (30_000, "FAIL")]
)
def test_clocks_that_differ_are_told(apart_ms: int, state: str) -> None:
    assert clock(1_700_000_000_000, 1_700_000_000_000 + apart_ms).state == state


# Kafka


class Admin:
    """An admin client of a cluster whose topics a test describes."""

    def __init__(self, rows: Mapping[str, tuple[int, int, dict[str, str]]]) -> None:
        """Take the replicas, those in sync, and the settings of each topic."""
        self._rows = rows

    def describe_topics(self, names: list[str]) -> list[dict[str, Any]]:
        found = []
        for name in names:
            replicas, in_sync, _ = self._rows.get(name, (0, 0, {}))
            parts = [{"replica_nodes": list(range(replicas)), "isr_nodes": list(range(in_sync))}] if replicas else []
            found.append({"name": name, "error_code": 0 if replicas else 3, "partitions": parts})
        return found

    def describe_configs(self, resources: list[Any], config_filter: str) -> dict[str, Any]:
        del config_filter
        rows = {one.name: self._rows[one.name][2] for one in resources}
        return {"topic": {name: {key: {"value": value} for key, value in held.items()} for name, held in rows.items()}}


def judged(rows: Mapping[str, tuple[int, int, dict[str, str]]], replication: int = 1) -> list[Finding]:
    wanted: list[topics.Topic[Any]] = [topics.JOBS, topics.SETUPS]
    given = load(kafka_replication=replication)
    return list(examining._topics(given, wanted, Admin(rows)))


def right(replication: int = 1) -> dict[str, str]:
    return configs_of(topics.JOBS, replication)


def test_topics_as_they_must_be_are_counted() -> None:
    (found,) = judged({"jobs": (1, 1, right()), "setups": (1, 1, right())})
    assert (found.state, found.title) == ("ok", "2 topics are there, with their settings")


def test_topics_that_are_missing_or_set_up_otherwise_are_named() -> None:
    (missing, differing) = judged({"jobs": (1, 1, {**right(), "cleanup.policy": "delete"})})
    assert (missing.state, missing.title) == ("FAIL", "topics are missing: setups")
    assert (differing.state, differing.title) == ("warn", "settings of topics differ: jobs (cleanup.policy)")
    assert "python -m shared.io.kafka.topics" in missing.advice


def test_topics_without_their_replicas_are_named() -> None:
    lacking, few, _ = judged({"jobs": (3, 2, right(3)), "setups": (1, 1, right(3))}, replication=3)
    assert (lacking.state, lacking.title) == ("warn", "topics lack replicas: jobs")
    assert (few.state, few.title) == ("warn", "topics have fewer than 3 replicas: setups")


@pytest.mark.server
def test_where_something_else_than_kafka_listens_its_settings_are_named(redis_server: RedisServer) -> None:
    """A wrong password, an unknown certificate and another protocol look the same from here."""
    place = f"127.0.0.1:{redis_server.port}"
    (plain,) = kafka_findings(settings(kafka_bootstrap=place), [], [])
    assert plain.title.startswith(f"Kafka at {place} takes no session (")
    assert "SYNCLINE_KAFKA_SECURITY" in plain.advice
    assert "SYNCLINE_KAFKA_PASSWORD" in examining._session(settings(kafka_security="SASL_SSL"))
    assert "SYNCLINE_KAFKA_CA_FILE" in examining._session(settings(kafka_security="SASL_SSL"))


def test_a_service_that_does_not_work_is_wrong_once_others_do() -> None:
    """Before a first start nobody works, and nothing is wrong yet."""

    def told(**members: int) -> dict[str, str]:
        groups = {"hydrate": 0, "matcher": 0, "writes.hubspot": 0, **dict.fromkeys(members, 0), **members}
        found = workers(lambda _: {name: {"members": [None] * number} for name, number in groups.items()}, ["hubspot"])
        return {one.title: one.state for one in found}

    assert set(told().values()) == {"warn"}
    assert told(hydrate=2, matcher=1) == {
        "2 workers read for ingest (hydrate)": "ok",
        "1 worker reads for matcher (matcher)": "ok",
        "no writer works (writes.hubspot)": "FAIL",
    }
