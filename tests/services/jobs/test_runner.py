"""Which jobs run, one after another, and how each ends."""

import sys
import threading
import time
from typing import Any

from shared.config.jobs import PARTS, Jobs
from shared.config.setups import Setups
from shared.model.job_kinds import JobKind
from shared.model.syncs import Job
from shared.wire import topics
from shared.wire.messages import JobDoc, SetupDoc
from tests.services.environment import LEFT, SYNC, Environment, fails, people
from tests.services.jobs.harness import JobsHarness, ask, listing, pair


def test_a_worker_that_lost_a_job_stops_although_nothing_keeps_it_waiting(env: Environment) -> None:
    """Its sync belongs to another worker, which reads already."""
    harness = JobsHarness(env)
    harness.begin_feeds()

    def answer(at: str, cursor: str | None) -> Any:
        if cursor == "2":
            harness.owned.clear()
        return listing(pages=50)(at, cursor)

    env.answers["list"] = answer
    ask(env)
    harness.until(lambda: not harness.owned)
    time.sleep(0.1)
    assert len(env.asked("list")) == 3
    harness.end()


def test_an_app_that_is_away_is_shown_and_waited_for(env: Environment, harness: JobsHarness) -> None:
    """The reason stands until the job goes on, and nothing is read twice."""
    pages, failed = listing(), list[int]()

    def answer(at: str, cursor: str | None) -> Any:
        if at == LEFT and cursor == "1" and len(failed) < 2:
            failed.append(1)
            return fails(message="on holiday")(at, cursor)
        return pages(at, cursor)

    env.answers["list"] = answer
    ask(env)
    harness.until(harness.ended)
    assert [cursor for at, what, cursor in env.calls if what == "list" and at == LEFT] == [None, "1", "1", "1", "2"]
    told = harness.told()
    errors = [row.error for row in told]
    assert errors.count("app_unavailable: on holiday") == 2
    at = max(number for number, error in enumerate(errors) if error)
    assert told[at + 1].phase == "reading"
    assert not any(errors[at + 1 :]), "the reason ends with the waiting"


def test_a_bug_fails_the_job_with_its_reason_and_the_next_one_runs(env: Environment, harness: JobsHarness) -> None:
    """A job that cannot be done does not stand in the way."""
    env.answers["list"] = lambda _at, _cursor: {}
    ask(env, name="bad")
    harness.until(harness.ended)
    assert (harness.told()[-1].phase, harness.told()[-1].error) == ("failed", "KeyError('reports')")
    env.answers["list"] = listing()
    ask(env, name="good", at=2)
    harness.until(lambda: harness.told()[-1].job == "good" and harness.ended())
    assert harness.told()[-1].phase == "done"


def test_a_job_of_no_sync_fails(env: Environment, harness: JobsHarness) -> None:
    """It says which one is missing."""
    env.set_up("sync", None, SYNC)
    ask(env)
    harness.until(harness.ended)
    assert (harness.told()[-1].phase, harness.told()[-1].error) == ("failed", "there is no sync 'people'")


def test_without_kafka_a_job_goes_on_when_it_is_back(env: Environment, harness: JobsHarness) -> None:
    """Its absence is told to nobody, because nobody could hear it."""
    away = threading.Event()
    pages = listing()

    def answer(at: str, cursor: str | None) -> Any:
        if cursor == "1" and not away.is_set():
            away.set()
            env.broker.available = False
        return pages(at, cursor)

    env.answers["list"] = answer
    ask(env)
    harness.until(away.is_set)
    time.sleep(0.05)
    env.broker.available = True
    harness.until(harness.ended)
    assert {row.report.id for row in env.told(topics.RECORDS)} == {f"{at}{n}" for at in "hb" for n in range(6)}


def test_a_job_that_ended_does_not_begin_again_before_the_settings_tell(env: Environment, harness: JobsHarness) -> None:
    """The follower may be behind; all pairs would be looked at once more."""
    pair(env, "p1", left="h0")
    pages = listing()

    def answer(at: str, cursor: str | None) -> Any:
        harness.follows = False
        return pages(at, cursor)

    env.answers["list"] = answer
    ask(env)
    harness.until(harness.ended)
    row = env.jobs.get("j")
    assert row is not None
    assert not row.has_ended, "what was told is not read yet"
    until = time.monotonic() + 0.15
    harness.until(lambda: time.monotonic() > until)
    assert len(env.told(topics.PAIRS)) == 1
    assert harness.phases() == ["reading", "indexing", "matching", "done"]


def test_a_sync_that_was_deleted_and_set_up_again_is_read_anew(env: Environment, harness: JobsHarness) -> None:
    """Its first sync has the same name as the one that ended here."""

    def done() -> int:
        return sum(row.phase == "done" for row in harness.told())

    for times in (1, 2):
        env.set_up("sync", SetupDoc(sync=people()), SYNC)
        ask(env)
        harness.until(lambda: done() == times)  # noqa: B023 - called at once
        harness.follow()
        for kind in ("sync", "phase"):
            env.set_up(kind, None, SYNC)
        for part in PARTS:
            env.set_job(part, None, "j")
        until = time.monotonic() + 0.05
        harness.until(lambda: time.monotonic() > until)  # noqa: B023 - called at once


def test_jobs_of_one_sync_run_one_after_another_the_oldest_first(env: Environment, harness: JobsHarness) -> None:
    """Two listings at once would cost twice the quota."""
    harness.owned.clear()
    ask(env, name="b", at=2)
    ask(env, name="a", at=1)
    harness.owned.add(SYNC)
    harness.until(lambda: sum(row.phase == "done" for row in harness.told()) == 2)
    assert list(dict.fromkeys(row.job for row in harness.told())) == ["a", "b"]
    ends = [row.job for row in harness.told()]
    assert ends == sorted(ends), "never mixed"


def test_jobs_can_be_listed_while_more_arrive() -> None:
    """One thread takes them, every other one reads them."""
    jobs = Jobs(Setups())
    stop, errors = threading.Event(), []

    def look() -> None:
        while not stop.is_set():
            try:
                jobs.rows()
            except RuntimeError as error:
                errors.append(error)
                return

    thread = threading.Thread(target=look)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        thread.start()
        for number in range(3000):
            job = Job(id=f"j{number}", kind=JobKind.RESYNC, sync=SYNC, asked_at_ms=number)
            jobs.apply(number, f"job:{job.id}", JobDoc(job=job))
    finally:
        stop.set()
        thread.join()
        sys.setswitchinterval(before)
    assert errors == []
