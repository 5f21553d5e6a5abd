"""Publishing what somebody asked for."""

from collections.abc import Sequence

from services.console.use.changes import note
from services.console.use.problems import Problem
from shared.io.ports import Bus, BusUnavailable, Outbound, run_blocking


def publish(bus: Bus, out: Sequence[Outbound]) -> Sequence[int]:
    """Publish messages, and return their offsets; raises `Problem` while Kafka is away."""
    try:
        offsets = run_blocking(bus.publish(out))
    except BusUnavailable as error:
        raise Problem(503, "Kafka is away", str(error), {"Retry-After": "1"}) from error
    for row, offset in zip(out, offsets, strict=True):
        if row.topic.partitions == 1:
            note(row.topic.name, offset)
    return offsets
