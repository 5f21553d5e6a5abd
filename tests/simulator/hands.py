"""Moving a world by hand, for stories in which the order of a few steps matters."""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeAlias, TypeVar

from shared.io.envelope import unwrap
from shared.io.links.requests import Slots
from shared.io.links.store import Store
from shared.io.ports import Inbound
from shared.wire import topics
from shared.wire.topics import Topic
from tests.simulator.settings import SYNC
from tests.simulator.world import World

T = TypeVar("T")
Handle: TypeAlias = Callable[[Sequence[Any]], Coroutine[Any, Any, Any]]


def finish(work: Coroutine[Any, Any, T]) -> T:
    """Run work to its end, with nothing going on meanwhile."""
    while True:
        try:
            work.send(None)
        except StopIteration as end:
            found: T = end.value
            return found


def waiting(world: World, topic: Topic[Any], key: str) -> list[Inbound[Any]]:
    """Return the messages under a key that nobody has committed."""
    return [
        unwrap(item, {topic.name: topic})
        for partition, at in world.broker.committed(_worker(world, topic)[0], topic.name).items()
        for item in world.broker.items(topic.name, partition, at, 1000)
        if item.key == key
    ]


def take(world: World, topic: Topic[Any], key: str, *, commit: bool = False) -> None:
    """Let a worker handle what waits under a key, and die before it commits unless told otherwise."""
    group, handle = _worker(world, topic)
    batch = waiting(world, topic, key)
    finish(handle(batch))
    for message in batch if commit else ():
        world.broker.commit(group, topic.name, message.partition, message.offset + 1)


def pass_on(world: World, record: str) -> None:
    """Let a change of a person in the left app be read, and the record be claimed."""
    world.tell()
    for topic in (topics.NOTICES, topics.RECORDS):
        take(world, topic, f"a/contact/{record}", commit=True)


def seats(world: World, pair: str) -> Slots:
    """Return the places of a pair, as the links hold them."""
    return finish(Store(world.scripts).load([(SYNC, pair)]))[SYNC, pair].slots


def _worker(world: World, topic: Topic[Any]) -> tuple[str, Handle]:
    return next((group, handle) for group, handled, handle in world.handlers if handled is topic)
