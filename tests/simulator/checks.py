"""What must hold when everything has come to rest."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from shared.model.fields import link_name
from shared.model.pairs import Pair
from shared.model.records import Life, Value, ids_of
from shared.wire import topics
from tests.simulator.apps import Row
from tests.simulator.history import History
from tests.simulator.links import check_rebuild
from tests.simulator.objects import MONEY, OBJECTS
from tests.simulator.past import check_history

if TYPE_CHECKING:
    from tests.simulator.world import World

_OTHER = {"a": "b", "b": "a"}


def check(world: "World") -> None:
    """Assert that nothing was lost, nothing made twice, and both sides are the same."""
    people = world.people
    assert not world.grants.wrong, world.grants.wrong[0]
    history = History(world.broker, people.lives.merged)
    seats = _seats(world)
    for name, app in world.apps.items():
        made = [marker.rstrip("0123456789") for marker in app.created_by_us]  # generations never change here
        assert len(set(made)) == len(made), f"created twice in {name}: {sorted(made)}"
        emails = [row.values["email"] for row in app.living()]
        assert world.wild or len(set(emails)) == len(emails), f"a person is in {name} twice: {sorted(map(str, emails))}"
        for row in app.rows.values():
            if not row.dead:
                _Living(world, history, seats, name, row).check()
        strange = app.linked - {end.label for row in OBJECTS.values() for end in row.ends if end.ours}
        assert not strange, f"associations were written in {name} that no sync carries: {strange}"
    assert not history.wrong, history.wrong[0]
    assert sum(app.writes for app in world.apps.values()) <= 4 * people.edits + 20, "writes go round in circles"
    for (name, record, field), value in people.expected.items():
        now = world.apps[name].rows[record]
        paired = len(history.partners[name, record]) < 2 and not now.dead
        assert not paired or world.blind or value is None or now.values[field] == value, (
            f"the edit of {name}/{record}.{field} to {value} was lost: {now.values[field]}"
        )
    for pair in world.states().values():
        assert pair.rev >= world.grants.highest(pair.pair), f"the journal tells an old state of {pair.pair} last"
    check_history(world)
    check_rebuild(world)
    parked = sum(world.broker.end_offsets(topics.PARKED.name).values())
    assert parked == 0, f"{parked} messages were parked"


Seats = dict[tuple[str, str], Pair]


def _seats(world: "World") -> Seats:
    seats: Seats = {}
    for pair in world.states().values():
        for name, end in (("a", pair.L), ("b", pair.R)):
            if end is not None and not pair.absorbed_by:
                at = (name, end.id)
                if at in seats:
                    assert world.apps[name].rows[end.id].dead, f"{name}/{end.id} is in two pairs"
                seats[at] = pair
    return seats


class _Living:
    """One living record, and where it should stand."""

    def __init__(self, world: "World", history: History, seats: Seats, name: str, row: Row) -> None:
        self._world = world
        self._history = history
        self._seats = seats
        self._name = name
        self._row = row
        self._who = f"{name}/{row.id}"
        self._key = row.values[OBJECTS[row.object].identifier]

    def check(self) -> None:
        """Assert that it is in a pair, with a partner that holds the same, or alone for a reason that is true."""
        pair = self._seats.get((self._name, self._row.id))
        assert pair is not None, f"{self._who} is in no pair"
        assert not pair.pending, f"{pair.pair} still waits for an answer"
        partner = _partner(self._world, pair, self._name)
        if partner is None:
            self._check_alone(pair)
        elif self._name == "a":
            self._check_linked(pair, partner)

    def _check_alone(self, pair: Pair) -> None:
        mate = pair.R if self._name == "a" else pair.L
        assert self._world.wild, f"{self._who} has no partner: {pair.status} {pair.reason}"
        surplus = pair.match is not None and pair.match.by == "surplus"
        mine, others = self._alone(self._name), self._alone(_OTHER[self._name])
        # The oldest of each side belong together, but two that were both left by their partners wait for a person.
        assert surplus or not others or all(_was_left(self._seats[min(side)[2:]]) for side in (mine, others)), (
            f"{self._who} and {[row[3] for row in others]} are the same, but stand alone: {pair.status} {pair.reason}"
        )
        if mate is not None:
            merged = mate.life is Life.MERGED
            told = "partner_merged" if merged else "deleted_in_right" if self._name == "a" else "deleted_in_left"
            assert (pair.status, pair.reason) == ("failing", told), f"{self._who}: {pair.status} {pair.reason}"
            return
        if self._key is None or surplus:
            assert pair.status == "excluded", f"{self._who}: {pair.status} {pair.reason}"
            return
        doubles = [row for row in self._others(self._name) if row is not self._row]
        assert doubles or self._others(_OTHER[self._name]), f"{self._who} was not copied: {pair.status} {pair.reason}"
        assert pair.reason in ("duplicate_identifier", "duplicate_in_target"), (
            f"{self._who}: {pair.status} {pair.reason}"
        )

    def _others(self, name: str) -> list[Row]:
        """List the living records of an app with the same identifier."""
        key = OBJECTS[self._row.object].identifier
        return [row for row in self._world.apps[name].living(self._row.object) if row.values[key] == self._key]

    def _alone(self, name: str) -> list[tuple[int, str, str, str]]:
        """List the age, id and seat of an app's records with this identifier that have no partner."""
        found = []
        for row in self._others(name):
            pair = self._seats.get((name, row.id))
            surplus = pair is not None and pair.match is not None and pair.match.by == "surplus"
            if pair is not None and not surplus and _partner(self._world, pair, name) is None:
                found.append((row.created, row.id, name, row.id))
        return found

    def _should_give_up(self, name: str, holder: Row) -> bool:
        """Check whether a record's partner has another address, which only another record keeps from it."""
        pair = self._seats.get((name, holder.id))
        partner = _partner(self._world, pair, name) if pair is not None else None
        if partner is None or partner.values["email"] == holder.values["email"]:
            return False
        here, there = self._world.apps[name], self._world.apps[_OTHER[name]]
        return here.holder(partner.values["email"]) not in (None, holder) and there.holder(holder.values["email"]) in (
            None,
            partner,
        )

    def _check_linked(self, pair: Pair, partner: Row) -> None:
        left, right = self._row.values, partner.values
        if pair.status == "failing" and self._world.wild:
            assert pair.reason == "duplicate_in_target", f"{pair.pair}: {pair.status} {pair.reason} {pair.detail}"
            held = [
                (name, holder)
                for name, one, other in (("b", self._row, partner), ("a", partner, self._row))
                if (holder := self._world.apps[name].holder(one.values["email"])) is not None and holder is not other
            ]
            assert held, f"{pair.pair} is said to be refused, but nobody holds its address: {left} {right}"
            assert not all(self._should_give_up(*one) for one in held), (
                f"{pair.pair} waits for what its holder only has because it is refused as well: {left} {right}"
            )
            return
        fields = OBJECTS[self._row.object].fields
        kept_clear = {key for key in ("f", "g") if left[key] is None or right[key] is None}
        for key in set(fields) - kept_clear:
            assert left.get(key) == right.get(key), (
                f"{pair.pair}: {key} is {left[key]!r} and {right[key]!r}; {pair.status}"
            )
        amount, currency = (left.get(name) for name in MONEY)
        assert self._world.blind or (amount, currency) in self._world.people.priced, (
            f"{pair.pair}: nobody wanted {amount} in {currency}"
        )
        assert pair.status == "in_sync", f"{pair.pair} is {pair.status}: {pair.reason}"
        if not self._world.blind:
            self._check_values(pair, left)
        for end in OBJECTS[self._row.object].ends:
            if end.ours and end.many:
                self._check_set(pair, partner, end.label)
            elif end.ours and (end.label in self._row.links or end.label in partner.links):
                self._check_end(pair, partner, end.label)

    def _check_values(self, pair: Pair, values: Mapping[str, Value | None]) -> None:
        """Assert that what stands is some person's last value."""
        people, family = self._world.people, self._history.family(self._name, self._row.id)
        last = {value for node in family if (value := people.last.get(node))}
        addresses = {value for node in family if (value := people.lives.addresses.get(node))}
        ends = {(name, end.id) for name, end in (("a", pair.L), ("b", pair.R)) if end is not None}
        # What somebody edited last in a record that left the pair may have left with it, although it was restored.
        for name, record in family - ends:
            last |= {value for value in people.held.get((name, record, "h"), ()) if value}
            addresses |= people.lives.former.get((name, record), set())
        assert not last or values["h"] in last, f"{pair.pair}: {values['h']!r} came back, but people wrote {last}"
        assert not addresses or values["email"] in addresses, (
            f"{pair.pair}: {values['email']!r} came back, but people wrote {addresses}"
        )

    def _check_end(self, pair: Pair, partner: Row, label: str) -> None:
        """Assert that both sides lead to the same record; an association that somebody took away may stay so."""
        ends = []
        for name, row in (("a", self._row), ("b", partner)):
            app = self._world.apps[name]
            other, chosen = app.end_of(row, label), self._world.people.lives.chosen.get((name, row.id, label), set())
            if other is None and (row.links.get(label) is not None or None in chosen):
                return  # somebody took it away, or what it led to has left
            ends.append((other, self._seats[name, other] if other else None))
        whole = [led_to for _, led_to in ends if led_to is not None and self._is_whole(led_to)]
        if len(whole) < sum(led_to is not None for _, led_to in ends):
            return  # a record that is in one app only cannot be told to the other
        names = {led_to.pair if led_to is not None else None for _, led_to in ends}
        assert len(names) == 1, f"{pair.pair}: {label} leads to {[end for end, _ in ends]}; {pair.notes} {pair.waits}"

    def _check_set(self, pair: Pair, partner: Row, label: str) -> None:
        """Assert that both sides lead to the same records, as far as these are in both apps; a last one may be kept."""
        sets = [
            {
                led_to.pair
                for record in ids_of(self._world.apps[name].links_of(row).get(label))
                if (led_to := self._seats.get((name, record))) is not None and self._is_whole(led_to)
            }
            for name, row in (("a", self._row), ("b", partner))
        ]
        kept = pair.notes.get(link_name(label)) == "kept_clear" and (sets[0] < sets[1] or sets[1] < sets[0])
        assert kept or sets[0] == sets[1], f"{pair.pair}: {label} leads to {sets}; {pair.notes} {pair.link_base}"

    def _is_whole(self, firm: Pair) -> bool:
        return all(_partner(self._world, firm, name) is not None for name in _OTHER)


def _was_left(pair: Pair) -> bool:
    return pair.L is not None and pair.R is not None


def _partner(world: "World", pair: Pair, name: str) -> Row | None:
    """Return the living record at the other end of a pair."""
    end = pair.R if name == "a" else pair.L
    row = world.apps[_OTHER[name]].rows[end.id] if end is not None else None
    if end is not None and row is not None:
        assert (end.life is Life.ALIVE) is not row.dead, f"{pair.pair} takes {row.id} for {end.life}: {row.life}"
    return row if row is not None and not row.dead else None
