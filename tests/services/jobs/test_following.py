"""The jobs that follow from what is set up: asked for by a worker, once, whoever changed the settings and died."""

import time
from typing import Any

import pytest

from services.jobs import runner as module
from services.jobs.forgetting import KEPT_MS
from shared import topics
from shared.core.syncs import Job, Moved
from shared.messages import JobDoc, JobProgress, SetupDoc
from tests.services.desk import LEFT, SYNC, Desk, people
from tests.services.jobs.shift import Shift, ask, pair


@pytest.fixture(name="no_grace")
def _no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let whoever published a sync be dead by now."""
    monkeypatch.setattr(module, "_GRACE_S", 0.0)


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


def edit(desk: Desk, version: int = 2, **changes: Any) -> None:
    """Have somebody change the sync, or set it up anew, and die before its job was asked for."""
    if version == 1:
        desk.set_up("sync", None, SYNC)
    desk.set_up("sync", SetupDoc(sync=people(**{"version": version, "judged": version, **changes})), SYNC)


@pytest.mark.usefixtures("live", "no_grace")
def test_the_job_of_a_sync_is_asked_for_that_was_published_without_it(desk: Desk, shift: Shift) -> None:
    """Once, also by workers that begin later; a document of the version before says nothing, and nothing is asked."""
    pair(desk, "p1", left="h0", right="b0")
    edit(desk, 2, judged=0)
    time.sleep(0.1)
    assert asked(desk) == []
    edit(desk, 3)
    shift.until(shift.ended)
    again = Shift(desk)
    time.sleep(0.1)
    again.end()
    (job,) = asked(desk)
    assert (job.id, job.kind, job.statuses) == (f"edited-{SYNC}-3", "resync", ())
    assert [row.reason for row in desk.told(topics.PAIRS) if row.pair == "p1"] == ["resync"]


@pytest.mark.usefixtures("no_grace")
def test_a_new_sync_is_read_although_nobody_asked_for_it(desk: Desk, shift: Shift) -> None:
    edit(desk, 1)
    shift.until(shift.ended)
    assert [(job.id, job.kind) for job in asked(desk)] == [(f"first-{SYNC}", "first_sync")]
    assert desk.setups.phase(SYNC) == "live"


@pytest.mark.usefixtures("live", "no_grace")
def test_of_a_sync_that_is_off_only_what_waits_is_looked_at(desk: Desk, shift: Shift) -> None:
    pair(desk, "p1", left="h0", right="b0")
    pair(desk, "p2", left="h1", right="b1", status="pending")
    edit(desk, enabled=False)
    shift.until(shift.ended)
    assert [job.statuses for job in asked(desk)] == [("pending",)]
    assert [row.pair for row in desk.told(topics.PAIRS)] == ["p2"]


@pytest.mark.usefixtures("live")
def test_whoever_publishes_a_sync_has_time_to_ask_for_its_job(desk: Desk, shift: Shift) -> None:
    """So it is asked for once, and there is one document of it."""
    edit(desk)
    time.sleep(0.1)
    assert asked(desk) == []
    ask(desk, "resync", f"edited-{SYNC}-2", at=desk.clock.now_ms())
    shift.until(lambda: shift.phases() and shift.ended())
    time.sleep(0.1)
    assert asked(desk) == []


@pytest.mark.usefixtures("live", "no_grace")
@pytest.mark.parametrize("known", ["another job read everything", "it lives, and its first sync is forgotten"])
def test_no_job_is_asked_for_that_is_not_needed(desk: Desk, shift: Shift, known: str) -> None:
    if known.startswith("another"):
        ask(desk, "resync", "other")
        told = JobProgress(job="other", phase="done", setup=2, at_ms=1)
        desk.set_job("progress", JobDoc(progress=told), "other")
    edit(desk, 2 if known.startswith("another") else 1)
    time.sleep(0.1)
    assert asked(desk) == []
    assert shift.told() == []


@pytest.mark.usefixtures("live", "no_grace")
def test_the_job_of_a_sync_as_it_stands_is_not_forgotten(
    desk: Desk, shift: Shift, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be asked for again."""
    monkeypatch.setattr(module, "_FORGET_S", 0.0)
    edit(desk)
    shift.until(shift.ended)
    ask(desk, "resync", "last", at=desk.clock.now_ms() + 1)
    shift.until(lambda: desk.jobs.rows()[-1].has_ended)
    desk.clock.advance(2 * KEPT_MS)
    time.sleep(0.1)
    shift.follow()
    assert desk.jobs.get(f"edited-{SYNC}-2") is not None
    edit(desk, 3)
    shift.until(lambda: desk.jobs.get(f"edited-{SYNC}-2") is None)
    assert [job.id for job in asked(desk)] == [f"edited-{SYNC}-2", f"edited-{SYNC}-3"]


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
