"""Which kind of work a job is."""

from collections.abc import Mapping
from typing import Final

from services.jobs.first_sync import FIRST_SYNC
from services.jobs.kind import Kind
from services.jobs.resync import RESYNC
from services.jobs.retry import RETRY
from shared.config.setups import Setups
from shared.model.job_kinds import JobKind
from shared.model.syncs import Job

KINDS: Final[Mapping[JobKind, Kind]] = {JobKind.FIRST_SYNC: FIRST_SYNC, JobKind.RESYNC: RESYNC}


def kind_of(job: Job, setups: Setups) -> Kind:
    """Return the kind of a job: whatever reads a sync that is not live yet is its first sync."""
    if job.kind is JobKind.RESYNC and not job.reads_all:
        return RETRY
    return FIRST_SYNC if job.reads_all and setups.phase(job.sync) != "live" else KINDS[job.kind]
