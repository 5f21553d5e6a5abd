"""An association that changes travels without any webhook: feeds cover associations, too."""

from typing import Any

import pytest

from deploy.local.hubspot import HubSpotServer
from shared.model.syncs import AssociationMapping
from tests.slice.harness import Polling, sync

_COMPANY = AssociationMapping(to="companies", label="company", clears="propagate")


class _World(Polling):
    """Two accounts with the companies Acme and Beta, and Ann, who is of Acme."""

    def __init__(self, server: HubSpotServer) -> None:
        super().__init__(server, [sync("companies", "company"), sync("contacts", "contact", associations=[_COMPANY])])
        self.acme, self.beta = (self._company(name) for name in ("acme", "beta"))
        self.ann = self.admin.edit(7001, "create", "contacts", properties={"email": "ann@other.example"})
        self.link(self.acme)
        self.settle()
        (self.theirs,) = self.records("two", "contacts")

    def _company(self, name: str) -> str:
        return self.admin.edit(7001, "create", "companies", properties={"name": name, "domain": f"{name}.com"})

    def link(self, company: str, kind: str = "link") -> None:
        self.admin.edit(7001, kind, "contacts", self.ann, toType="companies", other=company, types=[1])

    def company_there(self) -> str | None:
        """Name the primary company of Ann's partner."""
        rows: dict[str, Any] = self.admin.call("GET", "accounts/7002/associations/contacts/companies")
        held = next((other for other, types in rows.get(self.theirs, {}).items() if 1 in types), None)
        return None if held is None else str(self.records("two", "companies")[held]["properties"]["name"])


@pytest.fixture(name="world")
def _world(server: HubSpotServer) -> _World:
    return _World(server)


def test_feeds_alone_bring_the_company_of_a_contact_that_we_created(world: _World) -> None:
    assert world.company_there() == "acme"


def test_feeds_alone_bring_another_company(world: _World) -> None:
    """Nothing but the association changes: no property, and no time of modification."""
    world.link(world.beta)
    world.settle()
    assert world.company_there() == "beta"
    assert [pair.status for pair in world.pairs("contacts")] == ["in_sync"]


def test_feeds_alone_tell_that_a_company_was_taken_away(world: _World) -> None:
    assert world.company_there() == "acme"
    world.link(world.acme, "unlink")
    world.settle()
    assert world.company_there() is None


def test_what_is_known_is_not_read_again(world: _World) -> None:
    """A round over records whose associations are known costs its own calls, one for each side, and tells nothing."""
    for driver in world.drivers.values():
        driver.calls.clear()
    assert world.poll() == 0
    asked = [call.path for driver in world.drivers.values() for call in driver.calls if "associations" in call.path]
    assert asked == ["/crm/v4/associations/contacts/companies/batch/read"] * 2
