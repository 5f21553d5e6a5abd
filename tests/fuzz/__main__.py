"""Try odd cards and webhook bodies: ``python -m tests.fuzz``; ``--seed 17`` tries one of each and raises.

Cards and bodies go through reading and writing, some cards through a whole sync. It ends with counts: 0 when all of
them were tried and hold, else 1.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from random import Random
from typing import Final

from deploy.local.servers.real import RadicaleServer
from tests.fuzz import worlds
from tests.fuzz.bodies import check_body, odd_body
from tests.fuzz.cards import check_reading, check_writing, odd_card, some_fields

_CHUNK: Final = 500
_SHOWN: Final = 20
"""Failures told in full."""


def card(seed: int) -> None:
    """Try one card; raises what does not hold."""
    random = Random(seed)
    read = check_reading(odd_card(random))
    if read is not None:
        check_writing(check_writing(read, some_fields(random)), some_fields(random))


def body(seed: int) -> None:
    """Try one webhook body; raises what does not hold."""
    check_body(odd_body(Random(seed)))


def failures(one: Callable[[int], None], seeds: range) -> list[str]:
    """Try seeds, and tell those that fail."""
    found = []
    for seed in seeds:
        try:
            one(seed)
        except Exception as error:  # noqa: BLE001 - any exception at all is what is looked for
            found.append(f"{one.__name__} {seed}: {type(error).__name__}: {str(error)[:300]}")
    return found


def world_failures(first: int, count: int) -> list[str]:
    """Try whole syncs on a server of their own, and tell those that fail."""
    found = []
    with tempfile.TemporaryDirectory() as folder, RadicaleServer(Path(folder)) as radicale:
        for seed in range(first, first + count):
            try:
                problem = worlds.live(seed, radicale)
            except Exception as error:  # noqa: BLE001 - any exception at all is what is looked for
                problem = f"{type(error).__name__}: {error}"
            if problem:
                found.append(f"world {seed}: {problem[:500]}")
    return found


def _works(cards: int, bodies: int, synced: int) -> Iterator[tuple[str, int, Callable[[], list[str]]]]:
    per_world = 5
    many = -(-synced // worlds.CARDS)
    for first in range(0, many, per_world):
        count = min(per_world, many - first)
        yield "synced cards", count * worlds.CARDS, partial(world_failures, first, count)
    for name, one, total in (("cards", card, cards), ("bodies", body, bodies)):
        for first in range(0, total, _CHUNK):
            seeds = range(first, min(first + _CHUNK, total))
            yield name, len(seeds), partial(failures, one, seeds)


def run(*, cards: int, bodies: int, synced: int, seconds: float) -> int:
    """Try so many of each within the time, print what fails and the counts, and give the exit code."""
    until = time.monotonic() + seconds
    wanted = {"cards": cards, "bodies": bodies, "synced cards": synced}
    tried = dict.fromkeys(wanted, 0)
    bad = 0
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        works = [(name, count, pool.submit(work)) for name, count, work in _works(cards, bodies, synced)]
        for name, count, work in works:
            try:
                found = work.result(max(0.0, until - time.monotonic()))
            except TimeoutError:
                pool.shutdown(wait=False, cancel_futures=True)
                break
            tried[name] += count
            for problem in found:
                bad += 1
                if bad <= _SHOWN:
                    sys.stdout.write(f"{problem}\n")
    left = any(tried[name] < wanted[name] for name in wanted)
    counts = ", ".join(f"{tried[name]} {name}" for name in wanted)
    sys.stdout.write(f"{counts}: {bad} bad{', but the time was up' if left else ''}\n")
    return 1 if bad or left else 0


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--cards", type=int, default=60_000, help="how many go through reading and writing")
    parser.add_argument("--bodies", type=int, default=40_000, help="how many webhook bodies")
    parser.add_argument("--synced", type=int, default=2000, help="how many cards go through a whole sync")
    parser.add_argument("--seconds", type=float, default=3600, help="how long at most")
    parser.add_argument("--seed", type=int, help="try this card, this body and this world alone, and show what fails")
    given = parser.parse_args()
    if given.seed is None:
        return run(cards=given.cards, bodies=given.bodies, synced=given.synced, seconds=given.seconds)
    card(given.seed)
    body(given.seed)
    problems = world_failures(given.seed, 1)
    sys.stdout.write("\n".join(problems) or f"seed {given.seed} holds\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
