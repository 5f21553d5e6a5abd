"""Alerts, and how they stand."""

from typing import Any, Final

from services.console.rest.shapes.common import Page, Shown, examples

_DELIVERY: Final[dict[str, Any]] = {
    "to": "ops@example.com",
    "what": "firing",
    "state": "sent",
    "attempts": 1,
    "error": "",
    "at_ms": 1_700_000_301_000,
}
_STANDING: Final[dict[str, Any]] = {
    "about": "sync/contacts",
    "state": "firing",
    "at_ms": 1_700_000_300_000,
    "number": 31,
    "words": "31 records fail in the sync contacts",
    "paused": False,
    "deliveries": [_DELIVERY],
}
_ALERT: Final[dict[str, Any]] = {
    "id": "5d0c0c9a1f2b3c4d",
    "name": "Contacts fail",
    "kind": "failing",
    "about": "sync/contacts",
    "over": 20,
    "minutes": 10,
    "pause": False,
    "mail": ["ops@example.com"],
    "url": "",
    "created_ms": 1_700_000_000_000,
    "has_secret": False,
    "rule": "more than 20 records of the sync contacts fail, for 10 minutes or longer",
    "state": "firing",
    "standing": [_STANDING],
}


class AlertDeliveryRow(Shown):
    """One message of an alert to one address."""

    model_config = examples(_DELIVERY)

    to: str
    """An address, or `webhook`."""
    what: str
    """`firing` or `resolved`."""
    state: str
    """`waiting`, `sent`, `failed` while it is sent again, or `given_up`."""
    attempts: int
    error: str
    """Why the last attempt failed."""
    at_ms: int | None
    """When that was; null before the first."""


class AlertStandingRow(Shown):
    """How one thing that an alert watches stands."""

    model_config = examples(_STANDING)

    about: str
    """`sync/` or `connection/` and its id; empty for everything together."""
    state: str
    """`fine`, `waiting` while it is wrong but not for long enough, `firing`, or `easing` while it is right but not for
    long enough."""
    at_ms: int | None
    """When it fired last, or was over; null for never."""
    number: int
    """What was counted then."""
    words: str
    """The same in words."""
    paused: bool
    """Whether the alert has switched the sync off, while it fires."""
    deliveries: list[AlertDeliveryRow]
    """The messages about that."""


class AlertRow(Shown):
    """An alert, without the secret of its webhook, and how it stands."""

    model_config = examples(_ALERT)

    id: str
    name: str
    kind: str
    about: str
    over: int
    minutes: int
    pause: bool
    """Whether a sync for which it fires is switched off."""
    mail: list[str]
    url: str
    """Its webhook; empty for none."""
    created_ms: int
    has_secret: bool
    """Whether calls of the webhook are signed."""
    rule: str
    """When it fires, in words."""
    state: str
    """The worst of `standing`."""
    standing: list[AlertStandingRow]
    """What of it was ever wrong."""


class AlertList(Page):
    """One page of alerts, the oldest first."""

    model_config = examples({"alerts": [_ALERT], "total": {"number": 1, "exact": True}, "next": None})

    alerts: list[AlertRow]
