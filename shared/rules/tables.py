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
from shared.model.records import RIGHT, Side, opposite
from shared.model.sides import BySide
from shared.model.wording import said
from shared.model.words import Note


@dataclass(frozen=True, slots=True)
class OneWay:
    """What is written on one side for the values of the other."""

    words: Mapping[str, str] = field(default_factory=dict)
    """By the other side's value."""
    otherwise: str = ""
    """For a value without a row; empty where there is none."""
    names: Mapping[str, str] = field(default_factory=dict)
    """What people call a value of the other side, where that is not the value itself."""

    def agrees(self, value: str, written: str) -> bool:
        """Check whether a value has no row, and what is written for such a one stands there."""
        return value not in self.words and written == self.otherwise != ""

    def extends(self, was: "OneWay") -> bool:
        """Check whether it only says what another one left open."""
        kept = all(self.words.get(value) == other for value, other in was.words.items())
        return kept and (not was.otherwise or (was.words.keys(), was.otherwise) == (self.words.keys(), self.otherwise))


_NOTHING: Final = BySide(OneWay(), OneWay())


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Which values mean the same, and which of them is written."""

    rows: frozenset[tuple[str, str]] = frozenset()
    """All that mean the same, left and right."""
    to: BySide[OneWay] = _NOTHING
    note: str = ""
    """What is told of a value without a row that is left out; empty where it is refused."""
    code: str = "option_unknown"
    """As what it is refused: a row of the error registry."""
    missing: str = "is not in the mapping's `values`: add a row for it"

    def on(self, side: Side, value: str) -> str:
        """Return what a value of the other side is on this one; raises `InvalidValue` where no row tells."""
        way = self.to[side]
        found = way.words.get(value) or way.otherwise
        if found:
            return found
        told = f"{said(way.names.get(value, value))} {self.missing}"
        if self.note:
            raise LeftOut(self.note, told)
        raise InvalidValue(self.code, told)

    def agree(self, left: str, right: str) -> bool:
        """Check whether two values mean the same."""
        return (left, right) in self.rows or self.to.right.agrees(left, right) or self.to.left.agrees(right, left)


NO_TABLE: Final = Table()


def of_values(mapping: FieldMapping) -> Table:
    """Make the table that a mapping's settings write down."""
    rows = tuple((row.left, row.right) for row in mapping.values)
    return Table(
        rows=frozenset(rows),
        to=BySide.of(lambda side: OneWay(firsts(_towards(side, rows)), mapping.otherwise.of(side))),
        note=Note.VALUE_UNMAPPED if mapping.unmapped == "skip" else "",
    )


def of_people(mapping: FieldMapping, people: BySide[People | None]) -> Table:
    """Make the table of those who are the same person in both apps: by their addresses, or as the settings say.

    Nobody is given a record who has left. While the people of an app are not known, every owner is left out.
    """
    skips = mapping.unmapped != "fail" or any(one is None for one in people)
    by_address, active = people.map(_by_address), people.map(_active)
    pairs = _same_people(mapping, by_address)

    def to(side: Side) -> OneWay:
        from_ = people[opposite(side)]
        return OneWay(
            firsts(row for row in _towards(side, pairs) if row[1] in active[side]),
            _first_active(by_address[side], mapping.otherwise.of(side), active[side]),
            from_.names() if from_ is not None else {},
        )

    return Table(
        rows=frozenset(pairs),
        to=BySide.of(to),
        note=Note.OWNER_UNMAPPED if skips else "",
        code="owner_unmapped",
        missing="is nobody in the other account: add the person there, or a row to the mapping's `values`",
    )


def _towards(side: Side, rows: Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    """Return rows of a left and a right value so that the value of one side comes last."""
    return rows if side == RIGHT else ((right, left) for left, right in rows)


def _same_people(mapping: FieldMapping, by_address: BySide[dict[str, list[str]]]) -> list[tuple[str, str]]:
    here, there = by_address
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
