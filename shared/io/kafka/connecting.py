"""How to reach Kafka: what all clients of this process have in common."""

import functools
import selectors
from collections.abc import Sequence
from typing import Any, Final

from kafka import errors
from kafka.partitioner.default import murmur2
from kafka.structs import MemberState

from shared.io.kafka import client as kafka_client
from shared.settings import Settings

REBALANCE: Final[tuple[type[Exception], ...]] = (
    errors.CommitFailedError,
    errors.RebalanceInProgressError,
    errors.IllegalGenerationError,
    errors.UnknownMemberIdError,
    errors.RetriableError,
)
"""What a rebalance, a broker that moves or a broker that is away looks like to a consumer: drop and poll again."""
ALL_FETCHED: Final = 2**31 - 1
"""How many records a poll of a consumer that pauses partitions may return: all that were fetched. Of a partition that
is paused after a part was returned, kafka-python 3.0 keeps the rest until some fetch brings nothing."""


class KafkaFault(Exception):  # noqa: N818 - read by an operator as a sentence
    """A consumer cannot go on: the process has to end, with nothing committed that was not finished."""


WITHOUT_METRICS: Final[dict[str, Any]] = {"metrics_enabled": False}
"""For producers and consumers: their own metrics are not ours, and cost time for each record."""


class QuickSelector(selectors.DefaultSelector):
    """A selector that says without delay that a socket is not registered.

    kafka-python asks so before each wait. The standard library describes the socket in its answer, twice, which takes
    the system four calls.
    """

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[Any, selectors.SelectorKey] = {}

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        """Register a socket, and remember that."""
        self._known[fileobj] = key = super().register(fileobj, events, data)
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        """Forget a socket."""
        self._known.pop(fileobj, None)
        return super().unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        """Wait for something else of a socket."""
        self._known.pop(fileobj, None)  # where it cannot be changed, it is not registered any more
        self._known[fileobj] = key = super().modify(fileobj, events, data)
        return key

    def get_key(self, fileobj: Any) -> selectors.SelectorKey:
        """Return what a socket is registered for; raises KeyError."""
        return self._known[fileobj]


def client_config(settings: Settings) -> dict[str, Any]:
    """Return the arguments that every kafka-python client takes."""
    config: dict[str, Any] = {
        "bootstrap_servers": [part.strip() for part in settings.kafka_bootstrap.split(",")],
        "client_id": settings.kafka_client_id,
        "security_protocol": settings.kafka_security,
        "selector": QuickSelector,
        "reconnect_backoff_max_ms": 1000,  # the default of 30 s would be longer than most restarts of a broker
    }
    if settings.kafka_ca_file:
        config["ssl_cafile"] = str(settings.kafka_ca_file)
    if settings.kafka_security.startswith("SASL"):
        config["sasl_mechanism"] = settings.kafka_sasl_mechanism
        config["sasl_plain_username"] = settings.kafka_username
        config["sasl_plain_password"] = settings.kafka_password.get_secret_value()
    return config


def subscribe(consumer: Any, topics: Sequence[str]) -> None:
    """Subscribe a consumer to topics that exist; close it and raise `KafkaFault` when one does not."""
    missing = [name for name in topics if not consumer.partitions_for_topic(name)]
    if missing:
        consumer.close(autocommit=False, timeout_ms=2000)
        raise KafkaFault(
            f"the topics {', '.join(missing)} do not exist: create them with `python -m shared.io.kafka.topics`"
        )
    consumer.subscribe(list(topics))


def poll(consumer: Any, timeout_ms: int) -> Any:
    """Poll a member of a group, and have it finish a join that it began in an earlier poll.

    A poll whose time is over leaves a join under way for the next one. But where changed metadata was the reason to
    join, kafka-python 3.0 notes the change as dealt with when the group's leader divides the partitions: the next poll
    then sees no reason left, and the member would stay without partitions, and without heartbeats, for ever.
    """
    coordinator = consumer._coordinator  # noqa: SLF001 - nothing public tells of it, or asks for it
    if coordinator.rebalance_in_progress():
        coordinator.request_rejoin()
    return kafka_client.poll(consumer, timeout_ms)


def is_member(consumer: Any) -> bool:
    """Check whether a consumer has joined its group: the group's partitions are divided, and it knows its own."""
    return bool(consumer.group_metadata().state == MemberState.STABLE)


@functools.lru_cache(maxsize=4096)
def partition_of(key: str, partitions: int) -> int:
    """Return the partition of a key, as the Kafka clients choose it."""
    return int(murmur2(key.encode()) & 0x7FFFFFFF) % partitions
