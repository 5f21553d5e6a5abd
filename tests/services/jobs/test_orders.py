"""What people want of jobs: to pause, resume, cancel and confirm them."""

import threading
from typing import Any

import pytest

from shared.config.jobs import own_job
from shared.wire import topics
from shared.wire.messages import JobDoc, JobOrder, SetupDoc
from tests.services.environment import LEFT, RIGHT, SYNC, Answer, Environment, fails, people
from tests.services.jobs.harness import JobsHarness, ask, listing, pair


def want(env: Environment, part: str, name: str = "j") -> None:
    doc = JobDoc.model_validate({part: JobOrder(job=name, at_ms=1)})
    env.set_job(part, doc, name)


def wanting(env: Environment, part: str, *, at: str, page: str, pages: int = 3) -> Answer:
    """Answer pages; while one of them is read, somebody wants something of the job."""
    rows = listing(pages=pages)

    def answer(connection: str, cursor: str | None) -> Any:
        if (connection, cursor) == (at, page):
            want(env, part)
        return rows(connection, cursor)

    return answer


def rests(harness: JobsHarness) -> bool:
    return not any(thread.is_alive() for thread in harness.runner._running.values())


def state(env: Environment) -> str:
    row = env.jobs.get("j")
    assert row is not None
    return row.state


def read(env: Environment) -> list[tuple[str, str | None]]:
    return [(at, cursor) for at, what, cursor in env.calls if what == "list"]


def test_a_paused_job_goes_on_where_it_stopped(env: Environment, harness: JobsHarness) -> None:
    """The page that was under way is the last one until then, and is not read again."""
    env.answers["list"] = wanting(env, "paused", at=LEFT, page="1")
    ask(env)
    harness.until(lambda: len(read(env)) == 2 and rests(harness))
    assert (state(env), harness.told()[-1].read) == ("paused", {"L": 4})
    env.answers["list"] = listing()
    env.set_job("paused", None, "j")
    harness.until(harness.ended)
    assert read(env) == [(at, cursor) for at in (LEFT, RIGHT) for cursor in (None, "1", "2")]


@pytest.mark.parametrize("gone", [False, True])
@pytest.mark.usefixtures("live")
def test_a_paused_resync_goes_on_in_another_process_and_knows_what_was_listed(env: Environment, gone: bool) -> None:  # noqa: FBT001 - a parameter
    """Kafka still holds it; where it does not, everything is listed once more."""
    pair(env, "p1", left="h0")
    pair(env, "p2", left="h88")
    first = JobsHarness(env)
    first.begin_feeds()
    env.answers["list"] = wanting(env, "paused", at=LEFT, page="1")
    ask(env, "resync")
    first.until(lambda: len(read(env)) == 2 and rests(first))
    first.follow()
    first.end()
    env.answers["list"] = listing()
    env.set_job("paused", None, "j")
    second = JobsHarness(env)
    second.records_are_gone = gone
    second.begin_feeds()
    second.until(second.ended)
    second.end()
    assert len(read(env)) == (8 if gone else 6)
    assert {row.id for row in env.told(topics.NOTICES)} == {"h88"}
    assert second.told()[-1].read == {"L": 6, "R": 6}


@pytest.mark.usefixtures("live")
def test_a_job_that_looks_at_pairs_goes_on_among_them(env: Environment, harness: JobsHarness) -> None:
    """None of them is looked at, or counted, twice."""
    for number in range(40):
        pair(env, f"p{number}", left=f"h{number}", status="failing")
    real, touched = env.broker.append, list[str]()

    def append(raw: Any) -> Any:
        part, offset = real(raw)
        if raw.topic == topics.PAIRS.name:
            before = len(touched)
            touched.extend(item.key for item in env.broker.items(raw.topic, part, offset, 1))
            if before < 5 <= len(touched):
                want(env, "paused")
        return part, offset

    env.broker.append = append  # type: ignore[method-assign]  # a broker that is watched
    ask(env, "resync", statuses=("failing",))
    harness.until(lambda: state(env) == "paused" and rests(harness))
    assert 5 <= len(touched) < 40
    env.set_job("paused", None, "j")
    harness.until(harness.ended)
    assert sorted(touched) == sorted(f"p{number}" for number in range(40))
    assert (harness.told()[-1].touched, harness.told()[-1].result) == (40, "40 pairs looked at")


@pytest.mark.usefixtures("live")
def test_a_job_stops_within_a_page_when_its_sync_is_switched_off_and_goes_on_when_it_is_on(
    env: Environment, harness: JobsHarness
) -> None:
    """The job that follows from switching it off is done meanwhile: what waits is not written any more."""
    pair(env, "p1", left="h0", status="pending")
    rows, off = listing(), people(version=2, judged=2, enabled=False)

    def answer(connection: str, cursor: str | None) -> Any:
        if (connection, cursor, env.setups.sync(SYNC)) == (LEFT, "1", people()):
            env.set_up("sync", SetupDoc(sync=off), SYNC)
        return rows(connection, cursor)

    env.answers["list"] = answer
    ask(env, "resync")
    harness.until(lambda: len(read(env)) == 2 and rests(harness))
    assert state(env) == "held"
    own = own_job(off, env.clock.now_ms())
    env.set_job("job", JobDoc(job=own), own.id)
    harness.until(harness.ended)
    assert [row.job for row in harness.told() if row.phase == "done"] == [own.id]
    assert [row.pair for row in env.told(topics.PAIRS)] == ["p1"]
    assert len(read(env)) == 2
    env.set_up("sync", SetupDoc(sync=people(version=3)), SYNC)
    harness.until(lambda: state(env) == "done")
    assert read(env) == [(at, cursor) for at in (LEFT, RIGHT) for cursor in (None, "1", "2")]


@pytest.mark.usefixtures("live")
def test_a_job_of_a_sync_that_is_off_can_be_cancelled(env: Environment, harness: JobsHarness) -> None:
    env.set_up("sync", SetupDoc(sync=people(version=2, enabled=False)), SYNC)
    ask(env, "resync")
    assert state(env) == "held"
    want(env, "cancelled")
    harness.until(lambda: state(env) == "cancelled")
    assert read(env) == []


def test_a_cancelled_job_stops_within_a_page_and_says_what_it_has_done(env: Environment, harness: JobsHarness) -> None:
    """Nothing goes live, and nobody is touched."""
    env.answers["list"] = wanting(env, "cancelled", at=RIGHT, page="1")
    ask(env)
    harness.until(harness.ended)
    last = harness.told()[-1]
    assert (last.phase, last.error, len(read(env))) == ("cancelled", "", 5)
    assert last.result == "6 of 6 records of hub read, 4 of 6 records of book read, 0 pairs looked at"
    assert (env.setups.phase("people"), env.told(topics.PAIRS)) == ("indexing", [])


def test_a_job_that_waits_for_its_app_can_be_cancelled(
    env: Environment, harness: JobsHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody has to wait until the app is asked again."""
    monkeypatch.setattr("services.jobs.runner._PATIENCE_S", (60.0,))
    env.answers["list"] = fails()
    ask(env)
    harness.until(lambda: bool(harness.told()) and bool(harness.told()[-1].error))
    want(env, "cancelled")
    harness.until(harness.ended)
    assert harness.told()[-1].phase == "cancelled"


@pytest.mark.parametrize("before", [[], ["paused"]])
def test_a_job_that_has_not_begun_can_be_cancelled(env: Environment, harness: JobsHarness, before: list[str]) -> None:
    """Also one that is paused."""
    for part in (*before, "cancelled"):
        want(env, part)
    ask(env)
    harness.until(harness.ended)
    assert (harness.told()[-1].phase, env.calls) == ("cancelled", [])


@pytest.mark.usefixtures("live")
def test_a_job_to_be_confirmed_counts_and_waits(env: Environment, harness: JobsHarness) -> None:
    """Nothing is read or touched before somebody agrees; another worker counts nothing again."""
    for number in range(3):
        pair(env, f"p{number}", left=f"h{number}", status="failing" if number else "in_sync")
    ask(env, "resync", statuses=("failing",), review=True)
    harness.until(lambda: bool(harness.told()) and harness.told()[-1].pairs == 2 and rests(harness))
    harness.follow()
    assert state(env) == "unconfirmed"
    told = len(harness.told())
    threading.Event().wait(0.05)
    assert (len(harness.told()), env.told(topics.PAIRS), env.calls) == (told, [], [])
    want(env, "confirmed")
    harness.until(harness.ended)
    assert {row.pair for row in env.told(topics.PAIRS)} == {"p1", "p2"}
    assert harness.told()[-1].result == "2 of 2 pairs looked at"


def test_while_a_first_sync_is_paused_no_later_job_does_its_work(env: Environment, harness: JobsHarness) -> None:
    """Of a sync that is live, a paused job holds up none."""
    want(env, "paused")
    ask(env)
    ask(env, "resync", name="edited", at=2)
    until = threading.Event()
    harness.until(lambda: until.wait(0.05) or True)
    assert (env.calls, harness.told()) == ([], [])
    env.set_job("paused", None, "j")
    harness.until(lambda: [row.job for row in harness.told() if row.phase == "done"] == ["j", "edited"])


@pytest.mark.usefixtures("live")
def test_a_paused_job_holds_up_no_other_of_a_live_sync(env: Environment, harness: JobsHarness) -> None:
    """What somebody wants to do later is no reason to leave the rest."""
    want(env, "paused")
    ask(env, "resync")
    ask(env, "resync", name="other", at=2)
    harness.until(harness.ended)
    assert {row.job for row in harness.told()} == {"other"}
