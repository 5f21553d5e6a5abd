"""As much of a pair's state as the lists show, read without checking all of it.

Building the views anew reads millions of states, and checking the whole of each costs more than all the rest.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from pydantic_core import from_json

from shared.model import pairs
from shared.model.records import LEFT, RIGHT
from shared.model.words import Status
from shared.rules.searching import Searched
from shared.wire import topics
from shared.wire.topics import UnreadableMessage

STATUSES: Final = (
    *(Status.IN_SYNC, Status.PENDING, Status.FAILING, Status.EXCLUDED),
    *(Status.HIDDEN, Status.CLOSED, Status.ABSORBED),
)
"""All statuses, by the number that stands for each in the tables."""


class Waits(Protocol):
    """A write that is under way."""

    @property
    def accepted_ms(self) -> int:
        """When the change that caused it was accepted."""


class Listed(Searched, Protocol):
    """What the views take of a pair's state: of the whole of it, or of a glance at it."""

    @property
    def sync(self) -> str:
        """Its sync."""

    @property
    def pair(self) -> str:
        """Its name."""

    @property
    def pending(self) -> Mapping[Any, Waits]:
        """Writes that are under way."""

    @property
    def changed_ms(self) -> int:
        """When its status last changed."""

    @property
    def synced_ms(self) -> int:
        """When both sides were last known to be settled."""


@dataclass(frozen=True, slots=True)
class _End:
    id: str
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Known:
    by: str
    key: str


@dataclass(frozen=True, slots=True)
class _Waits:
    accepted_ms: int


@dataclass(frozen=True, slots=True)
class Glance:
    """What a state says of what the lists show."""

    sync: str
    pair: str
    status: str
    reason: str
    label: str
    L: _End | None
    R: _End | None
    match: _Known | None
    pending: Mapping[str, _Waits]
    changed_ms: int
    synced_ms: int


def read(raw: bytes, headers: Mapping[str, str]) -> Glance:
    """Read a state from the wire; raises `UnreadableMessage`."""
    topics.PAIR_STATE.check(headers)
    try:
        told = from_json(raw)
        form, status, pending = told.get("form", pairs.FORM), told.get("status", "pending"), told.get("pending")
        found = Glance(
            told["sync"],
            told["pair"],
            status,
            told.get("reason", ""),
            told.get("label", ""),
            _end(told.get(LEFT)),
            _end(told.get(RIGHT)),
            _known(told.get("match")),
            {side: _Waits(row.get("accepted_ms", 0)) for side, row in pending.items()} if pending else {},
            told.get("changed_ms", 0),
            told.get("synced_ms", 0),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnreadableMessage("malformed", f"no state of a pair: {type(error).__name__}") from error
    if form > pairs.FORM or status not in STATUSES:
        raise UnreadableMessage("newer_version", f"form {form}, status {status!r}; this version reads {pairs.FORM}")
    return found


def _end(told: Mapping[str, Any] | None) -> _End | None:
    return None if told is None else _End(told["id"], told.get("fields") or {})


def _known(told: Mapping[str, Any] | None) -> _Known | None:
    return None if told is None else _Known(told["by"], told.get("key", ""))


def ends_of(pair: Listed) -> tuple[str, str]:
    """Return the ids of both records, empty where there is none."""
    return pair.L.id if pair.L else "", pair.R.id if pair.R else ""
