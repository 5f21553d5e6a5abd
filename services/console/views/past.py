"""What was decided about a pair, from the newest step back, with the values that may still be read."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, Final

from services.console.views.hours import count_steps
from shared.io.envelope import Stored
from shared.io.erasable import Unsealable, place, unseal
from shared.model.pairs import Pair
from shared.model.wording import Hidden
from shared.wire.messages import HistoryBundle, HistoryStep

KEPT_STEPS: Final = 200
"""Steps of one pair that the history shows."""
_PRUNE_EVERY: Final = 16
"""One step in so many has older ones removed: looking at each would cost more than the few that stay a while."""
ERASED: Final = Hidden("an erased value")


def steps_of(pair: Pair, kept: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """List the steps of a pair, the newest first: those that were kept, opened, and those that its state alone tells.

    Args:
        pair: As it stands. Its key opens the values; a pair of which a record was erased has none.
        kept: The steps that the history told, as `Views.steps` gives them.
    """
    found = {step["rev"]: _opened(pair, step) for step in kept}
    for decided in pair.decided():
        log = [row.model_dump(mode="json", exclude_defaults=True) for row in decided.log]
        step = {"rev": decided.rev, "at_ms": decided.at_ms, "cause": decided.cause, "log": log}
        found.setdefault(decided.rev, step)
    return [found[rev] for rev in sorted(found, reverse=True)]


def _opened(pair: Pair, step: Mapping[str, Any]) -> dict[str, Any]:
    shown = {"rev": step["rev"], "at_ms": step["at_ms"], "cause": step["cause"], "log": step["log"]}
    if not step["sealed"]:
        return shown
    try:
        values = json.loads(unseal(pair.seal, place(pair.pair, step["rev"]), step["sealed"]))
    except Unsealable:
        values = [{"old": ERASED, "new": ERASED} for _ in step["log"]]
    return {**shown, "log": [{**row, **held} for row, held in zip(step["log"], values, strict=True)]}


def take_history(database: sqlite3.Connection, batch: Sequence[Stored[HistoryBundle]]) -> None:
    """Take steps: of two with one pair and revision, one; of each pair, the newest."""
    steps = [step for stored in batch if stored.message is not None for step in stored.message.steps]
    insert = "INSERT OR IGNORE INTO steps VALUES (?, ?, ?, ?, ?, ?)"
    new = [
        step
        for step in steps
        if database.execute(
            insert, (step.pair, step.rev, step.at_ms, step.cause, _log_text(step), step.sealed)
        ).rowcount
    ]
    count_steps(database, new)
    database.executemany(
        "DELETE FROM steps WHERE pair = ? AND rev <= (SELECT rev FROM steps WHERE pair = ?"
        " ORDER BY rev DESC LIMIT 1 OFFSET ?)",
        [(step.pair, step.pair, KEPT_STEPS) for step in steps if step.rev % _PRUNE_EVERY == 0],
    )


def _log_text(step: HistoryStep) -> str:
    return json.dumps([row.model_dump(mode="json", exclude_defaults=True) for row in step.decisions])
