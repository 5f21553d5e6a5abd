"""The console's views: what the journal says of every pair, in SQLite, so that lists and counts are quick.

They hold nothing of their own. A file that is lost or broken, or a journal that is shorter than the file believes
(another cluster, a topic made anew), means building them again from the beginning.
"""

import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from services.console.views import activities, hours, lists, parking, tallies
from services.console.views.activities import ActivityFilter
from services.console.views.lists import Found, Listing, PairRow
from services.console.views.parking import ParkedFilter
from services.console.views.past import KEPT_STEPS, take_history
from shared import logs, topics
from shared.core import pairs
from shared.core.pairs import Pair
from shared.core.searching import identifiers, words_of
from shared.io.envelope import Stored
from shared.messages import Cursor
from shared.topics import Topic

FORM: Final = 101 * pairs.FORM + 9
"""Raised when the tables change: views of another form are built again, and so are those of other forms of states,
among which an older console left out what it could not read."""
SHOWN: Final = ("in_sync", "pending", "failing", "excluded")
_CACHE_KIB: Final = 16_384
"""What the thread that writes keeps of the file: states come in no order, so that each touches another page."""
_CHECKPOINT_PAGES: Final = 16_384
"""Pages in the log (64 MiB) before they are copied into the file: many are written more than once until then."""
_JOURNAL_BYTES: Final = 67_108_864
"""What the log is cut to once it was copied: it stays as long as a reader has held it up otherwise."""
_log = logs.get(__name__)

_TABLES: Final = """
CREATE TABLE pairs (
  sync TEXT NOT NULL, pair TEXT NOT NULL UNIQUE, status TEXT NOT NULL, reason TEXT NOT NULL, label TEXT NOT NULL,
  left_id TEXT NOT NULL, right_id TEXT NOT NULL, changed_ms INTEGER NOT NULL, ident TEXT NOT NULL, words TEXT NOT NULL,
  state TEXT NOT NULL);
CREATE INDEX pairs_listed ON pairs (sync, pair);
CREATE INDEX pairs_left ON pairs (left_id);
CREATE INDEX pairs_right ON pairs (right_id);
CREATE TABLE steps (pair TEXT NOT NULL, rev INTEGER NOT NULL, at_ms INTEGER NOT NULL, cause TEXT NOT NULL,
  log TEXT NOT NULL, sealed TEXT NOT NULL, PRIMARY KEY (pair, rev)) WITHOUT ROWID;
CREATE TABLE settled (sync TEXT PRIMARY KEY, at_ms INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE cursors (feed TEXT PRIMARY KEY, complete_to_ms INTEGER NOT NULL, at_ms INTEGER NOT NULL,
  interval_s REAL NOT NULL, calls INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE positions (topic TEXT NOT NULL, part INTEGER NOT NULL, next INTEGER NOT NULL, PRIMARY KEY (topic, part))
  WITHOUT ROWID;
"""


_UPSERT: Final = """
INSERT INTO pairs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (pair) DO UPDATE SET status = excluded.status, reason = excluded.reason, label = excluded.label,
  left_id = excluded.left_id, right_id = excluded.right_id, changed_ms = excluded.changed_ms,
  ident = excluded.ident, words = excluded.words, state = excluded.state
"""
"""A replaced row would leave and enter every index again; an updated one only those whose columns changed."""


@dataclass(frozen=True, slots=True)
class FeedRow:
    """How fresh a feed is."""

    name: str
    complete_to_ms: int
    """The moment up to which it has told everything."""
    interval_s: float
    """The time between the beginnings of its last two rounds; 0 where it is not known."""
    calls: int
    """Calls that a round takes, where that grows with the records that are linked."""


class Views:
    """The SQLite file. Safe to use from several threads; one of them writes."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = path
        self._local = threading.local()
        try:
            self._open()
        except sqlite3.DatabaseError as error:
            _log.warning("views_built_again", detail=str(error))
            self.clear()

    def _open(self) -> None:
        with self._transaction() as database:
            form = database.execute("PRAGMA user_version").fetchone()[0]
            if form not in (0, FORM):
                raise sqlite3.DatabaseError(f"the views have form {form}, not {FORM}")
            if form == 0:
                _make(database)

    def clear(self) -> None:
        """Forget everything, to be read again from the journal.

        The file stays where it can: other threads have it open, and would go on reading a removed one for ever.
        """
        try:
            with self._transaction() as database:
                for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                    database.execute(f"DROP TABLE {row['name']}")
                _make(database)
        except sqlite3.DatabaseError:
            self.close()
            for suffix in ("", "-wal", "-shm"):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
            self._open()

    def close(self) -> None:
        """Close this thread's connection."""
        database = getattr(self._local, "database", None)
        if database is not None:
            database.close()
            self._local.database = None

    def _connection(self) -> sqlite3.Connection:
        database: sqlite3.Connection | None = getattr(self._local, "database", None)
        if database is None:
            database = sqlite3.connect(self._path, timeout=10, isolation_level=None)
            database.row_factory = sqlite3.Row
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = NORMAL")
            database.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
            database.execute(f"PRAGMA journal_size_limit = {_JOURNAL_BYTES}")
            self._path.chmod(0o600)  # it names people; SQLite gives the files beside it the same mode
            self._local.database = database
        return database

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        database = self._connection()
        database.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")  # of this thread alone: others only read
        database.execute("BEGIN IMMEDIATE")
        try:
            yield database
        except BaseException:
            database.execute("ROLLBACK")
            raise
        database.execute("COMMIT")

    # Writing

    def positions(self, topic: str) -> dict[int, int]:
        """Tell where reading a topic goes on."""
        rows = self._connection().execute("SELECT part, next FROM positions WHERE topic = ?", (topic,))
        return {row["part"]: row["next"] for row in rows}

    def take(self, topic: str, stored: Sequence[Stored[Any]], positions: Mapping[int, int]) -> None:
        """Take messages of a topic, and remember how far it was read, in one transaction."""
        with self._transaction() as database:
            _WRITERS[topic](database, stored)
            database.executemany(
                "INSERT OR REPLACE INTO positions VALUES (?, ?, ?)",
                [(topic, part, offset) for part, offset in positions.items()],
            )

    def forget_before(self, at_ms: int) -> None:
        """Remove the steps of the history that are older."""
        with self._transaction() as database:
            database.execute("DELETE FROM steps WHERE at_ms < ?", (at_ms,))

    def forget_parked_before(self, at_ms: int) -> None:
        """Remove the parked messages that are older, which Kafka has forgotten."""
        with self._transaction() as database:
            parking.forget_before(database, at_ms)

    def forget_activity_before(self, at_ms: int) -> None:
        """Remove the entries of the activity log that are older."""
        with self._transaction() as database:
            activities.forget_before(database, at_ms)

    def forget_hours_before(self, at_ms: int) -> None:
        """Remove the hours that are older."""
        with self._transaction() as database:
            hours.forget_before(database, at_ms)

    def add_hours(self, found: Mapping[tuple[str, int], hours.Sums]) -> None:
        """Add to what was added up of names and hours."""
        with self._transaction() as database:
            hours.add(database, found)

    # Reading

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Have all that this thread reads meanwhile stand as it stood at the first look."""
        database = self._connection()
        database.execute("BEGIN")
        try:
            yield
        finally:
            database.execute("ROLLBACK")

    def activity(self, before: int, limit: int, wanted: ActivityFilter) -> list[dict[str, Any]]:
        """List entries of the activity log, the newest first; *before* is the place of the last one shown, or 0."""
        return activities.listed(self._connection(), wanted, before, limit)

    def counts(self) -> dict[str, dict[str, dict[str, int]]]:
        """Count pairs by sync, status and reason."""
        found: dict[str, dict[str, dict[str, int]]] = {}
        for sync, status, reason, number in tallies.pairs(self._connection()):
            if status in SHOWN:
                found.setdefault(sync, {}).setdefault(status, {})[reason] = number
        return found

    def freshness(self) -> dict[str, tuple[int, int]]:
        """Give, by sync, when a pair was settled last, and since when the oldest one waits (0 for none)."""
        database = self._connection()
        oldest = tallies.oldest_pending(database)
        return {
            sync: (settled_ms, oldest.get(sync, 0))
            for sync, settled_ms in database.execute("SELECT sync, at_ms FROM settled").fetchall()
        }

    def feeds(self) -> list[FeedRow]:
        """Return the feeds, in the order of their names."""
        rows = self._connection().execute("SELECT feed, complete_to_ms, interval_s, calls FROM cursors ORDER BY feed")
        return [FeedRow(*row) for row in rows]

    def parked(self) -> dict[str, int]:
        """Count parked messages by reason."""
        return tallies.parked(self._connection())

    def parked_rows(
        self, before: int, limit: int, wanted: ParkedFilter | None = None, *, oldest: bool = False
    ) -> list[dict[str, Any]]:
        """List parked messages, the newest first; *before* is the number of the last one that was shown, or 0."""
        return parking.waiting(self._connection(), wanted or ParkedFilter(), before, limit, oldest=oldest)

    def parked_number(self, wanted: ParkedFilter) -> int:
        """Count the parked messages that a filter chooses."""
        return parking.number_waiting(self._connection(), wanted)

    def parked_named(self, ats: Sequence[int]) -> list[dict[str, Any]]:
        """List those of some messages that are parked still, the oldest first."""
        return parking.named(self._connection(), ats)

    def parked_about(self, keys: Sequence[str]) -> list[dict[str, Any]]:
        """List the parked messages with one of these keys, the newest first."""
        return parking.about(self._connection(), keys)

    def parked_decided(self, before: int, limit: int) -> list[dict[str, Any]]:
        """List what was decided of messages that were parked."""
        return parking.decided(self._connection(), before, limit)

    def parked_topics(self) -> list[str]:
        """List the topics that parked messages come from."""
        return parking.topics_of(self._connection())

    def own_hours(self, since_ms: int) -> Iterator[tuple[str, int, hours.Sums, float | None]]:
        """Yield what was added up here, and how long whoever kept each hour has looked."""
        return hours.own(self._connection(), since_ms)

    def told_hours(self, name: str, since_ms: int) -> list[dict[str, Any]]:
        """List what is known of the hours of one sync or connection."""
        return hours.told(self._connection(), name, since_ms)

    def newest(self, wanted: Listing) -> Found:
        """List pairs, the newest change first."""
        return lists.newest(self._connection(), wanted, self.counts(), SHOWN)

    def in_order(self, wanted: Listing, after: tuple[str, str]) -> list[PairRow]:
        """List pairs in the order of sync and pair."""
        return lists.in_order(self._connection(), wanted, after, SHOWN)

    def pair(self, name: str) -> Pair | None:
        """Give one pair by its name, which is unique over all syncs."""
        row = self._connection().execute("SELECT state FROM pairs WHERE pair = ?", (name,)).fetchone()
        return _pair(row) if row else None

    def states(self, names: Sequence[str]) -> list[Pair]:
        """Return pairs by their names, in that order, without those that are no more."""
        marks = ", ".join("?" * len(names))
        rows = self._connection().execute(f"SELECT pair, state FROM pairs WHERE pair IN ({marks})", tuple(names))  # noqa: S608 - only question marks are put in
        found = {row["pair"]: _pair(row) for row in rows}
        return [found[name] for name in names if name in found]

    def holding(self, sync: str, side: str, record: str) -> Pair | None:
        """Give the pair that holds a record; one that gave it away only when nobody else does."""
        column = "left_id" if side == "L" else "right_id"
        row = (
            self._connection()
            .execute(
                f"SELECT state FROM pairs WHERE sync = ? AND {column} = ? ORDER BY status = 'absorbed' LIMIT 1",  # noqa: S608 - one of two columns
                (sync, record),
            )
            .fetchone()
        )
        return _pair(row) if row else None

    def steps(self, pair: str) -> list[dict[str, Any]]:
        """List what was decided about a pair, the newest first; the values are sealed."""
        rows = self._connection().execute(
            "SELECT rev, at_ms, cause, log, sealed FROM steps WHERE pair = ? ORDER BY rev DESC LIMIT ?",
            (pair, KEPT_STEPS),
        )
        return [{**dict(row), "log": json.loads(row["log"])} for row in rows]


def _make(database: sqlite3.Connection) -> None:
    tables = (*_TABLES.split(";"), *parking.TABLES, *activities.TABLES, *hours.TABLES, *tallies.TABLES)
    for statement in (*tables, *lists.INDEXES, *tallies.TRIGGERS):
        database.execute(statement)
    database.execute(f"PRAGMA user_version = {FORM}")


def _pair(row: sqlite3.Row) -> Pair:
    return Pair.read(row["state"])


def _take_pairs(database: sqlite3.Connection, batch: Sequence[Stored[Pair]]) -> None:
    """Take states: of each pair the newest alone is kept."""
    removed = {stored.key: number for number, stored in enumerate(batch) if stored.message is None}
    kept = [
        (stored, pair)
        for number, stored in enumerate(batch)
        if (pair := stored.message) is not None and number > removed.get(stored.key, -1)
    ]
    newest = {(pair.sync, pair.pair): _row(pair, stored.raw) for stored, pair in kept}
    for table in ("pairs", "steps", "awaited"):
        database.executemany(f"DELETE FROM {table} WHERE pair = ?", [(key,) for key in removed])  # noqa: S608 - one of three tables
    database.executemany(_UPSERT, list(newest.values()))
    hours.count_delays(database, [pair for _, pair in kept])
    database.executemany(
        "INSERT INTO settled VALUES (?, ?) ON CONFLICT (sync) DO UPDATE SET at_ms = max(at_ms, excluded.at_ms)",
        list(_settled(batch).items()),
    )


def _row(pair: Pair, raw: bytes | None) -> tuple[object, ...]:
    left, right = pair.L.id if pair.L else "", pair.R.id if pair.R else ""
    found = identifiers(pair)
    return (
        pair.sync, pair.pair, pair.status, pair.reason, pair.label, left, right, pair.changed_ms,
        next(iter(found), ""), words_of(pair, found),
        (raw or b"").decode(),
    )  # fmt: skip


def _settled(batch: Sequence[Stored[Pair]]) -> dict[str, int]:
    """Tell, by sync, when a pair was settled last, be it removed since."""
    found: dict[str, int] = {}
    for stored in batch:
        pair = stored.message
        if pair is not None:
            found[pair.sync] = max(found.get(pair.sync, 0), pair.synced_ms)
    return found


def _take_cursors(database: sqlite3.Connection, batch: Sequence[Stored[Cursor]]) -> None:
    for stored in batch:
        if stored.message is None:
            database.execute("DELETE FROM cursors WHERE feed = ?", (stored.key,))
        else:
            told = stored.message
            row = (stored.key, told.complete_to_ms, told.at_ms, told.interval_s, told.calls)
            database.execute("INSERT OR REPLACE INTO cursors VALUES (?, ?, ?, ?, ?)", row)


_WRITERS: Final[Mapping[str, Any]] = {
    topics.PAIR_STATE.name: _take_pairs,
    topics.HISTORY.name: take_history,
    topics.CURSORS.name: _take_cursors,
    topics.PARKED.name: parking.take_parked,
    topics.PARKED_DECISIONS.name: parking.take_decisions,
    topics.HEALTH.name: hours.take_hours,
    topics.ACTIVITY.name: activities.take,
}
FOLLOWED: Final[tuple[Topic[Any], ...]] = (
    topics.PAIR_STATE,
    topics.HISTORY,
    topics.CURSORS,
    topics.PARKED,
    topics.PARKED_DECISIONS,
    topics.HEALTH,
    topics.ACTIVITY,
)
