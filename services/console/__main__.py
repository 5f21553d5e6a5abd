"""Run the console, or change what is set up.

``python -m services.console`` serves the API; ``… plan FILE`` shows what a file would change, ``… apply FILE`` does it.
"""

import argparse
import socket
import sys
import threading
from pathlib import Path

import uvicorn

from services.console import setup
from services.console.api import Api, make_app
from services.console.projection import Follower, Views
from shared import logs
from shared.io.budgets_redis import RedisBudgets
from shared.io.redis_scripts import connect
from shared.io.service import Service, serve
from shared.settings import SettingsError, load


def wire(service: Service) -> None:
    """Start the views and the API."""
    settings = service.settings
    if settings.console_token is None or not settings.console_token.get_secret_value():
        raise SettingsError("SYNCLINE_CONSOLE_TOKEN is not set: choose a long random text, which opens the API")
    views = Views(settings.data_dir / "views.sqlite")
    follower = Follower(settings, views)
    service.health.require("views", lambda: "" if follower.caught_up.is_set() else "the journal is still being read")
    service.start("views", follower.run)
    api = Api(
        views,
        service.setups,
        service.bus,
        service.clock,
        budgets=RedisBudgets(connect(settings.redis_url.get_secret_value())),
        token=settings.console_token.get_secret_value(),
        ready=follower.caught_up.is_set,
    )
    server = uvicorn.Server(
        uvicorn.Config(make_app(api), log_config=None, access_log=False, timeout_graceful_shutdown=3)
    )
    listener = socket.create_server((settings.console_host, settings.console_port), backlog=128)

    def run(stop: threading.Event) -> None:
        def end() -> None:
            stop.wait()
            server.should_exit = True

        threading.Thread(target=end, daemon=True).start()
        server.run(sockets=[listener])

    service.start("api", run)


def main() -> int:
    """Serve, or run a command; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m services.console", description=__doc__)
    parser.add_argument("command", nargs="?", choices=("serve", "plan", "apply"), default="serve")
    parser.add_argument("file", nargs="?", type=Path, help="connections and syncs, as YAML")
    given = parser.parse_args()
    if given.command == "serve":
        return serve("console", wire)
    if given.file is None:
        parser.error(f"{given.command} needs a file")
    try:
        settings = load()
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    logs.set_up("warning", service="console")
    service = Service("console", settings)
    if not service.prepare():
        return 1
    try:
        return setup.run(service, given.command, given.file)
    finally:
        service.bus.close()


if __name__ == "__main__":
    sys.exit(main())
