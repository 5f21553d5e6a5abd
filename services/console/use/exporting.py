"""A list of records as a file: read in pieces, so that a million rows take no more memory than a page of them."""

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from services.console.explain import names_of
from services.console.use.installation import Installation
from services.console.use.reasons import reason_of
from services.console.views.lists import Listing, PairRow

HEADS: Final = (
    "Name", "Status", "Reason", "Who acts", "What to do", "Address", "Sync", "Left app", "Left record", "Right app",
    "Right record", "Last change",
)  # fmt: skip
_PIECE: Final = 500
"""Rows that are read at once."""
_BEGINS_A_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_STATUS: Final = {"in_sync": "In sync", "pending": "Pending", "failing": "Failing", "excluded": "Excluded"}


def as_csv(console: Installation, wanted: Listing) -> Iterator[str]:
    """Yield a list as CSV, in pieces; each record is in it once, also where records change while it is read.

    Args:
        console: Where the records are.
        wanted: Which of them; all of them, not a page.
    """
    yield _lines([HEADS])
    piece, after = replace(wanted, limit=_PIECE), ("", "")
    while True:
        rows = console.views.in_order(piece, after)
        yield _lines([_cells(console, row) for row in rows])
        if len(rows) < _PIECE:
            return
        after = (rows[-1].sync, rows[-1].pair)


def _cells(console: Installation, row: PairRow) -> tuple[str, ...]:
    names, reason = names_of(console.setups, row.sync), reason_of(row.status, row.reason)
    changed = datetime.fromtimestamp(row.changed_ms / 1000, UTC).isoformat(timespec="seconds") if row.changed_ms else ""
    given = (
        row.label, _STATUS[row.status], reason.title if row.reason else "", reason.who, reason.remedy, row.ident,
        row.sync,
        names["L"], row.left_id, names["R"], row.right_id, changed,
    )  # fmt: skip
    return tuple(_harmless(cell) for cell in given)


def _harmless(text: str) -> str:
    """Return a cell that no spreadsheet takes for a formula: names and values come from anybody."""
    return f"'{text}" if text.startswith(_BEGINS_A_FORMULA) else text


def _lines(rows: list[tuple[str, ...]]) -> str:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue()
