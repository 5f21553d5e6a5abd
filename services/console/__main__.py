"""Run the console, or change what is set up.

``python -m services.console`` serves the API; ``… plan FILE`` shows what a file would change, ``… apply FILE`` does it;
``… authorize CONNECTION`` connects an account by OAuth.
"""

import argparse
import socket
import sys
import threading
from pathlib import Path

import uvicorn

from services.console import authorize, setup
from services.console.api import Api, make_app
from services.console.gauges import Gauges
from services.console.projection import Follower, Views
from shared import logs
from shared.io.budgets_redis import RedisBudgets
from shared.io.redis_scripts import connect
from shared.io.service import Service, serve
from shared.io.tokens import place_of
from shared.io.tokens_redis import RedisTokens
from shared.io.webhook_refusals import WebhookRefusals
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
    client = connect(settings.redis_url.get_secret_value())
    tokens = RedisTokens(client)
    api = Api(
        views,
        service.setups,
        service.bus,
        service.clock,
        budgets=RedisBudgets(client),
        token=settings.console_token.get_secret_value(),
        ready=follower.caught_up.is_set,
        refused=lambda row: tokens.look(place_of(row)).paused,
        webhooks=WebhookRefusals(client).of,
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
    gauges = Gauges(views, service.setups, service.metrics, service.clock, api.connection)
    service.start("gauges", gauges.run)


def main() -> int:
    """Serve, or run a command; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m services.console", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("serve", help="serve the API (the default)")
    for name, what in (
        ("plan", "show what a file would change"),
        ("apply", "change what is set up to what a file says"),
    ):
        commands.add_parser(name, help=what).add_argument("file", type=Path, help="connections and syncs, as YAML")
    connect = commands.add_parser("authorize", help="connect an account by OAuth, or connect it again")
    connect.add_argument("connection", help="its id")
    connect.add_argument("--file", type=Path, help="the file that describes it; not needed to connect it again")
    connect.add_argument("--object", action="append", default=[], help="an object type to ask for (default: all)")
    connect.add_argument(
        "--redirect",
        default=authorize.REDIRECT,
        help="the redirect URL that is registered with the app (default: %(default)s, which is listened on)",
    )
    connect.add_argument("--paste", action="store_true", help="paste the answer instead of waiting for the browser")
    given = parser.parse_args()
    if given.command in (None, "serve"):
        return serve("console", wire)
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
        if given.command == "authorize":
            return authorize.run(
                service,
                given.connection,
                given.file,
                redirect=given.redirect,
                objects=given.object,
                paste=given.paste,
            )
        return setup.run(service, given.command, given.file)
    finally:
        service.bus.close()


if __name__ == "__main__":
    sys.exit(main())
