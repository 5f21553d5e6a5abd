"""The last calls to both apps about a record, with the apps' own words."""

from typing import Any, Final

from services.console.explain import time_of
from services.console.withholding import withheld_from
from shared.config.setups import Setups
from shared.io.calls.call_notes import CallNotes, CallNotesAway
from shared.model.pairs import Pair
from shared.model.records import SIDES
from shared.model.wording import SENSITIVE
from shared.wire.messages import Role

_MOST: Final = 10
"""Calls that are shown of each app."""


def calls_about(pair: Pair, setups: Setups, notes: CallNotes, role: Role) -> dict[str, Any]:
    """Return the last calls about a pair's records, the newest first, and whether they can be known now.

    Where values are withheld from somebody, so are the apps' words, which may repeat them.
    """
    sync = setups.sync(pair.sync)
    if sync is None:
        return {"calls": [], "calls_known": True}
    hidden, found = bool(withheld_from(role, sync).keys), []
    for side in SIDES:
        end, connection = pair.side(side), sync.side(side).connection
        names = {pair.pair, end.id} if end is not None else {pair.pair}
        try:
            rows = notes.about(connection, names, _MOST)
        except CallNotesAway:
            return {"calls": [], "calls_known": False}
        found += [(row.at_ms, side, connection, row) for row in rows]
    return {
        "calls": [
            {
                "at": time_of(at_ms),
                "side": side,
                "connection": connection,
                "method": row.method,
                "path": row.path,
                "status": row.status,
                "took_ms": row.took_ms,
                "said": str(SENSITIVE) if hidden and row.said else row.said,
            }
            for at_ms, side, connection, row in sorted(found, key=lambda one: -one[0])
        ],
        "calls_known": True,
    }
