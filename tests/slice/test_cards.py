"""Cards as people and their programs write them: what arrives, and what stays where it was."""

from typing import Any

import pytest

from deploy.local.hubspot import HubSpotServer
from shared.contract.calls import Exchange, HttpRequest, HttpResponse
from tests.slice.book import Book
from tests.slice.harness import Polling, book_sync


def _world(server: HubSpotServer, book: Book) -> Polling:
    return Polling(server, [book_sync()], book=book)


def _card(book: Book, *lines: str, version: str = "3.0") -> None:
    book.put("ann.vcf", f"VERSION:{version}", "UID:ann", *lines)


def _lines(book: Book, name: str = "ann.vcf") -> list[str]:
    text = book.get(name).replace("\r\n ", "").replace("\n ", "")
    return [line for line in text.splitlines() if line.partition(":")[0] not in ("BEGIN", "END", "VERSION", "UID")]


def _values(book: Book, property_: str) -> list[str]:
    return [line.partition(":")[2] for line in _lines(book) if line.upper().startswith(property_)]


def _contact(world: Polling) -> dict[str, Any]:
    (row,) = world.records("one", "contacts").values()
    held: dict[str, Any] = row["properties"]
    return held


def _statuses(world: Polling) -> list[str]:
    return [pair.status for pair in world.pairs("people")]


# Several lines of one kind


def test_at_the_first_link_the_address_and_the_number_that_a_card_has_second_become_its_preferred_ones(
    server: HubSpotServer, book: Book
) -> None:
    world = _world(server, book)
    held = {"email": "second@x.example", "phone": "+39 06 6982 1234", "firstname": "Ann", "lastname": "Lee"}
    world.admin.edit(7001, "create", "contacts", properties=held)
    _card(
        book, "FN:Ann Lee", "N:Lee;Ann;;;", "EMAIL;TYPE=WORK,pref:first@x.example", "EMAIL;TYPE=HOME:Second@x.example",
        "TEL;TYPE=WORK:+39 06 1111 2222", "TEL;TYPE=HOME:06 69821234",
    )  # fmt: skip
    world.settle()
    assert _statuses(world) == ["in_sync"]
    assert sorted(_values(book, "EMAIL")) == ["Second@x.example", "first@x.example"]
    assert sorted(_values(book, "TEL")) == ["+39 06 1111 2222", "06 69821234"]
    preferred = [line for line in _lines(book) if "PREF" in line.upper()]
    assert sorted(line.partition(":")[2] for line in preferred) == ["06 69821234", "Second@x.example"]
    assert (_contact(world)["email"], _contact(world)["phone"]) == (held["email"], held["phone"])
    world.admin.edit(7001, "update", "contacts", next(iter(world.records("one", "contacts"))),
                     properties={"email": "third@x.example"})  # fmt: skip
    world.settle()
    assert sorted(_values(book, "EMAIL")) == ["first@x.example", "third@x.example"], "a new one replaces the preferred"


def test_at_the_first_link_a_value_that_stands_on_no_line_replaces_the_preferred_one(
    server: HubSpotServer, book: Book
) -> None:
    world = _world(server, book)
    world.admin.edit(7001, "create", "contacts", properties={"email": "ann@x.example", "phone": "+1 555 0100"})
    _card(book, "FN:Ann", "N:;Ann;;;", "EMAIL:ann@x.example", "TEL;TYPE=WORK:+1 555 0199", "TEL;TYPE=HOME:+1 555 0188")
    world.settle()
    assert sorted(_values(book, "TEL")) == ["+1 555 0100", "+1 555 0188"]


# Names


@pytest.mark.parametrize("lines", [("FN:Ann van der Berg",), ("N:;;;;", "FN:Ann van der Berg"),
                                   ("FN:van der Berg\\, Ann", "N:;;;;")])  # fmt: skip
def test_a_card_with_a_displayed_name_alone_becomes_a_contact_with_both_names(
    server: HubSpotServer, book: Book, lines: tuple[str, ...]
) -> None:
    world = _world(server, book)
    if len(lines) == 1:  # 4.0 allows it; Radicale demands an N of 3.0
        _card(book, *lines, "EMAIL:ann@x.example", version="4.0")
    else:
        _card(book, *lines, "EMAIL:ann@x.example")
    world.settle()
    assert (_contact(world)["firstname"], _contact(world)["lastname"]) == ("Ann", "van der Berg")
    (record,) = world.records("one", "contacts")
    world.admin.edit(7001, "update", "contacts", record, properties={"firstname": "Anna"})
    world.settle()
    assert _values(book, "N") == ["van der Berg;Anna;;;"]
    assert _values(book, "FN") == ["Anna van der Berg"]
    assert _statuses(world) == ["in_sync"]


def test_a_displayed_name_is_not_overwritten_with_less(server: HubSpotServer, book: Book) -> None:
    world = _world(server, book)
    held = {"email": "ann@x.example", "firstname": "Ann", "lastname": "Lee"}
    record = world.admin.edit(7001, "create", "contacts", properties=held)
    _card(book, "FN:Dr. Ann Maria Lee (Acme)", "N:;;;;", "EMAIL:ann@x.example")
    world.settle()
    assert _values(book, "FN") == ["Dr. Ann Maria Lee (Acme)"]
    world.admin.edit(7001, "update", "contacts", record, properties={"lastname": "Miller"})
    world.settle()
    assert _values(book, "FN") == ["Dr. Ann Maria Miller (Acme)"]


def test_what_a_card_without_a_name_is_called_by_is_no_name(server: HubSpotServer, book: Book) -> None:
    world = _world(server, book)
    record = world.admin.edit(7001, "create", "contacts", properties={"email": "info@x.example", "company": "Acme"})
    world.settle()
    (name,) = book.names()
    assert "FN:Acme" in book.get(name)
    world.admin.edit(7001, "update", "contacts", record, properties={"company": "Beta"})
    world.settle()
    assert "FN:Beta" in book.get(name)
    assert not _contact(world).get("firstname")
    assert not _contact(world).get("lastname")


# Addresses


@pytest.mark.parametrize(
    ("lines", "sent"),
    [
        (("EMAIL:mailto:Ann@x.example",), "ann@x.example"),
        (("EMAIL:MAILTO:ann@x.example?subject=Hi",), "ann@x.example"),
        (("EMAIL:Ann Lee <ann@x.example>",), "ann@x.example"),
        (('EMAIL:"Lee\\, Ann" <ann@x.example>',), "ann@x.example"),
        (("EMAIL:ann@x.example\\; bob@x.example",), "ann@x.example"),
        (("EMAIL:none",  "EMAIL:ann@x.example"), "ann@x.example"),
        (("EMAIL;TYPE=pref:n/a", "EMAIL:ann@x.example"), "ann@x.example"),
        (("EMAIL:ann@bücher.example",), "ann@xn--bcher-kva.example"),
    ],
)  # fmt: skip
def test_the_address_that_was_found_valid_is_the_one_that_is_sent(
    server: HubSpotServer, book: Book, lines: tuple[str, ...], sent: str
) -> None:
    world = _world(server, book)
    _card(book, "FN:Ann Lee", "N:Lee;Ann;;;", *lines)
    before = _lines(book)
    world.settle()
    assert _contact(world)["email"] == sent
    assert _statuses(world) == ["in_sync"]
    assert _lines(book) == before


def test_a_changed_address_leaves_what_stands_beside_it(server: HubSpotServer, book: Book) -> None:
    world = _world(server, book)
    _card(book, "FN:Ann Lee", "N:Lee;Ann;;;", "EMAIL:none", "EMAIL:Ann <ann@x.example>\\, bob@x.example")
    world.settle()
    (record,) = world.records("one", "contacts")
    world.admin.edit(7001, "update", "contacts", record, properties={"email": "anna@x.example"})
    world.settle()
    assert [value.replace("\\", "") for value in _values(book, "EMAIL")] == [
        "none", "Ann <anna@x.example>, bob@x.example"
    ]  # fmt: skip


# What a book cannot store


@pytest.mark.parametrize(
    ("odd", "stored"),
    [("\x0b", "\\n"), ("\x0c", "\\n"), ("\r", "\\n"), ("\r\n", "\\n"), ("\x00", " "), ("\x1b", " "), ("\x1e", " "),
     ("\ufffe", " "), ("\uffff", " "), ("\x85", "\x85"), ("\u2028", "\u2028")],
)  # fmt: skip
def test_a_character_that_a_book_cannot_store_goes_as_a_break_or_a_space(
    server: HubSpotServer, book: Book, odd: str, stored: str
) -> None:
    world = _world(server, book)
    held = {"email": "ann@x.example", "message": f"one{odd}two", "jobtitle": "Boss"}
    record = world.admin.edit(7001, "create", "contacts", properties=held)
    world.settle()
    (name,) = book.names()
    assert f"NOTE:one{stored}two\r\n" in book.get(name)
    written = world.writes()
    book.store(name, book.get(name).replace("TITLE:Boss", "TITLE:Chief"))
    world.settle()
    assert _contact(world)["message"] == held["message"], "the other app's own text stays as it is"
    assert _contact(world)["jobtitle"] == "Chief"
    assert world.writes() == written + 1
    world.admin.edit(7001, "update", "contacts", record, properties={"message": f"one{odd}two three"})
    world.settle()
    assert f"NOTE:one{stored}two three\r\n" in book.get(name)
    assert _statuses(world) == ["in_sync"]


def test_what_a_server_made_of_a_write_is_no_edit(server: HubSpotServer, book: Book) -> None:
    """It answers with an ETag, as if it had stored what was sent."""
    world = _world(server, book)

    def rewrites(request: HttpRequest) -> HttpResponse | None:
        if request.method != "PUT" or b"Head of sales" not in request.body:
            return None
        altered = request.body.replace(b"Head of sales", b"Head Of Sales")
        book.store(request.path.rpartition("/")[2], altered.decode())
        reply = world.drivers["book"].run(_sent(HttpRequest(method="GET", path=request.path)))
        return HttpResponse(status=201, headers={"etag": reply.headers["etag"]})

    world.drivers["book"].instead = rewrites
    held = {"email": "ann@x.example", "jobtitle": "Head of sales"}
    record = world.admin.edit(7001, "create", "contacts", properties=held)
    world.settle()
    (name,) = book.names()
    assert "TITLE:Head Of Sales" in book.get(name)
    world.admin.edit(7001, "update", "contacts", record, properties={"city": "Oslo"})
    world.settle()
    assert _contact(world)["jobtitle"] == "Head of sales"
    assert "Oslo" in book.get(name)
    assert _statuses(world) == ["in_sync"]


def test_a_card_that_makes_the_servers_answer_no_xml_keeps_no_other_from_being_read(
    server: HubSpotServer, book: Book
) -> None:
    world = _world(server, book)
    _card(book, "FN:Ann", "N:;Ann;;;", "EMAIL:ann@x.example", "NOTE:one\ufffetwo")
    book.put("bob.vcf", "VERSION:3.0", "UID:bob", "FN:Bob", "N:;Bob;;;", "EMAIL:bob@x.example")
    world.settle()
    assert sorted(row["properties"]["email"] for row in world.records("one", "contacts").values()) == [
        "ann@x.example", "bob@x.example"
    ]  # fmt: skip
    (record,) = (x for x, row in world.records("one", "contacts").items() if "ann" in row["properties"]["email"])
    world.admin.edit(7001, "update", "contacts", record, properties={"city": "Oslo"})
    world.settle()
    assert "NOTE:one\ufffetwo" in book.get("ann.vcf"), "what nobody changed stays byte for byte"
    assert world.records("one", "contacts")[record]["properties"]["message"] == "one two"


def _sent(request: HttpRequest) -> Exchange[HttpResponse]:
    return (yield request)
