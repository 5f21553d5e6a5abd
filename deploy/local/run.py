"""Runs everything on this machine: ``make run``.

It looks at what the machine lacks before anything is imported that may be missing, and lets one run at a time use a
folder.
"""

import os
import sys
from pathlib import Path
from typing import Final

from deploy.local import doctor
from deploy.local.servers.held import Held, hold

DATA: Final = Path(__file__).parents[2] / ".run"


def preflight(data: Path) -> doctor.Needs | None:
    """Return what the run uses, or print what this machine lacks."""
    try:
        needs = doctor.needs_from(os.environ, data)
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return None
    wrong = [finding for finding in doctor.examine(needs) if not finding.ok]
    for finding in wrong:
        sys.stderr.write(f"{finding.title}. {finding.advice}\n")
    return None if wrong else needs


def main() -> int:
    """Run until Ctrl-C; returns the exit code."""
    os.umask(0o077)  # what is kept here is about people: their contacts, and tokens
    try:
        held = hold(DATA)
    except Held as error:
        sys.stderr.write(f"{error} Stop it with Ctrl-C in its terminal, then run this again.\n")
        return 1
    with held:
        needs = preflight(DATA)
        if needs is None:
            return 1
        from deploy.local import stack  # noqa: PLC0415 - see the top: the packages were looked at by now

        return stack.run(needs)


if __name__ == "__main__":
    sys.exit(main())
