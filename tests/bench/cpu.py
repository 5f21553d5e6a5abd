"""How much of the cores the processes of a stack use."""

import time
from collections.abc import Mapping

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


def _used(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
