"""The harness itself: what people do on one side arrives at the other, and then nothing moves."""

from deploy.local.hubspot import HubSpotServer
from tests.slice.book import Book
from tests.slice.harness import Polling, book_sync, sync


def test_a_contact_and_its_edits_travel_both_ways_by_feeds_alone(server: HubSpotServer) -> None:
    world = Polling(server, [sync("contacts", "contact")])
    left = world.admin.edit(7001, "create", "contacts", properties={"email": "ann@x.example", "city": "Oslo"})
    world.settle()
    (right,) = world.records("two", "contacts")
    world.admin.edit(7002, "update", "contacts", right, properties={"city": "Bergen"})
    world.settle()
    assert world.records("one", "contacts")[left]["properties"]["city"] == "Bergen"
    assert [pair.status for pair in world.pairs("contacts")] == ["in_sync"]
    assert world.writes() == 2


def test_calls_are_said_to_be_about_the_records_that_they_read_and_write(server: HubSpotServer) -> None:
    """A create is about the pair, for its record has no id yet."""
    world = Polling(server, [sync("contacts", "contact")])
    left = world.admin.edit(7001, "create", "contacts", properties={"email": "ann@x.example"})
    world.settle()
    (pair,), (right,) = world.pairs("contacts"), world.records("two", "contacts")
    assert set(world.caller.about) == {("one", left), ("two", pair.pair)}
    world.caller.about.clear()
    world.admin.edit(7001, "update", "contacts", left, properties={"city": "Oslo"})
    world.settle()
    assert ("two", right) in world.caller.about


def test_contacts_and_cards_meet(server: HubSpotServer, book: Book) -> None:
    world = Polling(server, [book_sync()], book=book)
    world.admin.edit(7001, "create", "contacts", properties={"email": "bob@x.example", "firstname": "Bob"})
    book.put("ann.vcf", "VERSION:3.0", "UID:ann", "FN:Ann Lee", "N:Lee;Ann;;;", "EMAIL:ann@x.example")
    world.settle()
    assert [pair.status for pair in world.pairs("people")] == ["in_sync", "in_sync"]
    assert sorted(row["properties"]["email"] for row in world.records("one", "contacts").values()) == [
        "ann@x.example",
        "bob@x.example",
    ]
    assert any("EMAIL" in card and "bob@x.example" in card for card in book.cards().values())
