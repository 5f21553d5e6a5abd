"""Two HubSpot accounts: associations, merges, deletes and restores, values that are rewritten, and a long 429.

The tests tell one story: the companies are not synced at first, and every later test finds what the earlier ones left.
"""

import json
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
import requests

from deploy.local.stack import PORTAL
from tests.e2e.accounts import COMPANIES, CONTACTS, DEALS, OTHER, Accounts
from tests.e2e.live import wait
from tests.hook_server import hook_server
from tests.mail_server import mail_server

pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]

MANY: Final = 500
STORM_S: Final = 40
PRIMARY: Final = 1


class Story:
    """Both accounts, and what Syncline says of them."""

    def __init__(self, stack: Accounts) -> None:
        self.stack = stack
        self.admin = stack.hubspot.admin()

    def records(self, portal: int, kind: str = "contacts") -> dict[str, dict[str, str]]:
        """Return the living records of an account by id."""
        rows = self.admin.call("GET", f"accounts/{portal}/records/{kind}")["records"]
        return {row["id"]: row["properties"] for row in rows if not row["archived"]}

    def rows(self, sync: str = CONTACTS, **query: str) -> list[dict[str, Any]]:
        """List the rows of a sync, at most 500."""
        found = self.stack.api("records", sync=sync, limit="500", **query)
        assert found is not None, "the console does not answer"
        return list(found["records"])

    def row(self, record: str, sync: str = CONTACTS, side: str = "left") -> dict[str, Any]:
        """Return the row of a record."""
        found = [row for row in self.rows(sync, q=record) if row[side] == record]
        assert len(found) == 1, f"{len(found)} rows hold {record}: {found}"
        return found[0]

    def why(self, record: str) -> str:
        """Return the explanation of a contact of the first account."""
        found = self.stack.api(f"records/{self.row(record)['id']}/explanation")
        return " ".join(found["why"])

    def person(self, **properties: str) -> tuple[str, str]:
        """Add a contact to the first account, and give its id and that of its partner."""
        address = f"p{uuid.uuid4().hex[:10]}@firm.example"
        contact = self.admin.edit(PORTAL, "create", "contacts", properties={"email": address, **properties})
        row = wait(lambda: [x for x in self.rows(q=contact) if x["left"] == contact and x["status"] == "in_sync"])[0]
        return contact, str(row["right"])

    def partner(self, record: str, sync: str) -> str:
        """Return the record of the second account that a record of the first is linked to."""
        return str(self.row(record, sync)["right"])

    def company_of(self, portal: int, contact: str) -> str:
        """Return the primary company of a contact."""
        links = self.admin.call("GET", f"accounts/{portal}/associations/contacts/companies")
        found = [other for other, types in links.get(contact, {}).items() if PRIMARY in types]
        assert len(found) <= 1
        return found[0] if found else ""

    def belongs(self, portal: int, contact: str, company: str) -> Callable[[], bool]:
        """Make what waits until a contact has a primary company."""
        return lambda: self.company_of(portal, contact) == company

    def associate(self, portal: int, contact: str, company: str) -> None:
        """Make a company the primary one of a contact, as a person."""
        self.admin.edit(portal, "link", "contacts", contact, toType="companies", other=company, types=[PRIMARY])

    def writes(self, portal: int, after: int) -> list[dict[str, Any]]:
        """List what Syncline wrote to an account, from the audit log."""
        return [row for row in self.admin.audit(portal, after) if row["by"][0] == "app"]

    def audit_end(self, portal: int) -> int:
        """Return the number of an account's last write."""
        return int(self.admin.call("GET", f"accounts/{portal}/audit")["last"])

    def rest(self) -> None:
        """Wait until nobody writes any more."""
        before: tuple[int, ...] = ()

        def quiet() -> bool:
            nonlocal before
            was, before = before, tuple(self.audit_end(portal) for portal in (PORTAL, OTHER))
            return was == before and not self.stack.health()["counts"]["pending"]

        wait(quiet, 60, every=1.5)


@pytest.fixture(name="story", scope="module")
def _story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Offer two accounts after the first sync of their contacts; companies are in the first one, and not synced."""
    stack = Accounts(tmp_path_factory.mktemp("accounts"), poll_s=1.0, listens=True)
    stack.syncs[CONTACTS] = {"associations": [{"to": COMPANIES, "label": "company"}]}
    try:
        stack.hubspot.start()
        admin = stack.hubspot.admin()
        companies = [{"name": f"Firm {number}", "domain": f"firm{number}.example"} for number in range(4)]
        people = [{"email": f"m{number}@many.example", "jobtitle": "Old"} for number in range(MANY)]
        links = [
            {"type": "contacts", "index": number, "toType": "companies", "toIndex": number % 3, "types": [PRIMARY]}
            for number in range(9)
        ]
        admin.load(PORTAL, companies=companies, contacts=people, links=links)
        admin.close()
        stack.hubspot.stop()
        stack.start(print, empty=True)
        stack.wait_settled(MANY, 120)
        yield Story(stack)
    finally:
        stack.stop()


def _ids(story: Story) -> tuple[list[str], list[str]]:
    """Return the first contacts and the companies of the first account."""
    contacts = {row["email"]: name for name, row in story.records(PORTAL).items()}
    companies = {row["name"]: name for name, row in story.records(PORTAL, "companies").items()}
    return [contacts[f"m{number}@many.example"] for number in range(9)], sorted(companies.values(), key=int)


class TestDeals:
    """Deals, whose contacts are several, set up while contacts are synced already."""

    def _of(self, story: Story, portal: int, deal: str) -> set[str]:
        """Return the contacts of a deal."""
        return set(story.admin.call("GET", f"accounts/{portal}/associations/deals/contacts").get(deal, {}))

    def _move(self, story: Story, portal: int, deal: str, **moves: str) -> None:
        for kind, contact in moves.items():
            story.admin.edit(portal, kind, "deals", deal, toType="contacts", other=contact, types=[3])

    def test_a_deal_moves_with_its_contacts_and_is_merged_where_both_accounts_change_them(self, story: Story) -> None:
        ann, bob, cid = _ids(story)[0][:3]
        deal = {"dealname": "Roof", "dealstage": "appointmentscheduled", "pipeline": "default"}
        roof = story.admin.edit(PORTAL, "create", "deals", properties=deal)
        self._move(story, PORTAL, roof, link=ann)
        story.stack.syncs[DEALS] = {"associations": [{"to": CONTACTS, "label": "contacts"}]}
        story.stack.apply(story.stack.hook)
        wait(lambda: len(story.records(OTHER, "deals")) == 1, 60)
        (theirs,) = story.records(OTHER, "deals")
        there = {contact: story.partner(contact, CONTACTS) for contact in (ann, bob, cid)}
        wait(lambda: self._of(story, OTHER, theirs) == {there[ann]})
        story.rest()
        ends = {portal: story.audit_end(portal) for portal in (PORTAL, OTHER)}
        self._move(story, PORTAL, roof, link=bob, unlink=ann)
        wait(lambda: self._of(story, OTHER, theirs) == {there[bob]})
        story.rest()
        assert self._of(story, PORTAL, roof) == {bob}
        self._move(story, PORTAL, roof, link=ann)
        self._move(story, OTHER, theirs, link=there[cid], unlink=there[bob])
        wait(lambda: self._of(story, OTHER, theirs) == {there[ann], there[cid]})
        wait(lambda: self._of(story, PORTAL, roof) == {ann, cid})
        story.rest()
        written = {portal: [row["op"] for row in story.writes(portal, end)] for portal, end in ends.items()}
        assert {portal: sorted(rows) for portal, rows in written.items()} == {
            PORTAL: ["link", "unlink"],
            OTHER: ["link", "link", "unlink"],
        }
        assert len(story.records(OTHER, "deals")) == 1


class TestAssociations:
    """Case x, and associations of companies that are synced."""

    def test_a_company_that_is_not_synced_is_told_and_holds_nothing_up(self, story: Story) -> None:
        """It may change meanwhile; the contact goes on."""
        contacts, companies = _ids(story)
        assert story.row(contacts[0])["status"] == "in_sync"
        wait(lambda: "the other object is not synced" in story.why(contacts[0]))
        assert story.records(OTHER, "companies") == {}
        story.associate(PORTAL, contacts[0], companies[3])
        story.admin.edit(PORTAL, "update", "contacts", contacts[0], properties={"jobtitle": "New"})
        right = story.partner(contacts[0], CONTACTS)
        wait(lambda: story.records(OTHER)[right]["jobtitle"] == "New")

    def test_companies_switched_on_later_are_written_for_all_once_x(self, story: Story) -> None:
        """A sync that is set up, but off, changes nothing yet; switched on, it wakes the contacts that wait."""
        contacts, companies = _ids(story)
        end = story.audit_end(OTHER)
        story.stack.syncs[COMPANIES] = {"enabled": False}
        story.stack.apply(story.stack.hook)
        time.sleep(2)
        assert story.writes(OTHER, end) == []
        wait(lambda: "the other object is not synced" in story.why(contacts[1]))
        story.stack.syncs[COMPANIES] = {}
        story.stack.apply(story.stack.hook)
        wait(lambda: len(story.records(OTHER, "companies")) == len(companies), 60)
        for number, contact in enumerate(contacts):
            company = companies[3] if number == 0 else companies[number % 3]
            wait(lambda: story.partner(company, COMPANIES) != "None")  # noqa: B023 - waited for at once
            theirs = story.partner(contact, CONTACTS), story.partner(company, COMPANIES)
            wait(story.belongs(OTHER, *theirs), 60)
        story.rest()
        assert len(story.records(OTHER, "companies")) == len(companies)
        assert len(story.records(OTHER)) == MANY
        linked = [row for row in story.writes(OTHER, end) if row["op"] == "link"]
        assert len({row["id"] for row in linked}) == len(contacts)
        assert [row for row in story.writes(OTHER, end) if row["op"] == "unlink"] == []

    @pytest.mark.parametrize("portal", [PORTAL, OTHER])
    def test_a_company_that_changes_travels(self, story: Story, portal: int) -> None:
        contacts, companies = _ids(story)
        contact, company = contacts[1], companies[2 if portal == PORTAL else 0]
        theirs = story.partner(contact, CONTACTS), story.partner(company, COMPANIES)
        story.associate(portal, *((contact, company) if portal == PORTAL else theirs))
        wait(story.belongs(OTHER, *theirs))
        wait(story.belongs(PORTAL, contact, company))

    def test_a_company_that_is_taken_away_is_kept_until_there_is_another(self, story: Story) -> None:
        """As a field that is emptied; the explanation says so."""
        contacts, companies = _ids(story)
        contact, company, other = contacts[2], companies[2], companies[3]
        right = story.partner(contact, CONTACTS)
        story.admin.edit(PORTAL, "unlink", "contacts", contact, toType="companies", other=company)
        wait(lambda: "keeps its value" in story.why(contact))
        story.rest()
        assert story.company_of(OTHER, right) == story.partner(company, COMPANIES)
        assert story.company_of(PORTAL, contact) == ""
        story.associate(PORTAL, contact, other)
        wait(story.belongs(OTHER, right, story.partner(other, COMPANIES)))

    def test_a_person_and_a_firm_that_are_new_find_each_other(self, story: Story) -> None:
        firm = story.admin.edit(PORTAL, "create", "companies", properties={"name": "New firm"})
        contact, right = story.person()
        story.associate(PORTAL, contact, firm)
        wait(lambda: story.row(firm, COMPANIES)["status"] == "in_sync")
        wait(story.belongs(OTHER, right, story.partner(firm, COMPANIES)))


class TestValues:
    """Values that the other account does not store as they were sent."""

    def test_a_value_that_is_rewritten_is_written_once_o(self, story: Story) -> None:
        """Case o: the source keeps its spelling; the next edit of either side travels."""
        contact, right = story.person()
        story.admin.settings(OTHER, capitals=["jobtitle"])
        end, own_end = story.audit_end(OTHER), story.audit_end(PORTAL)
        story.admin.edit(PORTAL, "update", "contacts", contact, properties={"jobtitle": "vp"})
        wait(lambda: story.records(OTHER)[right].get("jobtitle") == "VP")
        wait(lambda: story.row(contact)["status"] == "in_sync")
        time.sleep(3)
        assert len(story.writes(OTHER, end)) == 1
        assert story.writes(PORTAL, own_end) == []
        assert story.records(PORTAL)[contact]["jobtitle"] == "vp"
        story.admin.edit(OTHER, "update", "contacts", right, properties={"jobtitle": "CTO"})
        wait(lambda: story.records(PORTAL)[contact]["jobtitle"] == "CTO")
        story.admin.settings(OTHER, capitals=[])


class TestLife:
    """Merges, deletes and restores in HubSpot."""

    def _deleted(self, story: Story, *records: str) -> None:
        """Tell that records were deleted, as HubSpot tells it of those that were merged."""
        events = [
            {"subscriptionType": "contact.deletion", "objectId": int(record), "portalId": PORTAL,
             "occurredAt": int(time.time() * 1000), "eventId": number}
            for number, record in enumerate(records)
        ]  # fmt: skip
        body = json.dumps(events).encode()
        reply = requests.post(
            f"{story.stack.ingest_url}/webhooks/hubspot", data=body, headers=story.stack.signed(body), timeout=10
        )
        assert reply.status_code == 200

    def test_a_merge_of_two_that_are_linked_q(self, story: Story) -> None:
        """The winner's link goes on under the new id, the loser's partner says why; nobody is called deleted."""
        winner, right = story.person(firstname="Ann")
        loser, other = story.person(firstname="Bo")
        made = story.admin.edit(PORTAL, "merge", "contacts", winner, other=loser)
        self._deleted(story, winner, loser)
        wait(lambda: story.row(made)["right"] == right)
        row = wait(lambda: [x for x in self._of(story, other) if x["status"] == "failing"])[0]
        assert row["reason"] == "partner_merged"
        self._deleted(story, winner, loser)
        story.admin.edit(PORTAL, "update", "contacts", made, properties={"jobtitle": "Merged"})
        wait(lambda: story.records(OTHER)[right].get("jobtitle") == "Merged")
        wait(lambda: story.row(made)["status"] == "in_sync")
        assert self._of(story, other)[0]["reason"] == "partner_merged"
        assert {right, other} <= story.records(OTHER).keys()
        assert not [x for x in story.rows(status="failing") if x["reason"].startswith("deleted_in")]

    @pytest.mark.parametrize("linked_wins", [True, False])
    def test_a_merge_with_one_that_is_not_linked_q(self, story: Story, linked_wins: bool) -> None:  # noqa: FBT001 - a case
        """The link moves to the survivor, whichever of the two won."""
        contact, right = story.person(firstname="Cy")
        alone = story.admin.edit(PORTAL, "create", "contacts", properties={"firstname": "Cy"})
        wait(lambda: story.row(alone)["reason"] == "email_missing")
        winner, loser = (contact, alone) if linked_wins else (alone, contact)
        made = story.admin.edit(PORTAL, "merge", "contacts", winner, other=loser)
        self._deleted(story, winner, loser)
        wait(lambda: story.row(made)["right"] == right)
        story.admin.edit(OTHER, "update", "contacts", right, properties={"jobtitle": "Moved"})
        wait(lambda: story.records(PORTAL)[made].get("jobtitle") == "Moved")
        story.rest()
        assert [x for x in story.rows(q=right) if x["right"] == right] == [story.row(made)]
        assert not [x for x in story.rows(status="failing") if x["reason"].startswith("deleted_in")]

    def test_a_record_that_is_restored_wakes_by_itself(self, story: Story) -> None:
        """What was edited meanwhile is caught up; nobody is created."""
        contact, right = story.person(jobtitle="Old")
        end = story.audit_end(PORTAL)
        story.admin.edit(PORTAL, "archive", "contacts", contact)
        wait(lambda: self._of(story, right)[0]["reason"] == "deleted_in_left")
        story.admin.edit(OTHER, "update", "contacts", right, properties={"jobtitle": "Meanwhile"})
        time.sleep(2)
        story.admin.edit(PORTAL, "restore", "contacts", contact)
        wait(lambda: story.row(contact)["status"] == "in_sync")
        wait(lambda: story.records(PORTAL)[contact].get("jobtitle") == "Meanwhile")
        assert story.partner(contact, CONTACTS) == right
        assert {row["op"] for row in story.writes(PORTAL, end)} == {"update"}

    def test_a_person_who_was_erased_for_privacy_does_not_come_back(self, story: Story) -> None:
        """Neither an edit of the partner nor the next look at everything brings the person back."""
        contact, right = story.person()
        end = story.audit_end(PORTAL)
        story.admin.edit(PORTAL, "privacy", "contacts", contact)
        wait(lambda: self._of(story, right)[0]["reason"] == "privacy_deleted")
        story.admin.edit(OTHER, "update", "contacts", right, properties={"jobtitle": "Edited"})
        story.rest()
        assert story.writes(PORTAL, end) == []
        assert right in story.records(OTHER)
        (row,) = self._of(story, right)
        assert (row["status"], row["reason"]) == ("failing", "privacy_deleted")

    @staticmethod
    def _of(story: Story, right: str) -> list[dict[str, Any]]:
        return [row for row in story.rows(q=right) if row["right"] == right]


class TestStorm:
    """Case u, on fewer pairs and for a shorter time than the simulator does it."""

    def test_429_to_everything(self, story: Story) -> None:
        """Nobody fails; who was edited waits for the limit; one line tells of the connection; then all is written."""
        story.rest()
        failing = story.stack.health()["counts"]["failing"]
        people = {name: row for name, row in story.records(PORTAL).items() if row["email"].endswith("@many.example")}
        assert len(people) == MANY
        story.admin.set_faults(OTHER, {"kind": "storm", "retry_after": 5})
        began = int(time.time() * 1000)
        edit = {"op": "update", "type": "contacts", "properties": {"jobtitle": "Stormy"}}
        edits = [{**edit, "id": name} for name in people]
        story.admin.call("POST", f"accounts/{PORTAL}/edits", {"edits": edits})

        def waiting() -> bool:
            counts = story.stack.health()["reasons"].get("pending", {})
            assert counts.get("waiting_limit") == MANY, counts
            return True

        wait(waiting, 30)
        while int(time.time() * 1000) - began < STORM_S * 1000:
            found = story.stack.api("health")
            counts = next(row["counts"] for row in found["syncs"] if row["id"] == CONTACTS)
            assert (counts["pending"], counts["failing"]) == (MANY, failing)
            states = {row["id"]: row["state"] for row in found["connections"]}
            assert states == {"one": "running", "two": "paused"}
            told = next(row for row in found["connections"] if row["id"] == "two")
            assert told["reason"] == "rate_limited"
            assert began - 1000 <= told["since_ms"] <= began + 10_000
            time.sleep(2)
        end = story.audit_end(OTHER)
        story.admin.set_faults(OTHER)
        wait(lambda: not story.stack.health()["counts"]["pending"], 120, every=0.5)
        held = story.records(OTHER)
        assert sum(row.get("jobtitle") == "Stormy" for row in held.values()) == MANY
        assert story.stack.health()["counts"]["failing"] == failing
        assert {row["state"] for row in story.stack.api("health")["connections"]} == {"running"}
        written = [row for row in story.writes(OTHER, end) if row["op"] == "update"]
        assert len(written) == MANY, "each is written once"


class TestAlerts:
    """Whoever wants to know is told of what goes wrong, by webhook and mail, once as it begins and once as it ends.

    The alert of failing records switches the sync off as well: nothing is written until somebody switches it on.
    """

    def test_a_paused_account_and_a_failing_record_are_told_twice_each(self, story: Story) -> None:
        story.rest()
        failing = story.stack.health()["counts"]["failing"]
        contact, _ = story.person(firstname="Evelyn", lastname="Zwick")
        other, right = story.person(jobtitle="Before")
        with hook_server() as hooks, mail_server() as server:

            def told() -> list[tuple[str, str, str]]:
                found = [json.loads(body) for _, body in hooks.calls]
                return [(row["type"], row["data"]["alert"]["name"], row["data"]["about"]) for row in found]

            def texts() -> list[str]:
                return [f"[Syncline] {json.loads(body)['text']}" for _, body in hooks.calls]

            _ask(story, "PUT", "mail-server", host="127.0.0.1", port=server.port, security="none",
                 sender="syncline@x.example", console_url=story.stack.console_url)  # fmt: skip
            whom = {"minutes": 0, "url": hooks.address, "secret": "a long random text", "mail": ["ops@x.example"]}
            _ask(story, "POST", "alerts", name="Accounts", kind="paused", about="connection/two", **whom)
            whom |= {"about": f"sync/{CONTACTS}", "over": failing, "pause": True}
            _ask(story, "POST", "alerts", name="Records", kind="failing", **whom)
            story.admin.edit(PORTAL, "archive", "contacts", contact)
            wait(lambda: told() == [("alert.firing", "Records", f"sync/{CONTACTS}")], every=0.2)
            fired = json.loads(hooks.calls[0][1])
            assert (fired["data"]["number"], fired["data"]["paused"]) == (failing + 1, True)
            assert fired["text"].endswith("; it is off now")
            time.sleep(2)  # every worker has read it, and ended what it was at
            end = story.audit_end(OTHER)
            story.admin.edit(PORTAL, "restore", "contacts", contact)
            story.admin.edit(PORTAL, "update", "contacts", other, properties={"jobtitle": "While off"})
            time.sleep(3)
            assert story.writes(OTHER, end) == []
            assert story.stack.api(f"syncs/{CONTACTS}")["enabled"] is False, "by itself it stays off"
            story.admin.set_faults(OTHER, {"kind": "storm", "retry_after": 5})
            _ask(story, "POST", f"syncs/{CONTACTS}/switch-on")
            wait(lambda: ("alert.firing", "Accounts", "connection/two") in told(), every=0.2)
            story.admin.set_faults(OTHER)
            wait(lambda: len(server.mails) == 4, every=0.2)
            wait(lambda: story.records(OTHER)[right]["jobtitle"] == "While off")
            time.sleep(6)  # what is looked at once more tells nothing anew
            assert sorted(told()) == [
                ("alert.firing", "Accounts", "connection/two"), ("alert.firing", "Records", f"sync/{CONTACTS}"),
                ("alert.resolved", "Accounts", "connection/two"), ("alert.resolved", "Records", f"sync/{CONTACTS}"),
            ]  # fmt: skip
            assert sorted(mail["Subject"] for mail in server.mails) == sorted(texts())
            assert {mail["To"] for mail in server.mails} == {"ops@x.example"}
            assert all(headers["webhook-signature"].startswith("v1,") for headers, _ in hooks.calls)
            said = "".join(mail.get_content() for mail in server.mails) + "".join(str(body) for _, body in hooks.calls)
            assert not [value for value in ("Evelyn", "Zwick") if value in said]
        assert story.stack.api(f"syncs/{CONTACTS}")["enabled"] is True, "what is over switches nothing off"
        for row in story.stack.api("alerts")["alerts"]:
            assert row["state"] == "fine"
            _ask(story, "DELETE", f"alerts/{row['id']}")


def _ask(story: Story, method: str, path: str, **body: Any) -> None:
    headers = {"Authorization": f"Bearer {story.stack.secrets['console_token']}"}
    reply = requests.request(method, f"{story.stack.console_url}/api/v1/{path}", headers=headers, json=body, timeout=10)
    reply.raise_for_status()
