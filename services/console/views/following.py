"""Follows the topics that the console's views are made from."""

import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack
from typing import Any, Final

from services.console.views import glance
from services.console.views.projection import FOLLOWED, Views
from shared import logs
from shared.io.clock import SystemClock
from shared.io.envelope import Received, Stored
from shared.io.kafka.reader import AT_ONCE, Decode, TopicReader, TopicsReader
from shared.io.ports import BusUnavailable
from shared.settings import Settings
from shared.wire import topics
from shared.wire.topics import Kept, Topic, UnreadableMessage

_PAUSE_S: Final = 1.0
_FORGET_S: Final = 3600.0
"""Between two looks for steps of the history that are too old."""
_POLL_S: Final = 5.0
"""Between two looks while nothing comes. What comes ends the wait, and so does a process that stops."""
_GATHER_S: Final = 0.25
"""Between two looks at a busy journal: many messages in one transaction cost far less than one in each."""
_DECODE: Final[Mapping[Topic[Any], Decode]] = {topics.PAIR_STATE: glance.read}
"""How topics are read of which less is needed than all that a message says."""
_log = logs.get(__name__)


class Follower:
    """Keeps the views up to date, in the thread that calls `run`.

    Args:
        settings: Where Kafka is.
        views: What is kept.
        kept: Returns for how many days; None while that is not known, when nothing is forgotten.
    """

    def __init__(self, settings: Settings, views: Views, kept: Callable[[], Kept | None]) -> None:
        self._settings = settings
        self._views = views
        self._kept = kept
        self._reader: TopicsReader | None = None
        """Reads on in all topics, once each was read to its end."""
        self._trouble = logs.Trouble(_log, "views_not_followed")
        self.caught_up = threading.Event()
        self._forget_at = 0.0

    def run(self, stop: threading.Event) -> None:
        """Follow until *stop* is set; a broker that is away is waited for."""
        while not stop.is_set():
            try:
                number = self._follow(self._reader or self._begin())
                self._forget()
                self._trouble.over()
                if number < AT_ONCE:
                    stop.wait(_GATHER_S)
            except BusUnavailable as error:
                self._trouble.begun(detail=str(error))
                self._close()
                stop.wait(_PAUSE_S)
        self._close()
        self._views.close()

    def _begin(self) -> TopicsReader:
        """Read all topics to their ends, and return what reads on in them."""
        with ExitStack() as opened:
            readers = {topic: opened.enter_context(self._one(topic)) for topic in FOLLOWED}
            shorter = [topic.name for topic, reader in readers.items() if self._is_shorter(topic, reader)]
            if shorter:
                _log.warning("journal_is_shorter", topics=shorter, detail="the views are built again")
                self._views.clear()
                readers = {topic: opened.enter_context(self._one(topic)) for topic in FOLLOWED}
            starts = {topic: self._catch_up(topic, reader) for topic, reader in readers.items()}
        self._reader = TopicsReader(self._settings, starts, unreadable=_unreadable, decode=_DECODE)
        self.caught_up.set()
        return self._reader

    def _follow(self, reader: TopicsReader) -> int:
        """Take what has come, and return how many messages that were."""
        found = reader.poll(_POLL_S)
        for topic in FOLLOWED:
            if found.get(topic):
                self._views.take(topic.name, found[topic], reader.positions[topic])
        return sum(map(len, found.values()))

    def _catch_up(self, topic: Topic[Any], reader: TopicReader[Any]) -> Mapping[int, int]:
        """Read a topic to its end, and return where it goes on.

        Where there is no pair yet, what makes lists quick is made after all are read.
        """
        if topic is topics.PAIR_STATE:
            self._views.begin_build()
        begun = sum(reader.positions.values())
        missing = max(1, sum(reader.ends().values()) - begun)
        batch: list[Stored[Any]] = []
        for stored in reader.read_to_end():
            batch.append(stored)
            if len(batch) >= AT_ONCE:
                self._views.take(topic.name, batch, {})
                batch = []
                self._views.tell_read((sum(reader.positions.values()) - begun) / missing)
        self._views.take(topic.name, batch, reader.positions)
        if topic is topics.PAIR_STATE:
            self._views.end_build()
        return reader.positions

    def _forget(self) -> None:
        """Forget now and then what the history forgets as well."""
        if time.monotonic() < self._forget_at:
            return
        kept = self._kept()
        if kept is None:
            return
        self._forget_at = time.monotonic() + _FORGET_S
        now_ms = SystemClock().now_ms()
        self._views.forget_before(now_ms - kept.history_days * topics.DAY_MS)
        self._views.forget_parked_before(now_ms - topics.PARKED.retention_ms)
        self._views.forget_activity_before(now_ms - kept.activity_days * topics.DAY_MS)
        self._views.forget_hours_before(now_ms - kept.health_days * topics.DAY_MS)

    def _one(self, topic: Topic[Any]) -> TopicReader[Any]:
        start = self._views.positions(topic.name)
        return TopicReader(
            self._settings, topic, start=start, unreadable=_unreadable, decode=_DECODE.get(topic, topic.decode)
        )

    def _is_shorter(self, topic: Topic[Any], reader: TopicReader[Any]) -> bool:
        """Check whether a topic ends before the place up to which the views have read it."""
        ends = reader.ends()
        return any(offset > ends.get(part, 0) for part, offset in self._views.positions(topic.name).items())

    def _close(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None


def states_from(settings: Settings, start: Mapping[int, int]) -> Generator[Stored[Any], None, None]:
    """Yield the states of pairs that the journal holds now, from offsets by partition on; raises `BusUnavailable`."""
    with TopicReader(settings, topics.PAIR_STATE, start=start, unreadable=_unreadable, decode=glance.read) as reader:
        yield from reader.read_to_end()


def _unreadable(item: Received, error: UnreadableMessage) -> None:
    """Show everything else: a state of a newer version is shown by a newer console."""
    _log.error("not_shown", topic=item.topic, key=item.key, offset=item.offset, detail=str(error))
