"""What people want of jobs: to confirm, pause, resume or cancel them."""

from dataclasses import replace
from typing import Any, Final, Literal, TypeAlias

from services.console.use.activity import Did
from services.console.use.problems import Problem
from services.console.use.publishing import Outside, publish
from services.console.use.syncs import is_off
from shared.config.jobs import JobRow, Jobs
from shared.io.ports import Outbound
from shared.wire import topics
from shared.wire.messages import JobDoc, JobOrder

Order: TypeAlias = Literal["confirm", "pause", "resume", "cancel"]
GOES_ON: Final = ("confirm", "resume")
"""Orders by which a job begins or goes on."""
_PARTS: Final = {"confirm": "confirmed", "pause": "paused", "resume": "paused", "cancel": "cancelled"}
_HIDDEN: Final = {"barrier", "cursors", "job", "term", "runner", "since", "places"}
"""What of a job's progress is for those who run it."""


def job_row(row: JobRow) -> dict[str, Any]:
    """Show one job as a row of a list."""
    job, told = row.job, row.progress
    shown = told.model_dump(exclude=_HIDDEN) if told else {"phase": "waiting"}
    asked: dict[str, Any] = {"id": job.id, "kind": job.kind, "sync": job.sync, "statuses": job.statuses}
    narrowed = {"category": ", ".join(job.reasons), "since": job.since_ms, "q": job.text}
    asked |= {name: value for name, value in narrowed.items() if value} | {"asked_at_ms": job.asked_at_ms}
    return {**asked, "state": row.state, **shown, **({"held": True} if row.is_held else {})}


def find(jobs: Jobs, name: str) -> JobRow:
    """Return a job by name; raises `Problem`."""
    row = next((row for row in jobs.rows() if row.job.id == name), None)
    if row is None:
        raise Problem(404, "No such job", f"There is no job {name!r}.")
    return row


def order(outside: Outside, jobs: Jobs, name: str, what: Order) -> JobRow:
    """Publish what somebody wants of a job, and return the job as it stands then; raises `Problem`.

    An order that stands already is given once more, which changes nothing.
    """
    row = find(jobs, name)
    if row.has_ended:
        raise Problem(409, "It has ended", f"Job {name!r} has ended ({row.state}): ask for a new one.")
    if row.state == "cancelling" and what != "cancel":
        raise Problem(409, "It is cancelled", f"Job {name!r} is cancelled and ends: ask for a new one.")
    if what == "confirm" and not row.job.review:
        raise Problem(409, "Nothing to confirm", f"Job {name!r} needs no confirmation.")
    if what in GOES_ON and row.is_held:
        raise is_off(row.job.sync)
    part, did = _PARTS[what], Did(what=f"job.{what}", about=f"job:{name}")
    if what == "resume":
        publish(outside, [_document(f"{part}:{name}", None)], did)
        return replace(row, orders=row.orders - {part})
    given = JobOrder(job=name, at_ms=outside.clock.now_ms())
    publish(outside, [_document(f"{part}:{name}", JobDoc.model_validate({part: given}))], did)
    return replace(row, orders=row.orders | {part})


def _document(key: str, doc: JobDoc | None) -> Outbound:
    return Outbound(topic=topics.JOBS, key=key, message=doc)
