"""What people want of jobs: to pause, resume, cancel and confirm them."""

import threading
from typing import Any

import pytest

from shared import topics
from shared.messages import JobDoc, JobOrder
from tests.services.desk import LEFT, RIGHT, Answer, Desk, fails
from tests.services.jobs.shift import Shift, ask, listing, pair


def want(desk: Desk, part: str, name: str = "j") -> None:
    doc = JobDoc.model_validate({part: JobOrder(job=name, at_ms=1)})
    desk.set_job(part, doc, name)


def wanting(desk: Desk, part: str, *, at: str, page: str, pages: int = 3) -> Answer:
    """Answer pages; while one of them is read, somebody wants something of the job."""
    rows = listing(pages=pages)

    def answer(connection: str, cursor: str | None) -> Any:
        if (connection, cursor) == (at, page):
            want(desk, part)
        return rows(connection, cursor)

    return answer


def rests(shift: Shift) -> bool:
    return not any(thread.is_alive() for thread in shift.runner._running.values())


def state(desk: Desk) -> str:
    row = desk.jobs.get("j")
    assert row is not None
    return row.state


def read(desk: Desk) -> list[tuple[str, str | None]]:
    return [(at, cursor) for at, what, cursor in desk.calls if what == "list"]


def test_a_paused_job_goes_on_where_it_stopped(desk: Desk, shift: Shift) -> None:
    """The page that was under way is the last one until then, and is not read again."""
    desk.answers["list"] = wanting(desk, "paused", at=LEFT, page="1")
    ask(desk)
    shift.until(lambda: len(read(desk)) == 2 and rests(shift))
    assert (state(desk), shift.told()[-1].read) == ("paused", {"L": 4})
    desk.answers["list"] = listing()
    desk.set_job("paused", None, "j")
    shift.until(shift.ended)
    assert read(desk) == [(at, cursor) for at in (LEFT, RIGHT) for cursor in (None, "1", "2")]


@pytest.mark.parametrize("gone", [False, True])
@pytest.mark.usefixtures("live")
def test_a_paused_resync_goes_on_in_another_process_and_knows_what_was_listed(desk: Desk, gone: bool) -> None:  # noqa: FBT001 - a parameter
    """Kafka still holds it; where it does not, everything is listed once more."""
    pair(desk, "p1", left="h0")
    pair(desk, "p2", left="h88")
    first = Shift(desk)
    first.begin_feeds()
    desk.answers["list"] = wanting(desk, "paused", at=LEFT, page="1")
    ask(desk, "resync")
    first.until(lambda: len(read(desk)) == 2 and rests(first))
    first.follow()
    first.end()
    desk.answers["list"] = listing()
    desk.set_job("paused", None, "j")
    second = Shift(desk)
    second.records_are_gone = gone
    second.begin_feeds()
    second.until(second.ended)
    second.end()
    assert len(read(desk)) == (8 if gone else 6)
    assert {row.id for row in desk.told(topics.NOTICES)} == {"h88"}
    assert second.told()[-1].read == {"L": 6, "R": 6}


@pytest.mark.usefixtures("live")
def test_a_job_that_looks_at_pairs_goes_on_among_them(desk: Desk, shift: Shift) -> None:
    """None of them is looked at, or counted, twice."""
    for number in range(40):
        pair(desk, f"p{number}", left=f"h{number}", status="failing")
    real, touched = desk.broker.append, list[str]()

    def append(raw: Any) -> Any:
        part, offset = real(raw)
        if raw.topic == topics.PAIRS.name:
            before = len(touched)
            touched.extend(item.key for item in desk.broker.items(raw.topic, part, offset, 1))
            if before < 5 <= len(touched):
                want(desk, "paused")
        return part, offset

    desk.broker.append = append  # type: ignore[method-assign]  # a broker that is watched
    ask(desk, "resync", statuses=("failing",))
    shift.until(lambda: state(desk) == "paused" and rests(shift))
    assert 5 <= len(touched) < 40
    desk.set_job("paused", None, "j")
    shift.until(shift.ended)
    assert sorted(touched) == sorted(f"p{number}" for number in range(40))
    assert (shift.told()[-1].touched, shift.told()[-1].result) == (40, "40 pairs looked at")


def test_a_cancelled_job_stops_within_a_page_and_says_what_it_has_done(desk: Desk, shift: Shift) -> None:
    """Nothing goes live, and nobody is touched."""
    desk.answers["list"] = wanting(desk, "cancelled", at=RIGHT, page="1")
    ask(desk)
    shift.until(shift.ended)
    last = shift.told()[-1]
    assert (last.phase, last.error, len(read(desk))) == ("cancelled", "", 5)
    assert last.result == "6 of 6 records of hub read, 4 of 6 records of book read, 0 pairs looked at"
    assert (desk.setups.phase("people"), desk.told(topics.PAIRS)) == ("indexing", [])


def test_a_job_that_waits_for_its_app_can_be_cancelled(
    desk: Desk, shift: Shift, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody has to wait until the app is asked again."""
    monkeypatch.setattr("services.jobs.runner._PATIENCE_S", (60.0,))
    desk.answers["list"] = fails()
    ask(desk)
    shift.until(lambda: bool(shift.told()) and bool(shift.told()[-1].error))
    want(desk, "cancelled")
    shift.until(shift.ended)
    assert shift.told()[-1].phase == "cancelled"


@pytest.mark.parametrize("before", [[], ["paused"]])
def test_a_job_that_has_not_begun_can_be_cancelled(desk: Desk, shift: Shift, before: list[str]) -> None:
    """Also one that is paused."""
    for part in (*before, "cancelled"):
        want(desk, part)
    ask(desk)
    shift.until(shift.ended)
    assert (shift.told()[-1].phase, desk.calls) == ("cancelled", [])


@pytest.mark.usefixtures("live")
def test_a_job_to_be_confirmed_counts_and_waits(desk: Desk, shift: Shift) -> None:
    """Nothing is read or touched before somebody agrees; another worker counts nothing again."""
    for number in range(3):
        pair(desk, f"p{number}", left=f"h{number}", status="failing" if number else "in_sync")
    ask(desk, "resync", statuses=("failing",), review=True)
    shift.until(lambda: bool(shift.told()) and shift.told()[-1].pairs == 2 and rests(shift))
    shift.follow()
    assert state(desk) == "unconfirmed"
    told = len(shift.told())
    threading.Event().wait(0.05)
    assert (len(shift.told()), desk.told(topics.PAIRS), desk.calls) == (told, [], [])
    want(desk, "confirmed")
    shift.until(shift.ended)
    assert {row.pair for row in desk.told(topics.PAIRS)} == {"p1", "p2"}
    assert shift.told()[-1].result == "2 of 2 pairs looked at"


def test_while_a_first_sync_is_paused_no_later_job_does_its_work(desk: Desk, shift: Shift) -> None:
    """Of a sync that is live, a paused job holds up none."""
    want(desk, "paused")
    ask(desk)
    ask(desk, "resync", name="edited", at=2)
    until = threading.Event()
    shift.until(lambda: until.wait(0.05) or True)
    assert (desk.calls, shift.told()) == ([], [])
    desk.set_job("paused", None, "j")
    shift.until(lambda: [row.job for row in shift.told() if row.phase == "done"] == ["j", "edited"])


@pytest.mark.usefixtures("live")
def test_a_paused_job_holds_up_no_other_of_a_live_sync(desk: Desk, shift: Shift) -> None:
    """What somebody wants to do later is no reason to leave the rest."""
    want(desk, "paused")
    ask(desk, "resync")
    ask(desk, "resync", name="other", at=2)
    shift.until(shift.ended)
    assert {row.job for row in shift.told()} == {"other"}
