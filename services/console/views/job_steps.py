"""What jobs led to, pair by pair: the steps of the history that belong to the trace of a job."""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from services.console.views import rows
from services.console.views.glance import STATUSES
from shared.config.jobs import JOB_TRACES

INDEX: Final = f"CREATE INDEX steps_of_jobs ON steps (cause, pair, at_ms) WHERE cause GLOB '{JOB_TRACES}*'"
MOST: Final = 5_000
"""Pairs that one page looks at, where a status narrows it."""
_BLOCK: Final = 500
_NEXT: Final = (
    "SELECT DISTINCT pair FROM steps INDEXED BY steps_of_jobs"  # noqa: S608 - a constant; all values are bound
    # The index's own condition: by it SQLite sees that the index holds all that is asked for.
    f" WHERE cause GLOB '{JOB_TRACES}*' AND cause = ? AND pair > ? AND at_ms >= ? ORDER BY pair LIMIT ?"
)
_STANDING: Final = """
SELECT told.pair, status FROM json_each(?) AS asked CROSS JOIN pairs INDEXED BY pairs_tie ON pairs.tie = asked.value
JOIN told ON told.id = pairs.id
"""


class Led(NamedTuple):
    """What a job led to for one pair."""

    pair: str
    steps: list[dict[str, Any]]
    """What was decided because of it, the oldest first, without values."""


class LedPage(NamedTuple):
    """One page of what a job led to."""

    rows: list[Led]
    next: str
    """The last pair that was looked at; empty where there are no more."""


def listed(
    database: sqlite3.Connection, trace: str, since_ms: int, after: str, limit: int, status: str = ""
) -> LedPage:
    """Return what a job led to, in the order of the pairs' names.

    Args:
        database: The views.
        trace: The job's.
        since_ms: When it was asked for: an earlier one may have had its name.
        after: Name of the last pair that was looked at; empty to begin.
        limit: Pairs that are returned at most.
        status: Only those that stand so now; all when empty.
    """
    found: list[str] = []
    seen = 0
    while len(found) < limit:
        if seen >= MOST:
            return LedPage(_with_steps(database, found, trace, since_ms), after)
        block = [row[0] for row in database.execute(_NEXT, (trace, after, since_ms, _BLOCK))]
        if not block:
            return LedPage(_with_steps(database, found, trace, since_ms), "")
        standing = _standing(database, block)
        for pair in block:
            seen, after = seen + 1, pair
            if pair in standing and status in ("", standing[pair]):
                found.append(pair)
            if len(found) == limit:
                break
    left = database.execute(_NEXT, (trace, after, since_ms, 1)).fetchone()
    return LedPage(_with_steps(database, found, trace, since_ms), after if left is not None else "")


def _standing(database: sqlite3.Connection, pairs: list[str]) -> Mapping[str, str]:
    ties = json.dumps([rows.tie_of(pair) for pair in pairs])
    return {pair: STATUSES[status] for pair, status in database.execute(_STANDING, (ties,))}


def _with_steps(database: sqlite3.Connection, pairs: list[str], trace: str, since_ms: int) -> list[Led]:
    return [Led(pair, list(_steps(database, pair, trace, since_ms))) for pair in pairs]


def _steps(database: sqlite3.Connection, pair: str, trace: str, since_ms: int) -> Iterator[dict[str, Any]]:
    sql = "SELECT rev, at_ms, log FROM steps WHERE pair = ? AND cause = ? AND at_ms >= ? ORDER BY rev"
    for row in database.execute(sql, (pair, trace, since_ms)):
        yield {**dict(row), "log": json.loads(row["log"])}
