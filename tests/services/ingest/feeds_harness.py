"""Drives the feeds of one worker over apps whose answers a test writes."""

from typing import Any, Final

from services.ingest.feeds import polling as module
from services.ingest.feeds.cursors import Cursors
from services.ingest.feeds.link_rounds import LinkRounds
from services.ingest.feeds.polling import Feeds
from services.ingest.known import TakenVersions
from services.ingest.noting import Noting
from shared.io.redis.feed_notes import MemoryFeedNotes
from tests.services.environment import LEFT, RIGHT, Answer, Environment

BIN: Final = Cursors.key(LEFT, "contact", "bin")
CHANGED: Final = Cursors.key(LEFT, "contact", "changed")


class FeedsHarness:
    """Polls the feeds of one worker, one at a time."""

    def __init__(self, *owned: str) -> None:
        self.env = Environment()
        self.cursors = Cursors(self.env.bus)
        self.owned = set(owned or (LEFT, RIGHT))
        self.links = LinkRounds(self.env.setups, self.env.store, self.env.caller, self.env.bus, self.env.clock)
        self.notes = MemoryFeedNotes()
        self.feeds = Feeds(
            setups=self.env.setups, jobs=self.env.jobs, caller=self.env.caller, bus=self.env.bus,
            clock=self.env.clock, metrics=self.env.metrics, cursors=self.cursors,
            known=TakenVersions(self.env.store, self.env.setups), links=self.links,
            owns=lambda name: name in self.owned, noting=Noting(self.notes, self.env.clock),
        )  # fmt: skip
        self.env.answers["poll"] = lambda _connection, _asked: {"cursor": "c"}

    def due(self, feed: str = "changed", at: str = LEFT) -> Any:
        """Find one feed."""
        return next(row for row in self.feeds._polls() if row.connection == at and row.feed.name == feed)

    def once(self, feed: str = "changed", at: str = LEFT, state: Any = None) -> tuple[str, float]:
        """Poll one feed to its end, and return how that ended and the pause in seconds, to a tenth."""
        reason, pause = self.feeds._once(self.due(feed, at), state or module._State())
        return reason, round(pause, 1)

    def saved(self, key: str = CHANGED) -> str | None:
        known = self.cursors.get(key)
        return known.cursor if known else None


def pages(*given: Any) -> Answer:
    """Return an answer that serves one page after the other."""
    waiting = list(given)
    return lambda _connection, _asked: waiting.pop(0)
