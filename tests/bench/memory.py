"""What the services hold in memory: idle, and after a first sync of one HubSpot account into an empty second one."""

import os
import tempfile
import time
from pathlib import Path
from typing import Final

from deploy.local.hubspot import dataset
from deploy.local.stack import PORTAL, SERVICES
from shared.apps.hubspot.feeds import OVERLAP_MS
from tests.bench.cpu import processes
from tests.bench.figures import Figure, figure
from tests.e2e.accounts import OTHER, Accounts

IDLE_MIB: Final = 400
AFTER_MIB: Final = 750
_REST_S: Final = 15.0
_CALLS: Final = 100_000
"""A quota that holds nothing up: memory is asked about, not calls."""


def measure() -> list[Figure]:
    """Measure on a stack of its own; raises what kept it from measuring."""
    contacts = int(os.environ.get("BENCH_CONTACTS", "50000"))
    idle = _idle()
    after, rested = _after(contacts)
    return [
        _sum("memory of all services, idle", idle, IDLE_MIB),
        _sum(f"memory of all services after a first sync of {contacts} contacts", after, AFTER_MIB),
        _sum("the same, a quarter of a minute later", rested, AFTER_MIB),
        *(
            figure(f"memory of {name} after that first sync", after[name], "MiB", baseline="idle",
                   baseline_value=idle[name])
            for name in SERVICES
        ),
    ]  # fmt: skip


def _idle() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        stack = Accounts(Path(folder))
        try:
            stack.start(print, empty=True)
            stack.wait_settled(0, 60)
            time.sleep(_REST_S)
            return _resident(stack)
        finally:
            stack.stop()


def _after(contacts: int) -> tuple[dict[str, float], dict[str, float]]:
    """Return what is held at the end of a first sync, and a while later."""
    with tempfile.TemporaryDirectory() as folder:
        stack = Accounts(Path(folder), limits={"calls": _CALLS})
        try:
            _fill(stack, contacts)
            stack.start(print, empty=True)
            stack.silence()
            stack.wait_settled(contacts, 60 + contacts / 50)
            after = _resident(stack)
            time.sleep(_REST_S)
            return after, _resident(stack)
        finally:
            stack.stop()


def _resident(stack: Accounts) -> dict[str, float]:
    """Return the resident MiB of each process by name."""
    return {name: one.memory_info().rss / 2**20 for name, one in processes(stack).items()}


def _sum(name: str, found: dict[str, float], most: int) -> Figure:
    total = sum(found[service] for service in SERVICES)
    return figure(name, total, "MiB", baseline="Kafka and Redis", baseline_value=found["kafka"] + found["redis"],
                  goal=f"at most {most} MiB", met=total <= most)  # fmt: skip


def _fill(stack: Accounts, contacts: int) -> None:
    stack.servers.start()
    admin = stack.hubspot.admin()
    rows = dataset.make(5, contacts, max(20, contacts // 100)).as_load()["contacts"]
    for start in range(0, contacts, 5000):
        admin.load(PORTAL, contacts=rows[start : start + 5000])
    for portal in (PORTAL, OTHER):
        admin.settings(portal, daily=0, ten_secondly=0)
    admin.close()
    time.sleep(OVERLAP_MS / 1000 + 5)  # filled a while ago: a feed looks back when it begins
    stack.servers.stop()
