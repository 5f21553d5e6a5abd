"""How syncs stand: whether each is on, what it keeps the same, and how many of its records are in which state."""

from collections.abc import Collection, Iterator
from typing import Any

from services.console.use.standing.jobs import job_row
from services.console.views.projection import Views
from services.console.views.rows import SHOWN
from shared.config.jobs import Jobs
from shared.config.setups import Setups
from shared.engine.policies import Policy
from shared.io.ports import Clock
from shared.model.records import SIDES
from shared.model.syncs import Sync, SyncSide


def syncs_of(
    setups: Setups, views: Views, jobs: Jobs, clock: Clock, *, connection: str = "", object_: str = ""
) -> Iterator[dict[str, Any]]:
    """Yield how syncs stand, those that this version cannot run among them.

    Args:
        setups: What is set up.
        views: Tell the numbers.
        jobs: Long work.
        clock: Tells how long the oldest record waits.
        connection: Only those that have it on one side.
        object_: Only those that have it on one side; with a connection, on the same side.
    """
    counts, fresh, now = views.counts(), views.freshness(), clock.now_ms()
    not_run = setups.not_run()
    gone = {one.gone for one in setups.found().values() if one.gone}
    for name in dict.fromkeys((*(sync.id for sync in setups.syncs()), *not_run)):
        by_status, sync = counts.get(name, {}), setups.sync(name)
        if (connection or object_) and (sync is None or not has_end(sync, connection, object_)):
            continue
        settled, waits = fresh.get(name, (0, 0))
        yield {
            "id": name,
            "enabled": sync.enabled if sync else None,
            "left": _end(sync.left) if sync else None,
            "right": _end(sync.right) if sync else None,
            "direction": sync.direction if sync else None,
            "phase": setups.phase(name),
            "not_run_here": not_run.get(name, ""),
            "not_run_hint": _not_run_hint(not_run.get(name, ""), gone),
            "lacks": _lacks(setups.policy(name)),
            "counts": {status: sum(by_status.get(status, {}).values()) for status in SHOWN},
            "reasons": {status: rows for status, rows in by_status.items() if any(rows)},
            "last_settled_ms": settled,
            "oldest_pending_s": round((now - waits) / 1000, 3) if waits else 0.0,
            "jobs": [job_row(row) for row in jobs.of_sync(name)],
        }


def has_end(sync: Sync, connection: str, object_: str) -> bool:
    """Check whether one side of a sync is of a connection and holds an object; an empty text fits any."""
    return any(connection in ("", end.connection) and object_ in ("", end.object) for end in (sync.left, sync.right))


def _end(side: SyncSide) -> dict[str, str]:
    return {"connection": side.connection, "object": side.object}


def _not_run_hint(reason: str, gone: Collection[str]) -> str:
    """Return what to do where a sync does not run; empty where it does."""
    if not reason:
        return ""
    updates = "Finish the update of all of Syncline's processes."
    return "Bring the object back in the app, or delete the sync." if reason in gone else updates


def _lacks(policy: Policy | None) -> list[str]:
    """List what a sync carries and its accounts do not have any more, in sentences."""
    parts = [(policy.sides[side], flow.names[side]) for side in SIDES for flow in policy.associations] if policy else []
    return [
        f"The account of connection {part.connection!r} has no association {label!r} of {part.object} any more."
        for part, label in parts
        if label not in part.links
    ]
