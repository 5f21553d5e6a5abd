"""Of two edits of one field the later one stands, whichever side it was made on and whichever was noticed first."""

from typing import Any

import pytest

from deploy.local.hubspot import HubSpotServer
from shared.model.mapping import FieldMapping
from tests.slice.harness import Polling, sync

_MAPPINGS = (
    FieldMapping(key="email", left="email", right="email", lens="email"),
    FieldMapping(key="city", left="city", right="city", policy="most_recent"),
)


class _World(Polling):
    """Two accounts with Ann, who lives in Bonn."""

    def __init__(self, server: HubSpotServer, **changes: Any) -> None:
        super().__init__(server, [sync("contacts", "contact", mappings=_MAPPINGS, **changes)])
        self.admin.edit(7001, "create", "contacts", properties={"email": "ann@x.example", "city": "Bonn"})
        self.settle()
        self.wait(60_000)

    def wait(self, ms: int) -> None:
        """Let time pass in both accounts."""
        self.admin.call("POST", "clock", {"advanceMs": ms})

    def move(self, name: str, city: str) -> None:
        """Let Ann move, as an account tells it."""
        (record,) = self.records(name, "contacts")
        self.admin.edit(self.portal[name], "update", "contacts", record, properties={"city": city})

    def cities(self) -> list[str]:
        """Return where Ann lives, by account."""
        rows = [next(iter(self.records(name, "contacts").values())) for name in self.portal]
        return [row["properties"]["city"] for row in rows]


@pytest.mark.parametrize("default", ["L", "R"])
@pytest.mark.parametrize("later", ["one", "two"])
@pytest.mark.parametrize("noticed", ["one", "two"])
def test_the_later_of_two_edits_stands(server: HubSpotServer, default: str, later: str, noticed: str) -> None:
    world = _World(server, default_app=default)
    earlier = {"one": "two", "two": "one"}[later]
    world.move(earlier, "Early")
    world.wait(8_000)
    world.move(later, "Late")
    world.wait(8_000)
    world.poll(noticed)
    world.settle()
    assert world.cities() == ["Late", "Late"]


@pytest.mark.parametrize(("default", "city"), [("L", "One"), ("R", "Two")])
def test_the_default_app_decides_between_edits_of_one_moment(server: HubSpotServer, default: str, city: str) -> None:
    world = _World(server, default_app=default)
    world.move("one", "One")
    world.wait(2_000)
    world.move("two", "Two")
    world.settle()
    assert world.cities() == [city, city]


def test_an_edit_after_both_sides_agree_again_stands(server: HubSpotServer) -> None:
    """What we wrote is no edit: it is not later than what a person writes next."""
    world = _World(server, default_app="R")
    for city in ("Rome", "Oslo", "Graz"):
        world.move("one", city)
        world.settle()
        world.wait(8_000)
    assert world.cities() == ["Graz", "Graz"]
