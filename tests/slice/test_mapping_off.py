"""A mapping that is switched off and on again: its bases are kept, and what changed in between is caught up."""

from typing import Any

from deploy.local.hubspot import HubSpotServer
from tests.slice.book import Book
from tests.slice.harness import Polling, book_sync, sync


def switch(world: Polling, name: str, key: str, *, on: bool, **changes: Any) -> None:
    """Switch one mapping on or off, and change it otherwise, too."""
    settings = world.setups.sync(name)
    assert settings is not None
    rows = [row.model_copy(update={"on": on, **changes}) if row.key == key else row for row in settings.mappings]
    world.edit(name, mappings=tuple(rows))


def people(world: Polling, *portals: int, **properties: str) -> list[str]:
    """Make one contact in each account."""
    return [world.admin.edit(portal, "create", "contacts", properties=properties) for portal in portals]


def told(world: Polling, name: str, record: str, key: str) -> str | None:
    """Give a property of a contact."""
    value: str | None = world.records(name, "contacts")[record]["properties"].get(key)
    return value


def test_a_card_that_was_edited_meanwhile_is_not_overwritten(server: HubSpotServer, book: Book) -> None:
    world = Polling(server, [book_sync()], book=book)
    card = ("VERSION:3.0", "UID:ann", "FN:Ann Lee", "N:Lee;Ann;;;", "EMAIL:ann@x.example")
    book.put("ann.vcf", *card, "TITLE:Clerk")
    world.settle()
    (contact,) = world.records("one", "contacts")
    switch(world, "people", "job_title", on=False)
    book.put("ann.vcf", *card, "TITLE:Director")
    world.settle()
    assert told(world, "one", contact, "jobtitle") == "Clerk"
    switch(world, "people", "job_title", on=True)
    world.settle()
    assert told(world, "one", contact, "jobtitle") == "Director"
    assert "TITLE:Director" in book.get("ann.vcf")


def test_edits_of_either_side_and_what_was_settled_as_different_are_kept(server: HubSpotServer) -> None:
    world = Polling(server, [sync("contacts", "contact")])
    (left,) = people(world, 7001, email="ann@x.example", city="Oslo", jobtitle="Clerk", zip="1", phone="+390612345678")
    world.settle()
    (right,) = world.records("two", "contacts")
    world.admin.edit(7001, "update", "contacts", left, properties={"zip": ""})
    world.settle()
    assert told(world, "two", right, "zip") == "1"  # a clear is kept
    for key in ("city", "job_title", "postal_code"):
        switch(world, "contacts", key, on=False)
    world.admin.edit(7001, "update", "contacts", left, properties={"city": "Bergen", "lastname": "Lee"})
    world.admin.edit(7002, "update", "contacts", right, properties={"jobtitle": "Director", "firstname": "Ann"})
    world.settle()
    assert (told(world, "two", right, "city"), told(world, "one", left, "jobtitle")) == ("Oslo", "Clerk")
    writes = world.writes()
    for key in ("city", "job_title", "postal_code"):
        switch(world, "contacts", key, on=True)
    world.settle()
    assert told(world, "two", right, "city") == "Bergen"
    assert told(world, "one", left, "jobtitle") == "Director"
    assert (told(world, "one", left, "zip") or None, told(world, "two", right, "zip")) == (None, "1")
    assert world.writes() == writes + 2
    assert [pair.status for pair in world.pairs("contacts")] == ["in_sync"]


def test_both_sides_edited_meanwhile_is_a_conflict(server: HubSpotServer) -> None:
    world = Polling(server, [sync("contacts", "contact", default_app="R")])
    (left,) = people(world, 7001, email="ann@x.example", city="Oslo")
    world.settle()
    (right,) = world.records("two", "contacts")
    switch(world, "contacts", "city", on=False)
    world.admin.edit(7001, "update", "contacts", left, properties={"city": "Bergen"})
    world.admin.edit(7002, "update", "contacts", right, properties={"city": "Rome"})
    world.settle()
    switch(world, "contacts", "city", on=True)
    world.settle()
    assert told(world, "one", left, "city") == told(world, "two", right, "city") == "Rome"


def test_a_record_linked_while_the_mapping_was_off_has_its_first_link_when_it_is_on(server: HubSpotServer) -> None:
    world = Polling(server, [sync("contacts", "contact")])
    switch(world, "contacts", "city", on=False)
    (left,) = people(world, 7001, email="ann@x.example", city="Oslo")
    world.settle()
    (right,) = world.records("two", "contacts")
    assert told(world, "two", right, "city") is None
    assert [(pair.status, pair.synced_ms > 0) for pair in world.pairs("contacts")] == [("in_sync", True)]
    switch(world, "contacts", "city", on=True)
    world.settle()
    assert told(world, "two", right, "city") == told(world, "one", left, "city") == "Oslo"


def test_a_mapping_with_other_fields_than_before_has_no_base(server: HubSpotServer) -> None:
    """What the old fields were settled at says nothing about the new ones: the default app's value stands."""
    world = Polling(server, [sync("contacts", "contact")])
    (left,) = people(world, 7001, email="ann@x.example", city="Oslo", state="Viken")
    world.settle()
    (right,) = world.records("two", "contacts")
    for key in ("city", "region"):
        switch(world, "contacts", key, on=False)
    world.admin.edit(7002, "update", "contacts", right, properties={"state": "Rogaland"})
    world.settle()
    switch(world, "contacts", "city", on=True, right="state")
    world.settle()
    assert told(world, "two", right, "state") == "Oslo"
    assert told(world, "one", left, "city") == "Oslo"


def test_an_answer_that_comes_after_the_mapping_was_switched_off_still_settles_it(server: HubSpotServer) -> None:
    world = Polling(server, [sync("contacts", "contact", default_app="R")])
    (left,) = people(world, 7001, email="ann@x.example", city="Oslo")
    world.settle()
    (right,) = world.records("two", "contacts")
    world.admin.edit(7001, "update", "contacts", left, properties={"city": "Bergen"})
    world.notice("one", "contact", left)
    world.step()
    assert told(world, "two", right, "city") == "Bergen"
    switch(world, "contacts", "city", on=False)
    world.admin.edit(7001, "update", "contacts", left, properties={"city": "Rome"})
    world.settle()
    switch(world, "contacts", "city", on=True)
    world.settle()
    assert told(world, "two", right, "city") == "Rome"
