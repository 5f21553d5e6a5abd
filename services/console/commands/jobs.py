"""Lists jobs, and has them confirmed, paused, resumed or cancelled, from a terminal."""

import json
import sys

from services.console.use.jobs import Order, job_row, order
from services.console.use.problems import Problem
from shared.io.ports import BusUnavailable
from shared.io.service import Service
from shared.jobs import JobRow


def run(service: Service, what: Order | None, name: str, *, as_json: bool = False) -> int:
    """List all jobs, or give an order to one; returns the exit code: 0 done, 1 refused."""
    try:
        service.read_jobs()
        rows = service.jobs.rows()
        if what is not None:
            rows = [order(service, service.jobs, name, what)]
    except (Problem, BusUnavailable) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if as_json:
        sys.stdout.write(json.dumps([job_row(row) for row in rows], indent=2, ensure_ascii=False) + "\n")
        return 0
    for row in rows:
        sys.stdout.write(f"{line(row)}\n")
    if not rows:
        sys.stdout.write("there are no jobs\n")
    return 0


def line(row: JobRow) -> str:
    """Return one job as a line: its name and state, how far it is, and what holds it up."""
    told = row.progress
    if told is None:
        return f"{row.job.id}: {row.state}"
    if told.result and not told.error:
        return f"{row.job.id}: {row.state}; {told.result}"
    totals = [(told.read.get(side, 0), told.totals.get(side), "read") for side in sorted({*told.read, *told.totals})]
    counts = [*totals, *([(told.touched, told.pairs, "looked at")] if told.pairs is not None or told.touched else [])]
    shown = [f"{done:,} of {total:,} {what}" if total else f"{done:,} {what}" for done, total, what in counts]
    return "; ".join((f"{row.job.id}: {row.state}", *shown, *([told.error] if told.error else [])))
