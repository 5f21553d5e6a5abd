"""What a rebuild of the links tells the feeds."""

from shared import topics
from shared.io.memory import MemoryReader
from tests.simulator.world import CALM, World


def _told(world: World) -> list[int]:
    stored = MemoryReader(world.broker, topics.SETUPS).read_to_end()
    return [doc.message.rebuilt.at_ms for doc in stored if doc.message is not None and doc.message.rebuilt is not None]


def test_links_that_are_made_for_the_first_time_send_no_feed_back() -> None:
    """Nothing was known, so nothing can be lost; once something was, feeds look back from the moment of the rebuild."""
    world = World(1, CALM)
    world.first_sync()
    assert _told(world) == [0]
    world.scripts.flush()
    world.settle()
    assert len(_told(world)) == 2
    assert _told(world)[1] > 0
