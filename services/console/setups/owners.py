"""What a plan says of the people of two apps, whose addresses tell who owns a record there."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeAlias

from services.console.setups.ends import Unasked
from shared.config.setups import Setups
from shared.contract.people import People, Person
from shared.model.mapping import FieldMapping
from shared.model.records import SIDES, Side, Value, goes_to, opposite
from shared.model.sides import BySide
from shared.model.syncs import Sync
from shared.rules.tables import of_people
from shared.rules.type_compat import MONEY

Told: TypeAlias = Mapping[str, People | Unasked]
"""By connection, whom its app names; or why it cannot be asked."""
_NAMED: Final = 20
"""Most people that one sentence names."""


def known(sync: Sync, told: Told, standing: Mapping[str, People]) -> BySide[People | None]:
    """Return the people of both ends, as they were told now or before."""

    def of(side: Side) -> People | None:
        name = sync.side(side).connection
        row = told.get(name)
        return row if isinstance(row, People) else standing.get(name)

    return BySide.of(of)


def news(sync: Sync, told: Told, standing: Mapping[str, People]) -> list[People]:
    """Return the people that were told now and are others than before, where a sync carries owners."""
    if not _carrying(sync):
        return []
    rows = [told.get(sync.side(side).connection) for side in SIDES]
    return [row for row in rows if isinstance(row, People) and row != standing.get(row.connection)]


def _carrying(sync: Sync) -> list[FieldMapping]:
    return [row for row in sync.mappings if row.on and row.lens == "owner"]


def hints(sync: Sync, told: Told, standing: Mapping[str, People]) -> Iterator[str]:
    """Point out who is nobody in the other account, and whose people are not known."""
    if not _carrying(sync):
        return
    for side in SIDES:
        name = sync.side(side).connection
        found = told.get(name)
        if isinstance(found, Unasked):
            yield (
                f"sync {sync.id!r}: the people of connection {name!r} cannot be read now, so owners are taken as they "
                f"were, or left out: {found.reason}"
            )
    people = known(sync, told, standing)
    left, right = people
    if left is not None and right is not None:
        for row in _carrying(sync):
            yield from _of(sync, row, BySide(left, right))


def _of(sync: Sync, row: FieldMapping, people: BySide[People]) -> Iterator[str]:
    where, table = f"sync {sync.id!r}, mapping {row.key!r}", of_people(row, people)
    for side, end in people.items():
        values = [*(each.of(side) for each in row.values), row.otherwise.of(side)]
        there = {one.email.casefold() for one in end.people if one.active}
        lacking = [value for value in values if value and value.casefold() not in there]
        if lacking:
            yield f"{where}: nobody of connection {end.connection!r} has the address {_listed(lacking)}"
    for side, one in people.items():
        target = opposite(side)
        other, way = people[target], table.to[target]
        alone = [person for person in one.people if person.active and person.id not in way.words]
        if alone and goes_to(row.direction, target) and not way.otherwise:
            becomes = "fail" if row.unmapped == "fail" else "keep the owner that they have there"
            names = _listed([_shown(person) for person in alone])
            yield (
                f"{where}: {names} of connection {one.connection!r} is nobody of {other.connection!r}: records of "
                f"theirs {becomes}"
            )


def _shown(person: Person) -> str:
    return person.email or f"owner {person.id}"


def _listed(values: Sequence[str]) -> str:
    return ", ".join(values[:_NAMED]) + (", and more" if len(values) > _NAMED else "")


def named(setups: Setups, sync: Sync, key: str, side: Side, value: Value | None) -> Value | None:
    """Return a value of a mapping as people read it: a person by the address, an amount with its currency."""
    mapping = next((row for row in sync.mappings if row.key == key), None)
    if mapping is not None and mapping.lens == MONEY and isinstance(value, list | tuple):
        return " ".join(value).strip()
    if mapping is None or mapping.lens != "owner" or not isinstance(value, str):
        return value
    people = setups.people(sync.side(side).connection)
    return people.names().get(value, value) if people is not None else value
