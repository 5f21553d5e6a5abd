"""Associations of custom objects between two HubSpot accounts, each with types, names and numbers of its own."""

from collections.abc import Iterable
from typing import Final

import pytest

from deploy.local.hubspot import HubSpotServer
from shared.apps.defaults import default_mappings
from shared.model.mapping import MatchSettings
from shared.model.syncs import AssociationMapping, Sync, SyncSide
from shared.wire import topics
from tests.slice.harness import Polling, sync
from tests.slice.hooks import called

_CLEAR: Final = "propagate"


class Garages(Polling):
    """Cars and garages in both accounts; the second one calls them vehicles and workshops."""

    def __init__(self, server: HubSpotServer, *others: str) -> None:
        super().__init__(server, [sync(f"{one}s", one) for one in others])
        self.kinds: dict[str, dict[str, str]] = {}
        self.types: dict[str, dict[str, int]] = {}
        for name, car, garage in (("one", "car", "garage"), ("two", "vehicle", "workshop")):
            self._open(name, car, garage)
        self._sync("garages", "p_garage", "p_workshop")
        self._sync(
            "cars", "p_car", "p_vehicle",
            AssociationMapping(to="contacts", label="contact", clears=_CLEAR),
            AssociationMapping(to="contacts", label="contact.driver", clears=_CLEAR),
            *(AssociationMapping(to=f"{one}s", label=one) for one in others if one != "contact"),
            AssociationMapping(to="garages", label="p_garage", right_label="p_workshop", clears=_CLEAR),
        )  # fmt: skip
        self.begin_feeds()

    def _open(self, name: str, car: str, garage: str) -> None:
        portal = self.portal[name]
        kinds = {
            one: self.admin.add_object(portal, shown, plate="string")["objectTypeId"]
            for one, shown in (("car", car), ("garage", garage))
        }
        kinds |= {"contact": "contacts", "company": "companies", "deal": "deals"}
        types = {"contact": self.admin.associate(portal, kinds["car"], "contacts")}
        if name == "two":  # so that no number is the same in both accounts
            self.admin.associate(portal, kinds["garage"], "contacts")
        types["driver"] = self.admin.associate(
            portal, kinds["car"], "contacts", label="Driver", inverseLabel="Drives", most=1
        )
        types |= {one: self.admin.associate(portal, kinds["car"], kinds[one]) for one in ("company", "deal", "garage")}
        self.kinds[name], self.types[name] = kinds, types

    def _sync(self, name: str, left: str, right: str, *associations: AssociationMapping) -> None:
        ends = self.find_own("one")[left], self.find_own("two")[right]
        self.add(
            Sync(
                id=name,
                left=SyncSide(connection="one", object=left),
                right=SyncSide(connection="two", object=right),
                match=MatchSettings(mode="fields", left_field="plate", right_field="plate"),
                mappings=default_mappings(ends[0].fields, ends[1].fields),
                associations=associations,
            )
        )

    def make(self, name: str, kind: str, **properties: str) -> str:
        """Create a record in an account, as a person does."""
        return self.admin.edit(self.portal[name], "create", self.kinds[name][kind], properties=properties)

    def record(self, name: str, kind: str, value: str) -> str:
        """Return the record of an account that holds a value."""
        rows = self.records(name, self.kinds[name][kind]).items()
        return next(record for record, row in rows if value in row["properties"].values())

    def change(self, name: str, op: str, type_: str, value: str, plate: str = "AB 1") -> None:
        """Link a car to something, or end that, as a person does."""
        kind = "contact" if type_ == "driver" else type_
        self.admin.edit(
            self.portal[name], op, self.kinds[name]["car"], self.record(name, "car", plate),
            toType=self.kinds[name][kind], other=self.record(name, kind, value), types=[self.types[name][type_]],
        )  # fmt: skip

    def linked(self, name: str, type_: str, plate: str = "AB 1") -> set[str]:
        """Name what a car of an account leads to by one type."""
        kind = "contact" if type_ == "driver" else type_
        path = f"accounts/{self.portal[name]}/associations/{self.kinds[name]['car']}/{self.kinds[name][kind]}"
        held = self.admin.call("GET", path).get(self.record(name, "car", plate), {})
        rows = self.records(name, self.kinds[name][kind])
        names = ("email", "domain", "dealname", "plate")
        found = (rows[other]["properties"] for other, types in held.items() if self.types[name][type_] in types)
        return {next(row[one] for one in names if one in row) for row in found}

    def both(self, type_: str) -> tuple[set[str], set[str]]:
        """Name what the car leads to in both accounts."""
        return self.linked("one", type_), self.linked("two", type_)

    def written(self) -> list[str]:
        """List what became of the writes since the trail was cleared."""
        return [outcome.reason for topic, _, outcome in self.trail if topic == topics.writes("hubspot").name]


ANN, BOB, CID = (f"{name}@x.example" for name in ("ann", "bob", "cid"))


@pytest.fixture(name="world")
def _world(server: HubSpotServer) -> Garages:
    """Offer a car in the first account that leads to people and a garage, as it is after the first sync."""
    return _settled(Garages(server, "contact"), ("contact", ANN), ("driver", BOB), ("garage", "North"))


def _settled(world: Garages, *links: tuple[str, str]) -> Garages:
    for email in (ANN, BOB, CID):
        world.make("one", "contact", email=email)
    for plate in ("North", "South"):
        world.make("one", "garage", plate=plate)
    world.settle()
    world.make("one", "car", plate="AB 1")
    for type_, value in links:
        world.change("one", "link", type_, value)
    world.settle()
    return world


def _same(values: Iterable[str]) -> tuple[set[str], set[str]]:
    return set(values), set(values)


def test_a_car_is_created_with_all_that_it_is_associated_with(server: HubSpotServer) -> None:
    """Contacts plainly and under a label, a company, a deal and another custom object; then nothing more is written."""
    world = Garages(server, "contact", "company", "deal")
    world.make("one", "company", domain="acme.example")
    world.make("one", "deal", dealname="Roof", dealstage="appointmentscheduled", pipeline="default")
    links = {"contact": [ANN], "driver": [BOB], "company": ["acme.example"], "deal": ["Roof"], "garage": ["North"]}
    _settled(world, *((type_, value) for type_, values in links.items() for value in values))
    assert {type_: world.both(type_) for type_ in links} == {
        type_: _same(values) for type_, values in {**links, "contact": [ANN, BOB]}.items()
    }
    assert world.written() == ["written"] * (3 + 2 + 1 + 1 + 1), "each record by one write, with its associations"
    world.trail.clear()
    world.settle()
    assert world.written() == []
    assert [(pair.status, dict(pair.notes)) for pair in world.pairs("cars")] == [("in_sync", {})]


def test_what_a_car_is_associated_with_moves_either_way_by_one_write(world: Garages) -> None:
    """Who drives is told by the label, and who else is linked stays."""
    for here, there, before, after in (
        ("one", "two", (BOB, "North"), (CID, "South")),
        ("two", "one", (CID, "South"), (BOB, "North")),
    ):
        world.trail.clear()
        for op, (person, garage) in (("unlink", before), ("link", after)):
            world.change(here, op, "driver", person)
            world.change(here, op, "garage", garage)
        world.settle()
        assert (world.linked(there, "driver"), world.linked(there, "garage")) == ({after[0]}, {after[1]})
        assert world.both("contact") == _same([ANN, BOB, CID])
        assert world.written() == ["written"]
    world.trail.clear()
    world.change("one", "unlink", "contact", CID)
    world.change("two", "unlink", "contact", ANN)
    world.settle()
    assert world.both("contact") == _same([BOB]), "what either side removes at once is removed"
    assert world.written() == ["written", "written"]


def test_a_changed_association_of_a_car_is_told_at_once(world: Garages) -> None:
    """By the type ids of its ends; no feed is asked."""
    with called(world, {"one": [f"object.associationChange@{world.kinds['one']['car']}"]}):
        world.change("one", "link", "garage", "South")
        world.admin.wait_delivered(7001)
        world.run(later=5)
    assert world.both("garage") == _same(["North", "South"])
