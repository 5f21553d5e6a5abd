"""An account that keeps what identifies a person in fields of its own."""

from deploy.local.hubspot import HubSpotServer
from shared.apps.defaults import default_mappings
from shared.apps.hubspot import HUBSPOT
from shared.model.fields import FieldInfo
from shared.model.records import FieldType
from shared.model.syncs import Sync
from shared.objects import OBJECTS
from shared.objects.roles import in_roles
from tests.slice.harness import Polling, sync

OWN = "work_email"
ROLES = {"email": OWN}


def by_work_email() -> Sync:
    """Keep contacts the same whose address stands in a property of the left account's own."""
    fields = HUBSPOT.objects["contact"].fields
    own = in_roles((*fields, FieldInfo(name=OWN, type=FieldType.TEXT)), ROLES, OBJECTS["contact"])
    made = sync("contacts", "contact", mappings=default_mappings(own, fields))
    return made.model_copy(update={"left": made.left.model_copy(update={"roles": ROLES})})


def world_of(server: HubSpotServer) -> Polling:
    world = Polling(server, [by_work_email()])
    world.admin.add_property(7001, "contacts", name=OWN)
    return world


def test_people_are_matched_and_created_by_the_field_that_has_the_role(server: HubSpotServer) -> None:
    """What usually holds the address is no identifier there, and nothing writes it."""
    world = world_of(server)
    edit = world.admin.edit
    edit(7002, "create", "contacts", properties={"email": "ann@x.example", "city": "Oslo"})
    edit(7001, "create", "contacts", properties={OWN: "Ann@x.example", "email": "bob@x.example"})
    edit(7001, "create", "contacts", properties={"email": "cid@x.example"})
    edit(7002, "create", "contacts", properties={"email": "dan@x.example"})
    world.settle()
    ours = [row["properties"] for row in world.records("one", "contacts").values()]
    assert sorted((row.get(OWN, ""), row.get("email", ""), row.get("city", "")) for row in ours) == [
        ("", "cid@x.example", ""),
        ("Ann@x.example", "bob@x.example", "Oslo"),
        ("dan@x.example", "", ""),
    ]
    assert sorted(row["properties"]["email"] for row in world.records("two", "contacts").values()) == [
        "ann@x.example", "dan@x.example",
    ]  # fmt: skip
    assert sorted((pair.status, pair.reason) for pair in world.pairs("contacts")) == [
        ("excluded", "email_missing"), ("in_sync", ""), ("in_sync", ""),
    ]  # fmt: skip


def test_a_role_that_is_given_later_counts_for_all_records(server: HubSpotServer) -> None:
    """They are read with the field, and matched by it."""
    world = Polling(server, [sync("contacts", "contact")])
    world.admin.add_property(7001, "contacts", name=OWN)
    ann = world.admin.edit(7001, "create", "contacts", properties={OWN: "ann@x.example"})
    world.admin.edit(7002, "create", "contacts", properties={"email": "ann@x.example", "city": "Oslo"})
    world.settle()
    assert len(world.records("one", "contacts")) == 2, "without the role they are two people"
    world.admin.edit(7002, "create", "contacts", properties={"email": "eve@x.example", "city": "Bonn"})
    eve = world.admin.edit(7001, "create", "contacts", properties={OWN: "eve@x.example"})
    new = by_work_email()
    world.edit("contacts", left=new.left, mappings=new.mappings)
    world.settle()
    held = {key: row["properties"].get("city") for key, row in world.records("one", "contacts").items()}
    assert held[eve] == "Bonn"
    assert held[ann] is None, "what is linked stays linked"
