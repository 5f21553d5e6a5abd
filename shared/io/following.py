"""Follows the `setups` topic into a `Setups` view: to its end before any work begins, then for ever."""

import threading
from collections.abc import Iterable
from typing import Final

from shared import logs, topics
from shared.io.envelope import Received, Stored
from shared.io.kafka_reader import TopicReader
from shared.io.ports import BusUnavailable
from shared.messages import SetupDoc
from shared.settings import Settings
from shared.setups import Setups
from shared.topics import UnreadableMessage

_POLL_S: Final = 0.5
_PAUSE_S: Final = 1.0
_log = logs.get(__name__)


class SetupsFollower:
    """Keeps a view of the settings up to date, in the one thread that calls `run`, or `poll`."""

    def __init__(self, settings: Settings, setups: Setups) -> None:
        self._settings = settings
        self._setups = setups
        self._reader: TopicReader[SetupDoc] | None = None
        self._unread: list[tuple[Received, UnreadableMessage]] = []
        """Documents that could not be read, to be taken note of in their turn."""
        self._trouble = logs.Trouble(_log, "settings_not_followed")

    def catch_up(self) -> None:
        """Read everything that is set up now; raises `BusUnavailable`."""
        self._reader = self._open()
        self._take(self._reader.read_to_end())
        # Tombstones and offsets skipped by compaction end the topic too: nothing before its end is missing here.
        self._setups.offset = max(self._setups.offset, self._reader.position - 1)

    def run(self, stop: threading.Event) -> None:
        """Follow until *stop* is set; a broker that is away is waited for."""
        while not stop.is_set():
            try:
                self.poll(_POLL_S)
                self._trouble.over()
            except BusUnavailable as error:
                self._trouble.begun(detail=str(error))
                self.close()
                stop.wait(_PAUSE_S)
        self.close()

    def poll(self, timeout_s: float) -> None:
        """Read what was written since, waiting at most *timeout_s* for it; raises `BusUnavailable`."""
        if self._reader is None:
            self._reader = self._open()
        self._take(self._reader.poll(timeout_s))
        # A document that this version cannot read has been read, too: nobody must wait for it.
        self._setups.offset = max(self._setups.offset, self._reader.position - 1)

    def _open(self) -> TopicReader[SetupDoc]:
        return TopicReader(self._settings, topics.SETUPS, unreadable=self.leave_out)

    def close(self) -> None:
        """Let go of the connection to Kafka."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def leave_out(self, item: Received, error: UnreadableMessage) -> None:
        """Leave a document out that this version cannot read: what it sets up does not run here, all else does."""
        _log.error("settings_unreadable", key=item.key, offset=item.offset, detail=str(error))
        self._unread.append((item, error))

    def _take(self, found: Iterable[Stored[SetupDoc]]) -> None:
        """Take documents in their order, those that cannot be read among them."""
        for stored in found:
            self._take_unread(stored.offset)
            if stored.offset > self._setups.offset:
                self._setups.apply(stored.offset, stored.key, stored.message)
        self._take_unread(None)

    def _take_unread(self, before: int | None) -> None:
        while self._unread and (before is None or self._unread[0][0].offset < before):
            item, error = self._unread.pop(0)
            if item.offset > self._setups.offset:
                self._setups.leave_out(item.offset, item.key, item.value, error.detail)
