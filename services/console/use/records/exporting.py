"""A list of records as it goes into a file: read in pieces, so that a million rows take no more memory than a page."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Final

from services.console.explain import names_of
from services.console.exports.formats import Row
from services.console.use.reasons import reason_of
from services.console.use.standing.installation import Installation
from services.console.use.standing.records import TITLES, Filter
from services.console.views.lists import Listing, PairRow, matching
from shared.wire.exports import Export

_PIECE: Final = 500
"""Records that are read at once."""


def listing_of(console: Installation, export: Export) -> Listing:
    """Return which records a file holds."""
    return Filter.stored(export.wanted).listing(console.setups, export.asked_at_ms)


def number_of(console: Installation, wanted: Listing) -> int | None:
    """Return how many records there are, where that is known without counting them."""
    return None if wanted.text or wanted.since_ms else matching(wanted, console.views.counts())


def batches(console: Installation, wanted: Listing) -> Iterator[Sequence[Row]]:
    """Yield all records of a list, many at a time; each is there once, also where records change meanwhile.

    Args:
        console: Where the records are.
        wanted: Which of them; all of them, not a page.
    """
    names = lru_cache(maxsize=256)(partial(names_of, console.setups))

    @lru_cache(maxsize=256)
    def why(status: str, reason: str) -> tuple[str, str, str]:
        told = reason_of(status, reason)
        return (told.title if reason else "", told.who, told.remedy)

    def cells(row: PairRow) -> Row:
        left, right = names(row.sync)
        changed = datetime.fromtimestamp(row.changed_ms / 1000, UTC).replace(microsecond=0) if row.changed_ms else None
        return (
            row.label, TITLES[row.status], *why(row.status, row.reason), row.ident, row.sync, left, row.left_id,
            right, row.right_id, changed, row.pair,
        )  # fmt: skip

    piece, after = replace(wanted, limit=_PIECE), ("", "")
    while True:
        rows = console.views.in_order(piece, after)
        if rows:
            yield [cells(row) for row in rows]
        if len(rows) < _PIECE:
            return
        after = (rows[-1].sync, rows[-1].pair)
