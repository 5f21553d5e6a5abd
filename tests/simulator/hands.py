"""Moving a world by hand, for stories in which the order of a few steps matters."""

from collections.abc import Coroutine
from typing import Any, TypeVar

from shared.io.envelope import unwrap
from shared.io.store import Slots, Store
from shared.topics import Topic
from tests.simulator.world import SYNC, World

T = TypeVar("T")


def finish(work: Coroutine[Any, Any, T]) -> T:
    """Run work to its end, with nothing going on meanwhile."""
    while True:
        try:
            work.send(None)
        except StopIteration as end:
            found: T = end.value
            return found


def take(world: World, topic: Topic[Any], key: str) -> None:
    """Let a worker handle what waits under a key, and die before it commits."""
    handle = next(handle for _, handled, handle in world.handlers if handled is topic)
    group = next(group for group, handled, _ in world.handlers if handled is topic)
    waiting = [
        unwrap(item, {topic.name: topic})
        for partition, at in world.broker.committed(group, topic.name).items()
        for item in world.broker.fetch(topic.name, partition, at, 1000)
        if item.key == key
    ]
    finish(handle(waiting))


def seats(world: World, pair: str) -> Slots:
    """Give the places of a pair, as the links hold them."""
    return finish(Store(world.scripts).load([(SYNC, pair)]))[SYNC, pair].slots
