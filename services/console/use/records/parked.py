"""What people decide of messages that nobody could handle: to have them handled once more, or to drop them.

A message that is replayed goes out before it is told that it was: whoever dies in between leaves it parked, and to be
handled twice changes nothing.
"""

import base64
import binascii
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from services.console.use.activity import Did
from services.console.use.problems import Problem
from services.console.use.publishing import publish
from services.console.use.standing.installation import Installation
from services.console.views.parking import ParkedFilter, replays_of
from shared.io.envelope import REPLAYED, MessageTooLarge, Stored
from shared.io.ports import BusUnavailable, Outbound
from shared.wire import topics
from shared.wire.messages import Parked, ParkedDecision
from shared.wire.topics import UnreadableMessage

What: TypeAlias = Literal["replayed", "dropped"]
MOST: Final = 1_000
"""Messages that one order is about at most: it is answered within some seconds."""
LONGEST: Final = 500
"""Characters of a reason."""
_AT_ONCE: Final = 50
"""Messages that are read and published together."""
_NEAR: Final = 500
"""Messages between two wanted ones, up to which it is quicker to read on than to begin anew."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What came of an order."""

    what: What
    done: int
    gone: int
    """Messages that Kafka does not keep any longer."""
    left: int = 0
    """Messages that the filter chooses, too, and that were too many for one order."""


def replay(console: Installation, ats: Sequence[int], who: str) -> Decided:
    """Publish messages once more as they came, the oldest first; raises `Problem`.

    Args:
        console: Where they are parked.
        ats: Their places; those of which somebody has decided meanwhile are left alone.
        who: Whoever asks for it.
    """
    rows = _named(console, ats)
    known = {topic.name: topic for topic in topics.catalogue(tuple(console.setups.apps))}
    done = 0
    for batch in _batches(console, [row["at"] for row in rows]):
        out = [_once_more(stored.key, stored.message, known) for stored in batch if stored.message is not None]
        try:
            publish(console, out, None)  # `_tell` tells of it
        except MessageTooLarge as error:
            raise Problem(409, "Too large", f"{error}; {done} of {len(rows)} messages were replayed.") from error
        _tell(console, [(stored.offset, stored.message) for stored in batch if stored.message], "replayed", "", who)
        done += len(out)
    return Decided("replayed", done, len(rows) - done)


def drop(console: Installation, ats: Sequence[int], why: str, who: str) -> Decided:
    """Take messages out of the list for good; raises `Problem`.

    Args:
        console: Where they are parked.
        ats: Their places.
        why: A reason, which is kept.
        who: Whoever asks for it.
    """
    if not why.strip():
        raise Problem(422, "Say why", "Write why these messages are not needed: it is kept with them.")
    rows = _named(console, ats)
    parked = [
        (row["at"], Parked(**{name: row[name] for name in ("topic", "key", "reason", "at_ms")}, **_UNREAD))
        for row in rows
    ]
    _tell(console, parked, "dropped", why.strip()[:LONGEST], who)
    return Decided("dropped", len(rows), 0)


_UNREAD: Final[dict[str, Any]] = {"partition": 0, "offset": 0, "raw_base64": ""}


def chosen(console: Installation, wanted: ParkedFilter) -> tuple[list[int], int]:
    """Return the places of the oldest messages that a filter chooses, and how many more there are."""
    rows = console.views.parked_rows(0, MOST, wanted, oldest=True)
    return [row["at"] for row in rows], max(0, console.views.parked_number(wanted) - len(rows))


def _named(console: Installation, ats: Sequence[int]) -> list[dict[str, Any]]:
    if len(ats) > MOST:
        raise Problem(422, "Too many at once", f"Name {MOST:,} messages at most, or choose them by a filter.")
    rows = console.views.parked_named(ats)
    if not rows:
        raise Problem(404, "No such message", "None of these messages is parked: they were replayed or dropped before.")
    return rows


def _batches(console: Installation, ats: Sequence[int]) -> Iterator[list[Stored[Parked]]]:
    """Yield messages by their places, in order, some at a time; those that are not kept any longer are left out."""
    try:
        for run in _runs(ats):
            wanted, batch = set(run), list[Stored[Parked]]()
            with closing(console.parked_from(run[0])) as found:
                for stored in found:
                    if stored.offset in wanted:
                        batch.append(stored)
                    if len(batch) == _AT_ONCE:
                        yield batch
                        batch = []
                    if stored.offset >= run[-1]:
                        break
            if batch:
                yield batch
    except BusUnavailable as error:
        raise Problem(503, "Kafka is away", str(error), {"Retry-After": "1"}) from error
    except UnreadableMessage as error:
        raise Problem(409, "Of another version", f"A parked message cannot be read here: {error}.") from error


def _runs(ats: Sequence[int]) -> Iterator[list[int]]:
    """Divide places in order into those that lie near each other."""
    run: list[int] = []
    for at in ats:
        if run and at - run[-1] > _NEAR:
            yield run
            run = []
        run.append(at)
    if run:
        yield run


def _once_more(key: str, parked: Parked, known: dict[str, topics.Topic[Any]]) -> Outbound:
    """Return a message as it came, under its own key and with its own headers, and how often it was replayed."""
    if parked.topic not in known:
        raise Problem(
            409,
            "No such topic",
            f"The message came from {parked.topic}, which this installation does not have: drop it.",
        )
    try:
        raw = base64.b64decode(parked.raw_base64, validate=True)
    except binascii.Error as error:
        raise Problem(409, "Not whole", f"The bytes of the message about {key} are not whole: drop it.") from error
    headers = {**parked.headers, REPLAYED: str(replays_of(parked) + 1)}
    return Outbound(topic=known[parked.topic], key=parked.key, message=None, raw=raw, headers=headers)


def _tell(console: Installation, about: Sequence[tuple[int, Parked]], what: What, why: str, who: str) -> None:
    now = console.clock.now_ms()
    decisions = [
        ParkedDecision(
            at=at, parked_ms=row.at_ms, what=what, topic=row.topic, key=row.key, reason=row.reason, why=why, who=who,
            at_ms=now,
        )
        for at, row in about
    ]  # fmt: skip
    if not decisions:
        return
    did = Did(what=f"parked.{what}", about=f"messages:{len(decisions)}", note=why)
    out = [Outbound(topic=topics.PARKED_DECISIONS, key=str(row.at), message=row) for row in decisions]
    publish(console, out, did)
