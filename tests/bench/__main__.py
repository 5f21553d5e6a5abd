"""Measure: ``python -m tests.bench [--only NAME]``. Fails only when something could not be measured."""

import argparse
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Final

from tests.bench import cost, exports, first_sync, latency, matcher, memory, records
from tests.bench.figures import Figure, write

MEASURES: Final[Mapping[str, Callable[[], list[Figure]]]] = {
    "latency": latency.measure,
    "matcher": matcher.measure,
    "first-sync": first_sync.measure,
    "memory": memory.measure,
    "records": records.measure,
    "exports": exports.measure,
    "cost": cost.measure,
}


def main() -> int:
    """Run all measures or one; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--only", choices=tuple(MEASURES), help="run this one alone")
    given = parser.parse_args()
    failed = []
    for name, measure in MEASURES.items():
        if given.only not in (None, name):
            continue
        print(f"== {name}", flush=True)
        started = time.monotonic()
        try:
            figures = measure()
        except Exception:
            traceback.print_exc()
            failed.append(name)
            continue
        write(figures)
        for row in figures:
            beside = f"{row.baseline}: {row.baseline_value} {row.unit}"
            goal = f"; {row.goal}: {'met' if row.met else 'MISSED'}" if row.goal else ""
            print(f"{row.name}: {row.value} {row.unit} ({beside}; ratio {row.ratio}{goal})", flush=True)
        print(f"   {time.monotonic() - started:.0f} s", flush=True)
    if failed:
        print(f"could not be measured: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
