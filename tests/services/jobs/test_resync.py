"""Looking again at all records, and at those who are missing."""

from typing import Any

import pytest

from shared import topics
from shared.messages import JobDoc, JobProgress
from tests.services.desk import LEFT, RIGHT, SYNC, Desk, fails
from tests.services.jobs.shift import Shift, ask, listing, pair


@pytest.mark.usefixtures("live")
def test_a_resync_has_looked_at_whoever_is_linked_and_was_not_listed(desk: Desk, shift: Shift) -> None:
    """Each is read alone before anybody calls it gone; a record that was listed is not."""
    pair(desk, "p1", left="h0", right="b0")
    pair(desk, "p2", left="h1", right="b77")
    pair(desk, "p3", left="h88")
    ask(desk, "resync")
    shift.until(shift.ended)
    missing = {(row.connection, row.id, row.kind) for row in desk.told(topics.NOTICES)}
    assert missing == {(RIGHT, "b77", "deleted"), (LEFT, "h88", "deleted")}
    assert {(row.pair, row.reason) for row in desk.told(topics.PAIRS)} == {(p, "resync") for p in ("p1", "p2", "p3")}


@pytest.mark.usefixtures("live")
def test_an_app_that_was_away_in_between_hides_nobody_who_is_missing(desk: Desk, shift: Shift) -> None:
    """What was listed before the pause still counts: no delete is overlooked, and none is made up."""
    pair(desk, "p1", left="h0")
    pair(desk, "p2", left="h88")
    pages, failed = listing(), list[int]()

    def answer(at: str, cursor: str | None) -> Any:
        if at == LEFT and cursor == "1" and not failed:
            failed.append(1)
            return fails()(at, cursor)
        return pages(at, cursor)

    desk.answers["list"] = answer
    ask(desk, "resync")
    shift.until(shift.ended)
    assert {row.id for row in desk.told(topics.NOTICES)} == {"h88"}


@pytest.mark.usefixtures("live")
def test_a_record_that_was_listed_twice_hides_nobody_who_is_missing(desk: Desk, shift: Shift) -> None:
    """A listing that moves while it is read shows some records on two pages."""
    pair(desk, "p2", left="h88")
    desk.answers["list"] = lambda at, cursor: listing(pages=2)(at, None) | {"next": None if cursor else "1"}
    ask(desk, "resync")
    shift.until(shift.ended)
    assert {row.id for row in desk.told(topics.NOTICES)} == {"h88"}


@pytest.mark.parametrize("phase", ["reading", "indexing"])
@pytest.mark.usefixtures("live")
def test_a_resync_that_another_worker_began_lists_everything_itself(desk: Desk, shift: Shift, phase: Any) -> None:
    """Half a listing says nothing about who is missing."""
    shift.owned.clear()
    pair(desk, "p1", left="h0")
    pair(desk, "p2", left="h88")
    begun = JobProgress(job="j", phase=phase, read={"L": 4}, cursors={"L": "2"})
    desk.set_job("progress", JobDoc(progress=begun), "j")
    ask(desk, "resync")
    shift.owned.add(SYNC)
    shift.until(shift.ended)
    assert len(desk.asked("list")) == 6
    assert {row.id for row in desk.told(topics.NOTICES)} == {"h88"}
    assert shift.told()[-1].read == {"L": 6, "R": 6}
