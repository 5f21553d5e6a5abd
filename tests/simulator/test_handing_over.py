"""Two halves that become one pair, while Redis forgets that they did."""

from collections.abc import Sequence

import pytest

from shared.io.links.requests import Slots
from shared.io.links.scripts import Call, SwapArgs
from shared.io.links.store import Store
from shared.io.redis.memory import MemoryScripts
from tests.simulator.checks import check
from tests.simulator.faults import CALM
from tests.simulator.hands import finish
from tests.simulator.settings import SYNC
from tests.simulator.world import World


class _Forgetful(MemoryScripts):
    """Loses everything when a pair gave its record away, and is rebuilt before anybody is told of that."""

    world: World | None = None

    async def run(self, calls: Sequence[Call]) -> list[list[list[str]]]:
        answers = await super().run(calls)
        gives = any(isinstance(item, SwapArgs) and item.give_to for call in calls for item in call.items)
        if gives and self.world is not None:
            world, self.world = self.world, None
            self.flush()
            await world.rebuilder.rebuild_lost()
        return answers


def _world(seed: int) -> World:
    """Begin with one person, in both apps."""
    world = World(seed, CALM)
    world.empty()
    for app in world.apps.values():
        app.insert({"email": "ada@x.example", "f": "x", "g": "y"})
    world.first_sync()
    return world


@pytest.mark.parametrize("seed", range(5))
def test_a_record_stays_known_when_only_its_giver_has_told(seed: int) -> None:
    world = _world(seed)
    while not any(pair.absorbed_by for pair in world.states().values()):
        world.step()
    world.crash()
    world.scripts.flush()
    finish(world.rebuilder.rebuild_lost())
    found = finish(Store(world.scripts).look([(SYNC, "L", "a1", None), (SYNC, "R", "b1", None)]))
    assert found[0] == found[1]
    assert found[0][1] == Slots(":a1", ":b1")
    world.settle()
    check(world)


@pytest.mark.parametrize("seed", range(20))
def test_both_records_stay_known_when_a_hand_over_is_forgotten(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.simulator.world.MemoryScripts", _Forgetful)
    world = _world(seed)
    world.scripts.world = world  # type: ignore[attr-defined]  # it was replaced above
    world.rest()
    for _ in range(2):  # what the journal tells must suffice, too
        world.scripts.flush()
        world.settle()
    check(world)
    assert [len(app.rows) for app in world.apps.values()] == [1, 1]
