"""What a job led to, record by record: what was decided because of it, and how the record stands now."""

from dataclasses import dataclass
from typing import Any, Final

from pydantic import TypeAdapter

from services.console.explain import decided
from services.console.use.cursors import opened, spelled
from services.console.use.standing.installation import Installation
from services.console.use.standing.jobs import find
from services.console.use.standing.records import Status
from shared.config.jobs import trace_of
from shared.model.pairs import Pair, Trace

_NAME: Final = TypeAdapter(str)


@dataclass(frozen=True, slots=True)
class JobRecord:
    """What a job led to for one record."""

    pair: Pair
    decided_ms: int
    """When something was decided because of the job last."""
    decisions: list[str]
    """What was decided, each sentence once, without what any record holds."""

    def row(self) -> dict[str, Any]:
        """Return what it adds to the row of the record."""
        return {"decided_ms": self.decided_ms, "decisions": self.decisions}


@dataclass(frozen=True, slots=True)
class JobRecords:
    """One page of what a job led to."""

    rows: list[JobRecord]
    next: str
    """The cursor of the next page; empty after the last one."""


def records_of(console: Installation, name: str, status: Status, cursor: str, limit: int) -> JobRecords:
    """Return one page of what a job led to; raises `Problem`.

    Args:
        console: Where the records are.
        name: The job.
        status: Only records that stand so now; all when empty.
        cursor: Where the page begins; empty for the first one.
        limit: Records of the page at most.
    """
    job = find(console.jobs, name).job
    after = opened(cursor, _NAME) if cursor else ""
    found = console.views.led_to(trace_of(job.id), job.asked_at_ms, after, limit, status)
    pairs = {pair.pair: pair for pair in console.views.states([row.pair for row in found.rows])}

    def sentences(steps: list[dict[str, Any]]) -> list[str]:
        log = [Trace.model_validate(row) for step in steps for row in step["log"]]
        # What is tried twice, as it was read and as it was looked at, is told once.
        return list(dict.fromkeys(decided(log, job.sync, console.setups, sealed=True)))

    rows = [
        JobRecord(pairs[row.pair], row.steps[-1]["at_ms"], sentences(row.steps))
        for row in found.rows
        if row.pair in pairs and row.steps
    ]
    return JobRecords(rows, spelled(found.next) if found.next else "")
