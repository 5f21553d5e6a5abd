"""A real HTTP server that takes webhooks, and answers as it is told to."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


@dataclass
class HookServer:
    """What came in, and how to answer."""

    address: str = ""
    calls: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    """Headers, under their names in small letters, and body."""
    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    breaks: bool = False
    """Whether answers break off in the middle."""


@contextmanager
def hook_server() -> Iterator[HookServer]:
    """Run a server of webhooks."""
    taken = HookServer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            taken.calls.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(taken.status)
            for name, value in taken.headers.items():
                self.send_header(name, value)
            if taken.breaks:
                self.send_header("Content-Length", "100")
            self.end_headers()

        def log_message(self, *given: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    taken.address = f"http://127.0.0.1:{server.server_port}/hook"
    try:
        yield taken
    finally:
        server.shutdown()
        server.server_close()
