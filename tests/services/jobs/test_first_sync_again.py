"""A first sync that failed can be run again, and goes on where it stopped."""

from typing import Any

import pytest

from services.jobs.work import Work
from shared import topics
from shared.core.job_kinds import JobKind
from shared.messages import PhaseSet, SetupDoc
from tests.services.desk import LEFT, RIGHT, SYNC, Answer, Desk, people
from tests.services.jobs.shift import Shift, ask, listing, pair


def nonsense_from(page: str) -> Answer:
    """Answer as an app does whose connector has a bug that one page of the right side meets."""
    rows = listing()

    def answer(at: str, cursor: str | None) -> Any:
        return {"reports": "nonsense"} if at == RIGHT and (cursor or "0") == page else rows(at, cursor)

    return answer


def fail(desk: Desk, shift: Shift, page: str) -> None:
    desk.answers["list"] = nonsense_from(page)
    ask(desk, name="first-people")
    shift.until(shift.ended)
    assert shift.told()[-1].phase == "failed"
    desk.answers["list"] = listing()
    desk.calls.clear()


def done(shift: Shift, job: str) -> bool:
    return (shift.told()[-1].job, shift.told()[-1].phase) == (job, "done")


def pages(desk: Desk) -> list[tuple[str, str | None]]:
    """List the pages that were read, each with its connection."""
    return [(at, cursor) for at, what, cursor in desk.calls if what == "list"]


def test_a_first_sync_that_failed_can_be_run_again(desk: Desk, shift: Shift) -> None:
    """A resync is all that the API and an edit of the settings offer; it makes the sync live."""
    pair(desk, "p1", left="h0")
    fail(desk, shift, "0")
    ask(desk, kind=JobKind.RESYNC, name="again", at=2)
    shift.until(lambda: done(shift, "again"))
    assert desk.setups.phase(SYNC) == "live"
    assert shift.told()[-1].touched == 1, "nothing was written before, so every pair is touched"


def test_it_goes_on_where_it_stopped(desk: Desk, shift: Shift) -> None:
    """What was read is in the links already."""
    fail(desk, shift, "1")
    ask(desk, kind=JobKind.RESYNC, name="again", at=2)
    shift.until(lambda: done(shift, "again"))
    assert pages(desk) == [(RIGHT, "1"), (RIGHT, "2")]
    assert shift.told()[-1].read == {"L": 6, "R": 6}


def test_under_other_settings_it_begins_anew(desk: Desk, shift: Shift) -> None:
    """Other fields may be read now."""
    fail(desk, shift, "1")
    desk.set_up("sync", SetupDoc(sync=people(version=2)), SYNC)
    ask(desk, kind=JobKind.RESYNC, name="edited-people-2", at=2)
    shift.until(lambda: done(shift, "edited-people-2"))
    assert pages(desk)[0] == (LEFT, None)
    assert desk.setups.phase(SYNC) == "live"


def test_a_place_that_fails_twice_is_given_up(desk: Desk, shift: Shift) -> None:
    """Perhaps the app does not know any more where the listing stood; the third try reads from the beginning."""
    fail(desk, shift, "1")
    desk.answers["list"] = nonsense_from("1")
    ask(desk, kind=JobKind.RESYNC, name="again", at=2)
    shift.until(lambda: (shift.told()[-1].job, shift.told()[-1].phase) == ("again", "failed"))
    desk.answers["list"] = listing()
    desk.calls.clear()
    ask(desk, kind=JobKind.RESYNC, name="third", at=3)
    shift.until(lambda: done(shift, "third"))
    assert len(pages(desk)) == 6


def test_a_resync_of_a_live_sync_still_looks_for_who_is_missing(desk: Desk, shift: Shift) -> None:
    """It reads everything, whatever failed before the sync went live."""
    fail(desk, shift, "1")
    desk.set_up("phase", SetupDoc(phase=PhaseSet(sync=SYNC, phase="live")), SYNC)
    pair(desk, "p1", left="h-gone")
    ask(desk, kind=JobKind.RESYNC, name="again", at=2)
    shift.until(lambda: done(shift, "again"))
    assert len(pages(desk)) == 6
    assert [row.id for row in desk.told(topics.NOTICES)] == ["h-gone"]


def test_a_first_sync_does_not_remember_every_id(desk: Desk, shift: Shift, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a resync looks for those who are missing, by what it listed."""
    seen: list[Any] = []
    made = Work.__init__

    def remember(self: Any, *given: Any, **more: Any) -> None:
        made(self, *given, **more)
        seen.append(self)

    monkeypatch.setattr(Work, "__init__", remember)
    ask(desk)
    shift.until(shift.ended)
    assert [{side: len(ids) for side, ids in work.listed.items()} for work in seen] == [{"L": 0, "R": 0}]
    ask(desk, kind=JobKind.RESYNC, name="again", at=2)
    shift.until(lambda: done(shift, "again"))
    assert {side: len(ids) for side, ids in seen[1].listed.items()} == {"L": 6, "R": 6}
