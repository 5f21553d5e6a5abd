"""Values between HubSpot's spelling, where everything is a string, and the canonical one of `FieldType`."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Final

from shared.model.records import FieldType, TooLong, Value

REDACTED: Final = "REDACTED"
"""What stands in place of a sensitive value: it says nothing about the value."""


def canonical(wire: object, type_: FieldType) -> Value | None:
    """Return the canonical value, None for cleared. A value that its type does not explain stays the text it is.

    >>> canonical("1500.50", FieldType.NUMBER), canonical("", FieldType.TEXT)
    ('1500.5', None)
    >>> canonical("1709251200000", FieldType.DATE)
    '2024-03-01'
    """
    text = "" if wire is None else str(wire)
    read = _READ.get(type_)
    return (read(text) if read else text) if text else None


def wire(value: Value | None) -> str:
    """Return HubSpot's spelling; an empty string clears. Several options replace what is there, never append to it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, TooLong):
        raise ValueError(f"{value} cannot be written: it is not known any more")  # noqa: TRY004 - no caller's mistake in types
    return value if isinstance(value, str) else ";".join(sorted(value))


def moment_ms(text: object) -> int | None:
    """Read an ISO time, a date, or epoch milliseconds; None for anything else."""
    if not isinstance(text, str):
        return None
    digits = text.removeprefix("-")
    if digits.isascii() and digits.isdigit() and len(digits) > 4:
        return int(text) if len(digits) < 16 else None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)


def iso(ms: int) -> str:
    """Encode epoch milliseconds ``YYYY-MM-DDTHH:MM:SS.mmmZ``.

    >>> iso(-1)
    '1969-12-31T23:59:59.999Z'
    """
    seconds, rest = divmod(ms, 1000)
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:03d}Z"
    except (ValueError, OverflowError, OSError):
        return str(ms)


def _datetime(text: str) -> str:
    moment = moment_ms(text)
    return text if moment is None else iso(moment)


def _date(text: str) -> str:
    moment = moment_ms(text)
    return text if moment is None else iso(moment)[:10]


def _bool(text: str) -> Value:
    return {"true": True, "false": False}.get(text.lower(), text)


def _multi(text: str) -> Value | None:
    return tuple(sorted({part for part in text.split(";") if part})) or None


def _number(text: str) -> str:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text
    if not number.is_finite() or abs(number.adjusted()) > 100:
        return text
    plain = f"{number:f}"
    plain = plain.rstrip("0").rstrip(".") if "." in plain else plain
    return "0" if plain in ("-0", "") else plain


_READ: Final[Mapping[FieldType, Callable[[str], Value | None]]] = {
    FieldType.NUMBER: _number,
    FieldType.DATETIME: _datetime,
    FieldType.DATE: _date,
    FieldType.BOOL: _bool,
    FieldType.MULTI: _multi,
}
"""All other types are the text that HubSpot sends."""
