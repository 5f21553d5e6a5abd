"""The console's views: what the journal says of every pair, in SQLite, so that lists and counts are quick.

They hold nothing of their own. A file that is lost or broken, or a journal that is shorter than the file believes
(another cluster, a topic made anew), means building them again from the beginning.
"""

import json
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from services.console.views import activities, hours, job_steps, lists, parking, rows
from services.console.views.activities import ActivityFilter
from services.console.views.lists import Found, Listing, PairRow
from services.console.views.parking import ParkedFilter
from services.console.views.past import KEPT_STEPS, take_history
from services.console.views.rows import SHOWN
from shared import logs
from shared.io.envelope import Stored
from shared.model import pairs
from shared.model.pairs import NewerState, Pair
from shared.model.records import Side
from shared.wire import topics
from shared.wire.messages import Cursor
from shared.wire.topics import Topic

FORM: Final = 101 * pairs.FORM + 11
"""Raised when the tables change: views of another form are built again, and so are those of other forms of states,
among which an older console left out what it could not read."""
_WRITE_CACHE_KIB: Final = 16_384
"""What whoever writes keeps of the file: states come in no order, so that each touches another page."""
_READ_CACHE_KIB: Final = 10_240
"""What each of those who read keeps of the file."""
_SNAPSHOT_CACHE_KIB: Final = 2_048
"""What whoever reads all of one moment keeps of it: each page of it is read once."""
READERS: Final = 4
"""Who reads at once at most: each more would keep more of the file in memory."""
_CHECKPOINT_PAGES: Final = 16_384
"""Pages in the log (64 MiB) before they are copied into the file: many are written more than once until then."""
_JOURNAL_BYTES: Final = 67_108_864
"""What the log is cut to once it was copied: it stays as long as a reader has held it up otherwise."""
_log = logs.get(__name__)

_TABLES: Final = (
    """CREATE TABLE steps (pair TEXT NOT NULL, rev INTEGER NOT NULL, at_ms INTEGER NOT NULL, cause TEXT NOT NULL,
    log TEXT NOT NULL, sealed TEXT NOT NULL, PRIMARY KEY (pair, rev)) WITHOUT ROWID""",
    job_steps.INDEX,
    "CREATE TABLE settled (sync TEXT PRIMARY KEY, at_ms INTEGER NOT NULL) WITHOUT ROWID",
    """CREATE TABLE cursors (feed TEXT PRIMARY KEY, complete_to_ms INTEGER NOT NULL, at_ms INTEGER NOT NULL,
    interval_s REAL NOT NULL, calls INTEGER NOT NULL) WITHOUT ROWID""",
    """CREATE TABLE positions (topic TEXT NOT NULL, part INTEGER NOT NULL, next INTEGER NOT NULL,
    PRIMARY KEY (topic, part)) WITHOUT ROWID""",
)


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


@dataclass(frozen=True, slots=True)
class Building:
    """How far the views are while they are built anew."""

    share: float
    """How much is done, from 0 to 1."""
    is_read: bool
    """Whether all records are there, and only what makes lists quick is not."""


class Views:
    """The SQLite file. Safe to use from several threads: one writes at a time, and few read at a time."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = path
        self._local = threading.local()
        self._write_lock = threading.RLock()
        self._writer: sqlite3.Connection | None = None
        self._readers = _Readers(lambda: self._connect(_READ_CACHE_KIB))
        self.building: Building | None = None
        """How far they are, while they are built anew."""
        self.watchers: list[Callable[[str, Sequence[Stored[Any]]], None]] = []
        """Are called with what was taken of a topic, by whoever writes."""
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

        The file stays where it can: others have it open.
        """
        try:
            with self._transaction() as database:
                tables = database.execute(
                    "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY sql LIKE 'CREATE VIRTUAL%' DESC"
                )
                for row in tables.fetchall():
                    database.execute(f"DROP TABLE IF EXISTS {row['name']}")
                _make(database)
        except sqlite3.DatabaseError:
            self.close()
            for suffix in ("", "-wal", "-shm"):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
            self._open()

    def close(self) -> None:
        """Close the file; it is opened again when it is used again."""
        with self._write_lock:
            if self._writer is not None:
                self._writer.close()
                self._writer = None
        self._readers.close()

    def _connect(self, cache_kib: int) -> sqlite3.Connection:
        database = sqlite3.connect(self._path, timeout=10, isolation_level=None, check_same_thread=False)
        database.row_factory = sqlite3.Row
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        database.execute(f"PRAGMA cache_size = -{cache_kib}")
        database.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        database.execute(f"PRAGMA journal_size_limit = {_JOURNAL_BYTES}")
        self._path.chmod(0o600)  # it names people; SQLite gives the files beside it the same mode
        return database

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._write_lock:
            if self._writer is None:
                self._writer = self._connect(_WRITE_CACHE_KIB)
            database = self._writer
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
            except BaseException:
                database.execute("ROLLBACK")
                raise
            database.execute("COMMIT")

    def _reading(self) -> AbstractContextManager[sqlite3.Connection]:
        """Lend a connection; whoever has one asks for no other."""
        snapshot: sqlite3.Connection | None = getattr(self._local, "snapshot", None)
        return self._readers.one() if snapshot is None else nullcontext(snapshot)

    # Writing

    def positions(self, topic: str) -> dict[int, int]:
        """Return where reading a topic goes on."""
        with self._reading() as database:
            found = database.execute("SELECT part, next FROM positions WHERE topic = ?", (topic,)).fetchall()
        return {row["part"]: row["next"] for row in found}

    def begin_build(self) -> None:
        """Begin to take pairs without what makes lists quick, where there are none yet."""
        with self._transaction() as database:
            rows.begin_load(database)
            if rows.is_loading(database):
                self.building = Building(0.0, is_read=False)

    def tell_read(self, share: float) -> None:
        """Record how much of the records is read, while the views are built anew."""
        if self.building is not None and not self.building.is_read:
            self.building = Building(share, is_read=False)

    def end_build(self) -> None:
        """Make what makes lists quick, unless it is there."""
        if self.building is not None:
            self.building = Building(0.0, is_read=True)
            for share in rows.end_load(self._transaction):
                self.building = Building(share, is_read=True)
            self.building = None

    def take(self, topic: str, stored: Sequence[Stored[Any]], positions: Mapping[int, int]) -> None:
        """Take messages of a topic, and remember how far it was read, in one transaction."""
        with self._transaction() as database:
            _WRITERS[topic](database, stored)
            database.executemany(
                "INSERT OR REPLACE INTO positions VALUES (?, ?, ?)",
                [(topic, part, offset) for part, offset in positions.items()],
            )
        for watcher in self.watchers:
            watcher(topic, stored)

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
        """Read from one snapshot: this thread sees all as it stood at its first look."""
        database = self._connect(_SNAPSHOT_CACHE_KIB)  # one of its own: it may be read for long
        database.execute("BEGIN")
        self._local.snapshot = database
        try:
            yield
        finally:
            self._local.snapshot = None
            database.close()

    def activity(self, before: int, limit: int, wanted: ActivityFilter) -> list[dict[str, Any]]:
        """List entries of the activity log, the newest first; *before* is the place of the last one shown, or 0."""
        with self._reading() as database:
            return activities.listed(database, wanted, before, limit)

    def counts(self) -> dict[str, dict[str, dict[str, int]]]:
        """Count pairs by sync, status and reason."""
        found: dict[str, dict[str, dict[str, int]]] = {}
        with self._reading() as database:
            for sync, status, reason, number in rows.tallies(database):
                if status in SHOWN:
                    found.setdefault(sync, {}).setdefault(status, {})[reason] = number
        return found

    def freshness(self) -> dict[str, tuple[int, int]]:
        """Return, by sync, when a pair was settled last, and since when the oldest one waits (ms, 0 for none)."""
        with self._reading() as database:
            oldest = rows.oldest_pending(database)
            settled = database.execute("SELECT sync, at_ms FROM settled").fetchall()
        return {sync: (settled_ms, oldest.get(sync, 0)) for sync, settled_ms in settled}

    def feeds(self) -> list[FeedRow]:
        """Return the feeds, in the order of their names."""
        with self._reading() as database:
            found = database.execute("SELECT feed, complete_to_ms, interval_s, calls FROM cursors ORDER BY feed")
            return [FeedRow(*row) for row in found]

    def parked(self) -> dict[str, int]:
        """Count parked messages by reason."""
        with self._reading() as database:
            return parking.counts(database)

    def parked_rows(
        self, before: int, limit: int, wanted: ParkedFilter | None = None, *, oldest: bool = False
    ) -> list[dict[str, Any]]:
        """List parked messages, the newest first; *before* is the number of the last one that was shown, or 0."""
        with self._reading() as database:
            return parking.waiting(database, wanted or ParkedFilter(), before, limit, oldest=oldest)

    def parked_number(self, wanted: ParkedFilter) -> int:
        """Count the parked messages that a filter chooses."""
        with self._reading() as database:
            return parking.number_waiting(database, wanted)

    def parked_named(self, ats: Sequence[int]) -> list[dict[str, Any]]:
        """List those of some messages that are parked still, the oldest first."""
        with self._reading() as database:
            return parking.named(database, ats)

    def parked_about(self, keys: Sequence[str]) -> list[dict[str, Any]]:
        """List the parked messages with one of these keys, the newest first."""
        with self._reading() as database:
            return parking.about(database, keys)

    def parked_decided(self, before: int, limit: int) -> list[dict[str, Any]]:
        """List what was decided of messages that were parked."""
        with self._reading() as database:
            return parking.decided(database, before, limit)

    def parked_topics(self) -> list[str]:
        """List the topics that parked messages come from."""
        with self._reading() as database:
            return parking.topics_of(database)

    def own_hours(self, since_ms: int) -> list[tuple[str, int, hours.Sums, float | None]]:
        """List what was added up here, and how long whoever kept each hour has looked."""
        with self._reading() as database:
            return list(hours.own(database, since_ms))

    def told_hours(self, name: str, since_ms: int) -> list[dict[str, Any]]:
        """List what is known of the hours of one sync or connection."""
        with self._reading() as database:
            return hours.told(database, name, since_ms)

    def listed(self, wanted: Listing) -> Found:
        """Return one page of a list of pairs."""
        with self._reading() as database:
            return lists.listed(database, wanted)

    def in_order(self, wanted: Listing, after: tuple[str, str]) -> list[PairRow]:
        """List pairs in an order in which none moves; *after* is sync and name of the last one that was read."""
        with self._reading() as database:
            return lists.in_order(database, wanted, after[1])

    def pair(self, name: str) -> Pair | None:
        """Return one pair by its name, which is unique over all syncs."""
        return next(iter(self.states([name])), None)

    def states(self, names: Sequence[str]) -> list[Pair]:
        """Return pairs by their names, in that order, without those that are no more."""
        with self._reading() as database:
            found = {pair.pair: pair for pair in _pairs(rows.states(database, names))}
        return [found[name] for name in names if name in found]

    def holding(self, sync: str, side: Side, record: str) -> Pair | None:
        """Return the pair that holds a record; one that gave it away only when nobody else does."""
        with self._reading() as database:
            return next(iter(_pairs(rows.holding(database, sync, side, record))), None)

    def steps(self, pair: str) -> list[dict[str, Any]]:
        """List what was decided about a pair, the newest first; the values are sealed."""
        with self._reading() as database:
            found = database.execute(
                "SELECT rev, at_ms, cause, log, sealed FROM steps WHERE pair = ? ORDER BY rev DESC LIMIT ?",
                (pair, KEPT_STEPS),
            ).fetchall()
        return [{**dict(row), "log": json.loads(row["log"])} for row in found]

    def led_to(self, trace: str, since_ms: int, after: str, limit: int, status: str) -> job_steps.LedPage:
        """Return a page of what the job with a trace led to."""
        with self._reading() as database:
            return job_steps.listed(database, trace, since_ms, after, limit, status)


class _Readers:
    """Connections that are lent to whoever reads: the last one that came back first, for it has the most at hand."""

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._free: queue.LifoQueue[sqlite3.Connection | None] = queue.LifoQueue()
        self._round = 0
        for _ in range(READERS):
            self._free.put(None)

    @contextmanager
    def one(self) -> Iterator[sqlite3.Connection]:
        """Lend one, once one is free."""
        database, begun = self._free.get(), self._round
        try:
            if database is None:
                database = self._connect()
            yield database
        finally:
            if database is not None and begun != self._round:
                database.close()
                database = None
            self._free.put(database)

    def close(self) -> None:
        """Close those that are free, and the others once they come back."""
        self._round += 1
        free = []
        with suppress(queue.Empty):
            while True:
                free.append(self._free.get_nowait())
        for database in free:
            if database is not None:
                database.close()
            self._free.put(None)


def _make(database: sqlite3.Connection) -> None:
    tables = (*_TABLES, *rows.TABLES, *rows.INDEXES.values(), *parking.TABLES, *activities.TABLES, *hours.TABLES)
    for statement in (*tables, *parking.TRIGGERS):
        database.execute(statement)
    database.execute(f"PRAGMA user_version = {FORM}")


def _pairs(found: Iterable[sqlite3.Row]) -> list[Pair]:
    """Read states, without those that a newer version wrote in a form which this one cannot read."""
    read = []
    for row in found:
        with suppress(NewerState):
            read.append(Pair.read(row["state"]))
    return read


def _take_cursors(database: sqlite3.Connection, batch: Sequence[Stored[Cursor]]) -> None:
    for stored in batch:
        if stored.message is None:
            database.execute("DELETE FROM cursors WHERE feed = ?", (stored.key,))
        else:
            told = stored.message
            row = (stored.key, told.complete_to_ms, told.at_ms, told.interval_s, told.calls)
            database.execute("INSERT OR REPLACE INTO cursors VALUES (?, ?, ?, ?, ?)", row)


_WRITERS: Final[Mapping[str, Any]] = {
    topics.PAIR_STATE.name: rows.take,
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
