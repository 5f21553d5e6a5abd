"""Serves a web application in a thread of a service."""

import socket
import threading
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp


def web_server(web: ASGIApp, host: str, port: int, *, backlog: int) -> Callable[[threading.Event], None]:
    """Listen at once, and return what serves the application until the process stops; raises OSError."""
    server = uvicorn.Server(uvicorn.Config(web, log_config=None, access_log=False, timeout_graceful_shutdown=3))
    listener = socket.create_server((host, port), backlog=backlog)

    def run(stop: threading.Event) -> None:
        def end() -> None:
            stop.wait()
            server.should_exit = True

        threading.Thread(target=end, daemon=True).start()
        server.run(sockets=[listener])

    return run
