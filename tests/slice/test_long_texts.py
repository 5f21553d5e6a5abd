"""Long texts: what both apps take arrives, what one does not take is told, and neither holds up anything else."""

import pytest

from deploy.local.hubspot import HubSpotServer
from shared.io.memory import MemoryReader
from shared.model.records import LONGEST
from shared.wire import topics
from tests.slice.book import Book
from tests.slice.harness import Polling, book_sync
from tests.slice.test_refused import _card, _props, _told

_CJK = "字" * 64_000


def _note(book: Book) -> str:
    (card,) = book.cards().values()
    lines = card.replace("\r\n ", "").split("\r\n")
    return next((line.partition(":")[2] for line in lines if line.startswith("NOTE")), "")


def _parked(world: Polling) -> int:
    return sum(1 for _ in MemoryReader(world.broker, topics.PARKED).read_to_end())


def test_a_text_that_both_apps_take_arrives_and_so_do_its_edits(server: HubSpotServer, book: Book) -> None:
    world = Polling(server, [book_sync()], book=book)
    book.put("Ann.vcf", *_card("Ann", "EMAIL:ann@x.example", f"NOTE:{_CJK}"))
    world.settle()
    assert _props(world, "one", "contacts")["message"] == _CJK
    (record,) = world.records("one", "contacts")
    for number in range(3):
        edited = f"{number}{_CJK}"
        world.admin.edit(7001, "update", "contacts", record, properties={"message": edited, "city": f"Oslo {number}"})
        world.settle()
        assert _note(book) == edited
    assert (_told(world.pairs("people")), _parked(world)) == ([("in_sync", "")], 0)
    book.put("Ann.vcf", *_card("Ann", "EMAIL:ann@x.example", f"NOTE:{_CJK[1:]}"))
    world.settle()
    assert _props(world, "one", "contacts")["message"] == _CJK[1:]
    assert (_told(world.pairs("people")), _parked(world)) == ([("in_sync", "")], 0)


@pytest.mark.parametrize("length", [LONGEST + 1, 1_300_000])
def test_a_text_that_is_too_long_is_told_and_the_rest_arrives(server: HubSpotServer, book: Book, length: int) -> None:
    """Of a record that is new, and of one that is linked; shortened, it follows."""
    world = Polling(server, [book_sync()], book=book)
    long = f"NOTE:{'x' * length}"
    book.put("Ann.vcf", *_card("Ann", "EMAIL:ann@x.example", long))
    world.settle()
    assert _props(world, "one", "contacts")["email"] == "ann@x.example"
    (pair,) = world.pairs("people")
    assert (pair.status, pair.reason) == ("failing", "too_long")
    assert f"{length:,} characters" in pair.detail
    assert len(pair.text()) < 4_000
    book.put("Ann.vcf", *_card("Ann", "EMAIL:ann@x.example", "TITLE:CEO", long))
    world.settle()
    assert _props(world, "one", "contacts")["jobtitle"] == "CEO"
    assert (_told(world.pairs("people")), _parked(world)) == ([("failing", "too_long")], 0)
    (record,) = world.records("one", "contacts")
    world.admin.edit(7001, "update", "contacts", record, properties={"city": "Oslo"})
    world.settle()
    assert "Oslo" in book.get("Ann.vcf")
    assert _note(book) == "x" * length
    book.put("Ann.vcf", *_card("Ann", "EMAIL:ann@x.example", "NOTE:short"))
    world.settle()
    assert _props(world, "one", "contacts")["message"] == "short"
    assert _told(world.pairs("people")) == [("in_sync", "")]


def test_a_text_that_becomes_too_long_leaves_the_other_record_as_it_was(server: HubSpotServer, book: Book) -> None:
    world = Polling(server, [book_sync()], book=book)
    book.put("Ann.vcf", *_card("Ann", "EMAIL:ann@x.example", "NOTE:short"))
    world.settle()
    book.put("Ann.vcf", *_card("Ann", "EMAIL:ann@x.example", f"NOTE:{'x' * 1_300_000}", "TITLE:CEO"))
    world.settle()
    props = _props(world, "one", "contacts")
    assert (props["message"], props["jobtitle"]) == ("short", "CEO")
    assert (_told(world.pairs("people")), _parked(world)) == ([("failing", "too_long")], 0)
