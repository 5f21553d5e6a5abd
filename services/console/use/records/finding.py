"""Finds a record by whatever people have at hand: its id, its address in an app, an e-mail address, its name."""

from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote

from services.console.use.meant import Place, addressed
from services.console.use.standing.installation import Installation
from services.console.views.lists import Listing
from shared.model.pairs import Pair
from shared.model.records import SIDES

MOST: Final = 20
"""Records that are offered when several fit."""


def find(console: Installation, text: str) -> list[Pair]:
    """Return the pairs that a text may mean: by id, those alone; else by name or address, the newest change first.

    A pair without a row in any list is found by the id of one of its records, too. The web address of a record means
    that one alone.
    """
    wanted = text.strip()
    if not wanted:
        return []
    places = addressed(console.setups, wanted)
    if places:
        return list({pair.pair: pair for place in places for pair in held_at(console, place)}.values())
    found = {pair.pair: pair for name in _ids(wanted) for pair in _by_id(console, name)}
    if found:
        return list(found.values())
    page = console.views.listed(Listing(text=wanted, limit=MOST))
    return console.views.states([row.pair for row in page.rows])


def held_at(console: Installation, place: Place) -> list[Pair]:
    """Return the pairs that hold a record, one for each of its syncs that knows it."""
    ends = [
        (sync.id, side)
        for sync in console.setups.syncs()
        for side in SIDES
        if (sync.side(side).connection, sync.side(side).object) == (place.connection, place.object)
    ]
    found = (console.views.holding(sync, side, place.record) for sync, side in ends)
    return [pair for pair in found if pair is not None]


def _by_id(console: Installation, name: str) -> Iterator[Pair]:
    pair = console.views.pair(name)
    if pair is not None:
        yield pair
    for sync in console.setups.syncs():
        for side in SIDES:
            pair = console.views.holding(sync.id, side, name)
            if pair is not None:
                yield pair


def _ids(text: str) -> list[str]:
    """List what may be the id of a record in a text: itself, or the end or the whole path of an address."""
    _, is_address, rest = text.partition("://")
    path = unquote(f"/{rest.partition('/')[2]}".partition("?")[0].partition("#")[0]) if is_address else ""
    parts = [part for part in path.split("/") if part]
    return list(dict.fromkeys((text, *([path, parts[-1]] if parts else []))))
