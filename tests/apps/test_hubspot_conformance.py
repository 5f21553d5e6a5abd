"""HubSpot, on the simulator: contacts and companies."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count

import pytest

from deploy.local.hubspot import AdminClient, HubSpotServer
from deploy.local.hubspot.world import ALL_SCOPES
from shared.apps.hubspot import HUBSPOT
from shared.apps.hubspot.objects import KINDS
from shared.contract.calls import AppError, HttpRequest, Session
from shared.contract.feeds import FeedExpired
from shared.contract.writing import Change, Refused, Stale, Written
from shared.model.records import Fields, Life, Report
from tests.apps.conformance import Conformance
from tests.apps.driver import Driver
from tests.apps.world import World, marker

_portals = count(5001)


@dataclass(kw_only=True)
class Portal(World):
    """An account of its own in the simulator."""

    admin: AdminClient
    number: int
    path: str
    aside: str = "city"
    """A text field that tests do not write."""

    def sample(self, number: int) -> Fields:
        """Return a contact, or a company."""
        if self.path == "contacts":
            return {
                "email": f"ann{number}@example.com",
                "firstname": "Ann",
                "lastname": f"Lee, the {number}th; née Ng",
                "address": "1 Main St\n2nd floor",
                "closedate": "2024-02-29T12:30:00.250Z",
                "lifecyclestage": "lead",
            }
        return {"name": f"Acme {number}", "domain": f"acme{number}.com", "numberofemployees": "12.5", "is_public": True}

    def person_creates(self, fields: Sequence[Fields]) -> list[str]:
        """Import records, as HubSpot's import does: all in one moment."""
        rows = [{k: v for k, v in row.items() if isinstance(v, str)} for row in fields]
        return self.admin.load(self.number, **{self.path: rows})[self.path]

    def person_edits(self, record: str, field: str, value: str) -> None:
        """Edit a property on HubSpot's page."""
        self.admin.edit(self.number, "update", self.path, record, properties={field: value})

    def person_deletes(self, record: str) -> None:
        """Delete on HubSpot's page, which is to archive."""
        self.admin.edit(self.number, "archive", self.path, record)

    def person_merges(self, one: str, other: str) -> str:
        """Merge on HubSpot's page."""
        return self.admin.edit(self.number, "merge", self.path, one, other=other)

    def person_hires(self, email: str, *, leaves: bool) -> str:
        """Add a user; owners have ids of their own."""
        owner = {"id": len(email) + 70 + leaves, "email": email, "archived": leaves}
        self.admin.call("POST", f"accounts/{self.number}/owners", {"owners": [owner]})
        return str(owner["id"])

    def held(self, record: str) -> dict[str, str]:
        """Return all properties, past the API."""
        found: dict[str, str] = self.admin.records(self.number, self.path)[record]["properties"]
        return found

    def ask_links(self, record: str) -> Report:
        """Read one record with its company."""
        (found,) = self.driver.run(self.binding.read(self.session, [record], ["email", "@company"]))
        assert isinstance(found, Report)
        return found


@pytest.fixture(name="server", scope="module")
def _server() -> Iterator[HubSpotServer]:
    with HubSpotServer(data=None, seed=1) as server:
        yield server


def portal_of(
    server: HubSpotServer, object_: str, text: str, bad: Fields, made: Callable[..., Portal] = Portal
) -> Iterator[Portal]:
    """Make an account of its own, prepared for one object."""
    admin = server.admin()
    number = next(_portals)
    admin.add_account(number, token=f"pat-{number}", settings={"index_lag_ms": 0, "search_per_second": 100})
    binding = HUBSPOT.objects[object_]
    portal = made(
        app=HUBSPOT,
        binding=binding,
        session=Session(connection="c"),
        driver=Driver(base_url=server.url, headers=HUBSPOT.auth[1].headers({"access_token": f"pat-{number}"})),
        text=text,
        bad=bad,
        admin=admin,
        number=number,
        path=next(kind.path for kind in KINDS if kind.object == object_),
    )
    assert binding.prepare is not None
    portal.driver.run(binding.prepare(portal.session))
    yield portal
    admin.close()


def test_every_scope_that_is_asked_for_is_one_that_hubspot_has() -> None:
    """Not every object has scopes of its own name."""
    assert {scope.name for scope in HUBSPOT.scopes} <= {*ALL_SCOPES}


class HubSpotConformance(Conformance):
    """What each object of HubSpot must do beyond the rules for every app."""

    def test_preparing_twice_changes_nothing(self, world: Portal) -> None:
        """The unique property is there once, and stays."""
        assert world.binding.prepare is not None
        world.driver.run(world.binding.prepare(world.session))
        found = {x.name: x for x in world.driver.run(world.binding.discover(world.session))}
        assert found["syncline_id"].unique

    def test_a_property_of_our_name_that_is_not_unique_is_named(self, world: Portal, server: HubSpotServer) -> None:
        """It could not hold a marker: the message says what to do."""
        number = next(_portals)
        world.admin.add_account(number, token=f"pat-{number}")
        world.admin.add_property(number, world.path, name="syncline_id")
        driver = Driver(base_url=server.url, headers={"Authorization": f"Bearer pat-{number}"})
        assert world.binding.prepare is not None
        with pytest.raises(AppError, match="archive it in HubSpot's settings"):
            driver.run(world.binding.prepare(world.session))

    def test_a_batch_that_is_refused_as_a_whole_is_bisected(self, world: Portal) -> None:
        """However HubSpot answers, each record gets its own result."""
        changes = [Change(key=str(n), marker=marker(n), fields=world.sample(n)) for n in range(1, 9)]
        changes[5] = Change(key="6", marker=marker(6), fields={**world.sample(6), "no_such_property": "x"})
        results = {x.key: x for x in world.create(*changes)}
        refused = results.pop("6")
        assert isinstance(refused, Refused)
        assert (refused.code, refused.field) == (
            "permission_denied",
            "no_such_property",
        )
        assert all(isinstance(x, Written) for x in results.values())

    def test_a_batch_never_holds_a_record_twice(self, world: Portal) -> None:
        """The order of two writes to one record would be lost."""
        change = Change(key="k", marker=marker(1), id="1001", fields={world.text: "x"})
        with pytest.raises(ValueError, match="twice"):
            world.create(change, change)
        with pytest.raises(ValueError, match="twice"):
            world.update(change, change)

    def test_updates_go_out_in_one_call_a_hundred(self, world: Portal) -> None:
        """One reading and one writing call, whatever the number: the quota is what limits us."""
        records = world.person_creates([world.sample(n) for n in range(100)])
        found = [world.one(records[0]), *(x for x in world.read(*records[1:]).values() if isinstance(x, Report))]
        world.driver.calls.clear()
        changes = [
            Change(key=x.id, id=x.id, fields={world.text: x.id}, before={world.text: None}, expected=x.version)
            for x in found
        ]
        results = world.update(*changes)
        assert all(isinstance(x, Written) and x.report.fields[world.text] == x.key for x in results)
        assert len(world.driver.calls) == 2

    def test_creates_go_out_in_one_call_a_hundred(self, world: Portal) -> None:
        """One call looks for the markers, one writes."""
        world.driver.calls.clear()
        results = world.create(*(Change(key=str(n), marker=marker(n), fields=world.sample(n)) for n in range(100)))
        assert all(isinstance(x, Written) and not x.found for x in results)
        assert len(world.driver.calls) == 2

    def test_an_unread_change_to_another_field_does_not_stop_a_write(self, world: Portal) -> None:
        """Only the fields that are written are compared."""
        report = world.made()
        world.person_edits(report.id, world.aside, "Paris")
        assert isinstance(world.edit(report, **{world.text: "ours"}), Written)
        assert world.held(report.id)[world.aside] == "Paris"

    def test_a_merged_record_is_not_written_under_its_old_id(self, world: Portal) -> None:
        """The answer leads to the survivor."""
        one, other = (world.made(n) for n in (1, 2))
        survivor = world.person_merges(one.id, other.id)
        done = world.edit(other, **{world.text: "ours"})
        assert isinstance(done, Stale)
        assert (done.report.life, done.report.merged_into) == (Life.MERGED, survivor)
        assert world.text not in world.held(survivor)

    def test_a_feed_that_slept_for_longer_than_the_bin_is_kept_has_expired(self, world: Portal) -> None:
        """Everything is read again then: what was deleted in the meantime is no longer listed."""
        world.start_feeds()
        feed = next(feed for feed in world.binding.feeds if feed.name == "archived")
        assert feed.rewind is not None
        now = world.cursors[feed.name]
        world.cursors[feed.name] = feed.rewind(now, 89 * 86_400_000)
        assert world.poll(feed) == []
        world.cursors[feed.name] = feed.rewind(now, 91 * 86_400_000)
        with pytest.raises(FeedExpired):
            world.poll(feed)

    def test_an_archived_record_is_not_called_gone(self, world: Portal) -> None:
        """It can come back under its id, and its version is newer than the last one alive."""
        report = world.made()
        world.person_deletes(report.id)
        found = world.one(report.id)
        assert found.life is Life.ARCHIVED
        assert (found.version.order or 0) > (report.version.order or 0)
        world.admin.edit(world.number, "restore", world.path, report.id)
        assert world.one(report.id).life is Life.ALIVE

    def test_a_late_index_hides_no_change(self, world: Portal) -> None:
        """A record that search shows only after a later one was told is still told."""
        world.start_feeds()
        world.admin.settings(world.number, index_lag_ms=700)
        (first,) = world.person_creates([world.sample(1)])
        found: set[str] = set()
        for n in range(2, 40):
            world.person_creates([world.sample(n)])
            found |= {*world.hints()}
            if first in found:
                break
        world.admin.settings(world.number, index_lag_ms=0)
        found |= {*world.hints()}
        assert found == {x.id for x in world.listed()}

    def test_more_changes_in_one_moment_than_a_page_holds(self, world: Portal) -> None:
        """An import gives hundreds of records one time: none is skipped, and the poll goes on behind them."""
        world.start_feeds()
        records = world.person_creates([world.sample(n) for n in range(450)])
        (later,) = world.person_creates([world.sample(1000)])
        assert {*world.hints()} == {*records, later}
        assert max(len(x.body) for x in world.driver.calls if x.path.endswith("/search")) < 3_000

    def test_what_batches_wrote_is_told_in_full_pages(self, world: Portal) -> None:
        """Each batch gives its records one time, at which a page ends: the next page begins behind what was told."""
        world.start_feeds()
        records: set[str] = set()
        for batch in range(10):
            records |= {*world.person_creates([world.sample(100 * batch + n) for n in range(100)])}
        world.driver.calls.clear()
        assert {*world.hints()} == records
        searches = [x for x in world.driver.calls if x.path.endswith("/search")]
        assert len(searches) == 6
        assert max(len(x.body) for x in searches) < 3_000

    def test_a_missing_scope_is_named(self, world: Portal, server: HubSpotServer) -> None:
        """Reconnecting is what helps, and nothing is taken for deleted."""
        report = world.made()
        world.admin.call("POST", f"accounts/{world.number}/tokens", {"token": "weak", "scopes": ["oauth"]})
        driver = Driver(base_url=server.url, headers={"Authorization": "Bearer weak"})
        with pytest.raises(AppError) as caught:
            driver.run(world.binding.read(world.session, [report.id], [world.text]))
        assert (caught.value.code, caught.value.retry) == ("scope_missing", "auth")

    def test_a_wrong_token_is_a_sign_in_problem(self, world: Portal, server: HubSpotServer) -> None:
        """It pauses the connection."""
        driver = Driver(base_url=server.url, headers={"Authorization": "Bearer nobody"})
        with pytest.raises(AppError) as caught:
            driver.run(world.binding.read(world.session, ["1"], [world.text]))
        assert (caught.value.code, caught.value.retry) == ("auth_expired", "auth")

    def test_an_account_in_another_data_centre_has_to_be_reconnected(self, world: Portal) -> None:
        """No call leads to it any more: reads, writes, and the account itself."""
        report = world.made()
        world.admin.set_faults(world.number, {"kind": "status", "status": 488})
        calls: list[Callable[[], object]] = [
            lambda: world.read(report.id),
            lambda: world.edit(report, **{world.text: "new"}),
            lambda: world.driver.run(HUBSPOT.account(world.session)),
        ]
        for call in calls:
            with pytest.raises(AppError) as caught:
                call()
            assert (caught.value.code, caught.value.retry, caught.value.unknown) == ("wrong_data_centre", "auth", False)
            assert "data centre eu1" in caught.value.message

    def test_the_account_s_own_limit_is_said_to_be_one(self, world: Portal) -> None:
        """What HubSpot answers when the ten seconds are used up."""
        world.admin.settings(world.number, ten_secondly=3)

        def use_up() -> None:
            for _ in range(4):  # each read takes one call or more
                world.read("1")

        with pytest.raises(AppError) as caught:
            use_up()
        assert (caught.value.code, caught.value.retry) == ("rate_limited", "busy")

    def test_an_answer_cut_in_half_leaves_the_outcome_open(self, world: Portal) -> None:
        """The update was executed; running it again finds that out."""
        report = world.made()
        world.admin.set_faults(world.number, {"kind": "malformed", "times": 1, "path": "batch/update"})
        with pytest.raises(AppError) as caught:
            world.edit(report, **{world.text: "new"})
        assert caught.value.unknown
        again = world.edit(report, **{world.text: "new"})
        assert isinstance(again, Written)
        assert [x["op"] for x in world.admin.audit(world.number)] == ["create", "update"]


class TestContacts(HubSpotConformance):
    """Contacts."""

    @pytest.fixture
    def world(self, server: HubSpotServer) -> Iterator[Portal]:
        """Make an account of its own."""
        yield from portal_of(server, "contact", "jobtitle", {"closedate": "tomorrow"})

    def _company(self, world: Portal, name: str) -> str:
        return world.admin.edit(world.number, "create", "companies", properties={"name": name})

    def test_two_contacts_cannot_share_an_address(self, world: Portal) -> None:
        """The refusal names the record that holds it."""
        report = world.made(1)
        (result,) = world.create(Change(key="k", marker=marker(2), fields=world.sample(1)))
        assert isinstance(result, Refused)
        assert (result.code, result.conflicting_id) == ("duplicate_in_target", report.id)
        other = world.made(3)
        done = world.edit(other, email="ann1@example.com")
        assert isinstance(done, Refused)
        assert (done.code, done.conflicting_id) == ("duplicate_in_target", report.id)

    def test_a_contact_is_looked_up_by_any_of_its_addresses(self, world: Portal) -> None:
        """Once, in few calls, and before the index of the search knows of it."""
        assert world.binding.look_up is not None
        assert world.binding.find is None, "HubSpot refuses a second contact itself: no create needs to ask"
        world.admin.settings(world.number, index_lag_ms=3_600_000)
        rows: list[Fields] = [{"email": one} for one in ("Ann@X.example", "home@x.example", "cid@x.example")]
        ann, home, cid = world.person_creates(rows)
        survivor = world.person_merges(ann, home)
        wanted = ["ann@x.example", "home@x.example", "cid@x.example"]
        world.driver.calls.clear()
        found = world.driver.run(world.binding.look_up(world.session, wanted, ["email", "hs_additional_emails"]))
        assert [one.id for one in found] == [survivor, cid]
        assert found[0].fields == {"email": "ann@x.example", "hs_additional_emails": ("home@x.example",)}
        many = [f"nobody{number}@x.example" for number in range(100)]
        assert world.driver.run(world.binding.look_up(world.session, [*many, *wanted], ["email"]))[0].id == survivor
        assert [call.path for call in world.driver.calls] == ["/crm/v3/objects/contacts/batch/read"] * 3
        assert all(call.safe for call in world.driver.calls)

    def test_what_hubspot_rewrites_is_reported_as_stored(self, world: Portal) -> None:
        """It puts addresses in lower case, and stages do not go back."""
        report = world.made()
        done = world.edit(report, email="Other@Example.COM", lifecyclestage="subscriber")
        assert isinstance(done, Written)
        assert done.report.fields == {"email": "other@example.com", "lifecyclestage": "lead"}

    def test_a_company_is_set_and_unset(self, world: Portal) -> None:
        """Only the primary one; the others stay, and so does the plain association."""
        acme, beta, side = (self._company(world, x) for x in ("Acme", "Beta", "Side"))
        report = world.made()
        world.admin.edit(world.number, "link", "contacts", report.id, toType="companies", other=side)
        assert world.ask_links(report.id).links == {"company": None}
        for wanted in (acme, beta, None):
            change = Change(key="l", id=report.id, links={"company": wanted}, expected=report.version)
            (done,) = world.update(change)
            assert isinstance(done, Written)
            assert done.report.links == {"company": wanted}
            assert world.ask_links(report.id).links == {"company": wanted}
        links = world.admin.call("GET", f"accounts/{world.number}/associations/contacts/companies")[report.id]
        assert links == {side: [279], acme: [279], beta: [279]}

    def test_the_link_feed_tells_the_company_of_each_contact(self, world: Portal) -> None:
        """A set one, none, another one; nothing of a label that is not asked for."""
        ids = world.person_creates([world.sample(number) for number in range(3)])
        one, other = world.admin.load(world.number, companies=[{"name": "One"}, {"name": "Other"}])["companies"]
        feed = world.binding.link_feed
        assert feed is not None
        world.admin.edit(world.number, "link", "contacts", ids[0], toType="companies", other=one, types=[1])
        world.admin.edit(world.number, "link", "contacts", ids[2], toType="companies", other=one, types=[279])

        def told(*labels: str) -> object:
            return world.driver.run(feed.read(world.session, ids, labels))

        assert told("company") == {ids[0]: {"company": one}, ids[1]: {"company": None}, ids[2]: {"company": None}}
        world.admin.edit(world.number, "link", "contacts", ids[0], toType="companies", other=other, types=[1])
        assert told("company") == {ids[0]: {"company": other}, ids[1]: {"company": None}, ids[2]: {"company": None}}
        assert told() == {}

    def test_a_contact_is_created_with_its_company(self, world: Portal) -> None:
        """And once more without harm, when the answer about the association was lost."""
        acme = self._company(world, "Acme")
        change = Change(key="k", marker=marker(1), fields=world.sample(1), links={"company": acme})
        world.driver.drop = lambda request: "associations" in request.path and not request.safe
        with pytest.raises(AppError):
            world.create(change)
        for _ in range(2):
            (done,) = world.create(change)
            assert isinstance(done, Written)
            assert done.found
            assert done.report.links == {"company": acme}
        assert len(world.listed()) == 1

    def test_a_company_that_is_not_there_refuses_the_association_alone(self, world: Portal) -> None:
        """Of two updates, the one with the unknown company is refused, and says that the association is at fault."""
        acme = self._company(world, "Acme")
        one, other = world.made(1), world.made(2)
        results = world.update(
            Change(key="1", id=one.id, links={"company": "999999"}, expected=one.version),
            Change(key="2", id=other.id, links={"company": acme}, expected=other.version),
        )
        assert isinstance(results[0], Refused)
        assert results[0].field == "@company"
        assert isinstance(results[1], Written)
        assert results[1].report.links == {"company": acme}

    def test_a_page_of_the_listing_carries_its_companies(self, world: Portal) -> None:
        """Asked for by label: one more call a page, not a record."""
        acme = self._company(world, "Acme")
        for n in range(3):
            world.create(
                Change(key="k", marker=marker(n), fields=world.sample(n), links={"company": acme if n else None})
            )
        world.driver.calls.clear()
        page = world.driver.run(world.binding.list_page(world.session, None, ["email", "@company"]))
        assert [x.links["company"] for x in page.reports] == [None, acme, acme]
        assert len(world.driver.calls) == 2

    def test_a_contact_erased_for_privacy_is_gone(self, world: Portal) -> None:
        """Unlike an archived one, it never comes back."""
        report = world.made()
        world.admin.edit(world.number, "privacy", "contacts", report.id)
        assert world.one(report.id).life is Life.GONE

    def test_the_account_is_the_portal(self, world: Portal) -> None:
        """With its zone and its currency."""
        world.admin.settings(world.number, time_zone="Europe/Paris", currency="CHF")
        info = world.driver.run(HUBSPOT.account(world.session))
        assert (info.id, info.zone, info.currency) == (str(world.number), "Europe/Paris", "CHF")

    def test_other_paths_can_be_set(self, world: Portal) -> None:
        """HubSpot serves the same calls under dated versions."""
        world.made()
        dated = Session(connection="c", options={"objects_path": "/crm/objects/2026-03"})
        page = world.driver.run(world.binding.list_page(dated, None, ["email"]))
        assert [x.fields["email"] for x in page.reports] == ["ann1@example.com"]
        assert world.driver.calls[-1].path == "/crm/objects/2026-03/contacts"


class TestCompanies(HubSpotConformance):
    """Companies."""

    @pytest.fixture
    def world(self, server: HubSpotServer) -> Iterator[Portal]:
        """Make an account of its own."""
        yield from portal_of(server, "company", "description", {"numberofemployees": "a dozen"})

    def test_a_page_of_long_texts_is_read_with_fewer_records(self, world: Portal) -> None:
        """The answer with all of them would be cut off, as the transport does."""
        records = world.person_creates([{"name": f"Acme {n}", "description": "x" * 20_000} for n in range(30)])
        world.driver.most = 200_000
        assert {x.id for x in world.listed()} == {*records}

    def test_a_company_needs_a_name_or_a_domain(self, world: Portal) -> None:
        """The refusal says what is missing."""
        (result,) = world.create(Change(key="k", marker=marker(1), fields={"city": "Paris"}))
        assert isinstance(result, Refused)
        assert result.code == "required_missing"

    def test_search_is_counted_apart(self, world: Portal) -> None:
        """Its limit is another one, so that a poll never eats what writes need."""
        world.start_feeds()
        searches: list[HttpRequest] = [x for x in world.driver.calls if x.path.endswith("/search")]
        assert searches
        assert all(x.limit == "search" for x in searches)
        assert all(x.limit == "calls" for x in world.driver.calls if x not in searches)
