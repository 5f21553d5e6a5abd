"""Which work makes way for live changes: what a first sync, or a resync of all records, finds.

A person who chose some records for a resync waits for them, so that stays live. What follows of a pair that made way,
such as a write that the app had no time for, makes way as well, until something new is heard of one of its records.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from shared.io.ports import Inbound
from shared.model.pairs import Pair, PairEvent
from shared.model.touches import effects_of


def is_backfill(message: Any) -> bool:
    """Check whether a message comes from a first sync or a resync of all records."""
    return isinstance(message, PairEvent) and (message.origin == "snapshot" or effects_of(message.reason).makes_way)


def _is_news(event: PairEvent) -> bool:
    """Check whether a message tells more than what its pair waits for already."""
    if event.kind == "touch":
        return effects_of(event.reason).is_news
    return event.kind == "report" and event.origin != "answer" and not event.asks


def _is_live(event: PairEvent) -> bool:
    return _is_news(event) and not is_backfill(event)


def is_open(pair: Pair) -> bool:
    """Check whether something of a pair is under way: a write, a second read, or another try."""
    return bool(pair.pending or pair.again or any(end is not None and end.ask for end in (pair.L, pair.R)))


def yields(pair: Pair, events: Iterable[PairEvent]) -> bool:
    """Check whether the outputs of some messages make way for live changes."""
    found = list(events)
    if any(map(_is_live, found)):
        return False
    if pair.yields:
        return True
    return any(map(is_backfill, found)) and not is_open(pair)


def cause_of(messages: Sequence[Inbound[PairEvent]]) -> Inbound[PairEvent]:
    """Choose the message that a step's outputs name as their cause: the last live one, else the last."""
    live = [inbound for inbound in messages if _is_live(inbound.message)]
    return live[-1] if live else messages[-1]
