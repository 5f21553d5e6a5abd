"""An association with one end is decided as a field is: default app, direction, settled difference, flap guard."""

from typing import Any

import pytest

from deploy.local.hubspot import HubSpotServer
from shared.model.syncs import AssociationMapping
from tests.slice.harness import Polling, sync

_PLAIN, _PRIMARY = 279, 1


class _World(Polling):
    """Two accounts that both have Ann, Acme and Beta; whose company she is differs from test to test."""

    def __init__(self, server: HubSpotServer, *, direction: Any = "two_way", **changes: Any) -> None:
        company = AssociationMapping(to="companies", label="company", direction=direction)
        contacts = sync("contacts", "contact", associations=[company], **changes)
        super().__init__(server, [sync("companies", "company"), contacts])
        self.firms: dict[tuple[str, str], str] = {}
        for name, portal in self.portal.items():
            for firm in ("acme", "beta"):
                properties = {"name": firm, "domain": f"{firm}.com"}
                self.firms[name, firm] = self.admin.edit(portal, "create", "companies", properties=properties)
        self.settle()
        self.ann = {
            name: self.admin.edit(portal, "create", "contacts", properties={"email": "ann@other.example"})
            for name, portal in self.portal.items()
        }

    def join(self, name: str, firm: str) -> None:
        """Make a company Ann's primary one in an account."""
        self.admin.edit(
            self.portal[name], "link", "contacts", self.ann[name], toType="companies", other=self.firms[name, firm],
            types=[_PLAIN, _PRIMARY],
        )  # fmt: skip

    def firm(self, name: str) -> str | None:
        """Name Ann's primary company in an account."""
        held = self.admin.call("GET", f"accounts/{self.portal[name]}/associations/contacts/companies")
        found = next((other for other, types in held.get(self.ann[name], {}).items() if _PRIMARY in types), None)
        return next((firm for (where, firm), record in self.firms.items() if (where, record) == (name, found)), None)

    def begin(self, one: str, two: str) -> None:
        """Give Ann a company in each account, and let the accounts be synced."""
        self.join("one", one)
        self.join("two", two)
        self.settle()


@pytest.mark.parametrize(("default", "wins"), [("L", "acme"), ("R", "beta")])
def test_at_the_first_link_the_default_apps_company_stands(server: HubSpotServer, default: str, wins: str) -> None:
    world = _World(server, default_app=default)
    world.begin("acme", "beta")
    assert (world.firm("one"), world.firm("two")) == (wins, wins)


@pytest.mark.parametrize(("default", "wins"), [("L", "beta"), ("R", "gamma")])
def test_of_two_changes_the_default_apps_stands_and_the_next_one_travels(
    server: HubSpotServer, default: str, wins: str
) -> None:
    world = _World(server, default_app=default)
    world.begin("acme", "acme")
    gamma = {}
    for name, portal in world.portal.items():
        gamma[name] = world.admin.edit(portal, "create", "companies", properties={"name": "g", "domain": "gamma.com"})
    world.firms |= {(name, "gamma"): record for name, record in gamma.items()}
    world.settle()
    world.join("one", "beta")
    world.join("two", "gamma")
    world.settle()
    assert (world.firm("one"), world.firm("two")) == (wins, wins)
    world.join("two", "acme")
    world.settle()
    assert (world.firm("one"), world.firm("two")) == ("acme", "acme")


def test_a_one_way_association_that_differed_at_first_takes_later_changes(server: HubSpotServer) -> None:
    world = _World(server, direction="to_right", default_app="R")
    world.begin("acme", "beta")
    assert (world.firm("one"), world.firm("two")) == ("acme", "beta")
    world.join("one", "beta")
    world.settle()
    world.join("one", "acme")
    world.settle()
    assert (world.firm("one"), world.firm("two")) == ("acme", "acme")


def test_an_association_that_two_programs_fight_over_is_frozen_and_told(server: HubSpotServer) -> None:
    world = _World(server)
    world.begin("acme", "acme")
    before = world.writes()
    for number in range(12):
        world.join("one" if number % 2 else "two", ("acme", "beta")[number % 2 == 0])
        world.run()
        world.settle()
    (pair,) = world.pairs("contacts")
    assert world.writes() - before <= 11
    assert (pair.status, pair.reason) == ("failing", "flapping")
