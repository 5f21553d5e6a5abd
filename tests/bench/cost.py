"""What a record costs, beside an older commit: processor time by process, messages, memory, in turns in one run."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from deploy.local.stack import SERVICES
from tests.bench import one_cost
from tests.bench.figures import ROOT, Figure, figure

BASELINE: Final = "e997fd8"
"""The commit that goals are relative to: contacts and companies only, before history, jobs and the console's pages."""
_CHILD_S: Final = 1800


def measure() -> list[Figure]:
    """Measure both in turns, so that what else the machine does falls on both; raises what kept it from measuring."""
    contacts = int(os.environ.get("BENCH_COST_CONTACTS", "3000"))
    older = os.environ.get("BENCH_BASELINE", BASELINE)
    with tempfile.TemporaryDirectory() as folder:
        checkout = Path(folder) / "older"
        _git("worktree", "add", "--detach", str(checkout), older)
        try:
            turns = [(where, _run(where, contacts)) for where in (checkout, ROOT, ROOT, checkout)]
        finally:
            _git("worktree", "remove", "--force", str(checkout))
    before = [found for where, found in turns if where == checkout]
    return _figures(before, [found for where, found in turns if where == ROOT], f"commit {older}")


def _git(*arguments: str) -> None:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"git {' '.join(arguments)}: {done.stderr.strip()}")


def _run(checkout: Path, contacts: int) -> dict[str, Any]:
    """Measure one checkout in a process of its own."""
    command = [sys.executable, str(Path(one_cost.__file__)), str(contacts)]
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    done = subprocess.run(
        command, cwd=checkout, env=environment, capture_output=True, text=True, timeout=_CHILD_S, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{checkout.name} could not be measured: {done.stderr.strip()[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    print(f"{checkout.name}: {json.dumps(found)}", flush=True)
    return found


def _figures(before: Sequence[dict[str, Any]], now: Sequence[dict[str, Any]], beside: str) -> list[Figure]:
    def mean(runs: Sequence[dict[str, Any]], *path: str) -> float:
        return statistics.mean(_at(run, path) for run in runs)

    def row(name: str, unit: str, *path: str, goal: str = "", most: float | None = None) -> Figure:
        value, base = mean(now, *path), mean(before, *path)
        met = None if most is None else value <= most
        return figure(name, value, unit, baseline=beside, baseline_value=base, goal=goal, met=met)

    def spent(name: str, kind: Sequence[str], parts: Sequence[str], times: float) -> Figure:
        value = sum(mean(now, *kind, part) for part in parts)
        base = sum(mean(before, *kind, part) for part in parts)
        return figure(name, value, "ms", baseline=beside, baseline_value=base, goal=f"at most {times} of it",
                      met=value <= times * base)  # fmt: skip

    everything = (*SERVICES, "kafka", "redis")
    return [
        row("messages a record, first sync", "", "messages", goal="at most 3", most=3),
        spent("processor time a record, first sync: the four services", ("ms",), SERVICES, 0.65),
        spent("processor time a record, first sync: all processes", ("ms",), everything, 0.75),
        *(row(f"processor time a record, first sync: {name}", "ms", "ms", name) for name in everything),
        row("messages an edit at 5/s", "", "live", "messages"),
        spent("processor time an edit at 5/s: all processes", ("live", "ms"), everything, 0.85),
        *(row(f"processor time an edit at 5/s: {name}", "ms", "live", "ms", name) for name in everything),
        row("an edit at 5/s until it is written, p50", "ms", "live", "p50_ms"),
        row("idle: cores of the four services", "cores", "idle_cores", goal="at most 0.05", most=0.05),
        row("Redis bytes a pair, with all else that Redis holds", "bytes", "redis_bytes"),
        row("memory of the four services, idle", "MiB", "memory_idle"),
        row("memory of the four services after that first sync", "MiB", "memory_after"),
    ]


def _at(found: dict[str, Any], path: Sequence[str]) -> float:
    for name in path:
        found = found[name]
    return float(found)  # type: ignore[arg-type]  # the last one is a number
