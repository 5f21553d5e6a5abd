"""A person who is entered on both sides before either is read: one contact and one card, linked and never doubled."""

import random

import pytest

from deploy.local.hubspot import HubSpotServer
from shared.contract.calls import HttpResponse
from shared.wire import topics
from tests.slice.book import Book
from tests.slice.harness import BOOK, Polling, book_sync

_EMAIL = "ann@x.example"


def _card(email: str = _EMAIL, *more: str, name: str = "Ann") -> tuple[str, ...]:
    return ("VERSION:3.0", f"UID:{name}", f"FN:{name} Lee", f"N:Lee;{name};;;", f"EMAIL:{email}", *more)


def _enter(world: Polling, book: Book, written: str = _EMAIL) -> str:
    """Enter one person on both sides, and return the contact's id."""
    contact = world.admin.edit(7001, "create", "contacts", properties={"email": _EMAIL, "firstname": "Ann"})
    book.put("ann.vcf", *_card(written))
    return contact


def _are_one(world: Polling, book: Book, contact: str, card: str = "ann.vcf") -> None:
    """Check that the contact and the card are linked, that there is no other, and that edits travel both ways."""
    assert (list(world.records("one", "contacts")), book.names()) == ([contact], [card])
    living = [pair for pair in world.pairs("people") if not pair.absorbed_by]
    assert [(pair.status, pair.L and pair.L.id, pair.R and pair.R.id) for pair in living] == [
        ("in_sync", contact, card)
    ]
    book.store(card, book.get(card).replace("END:VCARD", "TITLE:CEO\r\nEND:VCARD"))
    world.settle()
    assert world.records("one", "contacts")[contact]["properties"]["jobtitle"] == "CEO"
    world.admin.edit(7001, "update", "contacts", contact, properties={"city": "Oslo"})
    world.settle()
    assert "Oslo" in book.get(card)


@pytest.mark.parametrize("first", ["one", BOOK])
@pytest.mark.parametrize("written", [_EMAIL, "ANN@X.Example", "mailto:Ann@x.example", "Ann Lee <ann@x.example>"])
def test_a_person_entered_on_both_sides_is_linked_whichever_is_read_first(
    server: HubSpotServer, book: Book, first: str, written: str
) -> None:
    world = Polling(server, [book_sync()], book=book)
    contact = _enter(world, book, written)
    world.poll(first)
    world.run()
    assert (len(world.records("one", "contacts")), book.names()) == (1, ["ann.vcf"]), "no double for a moment either"
    world.settle()
    _are_one(world, book, contact)


def test_a_host_that_is_written_in_letters_is_the_same_host(server: HubSpotServer, book: Book) -> None:
    world = Polling(server, [book_sync()], book=book)
    contact = world.admin.edit(
        7001, "create", "contacts", properties={"email": "ann@xn--bcher-kva.example", "firstname": "Ann"}
    )
    book.put("ann.vcf", *_card("ann@Bücher.example"))
    world.poll("one")
    world.run()
    world.settle()
    assert (list(world.records("one", "contacts")), book.names()) == ([contact], ["ann.vcf"])


def test_an_address_that_only_contains_the_other_is_another_persons(server: HubSpotServer, book: Book) -> None:
    world = Polling(server, [book_sync()], book=book)
    world.admin.edit(7001, "create", "contacts", properties={"email": _EMAIL, "firstname": "Ann"})
    book.put("joann.vcf", *_card("jo-ann@x.example", name="Joann"))
    world.poll("one")
    world.run()
    assert len(book.names()) == 2
    world.settle()
    assert (len(world.records("one", "contacts")), len(book.names())) == (2, 2)


def test_the_card_is_read_and_linked_before_its_create_is_tried_again(server: HubSpotServer, book: Book) -> None:
    world = Polling(server, [book_sync()], book=book)
    contact = _enter(world, book)
    world.poll("one")
    world.run()
    assert world.writes() <= 2, "one create that was not sent, and what the card lacked"
    (pair,) = [one for one in world.pairs("people") if not one.absorbed_by]
    assert (pair.status, pair.L and pair.L.id, pair.R and pair.R.id) == ("in_sync", contact, "ann.vcf")


def test_a_card_that_is_somebody_elses_is_told_and_nothing_is_created(server: HubSpotServer, book: Book) -> None:
    world = Polling(server, [book_sync()], book=book)
    book.put("bob.vcf", *_card("bob@x.example", name="Bob"))
    world.settle()
    (bob,) = world.records("one", "contacts")
    book.put("bob.vcf", *_card("bob@x.example", f"EMAIL;TYPE=HOME:{_EMAIL}", name="Bob"))
    ann = world.admin.edit(7001, "create", "contacts", properties={"email": _EMAIL, "firstname": "Ann"})
    world.poll("one")
    world.run()
    world.settle()
    assert (set(world.records("one", "contacts")), book.names()) == ({ann, bob}, ["bob.vcf"])
    rows = {pair.L.id: (pair.status, pair.reason, pair.others) for pair in world.pairs("people") if pair.L}
    assert rows[bob][0] == "in_sync"
    assert rows[ann] == ("excluded", "duplicate_identifier", ("Rbob.vcf",))


def test_a_create_whose_answer_was_lost_does_not_take_its_own_card_for_a_double(
    server: HubSpotServer, book: Book
) -> None:
    world = Polling(server, [book_sync()], book=book)
    contact = world.admin.edit(7001, "create", "contacts", properties={"email": _EMAIL, "firstname": "Ann"})
    losses = iter(range(2))

    def lose(request: object) -> bool:
        return getattr(request, "method", "") == "PUT" and next(losses, None) is not None

    world.drivers[BOOK].drop = lose
    world.poll("one")
    world.run(later=3)
    (card,) = book.names()
    world.settle()
    _are_one(world, book, contact, card)


def test_all_creates_of_a_batch_are_asked_for_at_once(server: HubSpotServer, book: Book) -> None:
    world = Polling(server, [book_sync()], book=book)
    for name in ("ann", "bob", "cid"):
        world.admin.edit(7001, "create", "contacts", properties={"email": f"{name}@x.example", "firstname": name})
    world.poll("one")
    world.run()
    asked = [call for call in world.drivers[BOOK].calls if b"addressbook-query" in call.body]
    assert (len(book.names()), len(asked)) == (3, 1)


def test_a_book_that_does_not_answer_holds_the_create(server: HubSpotServer, book: Book) -> None:
    world = Polling(server, [book_sync()], book=book)
    contact = _enter(world, book)
    away = [HttpResponse(status=503)]
    world.drivers[BOOK].instead = lambda request: away.pop() if away and b"addressbook-query" in request.body else None
    world.poll("one")
    world.run()
    assert (away, book.names()) == ([], ["ann.vcf"])
    world.settle()
    _are_one(world, book, contact)


@pytest.mark.parametrize("seed", range(28))
def test_people_are_doubled_in_no_order_of_events(server: HubSpotServer, book: Book, seed: int) -> None:
    chance = random.Random(seed)
    world = Polling(server, [book_sync()], book=book)
    people = [f"p{number}@x.example" for number in range(4)]
    deeds = [(side, email) for side in ("one", BOOK) for email in people]
    chance.shuffle(deeds)
    for side, email in deeds:
        name = email.partition("@")[0]
        if side == "one":
            if all(row["properties"]["email"] != email for row in world.records("one", "contacts").values()):
                world.admin.edit(7001, "create", "contacts", properties={"email": email, "firstname": name})
        elif all(email not in card.lower() for card in book.cards().values()):
            book.put(f"{name}.vcf", *_card(chance.choice((email, email.upper())), name=name))
        for _ in range(chance.randrange(3)):
            world.poll(*chance.choice((("one",), (BOOK,), ("one", BOOK))))
        for _ in range(chance.randrange(12)):
            world.step(chance.choice((topics.NOTICES, topics.RECORDS, topics.PAIRS, *world.handlers)))
    world.settle()
    assert sorted(row["properties"]["email"] for row in world.records("one", "contacts").values()) == people
    assert len(book.names()) == 4
    living = [pair for pair in world.pairs("people") if not pair.absorbed_by]
    assert [(pair.status, pair.reason) for pair in living] == [("in_sync", "")] * 4
