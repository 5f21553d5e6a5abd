"""The tables of pairs: what lists and counts are made from, and how states of the journal are taken into them.

`pairs` is narrow, so that lists can go through much of it; what a page shows is in `told`, and what is searched in
`words` and in the index of words, `found`. Syncs and reasons are numbers there, which `names` spells out. How many
pairs there are by sync, status and reason is kept beside them, in the transaction that changes them.

Building anew, indexes are made after the rows: that costs half of keeping them up to date with every row.
"""

import hashlib
import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, NamedTuple, TypeAlias

from services.console.views.glance import STATUSES, Listed, ends_of
from services.console.views.hours import count_delays
from shared.io.envelope import Stored
from shared.model.records import Side
from shared.model.sides import SPOKEN
from shared.model.words import Status
from shared.rules.searching import folded, identifiers, words_of

TABLES: Final = (
    "CREATE TABLE names (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
    """CREATE TABLE pairs (id INTEGER PRIMARY KEY, tie INTEGER NOT NULL, sync INTEGER NOT NULL, status INTEGER NOT NULL,
    reason INTEGER NOT NULL, changed_ms INTEGER NOT NULL, name_key TEXT NOT NULL)""",
    "CREATE INDEX pairs_tie ON pairs (tie)",
    """CREATE TABLE told (id INTEGER PRIMARY KEY, pair TEXT NOT NULL, label TEXT NOT NULL, ident TEXT NOT NULL,
    left_id TEXT NOT NULL, right_id TEXT NOT NULL, state BLOB NOT NULL)""",
    "CREATE TABLE words (id INTEGER PRIMARY KEY, words TEXT NOT NULL)",
    """CREATE VIRTUAL TABLE found USING fts5(words, content='', columnsize=0, detail=none, prefix='1 2 3',
    tokenize="ascii tokenchars '_'")""",  # words are folded before: what is no ASCII is a letter to it
    "CREATE VIRTUAL TABLE vocabulary USING fts5vocab(found, row)",
    """CREATE TABLE tallies (sync INTEGER NOT NULL, status INTEGER NOT NULL, reason INTEGER NOT NULL,
    n INTEGER NOT NULL, PRIMARY KEY (sync, status, reason)) WITHOUT ROWID""",
)
INDEXES: Final = {
    "told_left": "CREATE INDEX told_left ON told (left_id)",
    "told_right": "CREATE INDEX told_right ON told (right_id)",
    "pairs_status": "CREATE INDEX pairs_status ON pairs (sync, status, reason, changed_ms, tie)",
    "pairs_status_names": "CREATE INDEX pairs_status_names ON pairs (sync, status, reason, name_key, tie, changed_ms)",
    "pairs_names": "CREATE INDEX pairs_names ON pairs (name_key, tie, sync, status, reason, changed_ms)",
    "pairs_newest": "CREATE INDEX pairs_newest ON pairs (changed_ms, tie, sync, status, reason)",
}
"""Made after the rows where the tables are filled anew; the last one shows that all are there."""
LAST: Final = "pairs_newest"
SHOWN: Final = (Status.IN_SYNC, Status.PENDING, Status.FAILING, Status.EXCLUDED)
SHOWN_CODES: Final = len(SHOWN)
"""Statuses below this number are listed."""
_NAME: Final = 40
"""Characters of a name that it is sorted by."""
_FILLED_AT_ONCE: Final = 50_000
_OLD: Final = """
SELECT told.pair, pairs.id, pairs.sync, status, reason, changed_ms, name_key, words.words
FROM json_each(?) AS asked CROSS JOIN pairs INDEXED BY pairs_tie ON pairs.tie = asked.value
JOIN told ON told.id = pairs.id JOIN words ON words.id = pairs.id
"""


_Place: TypeAlias = tuple[int, int, int]
"""Sync, status and reason, by which rows are counted."""
_Searched: TypeAlias = tuple[int, str, _Place]
"""What the index of words holds of a row: its number, its words and its place."""


class _Old(NamedTuple):
    """A row as it stands."""

    id: int
    sync: int
    status: int
    reason: int
    changed_ms: int
    name_key: str
    words: str

    @property
    def place(self) -> _Place:
        """Return where it is counted."""
        return self.sync, self.status, self.reason


def tie_of(pair: str) -> int:
    """Return the number by which pairs that are otherwise alike are sorted: the same on every replica."""
    return int.from_bytes(hashlib.blake2b(pair.encode("utf-8", "replace"), digest_size=8).digest()) >> 1


def is_loading(database: sqlite3.Connection) -> bool:
    """Check whether the tables are being filled anew, so that indexes are not there yet."""
    return database.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (LAST,)).fetchone() is None


def begin_load(database: sqlite3.Connection) -> None:
    """Prepare empty tables to be filled before their indexes are made."""
    if database.execute("SELECT 1 FROM pairs LIMIT 1").fetchone() is None:
        for name in INDEXES:
            database.execute(f"DROP INDEX IF EXISTS {name}")


def end_load(begin: Callable[[], AbstractContextManager[sqlite3.Connection]]) -> Iterator[float]:
    """Make the indexes, in several transactions; yields how much of it is done.

    Args:
        begin: Begins a transaction.
    """
    with begin() as database:
        (last,) = database.execute("SELECT coalesce(max(id), 0) FROM pairs").fetchone()
        database.execute("INSERT INTO found (found) VALUES ('delete-all')")
    parts = [*range(0, last, _FILLED_AT_ONCE)]
    steps = len(parts) + len(INDEXES) * 2
    for number, first in enumerate(parts, 1):
        with begin() as database:
            database.execute(
                "INSERT INTO found (rowid, words)"
                " SELECT words.id, words || ' _s' || sync || ' _t' || status || ' _r' || reason"
                " FROM words JOIN pairs USING (id) WHERE words.id > ? AND words.id <= ? AND words <> ''",
                (first, first + _FILLED_AT_ONCE),
            )
        yield number / steps
    for number, (name, statement) in enumerate(INDEXES.items(), 1):
        with begin() as database:
            database.execute(f"DROP INDEX IF EXISTS {name}")
            database.execute(statement)
        yield (len(parts) + 2 * number) / steps


def numbers_of(database: sqlite3.Connection, names: Iterable[str]) -> dict[str, int]:
    """Return the numbers that stand for names, without those that no row has."""
    rows = database.execute(
        "SELECT name, id FROM names WHERE name IN (SELECT value FROM json_each(?))", (json.dumps(list(names)),)
    )
    return dict(rows.fetchall())


def tallies(database: sqlite3.Connection) -> list[tuple[str, str, str, int]]:
    """Return how many pairs there are by sync, status and reason."""
    rows = database.execute(
        "SELECT sync.name, status, reason.name, n FROM tallies JOIN names AS sync ON sync.id = tallies.sync"
        " JOIN names AS reason ON reason.id = tallies.reason WHERE n > 0"
    )
    return [(sync, STATUSES[status], reason, number) for sync, status, reason, number in rows]


def oldest_pending(database: sqlite3.Connection) -> dict[str, int]:
    """Return, by sync, since when its oldest pending pair waits: one look into the index for each reason."""
    if is_loading(database):
        return {}
    first = "SELECT min(changed_ms) FROM pairs WHERE sync = ? AND status = ? AND reason = ?"
    rows = database.execute(
        "SELECT name, sync, status, reason FROM tallies JOIN names ON names.id = sync WHERE n > 0 AND status = ?",
        (STATUSES.index(Status.PENDING),),
    ).fetchall()
    found: dict[str, int] = {}
    for name, *place in rows:
        (since,) = database.execute(first, place).fetchone()
        found[name] = min(found.get(name, since), since)
    return found


def states(database: sqlite3.Connection, pairs: Sequence[str]) -> list[sqlite3.Row]:
    """Return the states of pairs."""
    sql = (
        "SELECT pair, state FROM json_each(?) AS asked CROSS JOIN pairs INDEXED BY pairs_tie ON pairs.tie = asked.value"
        " JOIN told ON told.id = pairs.id"
    )
    found = database.execute(sql, (json.dumps([tie_of(pair) for pair in pairs]),)).fetchall()
    return [row for row in found if row["pair"] in pairs]


def holding(database: sqlite3.Connection, sync: str, side: Side, record: str) -> list[sqlite3.Row]:
    """Return the state of the pair of a sync that holds a record; one that gave it away only when nobody else does.

    While the tables are filled anew there is no index of ids, so none is found.
    """
    column = f"{SPOKEN[side]}_id"
    if is_loading(database):
        return []
    return database.execute(
        f"SELECT state FROM told JOIN pairs ON pairs.id = told.id JOIN names ON names.id = pairs.sync"  # noqa: S608 - one of two columns
        f" WHERE {column} = ? AND names.name = ? ORDER BY status = ? LIMIT 1",
        (record, sync, STATUSES.index(Status.ABSORBED)),
    ).fetchall()


def take(database: sqlite3.Connection, batch: Sequence[Stored[Any]]) -> None:
    """Take states: of each pair the newest alone is kept."""
    newest: dict[str, tuple[Listed, bytes]] = {}
    removed: set[str] = set()
    told: list[Listed] = []
    settled: dict[str, int] = {}
    for stored in batch:
        pair: Listed | None = stored.message
        if pair is None:
            removed.add(stored.key)
            newest.pop(stored.key, None)
            told = [one for one in told if one.pair != stored.key]
            continue
        newest[pair.pair] = pair, stored.raw or b""
        told.append(pair)
        settled[pair.sync] = max(settled.get(pair.sync, 0), pair.synced_ms)
    old = _standing(database, [*newest, *removed])
    counted: Counter[_Place] = Counter()
    if removed:
        for table in ("steps", "awaited"):
            database.executemany(f"DELETE FROM {table} WHERE pair = ?", [(pair,) for pair in removed])  # noqa: S608 - one of two tables
        gone = [row for pair in removed if pair not in newest and (row := old.get(pair)) is not None]
        _remove(database, gone, counted)
    _put(database, newest, old, counted)
    database.executemany(
        "INSERT INTO tallies VALUES (?, ?, ?, ?) ON CONFLICT (sync, status, reason) DO UPDATE SET n = n + excluded.n",
        [(*place, by) for place, by in counted.items() if by],
    )
    count_delays(database, told)
    database.executemany(
        "INSERT INTO settled VALUES (?, ?) ON CONFLICT (sync) DO UPDATE SET at_ms = max(at_ms, excluded.at_ms)",
        list(settled.items()),
    )


def _standing(database: sqlite3.Connection, pairs: Sequence[str]) -> dict[str, _Old]:
    rows = database.execute(_OLD, (json.dumps([tie_of(pair) for pair in pairs]),))
    return {row[0]: _Old(*row[1:]) for row in rows}


def _remove(database: sqlite3.Connection, gone: Sequence[_Old], counted: Counter[_Place]) -> None:
    if not is_loading(database):
        _index(database, [(row.id, row.words, row.place) for row in gone], [])
    for table in ("pairs", "told", "words"):
        database.executemany(f"DELETE FROM {table} WHERE id = ?", [(row.id,) for row in gone])  # noqa: S608 - one of three tables
    counted.subtract(Counter(row.place for row in gone))


def _indexed(words: str, place: _Place) -> str:
    """Return what the index of words holds of a row: words with a `_` stand for sync, status and reason."""
    sync, status, reason = place
    return f"{words} _s{sync} _t{status} _r{reason}"


class _New(NamedTuple):
    """What a state says of a row."""

    sync: int
    status: int
    reason: int
    changed_ms: int
    name_key: str
    words: str
    told: tuple[str, str, str, str, bytes]
    """Label, identifier, the ids of both records, and the state."""


def _new(pair: Listed, raw: bytes, numbers: Mapping[str, int]) -> _New:
    """Return the row of a state; what no list shows is not searched, and sorted by nothing."""
    status = STATUSES.index(pair.status)
    where = numbers[pair.sync], status, numbers[pair.reason], pair.changed_ms
    if status >= SHOWN_CODES:
        return _New(*where, "", "", (pair.label, "", *ends_of(pair), raw))
    found = identifiers(pair)
    words, name_key = f" {' '.join(words_of(pair, found))}", folded(pair.label[: 2 * _NAME])[:_NAME]
    return _New(*where, name_key, words, (pair.label, found[0] if found else "", *ends_of(pair), raw))


def _put(
    database: sqlite3.Connection,
    newest: Mapping[str, tuple[Listed, bytes]],
    old: Mapping[str, _Old],
    counted: Counter[_Place],
) -> None:
    """Write the newest states: new rows, and of rows that stand only what differs."""
    numbers = _numbered(database, {name for pair, _ in newest.values() for name in (pair.sync, pair.reason)})
    (last,) = database.execute("SELECT coalesce(max(id), 0) FROM pairs").fetchone()
    made = [(name, _new(pair, raw, numbers)) for name, (pair, raw) in newest.items()]
    added = [(number, name, row) for number, (name, row) in enumerate((m for m in made if m[0] not in old), last + 1)]
    stands = [(old[name], row) for name, row in made if name in old]
    moved = [(before, row) for before, row in stands if before[1:6] != row[:5]]
    renamed = [(before, row) for before, row in stands if (before.words, before.place) != (row.words, row[:3])]
    many = database.executemany
    many("INSERT INTO pairs VALUES (?, ?, ?, ?, ?, ?, ?)", [(at, tie_of(name), *row[:5]) for at, name, row in added])
    many("INSERT INTO told VALUES (?, ?, ?, ?, ?, ?, ?)", [(at, name, *row.told) for at, name, row in added])
    many("INSERT INTO words VALUES (?, ?)", [(at, row.words) for at, _, row in added])
    many(
        "UPDATE pairs SET sync = ?, status = ?, reason = ?, changed_ms = ?, name_key = ? WHERE id = ?",
        [(*row[:5], before.id) for before, row in moved],
    )
    many(
        "UPDATE told SET label = ?, ident = ?, left_id = ?, right_id = ?, state = ? WHERE id = ?",
        [(*row.told, before.id) for before, row in stands],
    )
    many("UPDATE words SET words = ? WHERE id = ?", [(row.words, before.id) for before, row in renamed])
    counted.update(Counter(row[:3] for _, _, row in added))
    counted.update(Counter(row[:3] for _, row in moved))
    counted.subtract(Counter(before.place for before, _ in moved))
    if not is_loading(database):
        gone = [(before.id, before.words, before.place) for before, _ in renamed]
        come = [(before.id, row.words, row[:3]) for before, row in renamed]
        _index(database, gone, [*come, *((at, row.words, row[:3]) for at, _, row in added)])


def _index(database: sqlite3.Connection, gone: Sequence[_Searched], come: Sequence[_Searched]) -> None:
    """Take rows out of the index of words, and put others into it.

    In the order of their numbers: whenever one comes that lies before the last, the index writes to the file all that
    it has gathered, which costs more than all the rest.
    """
    changes = sorted(
        [*((at, 0, words, place) for at, words, place in gone), *((at, 1, words, place) for at, words, place in come)]
    )
    database.executemany(
        "INSERT INTO found (found, rowid, words) VALUES (?, ?, ?)",
        [(None if is_new else "delete", at, _indexed(words, place)) for at, is_new, words, place in changes if words],
    )


def _numbered(database: sqlite3.Connection, names: set[str]) -> dict[str, int]:
    """Return the numbers that stand for names; those that have none get one."""
    found = numbers_of(database, names)
    missing = [(name,) for name in sorted(names - found.keys())]
    if missing:
        database.executemany("INSERT INTO names (name) VALUES (?)", missing)
        found = numbers_of(database, names)
    return found
