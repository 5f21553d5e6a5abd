"""What breaks while people edit: every process dies, Redis forgets everything, answers are lost."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from redis import Redis

from deploy.local.stack import PORTAL
from tests.e2e.live import Live


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that breaks, and how it is mended."""

    name: str
    begin: Callable[[Live], None]
    end: Callable[[Live], None] = lambda _live: None
    edits: int = 0
    """How many edits people make in between; an app that is away cannot be edited."""


def _kill(service: str) -> Fault:
    return Fault(name=f"SIGKILL of {service}", begin=lambda live: live.stack.services[service].kill())


def _kill_kafka(live: Live) -> None:
    assert live.stack.kafka is not None
    live.stack.kafka.kill()


def _start_kafka(live: Live) -> None:
    assert live.stack.kafka is not None
    live.stack.kafka.start()


def _kill_redis(live: Live) -> None:
    assert live.stack.redis is not None
    live.stack.redis.kill()


def _start_redis(live: Live) -> None:
    assert live.stack.redis is not None
    live.stack.redis.start()


def _flush(live: Live) -> None:
    with Redis.from_url(live.stack.redis_url) as client:
        client.flushall()


def _restart_book(live: Live) -> None:
    live.stack.radicale.kill()
    time.sleep(1)
    live.stack.radicale.start()


def _restart_hubspot(live: Live) -> None:
    live.stack.hubspot.kill()
    time.sleep(1)
    live.stack.hubspot.start()


def _lose_answers(live: Live) -> None:
    live.admin.set_faults(PORTAL, {"kind": "drop_reply", "share": 0.4, "path": "/crm/v3/objects/contacts"})


def _mend(live: Live) -> None:
    live.admin.set_faults(PORTAL)


FAULTS: Final = (
    _kill("writer"),
    Fault(name="answers of HubSpot lost", begin=_lose_answers, end=_mend, edits=15),
    _kill("matcher"),
    Fault(name="Redis FLUSHALL", begin=_flush),
    _kill("ingest"),
    Fault(name="Redis killed", begin=_kill_redis, end=_start_redis, edits=15),
    _kill("console"),
    Fault(name="Kafka killed", begin=_kill_kafka, end=_start_kafka, edits=25),
    Fault(name="the address book restarted", begin=_restart_book),
    Fault(name="HubSpot restarted", begin=_restart_hubspot),
)
"""In this order, then from the beginning; Redis forgets everything once alone."""
