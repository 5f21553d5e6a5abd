"""How well the syncs are, as gauges at `/metrics`: written every few seconds from counts that are kept.

A scrape reads what stands here, and no row of any view: it costs the same with ten records and with ten million.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from services.console.views.projection import Views
from shared import logs
from shared.config.setups import Setups
from shared.io.ports import Clock
from shared.metrics import Metrics, Name
from shared.model.syncs import Connection

_EVERY_S: Final = 5.0
_NO_REASON: Final = "none"
_log = logs.get(__name__)

Series: TypeAlias = tuple[Name, tuple[tuple[str, str], ...]]


class Gauges:
    """Writes the gauges, in the thread that calls `run`.

    Args:
        standing: Shows whether a connection runs or is paused, and why, as the API does.
    """

    def __init__(
        self,
        views: Views,
        setups: Setups,
        metrics: Metrics,
        clock: Clock,
        standing: Callable[[Connection], Mapping[str, Any]],
    ) -> None:
        self._views = views
        self._setups = setups
        self._metrics = metrics
        self._clock = clock
        self._standing = standing
        self._shown: set[Series] = set()

    def run(self, stop: threading.Event) -> None:
        """Write every few seconds until *stop* is set."""
        trouble = logs.Trouble(_log, "gauges_not_written")
        while not stop.is_set():
            try:
                self.show()
                trouble.over()
            except sqlite3.Error as error:  # the views are being built again
                trouble.begun(detail=str(error))
            stop.wait(_EVERY_S)

    def show(self) -> None:
        """Write all gauges now, and remove those of what is no more."""
        now = dict(self._series())
        for name, labels in self._shown - set(now):
            self._metrics.forget(name, **dict(labels))
        for (name, labels), value in now.items():
            self._metrics.set(name, value, **dict(labels))
        self._shown = set(now)

    def _series(self) -> Iterator[tuple[Series, float]]:
        now, counts, fresh = self._clock.now_ms(), self._views.counts(), self._views.freshness()
        for sync in (row.id for row in self._setups.syncs()):
            for status, reasons in counts.get(sync, {}).items():
                for reason, number in reasons.items():
                    yield _series("records", sync=sync, status=status, reason=reason or _NO_REASON), number
            _, since = fresh.get(sync, (0, 0))
            yield _series("oldest_pending_seconds", sync=sync), (now - since) / 1000 if since else 0.0
        for reason, number in self._views.parked().items():
            yield _series("parked_messages", reason=reason), number
        asked = self._setups.feeds_in_use()
        told = [feed for feed in self._views.feeds() if feed.name in asked]
        for row in self._setups.connections():
            complete = [feed.complete_to_ms for feed in told if feed.name.startswith(f"{row.id}/")]
            oldest = min(complete, default=0)
            if oldest:
                yield _series("connection_age_seconds", connection=row.id), max(0, now - oldest) / 1000
            standing = self._standing(row)
            if standing["state"] == "paused":
                yield _series("connection_paused", connection=row.id, reason=standing["reason"]), 1.0


def _series(name: Name, **labels: str) -> Series:
    return name, tuple(sorted(labels.items()))
