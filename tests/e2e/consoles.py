"""A second console of a running installation, and one address for both, as an ingress offers it."""

import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import requests

from deploy.local.servers.base import free_port
from deploy.local.servers.processes import Child
from deploy.local.stack import Stack
from tests.console.web.client import ConsoleClient
from tests.e2e.live import wait

_READ: Final = 65_536


class Twin:
    """A console beside the one of a stack, with a disk of its own; it may call a sign-in provider on one port."""

    def __init__(self, stack: Stack) -> None:
        self.port, self._metrics, self.provider_port = free_port(), free_port(), free_port()
        self.disk = Path(stack.data / "twin")
        first = stack.services["console"]
        own = stack.env("console")
        allowed = f"{own['SYNCLINE_ALLOW_PRIVATE_ADDRESSES']},localhost:{self.provider_port}"
        env = {
            **own,
            "SYNCLINE_ALLOW_PRIVATE_ADDRESSES": allowed,
            "SYNCLINE_CONSOLE_PORT": str(self.port),
            "SYNCLINE_METRICS_PORT": str(self._metrics),
            "SYNCLINE_DATA_DIR": str(self.disk),
            "SYNCLINE_INSTANCE": "twin",
        }
        self.child = Child("twin", first.argv, log=stack.data / "twin.log", env=env, cwd=first.cwd)

    def start(self) -> None:
        """Start it, and wait until it is ready."""
        self.child.start()
        wait(self._is_ready, 60, every=0.2)

    def command(self, *words: str) -> str:
        """Run a command of the console as this one is set up; return what it says."""
        argv = (self.child.argv[0], "-m", "services.console.commands", *words)
        told = subprocess.run(argv, env=self.child.env, cwd=self.child.cwd, capture_output=True, text=True, timeout=60,
                              check=False)  # fmt: skip
        assert told.returncode == 0, told.stderr
        return told.stdout

    def _is_ready(self) -> bool:
        assert self.child.is_running(), self.child.log_tail(40)
        try:
            return requests.get(f"http://127.0.0.1:{self._metrics}/readyz", timeout=5).status_code == 200
        except requests.ConnectionError:
            return False

    def lose_disk(self) -> None:
        """Delete all that it keeps."""
        shutil.rmtree(self.disk)

    @property
    def url(self) -> str:
        """Return its own address."""
        return f"http://127.0.0.1:{self.port}"


class Balancer:
    """Leads each connection to the next console that takes it."""

    def __init__(self, *ports: int) -> None:
        self.ports = ports
        self.led: list[int] = []
        """To which port each connection was led."""
        self._turn = count()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def client(self) -> ConsoleClient:
        """Return a browser that opens a connection for each request."""
        client = ConsoleClient(self.url)
        client.http.headers["Connection"] = "close"
        return client

    def _serve(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return  # closed
            threading.Thread(target=_lead, args=(near, self._open()), daemon=True).start()

    def _open(self) -> socket.socket:
        start = next(self._turn)
        for step in range(len(self.ports)):
            port = self.ports[(start + step) % len(self.ports)]
            with suppress(ConnectionRefusedError):
                far = socket.create_connection(("127.0.0.1", port))
                self.led.append(port)
                return far
        raise AssertionError("no console takes connections")


def _lead(near: socket.socket, far: socket.socket) -> None:
    """Carry what both ends of a connection send, until both send no more."""
    with near, far:
        back = threading.Thread(target=_carry, args=(far, near), daemon=True)
        back.start()
        _carry(near, far)
        back.join()


def _carry(one: socket.socket, other: socket.socket) -> None:
    """Carry what one end sends to the other one, until it sends no more."""
    with suppress(OSError):  # an end that was killed, or has gone, sends no more
        while data := one.recv(_READ):
            other.sendall(data)
    with suppress(OSError):
        other.shutdown(socket.SHUT_WR)


@contextmanager
def twin_of(stack: Stack) -> Iterator[Twin]:
    """Offer a second console for as long as it is needed."""
    twin = Twin(stack)
    twin.start()
    try:
        yield twin
    finally:
        twin.child.kill()
