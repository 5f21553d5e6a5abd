"""What people do in the two apps, and what must therefore stand there in the end."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from shared.model.pairs import Pair
from shared.model.records import Value
from tests.simulator.apps import MemoryApp, Row
from tests.simulator.lives import Lives, address
from tests.simulator.objects import CARS, FIRMS, MONEY

_BEGINNING: Final = 5


@dataclass(frozen=True)
class Habits:
    """How often people do what makes a sync hard, as shares of their acts."""

    twins: float = 0.0
    """Somebody is entered in both apps at once. Only where both refuse a second record with an address: elsewhere a
    person whom somebody enters in the moment of our create is there twice, and no protocol can prevent that."""
    shared: float = 0.0
    """A field is edited that is edited in the other app as well."""
    persons: int = 12
    """How many people there may be; the fewer, the more often the same records are edited."""
    undo: float = 0.0
    """An edit puts back what the field held before."""
    moves: float = 0.0
    """Somebody gets another address: a new one, one that was given up, or one that another record holds."""
    deletes: float = 0.0
    """A record is deleted: in the bin or for good, in one app or in both."""
    restores: float = 0.0
    """A deleted record comes back under its id."""
    merges: float = 0.0
    """Two records of the app that can merge become one."""
    firms: float = 0.0
    """A company is entered, edited, deleted or merged, or a person goes to another one: a second sync."""

    cars: float = 0.0
    """The same of cars and car parks, which are objects that accounts have of their own: two more syncs."""

    @property
    def others(self) -> tuple[str, ...]:
        """Name the objects that there are besides people."""
        return (*(FIRMS if self.firms else ()), *(CARS if self.cars else ()))

    @property
    def wild(self) -> bool:
        """Whether a record may lose its partner or its address."""
        return any((self.moves, self.deletes, self.merges))


MILD: Final = Habits()
HARD: Final = Habits(twins=0.15, shared=0.4, undo=0.3)
MOVING: Final = Habits(shared=0.3, moves=0.3, persons=8)
DELETING: Final = Habits(shared=0.2, moves=0.1, deletes=0.15, restores=0.1, persons=8)
MERGING: Final = Habits(shared=0.2, moves=0.05, deletes=0.05, restores=0.05, merges=0.12, persons=8)
LINKED: Final = Habits(shared=0.2, firms=0.4, persons=8)
DRIVING: Final = Habits(shared=0.2, deletes=0.05, restores=0.05, merges=0.03, cars=0.5, persons=8)
ALL: Final = Habits(
    twins=0.05,
    shared=0.2,
    undo=0.1,
    moves=0.1,
    deletes=0.08,
    restores=0.08,
    merges=0.06,
    firms=0.2,
    cars=0.2,
    persons=8,
)  # fmt: skip


class People:
    """The users of both apps."""

    def __init__(
        self,
        rng: random.Random,
        apps: Mapping[str, MemoryApp],
        habits: Habits,
        states: Callable[[], Mapping[str, Pair]],
    ) -> None:
        self._rng = rng
        self._apps = apps
        self._habits = habits
        self._states = states
        self._strict = all(app.unique_email for app in apps.values())
        self.edits = 0
        self.expected: dict[tuple[str, str, str], Value | None] = {}
        """App, record and field whose last edit must stand, because nobody edited it elsewhere."""
        self.last: dict[tuple[str, str], Value | None] = {}
        """What a person last put into the shared field, by app and record."""
        self.held: dict[tuple[str, str, str], list[Value | None]] = {}
        self.priced: set[tuple[Value | None, Value | None]] = {(None, None)}
        """Amounts with the currencies that somebody wanted them in."""
        self.lives = Lives(rng, apps, self.last, states)

    def begin(self) -> None:
        """Enter some people before anything is synced."""
        for app in self._apps.values():
            for number in self._rng.sample(range(self._habits.persons), min(_BEGINNING, self._habits.persons)):
                self._enter(app, address(number))
            for name in self._habits.others:
                self.lives.enter(app, name, 0)

    def act(self) -> None:
        """Let somebody create or edit a record on one of the sides."""
        app = self._apps[self._rng.choice("ab")]
        living = app.living()
        self.edits += 1
        if self._strict and self._likely(self._habits.twins):
            email = address(self._rng.randrange(self._habits.persons))
            for each in self._apps.values():
                if each.holder(email) is None:
                    self._enter(each, email)
            return
        if self._beyond(app):
            return
        if not living or self._rng.random() < 0.3:
            email = address(self._rng.randrange(self._habits.persons))
            if not self._lives(email) and app.holder(email) is None:
                self._enter(app, email)
            return
        self._edit(app, self._rng.choice(living))

    def _beyond(self, app: MemoryApp) -> bool:
        """Let somebody do more than enter and edit, where these people do; False when nothing was done."""
        acts: tuple[tuple[float, Callable[[], bool]], ...] = (
            (self._habits.moves, lambda: self.lives.move(app, self._habits.persons, self.edits)),
            (self._habits.deletes, lambda: self.lives.leave(app, self._habits.others)),
            (self._habits.restores, lambda: self.lives.restore(app)),
            (self._habits.merges, lambda: self.lives.merge(self._habits.others)),
            (self._habits.firms, lambda: self.lives.other(app, FIRMS, self.edits)),
            (self._habits.cars, lambda: self.lives.other(app, CARS, self.edits)),
        )
        return any(self._likely(share) and act() for share, act in acts)

    def _enter(self, app: MemoryApp, email: str) -> None:
        values: dict[str, Value | None] = {"email": email, "f": self._word(), "g": self._word()}
        if self._habits.shared:
            values["h"] = f"h{app.name}{self.edits}"
        row = app.insert(values)
        if self._habits.shared:
            self._price(row)
        self.last[app.name, row.id] = values.get("h")
        self.lives.addresses[app.name, row.id] = email

    def _edit(self, app: MemoryApp, row: Row) -> None:
        shared = self._likely(self._habits.shared)
        # Else each field is edited in one app only: no edit may lose against another, and the last one must stand.
        field = "h" if shared else "f" if app.name == "a" else "g"
        before = row.values.get(field)
        row.values[field] = self._value(app, row, field)
        if row.values[field] == before:
            return
        if shared:
            self._price(row)
        self.held.setdefault((app.name, row.id, field), []).append(before)
        app.touch(row)
        if shared:
            self.last[app.name, row.id] = row.values[field]
        elif self._is_settled(row, field):
            self.expected[app.name, row.id, field] = row.values[field]

    def _value(self, app: MemoryApp, row: Row, field: str) -> Value | None:
        held = [value for value in self.held.get((app.name, row.id, field), ()) if value is not None]
        if held and self._likely(self._habits.undo):
            return self._rng.choice(held[-2:])
        return f"h{app.name}{self.edits}" if field == "h" else self._word()

    def _price(self, row: Row) -> None:
        """Change an amount or its currency, and remember that somebody wanted the two together."""
        amount, currency = MONEY
        if row.values.get(amount) is None or self.edits % 2:
            row.values[amount] = str(self.edits)
        if row.values.get(currency) is None or not self.edits % 2:
            row.values[currency] = f"C{self.edits}"
        self.priced.add((row.values[amount], row.values[currency]))

    def _likely(self, share: float) -> bool:
        return bool(share) and self._rng.random() < share

    def _is_settled(self, row: Row, field: str) -> bool:
        """Check whether an edit now meets settled values: before that, the default app's values win."""
        return any(
            {row.id} < {end.id for end in (pair.L, pair.R) if end is not None}
            and field not in pair.fresh
            and all(pending.op != "create" for pending in pair.pending.values())
            for pair in self._states().values()
        )

    def _lives(self, email: str) -> bool:
        """Check whether a person may not be entered now, because a second one could not be prevented."""
        return not (self._strict or self._habits.wild) and any(
            app.holder(email) is not None for app in self._apps.values()
        )

    def _word(self) -> Value | None:
        return self._rng.choice(("x", "y", "z", None)) and f"{self._rng.choice('xyz')}{self.edits}"
