"""Settings as a file: `plan` shows what would change, `apply` changes it, `export-settings` writes what stands.

A file holds connections with their secrets in the clear, syncs, and what the console keeps for itself; what it does not
name stays as it is. Secrets are sealed before they leave this process; those that it does not name are kept.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

from services.console.alerts.telling import Teller
from services.console.commands.printing import ending_on, write_json
from services.console.commands.settings.people import accounts_of
from services.console.setups.accounts.credentials import opened
from services.console.setups.accounts.discovery import discover
from services.console.setups.exporting import document, text
from services.console.setups.files import SetupError, read, unset_variables
from services.console.setups.planning import plan
from services.console.setups.plans import Change, Current, Plan
from services.console.setups.publishing import publish
from services.console.use.administration import console_settings
from services.console.use.administration.alerts import Alerts
from services.console.use.administration.console_settings import ConsoleChange, ConsolePlan, Parts
from services.console.use.administration.mailing import Mailing
from services.console.use.administration.retention import Keeping
from services.console.use.administration.single_sign_on import SingleSignOn
from services.console.use.problems import Problem
from shared.io.calls.vault import Vault, VaultError
from shared.io.kafka.topics import KafkaRetention
from shared.io.net.hooks import make_hook
from shared.io.net.mail import make_post
from shared.io.net.openid import make_open_id
from shared.io.ports import BusUnavailable, NotReady
from shared.io.process.service import Service


@ending_on(SetupError, VaultError, BusUnavailable, NotReady, OSError, UnicodeDecodeError)
def run(service: Service, command: str, path: Path, *, as_json: bool = False) -> int:
    """Plan or apply a file; returns the exit code: 0 nothing to do or applied, 2 changes planned, 1 refused."""
    content = path.read_text()
    wanted, unset = read(content), unset_variables(content)
    service.read_jobs()
    current = Current.of(service.setups, service.jobs)
    drawn = plan(current, wanted, discover(service, current, wanted))
    with _parts(service) if console_settings.is_about_console(wanted) else nullcontext() as parts:
        own = console_settings.plan(parts, wanted) if parts is not None else console_settings.ConsolePlan()
        return _act(service, command, drawn, own, unset, as_json=as_json)


def _act(service: Service, command: str, drawn: Plan, own: ConsolePlan, unset: Sequence[str], *, as_json: bool) -> int:
    """Print what a file changes, and apply it where that is wanted."""
    if unset:
        sys.stderr.write(f"these variables are not set, so the secrets stay as they are: {', '.join(unset)}\n")
    for line in (*drawn.hints, *drawn.errors, *own.errors, *drawn.unasked):
        sys.stderr.write(f"{line}\n")
    if drawn.errors or own.errors or (command == "apply" and drawn.unasked):
        return 1
    changes: list[Change | ConsoleChange] = [*drawn.changes, *own.changes]
    if as_json:
        rows = [{"sign": one.sign, "what": one.key, "details": one.details} for one in changes if one.sign]
        write_json({"changes": rows})
    else:
        sys.stdout.writelines(f"{line}\n" for change in changes for line in change.lines())
    if not changes:
        return _nothing(drawn, quiet=as_json)
    return 2 if command == "plan" else _apply(service, drawn, own, quiet=as_json)


@ending_on(VaultError, BusUnavailable, OSError)
def export(service: Service, path: Path | None, *, as_json: bool = False) -> int:
    """Write what is set up as a file for `apply`, or print it; returns the exit code: 0 written, 1 not."""
    vault = Vault.from_file(service.settings.key_file)
    found = document(service.setups, lambda row: opened(vault, row))
    with _parts(service) as parts:
        found |= console_settings.document(parts)
    content = json.dumps(found, indent=2, ensure_ascii=False) + "\n" if as_json else text(found)
    if path is not None:
        path.write_text(content)
    for name, why in service.setups.not_run().items():
        sys.stderr.write(f"the file does not hold all of sync {name!r}: {why}\n")
    sys.stdout.write(content if path is None else f"{path} holds what is set up, without secrets\n")
    return 0


@contextmanager
def _parts(service: Service) -> Iterator[Parts]:
    """Read what the console keeps for itself; raises `VaultError` and `BusUnavailable`."""
    settings = service.settings
    with accounts_of(service) as (accounts, vault):
        mailing = Mailing(accounts, vault, make_post(settings))
        calls = make_open_id(settings, service.clock)
        yield Parts(
            mailing=mailing,
            sign_in=SingleSignOn(accounts, vault, accounts.once, calls),
            alerts=Alerts(Teller(mailing, vault, make_hook(settings))),
            keeping=Keeping(accounts, settings.kept, KafkaRetention(settings)),
        )


def _nothing(drawn: Plan, *, quiet: bool) -> int:
    if not quiet:
        sys.stdout.write("nothing else changes\n" if drawn.unasked else "nothing changes\n")
    return 1 if drawn.unasked else 0


def _apply(service: Service, drawn: Plan, own: ConsolePlan, *, quiet: bool) -> int:
    done = 0
    try:
        lost = publish(service, drawn.changes)
        for change in own.changes:
            late = change.apply()
            done += 1
            if late:
                sys.stderr.write(f"{change.key} is decided, and consoles go on telling Kafka: {late}\n")
    except (BusUnavailable, Problem) as error:
        sys.stderr.write(f"{error}; apply the file again, what is there already changes nothing\n")
        return 1
    shown = [change.key for change in drawn.changes if change.sign]
    if lost:
        names = ", ".join(key.replace(":", " ", 1) for key in lost if key in shown)
        sys.stderr.write(
            f"somebody else changed {names} at the same moment, and was first: nothing of this file counts there. Look "
            "at `plan` again\n"
        )
    if not quiet:
        sys.stdout.write(f"{len([key for key in shown if key not in lost]) + done} applied\n")
    return 1 if lost else 0
