"""What is noted of feeds: every process reads it, and what cannot be read counts for nothing."""

from collections.abc import Iterator

import pytest

from shared.io.redis.client import connect
from shared.io.redis.feed_notes import FeedNote, FeedNotesAway, RedisFeedNotes

pytestmark = pytest.mark.server


@pytest.fixture(name="notes")
def _notes(redis_url: str) -> Iterator[RedisFeedNotes]:
    client = connect(redis_url)
    client.delete("feeds:{hub}")
    yield RedisFeedNotes(client)
    client.delete("feeds:{hub}")
    client.close()


def test_each_feed_has_a_note_of_its_own(notes: RedisFeedNotes) -> None:
    first, second = FeedNote(read_ms=1, cursor="é"), FeedNote(event_ms=2, reason="auth_expired", more=True)
    notes.note("hub", "contact/changed", FeedNote(read_ms=0))
    notes.note("hub", "contact/changed", first)
    notes.note("hub", "webhook", second)
    assert notes.of("hub") == {"contact/changed": first, "webhook": second}
    assert notes.of("another") == {}


def test_a_note_that_cannot_be_read_counts_for_none(notes: RedisFeedNotes) -> None:
    notes.note("hub", "contact/changed", FeedNote(read_ms=1))
    notes._client.hset("feeds:{hub}", "contact/bin", '{"read_ms": "soon"}')
    assert notes.of("hub") == {"contact/changed": FeedNote(read_ms=1)}


def test_without_redis_nothing_is_known() -> None:
    away = RedisFeedNotes(connect("redis://127.0.0.1:9/0"))
    for ask in (lambda: away.of("hub"), lambda: away.note("hub", "f", FeedNote())):
        with pytest.raises(FeedNotesAway):
            ask()
