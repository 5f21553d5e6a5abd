"""Notices that Redis was lost, and has the links rebuilt from Kafka."""

import threading
from collections.abc import Iterable
from typing import Final

from pydantic import BaseModel, ValidationError

from shared import logs
from shared.config.setups import Setups
from shared.io.envelope import Received, Stored
from shared.io.health import Progress
from shared.io.kafka.later import GROUP as LATER_GROUP
from shared.io.kafka.reader import KafkaOffsets, TopicReader
from shared.io.links.rebuild import Rebuilder, unpack
from shared.io.links.store import Store
from shared.io.ports import BusUnavailable, NotReady, run_blocking
from shared.metrics import Metrics
from shared.model.pairs import Pair, PairEvent
from shared.settings import Settings
from shared.wire import topics
from shared.wire.topics import UnreadableMessage

_INTERVAL_S: Final = 1.0
_log = logs.get(__name__)


class KafkaJournal:
    """Reads what a rebuild needs from Kafka."""

    def __init__(self, settings: Settings, setups: Setups) -> None:
        self._settings = settings
        self._setups = setups
        self._offsets = KafkaOffsets(settings)
        self._newer: set[str] = set()

    def was_built(self, sync: str) -> bool:
        """Check whether the links of a sync may have been whole before; they may until all settings are read."""
        end = self._offsets.end_offsets(topics.SETUPS.name)[0]
        return self._setups.offset < end - 1 or self._setups.was_built(sync)

    def newer(self) -> frozenset[str]:
        """Return the syncs of which something was passed over that only a newer version can read."""
        return frozenset(self._newer)

    def states(self) -> Iterable[Stored[Pair]]:
        """Yield all of `pair-state`; a state that no version can read ends the rebuild, or it would be lost."""
        self._newer.clear()
        with TopicReader(self._settings, topics.PAIR_STATE, unreadable=self._pass_over) as reader:
            yield from reader.read_to_end()

    def waiting(self) -> Iterable[Stored[PairEvent]]:
        """Yield the messages to pairs that `later.*` has not published again."""
        for topic in topics.LATER.values():
            start = self._offsets.committed(LATER_GROUP, topic.name)
            with TopicReader(self._settings, topic, start=start, unreadable=_leave) as reader:
                yield from unpack(reader.read_to_end(), self._leave_to_resolve)

    def unstepped(self) -> Iterable[Stored[PairEvent]]:
        """Yield `pairs` from resolve's committed offsets on; what cannot be read is parked by resolve itself."""
        start = self._offsets.committed(topics.MATCHER_GROUP, topics.PAIRS.name)
        with TopicReader(self._settings, topics.PAIRS, start=start, unreadable=self._leave_to_resolve) as reader:
            yield from reader.read_to_end()

    def _pass_over(self, item: Received, error: UnreadableMessage) -> None:
        """Note the sync of what only a newer version can read; raises what nobody can."""
        if error.reason != "newer_version" or not self._note_newer(item):
            raise error

    def _note_newer(self, item: Received) -> bool:
        """Note the sync of what only a newer version can read; False when it names none."""
        try:
            self._newer.add(_OfSync.model_validate_json(item.value or b"").sync)
        except ValidationError:
            return False
        return True

    def _leave_to_resolve(self, item: Received, error: UnreadableMessage) -> None:
        _leave(item, error)
        if error.reason == "newer_version":
            self._note_newer(item)  # what names no sync claims nothing of one


def _leave(item: Received, error: UnreadableMessage) -> None:
    _log.warning("claim_unreadable", topic=item.topic, partition=item.partition, offset=item.offset, detail=str(error))


class _OfSync(BaseModel):
    """As much of a message as says of which sync it is, whatever else a newer version writes."""

    sync: str


class RebuildWatch:
    """Watches the links of all syncs, in the thread that calls `run`, and rebuilds them."""

    def __init__(
        self, rebuilder: Rebuilder, metrics: Metrics, *, progress: Progress, store: Store, setups: Setups
    ) -> None:
        self._rebuilder = rebuilder
        self._metrics = metrics
        self._progress = progress
        self._store = store
        self._setups = setups
        self._unready = "not looked yet"

    def run(self, stop: threading.Event) -> None:
        """Look twice a second until *stop* is set."""
        while not stop.is_set():
            self.look()
            stop.wait(_INTERVAL_S)

    def look(self) -> None:
        """Rebuild what is lost; an outage is waited for."""
        try:
            for sync in run_blocking(self._rebuilder.rebuild_lost()):
                self._metrics.count("rebuilds_total", sync=sync)
                self._progress.working(topics.MATCHER_GROUP)
                _log.info("rebuilt", sync=sync)
            waiting = [
                sync.id
                for sync in self._setups.syncs()
                if self._setups.policy(sync.id) and run_blocking(self._store.is_ready(sync.id)) != "ready"
            ]
            self._unready = f"the links of {', '.join(waiting)} are being rebuilt" if waiting else ""
        except (NotReady, BusUnavailable) as error:
            self._unready = str(error)

    def unready(self) -> str:
        """Return why the links cannot be used; empty when they can."""
        return self._rebuilder.progress or self._unready
