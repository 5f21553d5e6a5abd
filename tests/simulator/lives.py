"""What people do beyond entering and editing: they change addresses, delete, restore, merge, and change companies."""

import random
from collections.abc import Callable, Mapping

from shared.core.pairs import Pair
from shared.core.records import Life, Value, ids_of
from tests.simulator.apps import CLUBS, FIRM_FIELDS, MemoryApp, Row

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
        self.companies: dict[Node, set[str | None]] = {}
        """The companies that people put a person into."""
        self.merged: list[tuple[Node, Node]] = []
        """A record, and what it was merged into."""

    def move(self, app: MemoryApp, persons: int, number: int) -> bool:
        """Give somebody another address."""
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

    def leave(self, app: MemoryApp, firms: bool) -> bool:  # noqa: FBT001 - one fact, named at the only call
        """Delete a record; sometimes its like in the other app as well."""
        living = self._deletable(app, "company" if firms and self._rng.random() < 0.3 else "contact")
        if not living:
            return False
        row = self._rng.choice(living)
        other = next(each for each in self._apps.values() if each is not app)
        key = "email" if row.object == "contact" else "domain"
        twins = [twin for twin in self._deletable(other, row.object) if twin.values[key] == row.values[key]]
        app.leave(row, self._last_state(app))
        if twins and self._rng.random() < 0.25:
            other.leave(twins[0], self._last_state(other))
        return True

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

    def merge(self, firms: bool) -> bool:  # noqa: FBT001 - one fact, named at the only call
        """Merge two records of the app that can."""
        app = self._apps["a"]
        living = app.living("company" if firms and self._rng.random() < 0.3 else "contact")
        if len(living) < 2:
            return False
        winner, loser = self._rng.sample(living, 2)
        if loser.marker and loser not in self._deletable(app, loser.object):
            return False
        made = app.merge(winner, loser)
        node = (app.name, made.id)
        self._last[node] = made.values.get("h")
        self.addresses[node] = made.values.get("email")
        self.companies[node] = {*ids_of(made.links.get("company"))} or {None}
        self.merged += [((app.name, row.id), node) for row in (winner, loser)]
        return True

    def company(self, app: MemoryApp, number: int) -> bool:
        """Enter or edit a company, or let a person go to one, or to none."""
        firms, draw = app.living("company"), self._rng.random()
        if not firms or draw < 0.15:
            name = f"d{self._rng.randrange(4)}.example"
            if any(row.values["domain"] == name for row in firms):
                return False
            row = app.insert({**dict.fromkeys(FIRM_FIELDS), "domain": name, "f": f"f{number}"}, object_="company")
            return True
        if draw < 0.3:
            row = self._rng.choice(firms)
            row.values["f" if app.name == "a" else "g"] = f"v{number}"
            app.touch(row)
            return True
        people = app.living()
        if not people:
            return False
        row, firm = self._rng.choice(people), self._rng.choice(firms).id
        return self._change_clubs(app, row, firm) if draw > 0.65 else self._change_company(app, row, firm)

    def _change_company(self, app: MemoryApp, row: Row, firm: str) -> bool:
        """Let a person go to a company, or to none."""
        chosen = firm if self._rng.random() < 0.85 else None
        if app.company_of(row) == chosen:
            return False
        row.links["company"] = chosen
        app.touch(row)
        self.companies.setdefault((app.name, row.id), set()).add(chosen)
        return True

    def _change_clubs(self, app: MemoryApp, row: Row, firm: str) -> bool:
        """Let a person join a club, or leave it; now and then another one as well."""
        clubs = {*ids_of(app.links_of(row).get(CLUBS))}
        chosen = {firm, *(other for other in clubs if self._rng.random() < 0.2)}
        row.links[CLUBS] = tuple(sorted(clubs ^ chosen))
        app.touch(row)
        return True


def address(number: int) -> str:
    """Name a person's address."""
    return f"p{number}@x.example"
