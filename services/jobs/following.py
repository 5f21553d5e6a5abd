"""The jobs that follow from what is set up, and that nobody has to ask for.

Connections and syncs name them for as long as they stand: whether one was asked for is told by the jobs that are known.
"""

from collections.abc import Iterator

from shared.config.jobs import own_job
from shared.config.setups import Setups
from shared.model.job_kinds import JobKind
from shared.model.syncs import Job, Sync


def moved(setups: Setups, now_ms: int) -> Iterator[Job]:
    """Yield the jobs that judge records again since values of a connection mean something else."""
    for row in setups.connections():
        if row.moved is None:
            continue
        for sync in row.moved.syncs:
            if setups.sync(sync) is not None:
                name = f"moved-{sync}-{row.id}-{row.moved.version}"
                yield Job(id=name, kind=JobKind.RESYNC, sync=sync, asked_at_ms=now_ms)


def edited(setups: Setups, now_ms: int) -> Iterator[tuple[Sync, Job]]:
    """Yield each sync that names its job, and the job: which judges its records by the settings that stand.

    Whoever publishes a sync publishes its job, too, right after it.
    """
    for sync in setups.syncs():
        if sync.judged == sync.version:
            yield sync, own_job(sync, now_ms)
