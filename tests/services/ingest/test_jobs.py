"""Long work: its order, its stops, and what it tells of itself."""

import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from services.ingest import jobs as module
from shared import topics
from shared.core.syncs import Create, Job
from shared.messages import JobProgress, PhaseSet, SetupDoc
from shared.setups import Setups
from shared.topics import MATCHER_GROUP
from tests.services.desk import LEFT, RIGHT, SYNC, Desk, fails, people
from tests.services.ingest.shift import Shift, ask, listing, pair


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LOOK_S", 0.005)
    monkeypatch.setattr(module, "_TICK_S", 0.005)
    monkeypatch.setattr(module, "_PATIENCE_S", (0.01,))


@pytest.fixture(name="desk")
def _desk() -> Desk:
    desk = Desk(live=False)
    desk.answers["prepare"] = lambda _at, _asked: None
    desk.answers["list"] = listing()
    return desk


@pytest.fixture(name="shift")
def _shift(desk: Desk) -> Iterator[Shift]:
    shift = Shift(desk)
    yield shift
    shift.end()


# The first sync


def test_the_first_sync_keeps_its_order(desk: Desk, shift: Shift) -> None:
    """Prepared, feeds begun, both sides read, matched, live, every pair touched."""
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
    shift.begin_feeds()
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
    monkeypatch.setattr(module, "_LAG", 2)
    desk.answers["list"] = listing(pages=10)
    shift.begin_feeds()
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


# Stops


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


def test_a_worker_that_lost_a_job_stops_although_nothing_keeps_it_waiting(desk: Desk) -> None:
    """Its sync belongs to another worker, which reads already."""
    shift = Shift(desk)
    shift.begin_feeds()

    def answer(at: str, cursor: str | None) -> Any:
        if cursor == "2":
            shift.owned.clear()
        return listing(pages=50)(at, cursor)

    desk.answers["list"] = answer
    ask(desk)
    shift.until(lambda: not shift.owned)
    time.sleep(0.1)
    assert len(desk.asked("list")) == 3
    shift.end()


# Failures


def test_an_app_that_is_away_is_shown_and_waited_for(desk: Desk, shift: Shift) -> None:
    """The reason stands until the job goes on, and nothing is read twice."""
    shift.begin_feeds()
    pages, failed = listing(), list[int]()

    def answer(at: str, cursor: str | None) -> Any:
        if at == LEFT and cursor == "1" and len(failed) < 2:
            failed.append(1)
            return fails(message="on holiday")(at, cursor)
        return pages(at, cursor)

    desk.answers["list"] = answer
    ask(desk)
    shift.until(shift.ended)
    assert [cursor for at, what, cursor in desk.calls if what == "list" and at == LEFT] == [None, "1", "1", "1", "2"]
    told = shift.told()
    errors = [row.error for row in told]
    assert errors.count("app_unavailable: on holiday") == 2
    at = max(number for number, error in enumerate(errors) if error)
    assert told[at + 1].phase == "reading"
    assert not any(errors[at + 1 :]), "the reason ends with the waiting"


def test_a_bug_fails_the_job_with_its_reason_and_the_next_one_runs(desk: Desk, shift: Shift) -> None:
    """A job that cannot be done does not stand in the way."""
    shift.begin_feeds()
    desk.answers["list"] = lambda _at, _cursor: {}
    ask(desk, name="bad")
    shift.until(shift.ended)
    assert (shift.told()[-1].phase, shift.told()[-1].error) == ("failed", "KeyError('reports')")
    desk.answers["list"] = listing()
    ask(desk, name="good", at=2)
    shift.until(lambda: shift.told()[-1].job == "good" and shift.ended())
    assert shift.told()[-1].phase == "done"


def test_a_job_of_no_sync_fails(desk: Desk, shift: Shift) -> None:
    """It says which one is missing."""
    desk.set_up("sync", None, SYNC)
    ask(desk)
    shift.until(shift.ended)
    assert (shift.told()[-1].phase, shift.told()[-1].error) == ("failed", "there is no sync 'people'")


def test_without_kafka_a_job_goes_on_when_it_is_back(desk: Desk, shift: Shift) -> None:
    """Its absence is told to nobody, because nobody could hear it."""
    shift.begin_feeds()
    away = threading.Event()
    pages = listing()

    def answer(at: str, cursor: str | None) -> Any:
        if cursor == "1" and not away.is_set():
            away.set()
            desk.broker.available = False
        return pages(at, cursor)

    desk.answers["list"] = answer
    ask(desk)
    shift.until(away.is_set)
    time.sleep(0.05)
    desk.broker.available = True
    shift.until(shift.ended)
    assert {row.report.id for row in desk.told(topics.RECORDS)} == {f"{at}{n}" for at in "hb" for n in range(6)}


def test_a_job_that_ended_does_not_begin_again_before_the_settings_tell(desk: Desk, shift: Shift) -> None:
    """The follower may be behind; all pairs would be looked at once more."""
    shift.begin_feeds()
    pair(desk, "p1", left="h0")
    shift.follows = False
    ask(desk)
    shift.until(shift.ended)
    until = time.monotonic() + 0.15
    shift.until(lambda: time.monotonic() > until)
    assert len(desk.told(topics.PAIRS)) == 1
    assert shift.phases() == ["reading", "indexing", "matching", "done"]


def test_a_sync_that_was_deleted_and_set_up_again_is_read_anew(desk: Desk, shift: Shift) -> None:
    """Its first sync has the same name as the one that ended here."""
    shift.begin_feeds()

    def done() -> int:
        return sum(row.phase == "done" for row in shift.told())

    for times in (1, 2):
        desk.set_up("sync", SetupDoc(sync=people()), SYNC)
        ask(desk)
        shift.until(lambda: done() == times)  # noqa: B023 - called at once
        shift.follow()
        for kind, name in (("sync", SYNC), ("phase", SYNC), *((kind, "j") for kind in ("job", "progress"))):
            desk.set_up(kind, None, name)
        until = time.monotonic() + 0.05
        shift.until(lambda: time.monotonic() > until)  # noqa: B023 - called at once


def test_jobs_of_one_sync_run_one_after_another_the_oldest_first(desk: Desk, shift: Shift) -> None:
    """Two listings at once would cost twice the quota."""
    shift.owned.clear()
    shift.begin_feeds()
    ask(desk, name="b", at=2)
    ask(desk, name="a", at=1)
    shift.owned.add(SYNC)
    shift.until(lambda: sum(row.phase == "done" for row in shift.told()) == 2)
    assert list(dict.fromkeys(row.job for row in shift.told())) == ["a", "b"]
    ends = [row.job for row in shift.told()]
    assert ends == sorted(ends), "never mixed"


# Looking again


@pytest.fixture(name="live")
def _live(desk: Desk) -> None:
    """Have the first sync behind."""
    desk.set_up("phase", SetupDoc(phase=PhaseSet(sync=SYNC, phase="live")), SYNC)


@pytest.mark.usefixtures("live")
def test_a_resync_has_looked_at_whoever_is_linked_and_was_not_listed(desk: Desk, shift: Shift) -> None:
    """Each is read alone before anybody calls it gone; a record that was listed is not."""
    shift.begin_feeds()
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
    shift.begin_feeds()
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
    shift.begin_feeds()
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
    shift.begin_feeds()
    pair(desk, "p1", left="h0")
    pair(desk, "p2", left="h88")
    begun = JobProgress(job="j", phase=phase, read={"L": 4}, cursors={"L": "2"})
    desk.set_up("progress", SetupDoc(progress=begun), "j")
    ask(desk, "resync")
    shift.owned.add(SYNC)
    shift.until(shift.ended)
    assert len(desk.asked("list")) == 6
    assert {row.id for row in desk.told(topics.NOTICES)} == {"h88"}
    assert shift.told()[-1].read == {"L": 6, "R": 6}


@pytest.mark.usefixtures("live")
def test_a_resync_of_some_statuses_reads_nothing_and_touches_those(desk: Desk, shift: Shift) -> None:
    """Pairs that are well are left alone, and nobody is called missing."""
    pair(desk, "p1", left="h0", right="b0")
    pair(desk, "p2", left="h1", right="b1", status="failing")
    pair(desk, "p3", left="h2", status="excluded")
    ask(desk, "resync", statuses=("failing", "excluded"))
    shift.until(shift.ended)
    assert desk.calls == []
    assert {row.pair for row in desk.told(topics.PAIRS)} == {"p2", "p3"}
    assert desk.told(topics.NOTICES) == []
    assert shift.phases() == ["matching", "done"]


def test_jobs_can_be_listed_while_settings_arrive() -> None:
    """One thread takes the settings, every other one reads them."""
    setups = Setups()
    stop, errors = threading.Event(), []

    def look() -> None:
        while not stop.is_set():
            try:
                list(setups.jobs())
            except RuntimeError as error:
                errors.append(error)
                return

    thread = threading.Thread(target=look)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        thread.start()
        for number in range(3000):
            job = Job(id=f"j{number}", kind="resync", sync=SYNC, asked_at_ms=number)
            setups.apply(number, f"job:{job.id}", SetupDoc(job=job))
    finally:
        stop.set()
        thread.join()
        sys.setswitchinterval(before)
    assert errors == []


def test_a_record_that_was_left_out_of_a_page_is_looked_at_alone(desk: Desk, shift: Shift) -> None:
    answer = listing()
    desk.answers["list"] = lambda at, cursor: {**answer(at, cursor), "skipped": ["huge"] if cursor is None else []}
    shift.begin_feeds()
    ask(desk)
    shift.until(shift.ended)
    assert shift.told()[-1].phase == "done"
    told = {(row.connection, row.id, row.kind) for row in desk.told(topics.NOTICES)}
    assert told == {(LEFT, "huge", "changed"), (RIGHT, "huge", "changed")}
