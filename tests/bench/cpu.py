"""How much of the cores the processes of a stack use, and how much of them there is."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from typing import Final

import psutil

from deploy.local.stack import SERVICES, Stack


def processes(stack: Stack) -> dict[str, psutil.Process]:
    """Return the processes by name."""
    found = {name: psutil.Process(stack.services[name].pid) for name in SERVICES}
    assert stack.kafka is not None
    assert stack.redis is not None
    found |= {"kafka": psutil.Process(stack.kafka.pid), "redis": psutil.Process(stack.redis.pid)}
    return found | {"hubspot simulator": psutil.Process(stack.hubspot.pid)}


class Cpu:
    """Cores that processes use between two moments."""

    def __init__(self, processes: Mapping[str, psutil.Process]) -> None:
        self._processes = processes
        self._began = time.monotonic()
        self._before = {name: _used(one) for name, one in processes.items()}

    def cores(self) -> dict[str, float]:
        """Return the cores used since this was made, by name."""
        span = time.monotonic() - self._began
        return {name: (_used(one) - self._before[name]) / span for name, one in self._processes.items()}


class Timeline:
    """The time that processes used, noted every second from `begin` to `end`, so that a part can be looked at later."""

    def __init__(self, processes: Mapping[str, psutil.Process]) -> None:
        self._processes = processes
        self._rows: list[tuple[float, dict[str, float]]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def begin(self) -> None:
        """Begin to note."""
        self._thread.start()

    def end(self) -> None:
        """Note once more, and stop."""
        self._stop.set()
        self._thread.join()

    def cores(self, first: float, last: float) -> dict[str, float]:
        """Return the cores used between two moments in seconds since the epoch, by name."""
        inside = [row for row in self._rows if first <= row[0] <= last]
        (begun, before), (ended, after) = inside[0], inside[-1]
        return {name: (after[name] - before[name]) / (ended - begun) for name in self._processes}

    def _run(self) -> None:
        while True:
            self._rows.append((time.time(), {name: _used(one) for name, one in self._processes.items()}))
            if self._stop.wait(1.0):
                break
        self._rows.append((time.time(), {name: _used(one) for name, one in self._processes.items()}))


_WORK: Final = """
import time
def work():
    found = {}
    for number in range(60_000):
        text = str(number)
        found[text] = [text, number, {"a": number}]
    return sorted(found.items(), key=lambda row: row[1][1])
best = 1e9
for _ in range(12):
    began = time.perf_counter()
    work()
    best = min(best, time.perf_counter() - began)
print(best)
"""


def alone_and_together() -> tuple[int, float]:
    """Return how many processors are counted, and how many times the work of one all of them do at once.

    Two that are threads of one core do far less than twice the work of one.
    """
    count = os.cpu_count() or 1
    rounds = [(_seconds(1), _seconds(count)) for _ in range(3)]  # in turns: others may use the machine for a while
    return count, count * min(alone for alone, _ in rounds) / min(together for _, together in rounds)


def _seconds(processes: int) -> float:
    """Run the same work in so many processes at once; gives what the slowest one needed at best."""
    running = [
        subprocess.Popen([sys.executable, "-c", _WORK], stdout=subprocess.PIPE, text=True) for _ in range(processes)
    ]
    return max(float(one.communicate(timeout=120)[0]) for one in running)


def _used(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
