"""The feeds of one worker, whose apps answer what a test writes."""

from typing import Any, Final

from services.ingest import feeds as module
from services.ingest.cursors import Cursors
from services.ingest.feeds import Feeds
from services.ingest.known import TakenVersions
from services.ingest.link_rounds import LinkRounds
from services.ingest.noting import Noting
from shared.io.feed_notes import MemoryFeedNotes
from tests.services.desk import LEFT, RIGHT, Answer, Desk

BIN: Final = Cursors.key(LEFT, "contact", "bin")
CHANGED: Final = Cursors.key(LEFT, "contact", "changed")


class Station:
    """The feeds of one worker."""

    def __init__(self, *owned: str) -> None:
        self.desk = Desk()
        self.cursors = Cursors(self.desk.bus)
        self.owned = set(owned or (LEFT, RIGHT))
        self.links = LinkRounds(self.desk.setups, self.desk.store, self.desk.caller, self.desk.bus, self.desk.clock)
        self.notes = MemoryFeedNotes()
        self.feeds = Feeds(
            setups=self.desk.setups, jobs=self.desk.jobs, caller=self.desk.caller, bus=self.desk.bus,
            clock=self.desk.clock, metrics=self.desk.metrics, cursors=self.cursors,
            known=TakenVersions(self.desk.store, self.desk.setups), links=self.links,
            owns=lambda name: name in self.owned, noting=Noting(self.notes, self.desk.clock),
        )  # fmt: skip
        self.desk.answers["poll"] = lambda _connection, _asked: {"cursor": "c"}

    def due(self, feed: str = "changed", at: str = LEFT) -> Any:
        """Find one feed."""
        return next(row for row in self.feeds._polls() if row.connection == at and row.feed.name == feed)

    def once(self, feed: str = "changed", at: str = LEFT, state: Any = None) -> tuple[str, float]:
        """Let one feed tell all that it has; gives how it ended and when it is due again, to a tenth of a second."""
        reason, pause = self.feeds._once(self.due(feed, at), state or module._State())
        return reason, round(pause, 1)

    def saved(self, key: str = CHANGED) -> str | None:
        known = self.cursors.get(key)
        return known.cursor if known else None


def pages(*given: Any) -> Answer:
    """Answer one page after the other."""
    waiting = list(given)
    return lambda _connection, _asked: waiting.pop(0)
