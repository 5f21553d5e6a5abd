"""What a kind of job declares."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from services.jobs.work import Parts, Work
from shared.config.jobs import JobRow
from shared.model.records import SIDES, Side
from shared.model.syncs import Sync
from shared.wire.messages import JobPhase, JobProgress


@dataclass(frozen=True, slots=True)
class Step:
    """One part of a job, in the order of its kind; what breaks off in the middle of a step goes on within it."""

    phase: JobPhase
    run: Callable[[Work, Sync], None]


@dataclass(frozen=True, slots=True)
class Row:
    """Something that a job counts.

    Args:
        done: Returns how much of it is done.
        total: Returns how much there is, where that is known.
        text: Returns what is counted, in words.
    """

    done: Callable[[JobProgress], int]
    total: Callable[[JobProgress], int | None]
    text: Callable[[Sync], str]


def _read(side: Side) -> Row:
    return Row(
        lambda told: told.read.get(side, 0),
        lambda told: told.totals.get(side),
        lambda sync: f"records of {sync.side(side).connection} read",
    )


READ: Final = tuple(map(_read, SIDES))
LOOKED_AT: Final = (Row(lambda told: told.touched, lambda told: told.pairs, lambda _sync: "pairs looked at"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of job.

    Args:
        rows: What it counts; a job that ends says in these words what it has done.
        review: Counts the pairs that the job would look at, for whoever is to confirm it.
        begin: Returns where a job begins, or goes on.
        take_up: Finds out what another process knew that had the job before.
    """

    name: str
    steps: tuple[Step, ...]
    rows: tuple[Row, ...]
    review: Callable[[Work, Sync], int]
    begin: Callable[[Parts, JobRow], JobProgress]
    take_up: Callable[[Work, Sync], None] | None = None

    def result(self, told: JobProgress, sync: Sync) -> str:
        """Return what a job has done, in words."""
        return ", ".join(_counted(row.done(told), row.total(told), row.text(sync)) for row in self.rows)


def _counted(done: int, total: int | None, text: str) -> str:
    return f"{done:,} {text}" if total is None or total < done else f"{done:,} of {total:,} {text}"
