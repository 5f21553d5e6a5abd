"""Running many seeds, in as many processes as the machine has cores."""

import logging
import os
from typing import Final

import structlog

from tests.simulator.world import run

PROCESSES: Final = os.cpu_count() or 1


def failure(seed: int) -> tuple[int, str]:
    """Run one seed, and say what went wrong; nothing when all holds."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        run(seed)
    except Exception as error:  # noqa: BLE001 - whatever breaks a seed is its finding
        return seed, f"{type(error).__name__}: {error}"
    return seed, ""
