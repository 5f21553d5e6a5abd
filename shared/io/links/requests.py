"""What is said to the links of a sync, and what they answer; the requests encode themselves for the scripts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from shared.io.links.scripts import ClaimArgs, EndArgs, PlaceArgs, RestoreArgs, SwapArgs
from shared.model.records import LEFT, RIGHT, SIDES, Side

SEP: Final = "\x1f"
"""Between the entries of a list."""
_RS: Final = "\x1e"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A record as the links know it."""

    id: str
    alive: bool
    created: str = ""
    identity: str = ""
    """What matching needs to know of it, as text."""
    keys: tuple[str, ...] = ()

    def args(self) -> PlaceArgs:
        """Encode it for a script."""
        return PlaceArgs(self.id, "1" if self.alive else "0", self.created, self.identity, SEP.join(self.keys))


_NO_PLACE: Final = PlaceArgs()
_NO_END: Final = EndArgs()


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A record that asks for its pair."""

    side: Side
    place: Place
    marked: str = ""
    """The pair that its marker names, when it is a marker of this sync and side."""
    aliases: tuple[str, ...] = ()
    fresh: str
    """The pair it founds when it belongs to none."""
    hold: bool = False
    """True when its app carries no markers: wait while creates are open there."""

    def args(self) -> ClaimArgs:
        """Encode it for the script."""
        return ClaimArgs(
            side=self.side,
            place=self.place.args(),
            marked=self.marked,
            aliases=SEP.join(self.aliases),
            fresh=self.fresh,
        )


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a claim led to."""

    what: Literal["linked", "joined", "new", "back", "surplus", "dead", "hold"]
    pair: str
    epoch: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Slots:
    """Which records hold a pair's places: empty, ``*`` for a create in flight, ``:id`` living, ``-id`` gone."""

    L: str = ""
    R: str = ""

    def of(self, side: Side) -> str:
        """Return one side's slot."""
        return self.L if side == LEFT else self.R


@dataclass(frozen=True, slots=True)
class Loaded:
    """A pair's state, empty when it has none yet, and its slots."""

    state: str
    slots: Slots
    epoch: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class LinkedRecord:
    """A member of a key component."""

    side: Side
    id: str
    pair: str
    surplus: bool
    created: str
    identity: str
    slots: Slots


@dataclass(frozen=True, slots=True)
class Component:
    """All records that share keys with one record, directly or through others."""

    digest: str
    members: tuple[LinkedRecord, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Swap:
    """A new state for a pair, valid only if nobody else changed what it was decided from."""

    pair: str
    expected: int
    rev: int
    state: str
    ends: Mapping[Side, Place]
    create: Side | None = None
    """Ask for the grant to create on this side."""
    release: tuple[Side, ...] = ()
    """Sides whose grant to create is given back."""
    give_to: str = ""
    """Hand the pair's records over to this pair."""
    digest: str = ""
    """The component that the decision rests on; it must not have changed."""
    origin: str = ""
    pokes: tuple[str, ...] = ()
    freed: tuple[str, ...] = ()
    """Those of the pokes that the pair's records no longer carry."""
    stepped: Mapping[Side, tuple[str, ...]] | None = field(default_factory=dict)
    """Keys, as `spell_keys` gives them, that the reports of this step were claimed with; None when any keys that the
    links hold may be replaced."""
    woken: bool = False
    """Ask who waits for one of the records."""

    def args(self) -> SwapArgs:
        """Encode it for the script."""
        return SwapArgs(
            pair=self.pair,
            expected=str(self.expected),
            state=f"{self.rev}\t{self.state}",
            L=self._end(LEFT),
            R=self._end(RIGHT),
            create=self.create or "",
            release="".join(self.release),
            give_to=self.give_to,
            digest=self.digest,
            origin=self.origin,
            pokes=SEP.join(self.pokes),
            freed=SEP.join(self.freed),
            woken="1" if self.woken else "",
        )

    def _end(self, side: Side) -> EndArgs:
        end = self.ends.get(side)
        if end is None:
            return _NO_END
        if self.stepped is None:
            return EndArgs(*end.args(), "*")
        lists = self.stepped.get(side, ())
        return EndArgs(*end.args(), f"{_RS}{_RS.join(lists)}{_RS}" if lists else "")


@dataclass(frozen=True, slots=True)
class Swapped:
    """What a swap led to; only ``ok`` changed anything."""

    what: Literal["ok", "stale", "changed", "taken", "occupied"]
    poked: tuple[str, ...] = ()
    """Half pairs that must look again."""
    waiting: tuple[tuple[str, str], ...] = ()
    """(sync, pair) that waited for one of the records."""
    side: Side | None = None
    owner: str = ""
    """The pair that holds the record, when ``taken``."""
    surplus: bool = False
    """Whether it holds the record, when ``taken``, as a copy that is nobody's partner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """One journal entry, or one claim that no journal entry tells yet, to put back."""

    pair: str
    rev: int
    """Of a claim, the place of the message that tells of it; -1 when another message tells more. Of what is untold, the
    place of the first message that it may have been decided of."""
    state: str
    kind: Literal["full", "half", "absorbed", "tail", "given", "untold", "removed"]
    ends: Mapping[Side, Place] = field(default_factory=dict)
    surplus: bool = False
    """The record carries the mark of one that was linked already."""
    aliases: tuple[str, ...] = ()
    """Records that were merged into one that was claimed."""

    def args(self) -> RestoreArgs:
        """Encode it for the script."""
        left, right = map(self.ends.get, SIDES)
        return RestoreArgs(
            pair=self.pair,
            rev=str(self.rev),
            state=self.state,
            kind=f"{self.kind}!" if self.surplus else self.kind,
            L=left.args() if left else _NO_PLACE,
            R=right.args() if right else _NO_PLACE,
            aliases=SEP.join(self.aliases),
        )


def spell_keys(place: Place) -> str:
    """Encode the keys that the links hold for a record after a claim."""
    return SEP.join(place.keys) if place.alive else ""
