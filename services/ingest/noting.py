"""Notes how each feed stands, so that the console can show it: seldom, since rounds may be short and many."""

from dataclasses import dataclass
from typing import Final

from shared import logs
from shared.io.ports import Clock, NotReady
from shared.io.redis.feed_notes import WEBHOOK, FeedNote, FeedNotes

_EVERY_MS: Final = 5_000
"""Between two notes of a feed about which there is no other news than that it was asked."""
_LONGEST: Final = 120
"""Characters of a cursor that are shown."""
_log = logs.get(__name__)


@dataclass(slots=True)
class _Kept:
    note: FeedNote
    stored_ms: int = 0


class Noting:
    """Keeps the notes of one worker. Each feed is told of by one thread at a time.

    Args:
        notes: Where they are kept.
        clock: Wall clock.
    """

    def __init__(self, notes: FeedNotes, clock: Clock) -> None:
        self._notes = notes
        self._clock = clock
        self._kept: dict[tuple[str, str], _Kept] = {}
        self._trouble = logs.Trouble(_log, "feeds_not_noted")

    def page(self, connection: str, feed: str, *, cursor: str, events: int, more: bool) -> None:
        """Record what one poll of a feed brought."""
        kept, now = self._of(connection, feed), self._clock.now_ms()
        update: dict[str, object] = {"more": more}
        if cursor[:_LONGEST] != kept.note.cursor:
            update |= {"cursor": cursor[:_LONGEST], "moved_ms": now}
        if events:
            update["event_ms"] = now
        kept.note = kept.note.model_copy(update=update)
        if more:
            self._store(connection, feed, kept)

    def ended(self, connection: str, feed: str, *, reason: str, asked_s: float, rest_s: float) -> None:
        """Record how a round of a feed ended; the reason is empty where it was read to its end."""
        kept, now = self._of(connection, feed), self._clock.now_ms()
        was = kept.note
        update: dict[str, object] = {"reason": reason, "asked_s": asked_s, "next_ms": now + int(rest_s * 1000)}
        if not reason:
            update |= {"read_ms": now, "since_ms": 0, "more": False}
        elif was.reason != reason:
            update["since_ms"] = now
        kept.note = was.model_copy(update=update)
        self._store(connection, feed, kept, at_once=was.reason != reason)

    def webhook(self, connection: str) -> None:
        """Record that the app has called."""
        kept, now = self._of(connection, WEBHOOK), self._clock.now_ms()
        kept.note = kept.note.model_copy(update={"read_ms": now, "event_ms": now})
        self._store(connection, WEBHOOK, kept)

    def _of(self, connection: str, feed: str) -> _Kept:
        """Return what is known of a feed, as its worker before has left it where it is new here."""
        kept = self._kept.get((connection, feed))
        if kept is not None:
            return kept
        try:
            known = self._notes.of(connection).get(feed)
        except NotReady as error:
            self._trouble.begun(detail=str(error))
            return _Kept(FeedNote())  # asked again with the next news
        return self._kept.setdefault((connection, feed), _Kept(known or FeedNote()))

    def _store(self, connection: str, feed: str, kept: _Kept, *, at_once: bool = False) -> None:
        now = self._clock.now_ms()
        if not at_once and now < kept.stored_ms + _EVERY_MS:
            return
        try:
            self._notes.note(connection, feed, kept.note)
        except NotReady as error:
            self._trouble.begun(detail=str(error))
            return
        kept.stored_ms = now
        self._trouble.over()
