"""Follows the `setups`, `jobs` and `access` topics into views: to their end before any work begins, then for ever."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Final, Generic, Protocol, TypeVar

from pydantic import BaseModel

from shared import logs
from shared.config.jobs import Jobs
from shared.config.setups import Setups
from shared.io.envelope import Received, Stored, setups_seen
from shared.io.kafka.reader import TopicReader
from shared.io.ports import BusUnavailable
from shared.settings import Settings
from shared.wire import topics
from shared.wire.messages import JobDoc, SetupDoc
from shared.wire.topics import Topic, UnreadableMessage

_POLL_S: Final = 5.0
"""Between two polls while nothing comes. What comes ends a poll, and so does a process that stops."""
_PAUSE_S: Final = 1.0
_log = logs.get(__name__)
M = TypeVar("M", bound=BaseModel)
M_contra = TypeVar("M_contra", bound=BaseModel, contravariant=True)


class _View(Protocol):
    offset: int

    def leave_out(self, offset: int, key: str, raw: bytes | None, why: str) -> None: ...


class _Follower(ABC, Generic[M]):
    """Keeps a view of a topic up to date, in the one thread that calls `run`, or `poll`."""

    def __init__(self, settings: Settings, topic: Topic[M], view: _View) -> None:
        self._settings = settings
        self._topic = topic
        self._view = view
        self._reader: TopicReader[M] | None = None
        self._unread: list[tuple[Received, UnreadableMessage]] = []
        """Documents that could not be read, to be taken note of in their turn."""
        self._trouble = logs.Trouble(_log, f"{topic.name}_not_followed")
        self.caught_up = threading.Event()
        """Set once everything was read."""

    @abstractmethod
    def _apply(self, stored: Stored[M]) -> None: ...

    def catch_up(self) -> None:
        """Read everything that there is now; raises `BusUnavailable`."""
        self._reader = self._open()
        self._take(self._reader.read_to_end())
        # Tombstones and offsets skipped by compaction end the topic too: nothing before its end is missing here.
        self._view.offset = max(self._view.offset, self._reader.position - 1)
        self.caught_up.set()

    def run(self, stop: threading.Event) -> None:
        """Follow until *stop* is set; a broker that is away is waited for."""
        while not stop.is_set():
            try:
                if not self.caught_up.is_set():
                    self.catch_up()
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
        self._view.offset = max(self._view.offset, self._reader.position - 1)

    def _open(self) -> TopicReader[M]:
        return TopicReader(self._settings, self._topic, unreadable=self.leave_out)

    def close(self) -> None:
        """Close the connection to Kafka."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def leave_out(self, item: Received, error: UnreadableMessage) -> None:
        """Leave a document out that this version cannot read: what it is about does not run here, all else does."""
        _log.error("document_unreadable", topic=self._topic.name, key=item.key, offset=item.offset, detail=str(error))
        self._unread.append((item, error))

    def _take(self, found: Iterable[Stored[M]]) -> None:
        """Take documents in their order, those that cannot be read among them."""
        for stored in found:
            self._take_unread(stored.offset)
            if stored.offset > self._view.offset:
                self._apply(stored)
        self._take_unread(None)

    def _take_unread(self, before: int | None) -> None:
        while self._unread and (before is None or self._unread[0][0].offset < before):
            item, error = self._unread.pop(0)
            if item.offset > self._view.offset:
                self._view.leave_out(item.offset, item.key, item.value, error.detail)


class View(_View, Protocol[M_contra]):
    """What takes the documents of a topic one after another."""

    def apply(self, offset: int, key: str, doc: M_contra | None) -> None:
        """Take one document; None is its tombstone."""
        ...


class TopicFollower(_Follower[M]):
    """Keeps a view up to date that needs nothing but keys and documents."""

    def __init__(self, settings: Settings, topic: Topic[M], view: View[M]) -> None:
        super().__init__(settings, topic, view)
        self._taking = view

    def _apply(self, stored: Stored[M]) -> None:
        self._taking.apply(stored.offset, stored.key, stored.message)


class SetupsFollower(TopicFollower[SetupDoc]):
    """Keeps the settings up to date."""

    def __init__(self, settings: Settings, setups: Setups) -> None:
        super().__init__(settings, topics.SETUPS, setups)


class JobsFollower(_Follower[JobDoc]):
    """Keeps the jobs up to date."""

    def __init__(self, settings: Settings, jobs: Jobs) -> None:
        super().__init__(settings, topics.JOBS, jobs)
        self._jobs = jobs

    def _apply(self, stored: Stored[JobDoc]) -> None:
        self._jobs.apply(stored.offset, stored.key, stored.message, seen=setups_seen(stored.headers))
