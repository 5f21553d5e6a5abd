"""Run ingest: ``python -m services.ingest``."""

import sys
import threading

from services.ingest.feeds.cursors import Cursors, follow
from services.ingest.feeds.field_watch import FieldWatch
from services.ingest.feeds.link_rounds import LinkRounds
from services.ingest.feeds.people_watch import PeopleWatch
from services.ingest.feeds.polling import Feeds
from services.ingest.hydrate import Hydrate
from services.ingest.known import TakenVersions
from services.ingest.noting import Noting
from services.ingest.webhooks import Webhooks, make_app
from services.jobs.runner import Runner
from services.jobs.work import Parts
from shared.io.calls.caller import make_caller
from shared.io.calls.vault import Vault
from shared.io.calls.webhook_refusals import WebhookRefusals
from shared.io.kafka.connecting import partition_of
from shared.io.kafka.consumer import Subscription, SupervisedConsumer
from shared.io.kafka.producer import KafkaBus
from shared.io.kafka.reader import keys_since
from shared.io.net.web import web_server
from shared.io.process.service import Service, serve
from shared.io.redis.client import connect_by
from shared.io.redis.feed_notes import RedisFeedNotes
from shared.io.threads import InThreads
from shared.wire import topics


def wire(service: Service) -> None:
    """Start the webhook server, the hydrator, the feeds and the jobs."""
    settings = service.settings
    caller = make_caller(
        settings, service.setups, service.metrics, service.clock, grants=service.grants, sleep=service.pause
    )
    hydrate = Hydrate(
        service.store, service.bus, service.setups, caller, service.clock, together=InThreads("hydrate", width=8)
    )
    consumer = SupervisedConsumer(
        settings,
        Subscription(
            group=topics.HYDRATE_GROUP, topics=(topics.NOTICES,), handle=hydrate.handle, batch=settings.poll_batch
        ),
        bus=service.bus,
        metrics=service.metrics,
        clock=service.clock,
        progress=service.progress,
    )
    service.health.require(topics.HYDRATE_GROUP, consumer.ready)
    service.start(topics.HYDRATE_GROUP, consumer.run)

    partitions = len(service.offsets.end_offsets(topics.NOTICES.name))

    def owns(name: str) -> bool:
        part = (topics.NOTICES.name, partition_of(name, partitions))
        return read.is_set() and jobs_read() and part in service.progress.owned(topics.HYDRATE_GROUP)

    cursors, read = Cursors(service.bus), threading.Event()
    jobs_read = service.follow_jobs()
    service.start("cursors", lambda stop: follow(settings, cursors, read, stop))
    noting = Noting(RedisFeedNotes(connect_by(settings)), service.clock)
    feeds = Feeds(
        setups=service.setups,
        jobs=service.jobs,
        caller=caller,
        bus=service.bus,
        clock=service.clock,
        metrics=service.metrics,
        cursors=cursors,
        known=TakenVersions(service.store, service.setups),
        links=LinkRounds(service.setups, service.store, caller, service.bus, service.clock),
        owns=owns,
        noting=noting,
    )
    service.start("feeds", feeds.run)
    for kind in (FieldWatch, PeopleWatch):
        watch = kind(
            setups=service.setups,
            caller=caller,
            bus=service.bus,
            clock=service.clock,
            metrics=service.metrics,
            cursors=cursors,
            owns=owns,
        )
        service.start(kind.NAME, watch.run)
    parts = Parts(
        setups=service.setups,
        jobs=service.jobs,
        caller=caller,
        bus=service.bus,
        clock=service.clock,
        store=service.store,
        offsets=service.offsets,
        has_begun=cursors.has_begun,
        keys_since=lambda start, prefix: keys_since(settings, topics.RECORDS, start, prefix),
        owns=owns,
    )
    service.start("jobs", Runner(parts).run)
    _serve_webhooks(service, noting)


def _serve_webhooks(service: Service, noting: Noting) -> None:
    settings = service.settings
    quick = KafkaBus(
        settings,
        metrics=service.metrics,
        timeout_s=settings.webhook_ack_timeout_s,
        setups=lambda: service.setups.offset,
    )
    vault = Vault.from_file(settings.key_file)
    refusals = WebhookRefusals(connect_by(settings))
    webhooks = Webhooks(
        service.setups,
        vault,
        quick,
        service.clock,
        metrics=service.metrics,
        public_url=settings.public_url,
        refused=refusals.note,
        noting=noting,
    )
    run = web_server(make_app(webhooks, service.setups.apps), settings.ingest_host, settings.ingest_port, backlog=1024)
    service.start("webhooks", run)


if __name__ == "__main__":
    sys.exit(serve("ingest", wire))
