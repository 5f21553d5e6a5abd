"""Where each feed goes on, as the `cursors` topic tells."""

import threading
from typing import Final

from shared import logs
from shared.io.envelope import Received
from shared.io.kafka.reader import TopicReader
from shared.io.ports import Bus, BusUnavailable, Outbound, run_blocking
from shared.model.records import carried
from shared.settings import Settings
from shared.wire import topics
from shared.wire.messages import Cursor
from shared.wire.topics import UnreadableMessage

_PAUSE_S: Final = 1.0
_POLL_S: Final = 5.0
_log = logs.get(__name__)


class Cursors:
    """The cursors of all feeds. Safe to use from several threads.

    A worker that lost a feed to another may write a cursor once more: the feed then tells some changes again, which
    costs a look and loses nothing.
    """

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._rows: dict[str, Cursor] = {}
        self._offsets: dict[str, int] = {}
        self._foreign: set[str] = set()
        """Feeds whose cursor only a newer version can read."""
        self._lock = threading.Lock()

    @staticmethod
    def key(connection: str, object_: str, feed: str) -> str:
        """Name a feed."""
        return f"{connection}/{object_}/{feed}"

    def get(self, key: str) -> Cursor | None:
        """Return a feed's cursor; None when it has none yet."""
        with self._lock:
            return self._rows.get(key)

    def is_foreign(self, key: str) -> bool:
        """Check whether a worker of a newer version polls a feed: from here, it would begin anew and miss something."""
        with self._lock:
            return key in self._foreign

    def has_begun(self, connection: str, object_: str, feed: str) -> bool:
        """Check whether a feed has its first cursor, be it one that only a newer version can read."""
        key = self.key(connection, object_, feed)
        return self.get(key) is not None or self.is_foreign(key)

    def leave_out(self, key: str, offset: int) -> None:
        """Take note of a cursor that cannot be read here."""
        with self._lock:
            if offset >= self._offsets.get(key, -1):
                self._offsets[key] = offset
                self._rows.pop(key, None)
                self._foreign.add(key)

    def save(self, cursor: Cursor) -> None:
        """Store a cursor; its notices must be acknowledged already. Raises `BusUnavailable`."""
        key = self.key(cursor.connection, cursor.object, cursor.feed)
        cursor = carried(cursor, self.get(key))
        (offset,) = run_blocking(self._bus.publish([Outbound(topic=topics.CURSORS, key=key, message=cursor)]))
        with self._lock:
            self._rows[key], self._offsets[key] = cursor, offset

    def take(self, key: str, cursor: Cursor | None, offset: int) -> None:
        """Take what the topic tells, unless it is older than what is known: a feed in haste is ahead of the reader."""
        with self._lock:
            if offset < self._offsets.get(key, -1):
                return
            self._offsets[key] = offset
            self._foreign.discard(key)
            if cursor is None:
                self._rows.pop(key, None)
            else:
                self._rows[key] = cursor


def follow(settings: Settings, cursors: Cursors, ready: threading.Event, stop: threading.Event) -> None:
    """Keep the cursors up to date until *stop* is set, and set *ready* when all were read once.

    A cursor that is none is left out: its feed starts from now, and a resync fills the gap.
    """
    reader: TopicReader[Cursor] | None = None

    def leave_out(item: Received, error: UnreadableMessage) -> None:
        _log.error("cursor_unreadable", key=item.key, offset=item.offset, detail=str(error))
        if error.reason == "newer_version":
            cursors.leave_out(item.key, item.offset)

    trouble = logs.Trouble(_log, "cursors_not_followed")
    while not stop.is_set():
        try:
            if reader is None:
                reader = TopicReader(settings, topics.CURSORS, unreadable=leave_out)
                for stored in reader.read_to_end():
                    cursors.take(stored.key, stored.message, stored.offset)
                ready.set()
            for stored in reader.poll(_POLL_S):
                cursors.take(stored.key, stored.message, stored.offset)
            trouble.over()
        except BusUnavailable as error:
            trouble.begun(detail=str(error))
            if reader is not None:
                reader.close()
                reader = None
            stop.wait(_PAUSE_S)
