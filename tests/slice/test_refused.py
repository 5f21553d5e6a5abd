"""Values that an app refuses: the field is named, left out and told, and everything else arrives."""

from typing import Any

import pytest

from deploy.local.hubspot import HubSpotServer
from shared.model.mapping import FieldMapping
from shared.model.pairs import Pair
from shared.model.syncs import Sync
from tests.slice.book import Book
from tests.slice.harness import Polling, book_sync, sync


def _told(pairs: list[Pair]) -> list[tuple[str, str]]:
    return sorted((pair.status, pair.reason) for pair in pairs)


def _counting() -> Sync:
    """A sync of companies that writes a text of `one` into a number of `two`."""
    made = sync("companies", "company")
    rows = tuple(row for row in made.mappings if row.left not in ("description", "numberofemployees"))
    number = FieldMapping(key="number", left="description", right="numberofemployees", direction="to_right")
    return made.model_copy(update={"mappings": (*rows, number)})


def _props(world: Polling, name: str, path: str) -> dict[str, Any]:
    (row,) = world.records(name, path).values()
    props: dict[str, Any] = row["properties"]
    return props


def test_a_record_is_created_without_the_field_that_is_refused(server: HubSpotServer) -> None:
    world = Polling(server, [_counting()])
    left = world.admin.edit(
        7001, "create", "companies", properties={"name": "Acme", "domain": "acme.com", "description": "many"}
    )
    world.settle()
    assert _props(world, "two", "companies")["domain"] == "acme.com"
    (pair,) = world.pairs("companies")
    assert (pair.status, pair.reason) == ("failing", "type_mismatch")
    assert pair.detail.startswith("numberofemployees: many was not a valid number")
    tries = world.writes()
    world.admin.edit(7001, "update", "companies", left, properties={"city": "Oslo"})
    world.settle()
    assert _props(world, "two", "companies")["city"] == "Oslo"
    assert world.writes() == tries + 1, "what was refused is not sent again"
    world.admin.edit(7001, "update", "companies", left, properties={"description": "12"})
    world.settle()
    assert _props(world, "two", "companies")["numberofemployees"] == "12"
    assert _told(world.pairs("companies")) == [("in_sync", "")]


def test_a_record_is_not_created_without_its_identifier(server: HubSpotServer, book: Book) -> None:
    world = Polling(server, [book_sync()], book=book)
    card = ("VERSION:3.0", "UID:ann", "FN:Ann Lee", "N:Lee;Ann;;;", "TITLE:CEO")
    book.put("ann.vcf", *card, "EMAIL:ann@corp.lan")
    world.settle()
    assert world.records("one", "contacts") == {}
    (pair,) = world.pairs("people")
    assert (pair.status, pair.reason) == ("failing", "invalid_value")
    assert pair.detail.startswith("email: Email address ann@corp.lan is invalid")
    tries = world.writes()
    book.put("ann.vcf", *card, "EMAIL:ann@corp.lan", "ORG:Acme")
    world.settle()
    assert (world.writes(), world.records("one", "contacts")) == (tries, {}), "it is refused for that address still"
    book.put("ann.vcf", *card, "EMAIL:ann@corp.com")
    world.settle()
    props = _props(world, "one", "contacts")
    assert (props["email"], props["jobtitle"]) == ("ann@corp.com", "CEO")
    assert _told(world.pairs("people")) == [("in_sync", "")]


def test_an_address_that_another_record_holds_does_not_hold_up_the_other_fields(
    server: HubSpotServer, book: Book
) -> None:
    world = Polling(server, [book_sync()], book=book)
    card = ("VERSION:3.0", "UID:bob", "FN:Bob Ray", "N:Ray;Bob;;;")
    book.put("bob.vcf", *card, "EMAIL:bob@x.example", "TITLE:Clerk")
    world.settle()
    (bob,) = world.records("one", "contacts")
    world.admin.edit(7001, "create", "contacts", properties={"email": "ann@x.example"})
    world.settle()
    book.put("bob.vcf", *card, "EMAIL:ann@x.example", "TITLE:CEO")
    world.settle()
    assert world.records("one", "contacts")[bob]["properties"]["jobtitle"] == "CEO"
    book.put("bob.vcf", *card, "EMAIL:ann@x.example", "TITLE:CEO", "ORG:Acme")
    world.settle()
    held = world.records("one", "contacts")[bob]["properties"]
    assert (held["email"], held["jobtitle"], held["company"]) == ("bob@x.example", "CEO", "Acme")
    (failing,) = [pair for pair in world.pairs("people") if pair.status == "failing"]
    assert failing.reason == "duplicate_in_target"
    assert failing.detail.startswith("email: Contact already exists")
    assert len(world.records("one", "contacts")) == 2
    book.put("bob.vcf", *card, "EMAIL:bob@x.example", "TITLE:CEO", "ORG:Acme")
    world.settle()
    assert {pair.status for pair in world.pairs("people")} == {"in_sync"}


def _people(world: Polling) -> dict[str, str | None]:
    """Addresses of the contacts of `one` by first name."""
    rows = world.records("one", "contacts").values()
    return {row["properties"]["firstname"]: row["properties"].get("email") or None for row in rows}


def _card(name: str, *more: str) -> tuple[str, ...]:
    return ("VERSION:3.0", f"UID:{name}", f"FN:{name} Lee", f"N:Lee;{name};;;", *more)


def _three(server: HubSpotServer, book: Book) -> Polling:
    world = Polling(server, [book_sync()], book=book)
    for name in ("Ann", "Bob", "Cid"):
        book.put(f"{name}.vcf", *_card(name, f"EMAIL:{name.lower()}@x.example"))
    world.settle()
    assert _people(world) == {name: f"{name.lower()}@x.example" for name in ("Ann", "Bob", "Cid")}
    return world


@pytest.mark.parametrize(
    "moved",
    [
        {"Ann": "bob", "Bob": "ann"},
        {"Ann": "bob", "Bob": "cid", "Cid": "ann"},
        {"Ann": "cid", "Bob": "ann", "Cid": "bob"},
        {"Ann": "bob", "Bob": "new"},
    ],
)
def test_records_that_swap_their_addresses_at_the_source_swap_them_everywhere(
    server: HubSpotServer, book: Book, moved: dict[str, str]
) -> None:
    world = _three(server, book)
    records = set(world.records("one", "contacts"))
    for name, other in moved.items():
        book.put(f"{name}.vcf", *_card(name, f"EMAIL:{other}@x.example", "TITLE:CEO"))
    world.settle()
    assert _people(world) == {name: f"{moved.get(name, name.lower())}@x.example" for name in ("Ann", "Bob", "Cid")}
    assert (set(world.records("one", "contacts")), len(book.names())) == (records, 3)
    assert _told(world.pairs("people")) == [("in_sync", "")] * 3
    assert world.writes() <= 3 + 6 * len(moved)


def test_an_address_that_was_given_to_another_card_follows_it(server: HubSpotServer, book: Book) -> None:
    """The one that had it holds none at the source; a value that only one side lost would be kept otherwise."""
    world = _three(server, book)
    book.put("Ann.vcf", *_card("Ann", "EMAIL:bob@x.example"))
    book.put("Bob.vcf", *_card("Bob"))
    world.settle()
    assert _people(world) == {"Ann": "bob@x.example", "Bob": None, "Cid": "cid@x.example"}
    assert len(book.names()) == 3
    assert "EMAIL" not in book.get("Bob.vcf")
    assert _told(world.pairs("people")) == [("in_sync", "")] * 3


def test_a_record_keeps_an_address_that_another_card_claims_as_well(server: HubSpotServer, book: Book) -> None:
    world = _three(server, book)
    book.put("Ann.vcf", *_card("Ann", "EMAIL:bob@x.example", "TITLE:CEO"))
    world.settle()
    assert _people(world) == {name: f"{name.lower()}@x.example" for name in ("Ann", "Bob", "Cid")}
    assert _told(world.pairs("people")) == [("failing", "duplicate_in_target"), ("in_sync", ""), ("in_sync", "")]


def test_a_card_that_broke_and_is_put_back_as_it_was_takes_what_was_refused(server: HubSpotServer, book: Book) -> None:
    """Its version is the one that the pair knows, since a server makes it of what the card holds."""
    world = Polling(server, [book_sync()], book=book)
    book.put("ann.vcf", "VERSION:3.0", "UID:ann", "FN:Ann Lee", "N:Lee;Ann;;;", "EMAIL:ann@x.example", "TITLE:CEO")
    world.settle()
    (pair,) = world.pairs("people")
    assert pair.status == "in_sync"
    whole = book.get("ann.vcf")
    inner = "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:In\r\nN:a;b;;;\r\nEND:VCARD\r\n"
    book.store("ann.vcf", whole.replace("END:VCARD", f"{inner}END:VCARD"))
    world.settle()
    (contact,) = world.records("one", "contacts")
    world.admin.edit(7001, "update", "contacts", contact, properties={"jobtitle": "Boss"})
    world.settle()
    assert _told(world.pairs("people")) == [("failing", "invalid_value")]
    tries = world.writes()
    world.settle()
    assert world.writes() == tries, "while it is broken it is not tried again"
    book.store("ann.vcf", whole)
    world.settle()
    assert "TITLE:Boss" in book.get("ann.vcf")
    assert _told(world.pairs("people")) == [("in_sync", "")]
