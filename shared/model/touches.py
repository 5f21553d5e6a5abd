"""Why a pair is touched, and what each reason does: senders name a row of this table, and takers ask it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Touch(StrEnum):
    """Why a pair is to look again without a record of it being reported."""

    RESYNC = "resync"
    """A person wants all records of the sync compared anew."""
    RETRY = "retry"
    """A person wants this pair tried again."""
    BACKFILL = "backfill"
    """A first sync has read both sides, or what a pair of it decided concerns this one."""
    REMATCH = "rematch"
    """Another pair released a key that this one carries, or turned out not to have it."""
    WOKEN = "woken"
    """A record that an association of this pair waits for was linked, left, or was replaced."""
    AGAIN = "again"
    """The pair has asked for it itself: a write that waits is due."""
    REBUILT = "rebuilt"
    """The links were put back after Redis had lost them."""
    GIVE_UP = "give_up"
    """Another pair's record needs an identifier that a record of this one holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """What a touch makes a pair do besides deciding anew."""

    retries_refused: bool = False
    """Forget every problem: what was refused may be tried again."""
    retries_taken: bool = False
    """Forget the writes that were refused because another record holds the identifier."""
    rereads_links: bool = False
    """Ask for another reading of a record whose association names one that left meanwhile."""
    republishes: bool = False
    """Publish open writes and second reads again."""
    makes_way: bool = False
    """Let live changes go first."""
    is_news: bool = True
    """Count as something new: without it, the pair goes on with what it was about."""


_EFFECTS: Final[Mapping[str, Effects]] = {
    Touch.RESYNC: Effects(retries_refused=True, republishes=True, makes_way=True),
    Touch.RETRY: Effects(retries_refused=True, republishes=True),
    Touch.BACKFILL: Effects(retries_taken=True, makes_way=True),
    Touch.REMATCH: Effects(retries_taken=True),
    Touch.WOKEN: Effects(rereads_links=True),
    Touch.AGAIN: Effects(retries_taken=True, republishes=True, is_news=False),
    Touch.REBUILT: Effects(rereads_links=True, republishes=True, is_news=False),
    Touch.GIVE_UP: Effects(),
}
_NONE: Final = Effects()


def effects_of(reason: str) -> Effects:
    """Return what a touch of that reason does; one that only a newer version knows lets the pair decide anew."""
    return _EFFECTS.get(reason, _NONE)
