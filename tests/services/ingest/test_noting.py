"""How each feed stands, as ingest notes it for the console."""

from typing import Any

import pytest

from services.ingest.feeds import Feeds, _State
from services.ingest.noting import Noting
from shared.io.feed_notes import FeedNote, FeedNotesAway, MemoryFeedNotes
from shared.io.memory import ManualClock
from tests.services.desk import LEFT, fails
from tests.services.ingest.door import Door, body, event
from tests.services.ingest.station import Station, pages


def looked(station: Station) -> FeedNote:
    """Let the feed of changes be asked once by the loop, and return what is noted of it."""
    station.feeds._guarded(station.due(), _State())
    return station.notes.of(LEFT)["contact/changed"]


def test_a_feed_tells_when_it_was_read_what_it_told_and_how_often_it_is_asked(station: Station) -> None:
    now = station.desk.clock.now_ms()
    station.desk.answers["poll"] = pages({"cursor": "c" * 500, "hints": [{"id": "1"}]}, {"cursor": "c" * 500})
    first = looked(station)
    assert (first.read_ms, first.event_ms, first.moved_ms, first.reason, first.more) == (now, now, now, "", False)
    assert (first.cursor, first.asked_s) == ("c" * 120, 60.0)
    assert now + 59_000 < first.next_ms <= now + 60_000
    station.desk.clock.advance(60_000)
    second = looked(station)
    assert (second.read_ms, second.event_ms, second.moved_ms) == (now + 60_000, now, now)


def test_a_feed_that_fails_tells_why_and_since_when(station: Station) -> None:
    """What was known before stays; how often it fails changes nothing of since when."""
    now = station.desk.clock.now_ms()
    looked(station)
    station.desk.answers["poll"] = fails(code="auth_expired", message="no", retry="auth")
    station.desk.clock.advance(10_000)
    assert looked(station).since_ms == now + 10_000
    station.desk.clock.advance(10_000)
    told = looked(station)
    assert (told.reason, told.since_ms, told.read_ms) == ("auth_expired", now + 10_000, now)
    station.desk.answers["poll"] = lambda _connection, _asked: {"cursor": "c"}
    assert (looked(station).reason, looked(station).since_ms) == ("", 0)


def test_a_bug_is_told_as_well(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Feeds, "_once", broken)
    assert looked(station).reason == "failed"


def test_pages_that_wait_are_told_while_a_round_is_under_way(station: Station) -> None:
    seen: list[bool] = []

    class Listens(MemoryFeedNotes):
        def note(self, connection: str, feed: str, note: FeedNote) -> None:
            seen.append(note.more)
            super().note(connection, feed, note)

    station.notes = Listens()
    station.feeds.noting = Noting(station.notes, station.desk.clock)
    station.desk.answers["poll"] = pages({"cursor": "1", "more": True}, {"cursor": "2"})
    station.feeds._guarded(station.due(), _State())
    assert seen[0] is True
    station.desk.clock.advance(10_000)
    station.desk.answers["poll"] = lambda _connection, _asked: {"cursor": "2"}
    assert looked(station).more is False


def test_a_feed_in_haste_is_noted_seldom_and_its_next_worker_goes_on() -> None:
    notes, clock = MemoryFeedNotes(), ManualClock()
    noting = Noting(notes, clock)
    for number in range(50):
        clock.advance(100)
        noting.page("hub", "contact/changed", cursor=str(number), events=1, more=False)
        noting.ended("hub", "contact/changed", reason="", asked_s=0.1, rest_s=0.1)
    assert notes.of("hub")["contact/changed"].cursor == "0"
    clock.advance(5_000)
    Noting(notes, clock).ended("hub", "contact/changed", reason="", asked_s=0.1, rest_s=0.1)
    assert notes.of("hub")["contact/changed"].event_ms == clock.now_ms() - 9_900, "what the worker before has told"


def test_without_redis_feeds_go_on(station: Station) -> None:
    class Away(MemoryFeedNotes):
        def of(self, connection: str) -> Any:  # noqa: ARG002 - as notes have it
            raise FeedNotesAway

        def note(self, connection: str, feed: str, note: FeedNote) -> None:  # noqa: ARG002 - as above
            raise FeedNotesAway

    station.feeds.noting = Noting(Away(), station.desk.clock)
    state = _State()
    station.feeds._guarded(station.due(), state)
    assert (state.busy, station.saved()) == (False, "c")


def test_a_call_of_the_app_is_noted_for_the_account_that_it_is_about(door: Door) -> None:
    """Another account may have the same secret."""
    door.notes._rows.clear()
    door.clock.advance(10_000)
    assert door.call(body(event())).status_code == 200
    assert door.notes.of("hub-a")["webhook"].event_ms == door.clock.now_ms()
    assert door.notes.of("hub-c") == {}
    door.call(body(event()), secret="a guess")
    assert door.notes.of("hub-b") == {}
