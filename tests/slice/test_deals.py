"""Deals and their contacts, which are several: what either side adds or removes travels, and the rest stays."""

from typing import Any, Final

import pytest

from deploy.local.hubspot import HubSpotServer
from services.console.use.standing.fields import fields_of
from shared.model.syncs import AssociationMapping
from shared.wire import topics
from tests.slice.harness import Polling, sync

_CONTACTS: Final = AssociationMapping(to="contacts", label="contacts")
_PLAIN, _COMPANY_OF_DEAL, _PRIMARY = 3, 341, 5
_DEAL: Final = {"dealname": "Roof", "amount": "1200", "dealstage": "appointmentscheduled", "pipeline": "default"}


class _World(Polling):
    """Two accounts with Ann, Bob and Cid, and the deal Roof, which is Ann's."""

    def __init__(self, server: HubSpotServer, **changes: Any) -> None:
        contacts = _CONTACTS.model_copy(update=changes)
        company = AssociationMapping(to="companies", label="company", clears="propagate")
        deals = sync("deals", "deal", associations=[contacts, company])
        super().__init__(server, [sync("contacts", "contact"), sync("companies", "company"), deals])
        self.people = {name: self._person("one", name) for name in ("ann", "bob", "cid")}
        self.settle()
        self.roof = self.admin.edit(7001, "create", "deals", properties=_DEAL)
        self.move("one", add=["ann"])
        self.settle()
        self.trail.clear()

    def _person(self, name: str, person: str) -> str:
        portal = self.portal[name]
        return self.admin.edit(portal, "create", "contacts", properties={"email": f"{person}@x.example"})

    def deal(self, name: str) -> str:
        """Return the only deal of an account."""
        (deal,) = self.records(name, "deals")
        return deal

    def person(self, name: str, person: str) -> str:
        """Return somebody's record in an account."""
        rows = self.records(name, "contacts").items()
        return next(record for record, row in rows if row["properties"]["email"] == f"{person}@x.example")

    def move(self, name: str, *, add: list[str] = [], remove: list[str] = []) -> None:  # noqa: B006 - only read
        """Change whose deal it is in an account."""
        for kind, people in (("link", add), ("unlink", remove)):
            for person in people:
                other = self.person(name, person)
                self.admin.edit(
                    self.portal[name], kind, "deals", self.deal(name), toType="contacts", other=other, types=[_PLAIN]
                )

    def owners(self, name: str) -> set[str]:
        """Name whose deal it is in an account."""
        held = self.admin.call("GET", f"accounts/{self.portal[name]}/associations/deals/contacts")
        people = self.records(name, "contacts")
        found = held.get(self.deal(name), {})
        return {people[other]["properties"]["email"].partition("@")[0] for other in found}

    def written(self) -> list[str]:
        """List what became of the writes since the world began."""
        return [outcome.reason for topic, _, outcome in self.trail if topic == topics.writes("hubspot").name]


@pytest.fixture(name="world")
def _world(server: HubSpotServer) -> _World:
    return _World(server)


def test_a_deal_is_created_with_its_values_and_its_contacts(world: _World) -> None:
    properties = world.records("two", "deals")[world.deal("two")]["properties"]
    assert {name: properties[name] for name in _DEAL} == _DEAL
    assert world.owners("two") == {"ann"}


def test_a_deal_that_moves_from_ann_to_bob_is_bobs_on_both_sides_by_one_write(world: _World) -> None:
    world.move("one", add=["bob"], remove=["ann"])
    world.settle()
    assert (world.owners("one"), world.owners("two")) == ({"bob"}, {"bob"})
    assert world.written() == ["written"]


def test_contacts_changed_on_both_sides_at_once_are_merged(world: _World) -> None:
    world.move("one", add=["bob"])
    world.move("two", add=["cid"], remove=["ann"])
    world.poll()
    while world.step(topics.NOTICES, topics.RECORDS, topics.PAIRS):
        pass
    (pair,) = world.pairs("deals")
    assert set(pair.pending) == {"L", "R"}, "neither waits for the other"
    world.settle()
    assert (world.owners("one"), world.owners("two")) == ({"bob", "cid"}, {"bob", "cid"})
    assert world.written() == ["written", "written"]
    world.settle()
    assert len(world.written()) == 2


def test_nothing_is_written_once_both_sides_agree(world: _World) -> None:
    world.settle()
    assert world.written() == []
    assert [(pair.status, dict(pair.notes)) for pair in world.pairs("deals")] == [("in_sync", {})]


def test_the_last_contact_that_is_removed_stays_unless_clears_travel(server: HubSpotServer, world: _World) -> None:
    del server
    world.move("one", remove=["ann"])
    world.settle()
    assert (world.owners("one"), world.owners("two")) == (set(), {"ann"})
    assert [dict(pair.notes) for pair in world.pairs("deals")] == [{"@contacts": "kept_clear"}]
    world.move("two", add=["bob"])
    world.settle()
    assert (world.owners("one"), world.owners("two")) == ({"bob"}, {"ann", "bob"})


def test_the_last_contact_is_removed_where_clears_travel(server: HubSpotServer) -> None:
    world = _World(server, clears="propagate")
    world.move("one", remove=["ann"])
    world.settle()
    assert (world.owners("one"), world.owners("two")) == (set(), set())


def test_people_are_shown_both_sides_contacts_and_what_happens_to_them(world: _World) -> None:
    def shown() -> tuple[str, ...]:
        (pair,) = world.pairs("deals")
        row = next(row for row in fields_of(pair, world.setups) if row.key == "@contacts")
        return row.left.name, row.left.value, row.right.value, row.happens, row.sentence

    here, there = world.person("one", "ann"), world.person("two", "ann")
    assert shown() == ("The association contacts", here, there, "agree", "")
    world.move("one", remove=["ann"])
    world.settle()
    assert shown() == (
        "The association contacts",
        "",
        there,
        "differs",
        "Was emptied on one side; the other side keeps its value, as the mapping says",
    )


def test_a_contact_without_a_partner_is_neither_carried_nor_removed(world: _World) -> None:
    """Bob is not in the second account, and cannot be."""
    alone = world.admin.edit(7001, "create", "contacts", properties={"firstname": "Nobody"})
    world.admin.edit(7001, "link", "deals", world.roof, toType="contacts", other=alone, types=[_PLAIN])
    world.move("two", add=["bob"])
    world.settle()
    held = world.admin.call("GET", "accounts/7001/associations/deals/contacts")[world.roof]
    assert alone in held
    assert world.owners("two") == {"ann", "bob"}
    assert [dict(pair.notes) for pair in world.pairs("deals")] == [{"@contacts": "waiting_parent"}]
    world.admin.edit(7001, "update", "contacts", alone, properties={"email": "nob@x.example"})
    world.settle()
    assert world.owners("two") == {"ann", "bob", "nob"}


def test_the_companies_of_a_deal_beside_its_primary_one_are_left_alone(world: _World) -> None:
    acme, beta = (
        world.admin.edit(7001, "create", "companies", properties={"name": name, "domain": f"{name}.com"})
        for name in ("acme", "beta")
    )
    world.settle()
    there = {row["properties"]["name"]: record for record, row in world.records("two", "companies").items()}
    link = {"toType": "companies", "types": [_COMPANY_OF_DEAL, _PRIMARY]}
    world.admin.edit(7001, "link", "deals", world.roof, other=acme, **link)
    world.settle()
    world.admin.edit(7002, "link", "deals", world.deal("two"), toType="companies", other=there["beta"], types=[341])
    world.admin.edit(7001, "unlink", "deals", world.roof, toType="companies", other=acme, types=[_PRIMARY])
    world.settle()
    held = world.admin.call("GET", "accounts/7002/associations/deals/companies")[world.deal("two")]
    assert {other: sorted(types) for other, types in held.items()} == {there["acme"]: [341], there["beta"]: [341]}
    assert beta in world.records("one", "companies")


def test_a_one_way_association_adds_to_what_is_there_and_takes_nothing_away(server: HubSpotServer) -> None:
    world = _World(server, direction="to_right")
    world.move("two", add=["cid"])
    world.move("one", add=["bob"], remove=["ann"])
    world.settle()
    assert (world.owners("one"), world.owners("two")) == ({"bob"}, {"bob", "cid"})
    assert [dict(pair.notes) for pair in world.pairs("deals")] == [{"@contacts": "drift"}]
