"""Reading topics without a group: `setups`, `cursors` and `pair-state` to their end and on, and offsets of groups."""

import threading
import time
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeAlias, TypeVar

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.errors import KafkaError, RetriableError
from pydantic import BaseModel

from shared.io.envelope import Received, Stored, read_headers, stored_as
from shared.io.kafka.bundles import items_of
from shared.io.kafka.client import make_client, poll
from shared.io.kafka.connecting import WITHOUT_METRICS, KafkaFault, client_config, partition_of
from shared.io.ports import BusUnavailable
from shared.settings import Settings
from shared.wire.topics import Topic, UnreadableMessage

M = TypeVar("M", bound=BaseModel)
Decode: TypeAlias = Callable[[bytes, Mapping[str, str]], Any]
Unreadable: TypeAlias = Callable[[Received, UnreadableMessage], None]

AT_ONCE: Final = 1000
"""Most messages that are decoded at a time: a state is some ten kilobytes in memory."""
_PATIENCE_S: Final = 30.0
_TIMEOUT_MS: Final = 10_000
_FETCH_MS: Final = 5_000
"""Longest wait of a broker for the first message, so that an idle reader asks seldom. A message is sent at once all the
same; the broker answers nothing else on this connection meanwhile."""


class TopicReader(Generic[M]):
    """Reads one topic from its beginning, or from given offsets, without a consumer group. For one thread.

    Args:
        settings: Where Kafka is.
        topic: What to read.
        start: First offset of each partition; those not named start at their beginning.
        unreadable: Told of each message that cannot be decoded. Without it such a message is raised: to go on
            without it could mean to forget a pair.
        decode: Reads a message, where less is needed than the topic's own type; raises `UnreadableMessage`.
        keys: Messages with other keys, and partitions that hold none of these, are passed over; None takes all.
    """

    def __init__(
        self,
        settings: Settings,
        topic: Topic[M],
        *,
        start: Mapping[int, int] | None = None,
        unreadable: Unreadable | None = None,
        decode: Decode | None = None,
        keys: Collection[str] | None = None,
    ) -> None:
        self._topic = topic
        self._decode_value = decode or topic.decode
        self._keys = None if keys is None else frozenset(keys)
        self._unreadable = unreadable
        self._consumer = _connected(settings, topic.name)
        try:
            self._parts = _partitions(self._consumer, topic.name)
            if self._keys is not None:
                holding = {partition_of(key, len(self._parts)) for key in self._keys}
                self._parts = [part for part in self._parts if part.partition in holding]
            self._consumer.assign(self._parts)
            beginnings = self._consumer.beginning_offsets(self._parts, timeout_ms=_TIMEOUT_MS)
            self.positions: dict[int, int] = {}
            for part in self._parts:
                first = max(beginnings[part], (start or {}).get(part.partition, 0))
                self._consumer.seek(part, first)
                self.positions[part.partition] = first
        except BaseException as error:
            self.close()
            if isinstance(error, KafkaError):
                raise BusUnavailable(f"{topic.name} cannot be read: {error!r}") from error
            raise

    @property
    def position(self) -> int:
        """Return the next offset to read of partition 0, for topics with a single one."""
        return self.positions[0]

    def ends(self) -> Mapping[int, int]:
        """Return the offset that each partition's next message will have."""
        try:
            found = self._consumer.end_offsets(self._parts, timeout_ms=_TIMEOUT_MS)
        except KafkaError as error:
            raise BusUnavailable(f"the end of {self._topic.name} is not known: {error!r}") from error
        return {part.partition: end for part, end in found.items()}

    def read_to_end(self) -> Iterator[Stored[M]]:
        """Yield everything that the topic holds now, then stop; what is written meanwhile is for `poll`."""
        ends = self.ends()
        moved = time.monotonic()
        while any(self._position(part) < ends[part.partition] for part in self._parts):
            before = dict(self.positions)
            yield from self.poll(0.5)
            if self.positions != before:
                moved = time.monotonic()
            elif time.monotonic() - moved > _PATIENCE_S:
                raise BusUnavailable(f"{self._topic.name} gave nothing for {_PATIENCE_S:.0f} s before its end")

    def poll(self, timeout_s: float) -> Sequence[Stored[M]]:
        """Return what was written since, waiting at most *timeout_s* for the first message."""
        try:
            found = poll(self._consumer, int(timeout_s * 1000))
        except KafkaError as error:
            raise BusUnavailable(f"{self._topic.name} cannot be read: {error!r}") from error
        stored: list[Stored[M]] = []
        for part, records in found.items():
            items = (item for record in records for item in items_of(received(record)))
            stored += [one for item in items if (one := self._decode(item)) is not None]
            self.positions[part.partition] = records[-1].offset + 1
        return stored

    def _position(self, part: Any) -> int:
        """Take the consumer's word: in a compacted topic the last offsets may belong to no message."""
        position = self._consumer.position(part, timeout_ms=_TIMEOUT_MS)
        self.positions[part.partition] = max(self.positions[part.partition], position or 0)
        return self.positions[part.partition]

    def _decode(self, item: Received) -> Stored[M] | None:
        if self._keys is not None and item.key not in self._keys:
            return None
        return _stored(item, self._decode_value, self._unreadable)

    def close(self) -> None:
        """Close the connections."""
        self._consumer.close(autocommit=False, timeout_ms=1000)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class TopicsReader:
    """Reads on in several topics through one client, without a consumer group. For one thread.

    Args:
        settings: Where Kafka is.
        starts: By topic, the offset of each partition from which on it is read.
        unreadable: Told of each message that cannot be decoded.
        decode: Reads the messages of some topics, where less is needed than the topic's own type.
    """

    def __init__(
        self,
        settings: Settings,
        starts: Mapping[Topic[Any], Mapping[int, int]],
        *,
        unreadable: Unreadable,
        decode: Mapping[Topic[Any], Decode],
    ) -> None:
        self._topics = {topic.name: topic for topic in starts}
        self._decode = {topic.name: decode.get(topic, topic.decode) for topic in starts}
        self._unreadable = unreadable
        self.positions = {topic: dict(start) for topic, start in starts.items()}
        self._consumer = _connected(settings, ", ".join(self._topics))
        first = {TopicPartition(topic.name, part): at for topic, start in starts.items() for part, at in start.items()}
        self._consumer.assign(list(first))
        for part, offset in first.items():
            self._consumer.seek(part, offset)

    def poll(self, timeout_s: float) -> Mapping[Topic[Any], Sequence[Stored[Any]]]:
        """Return what was written since, by topic, waiting at most *timeout_s* for the first message."""
        try:
            found = poll(self._consumer, int(timeout_s * 1000))
        except KafkaError as error:
            raise BusUnavailable(f"{', '.join(self._topics)} cannot be read: {error!r}") from error
        read: dict[Topic[Any], list[Stored[Any]]] = {}
        for part, records in found.items():
            topic, decode = self._topics[part.topic], self._decode[part.topic]
            items = (item for record in records for item in items_of(received(record)))
            stored = (_stored(item, decode, self._unreadable) for item in items)
            read.setdefault(topic, []).extend(one for one in stored if one is not None)
            self.positions[topic][part.partition] = records[-1].offset + 1
        return read

    def close(self) -> None:
        """Close the connections."""
        self._consumer.close(autocommit=False, timeout_ms=1000)


def _connected(settings: Settings, what: str) -> Any:
    try:
        return make_client(
            KafkaConsumer,
            **client_config(settings),
            **WITHOUT_METRICS,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            allow_auto_create_topics=False,
            max_poll_records=AT_ONCE,
            request_timeout_ms=_TIMEOUT_MS,
            bootstrap_timeout_ms=_TIMEOUT_MS,
            fetch_max_wait_ms=_FETCH_MS,
        )
    except KafkaError as error:
        raise BusUnavailable(f"{what} cannot be read: {error!r}") from error


def _stored(item: Received, decode: Decode, unreadable: Unreadable | None) -> Stored[Any] | None:
    message = None
    if item.value is not None:
        try:
            message = decode(item.value, item.headers)
        except UnreadableMessage as error:
            if unreadable is None:
                raise
            unreadable(item, error)
            return None
    return stored_as(item, message)


def read_to_end(
    settings: Settings, topic: Topic[M], *, start: Mapping[int, int] | None = None
) -> Generator[Stored[M], None, None]:
    """Yield everything that a topic holds now, from its beginning or from *start*."""
    with TopicReader(settings, topic, start=start) as reader:
        yield from reader.read_to_end()


def keys_since(settings: Settings, topic: Topic[M], start: Mapping[int, int], prefix: str) -> set[str] | None:
    """Return the keys with a prefix that a topic holds from *start* on; None where its beginning is later than that."""
    # What cannot be read has a key all the same.
    with TopicReader(settings, topic, start=start, unreadable=lambda _item, _error: None) as reader:
        if any(reader.positions.get(part, 0) > offset for part, offset in start.items()):
            return None
        return {stored.key for stored in reader.read_to_end() if stored.key.startswith(prefix)}


def received(record: Any) -> Received:
    """Turn kafka-python's record into ours."""
    return Received(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=(record.key or b"").decode("utf-8", "replace"),
        value=record.value,
        headers=read_headers(record.headers),
        at_ms=record.timestamp or 0,
    )


def _partitions(consumer: Any, topic: str) -> list[Any]:
    numbers = consumer.partitions_for_topic(topic)
    if not numbers:
        raise KafkaFault(
            f"the topic {topic} does not exist: create it with `python -m shared.io.kafka.topics` "
            "or as your platform creates topics"
        )
    return [TopicPartition(topic, number) for number in sorted(numbers)]


class KafkaOffsets:
    """Asks the brokers about offsets. Safe to use from several threads; each call raises `BusUnavailable`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._admin: Any = None
        self._consumer: Any = None

    def committed(self, group: str, topic: str) -> Mapping[int, int]:
        """Return the committed offset of each partition, the first offset where nothing was committed."""
        with self._lock, _translated(f"offsets of {group}"):
            admin, consumer = self._clients()
            parts = _partitions(consumer, topic)
            stored = _patiently(lambda: admin.list_group_offsets({group: parts})[group])
            found = {part.partition: stored[part].offset for part in parts if part in stored}
            if any(found.get(part.partition, -1) < 0 for part in parts):
                first = consumer.beginning_offsets(parts, timeout_ms=_TIMEOUT_MS)
                return {part.partition: max(found.get(part.partition, -1), first[part]) for part in parts}
            return found

    def end_offsets(self, topic: str) -> Mapping[int, int]:
        """Return the offset that each partition's next message will have."""
        with self._lock, _translated(f"the end of {topic}"):
            _, consumer = self._clients()
            ends = consumer.end_offsets(_partitions(consumer, topic), timeout_ms=_TIMEOUT_MS)
            return {part.partition: end for part, end in ends.items()}

    def since(self, topic: str, at_ms: int) -> Mapping[int, int]:
        """Return each partition's first offset of a message no older than a time; its end where there is none."""
        with self._lock, _translated(f"the offsets of {topic}"):
            _, consumer = self._clients()
            parts = _partitions(consumer, topic)
            found = consumer.offsets_for_times(dict.fromkeys(parts, at_ms), timeout_ms=_TIMEOUT_MS)
            ends = consumer.end_offsets(parts, timeout_ms=_TIMEOUT_MS)
            return {part.partition: ends[part] if found.get(part) is None else found[part].offset for part in parts}

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            if self._admin is not None:
                self._admin.close()
            if self._consumer is not None:
                self._consumer.close(autocommit=False, timeout_ms=1000)
            self._admin = self._consumer = None

    def _clients(self) -> tuple[Any, Any]:
        if self._admin is None:
            config = {**client_config(self._settings), "bootstrap_timeout_ms": _TIMEOUT_MS}
            config["request_timeout_ms"] = _TIMEOUT_MS
            self._consumer = self._consumer or make_client(
                KafkaConsumer, **config, **WITHOUT_METRICS, enable_auto_commit=False, allow_auto_create_topics=False
            )
            self._admin = make_client(KafkaAdminClient, **config)
        return self._admin, self._consumer


def _patiently(ask: Callable[[], Any]) -> Any:
    """Ask again while a coordinator moves, or while the first group of a new cluster makes it create one."""
    deadline = time.monotonic() + _TIMEOUT_MS / 1000
    while True:
        try:
            return ask()
        except RetriableError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


class _translated:  # noqa: N801 - reads as a word after `with`
    """Turns the client's errors into `BusUnavailable`."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, KafkaError):
            raise BusUnavailable(f"{self._what}: {error!r}") from error
