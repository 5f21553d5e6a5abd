"""How each way of learning an account's changes stands: what it tells, how far it is, and what it waits for."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from services.console.use.health import pushing
from services.console.use.problems import Problem
from services.console.use.standing.installation import Installation
from services.console.views.projection import FeedRow
from shared.contract.feeds import Feed
from shared.io.redis.feed_notes import WEBHOOK, FeedNote, FeedNotesAway
from shared.model.syncs import Connection
from shared.rules.errors import CODES

_BEHIND_ROUNDS: Final = 3
_BEHIND_S: Final = 120.0
"""The least age of what is not known yet that counts as being behind."""
_COVERS: Final = ("create", "update", "delete", "merge", "association")


def feeds(installation: Installation, row: Connection) -> dict[str, Any]:
    """Return how each feed of an account stands; raises a problem while Redis is away."""
    try:
        notes = installation.feed_notes.of(row.id)
    except FeedNotesAway as error:
        raise Problem(503, "Not known now", str(error), {"Retry-After": "5"}) from error
    now, asked = installation.clock.now_ms(), installation.setups.feeds_in_use()
    told = {feed.name: feed for feed in installation.views.feeds()}
    return {
        "connection": row.id,
        "at_ms": now,
        "feeds": [
            _shown(name, kind, covers, asked_s, told.get(f"{row.id}/{name}"), notes.get(name), now)
            for name, kind, covers, asked_s in _named(installation, row)
            if f"{row.id}/{name}" in asked
        ],
        "webhooks": _webhooks(installation, row, notes),
    }


def _named(installation: Installation, row: Connection) -> Iterator[tuple[str, str, list[str], float]]:
    """Yield the feeds of what is synced: name, kind, what each tells of, and how often it is asked (0: it varies)."""
    setups = installation.setups
    for connection, object_ in sorted(setups.objects_in_use()):
        if connection != row.id:
            continue
        binding = setups.binding(connection, object_)
        for feed in binding.feeds:
            yield f"{object_}/{feed.name}", "poll", _covers(feed), row.asked_every_s(feed.interval_s)
        if binding.link_feed is not None:
            yield f"{object_}/{binding.link_feed.name}", "rounds", ["association"], 0.0


def _covers(feed: Feed) -> list[str]:
    return [what for what in _COVERS if what in feed.covers]


def _shown(
    name: str, kind: str, covers: list[str], asked_s: float, told: FeedRow | None, note: FeedNote | None, now: int
) -> dict[str, Any]:
    note = note or FeedNote()
    complete_ms = told.complete_to_ms if told else 0
    age_s = max(0, now - complete_ms) / 1000 if complete_ms else None
    asked_s = note.asked_s or asked_s
    state = _state(note, age_s, asked_s)
    why = CODES.get(note.reason)
    return {
        "feed": name,
        "object": name.rpartition("/")[0],
        "kind": kind,
        "tells_of": covers,
        "state": state,
        "reason": note.reason,
        "title": why.title if why else "",
        "hint": why.remedy if why and why.who != "nobody" else "",
        "since_ms": note.since_ms or None,
        "complete_to_ms": complete_ms or None,
        "age_s": round(age_s, 1) if age_s is not None else None,
        "read_ms": note.read_ms or None,
        "event_ms": note.event_ms or None,
        "cursor": note.cursor,
        "cursor_moved_ms": note.moved_ms or None,
        "asked_s": round(asked_s, 1) or None,
        "interval_s": round(told.interval_s, 1) or None if told else None,
        "next_ms": note.next_ms or None,
        "calls": told.calls or 1 if told else 1,
    }


def _state(note: FeedNote, age_s: float | None, asked_s: float) -> str:
    """Name how a feed stands: waits, reads on, is behind, is up to date, or has not begun."""
    if note.reason:
        return "waits"
    if age_s is None:
        return "not_begun"
    if note.more:
        return "reads_on"
    return "behind" if age_s > max(_BEHIND_S, _BEHIND_ROUNDS * asked_s) else "up_to_date"


def _webhooks(installation: Installation, row: Connection, notes: Mapping[str, FeedNote]) -> dict[str, Any]:
    """Return how changes are learned, and when the app called last."""
    note = notes.get(WEBHOOK)
    return {**pushing.shown(installation, row), "last_ms": (note.event_ms or None) if note else None}
