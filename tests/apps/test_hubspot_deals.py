"""HubSpot, on the simulator: deals."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from deploy.local.hubspot import HubSpotServer
from shared.apps.hubspot.errors import as_error, read_refusal
from shared.contract.calls import AppError, HttpResponse
from shared.contract.writing import Change, Refused, Written
from shared.model.fields import FieldInfo
from shared.model.records import Fields, Life, LinkChange, Report
from tests.apps.driver import Driver
from tests.apps.test_hubspot_conformance import HubSpotConformance, Portal, portal_of
from tests.apps.world import marker


@dataclass(kw_only=True)
class Deals(Portal):
    """An account with deals."""

    aside: str = "dealname"

    def sample(self, number: int) -> Fields:
        """Return a deal."""
        return {
            "dealname": f"Roof {number}; née Ng",
            "amount": "1200.5",
            "closedate": "2024-02-29T12:30:00.250Z",
            "dealstage": "appointmentscheduled",
            "pipeline": "default",
        }


def _row(one: str, label: str, order: int, **more: object) -> dict[str, object]:
    return {"id": one, "label": label, "displayOrder": order, "archived": False, **more}


@pytest.fixture(name="server", scope="module")
def _server() -> Iterator[HubSpotServer]:
    with HubSpotServer(data=None, seed=1) as server:
        yield server


class TestDeals(HubSpotConformance):
    """Deals."""

    @pytest.fixture
    def world(self, server: HubSpotServer) -> Iterator[Portal]:
        """Make an account of its own."""
        yield from portal_of(server, "deal", "description", {"amount": "a lot"}, Deals)

    def people(self, world: Portal, *names: str) -> list[str]:
        """Make contacts, and return their ids."""
        return world.admin.load(world.number, contacts=[{"firstname": name} for name in names])["contacts"]

    def asked(self, world: Portal, record: str, *labels: str) -> Report:
        """Read one deal with what it is associated with."""
        (found,) = world.driver.run(world.binding.read(world.session, [record], ["dealname", *labels]))
        assert isinstance(found, Report)
        return found

    def test_contacts_are_added_and_removed_one_by_one(self, world: Portal) -> None:
        """A deal has several: what a write does not name stays."""
        ann, bob, cid = self.people(world, "Ann", "Bob", "Cid")
        report = world.made()
        for change, left in (
            (LinkChange(add=(ann, bob)), (ann, bob)),
            (LinkChange(add=(cid,), remove=(ann,)), (bob, cid)),
            (LinkChange(remove=(ann,)), (bob, cid)),
        ):
            links = {"contacts": change}
            (done,) = world.update(Change(key="l", id=report.id, links=links, expected=report.version))
            assert isinstance(done, Written)
            assert self.asked(world, report.id, "@contacts").links == {"contacts": left}
        held = world.admin.call("GET", f"accounts/{world.number}/associations/deals/contacts")[report.id]
        assert held == {bob: [3], cid: [3]}

    def test_the_company_of_a_deal_is_the_primary_one(self, world: Portal) -> None:
        """Another one may be associated besides, and stays."""
        acme, side = world.admin.load(world.number, companies=[{"name": "Acme"}, {"name": "Side"}])["companies"]
        report = world.made()
        world.admin.edit(world.number, "link", "deals", report.id, toType="companies", other=side)
        assert self.asked(world, report.id, "@company").links == {"company": None}
        (done,) = world.update(Change(key="l", id=report.id, links={"company": acme}, expected=report.version))
        assert isinstance(done, Written)
        assert self.asked(world, report.id, "@company").links == {"company": acme}
        held = world.admin.call("GET", f"accounts/{world.number}/associations/deals/companies")[report.id]
        assert {other: sorted(types) for other, types in held.items()} == {side: [341], acme: [5, 341]}

    def test_a_deal_is_created_with_its_contacts_and_its_company(self, world: Portal) -> None:
        """And once more without harm, when the answer about the associations was lost."""
        ann, bob = self.people(world, "Ann", "Bob")
        (acme,) = world.admin.load(world.number, companies=[{"name": "Acme"}])["companies"]
        links: dict[str, str | LinkChange | None] = {"contacts": LinkChange(add=(ann, bob)), "company": acme}
        change = Change(key="k", marker=marker(1), fields=world.sample(1), links=links)
        world.driver.drop = lambda request: "associations" in request.path and not request.safe
        with pytest.raises(AppError):
            world.create(change)
        for _ in range(2):
            (done,) = world.create(change)
            assert isinstance(done, Written)
            assert done.found
            assert self.asked(world, done.report.id, "@contacts", "@company").links == {
                "contacts": (ann, bob),
                "company": acme,
            }
        assert len(world.listed()) == 1

    def test_two_deals_show_that_they_belong_together(self, world: Portal) -> None:
        """Whichever of them it was written at."""
        one, other = world.made(1), world.made(2)
        links = {"deals": LinkChange(add=(other.id,))}
        (done,) = world.update(Change(key="l", id=one.id, links=links, expected=one.version))
        assert isinstance(done, Written)
        assert self.asked(world, one.id, "@deals").links == {"deals": (other.id,)}
        assert self.asked(world, other.id, "@deals").links == {"deals": (one.id,)}

    def test_a_contact_that_is_not_there_refuses_the_association_alone(self, world: Portal) -> None:
        """Of two updates, the one with the unknown contact is refused, and says that the association is at fault."""
        (ann,) = self.people(world, "Ann")
        one, other = world.made(1), world.made(2)
        results = world.update(
            Change(key="1", id=one.id, links={"contacts": LinkChange(add=("999999",))}, expected=one.version),
            Change(key="2", id=other.id, links={"contacts": LinkChange(add=(ann,))}, expected=other.version),
        )
        assert isinstance(results[0], Refused)
        assert results[0].field == "@contacts"
        assert isinstance(results[1], Written)
        assert self.asked(world, other.id, "@contacts").links == {"contacts": (ann,)}

    def test_the_link_feed_tells_contacts_company_and_deals(self, world: Portal) -> None:
        """Of each deal that is asked for; nothing of a label that is not."""
        (ann,) = self.people(world, "Ann")
        (acme,) = world.admin.load(world.number, companies=[{"name": "Acme"}])["companies"]
        ids = world.person_creates([world.sample(number) for number in range(2)])
        world.admin.edit(world.number, "link", "deals", ids[0], toType="contacts", other=ann, types=[3])
        world.admin.edit(world.number, "link", "deals", ids[0], toType="companies", other=acme, types=[5])
        world.admin.edit(world.number, "link", "deals", ids[0], toType="deals", other=ids[1], types=[451])
        feed = world.binding.link_feed
        assert feed is not None
        assert world.driver.run(feed.read(world.session, ids, ["contacts", "company", "deals"])) == {
            ids[0]: {"contacts": (ann,), "company": acme, "deals": (ids[1],)},
            ids[1]: {"contacts": (), "company": None, "deals": (ids[0],)},
        }
        assert world.driver.run(feed.read(world.session, ids, [])) == {}

    def fields(self, world: Portal) -> dict[str, FieldInfo]:
        """Ask which fields a deal has."""
        return {info.name: info for info in world.driver.run(world.binding.discover(world.session))}

    def shown(self, info: FieldInfo) -> list[tuple[str, str]]:
        """List the options of a field."""
        return [(option.value, option.label) for option in info.options]

    def test_the_options_of_a_stage_are_those_of_the_pipelines(self, world: Portal) -> None:
        """By one more call; of several pipelines, each stage says which it belongs to."""
        found = self.fields(world)
        assert self.shown(found["pipeline"]) == [("default", "Sales Pipeline")]
        assert self.shown(found["dealstage"])[::6] == [
            ("appointmentscheduled", "Appointment Scheduled"),
            ("closedlost", "Closed Lost"),
        ]
        stages = {"Sales": {"s1": "New", "s2": "Won"}, "Again": {"a1": "New"}}
        world.admin.set_pipelines(world.number, "deals", stages)
        before = len(world.driver.calls)
        found = self.fields(world)
        assert self.shown(found["pipeline"]) == [("sales", "Sales"), ("again", "Again")]
        assert self.shown(found["dealstage"]) == [("s1", "Sales: New"), ("s2", "Sales: Won"), ("a1", "Again: New")]
        assert [call.path for call in world.driver.calls[before:]] == [
            "/crm/v3/properties/deals",
            "/crm/v3/pipelines/deals",
        ]
        assert not any(info.options_hidden for info in found.values())

    def test_who_may_not_see_the_pipelines_is_told_all_else(self, world: Portal, server: HubSpotServer) -> None:
        """The options are not known, which says what to grant."""
        scopes = ["crm.schemas.deals.read"]
        world.admin.call("POST", f"accounts/{world.number}/tokens", {"token": "narrow", "scopes": scopes})
        driver = Driver(base_url=server.url, headers={"Authorization": "Bearer narrow"})
        found = {info.name: info for info in driver.run(world.binding.discover(world.session))}
        hidden = {name: info.options_hidden for name, info in found.items() if info.options_hidden}
        assert found.keys() == self.fields(world).keys()
        assert hidden.keys() == {"pipeline", "dealstage"}
        assert found["dealstage"].options == ()
        assert "grant it crm.objects.deals.read" in hidden["dealstage"]

    def test_an_order_of_its_own_and_what_is_archived_are_heeded(self, world: Portal) -> None:
        """HubSpot says nowhere that it lists stages in their order, nor that it leaves out what was archived."""
        stages = [_row("s2", "Won", 1), _row("s3", "Lost", 2, archived=True), _row("s1", "New", 0)]
        pipelines = [_row("old", "Old", 0, archived=True, stages=[]), _row("sales", "Sales", 1, stages=stages)]
        body = json.dumps({"results": pipelines}).encode()
        world.driver.instead = lambda request: (
            HttpResponse(status=200, body=body) if request.path == "/crm/v3/pipelines/deals" else None
        )
        found = self.fields(world)
        assert self.shown(found["pipeline"]) == [("sales", "Sales")]
        assert self.shown(found["dealstage"]) == [("s1", "New"), ("s2", "Won")]

    def test_a_stage_of_another_pipeline_is_an_option_that_is_not_there(self, world: Portal) -> None:
        """It alone is refused, and what says so is a setting, not an edit."""
        world.admin.set_pipelines(
            world.number, "deals", {"Default": {"appointmentscheduled": "New"}, "B": {"b": "New"}}
        )
        one, other = world.made(1), world.made(2)
        results = world.update(
            Change(key="1", id=one.id, fields={"dealstage": "b"}, expected=one.version),
            Change(key="2", id=other.id, fields={"dealstage": "b", "pipeline": "b"}, expected=other.version),
        )
        refused, written = results
        assert isinstance(refused, Refused)
        assert (refused.code, refused.retry, refused.field) == ("option_unknown", "setup", "dealstage")
        assert isinstance(written, Written)

    def test_a_stage_that_is_refused_in_other_words_is_the_same(self) -> None:
        """No documentation says which code HubSpot gives for a stage of another pipeline."""
        detail = {"message": "Not in this pipeline", "code": "NEW_WORD", "context": {"propertyName": ["dealstage"]}}
        body = {"status": "error", "category": "VALIDATION_ERROR", "message": "No", "errors": [detail]}
        error = as_error(read_refusal(body, 400))
        assert (error.code, error.retry) == ("option_unknown", "setup")

    def test_an_amount_keeps_its_currency(self, world: Portal) -> None:
        """The one is worth nothing without the other: both are read and written as they are stored."""
        report = world.made()
        done = world.edit(report, amount="99.95", deal_currency_code="CHF")
        assert isinstance(done, Written)
        held = world.held(report.id)
        assert (held["amount"], held["deal_currency_code"]) == ("99.95", "CHF")
        assert done.report.fields == {"amount": "99.95", "deal_currency_code": "CHF"}

    def test_a_merged_deal_keeps_the_contacts_of_both(self, world: Portal) -> None:
        """The survivor's reading shows them, and the old id leads to it."""
        ann, bob = self.people(world, "Ann", "Bob")
        made = [
            world.create(
                Change(key="k", marker=marker(n), fields=world.sample(n), links={"contacts": LinkChange(add=(person,))})
            )[0]
            for n, person in ((1, ann), (2, bob))
        ]
        one, other = (result.report.id for result in made if isinstance(result, Written))
        survivor = world.person_merges(one, other)
        found = self.asked(world, survivor, "@contacts")
        assert (found.life, {*found.aliases}, found.links) == (Life.ALIVE, {one, other}, {"contacts": (ann, bob)})
