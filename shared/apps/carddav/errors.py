"""What the statuses of a CardDAV server mean, row by row; the first row that fits counts."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from shared.apps.kit.refusals import Meaning


@dataclass(frozen=True, slots=True, kw_only=True)
class Row(Meaning):
    """One kind of answer."""

    fits: Callable[[int, frozenset[str]], bool]
    """(status, names of the preconditions that the error body lists)."""
    said: str


def _status(*statuses: int) -> Callable[[int, frozenset[str]], bool]:
    return lambda status, _names: status in statuses


def _names(*names: str) -> Callable[[int, frozenset[str]], bool]:
    return lambda _status, found: bool(found & {*names})


ROWS: Final = (
    Row(
        fits=_names("valid-address-data", "supported-address-data"),
        code="invalid_value",
        retry="edit",
        said="the server does not take this card",
    ),
    Row(
        fits=_names("max-resource-size"), code="too_long", retry="edit", said="the card is larger than the server takes"
    ),
    Row(
        fits=_names("no-uid-conflict"),
        code="duplicate_in_target",
        retry="edit",
        said="another card of the book carries this UID",
    ),
    Row(
        fits=_names("quota-not-exceeded"), code="app_unavailable", retry="outage", said="the server's quota is used up"
    ),
    Row(fits=_status(401, 407), code="auth_expired", retry="auth", said="the server does not accept this sign-in"),
    Row(fits=_status(403), code="permission_denied", retry="setup", said="this user may not do this in the book"),
    Row(fits=_status(404, 410), code="permission_denied", retry="setup", said="there is no such address book"),
    Row(fits=_status(405, 501), code="permission_denied", retry="setup", said="the address is no CardDAV address book"),
    Row(fits=_status(413), code="too_long", retry="edit", said="the card is larger than the server takes"),
    Row(fits=_status(423), code="record_locked", retry="busy", said="the card is locked", wait_s=2),
    Row(fits=_status(429), code="rate_limited", retry="busy", said="the server asks to slow down", wait_s=10),
    Row(
        fits=lambda status, _names: status >= 500,
        code="app_unavailable",
        retry="outage",
        said="the server cannot answer",
    ),
    Row(
        fits=lambda status, _names: 300 <= status < 400,
        code="permission_denied",
        retry="setup",
        said="the address book has another address now; enter that one",
    ),
    Row(
        fits=lambda status, _names: status >= 400,
        code="invalid_value",
        retry="edit",
        said="the server does not take this",
    ),
    Row(
        fits=lambda _status, _names: True,
        code="app_unavailable",
        retry="outage",
        said="the server answered with a status that means nothing here",
    ),
)


def row_for(status: int, names: frozenset[str]) -> Row:
    """Find the row for an answer."""
    return next(row for row in ROWS if row.fits(status, names))
