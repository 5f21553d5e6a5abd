"""Forgets the data of ``make run``. Needs a bare Python."""

import shutil
import sys
from pathlib import Path

from deploy.local.servers.held import Held, hold


def clean(folder: Path) -> int:
    """Remove the folder of a run unless it is in use; returns the exit code."""
    if folder.exists():
        try:
            with hold(folder):
                shutil.rmtree(folder)
        except Held as error:
            sys.stderr.write(f"{error} Stop it with Ctrl-C in its terminal, then clean.\n")
            return 1
    sys.stdout.write("The next make run begins anew.\n")
    return 0


if __name__ == "__main__":
    sys.exit(clean(Path(__file__).parents[2] / ".run"))
