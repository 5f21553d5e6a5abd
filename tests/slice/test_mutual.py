"""Associations of records of one object with one another, which both records show, between two HubSpot accounts."""

from typing import Final

import pytest

from deploy.local.hubspot import HubSpotServer
from shared.model.syncs import AssociationMapping
from shared.wire import topics
from tests.slice.harness import Polling, sync

_PLAIN: Final = 449


class Friends(Polling):
    """Two accounts whose contacts are associated with one another."""

    def __init__(self, server: HubSpotServer) -> None:
        friends = AssociationMapping(to="contacts", label="contacts", clears="propagate")
        super().__init__(server, [sync("contacts", "contact", associations=[friends])])

    def make(self, at: str, *names: str) -> None:
        """Create contacts, as a person does."""
        for name in names:
            self.admin.edit(self.portal[at], "create", "contacts", properties={"email": f"{name}@x.example"})

    def person(self, at: str, name: str) -> str:
        """Return somebody's record in an account."""
        rows = self.records(at, "contacts").items()
        return next(record for record, row in rows if row["properties"]["email"] == f"{name}@x.example")

    def change(self, at: str, op: str, one: str, other: str) -> None:
        """Associate two contacts, or end that, as a person does."""
        self.admin.edit(
            self.portal[at], op, "contacts", self.person(at, one), toType="contacts", other=self.person(at, other),
            types=[_PLAIN],
        )  # fmt: skip

    def friends(self, at: str) -> set[str]:
        """Name who is associated with whom in an account; each is shown by both."""
        names = {record: row["properties"]["email"][:3] for record, row in self.records(at, "contacts").items()}
        held = self.admin.call("GET", f"accounts/{self.portal[at]}/associations/contacts/contacts")
        found = {(names[one], names[other]) for one in names for other in held.get(one, ()) if other in names}
        assert found == {(other, one) for one, other in found}
        return {"-".join(row) for row in found if row[0] < row[1]}

    def written(self) -> list[str]:
        """List what became of the writes since this was asked last."""
        found = [outcome.reason for topic, _, outcome in self.trail if topic.startswith(topics.writes("hubspot").name)]
        self.trail.clear()
        return found


@pytest.fixture(name="world")
def _world(server: HubSpotServer) -> Friends:
    """Offer Ann, Bob, Cid and Dee in both accounts, where Ann knows Bob, and Bob knows Cid."""
    world = Friends(server)
    world.make("one", "ann", "bob", "cid", "dee")
    world.change("one", "link", "ann", "bob")
    world.change("one", "link", "cid", "bob")
    world.settle()
    world.trail.clear()
    return world


def _rounds(world: Friends) -> None:
    """Poll some rounds: feeds tell of what is in the bin again and again."""
    for _ in range(4):
        world.poll()
        world.run(later=5)


def _both(world: Friends) -> tuple[set[str], set[str]]:
    return world.friends("one"), world.friends("two")


def test_who_knows_whom_is_carried_by_the_first_sync_and_nothing_is_written_after(world: Friends) -> None:
    assert _both(world) == ({"ann-bob", "bob-cid"},) * 2
    assert {(pair.status, *pair.notes) for pair in world.pairs("contacts")} == {("in_sync",)}
    world.settle()
    assert world.written() == []


@pytest.mark.parametrize("at", ["one", "two"])
def test_what_begins_and_ends_is_written_once_though_both_records_show_it(world: Friends, at: str) -> None:
    for op, one, other, left in (
        ("link", "ann", "dee", {"ann-bob", "bob-cid", "ann-dee"}),
        ("unlink", "bob", "ann", {"bob-cid", "ann-dee"}),
        ("unlink", "dee", "ann", {"bob-cid"}),
    ):
        world.change(at, op, one, other)
        world.settle()
        assert _both(world) == (left, left)
        assert world.written() == ["written"]


def test_what_both_accounts_change_at_once_is_merged(world: Friends) -> None:
    world.change("one", "link", "ann", "cid")
    world.change("one", "unlink", "bob", "cid")
    world.change("two", "link", "ann", "dee")
    world.change("two", "unlink", "ann", "bob")
    world.settle()
    assert _both(world) == ({"ann-cid", "ann-dee"},) * 2
    world.settle()
    world.written()
    world.settle()
    assert world.written() == []


def test_a_record_whose_partner_was_deleted_is_neither_carried_nor_taken_away_until_it_is_back(world: Friends) -> None:
    bob = world.person("one", "bob")
    world.admin.edit(7001, "archive", "contacts", bob)
    _rounds(world)
    assert _both(world) == (set(), {"ann-bob", "bob-cid"})
    assert world.written() == []
    world.change("two", "link", "cid", "dee")
    _rounds(world)
    assert _both(world) == ({"cid-dee"}, {"ann-bob", "bob-cid", "cid-dee"})
    world.admin.edit(7001, "restore", "contacts", bob)
    _rounds(world)
    assert _both(world) == ({"ann-bob", "bob-cid", "cid-dee"},) * 2
