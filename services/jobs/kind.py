"""What a kind of job declares."""

from collections.abc import Callable
from dataclasses import dataclass

from services.jobs.work import Work
from shared.core.syncs import Job, Sync
from shared.messages import JobPhase, JobProgress
from shared.setups import Setups


@dataclass(frozen=True, slots=True)
class Step:
    """One part of a job, in the order of its kind; what breaks off in the middle of a step goes on within it."""

    phase: JobPhase
    run: Callable[[Work, Sync], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of job.

    Args:
        begin: Returns where a job goes on, given what it told last, if anything.
    """

    name: str
    steps: tuple[Step, ...]
    begin: Callable[[Setups, Job, JobProgress | None], JobProgress]
