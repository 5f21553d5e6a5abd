"""Which kind of work a job is."""

from services.jobs.first_sync import FIRST_SYNC
from services.jobs.kind import Kind
from services.jobs.resync import RESYNC
from services.jobs.retry import RETRY
from shared.core.syncs import Job
from shared.setups import Setups


def kind_of(job: Job, setups: Setups) -> Kind:
    """Return the kind of a job: whatever reads a sync that is not live yet is its first sync."""
    if not job.reads_all:
        return RETRY
    if job.kind == "first_sync" or setups.phase(job.sync) != "live":
        return FIRST_SYNC
    return RESYNC
