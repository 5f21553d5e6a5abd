"""What a kind of job declares."""

from collections.abc import Callable
from dataclasses import dataclass

from services.jobs.work import Parts, Work
from shared.core.syncs import Sync
from shared.jobs import JobRow
from shared.messages import JobPhase, JobProgress


@dataclass(frozen=True, slots=True)
class Step:
    """One part of a job, in the order of its kind; what breaks off in the middle of a step goes on within it."""

    phase: JobPhase
    run: Callable[[Work, Sync], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of job.

    Args:
        begin: Returns where a job begins, or goes on.
    """

    name: str
    steps: tuple[Step, ...]
    begin: Callable[[Parts, JobRow], JobProgress]
