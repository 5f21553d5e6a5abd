"""Options of a multi-select that both sides change at once: what either side added or removed arrives."""

from typing import Any

import pytest

from deploy.local.hubspot import HubSpotServer
from shared.core.mapping import FieldMapping
from tests.slice.harness import Polling, sync

_NAMES = ("red", "green", "blue")


class _World(Polling):
    """Two accounts with Ann, who likes red and green."""

    def __init__(self, server: HubSpotServer, **changes: Any) -> None:
        mappings = (
            FieldMapping(key="email", left="email", right="email", lens="email"),
            FieldMapping(key="colours", left="colours", right="colours", lens="set", **changes),
        )
        super().__init__(server, [sync("contacts", "contact", mappings=mappings)])
        for number in self.portal.values():
            self.admin.add_property(
                number, "contacts", name="colours", label="Colours", type="enumeration", fieldType="checkbox",
                options=[{"label": name.title(), "value": name} for name in _NAMES],
            )  # fmt: skip
        properties = {"email": "ann@x.example", "colours": "red;green"}
        self.admin.edit(7001, "create", "contacts", properties=properties)
        self.settle()

    def choose(self, name: str, colours: str) -> None:
        """Choose colours in an account."""
        (record,) = self.records(name, "contacts")
        self.admin.edit(self.portal[name], "update", "contacts", record, properties={"colours": colours})

    def colours(self) -> list[set[str]]:
        """Return the colours in both accounts."""
        rows = [next(iter(self.records(name, "contacts").values())) for name in self.portal]
        return [set(filter(None, (row["properties"].get("colours") or "").split(";"))) for row in rows]


@pytest.mark.parametrize(
    ("here", "there", "after"),
    [
        ("red;green;blue", "green", {"green", "blue"}),
        ("green;red", "red;green;blue", {"red", "green", "blue"}),
        ("green", "red", set()),
    ],
    ids=["added and removed", "only the order differs", "each removes another"],
)
def test_options_that_both_sides_changed_are_merged(
    server: HubSpotServer, here: str, there: str, after: set[str]
) -> None:
    world = _World(server, clears="propagate")
    world.choose("one", here)
    world.choose("two", there)
    world.settle()
    assert world.colours() == [after, after]


def test_options_that_are_all_removed_stay_on_the_other_side_where_clears_are_kept(server: HubSpotServer) -> None:
    world = _World(server)
    world.choose("one", "")
    world.settle()
    assert world.colours() == [set(), {"red", "green"}]
