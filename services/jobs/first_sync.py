"""The first sync of two sides.

Its order is its promise. The feeds have their cursors before the first page is read, so that no change falls between;
match has passed the last page before the sync goes live, so that nobody is created who was only not read yet; and every
pair is touched afterwards, because until then nothing was written.
"""

from typing import Final

from services.jobs.kind import LOOKED_AT, READ, Kind, Step
from services.jobs.looking import count_all, look_at_all
from services.jobs.reading import pass_barrier, read_both
from services.jobs.work import Parts, Work, begun
from shared.config.jobs import JobRow
from shared.io.ports import Outbound
from shared.model.syncs import Sync
from shared.model.touches import Touch
from shared.wire import topics
from shared.wire.messages import JobProgress, PhaseSet, SetupDoc


def _begin(parts: Parts, row: JobRow) -> JobProgress:
    """Go on, or begin where the sync's last first sync failed, if it read what is read now."""
    if row.progress is not None:
        return row.progress
    new = begun(parts, row.job, "reading")
    told = [one.progress for one in parts.jobs.of_sync(row.job.sync) if one.progress is not None]
    last = max(reversed(told), key=lambda one: one.at_ms, default=None)
    if last is None or last.phase != "failed" or last.setup != new.setup:
        return new
    return new.model_copy(update={"read": last.read, "totals": last.totals, "cursors": last.cursors})


def _go_live(work: Work, sync: Sync) -> None:
    pass_barrier(work)
    live = SetupDoc(phase=PhaseSet(sync=sync.id, phase="live"))
    work.publish([Outbound(topic=topics.SETUPS, key=f"phase:{sync.id}", message=live)])
    # Whoever reads what the job tells from now on reads as much of the settings first: the next job is no first sync.
    work.wait(lambda: work.parts.setups.phase(sync.id) == "live")


FIRST_SYNC: Final = Kind(
    name="first_sync",
    steps=(
        Step("reading", read_both),
        Step("indexing", _go_live),
        Step("matching", lambda work, sync: look_at_all(work, sync, Touch.BACKFILL)),
    ),
    rows=(*READ, *LOOKED_AT),
    review=count_all,
    begin=_begin,
)
