"""What a property takes, and how HubSpot writes it down.

Every value is a string on the wire. A blank clears. What is accepted may be stored in another form than
it was sent (e-mails in lower case, epoch milliseconds as ISO times), so a client must read back what it wrote.
"""

import re
from collections.abc import Collection
from datetime import UTC, datetime

from deploy.local.hubspot.objects.fields import LIFECYCLE, Property

MAX_LENGTH = 65_536

_LIFECYCLE_RANK = {value: rank for rank, (value, _) in enumerate(LIFECYCLE)}
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\Z")
_EMAIL = re.compile(
    r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+([a-z]{2,24}|xn--[a-z0-9-]{2,59})\Z"
)
_UNLISTED_TLDS = frozenset({"invalid", "localhost", "local", "internal", "lan"})
"""HubSpot wants a listed top-level domain; the list itself is not bundled, these stand for the unlisted."""
_DAY_MS = 86_400_000


class ValueRefusedError(Exception):
    """A value that the property does not take."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def iso(ms: int) -> str:
    """Return a time as HubSpot writes it: UTC, milliseconds, `Z`."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def parse_time(value: str) -> int | None:
    """Return the epoch milliseconds of an ISO time or a number of milliseconds; None when it is neither."""
    if value.lstrip("-").isdigit() and not re.fullmatch(r"\d{4}", value):
        return int(value)
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)


def as_text(name: str, raw: object) -> str:
    """Return a JSON scalar as the string HubSpot takes it for.

    Raises:
        ValueRefusedError: the value is null, a list or an object.
    """
    if isinstance(raw, str):
        return raw
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if isinstance(raw, int | float):
        return repr(raw)
    raise ValueRefusedError("INVALID_VALUE", f"{name} must be a string; send an empty string to clear it")


def normalise(prop: Property, raw: object, current: str | None, owners: Collection[str]) -> str:
    """Return the value as it will be stored, `""` when it clears.

    Args:
        prop: the property written.
        raw: the value as it came in the JSON body.
        current: what the record holds now, for options that are appended and stages that only go forward.
        owners: ids of the account's active owners.

    Raises:
        ValueRefusedError: with the code HubSpot gives for it.
    """
    if prop.read_only:
        raise ValueRefusedError("READ_ONLY_VALUE", f'"{prop.name}" is a read only property; its value cannot be set.')
    value = raw if isinstance(raw, str) else as_text(prop.name, raw)
    if len(value) > MAX_LENGTH:
        raise ValueRefusedError(
            "PROPERTY_VALUE_TOO_LONG", f"{prop.name} is {len(value)} characters long; at most {MAX_LENGTH} are allowed"
        )
    if prop.name == "email" and prop.unique:
        return _email(value)
    if prop.type == "string" or value == "":
        return value
    if value != value.strip():
        raise ValueRefusedError("INVALID_VALUE", f"{prop.name} must not begin or end with a space: {value!r}")
    if prop.type == "enumeration":
        return _options(prop, value, current, owners)
    return _READERS[prop.type](value)


def _email(value: str) -> str:
    email = value.strip().lower()
    if email and (
        not _EMAIL.match(email)
        or len(email) > 254
        or len(email.partition("@")[0]) > 64
        or email.rpartition(".")[2] in _UNLISTED_TLDS
    ):
        raise ValueRefusedError("INVALID_EMAIL", f"Email address {value} is invalid")
    return email


def _number(value: str) -> str:
    if not _NUMBER.match(value):
        raise ValueRefusedError("INVALID_INTEGER", f"{value} was not a valid number.")
    return value


def _bool(value: str) -> str:
    lowered = value.lower()
    if lowered not in ("true", "false"):
        raise ValueRefusedError("INVALID_OPTION", f"{value} was not one of the allowed options: [true, false]")
    return lowered


def _date(value: str) -> str:
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        if parse_time(value) is None:
            raise ValueRefusedError("INVALID_DATE", f"{value} was an invalid date")
        return value
    if not value.lstrip("-").isdigit():
        raise ValueRefusedError("INVALID_DATE", f"{value} was not a valid date; send YYYY-MM-DD or midnight UTC in ms")
    ms = int(value)
    if ms % _DAY_MS:
        raise ValueRefusedError("INVALID_DATE", f"{value} is at {iso(ms)[11:23]} UTC, not midnight!")
    return iso(ms)[:10]


def _datetime(value: str) -> str:
    ms = parse_time(value)
    if ms is None:
        raise ValueRefusedError("INVALID_LONG", f"{value} was not a valid long.")
    try:
        return iso(ms)
    except (ValueError, OverflowError, OSError) as error:
        raise ValueRefusedError("INVALID_DATE", f"{value} is out of range") from error


_READERS = {"number": _number, "bool": _bool, "date": _date, "datetime": _datetime}


def _options(prop: Property, value: str, current: str | None, owners: Collection[str]) -> str:
    if prop.external == "OWNER":
        if value not in owners:
            raise ValueRefusedError("INVALID_OWNER_ID", f"Owner {value} does not exist; give the id of an active owner")
        return value
    if prop.external:
        return value
    allowed = [name for name, _ in prop.options]
    if prop.field_type != "checkbox":
        if value not in allowed:
            raise no_option(value, allowed)
        if prop.name == "lifecyclestage" and current:
            # Backward moves are skipped without a word: the stage must be cleared first.
            forward = _LIFECYCLE_RANK.get(value, 99) > _LIFECYCLE_RANK.get(current, -1)
            return value if forward else current
        return value
    wanted = value.removeprefix(";").split(";")
    for option in wanted:
        if option not in allowed:
            raise no_option(option, allowed)
    if value.startswith(";") and current:
        wanted = current.split(";") + wanted
    return ";".join(dict.fromkeys(wanted))


def no_option(value: str, allowed: list[str]) -> ValueRefusedError:
    """Refuse an option that is not there."""
    return ValueRefusedError("INVALID_OPTION", f"{value} was not one of the allowed options: [{', '.join(allowed)}]")
