"""The simulator's Kafka: a broker that shows what the journal is told, and what a rebuild reads of it."""

from collections.abc import Iterable, Sequence
from typing import Any

from shared.io.envelope import Raw, Received, Stored
from shared.io.links.rebuild import unpack
from shared.io.memory import MemoryBroker, MemoryReader
from shared.model.pairs import Pair, PairEvent
from shared.wire import topics
from shared.wire.topics import MATCHER_GROUP, Topic, UnreadableMessage
from tests.simulator.grants import Grants


class Broker(MemoryBroker):
    """Shows what the journal is told to whoever watches the grants."""

    def __init__(self, catalogue: Sequence[Topic[Any]], *, partitions: int) -> None:
        super().__init__(catalogue, partitions=partitions)
        self.grants = Grants()

    def append(self, raw: Raw) -> tuple[int, int]:
        """Take a message."""
        if raw.topic == topics.PAIR_STATE.name and raw.value is not None:
            pair = topics.PAIR_STATE.decode(raw.value, raw.headers)
            self.grants.told(pair.pair, pair.rev)
        return super().append(raw)


class Journal:
    """What a rebuild reads."""

    def __init__(self, broker: MemoryBroker) -> None:
        self._broker = broker

    def was_built(self, sync: str) -> bool:
        """Check whether the links of a sync were made once."""
        told = MemoryReader(self._broker, topics.SETUPS).read_to_end()
        return any(row.message is not None and row.key == f"rebuilt:{sync}" for row in told)

    def newer(self) -> frozenset[str]:
        """Name the syncs of which a newer version runs: none."""
        return frozenset()

    def states(self) -> Iterable[Stored[Pair]]:
        """Return the states that the journal tells."""
        return MemoryReader(self._broker, topics.PAIR_STATE).read_to_end()

    def waiting(self) -> Iterable[Stored[PairEvent]]:
        """Return the messages to pairs that wait for their time."""
        for topic in topics.LATER.values():
            start = self._broker.committed("later", topic.name)
            yield from unpack(MemoryReader(self._broker, topic, start=start).read_to_end(), _fail)

    def unstepped(self) -> Iterable[Stored[PairEvent]]:
        """Return the messages to pairs that resolve has not taken."""
        start = self._broker.committed(MATCHER_GROUP, topics.PAIRS.name)
        return MemoryReader(self._broker, topics.PAIRS, start=start).read_to_end()


def _fail(_item: Received, error: UnreadableMessage) -> None:
    raise error
