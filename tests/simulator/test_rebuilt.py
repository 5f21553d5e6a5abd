"""What a rebuild of the links tells the feeds, and those who wait."""

from dataclasses import replace

from shared.io.memory import MemoryReader
from shared.wire import topics
from tests.simulator.checks import check
from tests.simulator.faults import CALM
from tests.simulator.people import LINKED
from tests.simulator.settings import FIRMS, SYNC
from tests.simulator.world import World


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


def test_who_waits_for_a_record_is_told_of_it_although_redis_forgot_who_waits() -> None:
    """A person belongs to a firm that is not linked yet; the links are lost, and only then the firm is."""
    world = World(1, replace(CALM, lenient=True), LINKED)
    world.empty()
    firm = world.apps["a"].insert({"domain": None, "f": "f", "g": None}, object_="company")
    person = world.apps["a"].insert({"email": "ada@x.example", "f": "x", "g": None})
    person.links["company"] = firm.id
    world.first_sync()
    world.settle()
    assert [state.waits for state in world.states().values() if state.sync == SYNC] == [(f"{FIRMS}/L/{firm.id}",)]
    world.scripts.flush()
    firm.values["domain"] = "x.example"
    world.apps["a"].touch(firm)
    world.settle(look_again=False)
    (copy,) = world.apps["b"].living("company")
    assert [row.links["company"] for row in world.apps["b"].living()] == [copy.id]


def test_who_waits_for_a_record_follows_it_into_another_one() -> None:
    """The firm that a person belongs to is merged into one that is linked, and the person's version does not move."""
    world = World(1, replace(CALM, lenient=True), LINKED)
    world.empty()
    app = world.apps["a"]
    lone = app.insert({"domain": None, "f": "f", "g": None}, object_="company")
    firm = app.insert({"domain": "x.example", "f": "f", "g": None}, object_="company")
    person = app.insert({"email": "ada@x.example", "f": "x", "g": None})
    person.links["company"] = lone.id
    world.first_sync()
    world.rest()
    (copy,) = world.apps["b"].living("company")
    app.merge(firm, lone)
    world.settle(look_again=False)
    assert [row.links["company"] for row in world.apps["b"].living()] == [copy.id]
    check(world)
