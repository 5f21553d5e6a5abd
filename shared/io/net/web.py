"""Serves a web application in a thread of a service."""

import asyncio
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import uvicorn
from starlette.types import ASGIApp

_TICK_S: Final = 1.0
"""How often the date in answers changes."""


class _Server(uvicorn.Server):
    """Sleeps until it is told to stop: uvicorn's own looks ten times a second."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._told = asyncio.Event()

    async def main_loop(self) -> None:
        """Wait until the server shall exit."""
        self._loop = asyncio.get_running_loop()
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._told.wait(), _TICK_S)

    def end(self) -> None:
        """Make the server exit, from any thread."""
        self.should_exit = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._told.set)


def web_server(web: ASGIApp, host: str, port: int, *, backlog: int) -> Callable[[threading.Event], None]:
    """Listen at once, and return what serves the application until the process stops; raises OSError."""
    server = _Server(uvicorn.Config(web, log_config=None, access_log=False, timeout_graceful_shutdown=3))
    listener = socket.create_server((host, port), backlog=backlog)

    def run(stop: threading.Event) -> None:
        def end() -> None:
            stop.wait()
            server.end()

        threading.Thread(target=end, daemon=True).start()
        server.run(sockets=[listener])

    return run
