"""How many messages a second the matcher works off, with its full work, from a backlog of 50,000 records."""

import os
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from kafka import KafkaConsumer, TopicPartition

from deploy.local.servers.processes import Child
from deploy.local.servers.real import KafkaServer, RedisServer, free_port
from shared.apps import APPS
from shared.apps.defaults import default_mappings
from shared.io.kafka.producer import KafkaBus
from shared.io.kafka.reader import KafkaOffsets
from shared.io.kafka.topics import create_topics
from shared.io.links.store import Store
from shared.io.ports import Outbound, run_blocking
from shared.io.redis.client import BlockingScripts, connect
from shared.metrics import Metrics
from shared.model.records import Report, Version
from shared.model.syncs import Connection, Sync, SyncSide
from shared.settings import Settings, load
from shared.wire import topics
from shared.wire.messages import PhaseSet, RecordSeen, SetupDoc
from tests.bench.figures import ROOT, Figure, figure

RECORDS: Final = 50_000
_QUIET_S: Final = 3.0
_PATIENCE_S: Final = 300.0


def measure() -> list[Figure]:
    """Measure each loop on servers of its own; raises what kept it from measuring."""
    ours = _run(["services.matcher"])
    plain = _run(["tests.bench.loops", "aiokafka"])
    slow = _run(["tests.bench.loops", "take_events"])
    two = _run(["services.matcher"], workers=2)
    return [
        figure("matcher, full work", ours, "messages/s", baseline="the same work in a plain aiokafka loop",
               baseline_value=plain, goal="at least 0.6 (goal 0.8)", met=ours / plain >= 0.6),
        figure("matcher, full work, beside Faust's own batches", ours, "messages/s",
               baseline="the same work with take_events", baseline_value=slow),
        figure("two matchers", two, "messages/s", baseline="one matcher", baseline_value=ours),
    ]  # fmt: skip


def _run(module: Sequence[str], *, workers: int = 1) -> float:
    """Return messages of `records` and `pairs` a second, from the first to the last state that was published."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        with KafkaServer(path / "kafka") as kafka, RedisServer(path / "redis") as redis:
            settings = load(
                kafka_bootstrap=kafka.bootstrap, redis_url=redis.url, kafka_replication=1, kafka_partitions=4
            )
            create_topics(settings, topics.catalogue(settings.apps))
            _fill(settings)
            children = [_child(path, settings, module, number) for number in range(workers)]
            try:
                for child in children:
                    child.start()
                _wait(settings, children)
            finally:
                for child in children:
                    child.stop(8)
            first, last = _span(settings)
            ends = [end for topic in ("records", "pairs") for end in KafkaOffsets(settings).end_offsets(topic).values()]
    return sum(ends) / ((last - first) / 1000)


def _child(folder: Path, settings: Settings, module: Sequence[str], number: int) -> Child:
    env = {
        **os.environ,
        "SYNCLINE_KAFKA_BOOTSTRAP": settings.kafka_bootstrap,
        "SYNCLINE_REDIS_URL": settings.redis_url.get_secret_value(),
        "SYNCLINE_INSTANCE": f"bench-{number}",
        "SYNCLINE_METRICS_PORT": str(free_port()),
        "SYNCLINE_SESSION_TIMEOUT_S": "6",
    }
    argv = [sys.executable, "-m", *module]
    return Child(f"{module[-1]}-{number}", argv, log=folder / f"worker-{number}.log", env=env, cwd=ROOT)


def _fill(settings: Settings) -> None:
    """Publish settings, and the records of two accounts in any order; each person is in both."""
    bus = KafkaBus(settings, metrics=Metrics(), timeout_s=30)
    binding = APPS["hubspot"].objects["contact"]
    connections = [
        Connection(id=name, app="hubspot", label=name, account=name, base_url="http://127.0.0.1:9", auth="api_key")
        for name in ("one", "two")
    ]
    sync = Sync(
        id="contacts", left=SyncSide(connection="one", object="contact"),
        right=SyncSide(connection="two", object="contact"), mappings=default_mappings(binding.fields, binding.fields),
    )  # fmt: skip
    docs = {f"connection:{row.id}": SetupDoc(connection=row) for row in connections}
    docs |= {
        "sync:contacts": SetupDoc(sync=sync),
        "phase:contacts": SetupDoc(phase=PhaseSet(sync=sync.id, phase="live")),
    }
    run_blocking(bus.publish([Outbound(topic=topics.SETUPS, key=key, message=doc) for key, doc in docs.items()]))
    store = Store(BlockingScripts(connect(settings.redis_url.get_secret_value())))
    run_blocking(store.begin_rebuild(sync.id, "bench", 60_000))  # nothing is lost: the links begin empty
    run_blocking(store.finish_rebuild(sync.id, "bench"))
    draw = random.Random(1)
    people = [(side, number) for side in ("one", "two") for number in range(RECORDS // 2)]
    draw.shuffle(people)
    for start in range(0, len(people), 2000):
        run_blocking(bus.publish([_record(side, number) for side, number in people[start : start + 2000]]))
    bus.close()


def _record(connection: str, number: int) -> Outbound:
    fields = {
        "email": f"person{number}@firm{number % 500}.example", "firstname": "Ann", "lastname": f"Lee {number}",
        "phone": f"+49301{number:07d}", "jobtitle": "Engineer", "company": f"Firm {number % 500}", "city": "Berlin",
        "hs_additional_emails": None,
    }  # fmt: skip
    report = Report(
        connection=connection, object="contact", id=str(number + 1), version=Version(order=1_700_000_000_000 + number),
        fields=fields, created="2024-01-01T00:00:00Z",
    )  # fmt: skip
    return Outbound(
        topic=topics.RECORDS,
        key=f"{connection}/contact/{number + 1}",
        message=RecordSeen(report=report, origin="snapshot"),
    )


def _wait(settings: Settings, children: Sequence[Child]) -> None:
    """Wait until everything is committed and nothing new comes."""
    offsets = KafkaOffsets(settings)
    deadline, quiet = time.monotonic() + _PATIENCE_S, 0.0
    while time.monotonic() < deadline:
        ended = [child for child in children if not child.is_running()]
        if ended:
            raise RuntimeError(f"{ended[0].name} ended:\n{ended[0].log_tail()}")
        done = all(
            offsets.committed("matcher", topic).get(part, 0) >= end
            for topic in ("records", "pairs")
            for part, end in offsets.end_offsets(topic).items()
        )
        quiet = (quiet or time.monotonic()) if done else 0.0
        if quiet and time.monotonic() - quiet > _QUIET_S:
            return
        time.sleep(0.5)
    raise TimeoutError(f"the backlog was not worked off within {_PATIENCE_S} s:\n{children[0].log_tail()}")


def _span(settings: Settings) -> tuple[int, int]:
    """Return the times (ms) at which the first and the last state were published."""
    consumer: Any = KafkaConsumer(bootstrap_servers=settings.kafka_bootstrap, enable_auto_commit=False)
    parts = [
        TopicPartition(topics.PAIR_STATE.name, part) for part in consumer.partitions_for_topic(topics.PAIR_STATE.name)
    ]
    consumer.assign(parts)
    consumer.seek_to_beginning(*parts)
    ends = consumer.end_offsets(parts)
    times: list[int] = []
    while any(consumer.position(part) < ends[part] for part in parts):
        for rows in consumer.poll(timeout_ms=1000, max_records=10_000).values():
            times += [row.timestamp for row in rows]
    consumer.close()
    return min(times), max(times)
