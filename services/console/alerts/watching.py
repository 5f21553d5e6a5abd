"""Watches what alerts are about, in a thread of the console, and tells of it.

One console does, by a lease in Redis, and only where its views hold everything. What it sees and what it has told are
documents of `access`, published before and after each message: when it dies, another one goes on where it was. A
console that dies between sending a message and saying so has it sent once more, under the same id.
"""

import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from services.console.alerts.counting import Count, counted
from services.console.alerts.judging import is_due, judged, key_of, paused, targets, tried
from services.console.alerts.telling import Teller
from services.console.use.activity import acting
from services.console.use.callers import Caller
from services.console.use.standing.installation import Installation
from shared import logs
from shared.io.ports import BusUnavailable, NotReady, Outbound, run_blocking
from shared.io.redis.once import Once
from shared.wire import topics
from shared.wire.access import AccessDoc, Alert, AlertDelivery, AlertStanding

LEASE_MS: Final = 60_000
"""More than the longest that one message can take."""
_EVERY_S: Final = 5.0
_TELLING_S: Final = 10.0
"""For how long messages are sent, before it is looked again at what they are about."""
_PLACE: Final = "alerts"
_GONE: Final = "is not watched any more"
_log = logs.get(__name__)


class AlertWatch:
    """Watches, in the thread that calls `run`.

    Args:
        console: How everything stands.
        teller: Sends messages, and knows who wants which.
        once: Keeps the lease.
        ready: Tells whether the views have read everything once: before, they count too little.
        name: Names this console.
        switch_off: Switches a sync off; returns whether it is.
    """

    def __init__(
        self,
        console: Installation,
        teller: Teller,
        once: Once,
        *,
        ready: Callable[[], bool],
        name: str,
        switch_off: Callable[[str], bool],
    ) -> None:
        self._console = console
        self._switch_off = switch_off
        self._teller = teller
        self._people = teller.mailing.accounts.people
        self._once = once
        self._ready = ready
        self._name = f"{name}:{secrets.token_hex(4)}"
        self._own: dict[tuple[str, str], AlertStanding] = {}
        """What this console has published: it may read of that a moment later."""
        self._owed: dict[tuple[str, str], AlertStanding] = {}
        """What it has not published yet: before it is, no message is sent, or one would be sent again and again."""

    @property
    def _now_ms(self) -> int:
        return self._console.clock.now_ms()

    def run(self, stop: threading.Event) -> None:
        """Watch until *stop* is set."""
        trouble = logs.Trouble(_log, "alerts_not_watched")
        while not stop.is_set():
            try:
                self.look(stop)
                trouble.over()
            except (sqlite3.Error, BusUnavailable, NotReady) as error:  # it goes on when that is over
                trouble.begun(detail=str(error))
            stop.wait(_EVERY_S)

    def look(self, stop: threading.Event | None = None) -> None:
        """Look at everything once, and send what is due."""
        alerts = {row.id: row for row in self._people.alerts()}
        if not alerts or not self._ready() or self._console.views.building is not None or not self._holds():
            return
        self._pay()
        self._forget(alerts)
        health = self._console.health()
        for alert in alerts.values():
            counts = counted(alert, health)
            stood = {row.about: row for row in self._standings().values() if row.alert == alert.id}
            for about in dict.fromkeys((*counts, *stood)):
                count = counts[about] if about in counts else Count(number=0, words=f"{about} {_GONE}")
                if count is not None:
                    old = stood.get(about, AlertStanding(alert=alert.id, about=about))
                    self._keep(judged(alert, old, count, self._now_ms, secrets.token_hex(8)))
        self._pause(alerts)
        until = time.monotonic() + _TELLING_S
        while time.monotonic() < until and (stop is None or not stop.is_set()) and self._tell_next(alerts):
            pass

    def _holds(self) -> bool:
        return self._once.hold(_PLACE, self._name, LEASE_MS)

    def _standings(self) -> dict[tuple[str, str], AlertStanding]:
        """Return how everything stands, be it that this console has not read yet what it has published."""
        found = {(row.alert, row.about): row for row in self._people.standings()}
        for key, row in self._own.items():
            if key not in found or found[key].rev < row.rev:
                found[key] = row
        return found

    def _pay(self) -> None:
        """Publish what is owed, but for what another console has overtaken."""
        known = {(row.alert, row.about): row.rev for row in self._people.standings()}
        owed = {key: row for key, row in self._owed.items() if row.rev > known.get(key, 0)}
        self._publish(list(owed.items()))
        self._owed = {}

    def _forget(self, alerts: dict[str, Alert]) -> None:
        """Forget how that stood of which there is no alert any more."""
        gone = [key for key in self._standings() if key[0] not in alerts]
        self._publish([(key, None) for key in gone])
        for key in gone:
            self._own.pop(key, None)

    def _pause(self, alerts: dict[str, Alert]) -> None:
        """Switch off the syncs for which an alert fires that wants it; their messages wait until they are off."""
        for standing in list(self._standings().values()):
            alert = alerts.get(standing.alert)
            if alert is None or standing.pausing != "due" or not self._holds():
                continue
            with acting("process", Caller(f"{alert.name} (alert)", "admin")):
                if not alert.pause or self._switch_off(standing.about.removeprefix("sync/")):
                    self._keep(paused(standing, alert))

    def _tell_next(self, alerts: dict[str, Alert]) -> bool:
        """Send the message that waits longest; returns whether there was one."""
        due = next(self._due(alerts), None)
        if due is None or not self._holds():  # another one has taken over meanwhile
            return False
        alert, standing, delivery = due
        error = self._teller.tell(alert, standing, "firing" if delivery.firing else "resolved", delivery.to)
        if error:
            _log.warning("alert_not_told", alert=alert.id, attempt=delivery.attempt + 1, detail=error)
        self._keep(tried(standing, delivery, error, self._now_ms))
        return True

    def _due(self, alerts: dict[str, Alert]) -> Iterator[tuple[Alert, AlertStanding, AlertDelivery]]:
        """Yield the messages that are to be sent now, those that wait longest first."""
        rows = [
            (alerts[standing.alert], standing, delivery)
            for standing in self._standings().values()
            for delivery in standing.deliveries
            if standing.alert in alerts and delivery.to in targets(alerts[standing.alert])
            and standing.pausing != "due" and is_due(delivery, self._now_ms)
        ]  # fmt: skip
        yield from sorted(rows, key=lambda row: row[2].at_ms or row[1].at_ms)

    def _keep(self, standing: AlertStanding | None) -> None:
        if standing is not None:
            key = (standing.alert, standing.about)
            self._own[key] = self._owed[key] = standing
            self._pay()

    def _publish(self, rows: Sequence[tuple[tuple[str, str], AlertStanding | None]]) -> None:
        out = [
            Outbound(topic=topics.ACCESS, key=key_of(*key), message=None if row is None else AccessDoc(standing=row))
            for key, row in rows
        ]
        if out:
            run_blocking(self._console.bus.publish(out))
