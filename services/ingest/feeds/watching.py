"""Looks again and again at what people change about an app itself, and has records looked at that waited for it."""

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final, TypeVar

from services.ingest.feeds.cursors import Cursors
from shared import logs
from shared.config.setups import Setups, UnknownSetup
from shared.contract.calls import AppError, Exchange
from shared.io.ports import Bus, BusUnavailable, Caller, Clock, NotReady, Outbound, run_blocking
from shared.metrics import Metrics
from shared.model.syncs import Job
from shared.wire import topics
from shared.wire.messages import REFUSED, JobDoc

T = TypeVar("T")

EVERY_S: Final = 600.0
SOONEST_S: Final = 60.0
"""Between two looks, however much is refused, and after a look that failed."""
_TICK_S: Final = 1.0
_log = logs.get(__name__)


@dataclass(slots=True, kw_only=True)
class Watch(ABC):
    """Looks at one kind of thing, in the thread that calls `run`: every ten minutes, and soon after a refusal.

    Args:
        owns: Tells whether this worker looks after a connection.
    """

    NAME: ClassVar[str]
    setups: Setups
    caller: Caller
    bus: Bus
    clock: Clock
    metrics: Metrics
    cursors: Cursors
    owns: Callable[[str], bool]
    _looked: dict[tuple[str, str], float] = field(default_factory=dict)
    _heard: dict[tuple[str, str], int] = field(default_factory=dict)
    """Which refusal was known when a place was looked at."""
    _failed: set[tuple[str, str]] = field(default_factory=set)
    """Places whose last look was none."""

    @abstractmethod
    def places(self) -> Iterable[tuple[str, str]]:
        """List what is looked at: a connection and one of its objects, or none."""

    @abstractmethod
    def look(self, connection: str, object_: str) -> None:
        """Look once, and have records looked at that something has changed for."""

    def refused_ms(self, connection: str, object_: str) -> int:
        """Return when an app last refused something that a change here may end."""
        told = self.cursors.get(Cursors.key(connection, object_, REFUSED))
        return told.at_ms if told is not None else 0

    def run(self, stop: threading.Event) -> None:
        """Look at what is due until *stop* is set."""
        while not stop.wait(_TICK_S):
            for connection, object_ in self.places():
                if self.owns(connection) and self.is_due(connection, object_):
                    self._guarded(connection, object_)

    def is_due(self, connection: str, object_: str) -> bool:
        """Check whether it is time to look: after ten minutes, or after a refusal that tells of a change."""
        looked = self._looked.get((connection, object_))
        if looked is None:
            return True
        passed = time.monotonic() - looked
        news = self.refused_ms(connection, object_) != self._heard.get((connection, object_), 0)
        return passed >= (SOONEST_S if news or (connection, object_) in self._failed else EVERY_S)

    def _guarded(self, connection: str, object_: str) -> None:
        reason = "failed"
        here = connection, object_
        self._looked[here], heard = time.monotonic(), self.refused_ms(connection, object_)
        self._failed.add(here)
        try:
            self.look(connection, object_)
        except UnknownSetup:
            return  # removed at this very moment
        except (AppError, BusUnavailable, NotReady) as error:
            reason = error.code if isinstance(error, AppError) else "bus_unavailable"
            _log.info(f"{self.NAME}_not_seen", connection=connection, object=object_, detail=str(error))
        except Exception:  # noqa: BLE001 - a connector that fails in a new way must not stop the watch over the others
            _log.exception(f"{self.NAME}_not_seen", connection=connection, object=object_)
        else:
            reason, self._heard[here] = "done", heard
            self._failed.discard(here)
        finally:
            self.metrics.count("feed_polls_total", connection=connection, feed=self.NAME, reason=reason)

    def ask(self, connection: str, exchange: Exchange[Sequence[T]]) -> Sequence[T] | None:
        """Ask an app; None where that was not granted, which is no reason to pause what was."""
        return run_blocking(self.caller.run(connection, _allowed(exchange), wait_s=2.0))

    def publish(self, connection: str, object_: str, jobs: Sequence[Job]) -> None:
        """Ask for jobs."""
        if not jobs:
            return
        _log.info(f"{self.NAME}_changed", connection=connection, object=object_, jobs=[job.id for job in jobs])
        run_blocking(
            self.bus.publish(
                [Outbound(topic=topics.JOBS, key=f"job:{job.id}", message=JobDoc(job=job)) for job in jobs]
            )
        )


def _allowed(exchange: Exchange[Sequence[T]]) -> Exchange[Sequence[T] | None]:
    try:
        return (yield from exchange)
    except AppError as error:
        if error.code != "scope_missing":
            raise
        return None
