"""Edit at random on both sides while processes die, and judge: ``python -m tests.chaos --edits 3000 --seed 1``.

With ``--beside COMMIT`` the workers of an older commit run beside those of this one all the time, as they do while an
installation is brought up to date.
"""

import argparse
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path

from tests.chaos.older import beside, check_out
from tests.chaos.run import SYNC, run
from tests.e2e.live import Live


def _tell(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - a command's own words


def main() -> int:
    """Run once; returns 0 when nothing was lost, doubled or stuck."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--edits", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data", type=Path, help="a folder for the data and the logs; kept afterwards")
    parser.add_argument("--without", default="", help="kinds of acts to leave out, such as merge,twin")
    parser.add_argument(
        "--beside", default="", help="a commit of which a second ingest, matcher and writer run as well"
    )
    given = parser.parse_args()
    without = [name for name in given.without.split(",") if name]
    with tempfile.TemporaryDirectory() as scratch:
        live = Live(given.data or Path(scratch), data=None, poll_s=0.5, sync=SYNC)
        try:
            live.start()
            live.wait_first_sync()
            tree = check_out(given.beside, Path(scratch) / "older") if given.beside else None
            with beside(live, tree, _tell) if tree else nullcontext():
                outcome = run(live, edits=given.edits, seed=given.seed, tell=_tell, without=without)
        finally:
            live.stop()
    print(outcome.table())  # noqa: T201
    wrong = outcome.wrong()
    for row in (*wrong, *(f"counted: {row}" for row in (*outcome.verdict.wrong, *outcome.verdict.doubled))):
        print(row)  # noqa: T201
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
