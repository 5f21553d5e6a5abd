"""Sends the API many requests: ``python -m tests.openapi --examples 200``."""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.openapi.checking import SEED, check, shown


def main() -> int:
    """Run, and print where the API is not as it is described; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.openapi", description=__doc__)
    parser.add_argument("--examples", type=int, default=100, help="requests made up for each route, in each way")
    parser.add_argument("--seed", type=int, default=SEED, help="chooses them")
    parser.add_argument("--phase", action="append", default=[], help="examples, coverage, fuzzing or stateful")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, shown(Path(folder)) as console:
        found = check(console, examples=given.examples, seed=given.seed, phases=given.phase)
    lines = [f"{name}: {number}" for name, number in sorted(found.calls.items())]
    lines += [f"\n{name}\n{text}" for name, text in found.failures.items()]
    lines += [
        *found.errors,
        f"{found.calls.total():,} requests, {len(found.failures)} failures, {len(found.errors)} errors",
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if found.failures or found.errors else 0


if __name__ == "__main__":
    sys.exit(main())
