"""Publishes a plan, and reads back whether it counts."""

from collections.abc import Sequence

from services.console.planning import Change
from shared import topics
from shared.io.ports import Outbound, run_blocking
from shared.io.service import Service


def publish(service: Service, changes: Sequence[Change]) -> None:
    """Publish the documents of a plan; raises `BusUnavailable`."""
    messages = [Outbound(topic=topics.SETUPS, key=change.key, message=change.doc) for change in changes]
    run_blocking(service.bus.publish(messages))
