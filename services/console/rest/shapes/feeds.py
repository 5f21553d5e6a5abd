"""How the budget of an account is used, and how each way of learning its changes stands."""

from typing import Final

from services.console.rest.shapes.common import Shown, examples
from services.console.rest.shapes.connections import LEARNING, LearningShown

_WEBHOOKS: Final = {**LEARNING, "last_ms": 1_699_999_990_000}


class CountedByApp(Shown):
    """What the app itself says of a limit."""

    amount: int
    left: int
    at_ms: int
    """When it said so."""


class LimitUsed(Shown):
    """How one limit of an account is used now."""

    name: str
    title: str
    amount: int
    """What may be used within the window."""
    set_by: str
    """`app`, or `connection` where the connection names another amount."""
    window_s: float
    counted_for: str
    """Who shares it, in words."""
    used: int
    next_free_s: float
    """When some of it is free again."""
    all_free_s: float
    """When all of it is free again."""
    by_app: CountedByApp | None


class PauseShown(Shown):
    """Why no calls are made."""

    reason: str
    title: str
    hint: str
    """What to do."""
    until_ms: int | None
    """When it is tried again; null where somebody must do something."""
    since_ms: int | None


class Limits(Shown):
    """How the budget of an account is used now."""

    model_config = examples(
        {
            "connection": "hubspot",
            "at_ms": 1_700_000_000_000,
            "limits": [
                {
                    "name": "calls",
                    "title": "Calls",
                    "amount": 100,
                    "set_by": "app",
                    "window_s": 10.0,
                    "counted_for": "this connection alone",
                    "used": 12,
                    "next_free_s": 0.4,
                    "all_free_s": 9.1,
                    "by_app": {"amount": 100, "left": 88, "at_ms": 1_699_999_999_000},
                }
            ],
            "under_way": 1,
            "at_once": 10,
            "calls_24h": {"live": 2400, "backfill": 310},
            "pauses": [],
            "shared_with": [],
        }
    )

    connection: str
    at_ms: int
    limits: list[LimitUsed]
    under_way: int
    """Calls that are under way."""
    at_once: int
    """Calls that may be under way at once."""
    calls_24h: dict[str, int]
    """Calls of the last 24 hours: `live` for changes, `backfill` for first syncs and resyncs."""
    pauses: list[PauseShown]
    shared_with: list[str]
    """Other connections to the same account."""


class FeedShown(Shown):
    """How one way of learning changes stands."""

    feed: str
    object: str
    kind: str
    """`poll`, or `rounds` where each linked record is asked for in turn."""
    tells_of: list[str]
    state: str
    """`up_to_date`, `reads_on`, `behind`, `waits` or `not_begun`."""
    reason: str
    """Why it waits: an error category."""
    title: str
    hint: str
    """What to do."""
    since_ms: int | None
    """Since when it waits."""
    complete_to_ms: int | None
    """The moment up to which it has told everything."""
    age_s: float | None
    """For how long it has told nothing."""
    read_ms: int | None
    """When it was asked last."""
    event_ms: int | None
    """When it told something last."""
    cursor: str
    """Where it goes on, as the app names it."""
    cursor_moved_ms: int | None
    asked_s: float | None
    """How often it should be asked."""
    interval_s: float | None
    """How often it is asked in truth."""
    next_ms: int | None
    """When it is asked next."""
    calls: int
    """Calls that a round takes."""


class WebhooksShown(LearningShown):
    """Whether the app calls by itself, and when it did last."""

    model_config = examples(_WEBHOOKS)

    last_ms: int | None
    """When it called last."""


class Feeds(Shown):
    """How each way of learning an account's changes stands."""

    model_config = examples(
        {
            "connection": "hubspot",
            "at_ms": 1_700_000_000_000,
            "feeds": [
                {
                    "feed": "contact/changed",
                    "object": "contact",
                    "kind": "poll",
                    "tells_of": ["create", "update"],
                    "state": "up_to_date",
                    "reason": "",
                    "title": "",
                    "hint": "",
                    "since_ms": None,
                    "complete_to_ms": 1_699_999_998_000,
                    "age_s": 2.0,
                    "read_ms": 1_699_999_999_000,
                    "event_ms": 1_699_999_990_000,
                    "cursor": "1699999998000",
                    "cursor_moved_ms": 1_699_999_990_000,
                    "asked_s": 5.0,
                    "interval_s": 5.2,
                    "next_ms": 1_700_000_004_000,
                    "calls": 1,
                }
            ],
            "webhooks": _WEBHOOKS,
        }
    )

    connection: str
    at_ms: int
    feeds: list[FeedShown]
    webhooks: WebhooksShown
