"""Run the writer: ``python -m services.writer``."""

import sys

from services.writer.write import Write
from shared.contract.app import App
from shared.io.calls.caller import make_caller
from shared.io.kafka.consumer import Subscription, SupervisedConsumer
from shared.io.kafka.later import LaterLoop
from shared.io.process.service import Service, serve
from shared.io.threads import InThreads
from shared.wire import topics

MOST = 2000
"""Most commands taken at once: enough to fill the calls of all lanes of an account."""
ROUNDS = 20
"""Calls of each lane that one batch is made for; more of a slow app's could not be finished in time."""
HOLD_SHARE = 0.8
"""Of the time that a batch may be held: the last call begins by then, and has the rest to end."""
LINGER_S = 1.0
"""How long backfill waits for full calls."""


def batch_of(app: App) -> int:
    """Return how many commands of an app are taken at once."""
    return min(MOST, ROUNDS * app.max_parallel * max((one.write_batch for one in app.objects.values()), default=1))


def wire(service: Service) -> None:
    """Start a consumer for each app's live writes and one for its backfill, so that neither waits for the other."""
    settings = service.settings
    caller = make_caller(
        settings, service.setups, service.metrics, service.clock, grants=service.grants, sleep=service.pause
    )
    for app in settings.apps:
        for backfill in (False, True):
            topic = topics.writes(app, backfill=backfill)
            write = Write(
                service.store,
                service.bus,
                service.setups,
                caller,
                clock=service.clock,
                metrics=service.metrics,
                together=InThreads(topic.name, width=16),
                stop=service.stop.is_set,
                hold_s=HOLD_SHARE * settings.hold_limit_s,
            )
            consumer = SupervisedConsumer(
                settings,
                Subscription(
                    group=topic.name,
                    topics=(topic,),
                    handle=write.handle,
                    batch=batch_of(service.setups.apps[app]),
                    linger_s=LINGER_S if backfill else 0.0,
                ),
                bus=service.bus,
                metrics=service.metrics,
                clock=service.clock,
                progress=service.progress,
            )
            service.health.require(topic.name, consumer.ready)
            service.start(topic.name, consumer.run)
    later = LaterLoop(
        settings, bus=service.bus, metrics=service.metrics, clock=service.clock, progress=service.progress
    )
    service.start("later", later.run)


if __name__ == "__main__":
    sys.exit(serve("writer", wire))
