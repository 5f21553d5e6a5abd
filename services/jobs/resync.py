"""Looking again at all records of both sides, and at those that are linked and were not listed."""

from collections.abc import Sequence
from typing import Final

from services.jobs.kind import LOOKED_AT, READ, Kind, Step
from services.jobs.looking import count_all, look_at_all
from services.jobs.reading import notice_of, pass_barrier, read_both
from services.jobs.work import Parts, Work, begun
from shared.config.jobs import JobRow
from shared.io.links.requests import Slots
from shared.model.ids import record_key
from shared.model.records import SIDES
from shared.model.syncs import Sync
from shared.model.touches import Touch
from shared.wire import topics
from shared.wire.messages import JobProgress

_LISTING: Final = ("reading", "indexing")
"""Phases in which it counts which records were listed."""


def _begin(parts: Parts, row: JobRow) -> JobProgress:
    """Go on where it can be told which records were listed before."""
    if row.progress is None or (row.progress.phase in _LISTING and not row.progress.since):
        return begun(parts, row.job, "reading")
    return row.progress


def _take_up(work: Work, sync: Sync) -> None:
    """Learn which records were listed by whoever had the job before: `records` still holds them.

    Where it does not, everything is listed once more. Half a listing does not tell who is missing.
    """
    told = work.progress
    if told.phase not in _LISTING or not told.since:
        return
    since = {int(part): offset for part, offset in told.since.items()}
    for side in SIDES:
        end = sync.side(side)
        prefix = record_key(end.connection, end.object, "")
        keys = work.parts.keys_since(since, prefix)
        if keys is None:
            work.tell(phase="reading", read={}, cursors={}, barrier={}, since={})
            return
        work.listed[side].update(key.removeprefix(prefix) for key in keys)


def _read(work: Work, sync: Sync) -> None:
    if not work.progress.since:
        ends = work.parts.offsets.end_offsets(topics.RECORDS.name)
        work.tell(since={str(part): end for part, end in ends.items()})
    read_both(work, sync, remember=True)


def _notice_missing(work: Work, sync: Sync) -> None:
    """Look at whoever is linked but was not listed: each is read alone before it is called gone."""
    pass_barrier(work)

    def look(rows: Sequence[tuple[str, Slots]]) -> int:
        notices = []
        for _, slots in rows:
            for side in SIDES:
                record = slots.of(side)[1:] if slots.of(side).startswith(":") else ""
                if record and record not in work.listed[side]:
                    notices.append(notice_of(work, sync, side, record, "deleted"))
        work.publish(notices)
        return 0

    work.walk("missing", sync.id, look)


RESYNC: Final = Kind(
    name="resync",
    steps=(
        Step("reading", _read),
        Step("indexing", _notice_missing),
        Step("matching", lambda work, sync: look_at_all(work, sync, Touch.RESYNC)),
    ),
    rows=(*READ, *LOOKED_AT),
    review=count_all,
    begin=_begin,
    take_up=_take_up,
)
