"""Bundles: messages that one call publishes to one partition of a topic go as one message of Kafka.

Each message of its own costs every client, and Faust, more time than what it says. A bundle is taken apart where it is
read: each of its items is handled, parked, delayed and traced alone. Its items share an offset, so a place in the
topic is an offset and an index.

The value of a bundle is a line with the keys and traces of its items (JSON), then a line for each item's value.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from pydantic import TypeAdapter

from shared.io.envelope import BUNDLED, SCHEMA, SETUPS, TRACE, RandomBits, Raw, Received, wrap
from shared.io.kafka.connecting import partition_of
from shared.io.ports import Outbound
from shared.model.pairs import MOST_IN_BUNDLE

BUNDLE_BYTES: Final = 500_000
"""Most bytes of the values of a bundle; a message that is larger goes alone."""
_FORM: Final = "1"
_Head: Final = TypeAdapter(list[tuple[str, str, str]])
"""Key, trace and schema version of each item."""


def topics_of(messages: Sequence[Outbound]) -> set[str]:
    """Name the topics of which `pack` has to know the partitions."""
    return {message.topic.name for message in messages if message.topic.bundled} if len(messages) > 1 else set()


def pack(
    messages: Sequence[Outbound], *, setups: int, bits: RandomBits, partitions: Mapping[str, int]
) -> tuple[list[Raw], list[int]]:
    """Put messages into their envelopes, those in one where they may be bundled, in the order of each partition.

    Args:
        messages: What one call publishes.
        setups: Offset of the `setups` topic that the sender has seen; -1 for none.
        bits: Source of ids.
        partitions: How many each of `topics_of` has.

    Returns:
        What to publish, and for each message the number of the one that it is in.
    """
    groups: list[list[Raw]] = []
    found: list[int] = []
    open_: dict[tuple[str, int], int] = {}
    sizes: dict[int, int] = {}
    for message in messages:
        raw = wrap(message, setups=setups, bits=bits)
        if raw.topic not in partitions:
            found.append(len(groups))
            groups.append([raw])
            continue
        place, size = (raw.topic, partition_of(raw.key, partitions[raw.topic])), len(raw.value or b"")
        number = open_.get(place, -1)
        alone = message.headers is not None or raw.value is None or b"\n" in raw.value or size > BUNDLE_BYTES
        if alone or number < 0 or len(groups[number]) == MOST_IN_BUNDLE or sizes[number] + size > BUNDLE_BYTES:
            number = len(groups)
            groups.append([])
            sizes[number] = 0
            open_[place] = number
        if alone:
            del open_[place]  # what follows it stays behind it
        groups[number].append(raw)
        sizes[number] += size
        found.append(number)
    # A worker that knows no bundles leaves one to those of a newer version.
    versions = {message.topic.name: str(message.topic.version + 1) for message in messages}
    return [_one(group, versions[group[0].topic]) for group in groups], found


def _one(items: Sequence[Raw], version: str) -> Raw:
    first = items[0]
    if len(items) == 1:
        return first
    rows = [[item.key, item.headers[TRACE], item.headers[SCHEMA]] for item in items]
    head = json.dumps(rows, separators=(",", ":")).encode()
    headers = {SCHEMA: version, SETUPS: first.headers[SETUPS], BUNDLED: _FORM}
    value = b"\n".join((head, *(item.value or b"" for item in items)))
    return Raw(topic=first.topic, key=first.key, value=value, headers=headers)


def items_of(received: Received) -> list[Received]:
    """Return the items of a bundle, or any other message as it is.

    A bundle that cannot be taken apart comes as one message that nobody can read.
    """
    form = received.headers.get(BUNDLED)
    if form != _FORM or received.value is None:
        return [received]
    common = {name: value for name, value in received.headers.items() if name not in (BUNDLED, SCHEMA, TRACE)}
    head, *values = received.value.split(b"\n")
    try:
        rows = _Head.validate_json(head)
        parts = list(zip(rows, values, strict=True))
    except ValueError:
        parts = []
    if not parts:
        return [replace(received, headers=common)]  # not even of a newer version: it is parked
    return [
        replace(
            received, key=key, value=value, headers={**common, TRACE: trace, SCHEMA: version}, index=index,
            more=index + 1 < len(parts),
        )
        for index, ((key, trace, version), value) in enumerate(parts)
    ]  # fmt: skip
