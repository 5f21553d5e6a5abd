"""Associations within one object: companies and their parents, which one sync keeps the same."""

from typing import Literal

import pytest

from deploy.local.hubspot import HubSpotServer
from services.console.explain import explain
from shared.model.syncs import AssociationMapping
from shared.wire import topics
from tests.slice.harness import Polling, sync

_CHILD_TO_PARENT = 14


class Groups(Polling):
    """Two accounts whose companies have parents."""

    def __init__(
        self, server: HubSpotServer, policy: Literal["inherit", "left", "right", "manual"] = "inherit"
    ) -> None:
        parent = AssociationMapping(to="companies", label="parent", clears="propagate", policy=policy)
        super().__init__(server, [sync("companies", "company", associations=[parent])])

    def make(self, at: str, *names: str) -> None:
        """Create companies, as a person does."""
        for name in names:
            properties = {"name": name, "domain": f"{name.lower()}.com"}
            self.admin.edit(self.portal[at], "create", "companies", properties=properties)

    def company(self, at: str, name: str) -> str:
        """Return the company of a name."""
        rows = self.admin.records(self.portal[at], "companies").items()
        return next(record for record, row in rows if row["properties"]["name"] == name)

    def put(self, at: str, child: str, parent: str, op: str = "link") -> None:
        """Give a company a parent, or take it away, as a person does."""
        self.admin.edit(
            self.portal[at], op, "companies", self.company(at, child), toType="companies",
            other=self.company(at, parent), types=[_CHILD_TO_PARENT],
        )  # fmt: skip

    def parents(self, at: str) -> dict[str, list[str]]:
        """Return the parents of each company that has some, by name."""
        rows = self.admin.records(self.portal[at], "companies")  # those in the bin, too
        names = {one: row["properties"]["name"] for one, row in rows.items()}
        held = self.admin.call("GET", f"accounts/{self.portal[at]}/associations/companies/companies")
        found = {
            names[child]: [names[other] for other, types in ends.items() if _CHILD_TO_PARENT in types]
            for child, ends in held.items()
        }
        return {child: ends for child, ends in found.items() if ends}

    def both(self) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
        """Return the parents in both accounts."""
        return self.parents("one"), self.parents("two")

    def written(self) -> list[str]:
        """List what became of the writes since the trail was cleared."""
        return [outcome.reason for topic, _, outcome in self.trail if topic.startswith(topics.writes("hubspot").name)]


def _same(**parents: str) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    found = {child: [parent] for child, parent in parents.items()}
    return found, found


def _rounds(world: Groups) -> None:
    """Poll some rounds: feeds tell of what is in the bin again and again."""
    for _ in range(4):
        world.poll()
        world.run(later=5)


@pytest.fixture(name="world")
def _world(server: HubSpotServer) -> Groups:
    """Offer a group of companies in the first account, after the first sync."""
    return _offered(Groups(server))


def _offered(world: Groups) -> Groups:
    world.make("one", "Acme", "Beta", "Corp", "Dora")
    world.put("one", "Beta", "Acme")
    world.put("one", "Corp", "Beta")
    world.settle()
    world.trail.clear()
    return world


def _moved_at_once(world: Groups) -> None:
    """Have people of both accounts give one company another parent."""
    for at, parent in (("one", "Acme"), ("two", "Dora")):
        world.put(at, "Corp", "Beta", "unlink")
        world.put(at, "Corp", parent)
    world.settle()


def test_a_group_is_created_with_its_parents(world: Groups) -> None:
    """Whichever of its companies is created first; then nothing more is written."""
    assert world.both() == _same(Beta="Acme", Corp="Beta")
    assert [pair.status for pair in world.pairs("companies")] == ["in_sync"] * 4
    world.settle()
    assert world.written() == []


@pytest.mark.parametrize("at", ["one", "two"])
def test_a_parent_comes_changes_and_goes_either_way(world: Groups, at: str) -> None:
    """Each by one write of the child: nothing is written of the parent."""
    world.put(at, "Dora", "Acme")
    world.settle()
    assert world.both() == _same(Beta="Acme", Corp="Beta", Dora="Acme")
    world.put(at, "Corp", "Beta", "unlink")
    world.put(at, "Corp", "Dora")
    world.settle()
    assert world.both() == _same(Beta="Acme", Corp="Dora", Dora="Acme")
    world.put(at, "Beta", "Acme", "unlink")
    world.settle()
    assert world.both() == _same(Corp="Dora", Dora="Acme")
    assert world.written() == ["written"] * 3
    assert {pair.status for pair in world.pairs("companies")} == {"in_sync"}


def test_both_accounts_change_the_tree_at_once(world: Groups) -> None:
    """Different companies keep what each account did; of one company the default app decides."""
    world.put("one", "Dora", "Acme")
    world.put("two", "Corp", "Beta", "unlink")
    world.settle()
    assert world.both() == _same(Beta="Acme", Dora="Acme")
    world.put("one", "Corp", "Acme")
    world.put("two", "Corp", "Dora")
    world.settle()
    assert world.both() == _same(Beta="Acme", Dora="Acme", Corp="Acme")


@pytest.mark.parametrize(("policy", "parent"), [("left", "Acme"), ("right", "Dora")])
def test_the_association_itself_may_say_which_account_decides(
    server: HubSpotServer, policy: Literal["left", "right"], parent: str
) -> None:
    world = _offered(Groups(server, policy))
    _moved_at_once(world)
    assert world.both() == _same(Beta="Acme", Corp=parent)
    assert {pair.status for pair in world.pairs("companies")} == {"in_sync"}


def test_a_person_decides_between_two_parents(server: HubSpotServer) -> None:
    """Until one account takes the parent of the other, nothing is written, and both are named."""
    world = _offered(Groups(server, "manual"))
    _moved_at_once(world)
    assert (world.parents("one")["Corp"], world.parents("two")["Corp"]) == (["Acme"], ["Dora"])
    (failing,) = (pair for pair in world.pairs("companies") if pair.status == "failing")
    acme, dora = world.company("one", "Acme"), world.company("two", "Dora")
    assert (
        f"Both sides changed, you decide (the association parent): '{acme}' or '{dora}'."
        in explain(failing, world.setups, [])["why"]
    )
    assert world.written() == []
    world.put("two", "Corp", "Dora", "unlink")
    world.put("two", "Corp", "Acme")
    world.settle()
    assert world.both() == _same(Beta="Acme", Corp="Acme")
    assert {pair.status for pair in world.pairs("companies")} == {"in_sync"}
    assert world.written() == []


def test_a_parent_that_is_deleted_stays_one_in_the_other_account(world: Groups) -> None:
    """A record without a partner is neither carried nor taken away; nothing is written for ever."""
    world.admin.edit(7001, "archive", "companies", world.company("one", "Acme"))
    _rounds(world)
    assert world.parents("two") == {"Beta": ["Acme"], "Corp": ["Beta"]}
    assert world.written() == []
    world.put("two", "Beta", "Acme", "unlink")
    world.put("two", "Beta", "Dora")
    _rounds(world)
    assert world.parents("two") == {"Beta": ["Dora"], "Corp": ["Beta"]}
