"""Measure what a record costs the code of one checkout, and print it as JSON.

Run by its path in the folder of any checkout, whose packages it imports: an older commit is measured in the same way.
Processor time is that of each process, less what the process uses while nothing happens.
"""

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import psutil
from kafka import KafkaConsumer, TopicPartition
from redis import Redis

from deploy.local.hubspot import dataset
from deploy.local.stack import PORTAL, SERVICES
from tests.e2e.accounts import CONTACTS, OTHER, Accounts

_RATE: Final = 5
_EDITS: Final = 150
_REST_S: Final = 10.0
_IDLE_S: Final = 20.0
_OVERLAP_S: Final = 65.0
"""Older than any feed looks back when it begins, so that nothing is read twice."""


class _Meter:
    """Processor seconds of the processes of a stack."""

    def __init__(self, stack: Accounts) -> None:
        pids = {name: stack.services[name].pid for name in SERVICES}
        pids |= {"kafka": stack.kafka.pid, "redis": stack.redis.pid}  # type: ignore[union-attr]  # both run
        self._processes = {name: psutil.Process(pid) for name, pid in pids.items()}
        self.idle: dict[str, float] = dict.fromkeys(pids, 0.0)
        """Seconds a second while nothing happens."""

    def read(self) -> tuple[float, dict[str, float]]:
        """Return the time, and the seconds used so far by each process."""
        used = {name: one.cpu_times() for name, one in self._processes.items()}
        return time.monotonic(), {name: times.user + times.system for name, times in used.items()}

    def since(self, begun: tuple[float, dict[str, float]]) -> dict[str, float]:
        """Return the seconds used since an earlier reading, less what would have been used anyway."""
        at, now = self.read()
        took = at - begun[0]
        return {name: used - begun[1][name] - self.idle[name] * took for name, used in now.items()}

    def memory(self) -> dict[str, float]:
        """Return the resident MiB of each process."""
        return {name: one.memory_info().rss / 2**20 for name, one in self._processes.items()}


def _messages(bootstrap: str) -> dict[str, int]:
    """Count the messages of each topic."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap)
    try:
        found = {}
        for topic in consumer.topics():
            if not topic.startswith("__"):
                parts = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)]
                found[topic] = sum(consumer.end_offsets(parts).values())
        return found
    finally:
        consumer.close()


def _more(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, int]:
    return {name: count - before.get(name, 0) for name, count in after.items() if count > before.get(name, 0)}


def _live(stack: Accounts, meter: _Meter) -> dict[str, Any]:
    """Edit contacts at a steady rate, and return what an edit costs and how long it takes."""
    admin = stack.hubspot.admin()
    first = admin.call("GET", f"accounts/{OTHER}/audit")["last"]
    ids = [record for record, row in admin.records(PORTAL, "contacts").items() if not row["archived"]][:_EDITS]
    before, begun, edited = _messages(stack.bootstrap), meter.read(), {}
    started = time.monotonic()
    for number, record in enumerate(ids):
        time.sleep(max(0.0, started + number / _RATE - time.monotonic()))
        edited[f"cost {number}"] = time.time() * 1000
        admin.edit(PORTAL, "update", "contacts", record, properties={"jobtitle": f"cost {number}"})
    arrived: dict[str, float] = {}
    deadline = time.monotonic() + 60
    while len(arrived) < len(edited):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{len(edited) - len(arrived)} edits did not arrive")
        time.sleep(0.5)
        rows = admin.audit(OTHER, first)
        arrived = {row["after"]["jobtitle"]: row["at"] for row in rows if "jobtitle" in row["after"]}
    time.sleep(3)  # what follows from the writes
    used, messages = meter.since(begun), _more(before, _messages(stack.bootstrap))
    admin.close()
    return {
        "ms": {name: 1000 * seconds / len(edited) for name, seconds in used.items()},
        "messages": sum(messages.values()) / len(edited),
        "topics": {name: round(count / len(edited), 2) for name, count in sorted(messages.items())},
        "p50_ms": statistics.median(arrived[name] - at for name, at in edited.items()),
    }


def measure(contacts: int) -> dict[str, Any]:
    """Run a first sync, rest, and edit; raises what kept it from measuring."""
    with tempfile.TemporaryDirectory() as folder:
        stack = Accounts(Path(folder), limits={"calls": 100_000})
        stack.syncs = {}
        try:
            stack.servers.start()
            admin = stack.hubspot.admin()
            rows = dataset.make(5, contacts, max(20, contacts // 100)).as_load()["contacts"]
            for start in range(0, contacts, 5000):
                admin.load(PORTAL, contacts=rows[start : start + 5000])
            for portal in (PORTAL, OTHER):
                admin.settings(portal, daily=0, ten_secondly=0)
            admin.close()
            time.sleep(_OVERLAP_S)
            stack.servers.stop()
            stack.start(lambda *_: None, empty=True)
            time.sleep(_REST_S)
            meter = _Meter(stack)
            memory = meter.memory()
            before, begun = _messages(stack.bootstrap), meter.read()
            stack.syncs = {CONTACTS: {}}
            stack.apply(stack.hook)
            stack.wait_settled(contacts, 60 + contacts / 20)
            time.sleep(3)  # what follows from the last writes
            spent, took = meter.since(begun), time.monotonic() - begun[0]
            messages = _more(before, _messages(stack.bootstrap))
            after = meter.memory()
            with Redis.from_url(stack.redis_url) as client:
                redis = int(client.info("memory")["used_memory"])
            time.sleep(_REST_S)
            idle = meter.read()
            time.sleep(_IDLE_S)
            at_rest = {name: seconds / _IDLE_S for name, seconds in meter.since(idle).items()}
            meter.idle = at_rest
            live = _live(stack, meter)
        finally:
            stack.stop()
    return {
        "seconds": took,
        "ms": {name: 1000 * (seconds - at_rest[name] * took) / contacts for name, seconds in spent.items()},
        "messages": sum(messages.values()) / contacts,
        "topics": {name: round(count / contacts, 2) for name, count in sorted(messages.items())},
        "redis_bytes": redis / contacts,
        "memory_idle": sum(memory[name] for name in SERVICES),
        "memory_after": sum(after[name] for name in SERVICES),
        "idle_cores": sum(at_rest[name] for name in SERVICES),
        "live": live,
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(int(sys.argv[1]))) + "\n")
