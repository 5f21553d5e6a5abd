"""How each feed stands, as ingest notes it for the console."""

from typing import Any

import pytest

from services.ingest.feeds.polling import Feeds, _State
from services.ingest.noting import Noting
from shared.io.memory import ManualClock
from shared.io.redis.feed_notes import FeedNote, FeedNotesAway, MemoryFeedNotes
from tests.services.environment import LEFT, fails
from tests.services.ingest.feeds_harness import FeedsHarness, pages
from tests.services.ingest.webhook_server import WebhookServer, body, event


def looked(harness: FeedsHarness) -> FeedNote:
    """Let the feed of changes be asked once by the loop, and return what is noted of it."""
    harness.feeds._guarded(harness.due(), _State())
    return harness.notes.of(LEFT)["contact/changed"]


def test_a_feed_tells_when_it_was_read_what_it_told_and_how_often_it_is_asked(harness: FeedsHarness) -> None:
    now = harness.env.clock.now_ms()
    harness.env.answers["poll"] = pages({"cursor": "c" * 500, "hints": [{"id": "1"}]}, {"cursor": "c" * 500})
    first = looked(harness)
    assert (first.read_ms, first.event_ms, first.moved_ms, first.reason, first.more) == (now, now, now, "", False)
    assert (first.cursor, first.asked_s) == ("c" * 120, 60.0)
    assert now + 59_000 < first.next_ms <= now + 60_000
    harness.env.clock.advance(60_000)
    second = looked(harness)
    assert (second.read_ms, second.event_ms, second.moved_ms) == (now + 60_000, now, now)


def test_a_feed_that_fails_tells_why_and_since_when(harness: FeedsHarness) -> None:
    """What was known before stays; how often it fails changes nothing of since when."""
    now = harness.env.clock.now_ms()
    looked(harness)
    harness.env.answers["poll"] = fails(code="auth_expired", message="no", retry="auth")
    harness.env.clock.advance(10_000)
    assert looked(harness).since_ms == now + 10_000
    harness.env.clock.advance(10_000)
    told = looked(harness)
    assert (told.reason, told.since_ms, told.read_ms) == ("auth_expired", now + 10_000, now)
    harness.env.answers["poll"] = lambda _connection, _asked: {"cursor": "c"}
    assert (looked(harness).reason, looked(harness).since_ms) == ("", 0)


def test_a_bug_is_told_as_well(harness: FeedsHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Feeds, "_once", broken)
    assert looked(harness).reason == "failed"


def test_pages_that_wait_are_told_while_a_round_is_under_way(harness: FeedsHarness) -> None:
    seen: list[bool] = []

    class Listens(MemoryFeedNotes):
        def note(self, connection: str, feed: str, note: FeedNote) -> None:
            seen.append(note.more)
            super().note(connection, feed, note)

    harness.notes = Listens()
    harness.feeds.noting = Noting(harness.notes, harness.env.clock)
    harness.env.answers["poll"] = pages({"cursor": "1", "more": True}, {"cursor": "2"})
    harness.feeds._guarded(harness.due(), _State())
    assert seen[0] is True
    harness.env.clock.advance(10_000)
    harness.env.answers["poll"] = lambda _connection, _asked: {"cursor": "2"}
    assert looked(harness).more is False


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


def test_without_redis_feeds_go_on(harness: FeedsHarness) -> None:
    class Away(MemoryFeedNotes):
        def of(self, connection: str) -> Any:  # noqa: ARG002 - as notes have it
            raise FeedNotesAway

        def note(self, connection: str, feed: str, note: FeedNote) -> None:  # noqa: ARG002 - as above
            raise FeedNotesAway

    harness.feeds.noting = Noting(Away(), harness.env.clock)
    state = _State()
    harness.feeds._guarded(harness.due(), state)
    assert (state.busy, harness.saved()) == (False, "c")


def test_a_call_of_the_app_is_noted_for_the_account_that_it_is_about(server: WebhookServer) -> None:
    """Another account may have the same secret."""
    server.notes._rows.clear()
    server.clock.advance(10_000)
    assert server.call(body(event())).status_code == 200
    assert server.notes.of("hub-a")["webhook"].event_ms == server.clock.now_ms()
    assert server.notes.of("hub-c") == {}
    server.call(body(event()), secret="a guess")
    assert server.notes.of("hub-b") == {}
