"""Looking again at all records of both sides, and at those that are linked and were not listed."""

from typing import Final

from services.jobs.kind import Kind, Step
from services.jobs.looking import look_at_all
from services.jobs.reading import notice_of, pass_barrier, read_both
from services.jobs.work import Parts, Work, begun
from shared.core.records import SIDES
from shared.core.syncs import Sync
from shared.jobs import JobRow
from shared.messages import JobProgress


def _begin(parts: Parts, row: JobRow) -> JobProgress:
    """Go on once everything was read: which records were listed is forgotten with the process that read them."""
    if row.progress is None or row.progress.phase in ("reading", "indexing"):
        return begun(parts, row.job, "reading")
    return row.progress


def _notice_missing(work: Work, sync: Sync) -> None:
    """Have whoever is linked but was not listed looked at: each is read alone before it is called gone."""
    pass_barrier(work)
    for rows in work.pairs(sync.id):
        notices = []
        for _, slots in rows:
            for side in SIDES:
                record = slots.of(side)[1:] if slots.of(side).startswith(":") else ""
                if record and record not in work.listed[side]:
                    notices.append(notice_of(work, sync, side, record, "deleted"))
        work.publish(notices)


RESYNC: Final = Kind(
    name="resync",
    steps=(
        Step("reading", lambda work, sync: read_both(work, sync, remember=True)),
        Step("indexing", _notice_missing),
        Step("matching", lambda work, sync: look_at_all(work, sync, "resync")),
    ),
    begin=_begin,
)
