"""The jobs that follow from what is set up, and that nobody has to ask for."""

from collections.abc import Iterator

from shared.core.job_kinds import JobKind
from shared.core.syncs import Job
from shared.setups import Setups


def following(setups: Setups, now_ms: int) -> Iterator[Job]:
    """Yield the jobs that judge records again since values of a connection mean something else.

    A connection names them for as long as it stands: whether one was asked for is told by the jobs that are known.
    """
    for row in setups.connections():
        if row.moved is None:
            continue
        for sync in row.moved.syncs:
            if setups.sync(sync) is not None:
                name = f"moved-{sync}-{row.id}-{row.moved.version}"
                yield Job(id=name, kind=JobKind.RESYNC, sync=sync, asked_at_ms=now_ms)
