"""Run the matcher: ``python -m services.matcher``."""

import os
import sys
import threading
from collections.abc import Callable
from typing import Any, Final

import faust
import uvloop

from services.matcher.app import Agents, FaustBus, make_app
from services.matcher.matching.match import Match
from services.matcher.rebuilding import KafkaJournal, RebuildWatch
from services.matcher.resolving.resolve import Resolve
from shared import logs
from shared.io.links.rebuild import Rebuilder
from shared.io.links.store import Store
from shared.io.process.service import Service, serve
from shared.io.redis.client import AsyncScripts, connect_async_by
from shared.wire import topics

_STOP_S: Final = 7.0
_log = logs.get("services.matcher")


class _Worker(faust.Worker):  # type: ignore[misc]  # Faust ships no types
    """Faust's worker, whose stop is cut short when it takes too long: nothing uncommitted is lost by it."""

    def __init__(self, app: Any, process_stop: threading.Event, **options: Any) -> None:
        self._process_stop = process_stop
        super().__init__(app, **options)

    def _schedule_shutdown(self, signal: Any) -> None:
        threading.Thread(target=_cut_short, args=(self._process_stop,), daemon=True).start()
        super()._schedule_shutdown(signal)


def wire(service: Service) -> Callable[[], int]:
    """Start the watch over the links, and give Faust's loop, which runs in the main thread."""
    settings = service.settings
    watch = RebuildWatch(
        Rebuilder(service.store, service.bus, service.setups, KafkaJournal(settings, service.setups), service.clock),
        service.metrics,
        progress=service.progress,
        store=service.store,
        setups=service.setups,
    )
    service.health.require("links", watch.unready)
    service.start("rebuild", watch.run)
    uvloop.install()
    app = make_app(settings, f"matcher-{settings.instance_id}")
    store = Store(AsyncScripts(connect_async_by(settings)))
    bus = FaustBus(app, settings, service.setups)
    agents = Agents(app, settings, bus, service.setups, service.clock, service.metrics, service.progress)
    agents.add(topics.RECORDS, Match(store, bus, service.setups).handle)
    agents.add(topics.PAIRS, Resolve(store, bus, service.setups, service.clock, metrics=service.metrics).handle)
    options = {"loglevel": "WARNING", "override_logging": False, "redirect_stdouts": False, "quiet": True}
    worker = _Worker(app, service.stop, **options)
    return lambda: _execute(worker)


def _execute(worker: Any) -> int:
    try:
        worker.execute_from_commandline()
    except SystemExit as end:
        return int(end.code or 0) if not isinstance(end.code, str) else 1
    return 0


def _cut_short(stopped: threading.Event) -> None:
    if not stopped.wait(_STOP_S):
        _log.warning("stop_cut_short", after_s=_STOP_S)
        os._exit(0)


if __name__ == "__main__":
    sys.exit(serve("matcher", wire))
