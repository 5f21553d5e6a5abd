"""Counts that the views keep beside their rows, so that nobody has to count rows to know how many there are.

Triggers keep them in the transaction that changes a row. A row is updated or deleted, never replaced: SQLite fires no
trigger for the row that a replacing one pushes out.
"""

import sqlite3
from typing import Final

TABLES: Final = (
    """CREATE TABLE pair_tallies (sync TEXT NOT NULL, status TEXT NOT NULL, reason TEXT NOT NULL, n INTEGER NOT NULL,
    PRIMARY KEY (sync, status, reason)) WITHOUT ROWID""",
    "CREATE TABLE parked_tallies (reason TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID",
)


def _add(row: str, by: int) -> str:
    return (
        f"INSERT INTO pair_tallies VALUES ({row}.sync, {row}.status, {row}.reason, {by})"  # noqa: S608 - NEW or OLD
        f" ON CONFLICT (sync, status, reason) DO UPDATE SET n = n + {by};"
    )


def _add_parked(row: str, by: int) -> str:
    return (
        f"INSERT INTO parked_tallies VALUES ({row}.reason, {by})"  # noqa: S608 - NEW or OLD
        f" ON CONFLICT (reason) DO UPDATE SET n = n + {by};"
    )


TRIGGERS: Final = (
    f"CREATE TRIGGER pair_added AFTER INSERT ON pairs BEGIN {_add('NEW', 1)} END",
    f"CREATE TRIGGER pair_removed AFTER DELETE ON pairs BEGIN {_add('OLD', -1)} END",
    f"""CREATE TRIGGER pair_changed AFTER UPDATE OF sync, status, reason ON pairs
    WHEN (OLD.sync, OLD.status, OLD.reason) <> (NEW.sync, NEW.status, NEW.reason)
    BEGIN {_add("OLD", -1)} {_add("NEW", 1)} END""",
    f"CREATE TRIGGER parked_added AFTER INSERT ON parked BEGIN {_add_parked('NEW', 1)} END",
    f"CREATE TRIGGER parked_removed AFTER DELETE ON parked BEGIN {_add_parked('OLD', -1)} END",
    f"""CREATE TRIGGER parked_changed AFTER UPDATE OF reason ON parked WHEN OLD.reason <> NEW.reason
    BEGIN {_add_parked("OLD", -1)} {_add_parked("NEW", 1)} END""",
)


def pairs(database: sqlite3.Connection) -> list[tuple[str, str, str, int]]:
    """Return how many pairs there are by sync, status and reason."""
    rows = database.execute("SELECT sync, status, reason, n FROM pair_tallies WHERE n > 0")
    return [(row[0], row[1], row[2], row[3]) for row in rows]


def parked(database: sqlite3.Connection) -> dict[str, int]:
    """Return how many messages are parked, by reason."""
    return {row[0]: row[1] for row in database.execute("SELECT reason, n FROM parked_tallies WHERE n > 0")}


def oldest_pending(database: sqlite3.Connection) -> dict[str, int]:
    """Return, by sync, since when its oldest pending pair waits: one look into the index for each reason."""
    first = "SELECT min(changed_ms) FROM pairs WHERE sync = ? AND status = 'pending' AND reason = ?"
    found: dict[str, int] = {}
    for sync, status, reason, _ in pairs(database):
        if status == "pending":
            (since,) = database.execute(first, (sync, reason)).fetchone()
            found[sync] = min(found.get(sync, since), since)
    return found
