"""Notices what people change about an app's fields: a mapped one that appears, or another option of one.

What an app refuses because a field or an option is not there (`option_unknown`, `permission_denied`) is written by
itself once it is: the records that were refused are tried again. A field that appears was never read, so all records
are read. Every ten minutes one call asks which fields there are, and soon after a refusal of that kind.
"""

import hashlib
import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from services.ingest.cursors import Cursors
from shared import logs, topics
from shared.core.connector import AppError, Exchange, FieldInfo, label_of
from shared.core.syncs import Job
from shared.io.ports import Bus, BusUnavailable, Caller, Clock, NotReady, Outbound, run_blocking
from shared.messages import REFUSED, Cursor, JobDoc
from shared.metrics import Metrics
from shared.setups import Setups, UnknownSetup

NAME: Final = "fields"
EVERY_S: Final = 600.0
SOONEST_S: Final = 60.0
"""Between two looks, however much is refused, and after a look that failed."""
_TICK_S: Final = 1.0
_OPEN: Final = ("failing", "pending")
"""Statuses of pairs that a refusal may hold up."""
_log = logs.get(__name__)


@dataclass(slots=True, kw_only=True)
class FieldWatch:
    """Looks at the fields of all objects in use, in the thread that calls `run`.

    Args:
        owns: Tells whether this worker looks after a connection.
    """

    setups: Setups
    caller: Caller
    bus: Bus
    clock: Clock
    metrics: Metrics
    cursors: Cursors
    owns: Callable[[str], bool]
    _looked: dict[tuple[str, str], float] = field(default_factory=dict)
    _heard: dict[tuple[str, str], int] = field(default_factory=dict)
    """Which refusal was known when an object was looked at."""
    _failed: set[tuple[str, str]] = field(default_factory=set)
    """Objects whose last look was none."""

    def run(self, stop: threading.Event) -> None:
        """Look at what is due until *stop* is set."""
        while not stop.wait(_TICK_S):
            for connection, object_ in self.setups.objects_in_use():
                if self.owns(connection) and self.is_due(connection, object_):
                    self._guarded(connection, object_)

    def is_due(self, connection: str, object_: str) -> bool:
        """Check whether it is time to look: after ten minutes, or after a refusal that tells of a change."""
        looked = self._looked.get((connection, object_))
        if looked is None:
            return True
        passed = time.monotonic() - looked
        news = self._refused_ms(connection, object_) != self._heard.get((connection, object_), 0)
        return passed >= (SOONEST_S if news or (connection, object_) in self._failed else EVERY_S)

    def _refused_ms(self, connection: str, object_: str) -> int:
        told = self.cursors.get(Cursors.key(connection, object_, REFUSED))
        return told.at_ms if told is not None else 0

    def _guarded(self, connection: str, object_: str) -> None:
        reason = "failed"
        here = connection, object_
        self._looked[here], heard = time.monotonic(), self._refused_ms(connection, object_)
        self._failed.add(here)
        try:
            self.look(connection, object_)
        except UnknownSetup:
            return  # removed at this very moment
        except (AppError, BusUnavailable, NotReady) as error:
            reason = error.code if isinstance(error, AppError) else "bus_unavailable"
            _log.info("fields_not_seen", connection=connection, object=object_, detail=str(error))
        except Exception:  # noqa: BLE001 - a connector that fails in a new way must not stop the watch over the others
            _log.exception("fields_not_seen", connection=connection, object=object_)
        else:
            reason, self._heard[here] = "done", heard
            self._failed.discard(here)
        finally:
            self.metrics.count("feed_polls_total", connection=connection, feed=NAME, reason=reason)

    def look(self, connection: str, object_: str) -> None:
        """Look once, and have records tried again, or read, where a mapped field is not what it was."""
        binding, session = self.setups.binding(connection, object_), self.setups.session(connection)
        exchange = _allowed(binding.discover(session))
        found = run_blocking(self.caller.run(connection, exchange, wait_s=2.0))
        if found is None:
            return
        infos = {info.name: info for info in found}
        names = [name for name in self.setups.fields_of(connection, object_) if not label_of(name)]
        now = {name: _digest(infos[name]) if name in infos else "" for name in names}
        key = Cursors.key(connection, object_, NAME)
        known = self.cursors.get(key)
        before: Mapping[str, str] = json.loads(known.cursor) if known is not None else {}
        jobs = self._jobs(connection, object_, before, now)
        if jobs:
            _log.info("fields_changed", connection=connection, object=object_, jobs=[job.id for job in jobs])
            run_blocking(
                self.bus.publish(
                    [Outbound(topic=topics.JOBS, key=f"job:{job.id}", message=JobDoc(job=job)) for job in jobs]
                )
            )
        if now != before:
            at_ms = self.clock.now_ms()
            self.cursors.save(
                Cursor(connection=connection, object=object_, feed=NAME, cursor=json.dumps(now), at_ms=at_ms)
            )

    def _jobs(self, connection: str, object_: str, before: Mapping[str, str], now: Mapping[str, str]) -> list[Job]:
        """Return what is to be looked at again; of a field that was not mapped before, nothing is known to be news."""
        changed = {name for name, told in now.items() if before.get(name, told) != told}
        appeared = {name for name in changed if not before[name]}
        at_ms, found = self.clock.now_ms(), []
        for policy, side in self.setups.sides_of(connection, object_):
            fields = policy.side(side).fields
            if policy.enabled and policy.live and fields & changed:
                statuses = () if fields & appeared else _OPEN
                name = f"fields-{policy.sync}-{at_ms}"
                found.append(Job(id=name, kind="resync", sync=policy.sync, statuses=statuses, asked_at_ms=at_ms))
        return found


def _allowed(exchange: Exchange[Sequence[FieldInfo]]) -> Exchange[Sequence[FieldInfo] | None]:
    """Return nothing where listing fields was not granted: that is no reason to pause what was."""
    try:
        return (yield from exchange)
    except AppError as error:
        if error.code != "scope_missing":
            raise
        return None


def _digest(info: FieldInfo) -> str:
    """Name what decides about a field whether it takes a value."""
    told = (info.creatable, info.updatable, sorted(option.value for option in info.options))
    return hashlib.sha256(repr(told).encode()).hexdigest()[:16]
