"""What every process does around its own work: settings, logs, probes, threads, and a clean stop."""

import faulthandler
import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from redis.exceptions import RedisError

from shared import logs
from shared.config.jobs import Jobs
from shared.config.setups import Setups
from shared.io.calls.grants import Grants
from shared.io.calls.vault import VaultError
from shared.io.clock import SystemClock
from shared.io.health import ProcessHealth, Progress, Watchdog
from shared.io.kafka.client import end_polls
from shared.io.kafka.connecting import KafkaFault
from shared.io.kafka.producer import KafkaBus
from shared.io.kafka.reader import KafkaOffsets
from shared.io.links.store import Store
from shared.io.ports import BusUnavailable
from shared.io.process.following import JobsFollower, SetupsFollower
from shared.io.redis.client import BlockingScripts, UnsafeRedis, check_policy, connect_by
from shared.metrics import Metrics
from shared.metrics_server import start_metrics_server
from shared.settings import Settings, SettingsError, load
from shared.wire import topics

_AGAIN_S: Final = 1.0
_LOOK_S: Final = 0.1
_COLLECT_AFTER: Final = 300_000
"""Containers made since the last search for circles before the next one. A batch of messages is some hundred thousand
containers in no circle; at Python's 700 the searches through them took two fifths of the matcher's time."""
_log = logs.get(__name__)


class Service:
    """The parts that the workers of one process share."""

    def __init__(self, name: str, settings: Settings) -> None:
        self.name = name
        self.settings = settings
        self.clock = SystemClock()
        self.metrics = Metrics()
        self.setups = Setups()
        self.jobs = Jobs(self.setups)
        """Empty but for those who read, or follow, the jobs."""
        self.stop = threading.Event()
        self.progress = Progress(limit_s=settings.watchdog_s)
        self.health = ProcessHealth(self.progress)
        self.bus = KafkaBus(settings, metrics=self.metrics, setups=lambda: self.setups.offset)
        self.offsets = KafkaOffsets(settings)
        self.store = Store(BlockingScripts(connect_by(settings)))
        self.grants = Grants(
            self.bus,
            self.setups,
            end=lambda: self.offsets.end_offsets(topics.SETUPS.name)[0],
            sleep=self.follow,
        )
        self._follower = SetupsFollower(settings, self.setups)
        self._followed = False
        self._threads: list[threading.Thread] = []

    def start(self, name: str, run: Callable[[threading.Event], Any]) -> None:
        """Run something in a thread until the process stops; when it fails, the process ends to be started anew."""

        def guarded() -> None:
            try:
                run(self.stop)
            except KafkaFault as error:
                _log.critical("cannot_go_on", thread=name, detail=str(error))
                os._exit(1)
            except Exception:  # noqa: BLE001 - a bug must end the process, and nothing uncommitted is lost by it
                _log.exception("thread_failed", thread=name)
                os._exit(1)

        thread = threading.Thread(target=guarded, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def pause(self, seconds: float) -> None:
        """Wait, or return at once when the process stops."""
        self.stop.wait(seconds)

    def prepare(self) -> bool:
        """Wait for Kafka and Redis and read all settings; False when the process was stopped meanwhile."""
        trouble = logs.Trouble(_log, "waiting_for_servers")
        while not self.stop.is_set():
            try:
                warning = self.read_settings()
            except (BusUnavailable, RedisError) as error:
                trouble.begun(detail=repr(error))
                self.stop.wait(_AGAIN_S)
            else:
                trouble.over()
                if warning:
                    _log.warning("redis_version", detail=warning)
                return True
        return False

    def watch(self) -> None:
        """Follow the settings and watch over the process' progress."""
        self._followed = True
        self.start("settings", self._follower.run)
        self.start("watchdog", Watchdog(self.progress, self.offsets, self.metrics).run)

    def follow(self, seconds: float) -> None:
        """Wait for the settings to move on: a command has no thread that follows them, and reads them here."""
        if self._followed:
            self.pause(seconds)
        else:
            self._follower.poll(seconds)

    def read_settings(self) -> str:
        """Read all settings once, as a command does; returns what Redis' version is to be warned of, or nothing.

        Raises `BusUnavailable`, `RedisError` and `UnsafeRedis`.
        """
        warning = check_policy(connect_by(self.settings))
        self._follower.catch_up()
        return warning

    def follow_jobs(self) -> Callable[[], bool]:
        """Follow the jobs from now on, and return what tells whether all were read once."""
        follower = JobsFollower(self.settings, self.jobs)
        self.start("jobs-followed", follower.run)
        return follower.caught_up.is_set

    def read_jobs(self) -> None:
        """Read all jobs once, as a command does; raises `BusUnavailable`."""
        follower = JobsFollower(self.settings, self.jobs)
        try:
            follower.catch_up()
        finally:
            follower.close()

    def close(self) -> None:
        """Close what a command has opened."""
        self._follower.close()
        self.offsets.close()
        self.bus.close()

    def join(self, deadline: float) -> list[str]:
        """Wait for the threads until a moment of the monotonic clock, and name those that did not end."""
        for thread in self._threads:
            while thread.is_alive() and (left := deadline - time.monotonic()) > 0:
                end_polls()  # again and again: a thread may begin one just when it shall stop
                thread.join(min(_LOOK_S, left))
        return [thread.name for thread in self._threads if thread.is_alive()]


def collect_rarely() -> None:
    """Collect garbage less often, and never among what lives as long as the process."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER, 10, 10)


Wire: TypeAlias = Callable[[Service], Callable[[], int] | None]
"""Starts the work of a process; may give a main loop that ends by itself when the process is asked to stop."""


def serve(name: str, wire: Wire) -> int:
    """Run a service until SIGTERM, and return its exit code: 0 stopped, 2 for settings with which it cannot run."""
    os.umask(0o077)  # what a service writes is about people
    try:
        settings = load()
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    logs.set_up(settings.log_level, service=name)
    try:
        service = Service(name, settings)
        server = start_metrics_server(
            service.metrics, service.health, host=settings.metrics_host, port=settings.metrics_port
        )
    except (OSError, ValueError) as error:
        _log.critical("cannot_start", detail=str(error))
        return 2
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: service.stop.set())
    faulthandler.enable()
    faulthandler.register(signal.SIGQUIT)  # every thread's stack into the log, as a JVM answers this signal
    starting = ["reads its settings"]
    service.health.require("start", lambda: starting[0] if starting else "")
    code = 0
    try:
        if service.prepare():
            service.watch()
            main = wire(service)
            collect_rarely()
            starting.clear()
            _log.info("started", instance=settings.instance_id)
            if main is not None:
                code = main()
            else:
                service.stop.wait()
    except (UnsafeRedis, VaultError, KafkaFault, SettingsError, OSError) as error:
        _log.critical("cannot_start", detail=str(error))
        code = 2
    deadline = time.monotonic() + settings.stop_timeout_s - 1.5
    service.stop.set()
    left = service.join(deadline)
    server.close()
    service.bus.close(timeout_s=0.5)
    _log.info("stopped", code=code, cut_short=left)
    sys.stderr.flush()
    os._exit(
        code
    )  # threads of a call that still waits for an app must not hold the process; nothing of it is committed
