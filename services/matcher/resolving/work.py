"""The stages of a pair of a batch: what came for it, its open step, and what was decided and is to be stored."""

from dataclasses import dataclass, field
from typing import TypeAlias

from services.matcher.matching.counterparts import recognised_as
from shared.engine.pairing import Step, Stepped
from shared.engine.policies import Counterpart, Neighbours, Policy
from shared.io.links.places import UNCHANGED_IDENTITY, place_of
from shared.io.links.requests import Component, Place, Swap, spell_keys
from shared.io.ports import Inbound
from shared.model.outcomes import Outcome
from shared.model.pairs import Pair, PairEvent
from shared.model.records import SIDES, Side
from shared.model.sides import with_side

Key: TypeAlias = tuple[str, str]
"""Sync and pair."""


@dataclass(slots=True)
class Work:
    """One pair of the batch, and what came for it."""

    key: Key
    policy: Policy
    messages: list[Inbound[PairEvent]]
    outcomes: dict[int, Outcome] = field(default_factory=dict)

    def finish(self, outcome: Outcome) -> None:
        """Set the outcome of all messages that have none yet."""
        for message in self.messages:
            self.outcomes.setdefault(id(message), outcome)


@dataclass(frozen=True, slots=True)
class Absorbed:
    """A pair whose record moved into another one: its messages are forwarded."""

    work: Work
    pair: Pair
    text: str
    """Its state, as stored."""


@dataclass(slots=True, kw_only=True)
class Opened:
    """A pair whose step has applied its messages, with what is known of others to decide it."""

    work: Work
    old: Pair
    step: Step
    redelivered: bool
    """Whether some of its messages were taken before."""
    again: bool
    """Whether all that is still open is published again."""
    component: Component | None = None
    counterpart: Counterpart | None = None
    neighbours: Neighbours = field(default_factory=dict)

    @property
    def origin(self) -> tuple[Side, str]:
        """The record from which the pair looks for its partner."""
        for side in SIDES:
            end = self.step.draft.ends[side]
            if end is not None:
                return side, end.id
        raise ValueError("a pair that wants a match has a record")


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """A pair that was decided."""

    opened: Opened
    stepped: Stepped
    text: str
    """The new state, as it is stored."""
    ends: dict[Side, Place]
    """Its records, as the links are told of them."""

    @property
    def work(self) -> Work:
        """What came for the pair."""
        return self.opened.work

    @property
    def old(self) -> Pair:
        """The pair before the step."""
        return self.opened.old

    @property
    def pair(self) -> Pair:
        """The pair after the step."""
        return self.stepped.pair


def living(slot: str) -> str:
    """Return the id of the living record that has a place; empty when none has."""
    return slot[1:] if slot.startswith(":") else ""


def as_swap(decided: Resolved) -> Swap:
    """Return the compare-and-set of a decided pair: its new state, and the revision that it was decided from."""
    pair, old, component = decided.pair, decided.old, decided.opened.component
    bound = decided.stepped.create is not None or bool(pair.absorbed_by)
    return Swap(
        pair=pair.pair,
        expected=old.rev,
        rev=pair.rev,
        state=decided.text,
        ends=decided.ends,
        create=decided.stepped.create,
        release=decided.stepped.release,
        give_to=pair.absorbed_by,
        digest=component.digest if bound and component is not None else "",
        origin=with_side(*decided.opened.origin) if bound else "",
        pokes=pair.pokes,
        freed=pair.freed,
        woken=pair.woken,
        stepped=_stepped_keys(decided) if old.setup in (0, pair.setup) else None,
    )


def _stepped_keys(decided: Resolved) -> dict[Side, tuple[str, ...]]:
    """Return the keys that Redis may hold for the pair's records only because of this step's messages."""
    found: dict[Side, tuple[str, ...]] = {}
    for side in SIDES:
        end = decided.pair.side(side)
        brought = _places_brought(decided, side, end.id) if end is not None else ()
        # A living record whose report did not tell what it is known by was claimed with the keys that the links had.
        claimed = [spell_keys(place) for place in brought if not (place.alive and place.identity == UNCHANGED_IDENTITY)]
        found[side] = tuple(dict.fromkeys(claimed))
    return found


def _places_brought(decided: Resolved, side: Side, record: str) -> list[Place]:
    """Return the places that this step's reports of a record were claimed with, but for those still in doubt."""
    work, end = decided.work, decided.pair.side(side)
    part, doubted = work.policy.sides[side], set()
    if end is not None and end.ask:
        known = {id(event): result for event, result in decided.opened.step.results}
        doubted = {id(x) for x in work.messages if known.get(id(x.message), "asked_again") == "asked_again"}
    brought = []
    for inbound in work.messages:
        report = inbound.message.report
        if id(inbound) in doubted or inbound.message.matched is not None:
            continue  # who handed a record over tells what it knew, perhaps once more: no claim of that stands
        if report is not None and inbound.message.side == side and report.id == record:
            brought.append(place_of(part, report))
    return brought


def must_match_again(decided: Resolved) -> bool:
    """Check whether Redis held an identity from a report that this step rejected; the swap has corrected it."""
    component, work = decided.opened.component, decided.work
    if component is None or decided.opened.counterpart is not None:
        return False
    side, record = decided.opened.origin
    end = decided.pair.side(side)
    own = next((row for row in component.members if (row.side, row.id) == (side, record)), None)
    if end is None or own is None or own.pair != work.key[1] or recognised_as(work.policy, side, end, own):
        return False
    alive = own.slots.of(side).startswith(":")
    return any(
        place.alive is alive and (not alive or place.identity in (own.identity, UNCHANGED_IDENTITY))
        for place in _places_brought(decided, side, record)
    )
