"""Keeps how everything stood, hour by hour: looks at connections, and publishes what the views have added up."""

import sqlite3
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

from services.console.views import hours
from services.console.views.hours import HOUR_MS, Sums
from services.console.views.projection import Views
from shared import logs
from shared.config.setups import Setups
from shared.io.ports import Bus, BusUnavailable, Clock, Outbound, run_blocking
from shared.model.syncs import Connection
from shared.wire import topics
from shared.wire.messages import HealthHour
from shared.wire.topics import DAY_MS

_EVERY_S: Final = 10.0
_MORE_S: Final = 60.0
"""By how much longer a console must have looked than the one whose document stands, to put its own in that place."""
_LATE_MS: Final = 60_000
"""How long after its end an hour is kept: what happened in it has been read by then."""
_AT_ONCE: Final = 200
_log = logs.get(__name__)


class HealthKeeper:
    """Keeps the hours, in the thread that calls `run`.

    Args:
        views: What adds up, and what is kept already.
        setups: The syncs and connections.
        bus: Where hours are published.
        clock: Wall clock.
        standing: Shows whether a connection runs or is paused, as the API does.
        days: Returns for how many days hours are kept.
        ready: Tells whether the views have read everything once: before, sums are not complete.
    """

    def __init__(
        self,
        views: Views,
        setups: Setups,
        bus: Bus,
        clock: Clock,
        *,
        standing: Callable[[Connection], Mapping[str, Any]],
        days: Callable[[], int],
        ready: Callable[[], bool],
    ) -> None:
        self._views = views
        self._setups = setups
        self._bus = bus
        self._clock = clock
        self._standing = standing
        self._days = days
        self._ready = ready
        self._looked_ms = 0
        self._kept_to = 0

    def run(self, stop: threading.Event) -> None:
        """Look every few seconds until *stop* is set."""
        trouble = logs.Trouble(_log, "health_not_kept")
        while not stop.is_set():
            try:
                self.look()
                trouble.over()
            except (sqlite3.Error, BusUnavailable) as error:  # the views are built again, or Kafka is away
                trouble.begun(detail=str(error))
            stop.wait(_EVERY_S)

    def look(self) -> None:
        """Look at every connection once, and publish the hours that are over since."""
        now = self._clock.now_ms()
        if not self._ready():
            return
        since_ms, self._looked_ms = self._looked_ms, now
        # What was not looked at is not known: a console that slept, or began just now, tells nothing of that time.
        seconds = (now - since_ms) / 1000 if 0 < now - since_ms <= 3000 * _EVERY_S else 0.0
        if seconds:
            names = {hours.of_sync(sync.id): Sums(covered_s=seconds) for sync in self._setups.syncs()}
            for row in self._setups.connections():
                state = str(self._standing(row)["state"])
                names[hours.of_connection(row.id)] = Sums(covered_s=seconds, states=_counter(state, seconds))
            self._views.add_hours({(name, hours.hour_of(now)): sums for name, sums in names.items()})
        hour = hours.hour_of(now - _LATE_MS)
        if self._kept_to < hour:
            self._keep(hour, is_at_end=seconds > 0 and hours.hour_of(since_ms - _LATE_MS) == hour - HOUR_MS)
            self._kept_to = hour

    def _keep(self, until: int, *, is_at_end: bool) -> None:
        """Publish what is known better here of the hours before *until*, the last of which has ended just now."""
        found: list[HealthHour] = []
        counts = self._views.counts() if is_at_end else {}
        for name, hour, sums, covered in self._views.own_hours(until - self._days() * DAY_MS):
            if hour >= until or (covered is not None and sums.covered_s < covered + _MORE_S):
                continue
            standing = counts.get(name.removeprefix("sync/"), {}) if hour == until - HOUR_MS else {}
            found.append(
                HealthHour(
                    name=name,
                    hour_ms=hour,
                    covered_s=round(sums.covered_s, 1),
                    counts={status: sum(reasons.values()) for status, reasons in standing.items()},
                    failing=standing.get("failing", {}),
                    edits=sums.edits,
                    writes=sums.writes,
                    delays=sums.delays,
                    states={state: round(seconds, 1) for state, seconds in sums.states.items()},
                )
            )
        for first in range(0, len(found), _AT_ONCE):
            out = [
                Outbound(topic=topics.HEALTH, key=f"{row.name}/{row.hour_ms}", message=row)
                for row in found[first : first + _AT_ONCE]
            ]
            run_blocking(self._bus.publish(out))


def _counter(state: str, seconds: float) -> Any:
    sums = Sums()
    sums.states[state] = seconds  # type: ignore[assignment]  # a counter of seconds
    return sums.states
