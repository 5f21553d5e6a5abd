"""Short stories for the simulator, for what comes together too rarely by chance."""

from dataclasses import replace

from tests.simulator.checks import check
from tests.simulator.people import Habits
from tests.simulator.world import CALM, World

_LENIENT = replace(CALM, lenient=True)


def create_sent_and_forgotten(seed: int) -> None:
    """Somebody edits a record whose create was executed, while its writer died and the other app went away."""
    world = World(seed, _LENIENT, Habits(persons=1))
    source = world.apps["a"]
    world.empty()
    row = source.insert({"email": "ada@x.example", "f": "first", "g": None})
    world.first_sync()
    while not world.apps["b"].rows:
        world.step()
    world.crash()
    world.away.add("b")
    row.values["f"] = "second"
    source.touch(row)
    world.tell()
    for _ in range(200):
        world.step()
    world.away.clear()
    world.settle()
    check(world)
