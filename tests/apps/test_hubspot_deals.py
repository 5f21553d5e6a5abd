"""HubSpot, on the simulator: deals."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from deploy.local.hubspot import HubSpotServer
from shared.contract.calls import AppError
from shared.contract.writing import Change, Refused, Written
from shared.model.records import Fields, Life, LinkChange, Report
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
