"""Cursors that a newer version wrote: what it added is kept, and a feed whose cursor cannot be read is its own."""

from services.ingest.feeds.cursors import Cursors
from shared.wire import topics
from shared.wire.messages import Cursor
from tests.services.environment import LEFT, RIGHT, Environment
from tests.services.ingest.feeds_harness import FeedsHarness

KEY = Cursors.key(LEFT, "contact", "changed")


def test_a_field_that_a_newer_version_added_is_written_back() -> None:
    """Each round writes the cursor anew."""
    env = Environment()
    cursors = Cursors(env.bus)
    newer = Cursor.model_validate({"connection": LEFT, "object": "contact", "feed": "changed", "cursor": "c", "lag": 7})
    cursors.take(KEY, newer, 0)
    cursors.save(Cursor(connection=LEFT, object="contact", feed="changed", cursor="d"))
    (told,) = env.told(topics.CURSORS)
    assert (told.cursor, told.model_extra) == ("d", {"lag": 7})


def test_a_feed_of_a_newer_version_is_left_to_it() -> None:
    """From here it would begin anew, and miss what changed in between; once its cursor can be read, it is polled."""
    harness = FeedsHarness()
    cursors = harness.cursors
    every = {(at, feed) for at in (LEFT, RIGHT) for feed in ("changed", "bin")}

    def polled() -> set[tuple[str, str]]:
        return {(poll.connection, poll.feed.name) for poll in harness.feeds._polls()}

    assert polled() == every
    cursors.leave_out(KEY, 3)
    assert polled() == every - {(LEFT, "changed")}
    cursors.take(KEY, Cursor(connection=LEFT, object="contact", feed="changed", cursor="c"), 2)
    assert polled() == every - {(LEFT, "changed")}, "that one is older"
    cursors.take(KEY, Cursor(connection=LEFT, object="contact", feed="changed", cursor="c"), 4)
    assert polled() == every
