"""CardDAV, on Radicale and on Xandikos."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import requests

from shared.apps.carddav import CARDDAV
from shared.contract.calls import AppError, HttpRequest, Session
from shared.contract.reading import Unreadable
from shared.contract.writing import Change, Refused, Stale, Written
from shared.model.records import Fields, Life, Report
from tests.apps.conformance import Conformance
from tests.apps.driver import Driver
from tests.apps.world import World, marker

if TYPE_CHECKING:
    from deploy.local.servers.real import RadicaleServer, XandikosServer

_MKCOL = (
    '<mkcol xmlns="DAV:" xmlns:c="urn:ietf:params:xml:ns:carddav"><set><prop><resourcetype><collection/>'
    "<c:addressbook/></resourcetype><displayname>Test</displayname></prop></set></mkcol>"
)


class Book(World):
    """A new address book."""

    def sample(self, number: int) -> Fields:
        """Return a person with some commas and line breaks."""
        return {
            "email": f"ann{number}@example.com",
            "given_name": "Ann",
            "family_name": f"Lee; the {number}th, née Ng",
            "org": "Acme, Inc.",
            "phone": f"+1 555 {number:04}",
            "street": f"{number} Main St\n2nd floor",
            "country": "France",
            "note": "a\\b, c; d\nü" * 12,
            "birthday": "1990-05-15",
            "url": "https://example.com/a,b;c?d=1",
        }

    def request(self, method: str, record: str, body: str = "", **headers: str) -> requests.Response:
        """Speak to the server as another program does."""
        url = self.driver.base_url + record
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        with requests.Session() as http:
            http.trust_env = False
            sent = {**self.driver.headers, **named}
            return http.request(method, url, data=body.encode(), headers=sent, timeout=20)

    def put(self, record: str, *lines: str, version: str = "3.0") -> str:
        """Put a card of these lines."""
        text = "\r\n".join(("BEGIN:VCARD", f"VERSION:{version}", *lines, "END:VCARD", ""))
        reply = self.request("PUT", record, text, Content_Type="text/vcard; charset=utf-8")
        assert reply.ok, reply.text
        return record

    def text_of(self, record: str) -> str:
        """Return the card as it is stored, unfolded."""
        return self.request("GET", record).content.decode().replace("\r\n ", "").replace("\n ", "")

    def person_creates(self, fields: Sequence[Fields]) -> list[str]:
        """Put cards as a phone does."""
        return [
            self.put(f"p{n}.vcf", f"UID:u{n}", f"FN:Person {n}", f"N:{n};Person;;;", f"EMAIL:{values['email']}")
            for n, values in enumerate(fields)
        ]

    def person_edits(self, record: str, field: str, value: str) -> None:
        """Add a title."""
        assert field == "title"
        text = self.request("GET", record).content.decode()
        reply = self.request("PUT", record, text.replace("END:VCARD", f"TITLE:{value}\r\nEND:VCARD"))
        assert reply.ok, reply.text

    def person_deletes(self, record: str) -> None:
        """Delete a card."""
        assert self.request("DELETE", record).ok


def _book(url: str, headers: dict[str, str]) -> Book:
    book = Book(
        app=CARDDAV,
        binding=CARDDAV.objects["contact"],
        session=Session(connection="c", options={"book": urlsplit(url).path}),
        driver=Driver(base_url=url, headers=headers),
        text="title",
        bad={"birthday": "tomorrow"},
    )
    reply = book.request("MKCOL", "", _MKCOL, Content_Type="application/xml")
    assert reply.status_code == 201, reply.text
    return book


class _CardDav(Conformance):
    def test_what_is_not_mapped_is_kept(self, world: Book) -> None:
        """Unknown properties, parameters, groups and a photo survive an update of a mapped field."""
        kept = (
            "item1.EMAIL;TYPE=WORK;TYPE=pref:ann@example.com",
            "item1.X-ABLabel:Work",
            "EMAIL;TYPE=HOME:home@example.com",
            "ADR;TYPE=HOME:;;1 Home;Town;;;",
            "TEL;TYPE=CELL:+33 6",
            "X-PHONETIC-LAST-NAME:ri",
            "CATEGORIES:friends,colleagues",
            "PHOTO;ENCODING=b;TYPE=JPEG:" + "AbC9+/" * 60,
            "IMPP;X-SERVICE-TYPE=Jabber:xmpp:ann@example.com",
        )
        record = world.put("k.vcf", "UID:u1", "FN:Ann Lee", "N:Lee;Ann;M.;Dr.;", "ORG:Acme;Sales", *kept)
        before = world.text_of(record).splitlines()
        done = world.edit(world.one(record), email="new@example.com", org="Beta", title="Boss", given_name="Anna")
        assert isinstance(done, Written)
        after = world.text_of(record).splitlines()
        changed = {
            "EMAIL": "new@example.com", "ORG": "Beta;Sales", "FN": "Dr. Anna M. Lee", "N": "Lee;Anna;M.;Dr.;"
        }  # fmt: skip
        for line in before:
            name = line.partition(":")[0].partition(";")[0].rpartition(".")[2]
            value = changed.get(name, line.partition(":")[2])
            if name == "EMAIL" and "home@" in line:
                value = "home@example.com"
            assert f"{line.partition(':')[0]}:{value}" in after
        assert len(after) == len(before) + 1

    def test_two_cards_may_share_an_address(self, world: Book) -> None:
        """E-mail addresses are not unique in a book: both cards are there, and both are reported."""
        results = world.create(*(Change(key=str(n), marker=marker(n), fields=world.sample(0)) for n in (1, 2)))
        assert all(isinstance(x, Written) and not x.found for x in results)
        assert [x.fields["email"] for x in world.listed()] == ["ann0@example.com"] * 2

    def test_cards_are_found_by_any_of_their_addresses_however_these_are_spelled(self, world: Book) -> None:
        """One call asks for several; groups take no part, and text that merely looks alike may come along."""
        world.put("a.vcf", "UID:a", "FN:A", "N:A;;;;", "EMAIL;TYPE=WORK:a@work.example", "item1.EMAIL:ANN@X.example")
        world.put("b.vcf", "UID:b", "FN:B", "N:B;;;;", "EMAIL:mailto:bob@x.example")
        world.put("c.vcf", "UID:c", "FN:C", "N:C;;;;", "EMAIL:cid@Bücher.example")
        world.put("d.vcf", "UID:d", "FN:D", "N:D;;;;", "EMAIL:dan@x.example")
        world.put("e.vcf", "UID:e", "FN:E", "N:E;;;;", "EMAIL:not-ann@x.example")
        world.put("g.vcf", "UID:g", "KIND:group", "FN:G", "N:G;;;;", "EMAIL:ann@x.example", version="4.0")
        assert world.binding.find is not None
        values = ["ann@x.example", "bob@x.example", "cid@xn--bcher-kva.example", "<&>@x.example"]
        world.driver.calls.clear()
        found = world.driver.run(world.binding.find(world.session, values, ["email", "emails"]))
        assert [one.id for one in found if one.id != "e.vcf"] == ["a.vcf", "b.vcf", "c.vcf"]
        assert len(world.driver.calls) == 2, "one call to find, one to read"
        assert found[0].fields["emails"] == ("ANN@X.example", "a@work.example")
        nobody = world.driver.run(world.binding.find(world.session, ["nobody@x.example"], ["email"]))
        assert nobody == []

    def test_groups_and_organisations_take_no_part(self, world: Book) -> None:
        """They are not listed; read by id they are there, and out of scope."""
        world.put("o.vcf", "UID:o", "KIND:org", "FN:Acme", "N:Acme;;;;", version="4.0")
        world.put("g.vcf", "UID:g", "X-ADDRESSBOOKSERVER-KIND:group", "FN:All", "N:All;;;;")
        assert world.listed() == []
        assert {x.life for x in world.read("o.vcf", "g.vcf").values() if isinstance(x, Report)} == {Life.OUT_OF_SCOPE}

    def test_a_place_that_is_taken_is_not_overwritten(self, world: Book) -> None:
        """A stranger's card under our name is refused, and named."""
        world.put(f"{marker(1)}.vcf", "UID:theirs", "FN:X", "N:X;;;;")
        (result,) = world.create(Change(key="k", marker=marker(1), fields=world.sample(1)))
        assert isinstance(result, Refused)
        assert result.code == "duplicate_in_target"
        assert result.conflicting_id == f"{marker(1)}.vcf"

    def test_a_card_changed_between_read_and_write_is_stale(self, world: Book) -> None:
        """The server's own lock decides, not our reading."""
        report = world.made()

        def meanwhile(request: object) -> None:
            if getattr(request, "method", "") == "PUT":
                world.driver.instead = None
                world.person_edits(report.id, "title", "theirs")

        world.driver.instead = meanwhile
        done = world.edit(report, title="ours")
        assert isinstance(done, Stale)
        assert done.report.fields["title"] == "theirs"

    def test_large_cards_are_read_in_smaller_batches_and_one_too_large_holds_up_no_other(self, world: Book) -> None:
        """The answer with all of them would be cut off, as the transport does."""
        photo = "PHOTO;ENCODING=b;TYPE=JPEG:" + "AbC9" * 15_000
        names = [f"c{n:02}.vcf" for n in range(12)]
        for name in names:
            world.put(name, f"UID:{name}", f"FN:{name}", f"N:{name};;;;", photo)
        world.put("huge.vcf", "UID:huge", "FN:Huge", "N:Huge;;;;", "PHOTO;ENCODING=b:" + "AbC9" * 60_000)
        world.driver.most = 200_000
        page = world.driver.run(world.binding.list_page(world.session, None, world.names))
        assert [x.id for x in page.reports] == names
        assert page.skipped == ("huge.vcf",)
        found = world.read(*names, "huge.vcf")
        assert all(isinstance(found[name], Report) for name in names)
        huge = found["huge.vcf"]
        assert isinstance(huge, Unreadable)
        assert huge.code == "too_long"

    def test_a_listing_asks_for_no_more_at_once_than_is_sent_in_time(self, world: Book) -> None:
        """The server tells how large its cards are."""
        for n in range(6):
            world.put(f"c{n}.vcf", f"UID:{n}", f"FN:{n}", f"N:{n};;;;", "PHOTO;ENCODING=b:" + "AbC9" * 400_000)
        world.driver.calls.clear()
        assert len(world.listed()) == 6
        asked = [call.body.count(b"<href>") for call in world.driver.calls if call.method == "REPORT"]
        assert sum(asked) == 6
        assert max(asked) <= 2

    def test_a_card_that_is_not_sent_in_time_holds_up_no_other(self, world: Book) -> None:
        """Where the next one is not sent either, the server is away."""
        for n in range(5):
            world.put(f"c{n}.vcf", f"UID:{n}", f"FN:{n}", f"N:{n};;;;")

        def slow(*names: bytes) -> Callable[[HttpRequest], None]:
            def send(request: HttpRequest) -> None:
                if request.method == "REPORT" and any(name in request.body for name in names):
                    raise AppError("app_unavailable", "did not answer in time", retry="outage", smaller=True)

            return send

        world.driver.instead = slow(b"c2.vcf")
        page = world.driver.run(world.binding.list_page(world.session, None, world.names))
        assert [x.id for x in page.reports] == ["c0.vcf", "c1.vcf", "c3.vcf", "c4.vcf"]
        assert page.skipped == ("c2.vcf",)
        world.driver.instead = slow(b"c2.vcf", b"c3.vcf")
        with pytest.raises(AppError):
            world.driver.run(world.binding.list_page(world.session, None, world.names))

    def test_a_name_with_odd_characters_is_one_record(self, world: Book) -> None:
        """Ids are unquoted, so the same card has the same id in every answer."""
        record = "Ann Lee+100%25é.vcf".replace("%25", "%")
        quoted = "Ann%20Lee+100%25%C3%A9.vcf"
        world.put(quoted, "UID:q", "FN:Q", "N:Q;;;;")
        assert [x.id for x in world.listed()] == [record]
        assert world.one(record).life is Life.ALIVE


@pytest.mark.server
class TestRadicale(_CardDav):
    """Radicale."""

    @pytest.fixture
    def world(self, radicale: "RadicaleServer", unique_name: str) -> Book:
        """Make a book of its own."""
        headers = CARDDAV.auth[0].headers({"user": radicale.user, "password": radicale.password})
        return _book(f"http://127.0.0.1:{radicale.port}/{radicale.user}/{unique_name}/", dict(headers))

    def test_the_account_is_the_book_whoever_reads_it(self, world: Book) -> None:
        """Two books are two accounts; earlier versions named the user, too."""
        info = world.driver.run(CARDDAV.account(world.session))
        assert info.id == world.session.options["book"]
        assert info.formerly == (f"/ann/ {world.session.options['book']}",)
        assert info.name == "Test"

    def test_a_wrong_password_is_a_sign_in_problem(self, world: Book) -> None:
        """It pauses the connection, and nothing else."""
        world.driver.headers = CARDDAV.auth[0].headers({"user": "ann", "password": "wrong"})
        with pytest.raises(AppError) as caught:
            world.read("x.vcf")
        assert (caught.value.code, caught.value.retry) == ("auth_expired", "auth")

    def test_anothers_book_is_a_permission_problem(self, world: Book) -> None:
        """Nothing in it is taken for deleted."""
        theirs = Session(connection="c", options={"book": "/bob/contacts/"})
        with pytest.raises(AppError) as caught:
            world.driver.run(world.binding.read(theirs, ["x.vcf"], ["email"]))
        assert (caught.value.code, caught.value.retry) == ("permission_denied", "setup")

    def test_our_card_under_another_name_is_found_by_its_uid(self, world: Book) -> None:
        """Somebody moved the card of a create whose answer was lost: no second one is made."""
        report = world.made()
        text = world.request("GET", report.id).content.decode()
        world.person_deletes(report.id)
        assert world.request("PUT", "moved.vcf", text).ok
        (again,) = world.create(Change(key="k", marker=marker(1), fields=world.sample(1)))
        assert isinstance(again, Written)
        assert again.found
        assert again.report.id == "moved.vcf"


@pytest.mark.server
class TestXandikos(_CardDav):
    """Xandikos, which sends no cards with a sync report, and asks for no password."""

    @pytest.fixture
    def world(self, xandikos: "XandikosServer", unique_name: str) -> Book:
        """Make a book of its own."""
        return _book(f"http://127.0.0.1:{xandikos.port}/user/contacts/{unique_name}/", {})
