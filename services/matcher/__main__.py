"""Run the matcher: ``python -m services.matcher``."""

import logging
import os
import sys
import threading
from collections.abc import Callable
from typing import Any, Final

import faust
import uvloop

from services.matcher.app import Agents, FaustBus, make_app
from services.matcher.rebuilding import KafkaJournal, RebuildWatch
from shared import logs
from shared.io.clock import SystemClock
from shared.io.following import SetupsFollower
from shared.io.health import ProcessHealth, Progress, Watchdog
from shared.io.kafka_producer import KafkaBus
from shared.io.kafka_reader import KafkaOffsets
from shared.io.rebuild import Rebuilder
from shared.io.redis_scripts import AsyncScripts, BlockingScripts, UnsafeRedis, check_policy, connect, connect_async
from shared.io.store import Store
from shared.metrics import Metrics
from shared.metrics_server import start_metrics_server
from shared.settings import Settings, SettingsError, load
from shared.setups import Setups

_STOP_S: Final = 8.0
_log = logs.get("services.matcher")


def main() -> int:
    """Wire the matcher and run it until SIGTERM."""
    try:
        settings = load()
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201 - before logs are set up
        return 2
    logs.set_up(settings.log_level, service="matcher")
    logging.getLogger("faust").setLevel(logging.WARNING)
    logging.getLogger("aiokafka").setLevel(logging.WARNING)
    logging.getLogger("mode").setLevel(logging.WARNING)
    url = settings.redis_url.get_secret_value()
    try:
        check_policy(connect(url))
    except UnsafeRedis as error:
        _log.critical("redis_refused", detail=str(error))
        return 2
    uvloop.install()
    return _run(settings, url)


def _run(settings: Settings, url: str) -> int:
    clock, metrics, setups, stop = SystemClock(), Metrics(), Setups(), threading.Event()
    progress = Progress(limit_s=settings.watchdog_s)
    health = ProcessHealth(progress)
    follower = SetupsFollower(settings, setups)
    follower.catch_up()

    blocking = Store(BlockingScripts(connect(url)))
    bus = KafkaBus(settings, source="matcher", clock=clock, setups=lambda: setups.offset, metrics=metrics)
    watch = RebuildWatch(
        Rebuilder(blocking, bus, setups, KafkaJournal(settings), clock),
        metrics,
        progress=progress,
        store=blocking,
        setups=setups,
    )
    health.require("links", watch.unready)
    watchdog = Watchdog(progress, KafkaOffsets(settings), metrics)
    server = start_metrics_server(metrics, health, host=settings.metrics_host, port=settings.metrics_port)
    threads = [_start(work.run, stop) for work in (follower, watch, watchdog)]

    app = make_app(settings, f"matcher-{settings.instance_id}")
    store = Store(AsyncScripts(connect_async(url)))
    Agents(app, settings, store, FaustBus(app, settings, clock, setups), setups, clock, metrics, progress)
    _log.info("started", member=settings.instance_id)
    worker = _Worker(app, loglevel="WARNING", override_logging=False, redirect_stdouts=False, quiet=True)
    code = _execute(worker, stop)
    stop.set()
    for thread in threads:
        thread.join(timeout=2)
    server.close()
    bus.close()
    _log.info("stopped", code=code)
    return code


def _execute(worker: Any, stop: threading.Event) -> int:
    """Run Faust's worker; a stop that takes too long is cut short, since nothing uncommitted is lost by it."""
    threading.Thread(target=_cut_short, args=(stop,), daemon=True).start()
    try:
        worker.execute_from_commandline()
    except SystemExit as end:
        return int(end.code or 0) if not isinstance(end.code, str) else 1
    return 0


def _cut_short(stop: threading.Event) -> None:
    while not _TERMINATED.wait(0.2):
        if stop.is_set():
            return
    if not stop.wait(_STOP_S):
        _log.warning("stop_cut_short", after_s=_STOP_S)
        os._exit(0)


_TERMINATED = threading.Event()


class _Worker(faust.Worker):  # type: ignore[misc]  # Faust ships no types
    """Faust's worker, which tells when it was asked to stop."""

    def _schedule_shutdown(self, signal: Any) -> None:
        _TERMINATED.set()
        super()._schedule_shutdown(signal)


def _start(run: Callable[[threading.Event], None], stop: threading.Event) -> threading.Thread:
    def guarded() -> None:
        try:
            run(stop)
        except Exception:  # noqa: BLE001 - a bug must end the process
            _log.exception("thread_failed")
            os._exit(1)

    thread = threading.Thread(target=guarded, daemon=True)
    thread.start()
    return thread


if __name__ == "__main__":
    sys.exit(main())
