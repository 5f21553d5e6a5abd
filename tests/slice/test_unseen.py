"""A record that no sync has seen: its app is asked, and says by the rules of the sync why it is in no list."""

from pathlib import Path
from typing import Any

import pytest

from deploy.local.hubspot import HubSpotServer
from deploy.local.servers.real import RadicaleServer
from services.console.use.callers import Caller
from services.console.use.problems import Problem
from services.console.use.records.unseen import Answer, Told, ask_at, explained, read_now, why_at, why_of
from shared.model.records import SIDES
from shared.model.syncs import Create
from shared.wire import topics
from shared.wire.messages import SetupDoc
from tests.slice.book import Book
from tests.slice.console import Console
from tests.slice.harness import BOOK, Slice, book_sync, sync

ANN = {"email": "ann@x.example", "firstname": "Ann", "lastname": "Lee"}
BY = Caller("ann@x.example", "viewer", user="1")


def _made(world: Slice, path: str = "contacts", **properties: str) -> str:
    return world.admin.edit(7001, "create", path, properties=properties)


def _page(record: str, type_id: str = "0-1", account: int = 7001) -> str:
    return f"https://app.hubspot.com/contacts/{account}/record/{type_id}/{record}"


def _told(console: Console, text: str) -> Told:
    pairs, told = why_of(console, BY, text)
    assert pairs == list(told.pairs)
    return told


def _only(told: Told) -> Answer:
    (answer,) = told.answers
    return answer


def _at(console: Console, record: str, object_: str = "contact") -> Answer:
    pairs, told = why_at(console, BY, "one", object_, record)
    assert pairs == []
    return _only(told)


@pytest.fixture(name="world")
def _world(server: HubSpotServer) -> Slice:
    return Slice(server, [sync("contacts", "contact")])


@pytest.fixture(name="console")
def _console(world: Slice, tmp_path: Path) -> Console:
    return Console(world, tmp_path)


@pytest.mark.parametrize(
    ("email", "reason", "title"),
    [("ann@", "email_invalid", "e-mail address is not valid"), ("", "email_missing", "no e-mail address")],
)
def test_one_that_may_not_enter_is_told_with_the_value_that_decides(
    server: HubSpotServer, book: Book, tmp_path: Path, email: str, reason: str, title: str
) -> None:
    """By the reason that the engine gives once it is read."""
    world = Slice(server, [book_sync()], book=book)
    console = Console(world, tmp_path)
    book.put("ann.vcf", "VERSION:3.0", "UID:ann", "FN:Ann Lee", "N:Lee;Ann;;;", f"EMAIL:{email}")
    answer = _only(_told(console, f"{book.url}ann.vcf"))
    assert (answer.found, answer.code, answer.can_be_read) == ("excluded", reason, True)
    assert answer.summary == f"{BOOK} has contact ann.vcf, and it takes no part in sync people by itself: {title}."
    told = explained(console, answer, "viewer")
    assert {"name": "email", "label": "E-mail", "value": email} in told["asked"]["values"]
    assert (told["sides"]["L"], told["sides"]["R"]["record"]) == (None, "ann.vcf")
    read_now(console, BOOK, "contact", "ann.vcf")
    world.run()
    (pair,) = world.pairs("people")
    assert (pair.status, pair.reason) == ("excluded", reason)


def test_one_that_should_be_there_is_read_and_comes_to_be_in_sync(world: Slice, console: Console) -> None:
    record = _made(world, **ANN)
    answer = _at(console, record)
    assert (answer.found, answer.can_be_read, answer.reason.who) == ("not_told", True, "operator")
    assert answer.summary.endswith("nothing stands in its way: sync contacts has not been told of it yet.")
    assert (world.pairs("contacts"), world.writes()) == ([], 0), "asking leaves nothing behind"
    read_now(console, "one", "contact", record)
    world.run()
    console.follow()
    pairs, told = why_of(console, BY, _page(record))
    assert ([pair.status for pair in pairs], told.answers) == (["in_sync"], ())


def test_an_id_is_looked_for_in_all_objects_that_may_have_it(world: Slice, console: Console) -> None:
    """What is there is told; where nothing is, who was asked."""
    record = _made(world, **ANN)
    assert {answer.place.connection for answer in _told(console, record).answers} == {"one"}
    nobody = _told(console, "987654321")
    assert nobody.answers == ()
    assert nobody.nowhere.startswith("None of these knows a record '987654321': one (contacts")
    assert _told(console, _page("987654321")).nowhere.startswith("one knows no contact 987654321. It was deleted, ")


def test_an_object_that_no_sync_uses(world: Slice, console: Console) -> None:
    """Nothing of what it holds is read: nobody has asked for such records here."""
    record = _made(world, "companies", name="Ace Tyres")
    answer = _only(_told(console, _page(record, "0-2")))
    assert (answer.found, answer.sync, answer.report, answer.can_be_read) == ("no_sync", "", None, False)
    assert answer.summary == f"one has company {record}, and no sync uses the companies of this account."
    assert "Ace" not in repr(explained(console, answer, "admin"))
    with pytest.raises(Problem, match="No sync uses company"):
        read_now(console, "one", "company", record)


def test_one_that_was_merged_leads_to_its_survivor(world: Slice, console: Console) -> None:
    kept, gone = _made(world, **ANN), _made(world, email="ann.lee@x.example")
    survivor = world.admin.edit(7001, "merge", "contacts", kept, other=gone)
    answer = _at(console, gone)
    assert (answer.found, answer.survivor) == ("merged", survivor)
    assert answer.summary == f"one has merged contact {gone} into {survivor}."
    assert _at(console, survivor).found == "not_told"


def test_one_that_was_deleted_before_anybody_heard_of_it(world: Slice, console: Console) -> None:
    record = _made(world, **ANN)
    world.admin.edit(7001, "archive", "contacts", record)
    assert (_at(console, record).found, _at(console, record).can_be_read) == ("archived", False)


@pytest.mark.parametrize(
    ("changes", "found", "said"),
    [
        ({"enabled": False}, "sync_off", "sync contacts is switched off"),
        ({"direction": "to_left"}, "one_way", "takes no records out of this account"),
        ({"create": Create(to_right=False)}, "excluded", "creating records is off in this direction"),
    ],
)
def test_what_the_settings_of_a_sync_say_is_told(
    world: Slice, console: Console, changes: dict[str, Any], found: str, said: str
) -> None:
    world.edit("contacts", **changes)
    answer = _at(console, _made(world, **ANN))
    assert answer.found == found
    assert said in answer.summary
    assert answer.can_be_read is (found == "excluded")


def test_one_that_would_fail_is_told_with_the_fields_that_lack(server: HubSpotServer, tmp_path: Path) -> None:
    """The engine would not create a deal without a name, and says so once it is read."""
    world = Slice(server, [sync("deals", "deal")])
    console = Console(world, tmp_path)
    record = _made(world, "deals", dealname="Tyres", pipeline="default", dealstage="closedwon")
    world.admin.edit(7001, "update", "deals", record, properties={"dealname": ""})
    answer = _at(console, record, "deal")
    assert (answer.found, answer.code, answer.reason.who) == ("failing", "required_missing", "owner of the record")
    assert answer.summary.endswith("it would not be written to two: required field is blank.")
    assert answer.why[0] == "dealname"
    told = explained(console, answer, "viewer")["asked"]
    assert {"name": "dealname", "label": "Deal name", "value": ""} in told["values"]
    read_now(console, "one", "deal", record)
    world.run()
    (pair,) = world.pairs("deals")
    assert (pair.status, pair.reason) == ("failing", "required_missing")


def test_a_card_is_found_by_its_address_and_by_an_e_mail_address(
    server: HubSpotServer, book: Book, tmp_path: Path
) -> None:
    world = Slice(server, [book_sync()], book=book)
    console = Console(world, tmp_path)
    book.put("ann.vcf", "VERSION:3.0", "UID:ann", "FN:Ann Lee", "EMAIL:Ann@x.example")
    book.put("joann.vcf", "VERSION:3.0", "UID:joann", "FN:Jo Ann", "EMAIL:jo.ann@x.example")
    book.put("org.vcf", "VERSION:4.0", "UID:org", "FN:Ace", "KIND:org")
    for text in (f"{book.url}ann.vcf", "ann.vcf", "ann@x.example"):
        answer = _only(_told(console, text))
        assert (answer.place.record, answer.found) == ("ann.vcf", "not_told")
        assert explained(console, answer, "viewer")["label"] == "Ann Lee"
    organisation = _only(_told(console, f"{book.url}org.vcf"))
    assert (organisation.found, organisation.code) == ("excluded", "out_of_scope")
    nobody = _told(console, "bob@x.example").nowhere
    assert nobody.startswith("Nobody with bob@x.example was found in ")
    assert f"{BOOK} (contacts)" in nobody
    assert "one (contacts)" in nobody
    assert "Not searched" not in nobody
    read_now(console, BOOK, "contact", "ann.vcf")
    world.run()
    console.follow()
    (known,) = why_of(console, BY, "ann@x.example")[0]
    assert known.R is not None


@pytest.mark.parametrize("type_", ["contact", "lead"])
def test_a_contact_of_hubspot_is_found_by_an_e_mail_address(server: HubSpotServer, tmp_path: Path, type_: str) -> None:
    """By an additional one, too, and by one that the sync takes for none; companies cannot be asked by one."""
    rules = {"placeholder_emails": ["noemail@*"]}
    people = sync("contacts", "contact")
    ends = {side: people.side(side).model_copy(update={"type": type_}) for side in SIDES}
    people = people.model_copy(update={"left": ends["L"], "right": ends["R"], "rules": rules})
    world = Slice(server, [people, sync("companies", "company")])
    console = Console(world, tmp_path)
    ann, home = _made(world, **ANN), _made(world, email="home@x.example")
    survivor = world.admin.edit(7001, "merge", "contacts", ann, other=home)
    _made(world, email="jo.ann@x.example")
    for text in ("ann@x.example", "Ann Lee <ANN@x.example>", "home@x.example"):
        answer = _only(_told(console, text))
        assert (answer.place.connection, answer.place.record, answer.found) == ("one", survivor, "not_told")
        assert explained(console, answer, "viewer")["label"] == "Ann Lee"
    none = _made(world, email="noemail@x.example")
    answer = _only(_told(console, "noemail@x.example"))
    assert (answer.place.record, answer.found, answer.code) == (none, "excluded", "email_missing")
    nobody = _told(console, "bob@x.example").nowhere
    assert nobody == (
        "Nobody with bob@x.example was found in one (contacts), two (contacts). Not searched by e-mail address: "
        "one (companies), two (companies). Give the record's id, or its link there."
    )
    world.notice("one", "contact", survivor)
    world.run()
    console.follow()
    pairs, told = why_of(console, BY, "home@x.example")
    assert ([pair.L and pair.L.id for pair in pairs], told.answers) == ([survivor], ())


def test_nobody_reads_what_lies_outside_of_the_book(
    server: HubSpotServer, radicale: RadicaleServer, book: Book, tmp_path: Path
) -> None:
    """The sign-in may read other books of the server; nobody has connected these."""
    world = Slice(server, [book_sync()], book=book)
    console = Console(world, tmp_path)
    other = Book.made(radicale)
    other.put("x.vcf", "VERSION:3.0", "UID:x", "FN:Eve", "EMAIL:eve@x.example")
    before = len(world.drivers[BOOK].calls)
    beside = other.path.rsplit("/", 2)[-2]
    for text in (
        f"../{beside}/x.vcf",
        f"{other.url}x.vcf",
        f"{book.url}..%2F{beside}/x.vcf",
        f"{book.url}../{beside}/x.vcf",
    ):
        assert _told(console, text).answers == ()
        with pytest.raises(Problem, match="There can be no contact"):
            read_now(console, BOOK, "contact", text)
    assert len(world.drivers[BOOK].calls) == before


def test_records_without_a_partner_that_were_seen_are_explained_without_asking(world: Slice, console: Console) -> None:
    """A half pair, one that takes no part, and one that is indexed alone."""
    world.edit("contacts", direction="to_right", create=Create(to_right=False))
    half, out = _made(world, **ANN), _made(world, firstname="Bob", lastname="Ray")
    hidden = world.admin.edit(7002, "create", "contacts", properties={"email": "eve@x.example"})
    for connection, record in (("one", half), ("one", out), ("two", hidden)):
        world.notice(connection, "contact", record)
    world.run()
    console.follow()
    calls = {name: len(driver.calls) for name, driver in world.drivers.items()}
    told = []
    for page in (_page(half), _page(out), _page(hidden, account=7002)):
        (pair,), _ = why_of(console, BY, page)
        told.append(console.explain(pair, "viewer"))
    assert [(one["status"], one["reason"]) for one in told] == [
        ("excluded", "create_off"), ("excluded", "email_missing"), ("hidden", ""),
    ]  # fmt: skip
    assert all(one["asked"] is None and one["why"] and one["summary"].endswith(".") for one in told)
    assert {name: len(driver.calls) for name, driver in world.drivers.items()} == calls


def test_an_address_that_leads_nowhere_asks_nobody(world: Slice, console: Console) -> None:
    calls = {name: len(driver.calls) for name, driver in world.drivers.items()}
    record = _made(world, **ANN)
    for text, said in (
        (_page(record, account=9), "leads to no account that is connected here"),
        ("https://app.hubspot.com/contacts/7001/record/2-99/5", "leads to one, and to no record of an object"),
        (f"https://example.com/contacts/7001/record/0-1/{record}", "leads to no account"),
        ("Ann Lee", "not by name"),
    ):
        assert said in _told(console, text).nowhere
    assert {name: len(driver.calls) for name, driver in world.drivers.items()} == calls
    europe = _page(record).replace("app.hubspot", "app-eu1.hubspot")
    assert _only(_told(console, europe)).found == "not_told"
    assert world.broker.items(topics.NOTICES.name, 0, 0, 9) == [], "nothing is told by asking"


def test_a_paused_account_is_not_asked(world: Slice, console: Console) -> None:
    record = _made(world, **ANN)
    row = world.setups.connection("one")
    world.set_up("connection", "one", SetupDoc(connection=row.model_copy(update={"paused": True, "version": 2})))
    calls = len(world.drivers["one"].calls)
    answer = _at(console, record)
    assert (answer.found, answer.code, answer.reason.who) == ("not_answered", "account_paused", "operator")
    assert len(world.drivers["one"].calls) == calls
    assert ask_at(console, BY, []).answers == ()


def test_a_link_means_the_record_of_that_account_and_object_alone(world: Slice, console: Console) -> None:
    """Ids of two accounts, and of two objects of one, may be the same."""
    record = _made(world, **ANN)
    world.notice("one", "contact", record)
    world.run()
    console.follow()
    company = _made(world, "companies", name="Ace Tyres")
    for _ in range(20):
        if company == record:
            break
        company = _made(world, "companies", name="Ace Tyres")
    assert [pair.L and pair.L.id for pair in why_of(console, BY, _page(record))[0]] == [record]
    told = _told(console, _page(record, "0-2"))
    assert [(one.found, one.place.object) for one in told.answers] == (
        [("no_sync", "company")] if company == record else []
    )
    assert console.setups.connection("two").account == "7002"
    assert _told(console, _page("555", account=7002)).nowhere.startswith("two knows no contact 555.")
