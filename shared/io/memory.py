"""The outside in memory: broker, bus, reader, caller and clock that pass the same suites as the real ones.

Nothing here starts a thread, sleeps or suspends by itself. The protocol simulator passes *pause*, which is awaited
before and after each effect: at each of these points a crash can strike.
"""

import random
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from itertools import count
from typing import Any, Generic, TypeAlias, TypeVar

from pydantic import BaseModel

from shared.contract.calls import Exchange, HttpRequest, HttpResponse
from shared.io.calls.exchanges import drive, refusal
from shared.io.envelope import RandomBits, Raw, Received, Stored, stored_as
from shared.io.kafka.bundles import items_of, pack, topics_of
from shared.io.kafka.connecting import partition_of
from shared.io.ports import BusUnavailable, Outbound
from shared.wire.topics import Topic, UnreadableMessage

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)
Pause: TypeAlias = Callable[[], Awaitable[None]]
Server: TypeAlias = Callable[[str, HttpRequest], HttpResponse]
"""Answers a connection's request; raises `AppError` for a broken connection or a lost answer."""


async def no_pause() -> None:
    """Go on at once."""


class ManualClock:
    """A wall clock that is moved by hand."""

    def __init__(self, now_ms: int = 1_700_000_000_000) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        """Return the time it was set to."""
        return self._now_ms

    def advance(self, ms: int) -> None:
        """Move by *ms* milliseconds, also backwards."""
        self._now_ms += ms


class MemoryBroker:
    """Topics, partitions, offsets and what groups committed.

    Args:
        topics: What there is.
        partitions: Of each topic that names no number.
        now_ms: Tells when a message was sent; without it, messages are counted.
    """

    def __init__(
        self, topics: Sequence[Topic[Any]] = (), *, partitions: int = 4, now_ms: Callable[[], int] | None = None
    ) -> None:
        self.available = True
        self._now_ms = now_ms or partial(next, count(1))
        self._logs: dict[str, list[list[Received]]] = {}
        self._committed: dict[tuple[str, str, int], int] = {}
        for topic in topics:
            self.create(topic.name, topic.partitions or partitions)

    def create(self, topic: str, partitions: int) -> None:
        """Add an empty topic."""
        self._logs[topic] = [[] for _ in range(partitions)]

    def partitions(self, topic: str) -> range:
        """Return a topic's partitions."""
        return range(len(self._topic(topic)))

    def append(self, raw: Raw) -> tuple[int, int]:
        """Add a message, and give its partition and offset."""
        parts = self._topic(raw.topic)
        number = partition_of(raw.key, len(parts))
        offset = len(parts[number])
        parts[number].append(
            Received(
                topic=raw.topic,
                partition=number,
                offset=offset,
                key=raw.key,
                value=raw.value,
                headers=dict(raw.headers),
                at_ms=self._now_ms(),
            )
        )
        return number, offset

    def fetch(self, topic: str, partition: int, offset: int, most: int) -> Sequence[Received]:
        """Return at most *most* messages from *offset* on."""
        return self._topic(topic)[partition][offset : offset + most]

    def items(self, topic: str, partition: int, offset: int, most: int) -> list[Received]:
        """Return what at most *most* messages from *offset* on hold, those of bundles one by one."""
        return [item for received in self.fetch(topic, partition, offset, most) for item in items_of(received)]

    def end_offsets(self, topic: str) -> Mapping[int, int]:
        """Return the offset that each partition's next message will have."""
        return {number: len(log) for number, log in enumerate(self._topic(topic))}

    def commit(self, group: str, topic: str, partition: int, offset: int) -> None:
        """Remember the offset at which a group goes on."""
        self._topic(topic)
        self._committed[group, topic, partition] = offset

    def committed(self, group: str, topic: str) -> Mapping[int, int]:
        """Return the committed offset of each partition; 0 where nothing was committed."""
        return {number: self._committed.get((group, topic, number), 0) for number in self.partitions(topic)}

    def _topic(self, topic: str) -> list[list[Received]]:
        if not self.available:
            raise BusUnavailable("the broker is away")
        try:
            return self._logs[topic]
        except KeyError:
            raise BusUnavailable(f"the topic {topic} does not exist") from None


class MemoryBus:
    """Publishes to a broker in memory."""

    def __init__(
        self,
        broker: MemoryBroker,
        *,
        setups: Callable[[], int] = lambda: -1,
        bits: RandomBits | None = None,
        pause: Pause = no_pause,
    ) -> None:
        self._broker = broker
        self._setups = setups
        self._bits = bits or random.Random(0)  # noqa: S311 - ids of a simulation must repeat
        self._pause = pause

    async def publish(self, messages: Sequence[Outbound]) -> Sequence[int]:
        """Return each message's offset. A crash between two messages leaves the first ones published, as in Kafka."""
        counts = {name: len(self._broker.partitions(name)) for name in topics_of(messages)}
        raws, numbers = pack(messages, setups=self._setups(), bits=self._bits, partitions=counts)
        offsets = await self.publish_raw(raws)
        return [offsets[number] for number in numbers]

    async def publish_raw(self, raws: Sequence[Raw]) -> Sequence[int]:
        """Publish messages that are in their envelopes already, as `publish` does."""
        for raw in raws:
            raw.check()
        offsets = []
        for raw in raws:
            await self._pause()
            offsets.append(self._broker.append(raw)[1])
        await self._pause()
        return offsets


class MemoryReader(Generic[M]):
    """Reads one topic of a broker in memory, as `shared.io.kafka.reader.TopicReader` reads Kafka's."""

    def __init__(
        self,
        broker: MemoryBroker,
        topic: Topic[M],
        *,
        start: Mapping[int, int] | None = None,
        unreadable: Callable[[Received, UnreadableMessage], None] | None = None,
        decode: Callable[[bytes, Mapping[str, str]], Any] | None = None,
        keys: Collection[str] | None = None,
    ) -> None:
        self._broker = broker
        self._topic = topic
        self._decode_value = decode or topic.decode
        self._unreadable = unreadable
        self._keys = keys
        parts = broker.partitions(topic.name)
        holding = {partition_of(key, len(parts)) for key in keys} if keys is not None else parts
        self.positions = {number: (start or {}).get(number, 0) for number in parts if number in holding}

    @property
    def position(self) -> int:
        """Return the next offset to read of partition 0, for topics with a single one."""
        return self.positions[0]

    def ends(self) -> Mapping[int, int]:
        """Return the offset that each partition's next message will have."""
        return self._broker.end_offsets(self._topic.name)

    def read_to_end(self) -> Iterator[Stored[M]]:
        """Yield everything that the topic holds now."""
        yield from self.poll(0.0)

    def poll(self, timeout_s: float) -> Sequence[Stored[M]]:
        """Return what was written since; *timeout_s* is not waited for."""
        del timeout_s
        found: list[Stored[M]] = []
        ends = self._broker.end_offsets(self._topic.name)
        for number, first in list(self.positions.items()):
            end = ends[number]
            items = self._broker.items(self._topic.name, number, first, end - first)
            found += [stored for item in items if (stored := self._decode(item)) is not None]
            self.positions[number] = max(first, end)
        return found

    def _decode(self, item: Received) -> Stored[M] | None:
        if self._keys is not None and item.key not in self._keys:
            return None
        message: M | None = None
        if item.value is not None:
            try:
                message = self._decode_value(item.value, item.headers)
            except UnreadableMessage as error:
                if self._unreadable is None:
                    raise
                self._unreadable(item, error)
                return None
        return stored_as(item, message)

    def close(self) -> None:
        """Do nothing: there is no connection."""


class MemoryCaller:
    """Runs exchanges against a server in memory."""

    def __init__(self, server: Server, *, pause: Pause = no_pause) -> None:
        self._server = server
        self._pause = pause

    async def run(
        self, connection: str, exchange: Exchange[T], *, share: str = "live", wait_s: float = 0.0,
        about: Collection[str] = (),
    ) -> T:  # fmt: skip
        """Drive *exchange* to its result; raises `AppError` as `shared.io.ports.Caller` says."""
        del share, wait_s, about

        async def send(request: HttpRequest) -> HttpResponse:
            await self._pause()
            response = self._server(connection, request)
            await self._pause()
            error = refusal(request, response)
            if error is not None:
                raise error
            return response

        return await drive(exchange, send)
