"""Publishing what somebody asked for."""

from collections.abc import Sequence

from services.console.use.problems import Problem
from shared.io.ports import Bus, BusUnavailable, Outbound, run_blocking


def publish(bus: Bus, out: Sequence[Outbound]) -> Sequence[int]:
    """Publish messages, and return their offsets; raises `Problem` while Kafka is away."""
    try:
        return run_blocking(bus.publish(out))
    except BusUnavailable as error:
        raise Problem(503, "Kafka is away", str(error), {"Retry-After": "1"}) from error
