"""What must hold when everything has come to rest."""

from typing import TYPE_CHECKING

from shared import topics
from shared.core.pairs import Pair
from tests.simulator.apps import FIELDS, Row

if TYPE_CHECKING:
    from tests.simulator.world import World


def check(world: "World") -> None:
    """Assert that nothing was lost, nothing made twice, and both sides are the same."""
    people = world.people
    assert not world.grants.wrong, world.grants.wrong[0]
    seats = _seats(world)
    for name, app in world.apps.items():
        made = [marker.rstrip("0123456789") for marker in app.created_by_us]  # generations never change here
        assert len(set(made)) == len(made), f"created twice in {name}: {sorted(made)}"
        emails = [row.values["email"] for row in app.rows.values() if not row.dead]
        assert len(set(emails)) == len(emails), f"a person is in {name} twice: {sorted(map(str, emails))}"
        for row in app.rows.values():
            _check_row(world, name, row, seats)
    assert sum(app.writes for app in world.apps.values()) <= 4 * people.edits + 20, "writes go round in circles"
    for (name, record, field), value in people.expected.items():
        now = world.apps[name].rows[record].values[field]
        assert world.blind or value is None or now == value, (
            f"the edit of {name}/{record}.{field} to {value} was lost: {now}"
        )
    parked = sum(world.broker.end_offsets(topics.PARKED.name).values())
    assert parked == 0, f"{parked} messages were parked"


def _seats(world: "World") -> dict[tuple[str, str], Pair]:
    seats: dict[tuple[str, str], Pair] = {}
    for pair in world.states().values():
        for name, end in (("a", pair.L), ("b", pair.R)):
            if end is not None and not pair.absorbed_by:
                assert (name, end.id) not in seats, f"{name}/{end.id} is in two pairs"
                seats[name, end.id] = pair
    return seats


def _check_row(world: "World", name: str, row: Row, seats: dict[tuple[str, str], Pair]) -> None:
    pair = seats.get((name, row.id))
    assert pair is not None, f"{name}/{row.id} is in no pair"
    assert pair.L is not None, f"{name}/{row.id} has no partner: {pair.status} {pair.reason}"
    assert pair.R is not None, f"{name}/{row.id} has no partner: {pair.status} {pair.reason}"
    left, right = world.apps["a"].rows[pair.L.id].values, world.apps["b"].rows[pair.R.id].values
    kept_clear = {key for key in ("f", "g") if left[key] is None or right[key] is None}
    for key in set(FIELDS) - kept_clear:
        assert left.get(key) == right.get(key), f"{pair.pair}: {key} is {left[key]!r} and {right[key]!r}; {pair.status}"
    last = {value for node in (("a", pair.L.id), ("b", pair.R.id)) if (value := world.people.last.get(node))}
    assert world.blind or not last or left["h"] in last, (
        f"{pair.pair}: {left['h']!r} came back, but people wrote {last}"
    )
    assert not pair.pending, f"{pair.pair} still waits for an answer"
