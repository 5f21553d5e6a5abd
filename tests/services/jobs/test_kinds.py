"""Which work a job is: each kind that has words has a file, and the other way round."""

import pytest

from services.jobs.kinds import KINDS, kind_of
from shared.model.job_kinds import JobKind
from shared.model.syncs import Job
from tests.services.environment import SYNC, Environment


def test_each_kind_that_has_words_has_its_work() -> None:
    assert {kind: work.name for kind, work in KINDS.items()} == {kind: kind.value for kind in JobKind}


@pytest.mark.parametrize(
    ("kind", "statuses", "live", "work"),
    [
        (JobKind.FIRST_SYNC, (), False, "first_sync"),
        (JobKind.FIRST_SYNC, (), True, "first_sync"),
        (JobKind.FIRST_SYNC, ("failing",), True, "first_sync"),
        (JobKind.RESYNC, (), True, "resync"),
        (JobKind.RESYNC, (), False, "first_sync"),
        (JobKind.RESYNC, ("failing",), True, "retry"),
        (JobKind.RESYNC, ("failing",), False, "retry"),
    ],
)
def test_what_reads_a_sync_that_is_not_live_yet_is_its_first_sync(
    kind: JobKind,
    statuses: tuple[str, ...],
    live: bool,  # noqa: FBT001 - a column of the table
    work: str,
) -> None:
    setups = Environment(live=live).setups
    assert kind_of(Job(id="j", kind=kind, sync=SYNC, statuses=statuses, asked_at_ms=1), setups).name == work
