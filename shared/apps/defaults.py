"""The mappings that a new sync starts with: fields of both apps that hold the same canonical field."""

from collections.abc import Mapping
from typing import Final, Literal

from shared.core.connector import Binding, FieldInfo
from shared.core.mapping import FieldMapping
from shared.core.records import FieldType

_LENS: Final[Mapping[FieldType, str]] = {
    FieldType.TEXT: "text",
    FieldType.NUMBER: "text",
    FieldType.NAME: "name",
    FieldType.EMAIL: "email",
    FieldType.PHONE: "phone",
    FieldType.COUNTRY: "country",
    FieldType.DATE: "date",
    FieldType.DATETIME: "datetime",
}


def default_mappings(left: Binding, right: Binding) -> tuple[FieldMapping, ...]:
    """Pair the fields of two bindings by what they hold; fields that neither side can be written to are left out."""
    others = {info.canonical: info for info in right.fields if info.canonical}
    found = []
    for info in left.fields:
        other = others.get(info.canonical) if info.canonical else None
        if info.canonical is None or other is None:
            continue
        lens, direction = _lens(info, other), _direction(info, other)
        if lens is None or direction is None:
            continue
        found.append(FieldMapping(key=info.canonical, left=info.name, right=other.name, lens=lens, direction=direction))
    return tuple(found)


def _lens(left: FieldInfo, right: FieldInfo) -> str | None:
    if left.multi or right.multi:
        return None
    if left.type == right.type:
        return _LENS.get(left.type)
    # A plain text on one side takes the other side's meaning; other differences need a person to choose.
    meant = [info.type for info in (left, right) if info.type is not FieldType.TEXT]
    return _LENS.get(meant[0]) if len(meant) == 1 and meant[0] in (FieldType.NAME, FieldType.COUNTRY) else None


def _direction(left: FieldInfo, right: FieldInfo) -> Literal["two_way", "to_left", "to_right"] | None:
    to_left, to_right = left.updatable and right.readable, right.updatable and left.readable
    if to_left and to_right:
        return "two_way"
    if to_left:
        return "to_left"
    return "to_right" if to_right else None
