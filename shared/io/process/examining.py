"""Looks at the servers of an installation: whether they answer and are set up as they must be, and what to do."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from kafka import KafkaAdminClient
from kafka.errors import KafkaError
from redis.exceptions import AuthenticationError, RedisError

from shared.findings import Finding
from shared.io.kafka.client import make_client
from shared.io.kafka.connecting import client_config
from shared.io.kafka.topics import plan
from shared.io.process.reaching import answers
from shared.io.redis.client import UnsafeRedis, check_policy, connect_by
from shared.settings import PREFIX, Settings
from shared.wire import topics
from shared.wire.topics import Topic

_BOOTSTRAP_MS: Final = 8_000
_CLOCK_WARN_MS: Final = 2_000
_CLOCK_FAIL_MS: Final = 30_000
_FULL: Final = 0.8
_NAMED: Final = 6
"""Topics that one line names."""
_APPLY: Final = "Run `python -m shared.io.kafka.topics`; `--plan` shows what it would do."


def redis_findings(settings: Settings) -> Iterator[Finding]:
    """Look at Redis: whether it answers, may lose links, has room, and whether both clocks agree."""
    place = urlsplit(settings.redis_url.get_secret_value()).netloc.rpartition("@")[2]
    named = f"name another in {PREFIX}REDIS_URL"
    try:
        client = connect_by(settings)
        info: Any = client.info()
        sent = time.time()
        told: Any = client.time()
        ours_ms, theirs_ms = int((sent + time.time()) * 500), told[0] * 1000 + told[1] // 1000
    except AuthenticationError as error:
        advice = f"Put its user and password into {PREFIX}REDIS_URL, such as redis://user:password@host:6379/0."
        yield Finding(ok=False, title=f"Redis at {place} does not let us in ({error})", advice=advice)
        return
    except (RedisError, OSError, ValueError) as error:
        advice = f"Start it, or {named}."
        yield Finding(ok=False, title=f"Redis does not answer at {place} ({error})", advice=advice)
        return
    try:
        old = check_policy(client)
    except UnsafeRedis as error:
        yield Finding(ok=False, title=f"Redis at {place} cannot be used", advice=f"{error}.")
        return
    yield Finding(ok=True, title=f"Redis {info['redis_version']} at {place}", advice=f"{old}." if old else "")
    most, used = int(info.get("maxmemory") or 0), int(info.get("used_memory") or 0)
    if most:
        advice = (
            "Raise its maxmemory: when it is full, nothing is synced until it has room." if used > _FULL * most else ""
        )
        yield Finding(ok=True, title=f"Redis uses {used >> 20} of {most >> 20} MiB", advice=advice)
    yield clock(ours_ms, theirs_ms)


def clock(ours_ms: int, theirs_ms: int) -> Finding:
    """Compare this machine's clock with that of Redis."""
    apart = abs(ours_ms - theirs_ms)
    advice = "Have both machines follow one time server: sign-ins, delays and the order of edits go by their clocks."
    return Finding(
        ok=apart < _CLOCK_FAIL_MS,
        title=f"this machine's clock and that of Redis are {apart / 1000:.1f} s apart",
        advice=advice if apart >= _CLOCK_WARN_MS else "",
    )


def kafka_findings(settings: Settings, wanted: Sequence[Topic[Any]], apps: Sequence[str]) -> Iterator[Finding]:
    """Look at Kafka: whether it lets us in, has the topics, as they must be, and whether workers have joined.

    Args:
        settings: Where it is.
        wanted: The topics of the installation.
        apps: Apps that connections use, each with a writer.
    """
    brokers = settings.kafka_bootstrap
    if not any(map(answers, brokers.split(","))):
        advice = f"Start it, or name its brokers in {PREFIX}KAFKA_BOOTSTRAP."
        yield Finding(ok=False, title=f"nothing listens where Kafka should be ({brokers})", advice=advice)
        return
    try:
        admin = make_client(
            KafkaAdminClient,
            **client_config(settings),
            request_timeout_ms=_BOOTSTRAP_MS,
            bootstrap_timeout_ms=_BOOTSTRAP_MS,
        )
    except (KafkaError, OSError, ValueError) as error:
        yield Finding(ok=False, title=f"Kafka at {brokers} takes no session ({error})", advice=_session(settings))
        return
    try:
        cluster = admin.describe_cluster()
        yield Finding(ok=True, title=f"Kafka at {brokers}, {len(cluster['brokers'])} brokers")
        yield from _topics(settings, wanted, admin)
        yield from workers(admin.describe_groups, apps)
    except KafkaError as error:
        advice = "Allow this user to describe topics, their settings and groups; docs/reference/topics.md lists them."
        yield Finding(ok=False, title=f"Kafka does not tell how it stands ({error!r})", advice=advice)
    finally:
        admin.close()


def _session(settings: Settings) -> str:
    """Return what may be wrong where a broker listens and no session comes about: the client says no more."""
    if settings.kafka_security == "PLAINTEXT":
        return f"If it speaks TLS or wants a password, set {PREFIX}KAFKA_SECURITY. If not, look at its log."
    parts = [f"{PREFIX}KAFKA_SECURITY={settings.kafka_security} must be what this port speaks"]
    if settings.kafka_security.startswith("SASL"):
        parts.append(f"{PREFIX}KAFKA_USERNAME, {PREFIX}KAFKA_PASSWORD and {PREFIX}KAFKA_SASL_MECHANISM must be right")
    if settings.kafka_security.endswith("SSL"):
        parts.append(f"{PREFIX}KAFKA_CA_FILE must vouch for the brokers")
    return f"Check these: {'; '.join(parts)}."


def _topics(settings: Settings, wanted: Sequence[Topic[Any]], admin: Any) -> Iterator[Finding]:
    described = {row["name"]: row for row in admin.describe_topics([topic.name for topic in wanted])}
    there = {name: len(row["partitions"]) for name, row in described.items() if row["error_code"] == 0}
    actions = plan(wanted, settings, there, admin)
    missing = [one.topic for one in actions if one.kind == "create"]
    if missing:
        yield Finding(ok=False, title=f"topics are missing: {_listed(missing)}", advice=_APPLY)
    differing = [f"{one.topic} ({', '.join(sorted(one.configs))})" for one in actions if one.kind == "configure"]
    if differing:
        yield Finding(ok=True, title=f"settings of topics differ: {_listed(differing)}", advice=_APPLY)
    parts = [(name, part) for name in there for part in described[name]["partitions"]]
    alone = sorted({name for name, part in parts if len(part["isr_nodes"]) < len(part["replica_nodes"])})
    if alone:
        advice = "Bring the broker that is away back: until then, another one that fails may lose changes."
        yield Finding(ok=True, title=f"topics lack replicas: {_listed(alone)}", advice=advice)
    few = sorted({name for name, part in parts if len(part["replica_nodes"]) < settings.kafka_replication})
    if few:
        advice = (
            f"Have Kafka move them to as many brokers (kafka-reassign-partitions), or set {PREFIX}KAFKA_REPLICATION to "
            "what you accept."
        )
        title = f"topics have fewer than {settings.kafka_replication} replicas: {_listed(few)}"
        yield Finding(ok=True, title=title, advice=advice)
    if not missing and not differing:
        yield Finding(ok=True, title=f"{len(there)} topics are there, with their settings")


def workers(describe: Callable[[list[str]], Mapping[str, Mapping[str, Any]]], apps: Sequence[str]) -> Iterator[Finding]:
    """Look at who has joined the groups of each service; before a first start, nobody has.

    Args:
        describe: Describes groups by name, as Kafka does.
        apps: Apps that connections use.
    """
    groups = {topics.HYDRATE_GROUP: "ingest", topics.MATCHER_GROUP: "matcher"}
    groups |= {topics.writes(app).name: "writer" for app in apps}
    described = describe(list(groups))
    members = {group: len(described[group]["members"]) for group in groups}
    idle = not any(members.values())
    for group, service in groups.items():
        number = members[group]
        title = f"{number} {'worker reads' if number == 1 else 'workers read'} for {service} ({group})"
        if number:
            yield Finding(ok=True, title=title)
        else:
            advice = f"Start `python -m services.{service}`: its work waits meanwhile, and is not lost."
            yield Finding(ok=idle, title=f"no {service} works ({group})", advice=advice)


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
