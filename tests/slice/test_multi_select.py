"""Options of a multi-select that both sides change at once: what either side added or removed arrives."""

from collections.abc import Sequence
from typing import Any

import pytest

from deploy.local.hubspot import HubSpotServer
from shared.model.mapping import FieldMapping
from shared.rules.identifiers import texts
from shared.wire import topics
from tests.slice.harness import Polling, sync

_NAMES = ("red", "green", "blue")


class _World(Polling):
    """Two accounts with Ann, who likes red and green; the second account may know fewer colours."""

    def __init__(self, server: HubSpotServer, *, there: Sequence[str] = _NAMES, **changes: Any) -> None:
        mappings = (
            FieldMapping(key="email", left="email", right="email", lens="email"),
            FieldMapping(key="colours", left="colours", right="colours", lens="set", **changes),
        )
        super().__init__(server, [sync("contacts", "contact", mappings=mappings)])
        for number, names in ((7001, _NAMES), (7002, there)):
            self.admin.add_property(
                number, "contacts", name="colours", label="Colours", type="enumeration", fieldType="checkbox",
                options=[{"label": name.title(), "value": name} for name in names],
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


def test_what_both_sides_changed_is_written_to_both_before_either_answers(server: HubSpotServer) -> None:
    world = _World(server)
    world.choose("one", "red;green;blue")
    world.choose("two", "green")
    before = world.writes()
    world.poll()
    while world.step(topics.NOTICES, topics.RECORDS, topics.PAIRS):
        pass
    (pair,) = world.pairs("contacts")
    assert {side: set(texts(write.fields["colours"])) for side, write in pair.pending.items()} == {
        "L": {"green", "blue"},
        "R": {"green", "blue"},
    }
    world.settle()
    assert world.colours() == [{"green", "blue"}, {"green", "blue"}]
    assert world.writes() - before == 2


def test_an_option_that_one_side_refuses_keeps_nothing_of_the_other_sides_changes_back(server: HubSpotServer) -> None:
    world = _World(server, there=("red", "green"), clears="propagate")
    world.choose("one", "red;green;blue")
    world.settle()
    world.choose("two", "green")
    world.settle()
    assert world.colours() == [{"green", "blue"}, {"green"}]
    (pair,) = world.pairs("contacts")
    assert (pair.status, pair.reason) == ("failing", "option_unknown")
    before = world.writes()
    world.settle()
    assert world.writes() == before
    world.choose("one", "green")
    world.settle()
    assert (world.colours(), world.pairs("contacts")[0].status) == ([{"green"}, {"green"}], "in_sync")
