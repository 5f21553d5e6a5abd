"""Messages that nobody could handle, as the views keep them: those that wait, and what was decided of others.

A message is named by its place on `parked` and by when it was parked: places begin anew where the topic is made anew.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from shared.io.envelope import REPLAYED, Stored
from shared.wire.messages import Parked, ParkedDecision

TABLES: Final = (
    """CREATE TABLE parked (at INTEGER PRIMARY KEY, topic TEXT NOT NULL, key TEXT NOT NULL, reason TEXT NOT NULL,
    detail TEXT NOT NULL, at_ms INTEGER NOT NULL, replays INTEGER NOT NULL)""",
    "CREATE INDEX parked_key ON parked (key)",
    """CREATE TABLE parked_decisions (at INTEGER NOT NULL, parked_ms INTEGER NOT NULL, what TEXT NOT NULL,
    why TEXT NOT NULL, who TEXT NOT NULL, topic TEXT NOT NULL, key TEXT NOT NULL, reason TEXT NOT NULL,
    decided_ms INTEGER NOT NULL, PRIMARY KEY (at, parked_ms)) WITHOUT ROWID""",
    "CREATE TABLE parked_tallies (reason TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID",
)


def _add(row: str, by: int) -> str:
    return (
        f"INSERT INTO parked_tallies VALUES ({row}.reason, {by})"  # noqa: S608 - NEW or OLD
        f" ON CONFLICT (reason) DO UPDATE SET n = n + {by};"
    )


TRIGGERS: Final = (
    f"CREATE TRIGGER parked_added AFTER INSERT ON parked BEGIN {_add('NEW', 1)} END",
    f"CREATE TRIGGER parked_removed AFTER DELETE ON parked BEGIN {_add('OLD', -1)} END",
    f"""CREATE TRIGGER parked_changed AFTER UPDATE OF reason ON parked WHEN OLD.reason <> NEW.reason
    BEGIN {_add("OLD", -1)} {_add("NEW", 1)} END""",
)
"""Messages are counted in the transaction that parks or removes one. A row is updated or deleted, never replaced:
SQLite fires no trigger for the row that a replacing one pushes out."""
_COLUMNS: Final = "at, topic, key, reason, detail, at_ms, replays"


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkedFilter:
    """Which parked messages; its names are those of an address, of the API as of the pages."""

    reason: str = ""
    topic: str = ""
    q: str = ""
    """A part of the key, such as a record's id."""


def take_parked(database: sqlite3.Connection, batch: Sequence[Stored[Parked]]) -> None:
    """Take messages that were parked, but for those of which somebody has decided already."""
    database.executemany(
        "INSERT INTO parked SELECT ?, ?, ?, ?, ?, ?, ? WHERE NOT EXISTS"
        " (SELECT 1 FROM parked_decisions WHERE at = ? AND parked_ms = ?)"
        " ON CONFLICT (at) DO UPDATE SET topic = excluded.topic, key = excluded.key, reason = excluded.reason,"
        " detail = excluded.detail, at_ms = excluded.at_ms, replays = excluded.replays",
        [
            (stored.offset, row.topic, row.key, row.reason, row.detail, row.at_ms, replays_of(row), stored.offset,
             row.at_ms)
            for stored in batch
            if (row := stored.message) is not None
        ],
    )  # fmt: skip


def replays_of(row: Parked) -> int:
    """Return how often a message had been replayed when it was parked."""
    told = row.headers.get(REPLAYED, "")
    return int(told) if told.isascii() and told.isdigit() and len(told) < 10 else 0


def take_decisions(database: sqlite3.Connection, batch: Sequence[Stored[ParkedDecision]]) -> None:
    """Take what was decided; of two decisions about one message, the first counts."""
    rows = [row for stored in batch if (row := stored.message) is not None]
    database.executemany(
        "INSERT OR IGNORE INTO parked_decisions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (row.at, row.parked_ms, row.what, row.why, row.who, row.topic, row.key, row.reason, row.at_ms)
            for row in rows
        ],
    )
    database.executemany("DELETE FROM parked WHERE at = ? AND at_ms = ?", [(row.at, row.parked_ms) for row in rows])


def forget_before(database: sqlite3.Connection, at_ms: int) -> None:
    """Forget messages that Kafka does not keep any longer, and what was decided of them."""
    database.execute("DELETE FROM parked WHERE at_ms < ?", (at_ms,))
    database.execute("DELETE FROM parked_decisions WHERE parked_ms < ?", (at_ms,))


def waiting(
    database: sqlite3.Connection, wanted: ParkedFilter, before: int, limit: int, *, oldest: bool = False
) -> list[dict[str, Any]]:
    """List messages that wait, the newest first, or the oldest.

    Args:
        database: The views.
        wanted: Which of them.
        before: The place of the last one that was shown, or 0.
        limit: How many.
        oldest: Begin with the oldest.
    """
    where, given = _where(wanted)
    if before:
        where.append("at < ?")
        given.append(before)
    order = "ASC" if oldest else "DESC"
    sql = f"SELECT {_COLUMNS} FROM parked WHERE {' AND '.join(where)} ORDER BY at {order} LIMIT ?"  # noqa: S608 - all values are bound
    return [dict(row) for row in database.execute(sql, (*given, limit))]


def counts(database: sqlite3.Connection) -> dict[str, int]:
    """Return how many messages wait, by reason."""
    return {row[0]: row[1] for row in database.execute("SELECT reason, n FROM parked_tallies WHERE n > 0")}


def number_waiting(database: sqlite3.Connection, wanted: ParkedFilter) -> int:
    """Return how many messages wait."""
    where, given = _where(wanted)
    (number,) = database.execute(f"SELECT count(*) FROM parked WHERE {' AND '.join(where)}", given).fetchone()  # noqa: S608 - all values are bound
    return int(number)


def _where(wanted: ParkedFilter) -> tuple[list[str], list[object]]:
    where, given = ["1"], list[object]()
    for column, value in (("reason", wanted.reason), ("topic", wanted.topic)):
        if value:
            where.append(f"{column} = ?")
            given.append(value)
    if wanted.q:
        where.append("instr(key, ?) > 0")
        given.append(wanted.q)
    return where, given


def named(database: sqlite3.Connection, ats: Sequence[int]) -> list[dict[str, Any]]:
    """List those of some messages that wait still, the oldest first."""
    marks = ", ".join("?" * len(ats))
    sql = f"SELECT {_COLUMNS} FROM parked WHERE at IN ({marks}) ORDER BY at"  # noqa: S608 - only question marks are put in
    return [dict(row) for row in database.execute(sql, tuple(ats))]


def about(database: sqlite3.Connection, keys: Sequence[str]) -> list[dict[str, Any]]:
    """List the messages with one of these keys that wait, the newest first."""
    marks = ", ".join("?" * len(keys))
    sql = f"SELECT {_COLUMNS} FROM parked WHERE key IN ({marks}) ORDER BY at DESC"  # noqa: S608 - only question marks are put in
    return [dict(row) for row in database.execute(sql, tuple(keys))]


def decided(database: sqlite3.Connection, before: int, limit: int) -> list[dict[str, Any]]:
    """List what was decided, the messages that were parked last first."""
    rows = database.execute(
        "SELECT at, topic, key, reason, parked_ms, what, why, who, decided_ms FROM parked_decisions"
        " WHERE ? = 0 OR at < ? ORDER BY at DESC LIMIT ?",
        (before, before, limit),
    )
    return [dict(row) for row in rows]


def topics_of(database: sqlite3.Connection) -> list[str]:
    """List the topics that messages which wait come from."""
    return [row[0] for row in database.execute("SELECT DISTINCT topic FROM parked ORDER BY topic")]
