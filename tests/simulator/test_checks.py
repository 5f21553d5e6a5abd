"""What the simulator takes for a lost edit."""

import pytest

from shared.model.records import Life
from tests.simulator.apps import Row
from tests.simulator.checks import check
from tests.simulator.faults import CALM
from tests.simulator.objects import FIELDS
from tests.simulator.people import DELETING
from tests.simulator.world import World


def _one_person() -> tuple[World, Row]:
    """Begin with one person in both apps, where it was entered in the right one."""
    world = World(0, CALM, DELETING)
    world.empty()
    row = world.apps["b"].insert({**dict.fromkeys(FIELDS), "email": "ann@x.example", "h": "first"})
    world.people.last["b", row.id] = "first"
    world.first_sync()
    world.settle()
    check(world)
    return world, row


def _lose(world: World, row: Row, value: str) -> None:
    """Note an edit of somebody that stands nowhere."""
    world.people.held.setdefault(("b", row.id, "h"), []).append(world.people.last["b", row.id])
    world.people.last["b", row.id] = value


def _delete_and_restore(world: World, row: Row) -> None:
    app = world.apps["b"]
    app.leave(row, Life.GONE)
    world.settle()
    app.restore(row)
    world.settle()


def test_a_value_that_stands_in_place_of_the_last_edit_came_back() -> None:
    world, row = _one_person()
    _lose(world, row, "second")
    with pytest.raises(AssertionError, match="'first' came back"):
        check(world)


def test_no_edit_leaves_with_a_record_that_its_pair_holds_again() -> None:
    world, row = _one_person()
    _delete_and_restore(world, row)
    _lose(world, row, "second")
    with pytest.raises(AssertionError, match="'first' came back"):
        check(world)


def test_an_edit_may_have_left_with_a_record_that_lost_its_partner_to_another_one() -> None:
    """The partner told that one what it held itself; the record was restored later, apart."""
    world, row = _one_person()
    app = world.apps["b"]
    app.leave(row, Life.GONE)
    world.settle()
    other = app.insert({**row.values, "h": "other"})
    world.people.last["b", other.id] = "other"
    world.settle()
    assert other.values["h"] == "first", "the default app's value stands"
    _lose(world, row, "second")
    row.values |= {"email": "bea@x.example", "h": "second"}
    app.restore(row)
    world.settle()
    check(world)
