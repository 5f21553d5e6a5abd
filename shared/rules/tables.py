"""Tables of values: which option of one app means which of the other.

Several values of one side may mean one of the other. Then the first row says what is written, and a value that means
the same already stays. A value without a row is never guessed: it is refused, or left out, with a word on why.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from shared.core.mapping import FieldMapping
from shared.core.merging import InvalidValue, LeftOut
from shared.core.wording import said


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

    def right_of(self, left: str) -> str:
        """Return what a left value is on the right; raises `InvalidValue` where no row tells."""
        return self.to_right.get(left) or self._otherwise(left, self.other_right)

    def left_of(self, right: str) -> str:
        """Return what a right value is on the left; raises `InvalidValue` where no row tells."""
        return self.to_left.get(right) or self._otherwise(right, self.other_left)

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
        note="value_unmapped" if mapping.unmapped == "skip" else "",
    )


def firsts(rows: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return what the first row of each value says."""
    found: dict[str, str] = {}
    for one, other in rows:
        found.setdefault(one, other)
    return found
