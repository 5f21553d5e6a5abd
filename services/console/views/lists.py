"""Lists of pairs, the newest change first: how many match is known beforehand, so the cheaper of two plans is taken.

*Gather*: few pairs have that status or reason, so all of them are taken from one index and sorted. *Walk*: everything
else goes along the index of changes, tests the filters in the index alone, and stops when a page is full, or after so
many pairs that the page would be slow: the next one goes on from there.
"""

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from shared.core.searching import folded

INDEXES: Final = (
    "CREATE INDEX pairs_status ON pairs (sync, status, reason, changed_ms, pair)",
    "CREATE INDEX pairs_newest ON pairs (changed_ms, pair, sync, status, reason, words, left_id, right_id)",
)
SMALL: Final = 20_000
"""Pairs that are sorted rather than walked along."""
SMALL_WITH_TEXT: Final = 5_000
"""The same where a text is looked for in each, which no index of these pairs holds."""
WALKED: Final = 250_000
"""Pairs that one page looks at: a list with few matches among very many is gone through page by page."""
WALKED_WITH_TEXT: Final = 150_000
"""The same where a text is looked for in each of them, which costs about twice as much."""
COUNTED: Final = 1_000
"""Up to which matches are counted where no kept number says how many there are."""
_COUNT_WITHIN: Final = 100_000
"""Pairs in all, up to which that costs little."""
_ORDER: Final = "ORDER BY changed_ms DESC, pair DESC"
_COLUMNS: Final = "sync, pair, status, reason, label, ident, left_id, right_id, changed_ms"

Counts = Mapping[str, Mapping[str, Mapping[str, int]]]
"""How many pairs there are by sync, status and reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Which pairs to list."""

    syncs: tuple[str, ...] | None = None
    """Those of some syncs; of all when None."""
    status: str = ""
    reason: str = ""
    text: str = ""
    since_ms: int = 0
    after: tuple[int, str] | None = None
    """When the last one that was shown had changed, and its name."""
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


@dataclass(frozen=True, slots=True)
class Found:
    """One page of a list."""

    rows: list[PairRow]
    total: Total | None
    """How many pairs there are in all, where that costs little."""
    further: tuple[int, str] | None = None
    """Where to go on, where so many pairs were looked at that the page was not filled."""


def text_filter(text: str) -> tuple[str, list[object]]:
    """Return the condition that a pair is found by a text: by all of its words, or as the id of a record."""
    words = folded(text).split()
    likes = " AND ".join("words LIKE ? ESCAPE '\\'" for _ in words) or "0"
    escaped = [word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") for word in words]
    return f"(({likes}) OR left_id = ? OR right_id = ?)", [*(f"%{word}%" for word in escaped), text, text]


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


def newest(database: sqlite3.Connection, wanted: Listing, counts: Counts, shown: Collection[str]) -> Found:
    """Return one page of a list.

    Args:
        database: The views.
        wanted: Which pairs.
        counts: Kept numbers of pairs.
        shown: Statuses that are listed at all.
    """
    few = matching(wanted, counts)
    narrow = wanted.syncs is not None or bool(wanted.status or wanted.reason)
    gathered = narrow and few <= (SMALL_WITH_TEXT if wanted.text else SMALL)
    where, given = _where(wanted, counts, shown, by_status=gathered)
    place, at = ("1", list[object]()) if wanted.after is None else ("(changed_ms, pair) < (?, ?)", list(wanted.after))
    if gathered:
        found = f"SELECT rowid AS id FROM pairs INDEXED BY pairs_status WHERE {where} AND {place} {_ORDER} LIMIT ?"  # noqa: S608 - all values are bound
        rows = _rows(database, found, (*given, *at, wanted.limit))
        return Found(rows, _total(database, wanted, counts, f"INDEXED BY pairs_status WHERE {where}", given))
    walked = min(WALKED, WALKED_WITH_TEXT) if wanted.text else WALKED
    last = (
        "SELECT changed_ms, pair FROM pairs INDEXED BY pairs_newest"  # noqa: S608 - the same
        f" WHERE {place} AND changed_ms >= ? {_ORDER} LIMIT 1 OFFSET {walked - 1}"
    )
    further = database.execute(last, (*at, wanted.since_ms)).fetchone()
    until, to = ("1", list[object]()) if further is None else ("(changed_ms, pair) >= (?, ?)", list(further))
    found = (
        f"SELECT rowid AS id FROM pairs INDEXED BY pairs_newest WHERE {place} AND {until} AND {where} {_ORDER} LIMIT ?"  # noqa: S608 - the same
    )
    rows = _rows(database, found, (*at, *to, *given, wanted.limit))
    total = _total(database, wanted, counts, f"INDEXED BY pairs_newest WHERE {where}", given)
    return Found(rows, total, (further[0], further[1]) if further and len(rows) < wanted.limit else None)


def _rows(database: sqlite3.Connection, found: str, given: Sequence[object]) -> list[PairRow]:
    """Return the rows of ids, which one query finds in an index alone."""
    sql = f"SELECT {_COLUMNS} FROM ({found}) AS found JOIN pairs ON pairs.rowid = found.id {_ORDER}"  # noqa: S608 - all values are bound
    return [PairRow(*row) for row in database.execute(sql, given)]


def _total(
    database: sqlite3.Connection, wanted: Listing, counts: Counts, source: str, given: Sequence[object]
) -> Total | None:
    if not wanted.text and not wanted.since_ms:
        return Total(matching(wanted, counts), exact=True)
    if matching(Listing(), counts) > _COUNT_WITHIN:
        return None
    one = f"SELECT 1 FROM pairs {source} LIMIT {COUNTED + 1}"  # noqa: S608 - all values are bound
    (number,) = database.execute(f"SELECT count(*) FROM ({one})", given).fetchone()  # noqa: S608 - the same
    return Total(min(number, COUNTED), exact=number <= COUNTED)


def in_order(
    database: sqlite3.Connection, wanted: Listing, after: tuple[str, str], shown: Collection[str]
) -> list[PairRow]:
    """Return the next pairs in the order of their names, in which none moves while they are read one after another.

    Args:
        database: The views.
        wanted: Which pairs, and how many of them at once.
        after: Sync and name of the last one that was read.
        shown: Statuses that are listed at all.
    """
    where, given = _where(wanted, {}, shown, by_status=False)
    rows = database.execute(
        f"SELECT {_COLUMNS} FROM pairs WHERE (sync, pair) > (?, ?) AND {where} ORDER BY sync, pair LIMIT ?",  # noqa: S608 - all values are bound
        (*after, *given, wanted.limit),
    )
    return [PairRow(*row) for row in rows]


def _where(wanted: Listing, counts: Counts, shown: Collection[str], *, by_status: bool) -> tuple[str, list[object]]:
    """Return the conditions; an index that begins with the sync is of use only where the syncs are named."""
    syncs = list(counts) if wanted.syncs is None else list(wanted.syncs)
    statuses = [wanted.status] if wanted.status else list(shown)
    where, given = [f"status IN ({_marks(statuses)})"], list[object](statuses)
    if wanted.syncs is not None or by_status:
        where.append(f"sync IN ({_marks(syncs)})")
        given += syncs
    if wanted.reason:
        where.append("reason = ?")
        given.append(wanted.reason)
    if wanted.since_ms:
        where.append("changed_ms >= ?")
        given.append(wanted.since_ms)
    if wanted.text:
        condition, values = text_filter(wanted.text)
        where.append(condition)
        given += values
    return " AND ".join(where), given


def _marks(values: Collection[object]) -> str:
    return ", ".join("?" * len(values))
