"""The jobs that follow from what is set up: asked for by a worker, once, whoever changed the settings and died."""

import time

import pytest

from services.jobs import runner as module
from services.jobs.forgetting import KEPT_MS
from shared import topics
from shared.core.syncs import Job, Moved
from shared.messages import SetupDoc
from tests.services.desk import LEFT, SYNC, Desk, people
from tests.services.jobs.shift import Shift, ask, pair


def move(desk: Desk, *syncs: str) -> str:
    """Have values of the left account mean something else for syncs; returns how the job of the first is called."""
    row = desk.setups.connection(LEFT)
    version = row.version + 1
    changes = {"country": "IT", "moved": Moved(version=version, syncs=syncs), "version": version}
    desk.set_up("connection", SetupDoc(connection=row.model_copy(update=changes)), LEFT)
    return f"moved-{syncs[0]}-{LEFT}-{version}"


def asked(desk: Desk) -> list[Job]:
    return [doc.job for doc in desk.told(topics.JOBS) if doc is not None and doc.job is not None]


@pytest.mark.usefixtures("live")
def test_records_are_judged_again_where_their_values_mean_something_else(desk: Desk, shift: Shift) -> None:
    """Also those of a worker that begins later; none is asked for twice, and none of a sync that is not there."""
    pair(desk, "p1", left="h0", right="b0")
    name = move(desk, SYNC, "gone")
    shift.until(shift.ended)
    again = Shift(desk)
    time.sleep(0.1)
    again.end()
    (job,) = asked(desk)
    assert (job.id, job.kind, job.sync, job.statuses) == (name, "resync", SYNC, ())
    assert [row.reason for row in desk.told(topics.PAIRS) if row.pair == "p1"] == ["resync"]


@pytest.mark.usefixtures("live")
def test_a_worker_asks_for_jobs_of_its_own_syncs_alone(desk: Desk, shift: Shift) -> None:
    desk.set_up("sync", SetupDoc(sync=people(id="theirs")), "theirs")
    move(desk, SYNC, "theirs")
    shift.until(lambda: bool(asked(desk)) and shift.ended())
    assert [job.sync for job in asked(desk)] == [SYNC]


@pytest.mark.usefixtures("live")
def test_a_job_that_follows_is_not_forgotten_while_it_does(
    desk: Desk, shift: Shift, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be asked for again."""
    monkeypatch.setattr(module, "_FORGET_S", 0.0)
    name = move(desk, SYNC)
    shift.until(shift.ended)
    later = move(desk, SYNC)
    shift.until(lambda: len(asked(desk)) == 2 and desk.jobs.rows()[-1].has_ended)
    ask(desk, "resync", "last", at=desk.clock.now_ms() + 1)
    shift.until(lambda: desk.jobs.rows()[-1].has_ended)
    desk.clock.advance(2 * KEPT_MS)
    shift.until(lambda: desk.jobs.get(name) is None)
    assert desk.jobs.get(later) is not None
    assert [job.id for job in asked(desk)] == [name, later], "neither is asked for again"
