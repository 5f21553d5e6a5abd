"""Where each feed goes on, as the `cursors` topic tells."""

import threading
from typing import Final

from shared import logs, topics
from shared.io.envelope import Received
from shared.io.kafka_reader import TopicReader
from shared.io.ports import Bus, BusUnavailable, Outbound, run_blocking
from shared.messages import Cursor
from shared.settings import Settings
from shared.topics import UnreadableMessage

_PAUSE_S: Final = 1.0
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
        self._lock = threading.Lock()

    @staticmethod
    def key(connection: str, object_: str, feed: str) -> str:
        """Name a feed."""
        return f"{connection}/{object_}/{feed}"

    def get(self, key: str) -> Cursor | None:
        """Give a feed's cursor; None when it has none yet."""
        with self._lock:
            return self._rows.get(key)

    def save(self, cursor: Cursor) -> None:
        """Store a cursor; its notices must be acknowledged already. Raises `BusUnavailable`."""
        key = self.key(cursor.connection, cursor.object, cursor.feed)
        (offset,) = run_blocking(self._bus.publish([Outbound(topic=topics.CURSORS, key=key, message=cursor)]))
        with self._lock:
            self._rows[key], self._offsets[key] = cursor, offset

    def take(self, key: str, cursor: Cursor | None, offset: int) -> None:
        """Take what the topic tells, unless it is older than what is known: a feed in haste is ahead of the reader."""
        with self._lock:
            if offset < self._offsets.get(key, -1):
                return
            self._offsets[key] = offset
            if cursor is None:
                self._rows.pop(key, None)
            else:
                self._rows[key] = cursor


def follow(settings: Settings, cursors: Cursors, ready: threading.Event, stop: threading.Event) -> None:
    """Keep the cursors up to date until *stop* is set, and set *ready* when all were read once."""
    reader: TopicReader[Cursor] | None = None
    trouble = logs.Trouble(_log, "cursors_not_followed")
    while not stop.is_set():
        try:
            if reader is None:
                reader = TopicReader(settings, topics.CURSORS, unreadable=_unreadable)
                for stored in reader.read_to_end():
                    cursors.take(stored.key, stored.message, stored.offset)
                ready.set()
            for stored in reader.poll(0.5):
                cursors.take(stored.key, stored.message, stored.offset)
            trouble.over()
        except BusUnavailable as error:
            trouble.begun(detail=str(error))
            if reader is not None:
                reader.close()
                reader = None
            stop.wait(_PAUSE_S)


def _unreadable(item: Received, error: UnreadableMessage) -> None:
    """Leave a cursor out that this version cannot read: its feed starts from now, and a resync fills the gap."""
    _log.error("cursor_unreadable", key=item.key, offset=item.offset, detail=str(error))
