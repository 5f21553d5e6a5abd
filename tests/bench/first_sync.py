"""The first sync of one HubSpot account into an empty second one, each under a quota of calls in ten seconds."""

import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from redis import Redis

from deploy.local.hubspot import dataset
from deploy.local.stack import PORTAL, SERVICES
from shared.apps.hubspot.feeds import OVERLAP_MS
from tests.bench.cpu import Cpu, Timeline, alone_and_together, processes
from tests.bench.figures import Figure, figure
from tests.e2e.accounts import CONTACTS, OTHER, Accounts

QUOTA: Final = 190
SMALL_QUOTA: Final = 100
SMALL_CONTACTS: Final = 20_000
AT_EASE: Final = 0.6
"""Of the calls that a machine managed under the larger quota: so many it makes without being busy all the time."""
WINDOW_S: Final = 10
GOAL: Final = 0.9


def measure() -> list[Figure]:
    """Measure on stacks of their own; raises what kept it from measuring."""
    contacts = int(os.environ.get("BENCH_CONTACTS", "50000"))
    run = _measure(contacts, QUOTA)
    # Where a machine is too small for the larger quota, this tells whether the calls of one that it can keep up with
    # are well spent, and how large a machine would do. Processors that are not all busy are quicker: it is the least
    # that would do.
    quota = min(SMALL_QUOTA, max(5, int(run.share * QUOTA * AT_EASE) // 5 * 5))
    small = _measure(min(contacts, SMALL_CONTACTS), quota)
    counted, do = alone_and_together()
    needed = sum(small.cores.values()) * GOAL * QUOTA / (small.share * quota)
    return [
        *run.figures,
        figure("first sync under a quota that this machine can keep up with: share used while writing", small.share, "",
               baseline=f"every call of the quota, here {quota} calls/{WINDOW_S} s; all processes:"
               f" {sum(small.cores.values()):.2f} of {os.cpu_count()} cores",
               baseline_value=1.0, goal=f"at least {GOAL} (goal 0.95)", met=small.share >= GOAL),
        figure(f"first sync: cores that {GOAL} of {QUOTA} calls/{WINDOW_S} s need, by that run", needed, "cores",
               baseline=f"the work that all {counted} processors of this machine do at once, by what one does alone",
               baseline_value=do),
    ]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """One first sync."""

    figures: list[Figure]
    share: float
    cores: dict[str, float]
    """What each process used while writing."""


def _measure(contacts: int, quota: int) -> _Run:
    with tempfile.TemporaryDirectory() as folder:
        stack = Accounts(Path(folder), limits={"calls": quota})
        try:
            return _figures(stack, contacts, quota)
        finally:
            stack.stop()


def _figures(stack: Accounts, contacts: int, quota: int) -> _Run:
    stack.servers.start()
    admin = stack.hubspot.admin()
    rows = dataset.make(5, contacts, max(20, contacts // 100)).as_load()["contacts"]
    for start in range(0, contacts, 5000):
        admin.load(PORTAL, contacts=rows[start : start + 5000])
    for portal in (PORTAL, OTHER):
        admin.settings(portal, daily=0, ten_secondly=quota)
    time.sleep(OVERLAP_MS / 1000 + 5)  # filled a while ago: a feed looks back when it begins
    stack.servers.stop()
    stack.start(print, empty=True)
    stack.silence()
    with Redis.from_url(stack.redis_url, decode_responses=True) as client:
        timeline = Timeline(processes(stack))
        timeline.begin()
        began = time.monotonic()
        stack.wait_settled(contacts, 60 + contacts / 50)
        took = time.monotonic() - began
        timeline.end()
        used = int(client.info("memory")["used_memory"])
        states = [len(client.get(key) or "") for key in client.scan_iter(f"{{{CONTACTS}}}p:*", count=1000)][:2000]
    admin = stack.hubspot.admin()
    calls = {
        portal: admin.call("GET", f"accounts/{portal}/calls", after=0, limit=10_000_000) for portal in (PORTAL, OTHER)
    }
    created = sum(1 for row in admin.records(OTHER, "contacts").values() if not row["archived"])
    admin.close()
    if created != contacts:
        raise RuntimeError(f"{created} contacts were created, not {contacts}")
    writing = [row for row in calls[OTHER]["calls"] if row["class"] != "search"]
    creates = [row["at"] for row in writing if "upsert" in row["path"]]
    span_s = (max(creates) - min(creates)) / 1000
    during = sum(1 for row in writing if min(creates) <= row["at"] <= max(creates))
    share = during / (quota * span_s / WINDOW_S)
    cores = timeline.cores(min(creates) / 1000, max(creates) / 1000)
    print("cores while writing:", {name: round(used, 2) for name, used in cores.items()})
    print(f"writing: {span_s:.1f} s of {took:.1f} s")
    print("refused by policy:", {portal: calls[portal]["refused"] for portal in calls})
    refused = sum(calls[portal]["byStatus"].get("429", 0) for portal in calls)
    each = sum(calls[portal]["total"] for portal in calls) / contacts
    busiest = max(cores, key=lambda name: cores[name])
    memory = {name: process.memory_info().rss / 2**20 for name, process in processes(stack).items()}
    time.sleep(10)
    idle = Cpu(processes(stack))
    time.sleep(20)
    at_rest = idle.cores()
    figures = [
        figure(
            f"first sync of {contacts} contacts, {quota} calls/{WINDOW_S} s: share of the quota used while writing",
            share, "",
            baseline=f"every call of the quota; busiest process: {busiest} with {cores[busiest]:.2f} of a core, all"
            f" processes: {sum(cores.values()):.2f} of {os.cpu_count()} cores",
            baseline_value=1.0, goal=f"at least {GOAL} (goal 0.95)", met=share >= GOAL,
        ),
        figure("first sync: seconds", took, "s", baseline="the quota alone, two calls for 100 records",
               baseline_value=contacts / 100 * 2 / quota * WINDOW_S),
        figure("first sync: 429s of our own making", refused, "", baseline="none", baseline_value=0.0, goal="0",
               met=refused == 0),
        figure("first sync: calls a record on both accounts together", each, "",
               baseline="read 1, look 1 and write 1 call for 100 records", baseline_value=0.03, goal="at most 0.04",
               met=each <= 0.04),
        figure("first sync: cores of the busiest process", cores[busiest], "cores", baseline="one core",
               baseline_value=1.0),
        figure("Redis bytes a pair", used / contacts, "bytes", baseline="the pair's state as text",
               baseline_value=sum(states) / max(1, len(states))),
        *(
            figure(f"memory of {name} after the first sync", memory[name], "MiB", baseline="the Kafka broker",
                   baseline_value=memory["kafka"])
            for name in SERVICES
        ),
        figure("idle: cores of all services", sum(at_rest[name] for name in SERVICES), "cores",
               baseline="Kafka and Redis", baseline_value=at_rest["kafka"] + at_rest["redis"]),
        figure("idle: memory of all services", sum(memory[name] for name in SERVICES), "MiB",
               baseline="Kafka and Redis", baseline_value=memory["kafka"] + memory["redis"]),
    ]  # fmt: skip
    return _Run(figures=figures, share=share, cores=cores)
