"""Amounts with their currencies as people map them: both are one value, so that neither is mixed with another's."""

from collections.abc import Iterator
from typing import Final

from services.console.setups.ends import End
from services.console.setups.files import MappingFile, SetupError
from shared.model.fields import FieldInfo
from shared.model.mapping import FieldMapping
from shared.model.records import FieldType
from shared.objects import MONEY
from shared.rules.type_compat import together

_CODES: Final = (FieldType.TEXT, FieldType.ENUM)
"""Types of fields that can name a currency."""


def with_currencies(where: str, row: MappingFile, left: End, right: End) -> tuple[FieldInfo, FieldInfo]:
    """Return both fields of a mapping, which may be written and read as their currencies may; raises `SetupError`."""
    one, other = left.field(where, row.left), right.field(where, row.right)
    if not row.left_currency and not row.right_currency:
        return one, other
    for end, info in ((left, one), (right, other)):
        if info.type is not FieldType.NUMBER:
            raise SetupError(f"{where}: {info.name!r} ({info.type}) of {end.app} is no amount: leave the currency out")
    if row.values:
        raise SetupError(f"{where}: an amount takes no table: leave `values` out")
    return _with(where, left, one, row.left_currency), _with(where, right, other, row.right_currency)


def _with(where: str, end: End, amount: FieldInfo, name: str) -> FieldInfo:
    if not name:
        if end.currency:
            return amount
        raise SetupError(
            f"{where}: nothing says in which currency {amount.name!r} of {end.app} is: name the field that tells it, "
            f"or write `currency` at connection {end.connection!r}"
        )
    code = end.field(where, name)
    if code.type not in _CODES:
        raise SetupError(f"{where}: {name!r} ({code.type}) of {end.app} names no currency: take a text or an enum")
    return together(amount, code)


def is_told(row: FieldMapping, left: End, right: End) -> bool:
    """Check whether the currency of an amount is told on both sides."""
    return bool((row.left_currency or left.currency) and (row.right_currency or right.currency))


def hints(where: str, row: FieldMapping, left: End, right: End) -> Iterator[str]:
    """Point out an amount that travels without the currency that its app keeps beside it."""
    if row.lens != "number":
        return
    for key, end, name in (("left_currency", left, row.left), ("right_currency", right, row.right)):
        wanted = MONEY.get(end.fields[name].canonical or "")
        code = next((info.name for info in end.fields.values() if info.canonical == wanted), None) if wanted else None
        if code is not None:
            yield (
                f"{where}: {name!r} of {end.app} is in the currency that {code!r} names: write `{key}: {code}`, so "
                "that both travel as one"
            )
