"""What the real servers of a local run have in common: a folder, a child process, and a start that truly waits."""

import random
import socket
import time
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Self

from deploy.local.servers.processes import Child

_HOST = "127.0.0.1"


class ServerError(RuntimeError):
    """A server did not come up; the message holds the end of its log."""


def free_port() -> int:
    """Return a port that nobody listens on.

    It lies below the range from which the system picks ports of outgoing connections: a client that reconnects to a
    server that is down could otherwise be given the server's own port, and connect to itself.
    """
    for port in random.SystemRandom().sample(range(12000, 32000), 200):
        if is_free(port):
            return port
    raise ServerError("No free port between 12000 and 32000 was found; stop what holds them.")


def is_free(port: int) -> bool:
    """Check whether a server could listen on this port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that linger do not count
        try:
            probe.bind((_HOST, port))
        except OSError:
            return False
    return True


class Server(ABC):
    """A server process that keeps its data in one folder, on one port, over any number of starts and kills.

    Subclasses say how to prepare the folder, how to start, and how to ask whether it serves.
    """

    name: str
    start_seconds = 30.0
    """How long a start may take, on a busy machine, before it counts as failed."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        self.folder = folder.resolve()
        self.port = port or free_port()
        self.log = self.folder / f"{self.name}.log"
        self._child: Child | None = None

    @abstractmethod
    def prepare(self) -> None:
        """Write what the server needs to find in its folder."""

    @abstractmethod
    def argv(self) -> list[str]:
        """Return the program and its arguments."""

    @abstractmethod
    def serves(self) -> bool:
        """Ask the server itself whether it answers requests now."""

    def env(self) -> dict[str, str] | None:
        """Return the whole environment of the process; ours when nothing is returned."""
        return None

    @property
    def pid(self) -> int:
        """Return the process id of the server itself."""
        return self._started().pid

    def start(self) -> None:
        """Start the server and wait until it serves.

        Raises:
            ServerError: It ended, or did not serve in time; the message holds the end of its log.
        """
        if self.is_running():
            raise ServerError(f"{self.name} runs already (process {self.pid}).")
        self.folder.mkdir(parents=True, exist_ok=True)
        self.prepare()
        if not is_free(self.port):
            raise ServerError(
                f"{self.name} cannot start: port {self.port} is taken. Stop what holds it, or choose another."
            )
        self._child = Child(self.name, self.argv(), log=self.log, env=self.env(), cwd=self.folder)
        self._child.start()
        try:
            self._wait()
        except BaseException:
            self._child.kill()
            raise

    def _wait(self) -> None:
        deadline = time.monotonic() + self.start_seconds
        while not self.serves():
            if not self.is_running():
                code = self._started().exit_code
                raise ServerError(f"{self.name} ended with exit code {code} while starting:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                raise ServerError(f"{self.name} did not serve within {self.start_seconds:.0f} s:\n{self.log_tail()}")
            time.sleep(0.05)

    def is_running(self) -> bool:
        """Check whether the process was started and has not ended."""
        return self._child is not None and self._child.is_running()

    @property
    def exit_code(self) -> int | None:
        """Return how the process ended (negative: by that signal), or nothing while it runs."""
        return self._started().exit_code

    def stop(self, timeout: float = 10.0) -> bool:
        """Ask the server to end, and kill it after `timeout` seconds; return whether it ended when asked."""
        return self._child is None or self._child.stop(timeout)

    def kill(self) -> None:
        """End the server without warning, as a crash would; `start` brings it back on the same folder and port."""
        self._started().kill()

    def pause(self) -> None:
        """Freeze the server: it keeps its connections and answers nothing."""
        self._started().pause()

    def resume(self) -> None:
        """Resume a paused server."""
        self._started().resume()

    def log_tail(self, lines: int = 20) -> str:
        """Return the last lines that the server wrote."""
        return self._started().log_tail(lines)

    def _started(self) -> Child:
        if self._child is None:
            raise ServerError(f"{self.name} was never started.")
        return self._child

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
