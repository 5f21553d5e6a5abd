"""Short stories for the simulator, for what comes together too rarely by chance."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from services.matcher.resolving.resolve import Resolve
from shared.io.links.scripts import Call, Scripts
from shared.io.links.store import Store
from shared.io.ports import Bus, NotReady, Outbound
from shared.wire import topics
from shared.wire.topics import MATCHER_GROUP
from tests.simulator.apps import Row
from tests.simulator.checks import check
from tests.simulator.faults import CALM
from tests.simulator.hands import finish, pass_on, take, waiting
from tests.simulator.people import Habits
from tests.simulator.world import World, pause

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


def _linked(seed: int) -> tuple[World, Row]:
    """Return a world with one person in both apps, and her record in the first."""
    world = World(seed, CALM, Habits(persons=1))
    world.empty()
    row = world.apps["a"].insert({"email": "ada@x.example", "f": "first", "g": None})
    world.first_sync()
    world.rest()
    return world, row


class _Slow:
    """Holds a worker up before it swaps, as a process that hangs."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts
        self.hangs = False
        self.goes_on = False

    async def run(self, calls: Sequence[Call]) -> list[list[list[str]]]:
        if any(call.script == "swap" for call in calls):
            self.hangs = True
            while not self.goes_on:
                await pause()
        return await self._scripts.run(calls)


def swapped_by_a_zombie(seed: int) -> None:
    """A worker hangs between load and swap; its successor takes a later edit before it goes on."""
    world, row = _linked(seed)
    (pair,) = world.states()

    def edit(value: str) -> None:
        row.values["f"] = value
        world.apps["a"].touch(row)
        pass_on(world, row.id)

    edit("second")
    slow = _Slow(world.scripts)
    zombie = Resolve(Store(slow), world.bus, world.setups, world.clock).handle(waiting(world, topics.PAIRS, pair))
    while not slow.hangs:
        zombie.send(None)
    edit("third")
    take(world, topics.PAIRS, pair, commit=True)
    slow.goes_on = True
    finish(zombie)
    world.settle(look_again=False)
    (copy,) = world.apps["b"].living()
    assert copy.values["f"] == "third", f"the last edit was lost: {copy.values['f']}"
    check(world)


class _SlowBus:
    """Holds a worker up before it publishes."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.hangs = False
        self.goes_on = False

    async def publish(self, messages: Sequence[Outbound]) -> Sequence[int]:
        self.hangs = True
        while not self.goes_on:
            await pause()
        return await self._bus.publish(messages)


def rebuilt_before_it_was_told(seed: int) -> None:
    """Redis is lost, and rebuilt, between the moment in which a worker stores a step and that in which it tells it."""
    world, row = _linked(seed)
    (pair,), (copy,) = world.states(), world.apps["b"].living()
    row.values["f"] = "second"
    world.apps["a"].touch(row)
    pass_on(world, row.id)
    (message,) = waiting(world, topics.PAIRS, pair)
    bus = _SlowBus(world.bus)
    work = Resolve(Store(world.scripts), bus, world.setups, world.clock).handle([message])
    while not bus.hangs:
        work.send(None)
    world.scripts.flush()
    world.grants.lost(world.scripts.dump())
    world.rebuild()
    bus.goes_on = True
    with suppress(NotReady):  # then the message comes again
        finish(work)
        world.broker.commit(MATCHER_GROUP, topics.PAIRS.name, message.partition, message.offset + 1)
    world.settle(look_again=False)
    assert copy.values["f"] == "second", f"the edit was lost: {copy.values['f']}"
    check(world)


def bundle_cut_in_two(seed: int) -> None:
    """A record is edited twice, match tells its pair of both at once, and a batch of resolve ends between the two."""
    world, row = _linked(seed)
    ((pair,), (copy,)), key = (world.states(), world.apps["b"].living()), f"a/contact/{row.id}"
    for field in ("f", "g"):
        row.values[field] = "second"
        world.apps["a"].touch(row)
        world.tell()
        take(world, topics.NOTICES, key, commit=True)
    take(world, topics.RECORDS, key, commit=True)
    first, second = waiting(world, topics.PAIRS, pair)
    assert (first.offset, first.index + 1) == (second.offset, second.index)
    for message in (first, second):
        finish(Resolve(Store(world.scripts), world.bus, world.setups, world.clock).handle([message]))
    world.broker.commit(MATCHER_GROUP, topics.PAIRS.name, second.partition, second.offset + 1)
    world.settle(look_again=False)
    assert (copy.values["f"], copy.values["g"]) == ("second", "second"), "an edit was lost"
    check(world)


def addresses_swapped(seed: int) -> None:
    """Two people swap their addresses in an app that allows it; the other one refuses two of the same."""
    world = World(seed, CALM, Habits(persons=2))
    source, target = world.apps["b"], world.apps["a"]
    source.unique_email = False
    world.empty()
    rows = [source.insert({"email": f"{name}@x.example", "f": name, "g": None}) for name in ("ada", "bob")]
    world.first_sync()
    world.rest()
    ada, bob = rows
    ada.values["email"], bob.values["email"] = bob.values["email"], ada.values["email"]
    for row in rows:
        source.touch(row)
    world.settle(look_again=False)
    held = {row.values["f"]: row.values["email"] for row in target.living()}
    assert held == {"ada": "bob@x.example", "bob": "ada@x.example"}, held
    check(world)
