"""Lists jobs, and has them confirmed, paused, resumed or cancelled, from a terminal."""

import json
import sys

from services.console.commands.lines import job_line
from services.console.use.jobs import Order, job_row, order
from services.console.use.problems import Problem
from shared.io.ports import BusUnavailable
from shared.io.service import Service


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
    shown = [job_row(row) for row in rows]
    if as_json:
        sys.stdout.write(json.dumps(shown, indent=2, ensure_ascii=False) + "\n")
        return 0
    sys.stdout.writelines(f"{job_line(row)}\n" for row in shown)
    if not rows:
        sys.stdout.write("there are no jobs\n")
    return 0
