"""Who may enter a sync is judged before matching: a couple of which neither may enter is not linked."""

from deploy.local.hubspot import HubSpotServer
from tests.slice.harness import Polling, sync

ANN = {"firstname": "Ann", "lastname": "Lee", "company": "Acme"}


def test_two_records_of_which_neither_may_enter_are_not_linked(server: HubSpotServer) -> None:
    world = Polling(server, [sync("contacts", "contact")])
    left, _ = (world.admin.edit(portal, "create", "contacts", properties=ANN) for portal in (7001, 7002))
    world.settle()
    assert [(pair.status, pair.reason) for pair in world.pairs("contacts")] == [("excluded", "email_missing")] * 2
    world.admin.edit(7001, "update", "contacts", left, properties={"email": "ann@x.example"})
    world.settle()
    (pair,) = (pair for pair in world.pairs("contacts") if not pair.absorbed_by)
    assert pair.L is not None
    assert pair.R is not None
    assert pair.status == "in_sync"
    assert [row["properties"]["email"] for row in world.records("two", "contacts").values()] == ["ann@x.example"]


def test_they_are_linked_when_no_address_is_asked_for(server: HubSpotServer) -> None:
    world = Polling(server, [sync("contacts", "contact", rules={"email_required": False})])
    for portal in (7001, 7002):
        world.admin.edit(portal, "create", "contacts", properties=ANN)
    world.settle()
    assert [pair.status for pair in world.pairs("contacts") if not pair.absorbed_by] == ["in_sync"]


def test_who_stayed_out_is_linked_when_the_rule_goes(server: HubSpotServer) -> None:
    world = Polling(server, [sync("contacts", "contact")])
    for portal in (7001, 7002):
        world.admin.edit(portal, "create", "contacts", properties=ANN)
    world.settle()
    world.edit("contacts", rules={"email_required": False})
    world.settle()
    assert [pair.status for pair in world.pairs("contacts") if not pair.absorbed_by] == ["in_sync"]
    assert [len(world.records(name, "contacts")) for name in world.portal] == [1, 1]


def test_the_closed_side_of_a_one_way_sync_lets_nobody_in(server: HubSpotServer) -> None:
    """The right record may not enter by itself, whatever address it has; the left one has none."""
    world = Polling(server, [sync("contacts", "contact", direction="to_right")])
    world.admin.edit(7001, "create", "contacts", properties=ANN)
    world.admin.edit(7002, "create", "contacts", properties={**ANN, "email": "ann@x.example"})
    world.settle()
    found = sorted((pair.status, pair.reason) for pair in world.pairs("contacts"))
    assert found == [("excluded", "email_missing"), ("hidden", "")]


def test_one_who_may_enter_brings_the_other_in(server: HubSpotServer) -> None:
    world = Polling(server, [sync("contacts", "contact", direction="to_left")])
    left = world.admin.edit(7001, "create", "contacts", properties=ANN)
    world.admin.edit(7002, "create", "contacts", properties={**ANN, "email": "ann@x.example"})
    world.settle()
    assert [pair.status for pair in world.pairs("contacts") if not pair.absorbed_by] == ["in_sync"]
    assert world.records("one", "contacts")[left]["properties"]["email"] == "ann@x.example"


def test_one_who_stays_out_takes_nobodys_key(server: HubSpotServer) -> None:
    """Of two with one key, the older has no address: the younger is linked, and is no duplicate of it."""
    match = {"mode": "fields", "left_field": "fax", "right_field": "fax"}
    world = Polling(server, [sync("contacts", "contact", match=match)])
    old = world.admin.edit(7001, "create", "contacts", properties={"fax": "7"})
    world.admin.edit(7001, "create", "contacts", properties={"fax": "7", "email": "ann@x.example"})
    right = world.admin.edit(7002, "create", "contacts", properties={"fax": "7"})
    world.settle()
    found = {pair.L.id if pair.L else "": (pair.R and pair.R.id, pair.reason) for pair in world.pairs("contacts")}
    assert found[old] == (None, "email_missing")
    assert world.records("two", "contacts").keys() == {right}
    assert world.records("two", "contacts")[right]["properties"]["email"] == "ann@x.example"


def test_of_two_with_one_key_the_one_who_may_enter_is_created(server: HubSpotServer) -> None:
    match = {"mode": "fields", "left_field": "fax", "right_field": "fax"}
    world = Polling(server, [sync("contacts", "contact", match=match)])
    world.admin.edit(7001, "create", "contacts", properties={"fax": "7"})
    world.admin.edit(7001, "create", "contacts", properties={"fax": "7", "email": "ann@x.example"})
    world.settle()
    assert [row["properties"]["email"] for row in world.records("two", "contacts").values()] == ["ann@x.example"]
    assert sorted(pair.reason for pair in world.pairs("contacts")) == ["", "email_missing"]


def test_who_was_kept_out_by_a_record_enters_when_that_one_may_no_longer(server: HubSpotServer) -> None:
    """The key that both carry stays the same, and is free now."""
    match = {"mode": "fields", "left_field": "fax", "right_field": "fax"}
    world = Polling(server, [sync("contacts", "contact", match=match, create={"to_right": False})])
    old, young = (
        world.admin.edit(7001, "create", "contacts", properties={"fax": "7", "email": f"{name}@x.example"})
        for name in ("ann", "bea")
    )

    def reasons() -> dict[str, str]:
        world.settle()
        return {pair.L.id: pair.reason for pair in world.pairs("contacts") if pair.L is not None}

    assert reasons() == {old: "create_off", young: "duplicate_identifier"}
    world.admin.edit(7001, "update", "contacts", old, properties={"email": ""})
    assert reasons() == {old: "email_missing", young: "create_off"}
