"""Whether this process does its work: progress by committed offsets, never "Kafka answers".

No worker holds a message for more than ten seconds, so a partition with waiting messages whose *committed* offset
stands still for a minute is always a fault. What is compared comes from the brokers and not from the consumer itself:
a consumer that no longer fetches believes that nothing waits. A process that never becomes a member of its group has no
partition that could stand still: joining for too long is a fault as well. While the brokers do not answer, no clock
runs.
"""

import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Protocol, TypeAlias

from shared import logs
from shared.io.ports import BusUnavailable
from shared.metrics import Metrics

Part: TypeAlias = tuple[str, str, int]
"""Group, topic, partition."""

EXIT_CODE: Final = 3
"""Exit code of a process that stood still."""
NOT_READY_LIMIT_S: Final = 600.0
"""How long a rebuild may keep a worker from its messages before standing still counts."""
JOIN_LIMITS: Final = 3
"""Joining counts after so many times the limit: a join waits for a member that hangs, which its own watchdog ends."""
_INTERVAL_S: Final = 10.0
_LOOK_LIMIT_S: Final = 120.0
"""How long one look may take. The first call that meets its own limit ends a look, so this is met by one that hangs."""

_log = logs.get(__name__)


class Progress:
    """What is known of this process' partitions. Safe to use from several threads."""

    def __init__(self, *, limit_s: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._limit_s = limit_s
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._since: dict[Part, tuple[int, float]] = {}
        self._owned: dict[str, frozenset[tuple[str, int]]] = {}
        self._lag: dict[Part, int] = {}
        self._waiting: dict[str, float] = {}
        self._joining: dict[str, float] = {}
        self._topics: dict[str, frozenset[str]] = {}

    def member(self, group: str, topics: Iterable[str], *, joined: bool) -> None:
        """State that this process takes part in a group that reads these topics, or still tries to."""
        with self._lock:
            self._topics[group] = frozenset(topics)
            if joined:
                self._joining.pop(group, None)
            else:
                self._joining.setdefault(group, self._monotonic())

    def assigned(self, group: str, partitions: Iterable[tuple[str, int]]) -> None:
        """State which partitions this process owns now; what it knew of the others is forgotten."""
        with self._lock:
            self._owned[group] = frozenset(partitions)
            for known in [part for part in self._since if part[0] == group and part[1:] not in self._owned[group]]:
                del self._since[known]
                self._lag.pop(known, None)

    def owned(self, group: str) -> frozenset[tuple[str, int]]:
        """Return the partitions of a group that this process owns."""
        with self._lock:
            return self._owned.get(group, frozenset())

    def groups(self) -> tuple[str, ...]:
        """Return the groups that this process takes part in, or tries to."""
        with self._lock:
            return tuple({**self._owned, **self._joining})

    def topics(self, group: str) -> frozenset[str]:
        """Return the topics of a group to ask the brokers about."""
        with self._lock:
            return frozenset(topic for topic, _ in self._owned.get(group, ())) | (
                self._topics[group] if group in self._joining else frozenset()
            )

    def seen(self, group: str, topic: str, partition: int, *, committed: int, end: int) -> None:
        """State what the brokers say about a partition; the clock of one that moved, or has no lag, starts anew."""
        part = (group, topic, partition)
        with self._lock:
            if (topic, partition) not in self._owned.get(group, frozenset()):
                return
            before = self._since.get(part)
            self._lag[part] = max(0, end - committed)
            if before is None or before[0] != committed or end <= committed:
                self._since[part] = (committed, self._monotonic())

    def waiting(self, group: str) -> None:
        """State that a group waits for a rebuild; its clocks stand still for ten minutes at most."""
        now = self._monotonic()
        with self._lock:
            if now - self._waiting.setdefault(group, now) < NOT_READY_LIMIT_S:
                self._restart(group, now)

    def working(self, group: str) -> None:
        """State that a group does its work again, or that long work for it (a rebuild) has moved on."""
        with self._lock:
            self._waiting.pop(group, None)

    def holding(self, group: str, partitions: Iterable[tuple[str, int]]) -> None:
        """State that partitions wait on purpose until a moment that is known: their clocks start anew."""
        now = self._monotonic()
        with self._lock:
            for topic, partition in partitions:
                known = self._since.get((group, topic, partition))
                if known:
                    self._since[group, topic, partition] = (known[0], now)

    def unknown(self) -> None:
        """State that the brokers give no answer: nothing could move, so all clocks start anew."""
        now = self._monotonic()
        with self._lock:
            for group in self._owned:
                self._restart(group, now)
            self._joining = dict.fromkeys(self._joining, now)

    def _restart(self, group: str, now: float) -> None:
        for part, (committed, _) in self._since.items():
            if part[0] == group:
                self._since[part] = (committed, now)

    def stuck(self) -> tuple[str, ...]:
        """Name the partitions that stand still, and the groups that are joined, for too long, as sentences."""
        now = self._monotonic()
        with self._lock:
            joining = tuple(
                f"{group}: this process has tried to join the group for {now - since:.0f} s"
                for group, since in sorted(self._joining.items())
                if now - since > JOIN_LIMITS * self._limit_s
            )
            return joining + tuple(
                f"{topic}/{partition}: {self._lag[group, topic, partition]} messages wait and group {group} has "
                f"committed nothing for {now - since:.0f} s"
                for (group, topic, partition), (_, since) in sorted(self._since.items())
                if self._lag.get((group, topic, partition), 0) > 0 and now - since > self._limit_s
            )


class Offsets(Protocol):
    """Asks the brokers, by a connection of its own."""

    def committed(self, group: str, topic: str) -> Mapping[int, int]:
        """Return the committed offset of each partition, the first offset where nothing was committed."""
        ...

    def end_offsets(self, topic: str) -> Mapping[int, int]:
        """Return the offset that each partition's next message will have."""
        ...


class ProcessHealth:
    """What the probes of this process ask (`shared.metrics_server.Health`)."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self._checks: dict[str, Callable[[], str]] = {}

    def require(self, name: str, check: Callable[[], str]) -> None:
        """Add a condition of readiness: *check* gives why it is not met, or nothing."""
        self._checks[name] = check

    def faults(self) -> tuple[str, ...]:
        """Why the process should be started anew."""
        return self.progress.stuck()

    def unready(self) -> tuple[str, ...]:
        """Why the process should not be sent work yet."""
        return tuple(f"{name}: {reason}" for name, check in self._checks.items() if (reason := check()))


class Watchdog:
    """Compares committed with end offsets every few seconds, shows the lag, and ends a process that stands still."""

    def __init__(
        self,
        progress: Progress,
        offsets: Offsets,
        metrics: Metrics,
        *,
        interval_s: float = _INTERVAL_S,
        look_limit_s: float = _LOOK_LIMIT_S,
        exit_process: Callable[[int], object] = os._exit,
    ) -> None:
        self._progress = progress
        self._offsets = offsets
        self._metrics = metrics
        self._interval_s = interval_s
        self._look_limit_s = look_limit_s
        self._exit = exit_process
        self._shown: set[Part] = set()
        self._trouble = logs.Trouble(_log, "offsets_unknown")

    def run(self, stop: threading.Event) -> None:
        """Watch until *stop* is set. A look that does not end is a fault of the client that all work goes through."""
        looker = ThreadPoolExecutor(1, thread_name_prefix="look")
        while not stop.wait(self._interval_s):
            look = looker.submit(self.look)
            try:
                look.result(self._look_limit_s)
            except TimeoutError:
                if look.done():
                    raise
                _log.critical("watchdog_stands_still", seconds=self._look_limit_s)
                self._exit(EXIT_CODE)
        looker.shutdown(wait=False)

    def look(self) -> None:
        """Compare once."""
        try:
            for group in self._progress.groups():
                self._look_at(group)
        except BusUnavailable as error:
            self._trouble.begun(detail=str(error))  # no verdict: Kafka's absence is not our fault
            self._progress.unknown()
            return
        self._trouble.over()
        stuck = self._progress.stuck()
        if stuck:
            _log.critical("stands_still", detail=list(stuck))
            self._exit(EXIT_CODE)

    def _look_at(self, group: str) -> None:
        owned = self._progress.owned(group)
        for topic in sorted(self._progress.topics(group)):
            committed, ends = self._offsets.committed(group, topic), self._offsets.end_offsets(topic)
            for partition in sorted(part for name, part in owned if name == topic):
                done, end = committed.get(partition, 0), ends.get(partition, 0)
                self._progress.seen(group, topic, partition, committed=done, end=end)
                self._shown.add((group, topic, partition))
                labels = {"group": group, "topic": topic, "partition": str(partition)}
                self._metrics.set("consumer_lag", max(0, end - done), **labels)
                self._metrics.set("consumer_committed_offset", done, **labels)
        for gone in [part for part in self._shown if part[0] == group and part[1:] not in owned]:
            self._shown.discard(gone)
            for name in ("consumer_lag", "consumer_committed_offset"):
                self._metrics.forget(name, group=group, topic=gone[1], partition=str(gone[2]))
