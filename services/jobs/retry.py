"""Looking again at the pairs of some statuses; nothing is read from the apps."""

from typing import Final

from services.jobs.kind import LOOKED_AT, Kind, Step
from services.jobs.looking import count_some, look_at_some
from services.jobs.work import Parts, begun
from shared.jobs import JobRow
from shared.messages import JobProgress


def _begin(parts: Parts, row: JobRow) -> JobProgress:
    return row.progress or begun(parts, row.job, "matching")


RETRY: Final = Kind(
    name="retry", steps=(Step("matching", look_at_some),), rows=LOOKED_AT, review=count_some, begin=_begin
)
