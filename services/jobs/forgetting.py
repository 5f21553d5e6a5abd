"""Which jobs that have ended are removed from the log.

The result of a job is shown for 30 days, and its `Idempotency-Key` answers as long. Two of each sync stay for good: the
last that ended, which says whether a first sync has failed, and the last that has read everything, which says whether
the settings that stand were ever looked at. So do those that follow from connections as they stand (`following.py`). Of
a sync that was deleted nothing stays.
"""

from collections.abc import Collection, Sequence
from typing import Final

from shared.config.jobs import JobRow

KEPT_MS: Final = 30 * 86_400_000


def forgotten(rows: Sequence[JobRow], syncs: Collection[str], now_ms: int) -> list[JobRow]:
    """Return the jobs that are to be removed."""
    ended = [row for row in rows if row.has_ended]
    kept = set[str]()
    for sync in syncs:
        own = sorted((row for row in ended if row.job.sync == sync), key=_at_ms)
        whole = [row for row in own if row.job.reads_all and row.progress and row.progress.phase == "done"]
        kept |= {rows[-1].job.id for rows in (own, whole) if rows}
    return [
        row
        for row in ended
        if row.job.id not in kept and (row.job.sync not in syncs or _at_ms(row) <= now_ms - KEPT_MS)
    ]


def _at_ms(row: JobRow) -> int:
    return row.progress.at_ms if row.progress is not None else 0
