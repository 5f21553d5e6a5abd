"""The bus of blocking processes: publishes to Kafka and returns when Kafka has acknowledged."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final

from kafka import KafkaProducer
from kafka.errors import KafkaError, MessageSizeTooLargeError, RetriableError

from shared import logs
from shared.io.envelope import (
    MAX_WRAPPED_BYTES,
    MessageTooLarge,
    RandomBits,
    Raw,
    fresh_bits,
    limit_of,
    wire_headers,
)
from shared.io.kafka.bundles import pack, topics_of
from shared.io.kafka.client import make_client
from shared.io.kafka.connecting import WITHOUT_METRICS, client_config
from shared.io.ports import BusUnavailable, Outbound
from shared.metrics import Metrics
from shared.settings import Settings

_GIVEN_UP_S: Final = 4.0
"""How long a producer may fail on end before it is replaced. After a broker's restart an idempotent producer can wait
for ever for batches whose time is over; a new one delivers at once."""
_log = logs.get(__name__)


class KafkaBus:
    """Publishes messages; safe to use from several threads.

    Its methods are coroutines that never suspend (`run_blocking`): they block their thread for *timeout_s* at most.

    Args:
        settings: Where Kafka is.
        metrics: Where acknowledged messages are counted.
        timeout_s: Seconds to wait for acknowledgement; `settings.publish_timeout_s` when None.
        setups: Tells the offset of the `setups` topic that this process has read.
        bits: Source of ids.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        metrics: Metrics,
        timeout_s: float | None = None,
        setups: Callable[[], int] = lambda: -1,
        bits: RandomBits | None = None,
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._timeout_s = settings.publish_timeout_s if timeout_s is None else timeout_s
        self._setups = setups
        self._bits = bits or fresh_bits()
        self._lock = threading.Lock()
        self._producer: Any = None
        self._failing_since = 0.0

    async def publish(self, messages: Sequence[Outbound]) -> Sequence[int]:
        """Return each message's offset once Kafka has acknowledged all of them.

        Raises `BusUnavailable` when it did not in time, and `MessageTooLarge` before anything is sent.
        """
        if not messages:
            return []
        producer = self._connected()
        try:
            counts = {name: len(producer.partitions_for(name)) for name in topics_of(messages)}
        except KafkaError as error:
            raise BusUnavailable(f"Kafka did not answer within {self._timeout_s} s: {error!r}") from error
        raws, numbers = pack(messages, setups=self._setups(), bits=self._bits, partitions=counts)
        offsets = await self.publish_raw(raws)
        return [offsets[number] for number in numbers]

    async def publish_raw(self, raws: Sequence[Raw]) -> Sequence[int]:
        """Publish messages that are in their envelopes already, as `publish` does."""
        for raw in raws:
            raw.check()
        if not raws:
            return []
        deadline = time.monotonic() + self._timeout_s
        producer = self._connected()
        try:
            futures = [self._send(producer, raw) for raw in raws]
            offsets = [int(future.get(timeout=max(0.0, deadline - time.monotonic())).offset) for future in futures]
        except MessageSizeTooLargeError as error:
            # The broker's limit is lower than the catalogue's: which message it was, the error does not say.
            largest = max(raws, key=lambda raw: raw.size)
            raise MessageTooLarge(largest.topic, largest.key, largest.size, limit_of(largest.topic)) from error
        except KafkaError as error:
            now = time.monotonic()
            self._failing_since = self._failing_since or now
            if not isinstance(error, RetriableError) or now - self._failing_since > _GIVEN_UP_S:
                self._replace(producer, error)
            raise BusUnavailable(f"Kafka did not acknowledge within {self._timeout_s} s: {error!r}") from error
        self._failing_since = 0.0
        for topic, number in Counter(raw.topic for raw in raws).items():
            self._metrics.count("published_total", number, topic=topic)
        return offsets

    def close(self, timeout_s: float = 2.0) -> None:
        """Close the connections; what is not acknowledged by then is given up."""
        with self._lock:
            producer, self._producer = self._producer, None
        if producer is not None:
            _end(producer, timeout_s=timeout_s)

    def _send(self, producer: Any, raw: Raw) -> Any:
        return producer.send(raw.topic, key=raw.key.encode(), value=raw.value, headers=wire_headers(raw.headers))

    def _connected(self) -> Any:
        with self._lock:
            if self._producer is None:
                try:
                    self._producer = make_client(KafkaProducer, **self._config())
                except KafkaError as error:
                    raise BusUnavailable(f"no Kafka at {self._settings.kafka_bootstrap}: {error!r}") from error
            return self._producer

    def _config(self) -> dict[str, Any]:
        timeout_ms = int(self._timeout_s * 1000)
        return {
            **client_config(self._settings),
            **WITHOUT_METRICS,
            "acks": "all",
            "enable_idempotence": True,  # a retry inside the client neither doubles nor reorders
            "linger_ms": 0,  # what one call publishes is sent together all the same; waiting only delays it
            "batch_size": 131_072,
            "max_request_size": MAX_WRAPPED_BYTES + 100_000,
            "max_block_ms": timeout_ms,
            "request_timeout_ms": max(2000, timeout_ms),
            # Not longer than needed: what a caller has given up is kept in memory until then.
            "delivery_timeout_ms": max(2000, timeout_ms) + 1000,
            "bootstrap_timeout_ms": timeout_ms,
            "allow_auto_create_topics": False,
        }

    def _replace(self, producer: Any, error: KafkaError) -> None:
        """Start anew after an error from which an idempotent producer does not recover by itself."""
        _log.warning("producer_replaced", error=repr(error))
        with self._lock:
            if self._producer is not producer:
                return  # another thread was faster
            self._producer = None
            self._failing_since = 0.0
        _end(producer, timeout_s=0)


def _end(producer: Any, *, timeout_s: float) -> None:
    """Close a producer; what it still holds is given up, as its callers have been told."""
    try:
        producer.close(timeout=timeout_s)
    except KafkaError as error:  # it could not send what it holds, and would go on trying
        _log.warning("producer_held_messages", error=repr(error))
        # The client has no other way to end then, and would wait for them again when it is collected.
        producer._sender.force_close()  # noqa: SLF001 - see above
        producer._closed = True  # noqa: SLF001 - see above
