"""Looking again at the pairs of some statuses; nothing is read from the apps."""

from typing import Final

from services.jobs.kind import Kind, Step
from services.jobs.looking import look_at_some
from services.jobs.work import begun
from shared.core.syncs import Job
from shared.messages import JobProgress
from shared.setups import Setups


def _begin(setups: Setups, job: Job, known: JobProgress | None) -> JobProgress:
    return known or begun(setups, job, "matching")


RETRY: Final = Kind(name="retry", steps=(Step("matching", look_at_some),), begin=_begin)
