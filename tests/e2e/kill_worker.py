"""A worker for the kill test: the matcher's recipe over a slow handler, or the same work acknowledged too early.

Run as ``python -m tests.e2e.kill_worker recipe|control``. Each notice becomes a record, `WINDOW_S` after it was taken.
"""

import asyncio
import logging
import sys
from collections.abc import Sequence
from typing import Any, Final

import faust
import uvloop

from services.matcher.app import Agents, FaustBus, make_app, received
from shared import logs
from shared.config.setups import Setups
from shared.io.clock import SystemClock
from shared.io.health import Progress
from shared.io.kafka.bundles import items_of
from shared.io.ports import Inbound, Outbound
from shared.metrics import Metrics
from shared.model.outcomes import Done, Outcome
from shared.model.records import Report, Version
from shared.settings import load
from shared.wire import topics
from shared.wire.messages import Notice, RecordSeen

WINDOW_S: Final = 0.4
"""Between taking a batch and publishing what follows from it: the time in which a kill must lose nothing."""


def _record(name: str) -> Outbound:
    report = Report(connection="c", object="contact", id=name, version=Version(order=1))
    return Outbound(topic=topics.RECORDS, key=name, message=RecordSeen(report=report))


def main() -> None:
    """Run until killed."""
    settings, clock, metrics, setups = load(match_batch=200), SystemClock(), Metrics(), Setups()
    logs.set_up("warning", service="kill-test")
    for name in ("faust", "aiokafka", "mode"):
        logging.getLogger(name).setLevel(logging.WARNING)
    app = make_app(settings, "kill-test")
    app.conf.broker_commit_interval = 0.1
    bus = FaustBus(app, settings, setups)

    async def handle(batch: Sequence[Inbound[Notice]]) -> list[Outcome]:
        await asyncio.sleep(WINDOW_S)
        await bus.publish([_record(one.message.id) for one in batch])
        return [Done()] * len(batch)

    if sys.argv[1] == "recipe":
        Agents(app, settings, bus, setups, clock, metrics, Progress(limit_s=600)).add(topics.NOTICES, handle)
    else:
        _acknowledge_first(app, bus)
    uvloop.install()
    worker = faust.Worker(app, loglevel="WARNING", override_logging=False, redirect_stdouts=False, quiet=True)
    worker.execute_from_commandline()


def _acknowledge_first(app: faust.App, bus: FaustBus) -> None:
    """Do the same work, but acknowledge each message when it is taken: what a kill test must be able to notice."""
    source = app.topic(
        topics.NOTICES.name, value_type=bytes, key_type=bytes, value_serializer="raw", key_serializer="raw"
    )

    async def control(stream: Any) -> None:
        batch: list[Notice] = []
        queue = stream.channel.queue
        async for event in stream.noack().events():
            items = items_of(received(event.message))
            batch += [topics.NOTICES.decode(item.value or b"", item.headers) for item in items]
            await stream.ack(event)
            if len(batch) >= 200 or queue.empty():
                await asyncio.sleep(WINDOW_S)
                await bus.publish([_record(one.id) for one in batch])
                batch = []

    app.agent(source, concurrency=1)(control)


if __name__ == "__main__":
    main()
