"""Both records of a pair are edited in the same moment: each edit arrives, and the writes come to an end."""

from deploy.local.hubspot import HubSpotServer
from shared.wire import topics
from tests.slice.book import Book
from tests.slice.harness import Polling, book_sync


def test_a_contact_and_its_card_are_edited_between_two_polls(server: HubSpotServer, book: Book) -> None:
    """The card is read twice, having no order of versions: a write that does not wait for that is refused for ever."""
    world = Polling(server, [book_sync()], book=book)
    contact = world.admin.edit(7001, "create", "contacts", properties={"email": "ann@x.example", "firstname": "Ann"})
    world.settle()
    (card,) = book.names()
    world.trail.clear()
    book.store(card, book.get(card).replace("END:VCARD", "TITLE:CEO\r\nEND:VCARD"))
    world.admin.edit(7001, "update", "contacts", contact, properties={"city": "Oslo"})
    world.settle()
    assert world.records("one", "contacts")[contact]["properties"]["jobtitle"] == "CEO"
    assert "Oslo" in book.get(card)
    assert "TITLE:CEO" in book.get(card)
    writes = [outcome.reason for topic, _, outcome in world.trail if topic == topics.writes("carddav").name]
    assert writes == ["written"]
