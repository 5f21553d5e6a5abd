"""A sync's settings, ready to run: functions instead of names, looked up once instead of at every step."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from shared.engine.matching import Rule
from shared.engine.merging import Flow
from shared.model.mapping import MatchSettings
from shared.model.records import Fields, Side
from shared.model.sides import BySide


@dataclass(frozen=True, slots=True, kw_only=True)
class Identified:
    """What matching needs to know of a record, and whether it may enter the sync."""

    identity: str
    """As text, for the links."""
    keys: tuple[str, ...]
    excluded: str = ""
    """Why it may not enter by itself; empty when it may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SidePolicy:
    """What a sync may do on one side, and how that side behaves."""

    connection: str
    object: str
    app: str
    ordered: bool
    """Versions of this side's records are numbers that grow."""
    carries_markers: bool
    """A record that we created there tells which pair it belongs to."""
    create: bool
    """Records may be created there."""
    enters: bool
    """Records of this side may enter by themselves (the sync writes to the other side)."""
    fields: frozenset[str]
    """Fields worth keeping: identifiers and mapped ones, also of mappings that are off."""
    links: frozenset[str] = frozenset()
    """Labels of the associations that travel and that the app has."""
    identifiers: frozenset[str] = frozenset()
    """The fields that `identify` reads."""
    required: tuple[tuple[str, ...], ...] = ()
    """For each group, one of these fields must hold a value before a record is created there."""
    identify: Callable[[Fields], Identified]
    label: Callable[[Fields], str]

    def lets_in(self, fields: Fields) -> bool:
        """Check whether a record of this side may enter by itself."""
        return self.enters and not self.identify(fields).excluded


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One sync's settings, ready to run."""

    sync: str
    setup: int
    """Settings version."""
    enabled: bool
    live: bool
    """False while both sides are still being read for the first time: nothing is matched or created yet."""
    sides: BySide[SidePolicy]
    rules: tuple[Flow, ...]
    """Of all mappings, also of those that are off."""
    match: Rule
    """How records are compared."""
    match_settings: MatchSettings
    associations: tuple[Flow, ...] = ()
    """Associations that travel with the records, by their labels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counterpart:
    """What matching found for a half pair."""

    what: Literal["join", "create", "duplicate", "ambiguous", "common"]
    pair: str = ""
    """The pair to join, or the one that holds the identifier."""
    others: tuple[str, ...] = ()
    """The record that stands in the way, the candidates, or those that are too alike to choose from: side and id."""
    detail: str = ""
    """What else people are told."""
    by: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """The other end of an association, as the sync it belongs to knows it."""

    pair: str = ""
    """Empty when that record is not known there yet."""
    left: str = ""
    right: str = ""
    """Record ids; empty while that side is not linked."""
    gone: bool = False
    """True when the record itself has left, or was merged into another one."""
    off: bool = False
    """True when the sync it belongs to is off or missing."""

    @property
    def linked(self) -> bool:
        """Whether both of its records live."""
        return bool(self.pair and self.left and self.right)


Neighbours: TypeAlias = dict[tuple[Side, str, str], Neighbour]
"""By side, association label and record."""
