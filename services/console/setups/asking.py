"""Which job follows from a sync's settings, and whether it was asked for."""

from collections.abc import Sequence

from shared.core.job_kinds import JobKind
from shared.core.syncs import Job, Sync
from shared.jobs import JobRow


def own_job(sync: Sync, at_ms: int) -> Job:
    """Return the job that looks at all records of a sync under its settings."""
    if sync.version > 1:
        return Job(id=f"edited-{sync.id}-{sync.version}", kind=JobKind.RESYNC, sync=sync.id, asked_at_ms=at_ms)
    return Job(id=f"first-{sync.id}", kind=JobKind.FIRST_SYNC, sync=sync.id, asked_at_ms=at_ms)


def is_asked(sync: Sync, rows: Sequence[JobRow]) -> bool:
    """Check whether a sync's own job is known, or another one that has read everything under the same settings."""
    own = own_job(sync, 0).id
    return any(
        row.job.id == own or (not row.job.statuses and row.progress and row.progress.setup >= sync.version)
        for row in rows
    )


def has_failed(rows: Sequence[JobRow]) -> bool:
    """Check whether all jobs of a sync have ended, and the last of them failed."""
    ended = [row.progress for row in rows if row.has_ended and row.progress is not None]
    return bool(rows) and len(ended) == len(rows) and max(ended, key=lambda row: row.at_ms).phase == "failed"
