"""Switch off one guard after the other, and show which tests notice: ``python -m tests.mutants``."""

import argparse
import multiprocessing
import os
import subprocess
import sys
import time
from typing import Final

from tests.mutants.guards import GUARDS, Guard
from tests.mutants.plugin import VARIABLE
from tests.simulator.seeds import quietly
from tests.simulator.test_mutations import Caught

_SECONDS: Final = 600


def noticed_by_a_small_test(guard: Guard) -> bool:
    """Run the guard's small test without the guard."""
    command = [
        sys.executable, "-m", "pytest", "-q", "-x", "-m", "not server", "-p", "tests.mutants.plugin",
        "-p", "no:cacheprovider", guard.small,
    ]  # fmt: skip
    done = subprocess.run(
        command, env={**os.environ, VARIABLE: guard.name}, capture_output=True, text=True, check=False, timeout=_SECONDS
    )
    if done.returncode not in (0, 1):
        raise RuntimeError(f"{guard.small} cannot be run:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.returncode == 1


def seed_that_misses(caught: Caught) -> int | None:
    """Find a seed of the simulator that holds with the guard, and not without it; the likely one is tried first."""
    with multiprocessing.Pool(maxtasksperchild=1) as pool:
        for seed, misses in pool.imap(_misses, [(caught, seed) for seed in caught.seeds()]):
            if misses:
                return seed
    return None


def _misses(job: tuple[Caught, int]) -> tuple[int, bool]:
    caught, seed = job
    quietly()
    return seed, caught.misses(seed)


def main() -> int:
    """Show a line for each guard; returns 1 when one is not noticed."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("names", nargs="*", help="guards; all when empty")
    given = parser.parse_args()
    unknown = set(given.names) - {guard.name for guard in GUARDS}
    if unknown:
        parser.error(f"no guard is called {', '.join(sorted(unknown))}")
    missed = 0
    for guard in GUARDS:
        if given.names and guard.name not in given.names:
            continue
        began = time.monotonic()
        small = "noticed" if noticed_by_a_small_test(guard) else "NOT NOTICED"
        simulated = "cannot miss it" if guard.stays else "never sees it"
        if guard.caught is not None:
            seed = seed_that_misses(guard.caught)
            simulated = f"seed {seed}" if seed is not None else "NOT NOTICED"
        missed += "NOT NOTICED" in (small, simulated)
        seconds = time.monotonic() - began
        sys.stdout.write(f"{guard.name:32} small test: {small:12} simulator: {simulated:15} {seconds:5.0f} s\n")
        sys.stdout.flush()
    sys.stdout.write(f"{missed} guards are not noticed\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
