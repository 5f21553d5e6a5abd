"""Prints how everything stood over time, by the console's API."""

import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import dropwhile
from typing import Any

from services.console.commands.calling import UNANSWERED, calls_of
from services.console.commands.printing import ending_on, write_json
from shared.settings import Settings


@ending_on(*UNANSWERED)
def run(wanted: str, sync: str, *, as_json: bool = False, settings: Settings | None = None) -> int:
    """Print a line a slot, from the first of which anything is known; returns the exit code: 0 printed, 1 not."""
    told = calls_of(settings).get("health/series", range=wanted, sync=sync)
    if as_json:
        write_json(told)
        return 0
    heads = ("from (UTC)", "in sync", "failing", "pending", "excluded", "edits", "writes", "p50 s", "p95 s")
    sys.stdout.write(_line(heads))
    for slot in dropwhile(_empty, told["slots"]):
        at, counts = datetime.fromtimestamp(slot["from_ms"] / 1000, UTC), slot["counts"]
        numbers = [counts.get(status) for status in ("in_sync", "failing", "pending", "excluded")]
        rest = (slot["edits"], slot["writes"], slot["delay_p50_s"], slot["delay_p95_s"])
        sys.stdout.write(_line((f"{at:%Y-%m-%d %H:%M}", *numbers, *rest)))
    return 0


def _empty(slot: Mapping[str, Any]) -> bool:
    """Check whether nothing is known of a slot: the installation is younger, or nobody looked."""
    known = (*slot["counts"].values(), slot["edits"], slot["writes"])
    return not any(number is not None and number > 0 for number in known)


def _line(cells: tuple[Any, ...]) -> str:
    first, *rest = ("-" if cell is None else str(cell) for cell in cells)
    return f"{first:<16}" + "".join(f"{cell:>11}" for cell in rest) + "\n"
