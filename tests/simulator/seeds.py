"""Running many seeds, in as many processes as the machine has cores."""

import logging
import os
from typing import Final

import structlog

from tests.simulator.faults import Faults
from tests.simulator.people import ALL, DELETING, DRIVING, HARD, LINKED, MERGING, MILD, MOVING, Habits
from tests.simulator.world import run

PROCESSES: Final = os.cpu_count() or 1
_HABITS: Final[tuple[Habits, ...]] = (MILD, HARD, MOVING, DELETING, MERGING, LINKED, DRIVING, ALL)


def quietly() -> None:
    """Leave the product's own log lines out."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


def live(seed: int) -> None:
    """Run one seed: among people who only edit, who change addresses, who delete, who merge, who change associations.

    In half of them nobody looks at the records again in the end: what waits must have been told by itself. In a third,
    an object that one of the accounts has of its own is gone now and then.
    """
    faults = Faults(removal=0.004) if seed % 3 == 1 else Faults()
    run(seed, faults, habits=_HABITS[seed % len(_HABITS)], look_again=seed // len(_HABITS) % 2 == 0)


def failure(seed: int) -> tuple[int, str]:
    """Run one seed, and say what went wrong; nothing when all holds."""
    quietly()
    try:
        live(seed)
    except Exception as error:  # noqa: BLE001 - whatever breaks a seed is its finding
        return seed, f"{type(error).__name__}: {error}"
    return seed, ""
