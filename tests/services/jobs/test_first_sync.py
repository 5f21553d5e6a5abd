"""The first sync: its order, and where it goes on."""

import threading
import time
from typing import Any

import pytest

from services.jobs import work
from shared import topics
from shared.core.syncs import Create
from shared.topics import MATCHER_GROUP
from tests.services.desk import LEFT, RIGHT, SYNC, Desk, people
from tests.services.jobs.shift import Shift, ask, listing, pair


def test_the_first_sync_keeps_its_order(desk: Desk, unbegun: Shift) -> None:
    """Prepared, feeds begun, both sides read, matched, live, every pair touched."""
    shift = unbegun
    pair(desk, "p1", left="h0")
    shift.matches = False
    ask(desk)
    shift.until(lambda: desk.asked("prepare"))
    time.sleep(0.05)
    assert desk.asked("list") == [], "nothing is read before the feeds have their cursors"
    shift.begin_feeds()
    shift.until(lambda: shift.phases() == ["reading", "indexing"])
    assert len(desk.told(topics.RECORDS)) == 12
    assert {row.origin for row in desk.told(topics.RECORDS)} == {"snapshot"}
    time.sleep(0.05)
    shift.follow()
    assert desk.setups.phase(SYNC) == "indexing", "match has not passed the last page"
    assert desk.told(topics.PAIRS) == []
    shift.matches = True
    shift.until(shift.ended)
    assert shift.phases() == ["reading", "indexing", "matching", "done"]
    assert desk.setups.phase(SYNC) == "live"
    (touch,) = desk.told(topics.PAIRS)
    assert (touch.pair, touch.kind, touch.reason) == ("p1", "touch", "backfill")
    last = shift.told()[-1]
    assert (last.read, last.totals, last.touched, last.error) == ({"L": 6, "R": 6}, {"L": 6, "R": 6}, 1, "")
    assert desk.told(topics.NOTICES) == [], "a first sync looks for nobody who is missing"


def test_the_barrier_counts_every_partition(desk: Desk, shift: Shift) -> None:
    """The sync goes live when match has passed the last row of the slowest one."""
    shift.matches = False
    ask(desk)
    shift.until(lambda: "indexing" in shift.phases())
    ends = desk.broker.end_offsets(topics.RECORDS.name)
    assert all(ends.values()), "both partitions hold rows"
    desk.broker.commit(MATCHER_GROUP, topics.RECORDS.name, 0, ends[0])
    desk.broker.commit(MATCHER_GROUP, topics.RECORDS.name, 1, ends[1] - 1)
    time.sleep(0.05)
    shift.follow()
    assert desk.setups.phase(SYNC) == "indexing"
    desk.broker.commit(MATCHER_GROUP, topics.RECORDS.name, 1, ends[1])
    shift.until(shift.ended)


def test_reading_waits_for_the_matcher(desk: Desk, shift: Shift, monkeypatch: pytest.MonkeyPatch) -> None:
    """Live changes stand behind what was read, so not too much of it may wait."""
    monkeypatch.setattr(work, "_LAG", 2)
    desk.answers["list"] = listing(pages=10)
    shift.matches = False
    ask(desk)
    shift.until(lambda: len(desk.told(topics.RECORDS)) >= 3)
    time.sleep(0.1)
    assert len(desk.told(topics.RECORDS)) <= 8
    shift.matches = True
    shift.until(shift.ended)
    assert len(desk.told(topics.RECORDS)) == 40


@pytest.mark.parametrize(("create", "prepared"), [({}, 1), ({"to_left": False}, 0)])
def test_only_an_app_in_which_we_create_is_prepared(create: dict[str, bool], prepared: int) -> None:
    """A property of ours is not put where we never make a record."""
    desk = Desk(live=False, sync=people(create=Create(**create)))
    desk.answers |= {"prepare": lambda _at, _asked: None, "list": listing()}
    shift = Shift(desk)
    shift.begin_feeds()
    ask(desk)
    shift.until(shift.ended)
    shift.end()
    assert len(desk.asked("prepare")) == prepared


def test_a_first_sync_goes_on_in_the_middle_of_a_listing(desk: Desk) -> None:
    """Another worker reads on from the page that the progress names."""
    first, reached = Shift(desk), threading.Event()
    first.begin_feeds()
    pages = listing(pages=4)

    def answer(at: str, cursor: str | None) -> Any:
        if cursor == "2":
            first.stop.set()
            reached.set()
        return pages(at, cursor)

    desk.answers["list"] = answer
    ask(desk)
    first.until(reached.is_set)
    first.end()
    first.follow()
    desk.answers["list"] = pages
    desk.calls.clear()
    second = Shift(desk)
    second.begin_feeds()
    second.until(second.ended)
    second.end()
    left = [cursor for at, what, cursor in desk.calls if what == "list" and at == LEFT]
    assert left == ["2", "3"]
    assert {row.report.id for row in desk.told(topics.RECORDS) if row.report.connection == LEFT} == {
        f"h{number}" for number in range(8)
    }


def test_a_record_that_was_left_out_of_a_page_is_looked_at_alone(desk: Desk, shift: Shift) -> None:
    answer = listing()
    desk.answers["list"] = lambda at, cursor: {**answer(at, cursor), "skipped": ["huge"] if cursor is None else []}
    ask(desk)
    shift.until(shift.ended)
    assert shift.told()[-1].phase == "done"
    told = {(row.connection, row.id, row.kind) for row in desk.told(topics.NOTICES)}
    assert told == {(LEFT, "huge", "changed"), (RIGHT, "huge", "changed")}
