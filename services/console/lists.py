"""Lists of pairs, the newest change first: how many match is known beforehand, so the cheaper of two plans is taken.

*Gather*: few pairs have that status or reason, so all of them are taken from one index and sorted. *Walk*: everything
else goes along the index of changes, tests the filters in the index alone, and stops when a page is full.
"""

import sqlite3
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from services.console.words import folded

INDEXES: Final = (
    "CREATE INDEX pairs_status ON pairs (sync, status, reason, changed_ms, pair)",
    "CREATE INDEX pairs_newest ON pairs (changed_ms, pair, sync, status, reason, words, left_id, right_id)",
)
SMALL: Final = 20_000
"""Pairs that are sorted rather than walked along."""
COUNTED: Final = 1_000
"""Up to which matches are counted where no kept number says how many there are."""
_COUNT_WITHIN: Final = 100_000
"""Pairs in all, up to which that costs little."""
_COLUMNS: Final = "sync, pair, status, reason, label, ident, left_id, right_id, changed_ms"

Counts = Mapping[str, Mapping[str, Mapping[str, int]]]
"""How many pairs there are by sync, status and reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Which pairs to list."""

    sync: str = ""
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
        if wanted.sync in ("", sync)
        for status, reasons in statuses.items()
        if wanted.status in ("", status)
        for reason, number in reasons.items()
        if wanted.reason in ("", reason)
    )


def newest(
    database: sqlite3.Connection, wanted: Listing, counts: Counts, shown: Collection[str]
) -> tuple[list[PairRow], Total | None]:
    """Return one page, and how many pairs there are in all where that costs little.

    Args:
        database: The views.
        wanted: Which pairs.
        counts: Kept numbers of pairs.
        shown: Statuses that are listed at all.
    """
    few = matching(wanted, counts)
    gathered = not wanted.text and bool(wanted.status or wanted.reason) and few <= SMALL
    index = "pairs_status" if gathered else "pairs_newest"
    where, given = _where(wanted, counts, shown, by_status=gathered)
    total = None
    if not wanted.text and not wanted.since_ms:
        total = Total(few, exact=True)
    elif sum(matching(Listing(sync=name), counts) for name in counts) <= _COUNT_WITHIN:
        one = f"SELECT 1 FROM pairs INDEXED BY {index} WHERE {where} LIMIT {COUNTED + 1}"  # noqa: S608 - all values are bound
        (number,) = database.execute(f"SELECT count(*) FROM ({one})", given).fetchone()  # noqa: S608 - the same
        total = Total(min(number, COUNTED), exact=number <= COUNTED)
    if wanted.after is not None:
        where, given = f"{where} AND (changed_ms, pair) < (?, ?)", [*given, *wanted.after]
    found = (
        f"SELECT rowid AS id FROM pairs INDEXED BY {index} WHERE {where} ORDER BY changed_ms DESC, pair DESC LIMIT ?"  # noqa: S608 - all values are bound
    )
    rows = database.execute(
        f"SELECT {_COLUMNS} FROM ({found}) AS found JOIN pairs ON pairs.rowid = found.id"  # noqa: S608 - the same
        " ORDER BY changed_ms DESC, pair DESC",
        (*given, wanted.limit),
    )
    return [PairRow(*row) for row in rows], total


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
    syncs = [wanted.sync] if wanted.sync else (list(counts) if by_status else [])
    statuses = [wanted.status] if wanted.status else list(shown)
    where, given = [f"status IN ({_marks(statuses)})"], list[object](statuses)
    if syncs or by_status:
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
