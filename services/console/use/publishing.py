"""Publishing what somebody asked for, together with the entry of the activity log that tells of it."""

from collections.abc import Sequence
from typing import Protocol

from services.console.use.activity import Did, entry
from services.console.use.changes import note
from services.console.use.problems import Problem
from shared.io.ports import Bus, BusUnavailable, Clock, Outbound, run_blocking


class Outside(Protocol):
    """Where changes are published, and what time it is."""

    @property
    def bus(self) -> Bus:
        """Return where messages are published."""
        ...

    @property
    def clock(self) -> Clock:
        """Return the clock."""
        ...


def publish(outside: Outside, out: Sequence[Outbound], did: Did | None) -> Sequence[int]:
    """Publish messages, and return their offsets; raises `Problem` while Kafka is away.

    Args:
        outside: Where to.
        out: The messages.
        did: What is done by them; None where another call tells of it.
    """
    told = [entry(did, outside.clock.now_ms())] if did is not None else []
    try:
        offsets = run_blocking(outside.bus.publish([*out, *told]))[: len(out)]
    except BusUnavailable as error:
        raise Problem(503, "Kafka is away", str(error), {"Retry-After": "1"}) from error
    for row, offset in zip(out, offsets, strict=True):
        if row.topic.partitions == 1:
            note(row.topic.name, offset)
    return offsets
