"""Lists of pairs: how many match is mostly known beforehand, so the cheapest of four plans is taken.

*Hits*: few pairs are found by the words of a text, or fit the filters while something must be looked for in each:
these are looked up, tested and sorted. *Merge*: without a text, each sync, status and reason that fits has its newest
pairs at the end of one index; the ends are merged. *Walk*: everything else goes along the index of the order, block by
block, and stops when a page is full, or when it has cost so much that the page would be slow: the next one goes on from
there. *Load*: while the tables are filled anew there are no indexes, so pairs are gone through in an order that means
nothing.
"""

import json
import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Literal, NamedTuple, TypeAlias

from pydantic import Field

from services.console.views import rows
from services.console.views.glance import STATUSES
from shared.rules.searching import words

Sort: TypeAlias = Literal["-changed", "changed", "name", "-name"]
Counts: TypeAlias = Mapping[str, Mapping[str, Mapping[str, int]]]
"""How many pairs there are by sync, status and reason."""

SMALL: Final = 20_000
"""Pairs that are looked at one by one rather than walked along."""
SMALL_WITH_TEXT: Final = 8_000
"""The same where words are looked for in each of them: few of them lie beside one another."""
COLLECTED: Final = 60_000
"""Entries of the index of words that one word may collect."""
PARTS: Final = 2_000
"""Syncs, statuses and reasons whose ends are merged at most."""
COUNTED: Final = 10_000
"""Up to which matches are counted where no kept number says how many there are."""
_WALK_S: Final = 0.09
"""Processor time after which a walk ends, and the next page goes on from there."""
_BLOCK_S: Final = 0.015
"""Processor time that one block of it takes, about."""
_BLOCK: Final = 1_000
"""Pairs of the first block; the next ones are as large as their time allows, by what the one before took."""
_LARGEST_BLOCK: Final = 100_000
_NUMBERS_IN_WORDS: Final = 32
"""Syncs that are looked for in the index of words; more would make the question long, and narrow it little."""
_INDEXED_PREFIX: Final = 3
"""Signs of a word's beginning that have an index of their own."""
_ROWS: Final = """
SELECT sync.name, told.pair, pairs.status, reason.name, label, ident, left_id, right_id, changed_ms
FROM json_each(?) AS asked CROSS JOIN pairs ON pairs.id = asked.value CROSS JOIN told ON told.id = pairs.id
JOIN names AS sync ON sync.id = pairs.sync JOIN names AS reason ON reason.id = pairs.reason ORDER BY asked.key
"""


class Place(NamedTuple):
    """A place in a list, the same on every replica."""

    order: Annotated[str, Field(max_length=20)]
    """How the list is sorted."""
    key: Annotated[int, Field(ge=0, lt=2**63)] | Annotated[str, Field(max_length=200)]
    """What the row before it is sorted by: when it changed, or its name."""
    tie: Annotated[int, Field(ge=0, lt=2**63)]
    """The number that tells that row from others that are alike."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Which pairs to list."""

    syncs: tuple[str, ...] | None = None
    """Those of some syncs; of all when None."""
    status: str = ""
    reason: str = ""
    text: str = ""
    since_ms: int = 0
    sort: Sort = "-changed"
    after: Place | None = None
    """Where the page begins; a place in a list that is sorted otherwise counts for nothing."""
    limit: int = 50


@dataclass(frozen=True, slots=True)
class PairRow:
    """One pair in a list."""

    sync: str
    pair: str
    status: str
    reason: str
    label: str
    ident: str
    left_id: str
    right_id: str
    changed_ms: int


@dataclass(frozen=True, slots=True)
class Total:
    """How many pairs a list has in all."""

    number: int
    exact: bool
    """Otherwise there are more."""


@dataclass(frozen=True, slots=True)
class Found:
    """One page of a list."""

    rows: list[PairRow]
    total: Total | None
    """How many pairs there are in all, where that costs little."""
    next: Place | None
    """Where the next page begins; None after the last one."""
    is_full: bool
    """Whether the page holds as many pairs as it was to; otherwise so many were looked at that it ends here."""
    is_loading: bool = False
    """Whether the tables are being filled, so that the list is in no order and has not got everything yet."""


class _Order(NamedTuple):
    """How a list is sorted."""

    name: str
    key: str
    down: bool
    walk: str
    """The index of all pairs in that order."""
    part: str = ""
    """The index of the pairs of one sync, status and reason in that order."""

    @property
    def sql(self) -> str:
        """Return the order as SQL."""
        way = "DESC" if self.down else "ASC"
        return f"ORDER BY {self.key} {way}, tie {way}"

    @property
    def after(self) -> str:
        """Return the condition that a pair comes after a place."""
        return f"({self.key}, tie) {'<' if self.down else '>'} (?, ?)"

    @property
    def until(self) -> str:
        """Return the condition that a pair comes no later than a place."""
        return f"({self.key}, tie) {'>=' if self.down else '<='} (?, ?)"

    def place(self, row: "_Id") -> Place:
        """Return the place after a pair."""
        return Place(self.name, row[0], row[1])

    def sorted(self, found: Sequence["_Id"], after: Place | None) -> list["_Id"]:
        """Return pairs in this order, without those before a place."""
        rest = found
        if after is not None:
            at = after.key, after.tie
            rest = [row for row in found if (row[:2] < at if self.down else row[:2] > at)]
        return sorted(rest, reverse=self.down)


_Id: TypeAlias = tuple[int | str, int, int]
"""What a pair is sorted by, its tie, and its row."""
_Part: TypeAlias = tuple[int, int, int]
"""A sync, a status and a reason, by their numbers."""
_ORDERS: Final = {
    row.name: row
    for row in (
        _Order("-changed", "changed_ms", down=True, walk="pairs_newest", part="pairs_status"),
        _Order("changed", "changed_ms", down=False, walk="pairs_newest", part="pairs_status"),
        _Order("name", "name_key", down=False, walk="pairs_names", part="pairs_status_names"),
        _Order("-name", "name_key", down=True, walk="pairs_names", part="pairs_status_names"),
    )
}
_LOADING: Final = _Order("loading", "tie", down=True, walk="pairs_tie")


@dataclass(frozen=True, slots=True)
class _Asked:
    """A listing as the tables know it."""

    order: _Order
    after: Place | None
    limit: int
    parts: Mapping[_Part, int]
    """Syncs, statuses and reasons that fit, and how many pairs each has."""
    where: str
    """The conditions on sync, status, reason and time."""
    given: list[object]
    since_ms: int
    words: list[str]
    syncs: Sequence[int] | None
    statuses: Sequence[int] | None
    reasons: Sequence[int] | None
    began: float
    """When the thread began, by its processor time."""

    @property
    def number(self) -> int:
        """Return how many pairs fit without regard to time and text."""
        return sum(self.parts.values())


def matching(wanted: Listing, counts: Counts) -> int:
    """Return how many pairs fit a list's sync, status and reason."""
    return sum(
        number
        for sync, statuses in counts.items()
        if wanted.syncs is None or sync in wanted.syncs
        for status, reasons in statuses.items()
        if wanted.status in ("", status)
        for reason, number in reasons.items()
        if wanted.reason in ("", reason)
    )


def listed(database: sqlite3.Connection, wanted: Listing) -> Found:
    """Return one page of a list."""
    is_loading = rows.is_loading(database)
    asked = _asked(database, wanted, _LOADING if is_loading else _ORDERS[wanted.sort])
    if not asked.parts or (wanted.text and not asked.words):
        return Found([], Total(0, exact=True), None, is_full=False, is_loading=is_loading)
    if is_loading:
        return _walked(database, asked, asked.words, None, is_loading=True)
    if not asked.words:
        return _without_text(database, asked)
    few, common = _hits(database, asked)
    if len(few) <= (SMALL_WITH_TEXT if common else SMALL):
        return _tested(database, asked, few, common)
    if asked.number <= SMALL_WITH_TEXT:
        return _tested(database, asked, _gathered(database, asked), asked.words)
    is_counted = not common and not asked.since_ms and wanted.status == wanted.reason == ""
    return _walked(database, asked, asked.words, Total(COUNTED, exact=False) if is_counted else None)


def _without_text(database: sqlite3.Connection, asked: _Asked) -> Found:
    """Return a page of a list that no text narrows: its parts are counted, and their ends merged."""
    total = Total(asked.number, exact=True)
    if asked.since_ms:
        total = _counted(database, asked)
        if total.exact and total.number <= SMALL and asked.order.key != "changed_ms":
            return _tested(database, asked, _gathered(database, asked), [])
    if len(asked.parts) > PARTS or (asked.since_ms and asked.order.key != "changed_ms"):
        return _walked(database, asked, [], total)
    return _page(database, asked, _merged(database, asked), total)


def _asked(database: sqlite3.Connection, wanted: Listing, order: _Order) -> _Asked:
    began = time.thread_time()
    names = (*(wanted.syncs or ()), *((wanted.reason,) if wanted.reason else ()))
    numbers = rows.numbers_of(database, names) if names else {}
    syncs = None if wanted.syncs is None else [numbers[name] for name in wanted.syncs if name in numbers]
    status = STATUSES.index(wanted.status) if wanted.status else None
    reason = numbers.get(wanted.reason, -1) if wanted.reason else None
    chosen = None if syncs is None else frozenset(syncs)
    counted = database.execute("SELECT sync, status, reason, n FROM tallies WHERE n > 0 AND status < ?", (_SHOWN,))
    parts = {
        (row[0], row[1], row[2]): row[3]
        for row in counted
        if (chosen is None or row[0] in chosen) and status in (None, row[1]) and reason in (None, row[2])
    }
    where, given = ["status < ?"], list[object]([_SHOWN])
    for column, value in (("status", status), ("reason", reason)):
        if value is not None:
            where.append(f"{column} = ?")
            given.append(value)
    if syncs is not None:
        where.append("sync IN (SELECT value FROM json_each(?))")
        given.append(json.dumps(syncs))
    if wanted.since_ms:
        where.append("changed_ms >= ?")
        given.append(wanted.since_ms)
    after = wanted.after if wanted.after is not None and wanted.after.order == order.name else None
    return _Asked(
        order, after, wanted.limit, parts, " AND ".join(where), given, wanted.since_ms, words(wanted.text), syncs,
        None if status is None else (status,), None if reason is None else (reason,), began,
    )  # fmt: skip


_SHOWN: Final = rows.SHOWN_CODES


def _holding(asked: Sequence[str]) -> tuple[str, list[object]]:
    """Return the condition that a pair has words which begin so."""
    if not asked:
        return "1", []
    tests = " AND ".join("instr(words.words, ?)" for _ in asked)
    return f"(SELECT {tests} FROM words WHERE words.id = pairs.id)", [f" {word}" for word in asked]  # noqa: S608 - all values are bound


def _counted(database: sqlite3.Connection, asked: _Asked) -> Total:
    """Return how many pairs of a list have changed since, up to a limit."""
    sql = (
        "SELECT count(*) FROM (SELECT 1 FROM pairs INDEXED BY pairs_status"
        " WHERE sync = ? AND status = ? AND reason = ? AND changed_ms >= ? LIMIT ?)"
    )
    number = 0
    for part in asked.parts:
        number += database.execute(sql, (*part, asked.since_ms, COUNTED + 1 - number)).fetchone()[0]
        if number > COUNTED:
            return Total(COUNTED, exact=False)
    return Total(number, exact=True)


def _gathered(database: sqlite3.Connection, asked: _Asked) -> list[int]:
    """Return the rows that fit without regard to the text, of which there are few."""
    sql = (
        "SELECT id FROM pairs INDEXED BY pairs_status WHERE sync = ? AND status = ? AND reason = ? AND changed_ms >= ?"
    )
    return sorted(row for part in asked.parts for (row,) in database.execute(sql, (*part, asked.since_ms)))


def _hits(database: sqlite3.Connection, asked: _Asked) -> tuple[list[int], list[str]]:
    """Return the rows that the index of words finds, up to one more than few; and words that are yet to be looked for.

    A word that very many begin with would have the index collect all of them first: of such a word it is asked only for
    the first signs, which it keeps collected, and the whole word is looked for in what that finds.
    """
    common = [word for word in asked.words if len(word) > _INDEXED_PREFIX and _is_common(database, word)]
    parts = [f'"{word[:_INDEXED_PREFIX] if word in common else word}" *' for word in asked.words]
    for sign, numbers in (("s", asked.syncs), ("t", asked.statuses), ("r", asked.reasons)):
        if numbers is not None and len(numbers) <= _NUMBERS_IN_WORDS:
            parts.append(f"({' OR '.join(f'_{sign}{number}' for number in numbers)})")
    sql = "SELECT rowid FROM found WHERE found MATCH ? LIMIT ?"
    return [row[0] for row in database.execute(sql, (" AND ".join(parts), SMALL + 1))], common


def _is_common(database: sqlite3.Connection, word: str) -> bool:
    """Check whether a word begins so many others, or in so many pairs, that the index had to collect very many."""
    number = 0
    begins = "SELECT doc FROM vocabulary WHERE term >= ? AND term < ?"
    for (pairs,) in database.execute(begins, (word, f"{word}\U0010ffff")):
        number += pairs
        if number > COLLECTED:
            return True
    return False


def _tested(database: sqlite3.Connection, asked: _Asked, ids: Sequence[int], looked_for: Sequence[str]) -> Found:
    """Return a page of the list, of rows among which are all that fit."""
    held, given = _holding(looked_for)
    sql = (
        f"SELECT {asked.order.key}, tie, pairs.id FROM json_each(?) AS hit CROSS JOIN pairs ON pairs.id = hit.value"  # noqa: S608 - all values are bound
        f" WHERE {asked.where} AND {held}"
    )
    found = _ids(database, sql, (json.dumps(list(ids)), *asked.given, *given))
    return _page(database, asked, asked.order.sorted(found, asked.after), Total(len(found), exact=True))


def _ids(database: sqlite3.Connection, sql: str, given: Sequence[object]) -> list[_Id]:
    """Return rows that can be sorted."""
    cursor = database.cursor()
    cursor.row_factory = None
    return cursor.execute(sql, given).fetchall()


def _merged(database: sqlite3.Connection, asked: _Asked) -> list[_Id]:
    """Return the first pairs of all parts, each of which has its own at one end of an index."""
    order, limit = asked.order, asked.limit + 1
    conditions, given = "", list[object]()
    if asked.after is not None:
        conditions, given = f" AND {order.after}", [asked.after.key, asked.after.tie]
    if asked.since_ms:
        conditions, given = f"{conditions} AND changed_ms >= ?", [*given, asked.since_ms]
    head = (
        f"SELECT {order.key}, tie, id FROM pairs INDEXED BY {order.part}"  # noqa: S608 - all values are bound
        f" WHERE sync = ? AND status = ? AND reason = ?{conditions}"
    )
    tail = f" {order.sql} LIMIT ?"
    found: list[_Id] = []
    for part in sorted(asked.parts, key=lambda one: -asked.parts[one]):
        if len(found) < limit:
            new = _ids(database, f"{head}{tail}", (*part, *given, limit))
        else:  # what comes after the last of those that are known is not needed
            bounds = (*part, *given, *found[-1][:2], limit)
            new = _ids(database, f"{head} AND {order.until}{tail}", bounds)
        if new:
            found = sorted([*found, *new], reverse=order.down)[:limit]
    return found


def _walked(
    database: sqlite3.Connection,
    asked: _Asked,
    looked_for: Sequence[str],
    total: Total | None,
    *,
    is_loading: bool = False,
) -> Found:
    """Return a page of the list by going along its order, as far as the page may cost."""
    order, place, size, found = asked.order, asked.after, _BLOCK, list[_Id]()
    held, words_given = _holding(looked_for)
    bound, bound_given = ("changed_ms >= ?", [asked.since_ms]) if order.key == "changed_ms" else ("1", list[int]())
    while True:
        at = time.thread_time()
        after, after_given = ("1", list[object]()) if place is None else (order.after, [place.key, place.tie])
        block = f"FROM pairs INDEXED BY {order.walk} WHERE {after} AND {bound}"
        given = [*after_given, *bound_given]
        last = database.execute(
            f"SELECT {order.key}, tie, id {block} {order.sql} LIMIT 1 OFFSET ?", (*given, size - 1)
        ).fetchone()
        until, until_given = ("1", list[object]()) if last is None else (order.until, [last[0], last[1]])
        missing = asked.limit + 1 - len(found)
        sql = f"SELECT {order.key}, tie, id {block} AND {until} AND {asked.where} AND {held} {order.sql} LIMIT ?"
        found += _ids(database, sql, (*given, *until_given, *asked.given, *words_given, missing))
        if last is None or len(found) > asked.limit:
            return _page(database, asked, found, total, is_loading=is_loading)
        place, now = order.place(last), time.thread_time()
        if now - asked.began > _WALK_S:
            return _page(database, asked, found, total, further=place, is_loading=is_loading)
        size = min(int(size * min(2.0, _BLOCK_S / max(now - at, 1e-6))) + 1, _LARGEST_BLOCK)


def _page(
    database: sqlite3.Connection,
    asked: _Asked,
    found: Sequence[_Id],
    total: Total | None,
    *,
    further: Place | None = None,
    is_loading: bool = False,
) -> Found:
    """Return the first of the pairs that were found, with what a page shows of them."""
    shown = found[: asked.limit]
    read = database.execute(_ROWS, (json.dumps([row[2] for row in shown]),)).fetchall() if shown else []
    is_full = len(found) > asked.limit
    if total is None and asked.after is None:
        total = Total(len(shown), exact=not is_full and further is None)
    return Found(
        [PairRow(row[0], row[1], STATUSES[row[2]], *row[3:]) for row in read],
        total,
        asked.order.place(shown[-1]) if is_full else further,
        is_full=is_full,
        is_loading=is_loading,
    )


def in_order(database: sqlite3.Connection, wanted: Listing, after: str) -> list[PairRow]:
    """Return the next pairs in an order of their names, in which none moves while they are read one after another.

    Args:
        database: The views.
        wanted: Which pairs, and how many of them at once.
        after: Name of the last one that was read; empty to begin.
    """
    asked = _asked(database, wanted, _LOADING)
    if not asked.parts or (wanted.text and not asked.words):
        return []
    held, given = _holding(asked.words)
    since = rows.tie_of(after) if after else -1
    sql = (
        "SELECT id FROM pairs INDEXED BY pairs_tie"  # noqa: S608 - all values are bound
        f" WHERE tie > ? AND {asked.where} AND {held} ORDER BY tie LIMIT ?"
    )
    found = database.execute(sql, (since, *asked.given, *given, wanted.limit)).fetchall()
    read = database.execute(_ROWS, (json.dumps([row[0] for row in found]),))
    return [PairRow(row[0], row[1], STATUSES[row[2]], *row[3:]) for row in read]
