"""What people do beyond entering and editing: they change addresses, delete, restore, merge, and associate records."""

import random
from collections.abc import Callable, Mapping, Sequence

from shared.model.pairs import Pair
from shared.model.records import Life, Value, ids_of
from tests.simulator.apps import MemoryApp, Row
from tests.simulator.objects import FIRMS, OBJECTS, End

Node = tuple[str, str]
"""App and record."""


class Lives:
    """The coming and going of records in both apps."""

    def __init__(
        self,
        rng: random.Random,
        apps: Mapping[str, MemoryApp],
        last: dict[Node, Value | None],
        states: Callable[[], Mapping[str, Pair]],
    ) -> None:
        self._rng = rng
        self._apps = apps
        self._last = last
        self._states = states
        self.addresses: dict[Node, Value | None] = {}
        """The address that a person last gave a record."""
        self.former: dict[Node, set[Value]] = {}
        """The addresses that a record had before."""
        self.chosen: dict[tuple[str, str, str], set[str | None]] = {}
        """What people associated a record with, under a label that leads to one."""
        self.merged: list[tuple[Node, Node]] = []
        """A record, and what it was merged into."""

    def move(self, app: MemoryApp, persons: int, number: int) -> bool:
        """Move somebody to another address."""
        living = app.living()
        if not living:
            return False
        row = self._rng.choice(living)
        email = address(self._rng.randrange(persons) if self._rng.random() < 0.6 else 1000 + number)
        holder = app.holder(email)
        if holder is row or (app.unique_email and holder is not None):
            return False
        before = row.values["email"]
        if before:
            self.former.setdefault((app.name, row.id), set()).add(before)
        row.values["email"] = email
        app.touch(row)
        self.addresses[app.name, row.id] = email
        return True

    def leave(self, app: MemoryApp, others: Sequence[str]) -> bool:
        """Delete a person, or a record of another object; sometimes its like in the other app as well."""
        living = self._deletable(app, self._some(others))
        if not living:
            return False
        row = self._rng.choice(living)
        other = next(each for each in self._apps.values() if each is not app)
        key = OBJECTS[row.object].identifier
        twins = [twin for twin in self._deletable(other, row.object) if twin.values[key] == row.values[key]]
        app.leave(row, self._last_state(app))
        if twins and self._rng.random() < 0.25:
            other.leave(twins[0], self._last_state(other))
        return True

    def _some(self, others: Sequence[str]) -> str:
        return self._rng.choice(others) if others and self._rng.random() < 0.3 else "contact"

    def _last_state(self, app: MemoryApp) -> Life:
        return Life.ARCHIVED if app.kind == "ordered" and self._rng.random() < 0.6 else Life.GONE

    def _deletable(self, app: MemoryApp, object_: str) -> list[Row]:
        """List what may be deleted now, or lose its marker to that of another record.

        An app that forgets what is gone cannot tell a create that comes again from a first one: where its answer was
        lost, the record is made anew, and no protocol can prevent that.
        """
        open_creates = {pending.key for pair in self._states().values() for pending in pair.pending.values()}
        return [row for row in app.living(object_) if row.marker not in open_creates]

    def restore(self, app: MemoryApp) -> bool:
        """Bring a record back under its id, unless its address is somebody else's now."""
        gone = [
            row
            for row in app.rows.values()
            if row.life in (Life.ARCHIVED, Life.GONE)
            and not (app.unique_email and row.object == "contact" and app.holder(row.values["email"]) is not None)
        ]
        if not gone:
            return False
        app.restore(self._rng.choice(gone))
        return True

    def merge(self, others: Sequence[str]) -> bool:
        """Merge two records of the app that can."""
        app = self._apps["a"]
        living = app.living(self._some(others))
        if len(living) < 2:
            return False
        winner, loser = self._rng.sample(living, 2)
        if loser.marker and loser not in self._deletable(app, loser.object):
            return False
        made = app.merge(winner, loser)
        node = (app.name, made.id)
        self._last[node] = made.values.get("h")
        self.addresses[node] = made.values.get("email")
        for end in OBJECTS[made.object].ends:
            if not end.many:
                self.chosen[*node, end.label] = {*ids_of(made.links.get(end.label))} or {None}
        self.merged += [((app.name, row.id), node) for row in (winner, loser)]
        return True

    def other(self, app: MemoryApp, objects: Sequence[str], number: int) -> bool:
        """Enter or edit a record of one of these objects, or change what records are associated with by them."""
        name, draw = self._rng.choice(objects), self._rng.random()
        living = app.living(name)
        if not living or draw < 0.15:
            return self.enter(app, name, number)
        if draw < 0.3:
            row = self._rng.choice(living)
            row.values["f" if app.name == "a" else "g"] = f"v{number}"
            app.touch(row)
            return True
        ends = [
            (row.name, end)
            for row in OBJECTS.values()
            for end in row.ends
            if row.name in objects or end.to in objects or row.name == end.to == "contact"
        ]
        holder, end = self._rng.choice(ends)
        return self._associate(app, holder, end)

    def enter(self, app: MemoryApp, name: str, number: int) -> bool:
        """Enter a record of an object other than people, unless one like it is there."""
        key, value = OBJECTS[name].identifier, f"{name}{self._rng.randrange(4)}{'.example' if name in FIRMS else ''}"
        if any(row.values[key] == value for row in app.living(name)):
            return False
        app.insert({**dict.fromkeys(OBJECTS[name].fields), key: value, "f": f"f{number}"}, object_=name)
        return True

    def _associate(self, app: MemoryApp, object_: str, end: End) -> bool:
        """Change what a record is associated with; sometimes what its like in the other app is, at the same time."""
        holders, others = app.living(object_), app.living(end.to)
        if not holders or not others:
            return False
        row = self._rng.choice(holders)
        if not end.many:
            return self._choose(app, row, end.label, self._rng.choice(others).id)
        self._change_set(app, row, end.label, self._rng.choice(others).id)
        there = next(each for each in self._apps.values() if each is not app)
        key = OBJECTS[object_].identifier
        twins = [twin for twin in there.living(object_) if twin.values[key] == row.values[key]]
        if twins and there.living(end.to) and self._rng.random() < 0.3:
            self._change_set(there, twins[0], end.label, self._rng.choice(there.living(end.to)).id)
        return True

    def _choose(self, app: MemoryApp, row: Row, label: str, other: str) -> bool:
        """Associate a record with another one, or with none."""
        chosen = other if self._rng.random() < 0.85 else None
        if chosen == row.id or app.end_of(row, label) == chosen:
            return False
        app.associate(row, label, chosen)
        app.touch(row)
        self.chosen.setdefault((app.name, row.id, label), set()).add(chosen)
        return True

    def _change_set(self, app: MemoryApp, row: Row, label: str, other: str) -> None:
        """Add a record to those that another one is associated with, or remove it; now and then others as well."""
        held = {*ids_of(app.links_of(row).get(label))}
        changed = {other, *(one for one in held if self._rng.random() < 0.2)}
        app.associate(row, label, tuple(sorted((held ^ changed) - {row.id})))
        app.touch(row)


def address(number: int) -> str:
    """Name a person's address."""
    return f"p{number}@x.example"
