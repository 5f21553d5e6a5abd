"""What the views add up hour by hour, of each sync and connection, and what was kept of hours that are over.

What is added up here follows from the topics alone, and from looking at connections now and then. Of an hour that is
over, consoles publish what they have; of two such documents, the one counts whose console has looked for longer.
"""

import json
import math
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from services.console.views.glance import Listed
from shared.io.envelope import Stored
from shared.model.words import Did
from shared.wire.messages import HealthHour, HistoryStep

HOUR_MS: Final = 3_600_000
TABLES: Final = (
    """CREATE TABLE hours (name TEXT NOT NULL, hour INTEGER NOT NULL, own TEXT NOT NULL, PRIMARY KEY (name, hour))
    WITHOUT ROWID""",
    """CREATE TABLE kept_hours (name TEXT NOT NULL, hour INTEGER NOT NULL, covered_s REAL NOT NULL, told TEXT NOT NULL,
    PRIMARY KEY (name, hour)) WITHOUT ROWID""",
    "CREATE TABLE awaited (pair TEXT PRIMARY KEY, accepted_ms INTEGER NOT NULL) WITHOUT ROWID",
)
_LEAST_MS: Final = 100
"""The smallest delay that is told apart."""
_STEPS: Final = 4
"""Steps of delays from a number to its double."""
_EDITS: Final = frozenset((Did.WRITE, Did.CREATE))
_ANSWERS: Final = frozenset((Did.WRITTEN, Did.FOUND, Did.REFUSED))
"""Decisions that tell of a write that was sent."""


@dataclass(slots=True)
class Sums:
    """What is added up of one sync or connection in one hour."""

    edits: int = 0
    writes: int = 0
    covered_s: float = 0.0
    delays: Counter[str] = field(default_factory=Counter)
    """Milliseconds, rounded up to one of few numbers, to how many changes took so long."""
    states: Counter[str] = field(default_factory=Counter)
    """Seconds by state of a connection."""

    def add(self, other: "Sums") -> None:
        """Add what another one holds."""
        self.edits += other.edits
        self.writes += other.writes
        self.covered_s += other.covered_s
        self.delays.update(other.delays)
        self.states.update(other.states)

    @classmethod
    def read(cls, text: str) -> "Sums":
        """Return sums as they are stored."""
        told = json.loads(text)
        return cls(told[0], told[1], told[2], Counter(told[3]), Counter(told[4]))

    def text(self) -> str:
        """Return the sums as they are stored."""
        return json.dumps([self.edits, self.writes, self.covered_s, self.delays, self.states])


def hour_of(at_ms: int) -> int:
    """Return when the hour of a moment began."""
    return at_ms - at_ms % HOUR_MS


def rounded(delay_ms: int) -> str:
    """Return a delay as it is counted: the next larger of few numbers."""
    steps = max(0, math.ceil(_STEPS * math.log2(max(1, delay_ms) / _LEAST_MS)))
    return str(round(_LEAST_MS * 2 ** (steps / _STEPS)))


def percentile(delays: Mapping[str, int], share: float) -> float | None:
    """Return within which time, in seconds, a share of the changes arrived; None where there were none."""
    total, seen = sum(delays.values()), 0
    for bound, number in sorted(((int(bound), number) for bound, number in delays.items())):
        seen += number
        if seen >= share * total:
            return bound / 1000
    return None


def of_sync(name: str) -> str:
    """Return how the hours of a sync are named."""
    return f"sync/{name}"


def of_connection(name: str) -> str:
    """Return how the hours of a connection are named."""
    return f"connection/{name}"


def count_steps(database: sqlite3.Connection, steps: Sequence[HistoryStep]) -> None:
    """Add up what steps decided, each of which is new."""
    found: dict[tuple[str, int], Sums] = {}
    for step in steps:
        dids = [row.did for row in step.decisions]
        sums = Sums(edits=int(not _EDITS.isdisjoint(dids)), writes=sum(did in _ANSWERS for did in dids))
        if step.at_ms and (sums.edits or sums.writes):
            found.setdefault((of_sync(step.sync), hour_of(step.at_ms)), Sums()).add(sums)
    add(database, found)


def count_delays(database: sqlite3.Connection, pairs: Sequence[Listed]) -> None:
    """Add up how long changes took from when they were learned of until their pair was in sync again."""
    names = list({pair.pair for pair in pairs})
    marks = ", ".join("?" * len(names))
    rows = database.execute(f"SELECT pair, accepted_ms FROM awaited WHERE pair IN ({marks})", names)  # noqa: S608 - only question marks are put in
    before: dict[str, int] = {row[0]: row[1] for row in rows}
    now, found = dict(before), dict[tuple[str, int], Sums]()
    for pair in pairs:
        accepted = [row.accepted_ms for row in pair.pending.values() if row.accepted_ms]
        if pair.pending:
            if accepted:
                now[pair.pair] = min((now.get(pair.pair, accepted[0]), *accepted))
        elif (since := now.pop(pair.pair, None)) is not None and pair.status == "in_sync" and pair.synced_ms >= since:
            place = of_sync(pair.sync), hour_of(pair.synced_ms)
            found.setdefault(place, Sums()).delays[rounded(pair.synced_ms - since)] += 1
    database.executemany("DELETE FROM awaited WHERE pair = ?", [(name,) for name in before if name not in now])
    news = [(name, at) for name, at in now.items() if before.get(name) != at]
    database.executemany("INSERT OR REPLACE INTO awaited VALUES (?, ?)", news)
    add(database, found)


def add(database: sqlite3.Connection, found: Mapping[tuple[str, int], Sums]) -> None:
    """Add to the sums of some names and hours."""
    for (name, hour), sums in found.items():
        row = database.execute("SELECT own FROM hours WHERE name = ? AND hour = ?", (name, hour)).fetchone()
        if row is not None:
            sums.add(Sums.read(row[0]))
        database.execute("INSERT OR REPLACE INTO hours VALUES (?, ?, ?)", (name, hour, sums.text()))


def take_hours(database: sqlite3.Connection, batch: Sequence[Stored[HealthHour]]) -> None:
    """Take what was kept of hours: of two documents, that of whoever looked for longer, else the first."""
    database.executemany(
        "INSERT INTO kept_hours VALUES (?, ?, ?, ?) ON CONFLICT (name, hour) DO UPDATE SET"
        " covered_s = excluded.covered_s, told = excluded.told WHERE excluded.covered_s > kept_hours.covered_s",
        [
            (row.name, row.hour_ms, row.covered_s, row.model_dump_json(exclude_defaults=True))
            for stored in batch
            if (row := stored.message) is not None
        ],
    )


def forget_before(database: sqlite3.Connection, at_ms: int) -> None:
    """Forget hours that are older."""
    for table in ("hours", "kept_hours"):
        database.execute(f"DELETE FROM {table} WHERE hour < ?", (at_ms,))  # noqa: S608 - one of two tables


def own(database: sqlite3.Connection, since_ms: int) -> Iterator[tuple[str, int, Sums, float | None]]:
    """Yield what was added up here: name, hour, sums, and how long whoever kept that hour has looked."""
    rows = database.execute(
        "SELECT name, hour, own, covered_s FROM hours LEFT JOIN kept_hours USING (name, hour) WHERE hour >= ?",
        (since_ms,),
    ).fetchall()
    for name, hour, text, covered in rows:
        yield name, hour, Sums.read(text), covered


def told(database: sqlite3.Connection, name: str, since_ms: int) -> list[dict[str, Any]]:
    """List what is known of the hours of one name, in their order: what was kept, else what was added up here."""
    rows = database.execute(
        "SELECT hour, told, NULL FROM kept_hours WHERE name = ? AND hour >= ? UNION ALL"
        " SELECT hour, NULL, own FROM hours WHERE name = ? AND hour >= ? AND NOT EXISTS"
        " (SELECT 1 FROM kept_hours k WHERE k.name = hours.name AND k.hour = hours.hour) ORDER BY 1",
        (name, since_ms, name, since_ms),
    )
    return [
        {**_EMPTY, **(json.loads(kept) if kept else _shown(Sums.read(mine))), "hour_ms": hour}
        for hour, kept, mine in rows
    ]


_EMPTY: Final[Mapping[str, Any]] = {
    "counts": {}, "failing": {}, "edits": 0, "writes": 0, "delays": {}, "states": {}, "covered_s": 0.0,
}  # fmt: skip


def _shown(sums: Sums) -> dict[str, Any]:
    return {
        "edits": sums.edits, "writes": sums.writes, "delays": sums.delays, "states": sums.states,
        "covered_s": sums.covered_s,
    }  # fmt: skip
