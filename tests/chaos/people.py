"""What people did, and nothing else: the oracle of the chaos test knows no more than this.

Every value that somebody types is unique, so a value names the edit that made it. Each edit remembers the value that
its author saw on the record; that orders edits of both sides without any clock.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

Side: TypeAlias = Literal["L", "R"]
SIDES: Final[tuple[Side, Side]] = ("L", "R")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One field as both apps name it."""

    left: str
    """HubSpot's property."""
    right: str
    """The card's field."""
    line: str
    """The card's property."""
    clears: Literal["keep", "propagate"] = "keep"


FIELDS: Final = {
    "title": Column(left="jobtitle", right="title", line="TITLE", clears="propagate"),
    "note": Column(left="message", right="note", line="NOTE"),
    "phone": Column(left="phone", right="phone", line="TEL"),
    "company": Column(left="company", right="org", line="ORG"),
    "email": Column(left="email", right="email", line="EMAIL"),
}
MAPPINGS: Final = [
    {"key": "first_name", "left": "firstname", "right": "given_name"},
    {"key": "last_name", "left": "lastname", "right": "family_name"},
    *(
        {"key": name, "left": column.left, "right": column.right, "clears": column.clears}
        for name, column in FIELDS.items()
    ),
]
"""The mappings of the sync under test; last names never change, and tell whose a record is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """Somebody put a value into a field of a record; an empty one is a clear."""

    side: Side
    value: str
    seen: str = ""
    """The value that the record held just before."""
    at: float = 0.0
    """Seconds since the run began: for the report alone."""


@dataclass(slots=True, kw_only=True)
class Person:
    """Somebody whom people entered, with all that was done to the records."""

    token: str
    """The last name, which is nobody else's."""
    edits: dict[str, list[Edit]] = field(default_factory=lambda: {name: [] for name in FIELDS})
    ids: dict[Side, str] = field(default_factory=dict)
    """Records as far as people know them."""
    gone: set[Side] = field(default_factory=set)
    """Sides on which a person deleted the record."""
    merged: bool = False
    """True when the contact was merged into another one, whose card is another."""
    twin: bool = False
    """True when the person was entered on both sides at once."""
    stays: Side | None = None
    """The only side on which the person may have a record, where the record may not enter the sync."""

    def add(self, name: str, edit: Edit) -> None:
        """Note an edit."""
        self.edits[name].append(edit)

    def values(self, name: str) -> set[str]:
        """List all that a field was ever told to hold."""
        return {edit.value for edit in self.edits[name]}


def older(edits: list[Edit], edit: Edit) -> set[Edit]:
    """Collect the edits that an edit's author had seen, or that stood there before."""
    found: set[Edit] = set()
    waiting = [edit]
    while waiting:
        one = waiting.pop()
        for other in _seen_by(edits, one):
            if other not in found:
                found.add(other)
                waiting.append(other)
    return found


def _seen_by(edits: list[Edit], edit: Edit) -> Iterator[Edit]:
    at = edits.index(edit)
    for number, other in enumerate(edits[:at]):
        if other.value == edit.seen or (other.side == edit.side and number < at):
            yield other


def newest(edits: list[Edit]) -> list[Edit]:
    """List the edits that no other edit is known to be newer than: one, or one on each side, made side by side."""
    known = {other for edit in edits for other in older(edits, edit)}
    return [edit for edit in edits if edit not in known]
