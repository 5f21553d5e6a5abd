"""The form of a message on the wire: schema version, settings and W3C trace context, in Kafka's headers.

There are three, since each costs every worker time for every message; what a topic and its record tell (the sender, the
kind, the time) is not said again.

The Kafka bus, the matcher's bus inside Faust and the memory bus all wrap and unwrap here, so that no two of them can
differ.
"""

import random
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Generic, TypeAlias, TypeVar

from pydantic import BaseModel

from shared.io.ports import Inbound, Outbound
from shared.model.outcomes import NEWER_VERSION, NOT_RUN_HERE
from shared.model.pairs import place_at
from shared.wire.topics import LATER, PARKED, UnreadableMessage

M = TypeVar("M", bound=BaseModel)

SCHEMA: Final = "ce_dataschema"
TRACE: Final = "traceparent"
SETUPS: Final = "setups"
"""Offset of the `setups` topic up to which the sender had read: a receiver that is behind catches up first."""

BUNDLED: Final = "bundled"
"""That several messages came as one, by the form in which they are put together."""
WAITED: Final = "waited"
"""Why a message that comes again had to wait, by the reason of its outcome."""
REPLAYED: Final = "replayed"
"""How often a person has had a parked message handled once more."""
_OVERTAKEN: Final = frozenset({NOT_RUN_HERE.reason, NEWER_VERSION.reason})

MAX_MESSAGE_BYTES: Final = 8_000_000
"""Most bytes of a message with key and headers, as its topic is configured. A pair's state may hold a text of `LONGEST`
characters six times while it is written, and five times that while earlier tries are in doubt."""
MAX_WRAPPED_BYTES: Final = 11_000_000
"""The same for `parked` and `later.*`, which carry a whole message in base64."""

_TRACEPARENT: Final = re.compile(r"00-([0-9a-f]{32})-[0-9a-f]{16}-([0-9a-f]{2})")
_WRAPPING: Final = frozenset({PARKED.name, *(topic.name for topic in LATER.values())})

RandomBits: TypeAlias = random.Random
"""Where ids come from: `fresh_bits()` in a process, a seeded one in a test."""


def fresh_bits() -> RandomBits:
    """Make a source of ids that no other process has; asking the system for each id would cost a call into it."""
    return random.Random(random.SystemRandom().getrandbits(256))  # noqa: S311 - ids of messages are no secrets


class MessageTooLarge(Exception):  # noqa: N818 - a fact about the message; the loop parks its cause
    """A message does not fit into its topic; nothing of its batch was published."""

    def __init__(self, topic: str, key: str, size: int, limit: int) -> None:
        super().__init__(f"a message of {size} bytes for {topic} (key {key[:80]!r}) is over its limit of {limit}")
        self.topic = topic
        self.size = size


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """A message ready for the wire."""

    topic: str
    key: str
    value: bytes | None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Estimate its bytes on the wire."""
        headers = sum(map(len, self.headers)) + sum(map(len, self.headers.values())) + 4 * len(self.headers)
        return len(self.key.encode()) + len(self.value or b"") + headers + 64

    def check(self) -> None:
        """Raise `MessageTooLarge` when its topic does not take it."""
        limit = limit_of(self.topic)
        if self.size > limit:
            raise MessageTooLarge(self.topic, self.key, self.size, limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A message as it came off the wire."""

    topic: str
    partition: int
    offset: int
    key: str
    value: bytes | None
    headers: Mapping[str, str] = field(default_factory=dict)
    at_ms: int = 0
    """When it was sent, where that was asked for."""
    index: int = 0
    """Which item of its bundle it is."""
    more: bool = False
    """Whether items of its bundle follow it."""

    @property
    def after(self) -> int:
        """The offset at which to go on once it was handled: a bundle is read again until its last item was."""
        return self.offset if self.more else self.offset + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored(Generic[M]):
    """One message of a topic that is read from its beginning; without a message, its key was removed."""

    partition: int
    offset: int
    key: str
    message: M | None
    raw: bytes | None
    """The message as it was written."""
    headers: Mapping[str, str]
    at_ms: int = 0
    """When it was sent, as its record tells; 0 where nobody does."""
    index: int = 0
    """Which item of its bundle it is."""

    @property
    def place(self) -> int:
        """Its place among all messages of its partition."""
        return place_at(self.offset, self.index)

    @property
    def at(self) -> str:
        """Return when it was sent (ISO 8601, UTC)."""
        return datetime.fromtimestamp(self.at_ms / 1000, UTC).isoformat(timespec="milliseconds")


def stored_as(item: Received, message: M | None) -> Stored[M]:
    """Return a message that was read from its topic."""
    return Stored(
        partition=item.partition, offset=item.offset, key=item.key, message=message, raw=item.value,
        headers=item.headers, at_ms=item.at_ms, index=item.index,
    )  # fmt: skip


def limit_of(topic: str) -> int:
    """Return the largest message that a topic takes, in bytes."""
    return MAX_WRAPPED_BYTES if topic in _WRAPPING else MAX_MESSAGE_BYTES


def wrap(message: Outbound, *, setups: int, bits: RandomBits) -> Raw:
    """Put a message into its envelope.

    Args:
        message: What to send.
        setups: Offset of the `setups` topic that the sender has seen; -1 for none.
        bits: Source of ids.
    """
    topic = message.topic
    headers = message.headers
    if headers is None:
        headers = {
            SCHEMA: str(topic.version_of(message.message)),
            SETUPS: str(setups),
            TRACE: child_trace(message.cause, f"{bits.getrandbits(64):016x}", bits, message.trace),
        }
    value = message.raw
    if value is None and message.message is not None:
        value = topic.encode(message.message)
    return Raw(topic=topic.name, key=message.key, value=value, headers=headers)


def child_trace(cause: Inbound[Any] | None, span: str, bits: RandomBits, trace: str = "") -> str:
    """Go on with the trace of *cause* in a new span; begin a trace, or the one that is named, where there is none."""
    match = _TRACEPARENT.fullmatch(cause.headers.get(TRACE, "")) if cause else None
    if match is None:
        return f"00-{trace or f'{bits.getrandbits(128):032x}'}-{span}-01"
    return f"00-{match[1]}-{span}-{match[2]}"


def trace_id(headers: Mapping[str, str]) -> str:
    """Return the trace that a message belongs to, for logs; empty when it has none."""
    match = _TRACEPARENT.fullmatch(headers.get(TRACE, ""))
    return match[1] if match else ""


def waited_for_newer(headers: Mapping[str, str]) -> bool:
    """Check whether a message waited for a worker of a newer version, and was taken by everybody else before."""
    return headers.get(WAITED) == NOT_RUN_HERE.reason


def is_late(headers: Mapping[str, str]) -> bool:
    """Check whether a message waited for a worker that can read it: newer ones may have come before it."""
    return headers.get(WAITED) in _OVERTAKEN


def setups_seen(headers: Mapping[str, str]) -> int:
    """Return the offset of `setups` that the sender had seen; -1 when it does not say."""
    stated = headers.get(SETUPS, "")
    return int(stated) if stated.isascii() and stated.isdigit() and len(stated) < 19 else -1


def wire_headers(headers: Mapping[str, str]) -> list[tuple[str, bytes]]:
    """Encode headers as the Kafka clients take them."""
    return [(name, value.encode()) for name, value in headers.items()]


def read_headers(items: Iterable[tuple[str, bytes | None]]) -> dict[str, str]:
    """Decode headers; bytes that are no UTF-8 are replaced, never refused: the message may still be readable."""
    return {name: (value or b"").decode("utf-8", "replace") for name, value in items}


def unwrap(received: Received, topics: Mapping[str, Any]) -> Inbound[Any]:
    """Decode a message by its topic; raises `UnreadableMessage`."""
    if received.value is None:
        raise UnreadableMessage("malformed", f"a message without a value on {received.topic}")
    try:
        message = topics[received.topic].decode(received.value, received.headers)
    except RecursionError as error:
        raise UnreadableMessage("malformed", "nested too deeply") from error
    return Inbound(
        topic=received.topic,
        partition=received.partition,
        offset=received.offset,
        key=received.key,
        message=message,
        raw=received.value,
        headers=received.headers,
        index=received.index,
    )
