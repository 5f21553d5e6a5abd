"""Notices that Redis was lost, and has the links rebuilt from Kafka."""

import threading
from collections.abc import Iterable
from typing import Final

from shared import logs, topics
from shared.core.pairs import Pair, PairEvent
from shared.io.envelope import Received, Stored
from shared.io.health import Progress
from shared.io.kafka_reader import KafkaOffsets, TopicReader, read_to_end
from shared.io.ports import BusUnavailable, NotReady, run_blocking
from shared.io.rebuild import Rebuilder
from shared.io.store import Store
from shared.metrics import Metrics
from shared.settings import Settings
from shared.setups import Setups
from shared.topics import UnreadableMessage

_INTERVAL_S: Final = 0.5
_log = logs.get(__name__)


class KafkaJournal:
    """Reads what a rebuild needs from Kafka."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._offsets = KafkaOffsets(settings)

    def states(self) -> Iterable[Stored[Pair]]:
        """Yield all of `pair-state`; a state that cannot be read ends the rebuild, for it could be forgotten."""
        return read_to_end(self._settings, topics.PAIR_STATE)

    def unstepped(self) -> Iterable[Stored[PairEvent]]:
        """Yield `pairs` from resolve's committed offsets on; what cannot be read is parked by resolve itself."""
        start = self._offsets.committed(topics.MATCHER_GROUP, topics.PAIRS.name)
        reader = TopicReader(self._settings, topics.PAIRS, start=start, unreadable=_left_to_resolve)
        try:
            yield from reader.read_to_end()
        finally:
            reader.close()


def _left_to_resolve(item: Received, error: UnreadableMessage) -> None:
    _log.warning("claim_unreadable", partition=item.partition, offset=item.offset, detail=str(error))


class RebuildWatch:
    """Looks after the links of all syncs, in the thread that calls `run`."""

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
        """Say why the links cannot be used; empty when they can."""
        return self._unready
