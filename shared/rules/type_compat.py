"""Which fields can be kept the same: one cell for each pair of types, with the ways that are open and the lens.

A cell is *two-way* when what is written on one side can be read back from the other. What only becomes readable text
(a number in a text field, say) goes one way: nobody could tell what an edit of that text should mean. A field that its
app forbids to write closes a way that its type would leave open.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Final, Literal, TypeAlias

from shared.model.fields import FieldInfo
from shared.model.records import FieldType

Way: TypeAlias = Literal["two_way", "to_left_only", "to_right_only", "refused"]
Direction: TypeAlias = Literal["two_way", "to_left", "to_right"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What a pair of types allows."""

    way: Way
    lens: str = ""
    """A row of `shared.rules.lenses`; empty where nothing is carried."""

    @property
    def to_left(self) -> bool:
        """Check whether the right type's values can be written on the left."""
        return self.way in ("two_way", "to_left_only")

    @property
    def to_right(self) -> bool:
        """Check whether the left type's values can be written on the right."""
        return self.way in ("two_way", "to_right_only")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """What two fields allow."""

    cell: Cell
    direction: Direction | None
    """The widest that is open; None where none is."""

    def allows(self, direction: Direction) -> bool:
        """Check whether a mapping of these fields may go this way."""
        return self.direction in ("two_way", direction)


_SAME: Final[Mapping[FieldType, str]] = {
    FieldType.TEXT: "text",
    FieldType.NAME: "name",
    FieldType.EMAIL: "email",
    FieldType.PHONE: "phone",
    FieldType.COUNTRY: "country",
    FieldType.DOMAIN: "domain",
    FieldType.NUMBER: "number",
    FieldType.DATE: "date",
    FieldType.DATETIME: "datetime",
    FieldType.BOOL: "checkbox",
    # Options are told apart by their internal value; the app refuses one that it does not have.
    FieldType.ENUM: "text",
    FieldType.MULTI: "set",
    # The people of one account have other ids in the other one: they are known by their addresses.
    FieldType.OWNER: "owner",
}
"""Types that are kept the same as themselves."""

TEXTS: Final = frozenset(
    {FieldType.TEXT, FieldType.NAME, FieldType.EMAIL, FieldType.PHONE, FieldType.COUNTRY, FieldType.DOMAIN}
)
"""Types whose values are texts that people type; a plain text field takes on the meaning of the other side."""

_BETWEEN: Final[Mapping[tuple[FieldType, FieldType], str]] = {
    **{(FieldType.TEXT, other): _SAME[other] for other in TEXTS},
    **{(other, FieldType.TEXT): _SAME[other] for other in TEXTS},
    (FieldType.DATE, FieldType.DATETIME): "date_datetime",
    (FieldType.DATETIME, FieldType.DATE): "datetime_date",
}

_TABLED: Final = (FieldType.ENUM, FieldType.TEXT, FieldType.NAME, FieldType.COUNTRY)
MONEY: Final = "money"
"""The lens of a mapping of two numbers of which one at least comes with a currency."""
TABLES: Final[Mapping[tuple[FieldType, FieldType], str]] = {
    **dict.fromkeys(product(_TABLED, _TABLED), "table"),
    (FieldType.MULTI, FieldType.MULTI): "set_table",
    (FieldType.OWNER, FieldType.OWNER): "owner",
}
"""The lens of a mapping whose `values` say which option of one side means which of the other, by types."""

_SHOWN: Final = frozenset(
    {
        FieldType.NUMBER,
        FieldType.DATE,
        FieldType.DATETIME,
        FieldType.BOOL,
        FieldType.ENUM,
        FieldType.MULTI,
        FieldType.OWNER,
    }
)
"""Types that a text field can show."""


def _cell(left: FieldType, right: FieldType) -> Cell:
    if left is right and left in _SAME:
        return Cell(way="two_way", lens=_SAME[left])
    if (left, right) in _BETWEEN:
        return Cell(way="two_way", lens=_BETWEEN[left, right])
    if right is FieldType.TEXT and left in _SHOWN:
        return Cell(way="to_right_only", lens="as_text")
    if left is FieldType.TEXT and right in _SHOWN:
        return Cell(way="to_left_only", lens="as_text")
    return Cell(way="refused")


CELLS: Final[Mapping[tuple[FieldType, FieldType], Cell]] = {
    (left, right): _cell(left, right) for left, right in product(FieldType, FieldType)
}
"""Every pair of types, left and right."""


def together(amount: FieldInfo, currency: FieldInfo | None) -> FieldInfo:
    """Return an amount as a field that may be read and written as its currency may."""
    if currency is None:
        return amount
    names = ("readable", "creatable", "updatable")
    return amount.model_copy(update={name: getattr(amount, name) and getattr(currency, name) for name in names})


def fit(left: FieldInfo, right: FieldInfo, *, table: bool = False) -> Fit:
    """Return what two fields allow, by their types and by what their apps let be written; perhaps with a table."""
    lens = TABLES.get((left.type, right.type)) if table else None
    cell = Cell(way="two_way", lens=lens) if lens else CELLS[left.type, right.type]
    to_left = cell.to_left and left.updatable and right.readable
    to_right = cell.to_right and right.updatable and left.readable
    if to_left and to_right:
        return Fit(cell=cell, direction="two_way")
    return Fit(cell=cell, direction="to_left" if to_left else "to_right" if to_right else None)


def lenses_for(left: FieldType, right: FieldType) -> tuple[str, ...]:
    """List the lenses that carry values between two types: the cell's own, and plainer ones between texts."""
    own = CELLS[left, right].lens
    plain = ("text", "name") if own and {left, right} <= TEXTS else ()
    return tuple(dict.fromkeys(one for one in (own, *plain) if one))


def partners(type_: FieldType) -> tuple[FieldType, ...]:
    """List the types of fields that values of a type can be written to."""
    return tuple(other for other in FieldType if CELLS[type_, other].to_right)


def table() -> str:
    """Write the catalogue as a Markdown table, for the reference."""
    spelled = {
        "two_way": "both ways",
        "to_left_only": "to the left",
        "to_right_only": "to the right",
        "refused": "",
    }
    rows = ["| left \\ right | " + " | ".join(FieldType) + " |", "| --- |" + " --- |" * len(FieldType)]
    for left in FieldType:
        cells = [CELLS[left, right] for right in FieldType]
        shown = [f"{spelled[cell.way]} (`{cell.lens}`)" if cell.lens else "-" for cell in cells]
        rows.append(f"| **{left}** | " + " | ".join(shown) + " |")
    return "\n".join(rows) + "\n"
