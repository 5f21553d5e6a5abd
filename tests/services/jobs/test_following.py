"""The jobs that follow from what is set up: asked for by a worker, once, whoever changed the settings and died."""

import time
from typing import Any

import pytest

from services.jobs import runner as module
from services.jobs.forgetting import KEPT_MS
from shared.model.syncs import Job, Moved
from shared.wire import topics
from shared.wire.messages import JobDoc, JobProgress, SetupDoc
from tests.services.environment import LEFT, SYNC, Environment, people
from tests.services.jobs.harness import JobsHarness, ask, pair


@pytest.fixture(name="no_grace")
def _no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let whoever published a sync be dead by now."""
    monkeypatch.setattr(module, "_GRACE_S", 0.0)


def move(env: Environment, *syncs: str) -> str:
    """Have values of the left account mean something else for syncs; returns how the job of the first is called."""
    row = env.setups.connection(LEFT)
    version = row.version + 1
    changes = {"country": "IT", "moved": Moved(version=version, syncs=syncs), "version": version}
    env.set_up("connection", SetupDoc(connection=row.model_copy(update=changes)), LEFT)
    return f"moved-{syncs[0]}-{LEFT}-{version}"


def asked(env: Environment) -> list[Job]:
    return [doc.job for doc in env.told(topics.JOBS) if doc is not None and doc.job is not None]


@pytest.mark.usefixtures("live")
def test_records_are_judged_again_where_their_values_mean_something_else(
    env: Environment, harness: JobsHarness
) -> None:
    """Also those of a worker that begins later; none is asked for twice, and none of a sync that is not there."""
    pair(env, "p1", left="h0", right="b0")
    name = move(env, SYNC, "gone")
    harness.until(harness.ended)
    again = JobsHarness(env)
    time.sleep(0.1)
    again.end()
    (job,) = asked(env)
    assert (job.id, job.kind, job.sync, job.statuses) == (name, "resync", SYNC, ())
    assert [row.reason for row in env.told(topics.PAIRS) if row.pair == "p1"] == ["resync"]


@pytest.mark.usefixtures("live")
def test_a_worker_asks_for_jobs_of_its_own_syncs_alone(env: Environment, harness: JobsHarness) -> None:
    env.set_up("sync", SetupDoc(sync=people(id="theirs")), "theirs")
    move(env, SYNC, "theirs")
    harness.until(lambda: bool(asked(env)) and harness.ended())
    assert [job.sync for job in asked(env)] == [SYNC]


def edit(env: Environment, version: int = 2, **changes: Any) -> None:
    """Have somebody change the sync, or set it up anew, and die before its job was asked for."""
    if version == 1:
        env.set_up("sync", None, SYNC)
    env.set_up("sync", SetupDoc(sync=people(**{"version": version, "judged": version, **changes})), SYNC)


@pytest.mark.usefixtures("live", "no_grace")
def test_the_job_of_a_sync_is_asked_for_that_was_published_without_it(env: Environment, harness: JobsHarness) -> None:
    """Once, also by workers that begin later; a document of the version before says nothing, and nothing is asked."""
    pair(env, "p1", left="h0", right="b0")
    edit(env, 2, judged=0)
    time.sleep(0.1)
    assert asked(env) == []
    edit(env, 3)
    harness.until(harness.ended)
    again = JobsHarness(env)
    time.sleep(0.1)
    again.end()
    (job,) = asked(env)
    assert (job.id, job.kind, job.statuses) == (f"edited-{SYNC}-3", "resync", ())
    assert [row.reason for row in env.told(topics.PAIRS) if row.pair == "p1"] == ["resync"]


@pytest.mark.usefixtures("no_grace")
def test_a_new_sync_is_read_although_nobody_asked_for_it(env: Environment, harness: JobsHarness) -> None:
    edit(env, 1)
    harness.until(harness.ended)
    assert [(job.id, job.kind) for job in asked(env)] == [(f"first-{SYNC}", "first_sync")]
    assert env.setups.phase(SYNC) == "live"


@pytest.mark.usefixtures("live", "no_grace")
def test_of_a_sync_that_is_off_only_what_waits_is_looked_at(env: Environment, harness: JobsHarness) -> None:
    pair(env, "p1", left="h0", right="b0")
    pair(env, "p2", left="h1", right="b1", status="pending")
    edit(env, enabled=False)
    harness.until(harness.ended)
    assert [job.statuses for job in asked(env)] == [("pending",)]
    assert [row.pair for row in env.told(topics.PAIRS)] == ["p2"]


@pytest.mark.usefixtures("live")
def test_whoever_publishes_a_sync_has_time_to_ask_for_its_job(env: Environment, harness: JobsHarness) -> None:
    """So it is asked for once, and there is one document of it."""
    edit(env)
    time.sleep(0.1)
    assert asked(env) == []
    ask(env, "resync", f"edited-{SYNC}-2", at=env.clock.now_ms())
    harness.until(lambda: harness.phases() and harness.ended())
    time.sleep(0.1)
    assert asked(env) == []


@pytest.mark.usefixtures("live", "no_grace")
@pytest.mark.parametrize("known", ["another job read everything", "it lives, and its first sync is forgotten"])
def test_no_job_is_asked_for_that_is_not_needed(env: Environment, harness: JobsHarness, known: str) -> None:
    if known.startswith("another"):
        ask(env, "resync", "other")
        told = JobProgress(job="other", phase="done", setup=2, at_ms=1)
        env.set_job("progress", JobDoc(progress=told), "other")
    edit(env, 2 if known.startswith("another") else 1)
    time.sleep(0.1)
    assert asked(env) == []
    assert harness.told() == []


@pytest.mark.usefixtures("live", "no_grace")
def test_the_job_of_a_sync_as_it_stands_is_not_forgotten(
    env: Environment, harness: JobsHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be asked for again."""
    monkeypatch.setattr(module, "_FORGET_S", 0.0)
    edit(env)
    harness.until(harness.ended)
    ask(env, "resync", "last", at=env.clock.now_ms() + 1)
    harness.until(lambda: env.jobs.rows()[-1].has_ended)
    env.clock.advance(2 * KEPT_MS)
    time.sleep(0.1)
    harness.follow()
    assert env.jobs.get(f"edited-{SYNC}-2") is not None
    edit(env, 3)
    harness.until(lambda: env.jobs.get(f"edited-{SYNC}-2") is None)
    assert [job.id for job in asked(env)] == [f"edited-{SYNC}-2", f"edited-{SYNC}-3"]


@pytest.mark.usefixtures("live")
def test_a_job_that_follows_is_not_forgotten_while_it_does(
    env: Environment, harness: JobsHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be asked for again."""
    monkeypatch.setattr(module, "_FORGET_S", 0.0)
    name = move(env, SYNC)
    harness.until(harness.ended)
    later = move(env, SYNC)
    harness.until(lambda: len(asked(env)) == 2 and env.jobs.rows()[-1].has_ended)
    ask(env, "resync", "last", at=env.clock.now_ms() + 1)
    harness.until(lambda: env.jobs.rows()[-1].has_ended)
    env.clock.advance(2 * KEPT_MS)
    harness.until(lambda: env.jobs.get(name) is None)
    assert env.jobs.get(later) is not None
    assert [job.id for job in asked(env)] == [name, later], "neither is asked for again"
