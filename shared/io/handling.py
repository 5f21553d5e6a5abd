"""One batch, from bytes to settled: decode, handle, then publish what the outcomes ask for.

The supervised consumer, the matcher's agents and the protocol simulator all run this, so what an outcome means is
written once. When it returns, every follow-up is acknowledged and the offsets may be committed; when it raises,
nothing may be.
"""

import base64
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Final, TypeAlias, TypeVar

from pydantic import BaseModel

from shared import logs
from shared.io.envelope import WAITED, MessageTooLarge, Received, trace_id, unwrap
from shared.io.ports import Bus, Clock, Inbound, Outbound
from shared.metrics import Metrics
from shared.model.outcomes import NEWER_VERSION, Done, Drop, Later, Outcome, Park
from shared.wire import messages
from shared.wire.topics import DELAYS_MS, LATER, PARKED, Topic, UnreadableMessage

M = TypeVar("M", bound=BaseModel)
Handler: TypeAlias = Callable[[Sequence[Inbound[M]]], Coroutine[Any, Any, Sequence[Outcome]]]

POISON_SHARE: Final = 0.2
_POISON_LEAST: Final = 10

_log = logs.get(__name__)


def by_name(topics: Sequence[Topic[M]]) -> dict[str, Topic[M]]:
    """Index topics by their names."""
    return {topic.name: topic for topic in topics}


async def process(
    received: Sequence[Received],
    topics: Mapping[str, Topic[M]],
    handle: Handler[M],
    *,
    bus: Bus,
    clock: Clock,
    metrics: Metrics,
) -> Sequence[Outcome]:
    """Handle a batch completely, and give the outcome of each message.

    Raises `NotReady` and `BusUnavailable`, on which the batch is to be tried again; any other exception is a bug in
    the handler, on which the partition stops.
    """
    readable: dict[int, Inbound[M]] = {}
    follow_ups: list[Outbound] = []
    settled: dict[int, Outcome] = {}
    for number, item in enumerate(received):
        try:
            readable[number] = unwrap(item, topics)
        except UnreadableMessage as error:
            if error.reason == NEWER_VERSION.reason:
                settled[number] = NEWER_VERSION
                follow_ups.append(_delay(item, item.value or b"", NEWER_VERSION, clock.now_ms(), None))
                continue
            park = Park(error.reason, error.detail)
            settled[number] = park
            follow_ups.append(_park(item, item.value, park, clock.now_ms(), None))
    outcomes = await _handle([*readable.values()], handle, metrics)
    for (number, inbound), outcome in zip(readable.items(), outcomes, strict=True):
        settled[number] = outcome
        more = follow_up(inbound, outcome, clock.now_ms())
        if more:
            follow_ups.append(more)
    if follow_ups:
        await bus.publish(follow_ups)
    answer = [settled[number] for number in range(len(received))]
    report(received, answer, metrics)
    return answer


async def _handle(batch: Sequence[Inbound[M]], handle: Handler[M], metrics: Metrics) -> Sequence[Outcome]:
    """Run the handler; when an output does not fit into its topic, find the message that causes it and park that."""
    if not batch:
        return ()
    started = time.perf_counter()
    try:
        outcomes = await handle(batch)
    except MessageTooLarge as error:
        if len(batch) == 1:
            return (Park("too_large", str(error)),)
        metrics.count("retries_total", topic=batch[0].topic, cause="too_large")
        return [(await _handle([one], handle, metrics))[0] for one in batch]
    if len(outcomes) != len(batch):
        raise RuntimeError(f"the handler of {batch[0].topic} gave {len(outcomes)} outcomes for {len(batch)} messages")
    metrics.observe("handler_seconds", time.perf_counter() - started, topic=batch[0].topic)
    metrics.observe("batch_messages", len(batch), topic=batch[0].topic)
    return outcomes


def follow_up(inbound: Inbound[Any], outcome: Outcome, now_ms: int) -> Outbound | None:
    """Return the message that an outcome asks for: a delayed or a parked copy of what came in."""
    if isinstance(outcome, Later):
        return _delay(inbound, inbound.raw, outcome, now_ms, inbound)
    if isinstance(outcome, Park):
        return _park(inbound, inbound.raw, outcome, now_ms, inbound)
    return None


def _delay(
    source: Inbound[Any] | Received, raw: bytes, outcome: Later, now_ms: int, cause: Inbound[Any] | None
) -> Outbound:
    delayed = messages.Delayed(
        topic=source.topic,
        key=source.key,
        raw_base64=base64.b64encode(raw).decode(),
        headers={**source.headers, WAITED: outcome.reason},
        due_ms=now_ms + DELAYS_MS[outcome.delay],
    )
    return Outbound(topic=LATER[outcome.delay], key=source.key, message=delayed, cause=cause)


def _park(
    source: Inbound[Any] | Received, raw: bytes | None, outcome: Park, now_ms: int, cause: Inbound[Any] | None
) -> Outbound:
    parked = messages.Parked(
        topic=source.topic,
        partition=source.partition,
        offset=source.offset,
        key=source.key,
        raw_base64=base64.b64encode(raw or b"").decode(),
        headers=source.headers,
        reason=outcome.reason,
        detail=outcome.detail[:2000],
        at_ms=now_ms,
    )
    return Outbound(topic=PARKED, key=source.key, message=parked, cause=cause)


def report(received: Sequence[Received], outcomes: Sequence[Outcome], metrics: Metrics) -> None:
    """Count outcomes and log them: what waits or is parked by itself, the rest at debug level."""
    counts: Counter[tuple[str, str, str]] = Counter()
    everything = logs.tells_all()
    for item, outcome in zip(received, outcomes, strict=True):
        kind = _kind(outcome)
        counts[item.topic, kind, outcome.reason] += 1
        if isinstance(outcome, Later | Park):
            line = _log.warning if isinstance(outcome, Park) else _log.info
            line(
                kind,
                reason=outcome.reason,
                detail=outcome.detail if isinstance(outcome, Park) else outcome.delay,
                topic=item.topic,
                partition=item.partition,
                offset=item.offset,
                key=item.key,
                trace=trace_id(item.headers),
            )
        elif everything:
            _log.debug(kind, reason=outcome.reason, topic=item.topic, partition=item.partition, offset=item.offset)
    for (topic, kind, reason), number in counts.items():
        metrics.count("messages_total", number, topic=topic, outcome=kind, reason=reason)
        if kind == "park":
            metrics.count("parked_total", number, topic=topic, reason=reason)
    parked = sum(number for (_, kind, _), number in counts.items() if kind == "park")
    if parked > max(_POISON_LEAST, POISON_SHARE * len(received)):
        _log.error("poison", parked=parked, batch=len(received), topic=received[0].topic)


def _kind(outcome: Outcome) -> str:
    if isinstance(outcome, Done):
        return "done"
    if isinstance(outcome, Drop):
        return "drop"
    return "later" if isinstance(outcome, Later) else "park"
