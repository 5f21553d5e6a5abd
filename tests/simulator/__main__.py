"""Run the protocol's simulator: ``python -m tests.simulator --seeds 2000``; ``--seed 17`` runs one and raises."""

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor

from tests.simulator.seeds import PROCESSES, failure, live


def main() -> int:
    """Run the seeds, print those that fail, and give the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulator", description=__doc__)
    parser.add_argument("--seeds", type=int, default=300, help="how many")
    parser.add_argument("--start", type=int, default=0, help="the first")
    parser.add_argument("--seed", type=int, help="run this one alone, and show where it fails")
    given = parser.parse_args()
    if given.seed is not None:
        live(given.seed)
        sys.stdout.write(f"seed {given.seed} holds\n")
        return 0
    bad = 0
    with ProcessPoolExecutor(PROCESSES) as pool:
        for seed, problem in pool.map(failure, range(given.start, given.start + given.seeds), chunksize=10):
            if problem:
                bad += 1
                sys.stdout.write(f"seed {seed}: {problem}\n")
    sys.stdout.write(f"{given.seeds} seeds, {bad} bad\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
