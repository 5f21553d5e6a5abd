"""What people are told of a record is so, and names the apps and records that it is about."""

from typing import Any

import pytest

from deploy.local.hubspot import HubSpotServer
from services.console.explain import explain, summary
from shared.model.mapping import FieldMapping
from shared.model.pairs import Pair
from tests.slice.harness import Polling, sync

ANN = {"email": "ann@x.example", "city": "Oslo", "jobtitle": "Clerk"}


def settled(server: HubSpotServer, *edits: tuple[int, dict[str, Any]], **changes: Any) -> Polling:
    """Make a world with one linked contact, and let people edit it afterwards."""
    world = Polling(server, [sync("contacts", "contact", **changes)])
    for portal in (7001, 7002):
        world.admin.edit(portal, "create", "contacts", properties=ANN)
    world.settle()
    for portal, properties in edits:
        name = "one" if portal == 7001 else "two"
        (record,) = world.records(name, "contacts")
        world.admin.edit(portal, "update", "contacts", record, properties=properties)
    world.settle()
    return world


def only(world: Polling) -> Pair:
    (pair,) = (pair for pair in world.pairs("contacts") if not pair.absorbed_by)
    return pair


def told(world: Polling, pair: Pair) -> list[str]:
    found = explain(pair, world.setups, [])
    return [found["summary"], *found["why"]]


def test_the_same_values(server: HubSpotServer) -> None:
    world = settled(server)
    assert summary(only(world), world.setups).startswith("Both records hold the same values; last settled ")


@pytest.mark.parametrize(
    ("edit", "changes"),
    [
        ((7001, {"city": ""}), {}),  # a clear that is kept
        ((7002, {"city": "Bergen"}), {"direction": "to_right"}),  # drift
    ],
)
def test_a_difference_that_stays_is_named(
    server: HubSpotServer, edit: tuple[int, dict[str, Any]], changes: dict[str, Any]
) -> None:
    world = settled(server, edit, **changes)
    assert summary(only(world), world.setups).startswith(
        "Both records hold the same values but for city, which stay different; last settled "
    )
    assert any(line.startswith("city was ") for line in told(world, only(world)))


def test_a_difference_of_the_first_link_of_a_one_way_sync_is_named(server: HubSpotServer) -> None:
    world = Polling(server, [sync("contacts", "contact", direction="to_right", default_app="R")])
    for portal, city in ((7001, "Oslo"), (7002, "Rome")):
        world.admin.edit(portal, "create", "contacts", properties={**ANN, "city": city})
    world.settle()
    assert summary(only(world), world.setups).startswith("Both records hold the same values but for city, ")


def test_of_a_sync_that_is_off_nothing_is_said_of_values(server: HubSpotServer) -> None:
    world = settled(server)
    world.edit("contacts", enabled=False)
    (record,) = world.records("one", "contacts")
    world.admin.edit(7001, "update", "contacts", record, properties={"city": "Rome"})
    world.notice("one", "contact", record)
    world.run()
    assert summary(only(world), world.setups).startswith(
        "The sync is switched off: what is edited is not carried over;"
    )


def test_a_deleted_record_names_its_app(server: HubSpotServer) -> None:
    world = settled(server)
    (record,) = world.records("two", "contacts")
    world.admin.edit(7002, "archive", "contacts", record)
    world.notice("two", "contact", record, "deleted")
    world.run()
    assert summary(only(world), world.setups) == "Not synced: deleted in two."


def test_a_duplicate_names_the_record_that_holds_the_identifier(server: HubSpotServer) -> None:
    world = Polling(server, [sync("companies", "company")])
    for name in ("Acme", "Beta"):
        world.admin.edit(7001, "create", "companies", properties={"name": name, "domain": "acme.example"})
        world.settle()
    (pair,) = (pair for pair in world.pairs("companies") if pair.reason == "duplicate_identifier")
    (partner,) = world.records("two", "companies")
    found = explain(pair, world.setups, [], label_of=lambda _sync, _side, _record: "Acme")
    assert found["summary"] == "Takes no part: another record holds this identifier."
    assert f"The identifier is held by Acme (record {partner} of two)." in found["why"]
    assert not any(line.startswith(("left ", "right ")) for line in found["why"])


def test_candidates_are_named(server: HubSpotServer) -> None:
    world = Polling(server, [sync("companies", "company")])
    ids = [world.admin.edit(7002, "create", "companies", properties={"name": "Acme"}) for _ in range(2)]
    left = world.admin.edit(7001, "create", "companies", properties={"name": "Acme"})
    for connection, records in (("two", ids), ("one", [left])):
        for record in records:
            world.notice(connection, "company", record)
    world.run()
    (pair,) = (pair for pair in world.pairs("companies") if pair.L is not None)
    lines = explain(pair, world.setups, [])["why"]
    assert f"It may be the record {ids[0]} of two or the record {ids[1]} of two, and nothing tells which." in lines


def test_two_values_of_which_a_person_decides_are_shown_as_people_write_them(server: HubSpotServer) -> None:
    city_row = FieldMapping(key="city", left="city", right="city", policy="manual")
    email = FieldMapping(key="email", left="email", right="email", lens="email")
    world = Polling(server, [sync("contacts", "contact", mappings=(email, city_row))])
    for portal, city in ((7001, "Val d'Isère"), (7002, "Rome")):
        world.admin.edit(portal, "create", "contacts", properties={**ANN, "city": city})
    world.settle()
    assert "Both sides changed, you decide (city): 'Val d'Isère' or 'Rome'." in told(world, only(world))
