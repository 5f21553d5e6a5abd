"""One pair of a batch on its way through a step, and how what came of it is spelled for the links."""

from dataclasses import dataclass, field
from typing import TypeAlias

from services.matcher.counterparts import recognised_as
from shared.core.outcomes import Outcome
from shared.core.pairing import Step, Stepped
from shared.core.pairs import Pair, PairEvent
from shared.core.policies import Counterpart, Neighbours, Policy
from shared.core.records import SIDES, Side
from shared.io.links import Component, Place, Slots, Swap, ref, spell_keys
from shared.io.places import UNCHANGED_IDENTITY, place_of, places
from shared.io.ports import Inbound

Key: TypeAlias = tuple[str, str]
"""Sync and pair."""


@dataclass(slots=True)
class Work:
    """One pair of the batch."""

    key: Key
    policy: Policy
    messages: list[Inbound[PairEvent]]
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    old: Pair | None = None
    slots: Slots = field(default_factory=Slots)
    step: Step | None = None
    stepped: Stepped | None = None
    text: str = ""
    """The state as it is stored: as loaded, then as stepped."""
    ends: dict[Side, Place] = field(default_factory=dict)
    """The stepped pair's records, as the links are told of them."""
    component: Component | None = None
    counterpart: Counterpart | None = None
    neighbours: Neighbours = field(default_factory=dict)
    again: bool = False
    redelivered: bool = False

    def finish(self, outcome: Outcome) -> None:
        """Say what became of the messages of which nothing was said yet."""
        for message in self.messages:
            self.outcomes.setdefault(id(message), outcome)


def origin_of(work: Work) -> tuple[Side, str]:
    """Name the record from which a pair looks for its partner."""
    if work.step is None:
        raise ValueError("a pair without a step has no origin")
    for side in SIDES:
        end = work.step.draft.ends[side]
        if end is not None:
            return side, end.id
    raise ValueError("a pair that wants a match has a record")


def living(slot: str) -> str:
    """Name the living record that has a place; empty when none has."""
    return slot[1:] if slot.startswith(":") else ""


def as_swap(work: Work) -> Swap:
    """Spell a decided pair as its new state, and what it was decided from."""
    stepped, old = work.stepped, work.old
    if stepped is None or old is None:
        raise ValueError("only a decided pair can be set")
    pair = stepped.pair
    work.text = pair.text()
    work.ends = places(work.policy, pair)
    bound = stepped.create is not None or bool(pair.absorbed_by)
    origin = origin_of(work) if bound else None
    return Swap(
        pair=pair.pair,
        expected=old.rev,
        rev=pair.rev,
        state=work.text,
        ends=work.ends,
        create=stepped.create,
        release=stepped.release,
        give_to=pair.absorbed_by,
        digest=work.component.digest if bound and work.component is not None else "",
        origin=ref(*origin) if origin else "",
        pokes=pair.pokes,
        freed=pair.freed,
        woken=pair.woken,
        stepped=_stepped_keys(work, pair) if old.setup in (0, pair.setup) else None,
    )


def _stepped_keys(work: Work, pair: Pair) -> dict[Side, tuple[str, ...]]:
    """Give the keys with which the links may still hold the pair's records only because of this step's messages."""
    found: dict[Side, tuple[str, ...]] = {}
    for side in SIDES:
        end = pair.side(side)
        brought = _places_brought(work, side, end.id) if end is not None else ()
        # A living record whose report did not tell what it is known by was claimed with the keys that the links had.
        claimed = [spell_keys(place) for place in brought if not (place.alive and place.identity == UNCHANGED_IDENTITY)]
        found[side] = tuple(dict.fromkeys(claimed))
    return found


def _places_brought(work: Work, side: Side, record: str) -> list[Place]:
    """Give the places that this step's reports of a record were claimed with, but for those still in doubt."""
    part, doubted = work.policy.side(side), set()
    end = work.stepped.pair.side(side) if work.stepped is not None else None
    if work.step is not None and end is not None and end.ask:
        known = {id(event): result for event, result in work.step.results}
        doubted = {id(x) for x in work.messages if known.get(id(x.message), "asked_again") == "asked_again"}
    brought = []
    for inbound in work.messages:
        report = inbound.message.report
        if id(inbound) in doubted or inbound.message.matched is not None:
            continue  # who handed a record over tells what it knew, perhaps once more: no claim of that stands
        if report is not None and inbound.message.side == side and report.id == record:
            brought.append(place_of(part, report))
    return brought


def must_match_again(work: Work) -> bool:
    """Check whether the links recognised the record by a report that this step did not believe; now they are right."""
    if work.component is None or work.counterpart is not None or work.stepped is None:
        return False
    side, record = origin_of(work)
    end = work.stepped.pair.side(side)
    own = next((row for row in work.component.members if (row.side, row.id) == (side, record)), None)
    if end is None or own is None or own.pair != work.key[1] or recognised_as(work.policy, side, end, own):
        return False
    alive = own.slots.of(side).startswith(":")
    return any(
        place.alive is alive and (not alive or place.identity in (own.identity, UNCHANGED_IDENTITY))
        for place in _places_brought(work, side, record)
    )
