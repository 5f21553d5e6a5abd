"""Settings as a file: `plan` shows what would change, `apply` changes it, `export-settings` writes what stands.

A file holds connections with their secrets in the clear, and syncs; what it does not name stays as it is. Secrets are
sealed before they leave this process; those that it does not name are kept.
"""

import json
import sys
from pathlib import Path

from services.console.setups.credentials import opened
from services.console.setups.discovery import discover
from services.console.setups.exporting import document, text
from services.console.setups.files import SetupError, read, unset_variables
from services.console.setups.planning import plan
from services.console.setups.plans import Current, Plan
from services.console.setups.publishing import publish
from shared.io.ports import BusUnavailable, NotReady
from shared.io.service import Service
from shared.io.vault import Vault, VaultError


def run(service: Service, command: str, path: Path, *, as_json: bool = False) -> int:
    """Plan or apply a file; returns the exit code: 0 nothing to do or applied, 2 changes planned, 1 refused."""
    try:
        content = path.read_text()
        wanted, unset = read(content), unset_variables(content)
        service.read_jobs()
        current = Current.of(service.setups, service.jobs)
        drawn = plan(current, wanted, discover(service, current, wanted))
    except (SetupError, VaultError, BusUnavailable, NotReady, OSError, UnicodeDecodeError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if unset:
        sys.stderr.write(f"these variables are not set, so the secrets stay as they are: {', '.join(unset)}\n")
    for line in (*drawn.hints, *drawn.errors, *drawn.unasked):
        sys.stderr.write(f"{line}\n")
    if drawn.errors or (command == "apply" and drawn.unasked):
        return 1
    if as_json:
        rows = [{"sign": one.sign, "what": one.key, "details": one.details} for one in drawn.changes if one.sign]
        sys.stdout.write(json.dumps({"changes": rows}, indent=2, ensure_ascii=False) + "\n")
    else:
        sys.stdout.writelines(f"{line}\n" for change in drawn.changes for line in change.lines())
    if not drawn.changes:
        return _nothing(drawn, quiet=as_json)
    return 2 if command == "plan" else _apply(service, drawn, quiet=as_json)


def export(service: Service, path: Path | None, *, as_json: bool = False) -> int:
    """Write what is set up as a file for `apply`, or print it; returns the exit code: 0 written, 1 not."""
    try:
        vault = Vault.from_file(service.settings.key_file)
        found = document(service.setups, lambda row: opened(vault, row))
        content = json.dumps(found, indent=2, ensure_ascii=False) + "\n" if as_json else text(found)
        if path is not None:
            path.write_text(content)
    except (VaultError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for name, why in service.setups.not_run().items():
        sys.stderr.write(f"the file does not hold all of sync {name!r}: {why}\n")
    sys.stdout.write(content if path is None else f"{path} holds what is set up, without secrets\n")
    return 0


def _nothing(drawn: Plan, *, quiet: bool) -> int:
    if not quiet:
        sys.stdout.write("nothing else changes\n" if drawn.unasked else "nothing changes\n")
    return 1 if drawn.unasked else 0


def _apply(service: Service, drawn: Plan, *, quiet: bool) -> int:
    try:
        lost = publish(service, drawn.changes)
    except BusUnavailable as error:
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
        sys.stdout.write(f"{len([key for key in shown if key not in lost])} applied\n")
    return 1 if lost else 0
