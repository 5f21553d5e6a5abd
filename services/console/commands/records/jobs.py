"""Lists jobs, shows what they led to, and has them confirmed, paused, resumed or cancelled, from a terminal."""

import sys
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias, get_args
from urllib.parse import quote

from services.console.commands.calling import Calls, NoAnswerError
from services.console.commands.lines import job_line, record_line
from services.console.commands.printing import ending_on, write_json, write_rows
from services.console.use.problems import Problem
from services.console.use.standing.jobs import Order, find, job_row, order
from shared.io.ports import BusUnavailable
from shared.io.process.service import Service

What: TypeAlias = Literal["list", "show", "rows", "confirm", "pause", "resume", "cancel"]


@ending_on(Problem, BusUnavailable, NoAnswerError)
def run(service: Service, what: What, name: str, *, status: str = "", as_json: bool = False) -> int:
    """List all jobs, show one, or give an order to one; returns the exit code: 0 done, 1 refused.

    Args:
        service: Where the jobs are.
        what: What to do; `rows` shows what a job led to, record by record, which the console knows.
        name: The job; not for a list.
        status: Of `rows`: records that stand so now.
        as_json: Print for programs.
    """
    known = next((one for one in get_args(Order) if one == what), None)
    if what == "rows":
        path = f"jobs/{quote(name, safe='')}/rows"
        led = Calls(service.settings).every(path, "rows", status=status)
        write_rows(led, _led_line, "nothing was decided about a record because of this job", as_json=as_json)
        return 0
    service.read_jobs()
    rows = service.jobs.rows()
    if what != "list":
        rows = [find(service.jobs, name) if known is None else order(service, service.jobs, name, known)]
    shown = [job_row(row) for row in rows]
    if as_json:
        write_json(shown)
        return 0
    sys.stdout.writelines(f"{job_line(row)}\n" for row in shown)
    if not rows:
        sys.stdout.write("there are no jobs\n")
    return 0


def _led_line(row: Mapping[str, Any]) -> str:
    return f"{record_line(row)}  {' '.join(row['decisions'])}"
