"""Run the console, or change what is set up.

``python -m services.console`` serves the API; ``… plan FILE`` shows what a file would change, ``… apply FILE`` does it;
``… delete sync NAME`` and ``… delete connection NAME`` remove it; ``… authorize CONNECTION`` connects an account by
OAuth; ``… why NAME`` says why a record is as it is; ``… jobs`` lists long work, and confirms, pauses, resumes or
cancels it; ``… parked`` lists messages that nobody could handle, and replays or drops
them; ``… users`` and ``… tokens`` list, make and end them; ``… sign-in`` sets the provider by which people sign in;
``… apps`` lists what can be connected, ``… connections`` the accounts that are; ``… credentials`` and ``… secrets``
enter what they sign in with; ``… health`` shows how everything stood over time; ``… exports`` has lists made files,
and downloads them.
"""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from services.console.commands.people_parsers import add_parsers
from shared import logs

if TYPE_CHECKING:
    from shared.io.service import Service

REDIRECT: Final = "http://127.0.0.1:8703/callback"


def main() -> int:
    """Serve, or run a command; returns the exit code."""
    given = parser().parse_args()
    # Each way imports what it needs alone: the web server costs a command half of its time.
    if given.command in (None, "serve"):
        from services.console.serving import wire  # noqa: PLC0415 - see above
        from shared.io.service import serve  # noqa: PLC0415

        return serve("console", wire)
    logs.set_up("warning", service="console")
    run = _BY_API.get(given.command, _on_servers)
    return run(given)


def _why(given: argparse.Namespace) -> int:
    from services.console.commands import why  # noqa: PLC0415

    return why.run(given.name, sync=given.sync, as_json=given.json)


def _parked(given: argparse.Namespace) -> int:
    from services.console.commands import parked  # noqa: PLC0415

    wanted = {"reason": given.reason, "topic": given.topic, "q": given.about}
    return parked.run(given.what, given.at, wanted=wanted, every=given.all, why=given.why, as_json=given.json)


def _apps(given: argparse.Namespace) -> int:
    from services.console.commands import accounts  # noqa: PLC0415

    return accounts.run_apps(given.text, as_json=given.json)


def _connections(given: argparse.Namespace) -> int:
    from services.console.commands import accounts  # noqa: PLC0415

    return accounts.run(given.what, given.names, as_json=given.json)


def _credentials(given: argparse.Namespace) -> int:
    from services.console.commands import accounts  # noqa: PLC0415

    return accounts.run_credentials(given.app, given.client_id, given.base_url, given.option)


def _secrets(given: argparse.Namespace) -> int:
    from services.console.commands import accounts  # noqa: PLC0415

    return accounts.run_secrets(given.connection, given.names)


def _health(given: argparse.Namespace) -> int:
    from services.console.commands import health  # noqa: PLC0415

    return health.run(given.range, given.sync, as_json=given.json)


def _exports(given: argparse.Namespace) -> int:
    from services.console.commands import exports  # noqa: PLC0415

    names = ("format", "sync", "object", "connection", "status", "category", "period", "q")
    wanted = {name: getattr(given, name) for name in names}
    return exports.run(given.what, given.names, wanted=wanted, as_json=given.json)


_BY_API: Final = {
    "why": _why, "parked": _parked, "apps": _apps, "connections": _connections, "health": _health, "exports": _exports,
    "credentials": _credentials, "secrets": _secrets,
}  # fmt: skip
"""Commands that ask the console's API."""


def _on_servers(given: argparse.Namespace) -> int:
    """Run a command that needs Kafka and Redis."""
    from shared.io.reaching import Unreachable, reach, settings_for_command  # noqa: PLC0415
    from shared.settings import SettingsError  # noqa: PLC0415

    try:
        service = reach(settings_for_command())
    except (SettingsError, Unreachable) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    from services.console.use.activity import acting  # noqa: PLC0415
    from services.console.use.callers import at_terminal  # noqa: PLC0415

    try:
        with acting("command", at_terminal()):
            return _run(service, given)
    finally:
        service.close()


def _run(service: "Service", given: argparse.Namespace) -> int:
    if given.command == "authorize":
        from services.console.commands import authorize  # noqa: PLC0415

        return authorize.run(
            service,
            given.connection,
            given.file,
            redirect=given.redirect,
            objects=given.object,
            paste=given.paste,
        )
    if given.command == "delete":
        from services.console.setups import deleting  # noqa: PLC0415

        return deleting.run(service, given.kind, given.name)
    if given.command in ("users", "tokens"):
        from services.console.commands import people  # noqa: PLC0415

        return people.run(service, given)
    if given.command == "sign-in":
        from services.console.commands import sign_in  # noqa: PLC0415

        return sign_in.run(service, given)
    if given.command == "jobs":
        from services.console.commands import jobs  # noqa: PLC0415

        return jobs.run(service, given.what, given.name)
    from services.console.commands import setup  # noqa: PLC0415

    return setup.run(service, given.command, given.file)


def _add_exports(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    exports = commands.add_parser("exports", help="have a list made a file, and download it")
    exports.add_argument("what", nargs="?", choices=("list", "make", "get", "delete"), default="list",
                         help="(default: list)")  # fmt: skip
    exports.add_argument("names", nargs="*", help="make: the file to write; get: an id, and the file; delete: ids")
    exports.add_argument("--format", choices=("csv", "xlsx", "jsonl"), default="csv", help="(default: csv)")
    for name in ("sync", "object", "connection", "category"):
        exports.add_argument(f"--{name}", default="", help=f"records with this {name} alone")
    exports.add_argument("--status", choices=("failing", "pending", "excluded", "in_sync"), default="",
                         help="records with this status alone")  # fmt: skip
    exports.add_argument("--period", choices=("1h", "24h", "7d", "30d"), default="", help="changed within this time")
    exports.add_argument("--q", default="", help="parts of the name or of an address, or the id of a record")
    exports.add_argument("--json", action="store_true", help="print what the API answers")


def parser() -> argparse.ArgumentParser:
    """Return the commands and what each takes."""
    found = argparse.ArgumentParser(prog="python -m services.console", description=__doc__)
    commands = found.add_subparsers(dest="command")
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
        default=REDIRECT,
        help="the redirect URL that is registered with the app (default: %(default)s, which is listened on)",
    )
    connect.add_argument("--paste", action="store_true", help="paste the answer instead of waiting for the browser")
    delete = commands.add_parser("delete", help="delete a sync that is off, or a connection that no sync uses")
    delete.add_argument("kind", choices=("sync", "connection"))
    delete.add_argument("name", help="its id")
    jobs = commands.add_parser("jobs", help="list jobs, or confirm, pause, resume or cancel one")
    jobs.add_argument("what", nargs="?", choices=("confirm", "pause", "resume", "cancel"), help="(default: list all)")
    jobs.add_argument("name", nargs="?", default="", help="the job's id")
    parked = commands.add_parser("parked", help="list messages that nobody could handle, and replay or drop them")
    parked.add_argument("what", nargs="?", choices=("list", "replay", "drop"), default="list", help="(default: list)")
    parked.add_argument("at", nargs="*", type=int, help="their places, as the list shows them")
    parked.add_argument("--all", action="store_true", help="all that the filters choose")
    parked.add_argument("--reason", default="", help="those parked for this reason")
    parked.add_argument("--topic", default="", help="those that came from this topic")
    parked.add_argument("--about", default="", help="those whose key holds this, such as a record's id")
    parked.add_argument("--why", default="", help="why they are dropped")
    parked.add_argument("--json", action="store_true", help="print the list as JSON")
    apps = commands.add_parser("apps", help="list the apps that can be connected")
    apps.add_argument("text", nargs="?", default="", help="words of a name, or of an object (default: all)")
    apps.add_argument("--json", action="store_true", help="print everything that is known, as JSON")
    accounts = commands.add_parser("connections", help="list the accounts, or look at, rename, test or pause one")
    accounts_take = ("show", "limits", "feeds", "reach", "push", "poll", "rename", "test", "pause", "resume")
    accounts.add_argument("what", nargs="?", choices=accounts_take)
    accounts.add_argument("names", nargs="*", help="its id, and to rename it what to call it")
    accounts.add_argument("--json", action="store_true", help="print everything that is known, as JSON")
    _add_secrets(commands)
    health = commands.add_parser("health", help="show how everything stood over time")
    health.add_argument("--range", choices=("24h", "7d", "30d", "90d"), default="24h", help="(default: 24h)")
    health.add_argument("--sync", default="", help="one sync (default: all)")
    health.add_argument("--json", action="store_true", help="print everything that is known, as JSON")
    _add_exports(commands)
    asked = commands.add_parser("why", help="say why a record is as it is")
    asked.add_argument("name", nargs="?", default="", help="part of its name, or its id in an app (default: any)")
    asked.add_argument("--sync", default="", help="the sync to look in (default: all)")
    asked.add_argument("--json", action="store_true", help="print everything that is known, as JSON")
    add_parsers(commands)
    return found


def _add_secrets(commands: Any) -> None:
    """Add the commands that ask for secrets: as arguments, others on the machine would see them."""
    known = commands.add_parser(
        "credentials", help="enter what Syncline is known by at an app; its secret is asked for"
    )
    known.add_argument("app", help="its key")
    known.add_argument("--client-id", required=True, help="as the app shows it")
    known.add_argument("--base-url", default="", help="where the app is (default: the vendor's own address)")
    known.add_argument("--option", action="append", default=[], metavar="NAME=VALUE", help="an option of new accounts")
    renewed = commands.add_parser("secrets", help="have an account sign in by other secrets; each is asked for")
    renewed.add_argument("connection", help="its id")
    renewed.add_argument("names", nargs="+", help="what to enter: password, access_token, webhook_secret …")


if __name__ == "__main__":
    sys.exit(main())
