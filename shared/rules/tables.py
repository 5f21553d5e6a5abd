"""Tables of values: which option of one app means which of the other.

Several values of one side may mean one of the other. Then the first row says what is written, and a value that means
the same already stays. A value without a row is never guessed: it is refused, or left out, with a word on why.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from shared.contract.people import People
from shared.engine.merging import InvalidValue, LeftOut
from shared.model.mapping import FieldMapping
from shared.model.wording import said
from shared.model.words import Note


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Which values mean the same, and which of them is written."""

    rows: frozenset[tuple[str, str]] = frozenset()
    """All that mean the same, left and right."""
    to_right: Mapping[str, str] = field(default_factory=dict)
    """By left value, what is written on the right."""
    to_left: Mapping[str, str] = field(default_factory=dict)
    other_right: str = ""
    """What is written on the right for a left value without a row; empty where there is none."""
    other_left: str = ""
    note: str = ""
    """What is told of a value without a row that is left out; empty where it is refused."""
    code: str = "option_unknown"
    """As what it is refused: a row of the error registry."""
    missing: str = "is not in the mapping's `values`: add a row for it"
    names_left: Mapping[str, str] = field(default_factory=dict)
    """What people call a left value, where that is not the value itself."""
    names_right: Mapping[str, str] = field(default_factory=dict)

    def right_of(self, left: str) -> str:
        """Return what a left value is on the right; raises `InvalidValue` where no row tells."""
        return self.to_right.get(left) or self._otherwise(self.names_left.get(left, left), self.other_right)

    def left_of(self, right: str) -> str:
        """Return what a right value is on the left; raises `InvalidValue` where no row tells."""
        return self.to_left.get(right) or self._otherwise(self.names_right.get(right, right), self.other_left)

    def _otherwise(self, value: str, other: str) -> str:
        if other:
            return other
        if self.note:
            raise LeftOut(self.note, f"{said(value)} {self.missing}")
        raise InvalidValue(self.code, f"{said(value)} {self.missing}")

    def agree(self, left: str, right: str) -> bool:
        """Check whether two values mean the same."""
        if (left, right) in self.rows:
            return True
        stands_left = left not in self.to_right and right == self.other_right != ""
        return stands_left or (right not in self.to_left and left == self.other_left != "")


NO_TABLE: Final = Table()


def of_values(mapping: FieldMapping) -> Table:
    """Make the table that a mapping's settings write down."""
    rows = tuple((row.left, row.right) for row in mapping.values)
    return Table(
        rows=frozenset(rows),
        to_right=firsts(rows),
        to_left=firsts((right, left) for left, right in rows),
        other_right=mapping.otherwise.right,
        other_left=mapping.otherwise.left,
        note=Note.VALUE_UNMAPPED if mapping.unmapped == "skip" else "",
    )


def of_people(mapping: FieldMapping, left: People | None, right: People | None) -> Table:
    """Make the table of those who are the same person in both apps: by their addresses, or as the settings say.

    Nobody is given a record who has left. While the people of an app are not known, every owner is left out.
    """
    skips = mapping.unmapped != "fail" or left is None or right is None
    here, there = _by_address(left), _by_address(right)
    pairs = _same_people(mapping, here, there)
    active = {side: _active(people) for side, people in (("L", left), ("R", right))}
    return Table(
        rows=frozenset(pairs),
        to_right=firsts(pair for pair in pairs if pair[1] in active["R"]),
        to_left=firsts((other, one) for one, other in pairs if one in active["L"]),
        other_right=_first_active(there, mapping.otherwise.right, active["R"]),
        other_left=_first_active(here, mapping.otherwise.left, active["L"]),
        note=Note.OWNER_UNMAPPED if skips else "",
        code="owner_unmapped",
        missing="is nobody in the other account: add the person there, or a row to the mapping's `values`",
        names_left=left.names() if left is not None else {},
        names_right=right.names() if right is not None else {},
    )


def _same_people(
    mapping: FieldMapping, here: Mapping[str, Sequence[str]], there: Mapping[str, Sequence[str]]
) -> list[tuple[str, str]]:
    rows = [(row.left.casefold(), row.right.casefold()) for row in mapping.values]
    named = {left for left, _ in rows}
    # Whoever has the address comes first: a row may give somebody the records of others besides.
    same = [(one, one) for one in here if one not in named]
    return [
        (one, other) for left, right in (*same, *rows) for one in here.get(left, ()) for other in there.get(right, ())
    ]


def _by_address(people: People | None) -> dict[str, list[str]]:
    """Return the ids of people by their addresses, of those who have left last."""
    found: dict[str, list[str]] = {}
    for person in sorted(people.people if people is not None else (), key=lambda person: not person.active):
        if person.email:
            found.setdefault(person.email.casefold(), []).append(person.id)
    return found


def _active(people: People | None) -> frozenset[str]:
    return frozenset(person.id for person in people.people if person.active) if people is not None else frozenset()


def _first_active(by_address: Mapping[str, Sequence[str]], address: str, active: frozenset[str]) -> str:
    return next((one for one in by_address.get(address.casefold(), ()) if one in active), "")


def firsts(rows: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return what the first row of each value says."""
    found: dict[str, str] = {}
    for one, other in rows:
        found.setdefault(one, other)
    return found
