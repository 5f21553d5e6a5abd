"""Follows the topics that the console's views are made from."""

import threading
import time
from collections.abc import Callable, Generator, Mapping
from typing import Any, Final

from services.console.views import glance
from services.console.views.projection import FOLLOWED, Views
from shared import logs, topics
from shared.io.clock import SystemClock
from shared.io.envelope import Received, Stored
from shared.io.kafka_reader import AT_ONCE, TopicReader
from shared.io.ports import BusUnavailable
from shared.settings import Settings
from shared.topics import Kept, Topic, UnreadableMessage

_PAUSE_S: Final = 1.0
_FORGET_S: Final = 3600.0
"""Between two looks for steps of the history that are too old."""
_GATHER_S: Final = 0.1
"""Between two looks at a busy journal: many messages in one transaction cost far less than one in each."""
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
        self._readers: dict[str, TopicReader[Any]] = {}
        self._trouble = logs.Trouble(_log, "views_not_followed")
        self.caught_up = threading.Event()
        self.moved = time.monotonic()
        self._forget_at = 0.0

    def run(self, stop: threading.Event) -> None:
        """Follow until *stop* is set; a broker that is away is waited for."""
        while not stop.is_set():
            try:
                for topic in FOLLOWED:
                    self._follow(topic)
                self._forget()
                self.caught_up.set()
                self._trouble.over()
                self.moved = time.monotonic()
                stop.wait(_GATHER_S)
            except BusUnavailable as error:
                self._trouble.begun(detail=str(error))
                self._close()
                stop.wait(_PAUSE_S)
        self._close()
        self._views.close()

    def _follow(self, topic: Topic[Any]) -> None:
        reader = self._readers.get(topic.name)
        if reader is None:
            self._catch_up(topic, self._open(topic))
            return
        found = reader.poll(0.2 if topic is topics.PAIR_STATE else 0.02)
        if found:
            self._views.take(topic.name, found, reader.positions)

    def _catch_up(self, topic: Topic[Any], reader: TopicReader[Any]) -> None:
        """Read a topic to its end; where there is no pair yet, what makes lists quick is made after all are read."""
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

    def _open(self, topic: Topic[Any]) -> TopicReader[Any]:
        start = self._views.positions(topic.name)
        reader = self._reader(topic, start)
        ends = reader.ends()
        if any(offset > ends.get(part, 0) for part, offset in start.items()):
            _log.warning("journal_is_shorter", topic=topic.name, detail="the views are built again")
            reader.close()
            self._close()
            self._views.clear()
            reader = self._reader(topic, {})
        self._readers[topic.name] = reader
        return reader

    def _reader(self, topic: Topic[Any], start: Mapping[int, int]) -> TopicReader[Any]:
        decode = glance.read if topic is topics.PAIR_STATE else None
        return TopicReader(self._settings, topic, start=start, unreadable=_unreadable, decode=decode)

    def _close(self) -> None:
        for reader in self._readers.values():
            reader.close()
        self._readers.clear()


def states_from(settings: Settings, start: Mapping[int, int]) -> Generator[Stored[Any], None, None]:
    """Yield the states of pairs that the journal holds now, from offsets by partition on; raises `BusUnavailable`."""
    with TopicReader(settings, topics.PAIR_STATE, start=start, unreadable=_unreadable, decode=glance.read) as reader:
        yield from reader.read_to_end()


def _unreadable(item: Received, error: UnreadableMessage) -> None:
    """Show everything else: a state of a newer version is shown by a newer console."""
    _log.error("not_shown", topic=item.topic, key=item.key, offset=item.offset, detail=str(error))
