"""How numbers, ages, states and addresses are written, the same on every page."""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Final, Literal, NamedTuple, TypeAlias
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import htpy as h
from htpy import Element, Node

from services.console.use.zones import local
from services.console.web.assets import ASSETS
from shared.model.records import FieldType
from shared.model.words import Status

Tone: TypeAlias = Literal["ok", "wait", "bad", "off", "warn", "info"]


class Mark(NamedTuple):
    """How a state is shown: never by its colour alone."""

    text: str
    icon: str
    tone: Tone


STATUS: Final[Mapping[str, Mark]] = {
    Status.FAILING: Mark(Status.FAILING.sentence, "alert", "bad"),
    Status.PENDING: Mark(Status.PENDING.sentence, "clock", "wait"),
    Status.EXCLUDED: Mark(Status.EXCLUDED.sentence, "minus", "off"),
    Status.IN_SYNC: Mark(Status.IN_SYNC.sentence, "check", "ok"),
}
OTHER_STATUS: Final[Mapping[str, Mark]] = {
    Status.HIDDEN: Mark(Status.HIDDEN.sentence, "minus", "off"),
    Status.CLOSED: Mark(Status.CLOSED.sentence, "minus", "off"),
    Status.ABSORBED: Mark(Status.ABSORBED.sentence, "minus", "off"),
}
"""States of pairs that no list shows."""
TYPES: Final[Mapping[str, str]] = {
    FieldType.TEXT: "Text",
    FieldType.EMAIL: "E-mail address",
    FieldType.PHONE: "Phone number",
    FieldType.NAME: "Name",
    FieldType.COUNTRY: "Country",
    FieldType.DOMAIN: "Domain",
    FieldType.NUMBER: "Number",
    FieldType.DATE: "Date",
    FieldType.DATETIME: "Date and time",
    FieldType.BOOL: "Yes or no",
    FieldType.ENUM: "Choice",
    FieldType.MULTI: "Several choices",
    FieldType.OWNER: "Owner",
}
"""What people call the kinds of fields."""


@lru_cache(maxsize=128)
def icon(name: str) -> Element:
    """Return an icon; it says nothing by itself, and is the same on every page."""
    return h.svg(".i", aria_hidden="true", focusable="false")[h.use(href=f"{ASSETS['icons.svg'].url}#{name}")]


def badge(mark: Mark) -> Element:
    """Return a state as a badge."""
    return h.span(class_=f"badge {mark.tone}")[icon(mark.icon), mark.text]


def status_badge(status: str) -> Element:
    """Return the state of a pair."""
    return badge(STATUS.get(status) or OTHER_STATUS[status])


def count(number: int) -> str:
    """Return a number as people read it."""
    return f"{number:,}"


def size(number: int) -> str:
    """Return a number of bytes in its largest unit."""
    for unit, name in ((1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")):
        if number >= unit:
            return f"{number / unit:.1f} {name}"
    return f"{number} bytes"


def many(number: int, one: str, more: str = "") -> str:
    """Return a number of things, in the singular for one of them."""
    return f"{count(number)} {one if number == 1 else more or one + 's'}"


def span(seconds: float) -> str:
    """Return a duration in its largest unit."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{max(0, int(seconds))} s"


def prose(text: str) -> Node:
    """Return a sentence, with what stands in backticks as code."""
    return [h.code[part] if number % 2 else part for number, part in enumerate(text.split("`"))]


def ago(at_ms: int, now_ms: int) -> Node:
    """Return how long ago something was, with the moment itself as a hint."""
    if not at_ms:
        return h.span(".none")["never"]
    at = local(at_ms)
    return h.time(datetime=at.isoformat(timespec="seconds"), title=moment(at))[f"{span((now_ms - at_ms) / 1000)} ago"]


def moment(at: datetime) -> str:
    """Return a moment as people read it, with its zone."""
    return f"{local(round(at.timestamp() * 1000)):%Y-%m-%d %H:%M:%S %Z}"


def with_query(address: str, **more: str) -> str:
    """Return an address with more in its query, in the place of what it says of it."""
    parts = urlsplit(address)
    query = {**dict(parse_qsl(parts.query)), **more}
    return urlunsplit(parts._replace(query=urlencode(query)))


def url(path: str, query: Mapping[str, str] | None = None, /, **changes: str) -> str:
    """Return an address with a query, without what is empty."""
    merged = {name: value for name, value in {**(query or {}), **changes}.items() if value}
    return f"{path}?{urlencode(merged)}" if merged else path
