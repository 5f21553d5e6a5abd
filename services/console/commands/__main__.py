"""Run the command `syncline`. Each way imports what it needs alone: `--help` must not wait for a web server's parts."""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from services.console.commands.parser import parser

if TYPE_CHECKING:
    from shared.io.process.service import Service


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code."""
    given = parser().parse_args(arguments)
    from shared import logs  # noqa: PLC0415 - see above

    logs.set_up("warning", service="console")
    try:
        code = _BY_API.get(given.command, _on_servers)(given)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left to be written goes nowhere
        return 141
    return code


def _why(given: argparse.Namespace) -> int:
    from services.console.commands.records import why  # noqa: PLC0415

    return why.run(given.name, sync=given.sync, as_json=given.json)


def _parked(given: argparse.Namespace) -> int:
    from services.console.commands.records import parked  # noqa: PLC0415

    wanted = {"reason": given.reason, "topic": given.topic, "q": given.about}
    return parked.run(given.what, given.at, wanted=wanted, every=given.all, why=given.why, as_json=given.json)


def _apps(given: argparse.Namespace) -> int:
    from services.console.commands.settings import accounts  # noqa: PLC0415

    return accounts.run_apps(given.text, as_json=given.json)


def _connections(given: argparse.Namespace) -> int:
    from services.console.commands.settings import accounts  # noqa: PLC0415

    return accounts.run(given.what, given.names, as_json=given.json)


def _syncs(given: argparse.Namespace) -> int:
    from services.console.commands.settings import accounts  # noqa: PLC0415

    wanted = {"connection": given.connection, "object": given.object}
    return accounts.run_syncs(given.what, given.name, wanted=wanted, yes=given.yes, as_json=given.json)


def _credentials(given: argparse.Namespace) -> int:
    from services.console.commands.settings import accounts  # noqa: PLC0415

    return accounts.run_credentials(given.app, given.client_id, given.base_url, given.option, as_json=given.json)


def _secrets(given: argparse.Namespace) -> int:
    from services.console.commands.settings import accounts  # noqa: PLC0415

    return accounts.run_secrets(given.connection, given.names, as_json=given.json)


def _health(given: argparse.Namespace) -> int:
    from services.console.commands import health  # noqa: PLC0415

    return health.run(given.range, given.sync, as_json=given.json)


def _exports(given: argparse.Namespace) -> int:
    from services.console.commands.records import exports  # noqa: PLC0415

    wanted = {name: getattr(given, name) for name in ("format", "mail")} | _filter(given)
    return exports.run(given.what, given.names, wanted=wanted, as_json=given.json)


def _records(given: argparse.Namespace) -> int:
    from services.console.commands.records import lists  # noqa: PLC0415

    return lists.run_records(_filter(given), as_json=given.json)


def _activity(given: argparse.Namespace) -> int:
    from services.console.commands.records import lists  # noqa: PLC0415

    return lists.run_activity({"what": given.what, "q": given.q}, as_json=given.json)


def _filter(given: argparse.Namespace) -> dict[str, object]:
    """Return which records are chosen, as the API names it."""
    names = ("sync", "object", "connection", "status", "category", "period", "since", "q")
    return {name: getattr(given, name) for name in names}


def _resync(given: argparse.Namespace) -> int:
    from services.console.commands.records import resync  # noqa: PLC0415

    return resync.run(
        given.records,
        wanted=_filter(given),
        every=given.all,
        wait=given.wait,
        confirm=given.confirm,
        as_json=given.json,
    )


def _doctor(given: argparse.Namespace) -> int:
    from services.console.commands import doctor  # noqa: PLC0415

    return doctor.run(as_json=given.json)


def _completion(given: argparse.Namespace) -> int:
    from services.console.commands.completion import script  # noqa: PLC0415

    sys.stdout.write(script(given.shell, parser()))
    return 0


_BY_API: Final = {
    "why": _why, "parked": _parked, "apps": _apps, "connections": _connections, "syncs": _syncs, "health": _health,
    "exports": _exports, "credentials": _credentials, "secrets": _secrets, "resync": _resync, "doctor": _doctor,
    "completion": _completion, "records": _records, "activity": _activity,
}  # fmt: skip
"""Commands that ask the console's API, or can do without any server."""


def _on_servers(given: argparse.Namespace) -> int:
    """Run a command that needs Kafka and Redis."""
    from shared.io.process.reaching import Unreachable, reach, settings_for_command  # noqa: PLC0415
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
            return _BY_SERVERS[given.command](service, given)
    finally:
        service.close()


def _authorize(service: "Service", given: argparse.Namespace) -> int:
    from services.console.commands.settings import authorize  # noqa: PLC0415

    return authorize.run(
        service,
        given.connection,
        given.file,
        redirect=given.redirect,
        objects=given.object,
        paste=given.paste,
    )


def _delete(service: "Service", given: argparse.Namespace) -> int:
    from services.console.setups.accounts import deleting  # noqa: PLC0415

    return deleting.run(service, given.kind, given.name, as_json=given.json)


def _jobs(service: "Service", given: argparse.Namespace) -> int:
    from services.console.commands.records import jobs  # noqa: PLC0415

    return jobs.run(service, given.what, given.name, status=given.status, as_json=given.json)


def _people(service: "Service", given: argparse.Namespace) -> int:
    from services.console.commands.settings import alerts, mail, people, retention, sign_in  # noqa: PLC0415

    runs = {"sign-in": sign_in.run, "mail": mail.run, "alerts": alerts.run, "retention": retention.run}
    return runs.get(given.command, people.run)(service, given)


def _file(service: "Service", given: argparse.Namespace) -> int:
    from services.console.commands.settings import setup  # noqa: PLC0415

    if given.command == "export-settings":
        return setup.export(service, given.file, as_json=given.json)
    return setup.run(service, given.command, given.file, as_json=given.json)


def _following(service: "Service", given: argparse.Namespace) -> int:
    from services.console.commands.records import following  # noqa: PLC0415

    return {"tail": following.tail, "trace": following.trace}[given.command](service, given)


_BY_SERVERS: Final = {
    "authorize": _authorize, "delete": _delete, "jobs": _jobs, "tail": _following, "trace": _following,
    "users": _people, "tokens": _people, "sign-in": _people, "mail": _people, "alerts": _people, "retention": _people,
    "plan": _file, "apply": _file, "export-settings": _file,
}  # fmt: skip
"""Commands that read Kafka and Redis themselves."""


if __name__ == "__main__":
    sys.exit(main())
