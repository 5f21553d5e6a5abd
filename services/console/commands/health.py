"""Prints how everything stood over time, by the console's API."""

import json
import sys
from datetime import UTC, datetime
from typing import Any

from services.console.commands.calling import Calls, NoAnswerError
from shared.io.reaching import settings_for_command
from shared.settings import Settings, SettingsError


def run(wanted: str, sync: str, *, as_json: bool = False, settings: Settings | None = None) -> int:
    """Print a range of time, a line a slot; returns the exit code: 0 printed, 1 not."""
    try:
        told = Calls(settings or settings_for_command()).get("health/series", range=wanted, sync=sync)
    except (SettingsError, NoAnswerError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if as_json:
        sys.stdout.write(json.dumps(told, indent=2) + "\n")
        return 0
    heads = ("from (UTC)", "in sync", "failing", "pending", "excluded", "edits", "writes", "p50 s", "p95 s")
    sys.stdout.write(_line(heads))
    for slot in told["slots"]:
        at, counts = datetime.fromtimestamp(slot["from_ms"] / 1000, UTC), slot["counts"]
        numbers = [counts.get(status) for status in ("in_sync", "failing", "pending", "excluded")]
        rest = (slot["edits"], slot["writes"], slot["delay_p50_s"], slot["delay_p95_s"])
        sys.stdout.write(_line((f"{at:%Y-%m-%d %H:%M}", *numbers, *rest)))
    return 0


def _line(cells: tuple[Any, ...]) -> str:
    first, *rest = ("-" if cell is None else str(cell) for cell in cells)
    return f"{first:<16}" + "".join(f"{cell:>11}" for cell in rest) + "\n"
