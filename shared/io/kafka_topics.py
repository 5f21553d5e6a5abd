"""Creates the topics of the catalogue: ``python -m shared.io.kafka_topics [--plan]``.

A topic that exists keeps its partitions, because the order of a record's changes rests on their number; its settings
are brought to what the catalogue says. Running it twice changes nothing.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaError, TopicAlreadyExistsError

from shared.io.envelope import limit_of
from shared.io.kafka import client_config
from shared.io.kafka_client import make_client
from shared.io.ports import BusUnavailable
from shared.settings import Settings, SettingsError, load
from shared.topics import DAY_MS, Topic, catalogue

_BOOTSTRAP_MS: Final = 10_000
"""How long brokers may take to answer for the first time."""
_OVERHEAD: Final = 100_000
"""Room for the batch around a message, which the broker counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What has to be done about one topic."""

    topic: str
    kind: Literal["create", "configure", "keep"]
    partitions: int
    replication: int
    configs: Mapping[str, str]
    note: str = ""

    def __str__(self) -> str:
        """Say it in one line."""
        what = {"create": "create   ", "configure": "configure", "keep": "keep     "}[self.kind]
        configs = " ".join(f"{name}={value}" for name, value in sorted(self.configs.items()))
        shape = f"{self.partitions} partitions, {self.replication} replicas"
        return f"{what} {self.topic}: {shape} {configs}".rstrip() + (f"  ({self.note})" if self.note else "")


def configs_of(topic: Topic[Any], replication: int) -> dict[str, str]:
    """Give the settings of a topic as Kafka spells them."""
    common = {
        "max.message.bytes": str(limit_of(topic.name) + _OVERHEAD),
        # Acknowledged means: held by two brokers, where there are that many.
        "min.insync.replicas": "2" if replication >= 3 else "1",
    }
    if topic.cleanup == "delete":
        kept = {**common, "cleanup.policy": "delete", "retention.ms": str(topic.retention_ms)}
        # Kafka deletes whole segments, each when its newest message is too old: what lives shortly needs short ones.
        return {**kept, "segment.ms": str(DAY_MS // 24)} if topic.retention_ms <= 2 * DAY_MS else kept
    return {
        **common,
        "cleanup.policy": "compact",
        # A rebuild reads the whole topic: compact early, in segments that close every hour.
        "min.cleanable.dirty.ratio": "0.1",
        "segment.ms": str(DAY_MS // 24),
        "segment.bytes": "67108864",
        # A reader that was away for a week still learns what was removed.
        "delete.retention.ms": str(7 * DAY_MS),
    }


def plan(topics: Sequence[Topic[Any]], settings: Settings, existing: Mapping[str, int], admin: Any) -> list[Action]:
    """Compare the catalogue with the cluster; *existing* maps topic names to their numbers of partitions."""
    actions = []
    held = _configs(admin, [topic.name for topic in topics if topic.name in existing])
    for topic in topics:
        partitions = topic.partitions or settings.kafka_partitions
        configs = configs_of(topic, settings.kafka_replication)
        shape = {"topic": topic.name, "partitions": partitions, "replication": settings.kafka_replication}
        if topic.name not in existing:
            actions.append(Action(**shape, kind="create", configs=configs))  # type: ignore[arg-type]  # a plain dict
            continue
        differing = {name: value for name, value in configs.items() if held[topic.name].get(name) != value}
        note = ""
        if existing[topic.name] != partitions:
            note = f"has {existing[topic.name]} partitions, which stay"
        kind: Literal["configure", "keep"] = "configure" if differing else "keep"
        actions.append(Action(**shape, kind=kind, configs=differing, note=note))  # type: ignore[arg-type]  # as above
    return actions


def create_topics(settings: Settings, topics: Sequence[Topic[Any]], *, apply: bool = True) -> list[Action]:
    """Create and configure topics, or only say what would be done; raises `BusUnavailable`."""
    try:
        admin = make_client(
            KafkaAdminClient, **client_config(settings), request_timeout_ms=30_000, bootstrap_timeout_ms=_BOOTSTRAP_MS
        )
        try:
            described = admin.describe_topics([topic.name for topic in topics])
            existing = {row["name"]: len(row["partitions"]) for row in described if row["error_code"] == 0}
            actions = plan(topics, settings, existing, admin)
            if apply:
                _apply(admin, actions)
            return actions
        finally:
            admin.close()
    except KafkaError as error:
        raise BusUnavailable(f"the topics could not be created: {error!r}") from error


def _apply(admin: Any, actions: Sequence[Action]) -> None:
    new = {
        action.topic: {
            "num_partitions": action.partitions,
            "replication_factor": action.replication,
            "configs": dict(action.configs),
        }
        for action in actions
        if action.kind == "create"
    }
    if new:
        try:
            admin.create_topics(new, wait_for_metadata=True)
        except TopicAlreadyExistsError:
            admin.wait_for_topics(list(new))  # another process was faster
    for action in actions:
        if action.kind == "configure":
            admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, action.topic, configs=dict(action.configs))])


def _configs(admin: Any, names: Sequence[str]) -> dict[str, dict[str, str]]:
    if not names:
        return {}
    found = admin.describe_configs(
        [ConfigResource(ConfigResourceType.TOPIC, name) for name in names], config_filter="all"
    )
    rows: dict[str, Any] = found["topic"] if "topic" in found else next(iter(found.values()))
    return {name: {key: str(entry["value"]) for key, entry in rows[name].items()} for name in names}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run as a command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m shared.io.kafka_topics", description=__doc__)
    parser.add_argument("--bootstrap", help="brokers, host:port[,host:port]; SYNCLINE_KAFKA_BOOTSTRAP when not given")
    parser.add_argument("--apps", help="apps of this installation, separated by commas; SYNCLINE_APPS when not given")
    parser.add_argument("--partitions", type=int, help="partitions of new topics")
    parser.add_argument("--replication", type=int, help="replicas of new topics")
    parser.add_argument("--plan", action="store_true", help="only say what would be done")
    given = parser.parse_args(arguments)
    named = {
        "kafka_bootstrap": given.bootstrap,
        "apps": given.apps,
        "kafka_partitions": given.partitions,
        "kafka_replication": given.replication,
    }
    try:
        settings = load(**{name: value for name, value in named.items() if value is not None})
        wanted = catalogue(settings.apps, settings.history_days, settings.health_days, settings.activity_days)
        actions = create_topics(settings, wanted, apply=not given.plan)
    except (SettingsError, BusUnavailable) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for action in actions:
        sys.stdout.write(f"{action}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
