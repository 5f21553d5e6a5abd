"""Lists messages that nobody could handle, and has them replayed or dropped, from a terminal, by the console's API."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

from services.console.commands.calling import UNANSWERED, Calls, calls_of
from services.console.commands.printing import ending_on, write_json
from shared.settings import Settings

Order: TypeAlias = Literal["list", "replay", "drop"]


@ending_on(*UNANSWERED)
def run(
    what: Order,
    ats: Sequence[int],
    *,
    wanted: Mapping[str, str],
    every: bool = False,
    why: str = "",
    as_json: bool = False,
    settings: Settings | None = None,
) -> int:
    """List, replay or drop messages; returns the exit code: 0 done, 1 not done.

    Args:
        what: What to do.
        ats: The messages, by their places.
        wanted: A filter: reason, topic and q.
        every: Replay or drop all that the filter chooses.
        why: Why they are dropped.
        as_json: Print what the API answers.
        settings: Where the console is; those of this process when None.
    """
    if what != "list" and not ats and not every:
        sys.stderr.write("name messages by their places, as `parked list` shows them, or add --all\n")
        return 1
    calls = calls_of(settings)
    if what != "list":
        return _decide(calls, what, {"filter": dict(wanted)} if every else {"messages": list(ats)}, why)
    rows = list(calls.every("parked", "parked", **wanted))
    if as_json:
        write_json(rows)
    else:
        sys.stdout.write("".join(map(_line, rows)) or "nothing is parked\n")
    return 0


def _line(row: Mapping[str, Any]) -> str:
    again = f", replayed {row['replays']} times" if row["replays"] else ""
    told = f": {row['detail']}" if row["detail"] else ""
    return f"{row['id']}  {row['topic']}  {row['key']}  {row['reason']}{again}{told}\n"


def _decide(calls: Calls, what: Order, body: Mapping[str, Any], why: str) -> int:
    """Go on until none is left; each order is about so many messages at most."""
    done = gone = 0
    while True:
        told = calls.post(f"parked/{what}", {**body, "why": why} if what == "drop" else body)
        done, gone = done + told["done"], gone + told["gone"]
        if not told["left"] or not told["done"]:
            break
        sys.stderr.write(f"{done:,} {told['what']}, {told['left']:,} to go\n")
    lost = f"; {gone:,} are not kept any longer" if gone else ""
    sys.stdout.write(f"{done:,} {told['what']}{lost}\n")
    return 0
