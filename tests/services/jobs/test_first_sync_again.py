"""A first sync that failed can be run again, and goes on where it stopped."""

from typing import Any

import pytest

from services.jobs.work import Work
from shared.model.job_kinds import JobKind
from shared.wire import topics
from shared.wire.messages import PhaseSet, SetupDoc
from tests.services.environment import LEFT, RIGHT, SYNC, Answer, Environment, people
from tests.services.jobs.harness import JobsHarness, ask, listing, pair


def nonsense_from(page: str) -> Answer:
    """Answer as an app does whose connector has a bug that one page of the right side meets."""
    rows = listing()

    def answer(at: str, cursor: str | None) -> Any:
        return {"reports": "nonsense"} if at == RIGHT and (cursor or "0") == page else rows(at, cursor)

    return answer


def fail(env: Environment, harness: JobsHarness, page: str) -> None:
    env.answers["list"] = nonsense_from(page)
    ask(env, name="first-people")
    harness.until(harness.ended)
    assert harness.told()[-1].phase == "failed"
    env.answers["list"] = listing()
    env.calls.clear()


def done(harness: JobsHarness, job: str) -> bool:
    return (harness.told()[-1].job, harness.told()[-1].phase) == (job, "done")


def pages(env: Environment) -> list[tuple[str, str | None]]:
    """List the pages that were read, each with its connection."""
    return [(at, cursor) for at, what, cursor in env.calls if what == "list"]


def test_a_first_sync_that_failed_can_be_run_again(env: Environment, harness: JobsHarness) -> None:
    """A resync is all that the API and an edit of the settings offer; it makes the sync live."""
    pair(env, "p1", left="h0")
    fail(env, harness, "0")
    ask(env, kind=JobKind.RESYNC, name="again", at=2)
    harness.until(lambda: done(harness, "again"))
    assert env.setups.phase(SYNC) == "live"
    assert harness.told()[-1].touched == 1, "nothing was written before, so every pair is touched"


def test_it_goes_on_where_it_stopped(env: Environment, harness: JobsHarness) -> None:
    """What was read is in the links already."""
    fail(env, harness, "1")
    ask(env, kind=JobKind.RESYNC, name="again", at=2)
    harness.until(lambda: done(harness, "again"))
    assert pages(env) == [(RIGHT, "1"), (RIGHT, "2")]
    assert harness.told()[-1].read == {"L": 6, "R": 6}


def test_under_other_settings_it_begins_anew(env: Environment, harness: JobsHarness) -> None:
    """Other fields may be read now."""
    fail(env, harness, "1")
    env.set_up("sync", SetupDoc(sync=people(version=2)), SYNC)
    ask(env, kind=JobKind.RESYNC, name="edited-people-2", at=2)
    harness.until(lambda: done(harness, "edited-people-2"))
    assert pages(env)[0] == (LEFT, None)
    assert env.setups.phase(SYNC) == "live"


def test_a_place_that_fails_twice_is_given_up(env: Environment, harness: JobsHarness) -> None:
    """Perhaps the app does not know any more where the listing stood; the third try reads from the beginning."""
    fail(env, harness, "1")
    env.answers["list"] = nonsense_from("1")
    ask(env, kind=JobKind.RESYNC, name="again", at=2)
    harness.until(lambda: (harness.told()[-1].job, harness.told()[-1].phase) == ("again", "failed"))
    env.answers["list"] = listing()
    env.calls.clear()
    ask(env, kind=JobKind.RESYNC, name="third", at=3)
    harness.until(lambda: done(harness, "third"))
    assert len(pages(env)) == 6


def test_a_resync_of_a_live_sync_still_looks_for_who_is_missing(env: Environment, harness: JobsHarness) -> None:
    """It reads everything, whatever failed before the sync went live."""
    fail(env, harness, "1")
    env.set_up("phase", SetupDoc(phase=PhaseSet(sync=SYNC, phase="live")), SYNC)
    pair(env, "p1", left="h-gone")
    ask(env, kind=JobKind.RESYNC, name="again", at=2)
    harness.until(lambda: done(harness, "again"))
    assert len(pages(env)) == 6
    assert [row.id for row in env.told(topics.NOTICES)] == ["h-gone"]


def test_a_first_sync_does_not_remember_every_id(
    env: Environment, harness: JobsHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a resync looks for those who are missing, by what it listed."""
    seen: list[Any] = []
    made = Work.__init__

    def remember(self: Any, *given: Any, **more: Any) -> None:
        made(self, *given, **more)
        seen.append(self)

    monkeypatch.setattr(Work, "__init__", remember)
    ask(env)
    harness.until(harness.ended)
    assert [{side: len(ids) for side, ids in work.listed.items()} for work in seen] == [{"L": 0, "R": 0}]
    ask(env, kind=JobKind.RESYNC, name="again", at=2)
    harness.until(lambda: done(harness, "again"))
    assert {side: len(ids) for side, ids in seen[1].listed.items()} == {"L": 6, "R": 6}
