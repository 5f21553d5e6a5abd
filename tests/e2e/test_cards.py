"""HubSpot and an address book without the rule that people need an address: names that match, and cards that are none."""

import time
from collections.abc import Iterator

import pytest

from deploy.local import people
from deploy.local.hubspot.dataset import Dataset
from tests.e2e.live import Live, vcard

pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]

BROKEN = {
    "rubbish": b"this is no card at all \x00\xff\xfe",
    "empty": b"",
    "truncated": vcard(first="Cut", email="cut@bad.example").encode()[:-20],
    "two": (vcard(first="One") + vcard(first="Two")).encode(),
    "calendar": b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nEND:VCALENDAR\r\n",
    "deep": b"BEGIN:VCARD\r\n" * 3000 + b"END:VCARD\r\n" * 3000,
    "huge": b"BEGIN:VCARD\r\nVERSION:3.0\r\nNOTE:" + b"x" * 3_000_000,
}
"""What somebody's program may leave in a book."""


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
                {"firstname": first, "lastname": last, "company": "Acme"} for first, last in (("Ann", "Lee"), ("Bo", "Berg"))
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
        assert any("Other records have the same name and company" in sentence for sentence in told["why"])
        decisions = " ".join(text for step in told["history"] for text in step["decisions"])
        assert "card-00001.vcf" in decisions
        assert "card-00002.vcf" in decisions
        assert len([row for row in live.cards().values() if row["first_name"] == "Bo"]) == 3


class TestBroken:
    """Cards that are none hold nobody up, and are taken as soon as they are cards."""

    def test_what_is_no_card_is_told_and_the_rest_goes_on(self, live: Live) -> None:
        live.put("good.vcf", vcard(first="Good", email="good@bad.example"))
        contact = live.wait(lambda: live.contact("good@bad.example")[0])
        before = len(live.contacts())
        taken = [name for name, body in BROKEN.items() if self._left(live, name, body)]
        assert taken, "no way to leave a broken card"
        pids = {name: child.pid for name, child in live.stack.services.items()}
        live.edit_card("good.vcf", TITLE="Goes on")
        live.wait_for_contact(contact, "jobtitle", "Goes on")
        live.wait(lambda: self._told(live) >= {f"{name}.vcf" for name in taken}, 30)
        assert len(live.contacts()) == before
        assert {name: child.pid for name, child in live.stack.services.items()} == pids

    def test_a_card_that_breaks_is_not_deleted_and_its_repair_travels(self, live: Live) -> None:
        live.put("breaks.vcf", vcard(first="Breaks", email="breaks@bad.example", title="Old"))
        contact = live.wait(lambda: live.contact("breaks@bad.example")[0])
        live.wait(lambda: live.row(contact)["status"] == "in_sync")
        assert self._left(live, "breaks", b"BEGIN:VCARD\r\nEMAIL:breaks@bad.example\r\n")
        live.wait(lambda: "breaks.vcf" in self._told(live), 30)
        assert live.row(contact)["right"] == "breaks.vcf"
        assert live.contacts()[contact]["jobtitle"] == "Old"
        self._left(live, "breaks", vcard(first="Breaks", email="breaks@bad.example", title="Repaired").encode())
        live.wait_for_contact(contact, "jobtitle", "Repaired")
        assert live.row(contact)["status"] == "in_sync"

    def test_repaired_they_are_taken_once(self, live: Live) -> None:
        for name in BROKEN:
            if not (live.book / f"{name}.vcf").exists():
                continue
            self._left(live, name, vcard(first=name, email=f"{name}@bad.example").encode())
            live.wait(lambda: live.contact(f"{name}@bad.example"))  # noqa: B023 - waited for at once

    def _left(self, live: Live, name: str, body: bytes) -> bool:
        """Leave something in the book, past the server where it takes only cards; tell whether the server shows it."""
        (live.book / f"{name}.vcf").write_bytes(body)
        time.sleep(0.1)
        return True

    def _told(self, live: Live) -> set[str]:
        found = live.stack.api("parked")
        return {row["key"].rsplit("/", 1)[1] for row in found["parked"]}
