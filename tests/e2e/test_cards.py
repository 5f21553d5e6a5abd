"""Names that match where people need no address, and cards that are none, in HubSpot and an address book."""

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

import pytest
import requests

from deploy.local import people
from tests.e2e.live import Live, vcard


def _with(name: str, lines: str) -> bytes:
    """Put lines into a card before its end."""
    card = vcard(uid=name, first=name, email=f"{name}@bad.example")
    return card.replace("END:VCARD", f"{lines}END:VCARD").encode()


pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]

BROKEN: Final = {
    "rubbish": b"this is no card at all \x00\xff\xfe",
    "empty": b"",
    "truncated": vcard(first="Cut", email="cut@bad.example").encode()[:-20],
    "two": (vcard(first="One") + vcard(first="Two")).encode(),
    "calendar": b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nEND:VCALENDAR\r\n",
    "nested": _with("nested", "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:In\r\nN:a;b;;;\r\nEND:VCARD\r\n"),
    "deep": _with("deep", "BEGIN:X-BOX\r\n" * 200 + "END:X-BOX\r\n" * 200),
}
"""What somebody's program may send to a book. Radicale takes the last two, and Syncline none of them for a card."""
HUGE: Final = _with("huge", f"NOTE:{'x' * 3_000_000}\r\n")


def _people() -> people.People:
    """One Ann Lee of Acme in the book, two Bo Berg of Acme; of each one in HubSpot, who has no address."""
    made = people.make(contacts=3, companies=2, cards=3, same=3)
    cards = (
        vcard(first="Ann", last="Lee", org="Acme", email="ann@gmail.com"),
        vcard(first="Bo", last="Berg", org="Acme", email="bo@gmail.com"),
        vcard(first="Bo", last="Berg", org="Acme", email="berg@web.de"),
        *made.cards,
    )
    return people.People(made.hubspot, cards, made.same)


class _Names(Live):
    """Loads the people without an address beside the others."""

    def start(self) -> None:
        load = self.stack.load

        def load_more(made: people.People) -> None:
            load(made)
            admin = self.stack.hubspot.admin()
            rows = [
                {"firstname": first, "lastname": last, "company": "Acme"}
                for first, last in (("Ann", "Lee"), ("Bo", "Berg"))
            ]
            admin.load(4001, contacts=rows)
            admin.close()

        self.stack.load = load_more  # type: ignore[method-assign]  # the only thing that differs
        super().start()


@pytest.fixture(name="live", scope="module")
def _live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    live = _Names(tmp_path_factory.mktemp("cards"), data=_people, poll_s=0.5, sync={"email_required": False})
    try:
        live.start()
        live.wait_first_sync()
        yield live
    finally:
        live.stop()


def _named(live: Live, first: str) -> dict[str, dict[str, str]]:
    return {name: row for name, row in live.contacts().items() if row.get("firstname") == first}


class TestNames:
    """Cases c and d, at the first sync."""

    def test_name_and_company_link_who_has_no_address_c(self, live: Live) -> None:
        """One on each side: they are linked, and HubSpot learns the address."""
        ((contact, row),) = _named(live, "Ann").items()
        assert live.row(contact)["right"] == "card-00000.vcf"
        assert row["email"] == "ann@gmail.com"
        assert "company" in live.explain(contact)["why"][0]

    def test_two_of_a_name_are_not_chosen_from_d(self, live: Live) -> None:
        """The contact gets a card of its own, and it is told whom it may be; both others get a contact of their own."""
        found = _named(live, "Bo")
        assert sorted(row.get("email", "") for row in found.values()) == ["", "berg@web.de", "bo@gmail.com"]
        alone = next(name for name, row in found.items() if not row.get("email"))
        own = live.row(alone)
        assert own["status"] == "in_sync"
        assert own["right"] not in ("card-00001.vcf", "card-00002.vcf")
        assert {live.row(name)["right"] for name in found} == {own["right"], "card-00001.vcf", "card-00002.vcf"}
        told = live.explain(alone)
        assert any("Other records have the same names" in sentence for sentence in told["why"])
        live.wait(lambda: all(card in " ".join(live.decisions(alone)) for card in ("card-00001.vcf", "card-00002.vcf")))
        assert len([row for row in live.cards().values() if row["given_name"] == "Bo"]) == 3


class TestBroken:
    """Cards that are none hold nobody up, and are taken as soon as they are cards."""

    def test_what_is_no_card_is_told_and_the_rest_goes_on(self, live: Live) -> None:
        contact = _new(live, "good")
        before = len(live.contacts())
        pids = {name: child.pid for name, child in live.stack.services.items()}
        stored = {f"{name}.vcf" for name, body in BROKEN.items() if live.put_raw(f"{name}.vcf", body)}
        assert stored == {"nested.vcf", "deep.vcf"}
        live.edit_card("good.vcf", TITLE="Goes on")
        live.wait_for_contact(contact, "jobtitle", "Goes on")
        live.wait(lambda: _parked(live).keys() >= stored)
        assert {_parked(live)[name]["reason"] for name in stored} == {"invalid_value"}
        assert "is not a vCard" in _parked(live)["deep.vcf"]["detail"]
        self._replay_in_vain(live, "deep.vcf")
        assert len(live.contacts()) == before
        assert {name: child.pid for name, child in live.stack.services.items()} == pids
        for name in sorted(stored):
            live.put(name, vcard(uid=name.removesuffix(".vcf"), first="Repaired", email=f"{name}@bad.example"))
            live.wait(partial(live.contact, f"{name}@bad.example"))

    def _replay_in_vain(self, live: Live, name: str) -> None:
        """Have a message handled once more, whose card is none still: it is parked again, and says so."""
        at, token = _parked(live)[name]["id"], live.stack.secrets["console_token"]
        with requests.Session() as http:
            http.trust_env = False
            answer = http.post(
                f"{live.stack.console_url}/api/v1/parked/{at}/replay",
                headers={"Authorization": f"Bearer {token}"},
                timeout=20,
            )
        assert answer.json() == {"what": "replayed", "done": 1, "gone": 0, "left": 0}
        assert answer.headers["Syncline-Change"].startswith("parked-decisions.")
        live.wait(lambda: _parked(live)[name]["id"] > at)
        assert _parked(live)[name]["replays"] == 1

    def test_a_card_that_breaks_is_kept_and_its_repair_travels(self, live: Live) -> None:
        """Meanwhile the contact stays; what is edited there is refused with a reason, and arrives after the repair."""
        contact = _new(live, "breaks")
        assert live.put_raw("breaks.vcf", BROKEN["nested"].replace(b"nested", b"breaks"))
        live.wait(lambda: "breaks.vcf" in _parked(live))
        assert live.row(contact)["right"] == "breaks.vcf"
        live.edit_contact(contact, jobtitle="Boss")
        row = live.wait(lambda: [x for x in live.rows(q=contact) if x["status"] == "failing"])[0]
        assert row["reason"] == "invalid_value"
        live.put("breaks.vcf", vcard(uid="breaks", first="Breaks", email="breaks@bad.example", note="Repaired"))
        live.wait_for_contact(contact, "message", "Repaired")
        live.wait_for_card("breaks.vcf", "title", "Boss")
        live.wait(lambda: live.row(contact)["status"] == "in_sync")

    def test_a_file_that_the_server_hides_comes_back(self, live: Live) -> None:
        """To us it is deleted, which is held; repaired, the pair wakes by itself, and nobody is made anew."""
        contact = _new(live, "hidden")
        (live.book / "hidden.vcf").write_bytes(BROKEN["rubbish"])
        live.wait(lambda: live.row(contact)["reason"] == "deleted_in_right")
        assert contact in live.contacts()
        live.put("hidden.vcf", vcard(uid="hidden", first="Hidden", email="hidden@bad.example", title="Back"))
        live.wait_for_contact(contact, "jobtitle", "Back")
        live.wait(lambda: live.row(contact)["status"] == "in_sync")
        live.contact("hidden@bad.example")

    def test_a_note_that_is_too_long_is_told_and_the_rest_of_the_card_arrives(self, live: Live) -> None:
        assert live.put_raw("huge.vcf", HUGE)
        contact = live.wait(lambda: live.contact("huge@bad.example")[0])
        live.wait(lambda: (live.row(contact)["status"], live.row(contact)["reason"]) == ("failing", "too_long"))
        live.put("huge.vcf", vcard(uid="huge", first="Huge", email="huge@bad.example", note="Short"))
        live.wait_for_contact(contact, "message", "Short")
        live.wait(lambda: live.row(contact)["status"] == "in_sync")


def _new(live: Live, name: str) -> str:
    """Put a card, and give its contact once both are in sync."""
    live.put(f"{name}.vcf", vcard(uid=name, first=name, email=f"{name}@bad.example", title="Old"))
    contact = live.wait(lambda: live.contact(f"{name}@bad.example")[0])
    live.wait(lambda: live.row(contact)["status"] == "in_sync")
    return str(contact)


def _parked(live: Live) -> dict[str, dict[str, Any]]:
    found = live.stack.api("parked", limit="500")
    return {row["key"].rsplit("/", 1)[1]: row for row in found["parked"]}
