"""An answer to a part of a record is no knowledge of the whole: what else changed meanwhile is read, and travels."""

import json
from typing import Any

from deploy.local.hubspot import HubSpotServer
from shared.contract.calls import Exchange, HttpRequest, HttpResponse
from shared.model.syncs import AssociationMapping
from tests.slice.book import Book
from tests.slice.harness import Polling, book_sync, sync

LINKED = (AssociationMapping(to="companies", label="company"),)


def _pair(world: Polling, **properties: Any) -> tuple[str, str]:
    """Bring one contact into both accounts; give its ids there."""
    left = world.admin.edit(7001, "create", "contacts", properties={"email": "ann@x.example", **properties})
    world.settle()
    (right,) = world.records("two", "contacts")
    return left, right


def _of(world: Polling, name: str, record: str, *names: str) -> list[str]:
    held = world.records(name, "contacts")[record]["properties"]
    return [held[one] for one in names]


def test_an_edit_that_no_poll_told_before_our_write_arrives(server: HubSpotServer) -> None:
    world = Polling(server, [sync("contacts", "contact")])
    left, right = _pair(world, phone="+4722334455", jobtitle="Smith")
    world.admin.edit(7002, "update", "contacts", right, properties={"phone": "+4799887766"})
    world.admin.edit(7001, "update", "contacts", left, properties={"jobtitle": "Miller"})
    world.poll("one")
    world.run()  # our write of the title is answered before anybody asks for the phone
    world.settle()
    for name, record in (("one", left), ("two", right)):
        assert _of(world, name, record, "phone", "jobtitle") == ["+4799887766", "Miller"]
    assert [(pair.status, pair.reason) for pair in world.pairs("contacts")] == [("in_sync", "")]


def test_an_edit_between_the_reading_and_the_writing_of_another_field_arrives(server: HubSpotServer) -> None:
    world = Polling(server, [sync("contacts", "contact")])
    left, right = _pair(world, phone="+4722334455", jobtitle="Smith")

    def before(request: HttpRequest) -> None:
        if request.path.endswith("/batch/update"):
            world.drivers["two"].instead = None
            world.admin.edit(7002, "update", "contacts", right, properties={"phone": "+4799887766"})

    world.drivers["two"].instead = before
    world.admin.edit(7001, "update", "contacts", left, properties={"jobtitle": "Miller"})
    world.settle()
    for name, record in (("one", left), ("two", right)):
        assert _of(world, name, record, "phone", "jobtitle") == ["+4799887766", "Miller"]


def test_a_write_that_found_its_record_changed_hides_no_other_change(server: HubSpotServer) -> None:
    """The answer of a write that was not executed tells the fields of that write alone, too."""
    world = Polling(server, [sync("contacts", "contact")])
    left, right = _pair(world, phone="+4722334455", jobtitle="Smith")
    world.admin.edit(7002, "update", "contacts", right, properties={"phone": "+4799887766", "jobtitle": "Baker"})
    world.admin.edit(7001, "update", "contacts", left, properties={"jobtitle": "Miller"})
    world.poll("one")
    world.run()
    world.settle()
    for name, record in (("one", left), ("two", right)):
        assert _of(world, name, record, "phone", "jobtitle") == ["+4799887766", "Miller"]


def test_a_write_that_stood_there_already_hides_no_other_change(server: HubSpotServer) -> None:
    world = Polling(server, [sync("contacts", "contact")])
    left, right = _pair(world, phone="+4722334455", jobtitle="Smith")
    world.admin.edit(7002, "update", "contacts", right, properties={"phone": "+4799887766", "jobtitle": "Miller"})
    world.admin.edit(7001, "update", "contacts", left, properties={"jobtitle": "Miller"})
    world.poll("one")
    world.run()
    world.settle()
    assert _of(world, "one", left, "phone", "jobtitle") == ["+4799887766", "Miller"]


def test_the_write_of_one_sync_hides_no_change_from_another(server: HubSpotServer) -> None:
    """Both syncs hear the answer; the one that maps other fields has not seen them."""
    titles = sync("titles", "contact")
    titles = titles.model_copy(
        update={"mappings": tuple(x for x in titles.mappings if x.left in ("email", "jobtitle"))}
    )
    phones = titles.model_copy(
        update={
            "id": "phones",
            "mappings": tuple(x for x in sync("all", "contact").mappings if x.left in ("email", "phone")),
        }
    )
    world = Polling(server, [titles, phones])
    left, right = _pair(world, phone="+4722334455", jobtitle="Smith")
    world.admin.edit(7002, "update", "contacts", right, properties={"phone": "+4799887766"})
    world.admin.edit(7001, "update", "contacts", left, properties={"jobtitle": "Miller"})
    world.poll("one")
    world.run()
    world.settle()
    assert _of(world, "one", left, "phone", "jobtitle") == ["+4799887766", "Miller"]


def test_an_edit_in_hubspot_arrives_in_the_book_although_a_card_was_edited_first(
    server: HubSpotServer, book: Book
) -> None:
    world = Polling(server, [book_sync()], book=book)
    left = world.admin.edit(
        7001, "create", "contacts",
        properties={"email": "ann@x.example", "firstname": "Ann", "lastname": "Lee", "jobtitle": "Smith"},
    )  # fmt: skip
    world.settle()
    (card,) = book.names()
    world.admin.edit(7001, "update", "contacts", left, properties={"city": "Bergen"})
    book.store(card, book.get(card).replace("TITLE:Smith", "TITLE:Miller"))
    world.poll("book")
    world.run()
    world.settle()
    assert _of(world, "one", left, "jobtitle", "city") == ["Miller", "Bergen"]
    assert "TITLE:Miller" in book.get(card)
    assert "Bergen" in book.get(card)


def test_feeds_alone_bring_the_company_of_a_contact_that_we_created(server: HubSpotServer) -> None:
    world = Polling(server, [sync("companies", "company"), sync("contacts", "contact", associations=LINKED)])
    acme = world.admin.edit(7001, "create", "companies", properties={"name": "Acme", "domain": "acme.com"})
    ann = world.admin.edit(7001, "create", "contacts", properties={"email": "ann@other.example"})
    world.admin.edit(7001, "link", "contacts", ann, toType="companies", other=acme, types=[1])
    world.settle()
    (theirs,) = world.records("two", "contacts")
    (company,) = world.records("two", "companies")
    held = world.admin.call("GET", "accounts/7002/associations/contacts/companies")
    assert held.get(theirs, {}).keys() == {company}
    assert [(pair.status, pair.notes) for pair in world.pairs("contacts")] == [("in_sync", {})]


def test_a_value_that_hubspot_gave_a_new_record_itself_arrives(server: HubSpotServer) -> None:
    """The answer to a create tells it, under the version that the feed will tell."""
    world = Polling(server, [sync("contacts", "contact")])

    def upsert(request: HttpRequest) -> HttpResponse | None:
        if not request.path.endswith("/batch/upsert"):
            return None
        (row,) = json.loads(request.body)["inputs"]
        made = world.admin.edit(7002, "create", "contacts", properties={**row["properties"], "country": "NO"})
        return HttpResponse(status=200, body=json.dumps({"results": [_answer(world, made)]}).encode())

    world.drivers["two"].instead = upsert
    left, right = _pair(world, phone="+4722334455")
    assert _of(world, "one", left, "country") == _of(world, "two", right, "country") == ["NO"]


def test_an_edit_of_the_very_field_that_an_answer_left_out_arrives(server: HubSpotServer) -> None:
    """What is read again for the answer may be somebody's later edit, and is then no part of the answer."""
    world = Polling(server, [sync("contacts", "contact")])
    left, right = _pair(world, jobtitle="Smith")

    def update(request: HttpRequest) -> HttpResponse | None:
        if not request.path.endswith("/batch/update"):
            return None
        world.drivers["two"].instead = None
        world.admin.edit(7002, "update", "contacts", right, properties={"jobtitle": "Miller"})
        answer = _answer(world, right)
        world.admin.edit(7002, "update", "contacts", right, properties={"jobtitle": "Baker"})
        del answer["properties"]["jobtitle"]
        return HttpResponse(status=200, body=json.dumps({"results": [answer]}).encode())

    world.drivers["two"].instead = update
    world.admin.edit(7001, "update", "contacts", left, properties={"jobtitle": "Miller"})
    world.settle()
    assert _of(world, "one", left, "jobtitle") == _of(world, "two", right, "jobtitle") == ["Baker"]


def _answer(world: Polling, record: str) -> dict[str, Any]:
    """Spell a contact of `two` as HubSpot answers a write of it."""
    return world.drivers["two"].run(_ask(f"/crm/v3/objects/contacts/{record}"))


def _ask(path: str) -> Exchange[dict[str, Any]]:
    names = "email,phone,country,jobtitle,syncline_id,lastmodifieddate,createdate"
    response = yield HttpRequest(method="GET", path=path, query={"properties": names}, safe=True)
    body: dict[str, Any] = json.loads(response.body)
    body["properties"] = {name: value for name, value in body["properties"].items() if value is not None}
    return body
