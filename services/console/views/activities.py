"""The activity log as the views keep it: who did what, and when."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from shared.io.envelope import Stored
from shared.wire.messages import Activity

TABLES: Final = (
    """CREATE TABLE activity (at INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, who TEXT NOT NULL, via TEXT NOT NULL,
    what TEXT NOT NULL, about TEXT NOT NULL, note TEXT NOT NULL, changes TEXT NOT NULL)""",
    "CREATE INDEX activity_when ON activity (at_ms)",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityFilter:
    """Which entries; its names are those of an address, of the API as of the pages."""

    what: str = ""
    """What was done, or the beginning of it up to the dot."""
    q: str = ""
    """A part of who did it, or of what it was about."""


def take(database: sqlite3.Connection, batch: Sequence[Stored[Activity]]) -> None:
    """Take entries."""
    database.executemany(
        "INSERT OR REPLACE INTO activity VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (stored.offset, row.at_ms, row.who, row.via, row.what, row.about, row.note,
             json.dumps([[one.name, one.before, one.after] for one in row.changes]))
            for stored in batch
            if (row := stored.message) is not None
        ],
    )  # fmt: skip


def forget_before(database: sqlite3.Connection, at_ms: int) -> None:
    """Forget entries that Kafka does not keep any longer."""
    database.execute("DELETE FROM activity WHERE at_ms < ?", (at_ms,))


def listed(database: sqlite3.Connection, wanted: ActivityFilter, before: int, limit: int) -> list[dict[str, Any]]:
    """List entries, the newest first.

    Args:
        database: The views.
        wanted: Which of them.
        before: The place of the last one that was shown, or 0.
        limit: How many.
    """
    where, given = ["1"], list[object]()
    if before:
        where.append("at < ?")
        given.append(before)
    if wanted.what:
        where.append("(what = ? OR substr(what, 1, length(?) + 1) = ? || '.')")
        given += [wanted.what] * 3
    if wanted.q:
        where.append("(instr(lower(who), lower(?)) > 0 OR instr(lower(about), lower(?)) > 0)")
        given += [wanted.q] * 2
    sql = f"SELECT * FROM activity WHERE {' AND '.join(where)} ORDER BY at DESC LIMIT ?"  # noqa: S608 - all values are bound
    return [
        {**dict(row), "changes": [dict(zip(("name", "before", "after"), one, strict=True))
                                  for one in json.loads(row["changes"])]}
        for row in database.execute(sql, (*given, limit))
    ]  # fmt: skip
