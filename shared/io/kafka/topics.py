"""Creates the topics of the catalogue: ``python -m shared.io.kafka.topics [--plan]``.

A topic that exists keeps its partitions, because the order of a record's changes rests on their number; its settings
are brought to what the catalogue says. Running it twice changes nothing.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaError, TopicAlreadyExistsError

from shared.io.envelope import limit_of
from shared.io.kafka.client import make_client
from shared.io.kafka.connecting import client_config
from shared.io.kafka.reader import TopicReader
from shared.io.ports import BusUnavailable
from shared.settings import Settings, SettingsError, load
from shared.wire.access import Retention
from shared.wire.topics import ACCESS, DAY_MS, RETENTION_KEY, Topic, catalogue

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
        """Return it in one line."""
        what = {"create": "create   ", "configure": "configure", "keep": "keep     "}[self.kind]
        configs = " ".join(f"{name}={value}" for name, value in sorted(self.configs.items()))
        shape = f"{self.partitions} partitions, {self.replication} replicas"
        return f"{what} {self.topic}: {shape} {configs}".rstrip() + (f"  ({self.note})" if self.note else "")


def configs_of(topic: Topic[Any], replication: int) -> dict[str, str]:
    """Return the settings of a topic as Kafka spells them."""
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
    with _admin(settings, "the topics could not be created") as admin:
        described = admin.describe_topics([topic.name for topic in topics])
        existing = {row["name"]: len(row["partitions"]) for row in described if row["error_code"] == 0}
        actions = plan(topics, settings, existing, admin)
        if apply:
            _apply(admin, actions)
        return actions


@contextmanager
def _admin(settings: Settings, failed: str) -> Iterator[Any]:
    """Offer a client that administers the brokers; raises `BusUnavailable`, which begins with what has failed."""
    try:
        admin = make_client(
            KafkaAdminClient, **client_config(settings), request_timeout_ms=30_000, bootstrap_timeout_ms=_BOOTSTRAP_MS
        )
        try:
            yield admin
        finally:
            admin.close()
    except KafkaError as error:
        raise BusUnavailable(f"{failed}: {error!r}") from error


class KafkaRetention:
    """How long the brokers keep topics (`shared.io.ports.KeptTopics`).

    Args:
        settings: Where Kafka is.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def held_ms(self, names: Sequence[str]) -> Mapping[str, int]:
        """Return for how long topics are kept now, in milliseconds; raises `BusUnavailable`."""
        with _admin(self._settings, "Kafka does not say how long it keeps topics") as admin:
            found = _configs(admin, names)
        return {name: int(row["retention.ms"]) for name, row in found.items()}

    def keep(self, topics: Sequence[Topic[Any]]) -> Sequence[str]:
        """Keep topics as long as they say; returns those that were not. Raises `BusUnavailable`."""
        with _admin(self._settings, "Kafka does not take how long it is to keep topics") as admin:
            held, changed = _configs(admin, [topic.name for topic in topics]), []
            for topic in topics:
                wanted = configs_of(topic, self._settings.kafka_replication)
                new = {name: wanted[name] for name in ("retention.ms", "segment.ms") if name in wanted}
                if any(held[topic.name].get(name) != value for name, value in new.items()):
                    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic.name, configs=new)])
                    changed.append(topic.name)
        return changed


def wanted_topics(settings: Settings) -> tuple[Topic[Any], ...]:
    """List the topics of an installation, kept as long as is decided there; raises `BusUnavailable`."""
    (access,) = create_topics(settings, [ACCESS], apply=False)
    decided = None if access.kind == "create" else decided_retention(settings)
    return catalogue(settings.apps, settings.kept.decided(decided))


def decided_retention(settings: Settings) -> Retention | None:
    """Return what an admin has decided of how long things are kept; raises `BusUnavailable`."""
    found: Retention | None = None
    with TopicReader(settings, ACCESS, unreadable=lambda _item, _error: None) as reader:
        for stored in reader.read_to_end():
            if stored.key == RETENTION_KEY:
                found = stored.message.retention if stored.message is not None else None
    return found


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
    parser = argparse.ArgumentParser(prog="python -m shared.io.kafka.topics", description=__doc__)
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
        actions = create_topics(settings, wanted_topics(settings), apply=not given.plan)
    except (SettingsError, BusUnavailable) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for action in actions:
        sys.stdout.write(f"{action}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
