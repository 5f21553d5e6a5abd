"""A record that is no longer of the synced kind takes no part; it is not deleted, and catches up when it is back."""

import pytest

from deploy.local.hubspot import HubSpotServer
from tests.slice.book import Book
from tests.slice.harness import Polling, book_sync

ANN = ("UID:ann", "FN:Ann Lee", "N:Lee;Ann;;;", "EMAIL:ann@x.example")


@pytest.mark.parametrize(
    ("version", "mark"), [("4.0", "KIND:org"), ("3.0", "X-ABShowAs:COMPANY"), ("3.0", "X-ADDRESSBOOKSERVER-KIND:group")]
)
def test_a_linked_card_that_becomes_a_company_is_out_of_scope_until_it_is_a_person_again(
    server: HubSpotServer, book: Book, version: str, mark: str
) -> None:
    world = Polling(server, [book_sync()], book=book)
    book.put("ann.vcf", f"VERSION:{version}", *ANN)
    world.settle()
    (contact,) = world.records("one", "contacts")
    book.put("ann.vcf", f"VERSION:{version}", *ANN, mark)
    world.settle()
    (pair,) = world.pairs("people")
    assert (pair.status, pair.reason) == ("excluded", "out_of_scope")
    world.admin.edit(7001, "update", "contacts", contact, properties={"jobtitle": "Director"})
    world.settle()
    assert "Director" not in book.get("ann.vcf")
    (pair,) = world.pairs("people")
    assert (pair.status, pair.reason) == ("excluded", "out_of_scope")
    book.put("ann.vcf", f"VERSION:{version}", *ANN, "TEL:+39 06 6982 1234")
    world.settle()
    assert world.records("one", "contacts")[contact]["properties"]["phone"] == "+39 06 6982 1234"
    assert "TITLE:Director" in book.get("ann.vcf")
    assert [pair.status for pair in world.pairs("people")] == ["in_sync"]


def test_a_card_that_was_never_a_person_has_no_row(server: HubSpotServer, book: Book) -> None:
    world = Polling(server, [book_sync()], book=book)
    book.put("acme.vcf", "VERSION:4.0", "UID:acme", "KIND:org", "FN:Acme", "EMAIL:info@acme.example")
    world.settle()
    assert world.pairs("people") == []


def test_a_card_without_a_partner_is_told_as_out_of_scope(server: HubSpotServer, book: Book) -> None:
    world = Polling(server, [book_sync()], book=book)
    book.put("ann.vcf", "VERSION:4.0", "UID:ann", "FN:Ann Lee", "N:Lee;Ann;;;")
    world.settle()
    assert [(pair.status, pair.reason) for pair in world.pairs("people")] == [("excluded", "email_missing")]
    book.put("ann.vcf", "VERSION:4.0", "UID:ann", "KIND:org", "FN:Ann Lee", "N:Lee;Ann;;;")
    world.settle()
    assert [(pair.status, pair.reason) for pair in world.pairs("people")] == [("excluded", "out_of_scope")]
    book.put("ann.vcf", "VERSION:4.0", *ANN)
    world.settle()
    assert [pair.status for pair in world.pairs("people")] == ["in_sync"]


def test_a_card_that_is_deleted_while_it_is_a_company_is_deleted(server: HubSpotServer, book: Book) -> None:
    world = Polling(server, [book_sync()], book=book)
    book.put("ann.vcf", "VERSION:4.0", *ANN)
    world.settle()
    book.put("ann.vcf", "VERSION:4.0", *ANN, "KIND:org")
    world.settle()
    book.delete("ann.vcf")
    world.settle()
    assert [(pair.status, pair.reason) for pair in world.pairs("people")] == [("failing", "deleted_in_right")]
