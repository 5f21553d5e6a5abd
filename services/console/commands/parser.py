"""What the command `syncline` takes; light to import, for each command reads it."""

import argparse
import re
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NoReturn

from services.console.commands.people_parsers import add_parsers

REDIRECT: Final = "http://127.0.0.1:8703/callback"
EXITS: Final = {
    0: "it is done, or nothing would change",
    1: "it is refused, cannot be done, or is not written as it must be; standard error says why, and what to do",
    2: "of `plan` alone: something would change",
    130: "Ctrl-C",
    141: "whoever read the output has stopped reading",
}
"""What exit codes mean."""
WHERE: Final = """\
A command that is told of no servers takes those of `make run` in this folder; all are named by the same settings as
services have. `syncline COMMAND --help` says what a command takes; `syncline doctor` says what is wrong.
To complete commands: `eval "$(syncline completion bash)"`, the same with zsh; `syncline completion fish | source`.
"""


class _Parser(argparse.ArgumentParser):
    """Ends with 1 where a command is not written as it must be: 2 says that something would change."""

    def error(self, message: str) -> NoReturn:
        """Print what is wrong, and end."""
        self.print_usage(sys.stderr)
        self.exit(1, f"{self.prog}: {message}\n")


class _Output(argparse.Action):
    """Notes whether to print for programs."""

    def __call__(self, _: object, namespace: argparse.Namespace, values: object, *__: object) -> None:
        """Note it."""
        namespace.json = values == "json"


_OUTPUTS: Final = {"tail": "print for people, or a line of JSON for each (default: table)"}
"""What the option means where it means something else than usual."""
_NO_OUTPUT: Final = ("authorize", "completion")
"""Commands that print nothing for programs: one speaks with a person, the other with a shell."""


def _add_output(commands: "argparse._SubParsersAction[_Parser]") -> None:
    """Add the option by which a command prints for programs, at each place where it may stand."""
    usual = "print for people, or everything that is known as JSON (default: table)"
    for name, command in commands.choices.items():
        if name in _NO_OUTPUT:
            continue
        # What stands behind a word within the command must not take back what stands before it.
        places = [(command, False), *((one, argparse.SUPPRESS) for one in _within(command))]
        for place, default in places:
            place.add_argument("-o", "--output", action=_Output, dest="json", choices=("table", "json"),
                               default=default, help=_OUTPUTS.get(name, usual))  # fmt: skip


def _within(command: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    for action in command._actions:  # noqa: SLF001 - nothing public tells what a parser takes
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - as above
            yield from action.choices.values()


def _add_exports(commands: "argparse._SubParsersAction[_Parser]") -> None:
    exports = commands.add_parser("exports", help="have a list made a file, and download it")
    exports.add_argument("what", nargs="?", choices=("list", "make", "get", "delete"), default="list",
                         help="(default: list)")  # fmt: skip
    exports.add_argument("names", nargs="*", help="make: the file to write; get: an id, and the file; delete: ids")
    exports.add_argument("--format", choices=("csv", "xlsx", "jsonl"), default="csv", help="(default: csv)")
    _add_filter(exports)
    exports.add_argument("--mail", action="store_true", help="make: tell you by mail when the file is ready")


def _add_filter(command: argparse.ArgumentParser) -> None:
    """Add the options by which records are chosen, as the list of records has them."""
    for name in ("sync", "object", "connection", "category"):
        command.add_argument(f"--{name}", default="", help=f"records with this {name} alone")
    command.add_argument("--status", choices=("failing", "pending", "excluded", "in_sync"), default="",
                         help="records with this status alone")  # fmt: skip
    command.add_argument(
        "--period", choices=("1h", "today", "24h", "7d", "30d"), default="", help="changed within this time"
    )
    command.add_argument("--since", type=moment, default=0, metavar="WHEN",
                         help="changed since a moment, such as 2026-03-01 or 2026-03-01T09:30+01:00 (UTC where no zone "
                         "is named), or within a span of time, such as 36h")  # fmt: skip
    command.add_argument("--q", default="", help="parts of the name or of an address, or the id of a record")


def _add_lists(commands: "argparse._SubParsersAction[_Parser]") -> None:
    """Add the commands that list what the console knows, the newest first."""
    records = commands.add_parser("records", help="list records with how each stands, the newest change first")
    _add_filter(records)
    activity = commands.add_parser("activity", help="list who did what, the newest first")
    activity.add_argument("--what", default="", help="what was done, such as user.changed, or its kind, such as user")
    activity.add_argument("--q", default="", help="a part of who did it, or of what it was about")


def _add_resync(commands: "argparse._SubParsersAction[_Parser]") -> None:
    resync = commands.add_parser(
        "resync", help="have records read or tried again: some by their ids, those that filters choose, or whole syncs"
    )
    resync.add_argument("records", nargs="*", help="their ids, in an app or here; each is read at once")
    _add_filter(resync)
    resync.add_argument("--all", action="store_true", help="all records of all syncs")
    resync.add_argument("--wait", action="store_true", help="wait until it is done, and show how far it is")
    resync.add_argument("--confirm", action="store_true",
                        help="confirm it, where it is about so many records that it would wait for that")  # fmt: skip


def _add_secrets(commands: "argparse._SubParsersAction[_Parser]") -> None:
    """Add the commands that ask for secrets: as arguments, others on the machine would see them."""
    known = commands.add_parser(
        "credentials", help="enter what Syncline is known by at an app; its secret is asked for"
    )
    known.add_argument("app", help="its id")
    known.add_argument("--client-id", required=True, help="as the app shows it")
    known.add_argument("--base-url", default="", help="where the app is (default: the vendor's own address)")
    known.add_argument("--option", action="append", default=[], metavar="NAME=VALUE", help="an option of new accounts")
    renewed = commands.add_parser("secrets", help="have an account sign in by other secrets; each is asked for")
    renewed.add_argument("connection", help="its id")
    renewed.add_argument("names", nargs="+", help="what to enter: password, access_token, webhook_secret ...")


_SINCE: Final = re.compile(r"(\d{1,6})([smhd])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def seconds(text: str) -> int:
    """Return a span of time such as `10m`, in seconds; raises `ArgumentTypeError`."""
    found = _SINCE.fullmatch(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no span of time: write 30s, 10m, 1h or 7d")
    return int(found[1]) * _SECONDS[found[2]]


def moment(text: str) -> int:
    """Return a moment, or so long ago, in milliseconds since 1970; raises `ArgumentTypeError`."""
    if _SINCE.fullmatch(text):
        return int((time.time() - seconds(text)) * 1000)
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no moment: write 2026-03-01, or how long ago: 36h") from error
    return int((at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp() * 1000)


def _add_own(commands: "argparse._SubParsersAction[_Parser]") -> None:
    """Add the commands that look at the installation, or at this command itself."""
    commands.add_parser("doctor", help="say what is wrong with the installation, and what to do")
    completion = commands.add_parser("completion", help="print what a shell needs to complete this command")
    completion.add_argument("shell", choices=("bash", "zsh", "fish"), help="for which shell")


def _add_following(commands: "argparse._SubParsersAction[_Parser]") -> None:
    """Add the commands that read Kafka, without a group of consumers."""
    tail = commands.add_parser("tail", help="show what becomes of records, as it happens")
    tail.add_argument("--sync", default="", help="of this sync alone")
    tail.add_argument("--record", default="", help="of this record alone: its id in its app, or its pair's")
    tail.add_argument("--status", choices=("failing", "pending", "excluded", "in_sync"), default="",
                      help="what came to this status alone")  # fmt: skip
    tail.add_argument("--since", type=seconds, default="1m", metavar="TIME", help="begin so long ago (default: 1m)")
    tail.add_argument("--no-follow", action="store_true", help="end with what has happened already")
    trace = commands.add_parser("trace", help="follow one record through the topics, message by message")
    trace.add_argument("record", help="its id in its app, its pair's id, a part of its name, or an e-mail address")
    trace.add_argument("--since", type=seconds, default="1h", metavar="TIME", help="begin so long ago (default: 1h)")


def _add_setup(commands: "argparse._SubParsersAction[_Parser]") -> None:
    """Add the commands that change what is set up by files."""
    for name, what in (
        ("plan", "show what a file would change"),
        ("apply", "change what is set up to what a file says"),
    ):
        file = commands.add_parser(name, help=what)
        file.add_argument("file", type=Path, help="connections and syncs, as YAML")
    written = commands.add_parser("export-settings", help="write what is set up as a file that apply takes")
    written.add_argument("file", nargs="?", type=Path, help="the file to write (default: print it)")
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
    delete.add_argument("kind", choices=("sync", "connection"), help="what to delete")
    delete.add_argument("name", help="its id")


def parser() -> argparse.ArgumentParser:
    """Return the commands and what each takes."""
    found = _Parser(
        prog="syncline",
        description="See how everything stands and why, and change what is set up.",
        epilog="\n".join((WHERE, "exit codes:", *(f"  {code:<4} {text}" for code, text in EXITS.items()))),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = found.add_subparsers(dest="command", required=True, metavar="COMMAND", title="commands")
    _add_setup(commands)
    jobs = commands.add_parser("jobs", help="list jobs, or show, confirm, pause, resume or cancel one")
    jobs_take = ("list", "show", "rows", "confirm", "pause", "resume", "cancel")
    jobs.add_argument("what", nargs="?", choices=jobs_take, default="list", help="(default: list)")
    jobs.add_argument("name", nargs="?", default="", help="the job's id")
    jobs.add_argument("--status", choices=("failing", "pending", "excluded", "in_sync"), default="",
                      help="rows: records that stand so now")  # fmt: skip
    _add_lists(commands)
    _add_resync(commands)
    parked = commands.add_parser("parked", help="list messages that nobody could handle, and replay or drop them")
    parked.add_argument("what", nargs="?", choices=("list", "replay", "drop"), default="list", help="(default: list)")
    parked.add_argument("at", nargs="*", type=int, help="their places, as the list shows them")
    parked.add_argument("--all", action="store_true", help="all that the filters choose")
    parked.add_argument("--reason", default="", help="those parked for this reason")
    parked.add_argument("--topic", default="", help="those that came from this topic")
    parked.add_argument("--about", default="", help="those whose key holds this, such as a record's id")
    parked.add_argument("--why", default="", help="why they are dropped")
    apps = commands.add_parser("apps", help="list the apps that can be connected")
    apps.add_argument("text", nargs="?", default="", help="words of a name, or of an object (default: all)")
    accounts = commands.add_parser("connections", help="list the accounts, or look at, rename, test or pause one")
    accounts_take = ("show", "objects", "limits", "feeds", "reach", "push", "poll", "rename", "test", "pause", "resume")
    accounts.add_argument("what", nargs="?", choices=accounts_take, help="(default: list all)")
    accounts.add_argument(
        "names", nargs="*", help="its id, and to rename it what to call it, or which object to look at"
    )
    syncs = commands.add_parser("syncs", help="list the syncs, or switch one on or off")
    syncs.add_argument("what", nargs="?", choices=("switch-on", "switch-off"), help="(default: list all)")
    syncs.add_argument("name", nargs="?", default="", help="its id")
    for name in ("connection", "object"):
        syncs.add_argument(f"--{name}", default="", help=f"list those that have this {name} on one side")
    syncs.add_argument("--yes", action="store_true", help="switch it off without being asked first, as with -o json")
    _add_secrets(commands)
    health = commands.add_parser("health", help="show how everything stood over time")
    health.add_argument("--range", choices=("24h", "7d", "30d", "90d"), default="24h", help="(default: 24h)")
    health.add_argument("--sync", default="", help="one sync (default: all)")
    _add_exports(commands)
    asked = commands.add_parser("why", help="say why a record is as it is")
    asked.add_argument("name", nargs="?", default="", help="part of its name, or its id in an app (default: any)")
    asked.add_argument("--sync", default="", help="the sync to look in (default: all)")
    _add_following(commands)
    add_parsers(commands)
    _add_own(commands)
    _add_output(commands)
    return found
