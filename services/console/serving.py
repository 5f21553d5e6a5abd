"""Wires the console as a service: the views, and the API and pages that answer from them."""

import threading
from functools import partial

from services.console.access import first_admin
from services.console.access.authentication import Access
from services.console.access.passwords import Passwords
from services.console.access.people import People
from services.console.access.rates import Limits
from services.console.alerts.telling import Teller
from services.console.alerts.watching import AlertWatch
from services.console.exports.known import Exports
from services.console.exports.making import Exporter
from services.console.site import make_site
from services.console.use.administration.alerts import Alerts
from services.console.use.administration.mailing import Mailing
from services.console.use.administration.retention import Keeping
from services.console.use.administration.single_sign_on import SingleSignOn
from services.console.use.administration.users import Accounts
from services.console.use.asking import Asking
from services.console.use.connections.connections import Connections
from services.console.use.standing.exports import Exporting
from services.console.use.standing.installation import Installation
from services.console.use.syncs import switch
from services.console.views.following import Follower, states_from
from services.console.views.gauges import Gauges
from services.console.views.keeping import HealthKeeper
from services.console.views.projection import Views
from shared.io.calls.budgets_redis import RedisBudgets
from shared.io.calls.call_notes import RedisCallNotes
from shared.io.calls.tokens import sign_in_of
from shared.io.calls.tokens_redis import RedisTokens
from shared.io.calls.vault import Vault
from shared.io.calls.webhook_refusals import WebhookRefusals
from shared.io.kafka.reader import read_to_end
from shared.io.kafka.topics import KafkaRetention
from shared.io.net.hooks import make_hook
from shared.io.net.mail import make_post
from shared.io.net.openid import make_open_id
from shared.io.net.web import web_server
from shared.io.process.following import TopicFollower
from shared.io.process.service import Service
from shared.io.redis.attempts import RedisAttempts
from shared.io.redis.client import connect_by
from shared.io.redis.feed_notes import RedisFeedNotes
from shared.io.redis.once import RedisOnce
from shared.io.redis.rates import RedisRates
from shared.settings import SettingsError
from shared.wire import topics


def wire(service: Service) -> None:
    """Start the views, the API and the pages."""
    settings = service.settings
    if settings.console_token is None or not settings.console_token.get_secret_value():
        raise SettingsError("SYNCLINE_CONSOLE_TOKEN is not set: choose a long random text, which opens the console")
    views = Views(settings.data_dir / "views.sqlite")
    people = People()
    followed = TopicFollower(settings, topics.ACCESS, people)
    # Until it is known what an admin has decided, nothing is forgotten.
    follower = Follower(
        settings, views, lambda: settings.kept.decided(people.retention()) if followed.caught_up.is_set() else None
    )
    service.health.require("views", lambda: "" if follower.caught_up.is_set() else "the journal is still being read")
    service.start("views", follower.run)
    jobs_read = service.follow_jobs()
    service.health.require("jobs", lambda: "" if jobs_read() else "the jobs are still being read")
    exports = Exports()
    exports_followed = TopicFollower(settings, topics.EXPORTS, exports)
    service.start("exports-followed", exports_followed.run)
    client = connect_by(settings)
    tokens, once, vault = RedisTokens(client), RedisOnce(client), Vault.from_file(settings.key_file)
    installation = Installation(
        views,
        service.setups,
        service.jobs,
        service.bus,
        service.clock,
        budgets=RedisBudgets(client),
        ready=follower.caught_up.is_set,
        refused=lambda row: tokens.look(sign_in_of(row)).paused,
        webhooks=WebhookRefusals(client).of,
        parked_from=lambda at: read_to_end(settings, topics.PARKED, start={0: at}),
        exports=Exporting(
            service, exports, vault, lambda at: read_to_end(settings, topics.EXPORT_CHUNKS, start={0: at})
        ),
        connections=Connections(service, lambda topic: read_to_end(settings, topic), once),
        feed_notes=RedisFeedNotes(client),
        call_notes=RedisCallNotes(client),
        states_from=lambda start: states_from(settings, start),
        asking=Asking(RedisRates(client, service.clock)),
    )
    views.watchers.append(installation.events.take)
    service.start("events", installation.events.run)
    service.start("access-followed", followed.run)
    service.health.require("access", lambda: "" if followed.caught_up.is_set() else "the users are still being read")
    passwords = Passwords(vault)
    installation.followed[topics.ACCESS.name] = lambda: people.offset
    accounts = Accounts(installation, people, passwords, once, people.settle)
    service.start("first-admin", lambda stop: first_admin.offer(accounts, settings, followed.caught_up, stop))
    attempts = RedisAttempts(client, service.clock)
    single_sign_on = SingleSignOn(accounts, vault, once, make_open_id(settings, service.clock))
    mailing = Mailing(accounts, vault, make_post(settings))
    keeping = Keeping(accounts, settings.kept, KafkaRetention(settings))
    teller = Teller(mailing, vault, make_hook(settings))
    access = Access(
        settings.console_token.get_secret_value(),
        service.clock,
        accounts,
        attempts,
        single_sign_on,
        mailing,
        Alerts(teller),
        Limits(RedisRates(client, service.clock), settings.console_calls_per_minute),
        keeping,
    )
    run = web_server(
        make_site(installation, access, settings.console_names),
        settings.console_host,
        settings.console_port,
        backlog=128,
    )
    service.start("api", run)
    keeper = HealthKeeper(
        views,
        service.setups,
        service.bus,
        service.clock,
        standing=installation.connection,
        days=lambda: keeping.kept.health_days,
        ready=follower.caught_up.is_set,
    )
    service.start("health", keeper.run)
    exporter = Exporter(
        installation,
        once,
        ready=lambda: follower.caught_up.is_set() and exports_followed.caught_up.is_set(),
        name=settings.instance_id,
        mailing=mailing,
        kept_ms=lambda: keeping.kept.exports_days * topics.DAY_MS,
    )
    service.start("exports", exporter.run)
    service.start("retention", lambda stop: _tell_kafka(keeping, followed.caught_up, stop))
    watch = AlertWatch(
        installation,
        teller,
        once,
        ready=lambda: follower.caught_up.is_set() and followed.caught_up.is_set() and jobs_read(),
        name=settings.instance_id,
        switch_off=partial(switch, service, on=False),
    )
    service.start("alerts", watch.run)
    gauges = Gauges(views, service.setups, service.metrics, service.clock, installation.connection)
    service.start("gauges", gauges.run)


def _tell_kafka(keeping: Keeping, read: threading.Event, stop: threading.Event) -> None:
    """Make Kafka keep things as long as an admin has decided, once that is read."""
    while not stop.is_set():
        if read.wait(1.0):
            keeping.run(stop)
