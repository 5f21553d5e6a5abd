"""The life of one matched pair, as a pure step: messages in, a new pair and its writes out.

``take`` believes or doubts what is reported, ``decide`` says what follows. A pair's outputs are derived from its new
state alone (`outputs`), so a redelivered message publishes again exactly what the first delivery did.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.engine.deciding.steps import decide, wants_match
from shared.engine.draft import NOBODY, Draft
from shared.engine.policies import Counterpart, Neighbours, Policy
from shared.engine.taking import Taken, take
from shared.model.pairs import Decided, Pair, PairEvent
from shared.model.records import SIDES, Life, Side

__all__ = ["Stepped", "open_step"]


@dataclass(frozen=True, slots=True)
class Stepped:
    """What a step led to."""

    pair: Pair
    create: Side | None
    """The side on which a create must be granted."""
    release: tuple[Side, ...]
    """Sides whose granted create is certain not to happen."""


class Step:
    """One step of one pair: take all waiting messages in order, learn what is needed, decide once."""

    def __init__(self, pair: Pair, policy: Policy, seated: Mapping[Side, str] = NOBODY) -> None:
        self._draft = Draft.of(pair, policy, seated)
        self._place = pair.place
        self.results: list[tuple[PairEvent, Taken]] = []

    def take(self, events: Sequence[tuple[int, PairEvent]]) -> None:
        """Take messages that were not applied before, each with its place on `pairs`."""
        for place, event in events:
            self.results.append((event, take(self._draft, event, place)))
            self._place = max(self._place, place)

    @property
    def wants_match(self) -> bool:
        """Whether deciding needs a `Counterpart`."""
        return wants_match(self._draft)

    @property
    def draft(self) -> Draft:
        """The pair as it stands within the step."""
        return self._draft

    def decide(
        self, counterpart: Counterpart | None, neighbours: Neighbours, now_ms: int, *, redelivered: bool = False
    ) -> Stepped:
        """Decide, and close the step; of a redelivery, what the stored step had to tell others is told again."""
        draft = self._draft
        linked_now = draft.was.L is None or draft.was.R is None
        if linked_now and all(draft.ends) and draft.match is not None and not draft.match.at_ms:
            draft.match = draft.match.model_copy(update={"at_ms": now_ms})
        decide(draft, counterpart, neighbours, now_ms)
        pair = draft.close(place=self._place, now_ms=now_ms)
        if draft.policy.live:
            pair = _with_pokes(pair, draft.was, draft.policy, frozenset(draft.shown.difference(pair.shown)))
        if redelivered:
            pair = _told_again(pair, draft.was)
        create = next(iter(draft.created_sides), None)
        return Stepped(
            pair, create, tuple(side for side in SIDES if side in draft.released and side not in draft.pending)
        )


def _told_again(pair: Pair, was: Pair) -> Pair:
    erased = any(end is not None and end.life is Life.ERASED for end in pair.ends)
    return pair.model_copy(
        update={
            "pokes": tuple(sorted({*pair.pokes, *was.pokes})),
            "freed": tuple(sorted({*pair.freed, *was.freed})),
            "woken": pair.woken or was.woken,
            "again": "" if pair.absorbed_by else pair.again or was.again,
            "earlier": tuple(map(_erased, was.decided())) if erased else was.decided(),
        }
    )


def _erased(decided: Decided) -> Decided:
    return decided.model_copy(update={"log": tuple(trace.without_values() for trace in decided.log)})


def open_step(pair: Pair, policy: Policy, seated: Mapping[Side, str] = NOBODY) -> Step:
    """Begin a step of a pair whose places the links gave to the living records *seated*."""
    return Step(pair, policy, seated)


def _known_by(pair: Pair, policy: Policy) -> tuple[frozenset[str], tuple[bool, ...]]:
    """Return the keys that a pair's living records carry, and which of its records may not enter by themselves.

    One that may not is in nobody's way.
    """
    keys: set[str] = set()
    barred: list[bool] = []
    for side, end in pair.ends.items():
        if end is None:
            continue
        found = policy.sides[side].identify(end.fields)
        barred.append(bool(found.excluded))
        if end.life is Life.ALIVE:
            keys.update(found.keys)
    return frozenset(keys), tuple(barred)


def _with_pokes(pair: Pair, was: Pair, policy: Policy, shown: frozenset[str]) -> Pair:
    """Name the keys under which other records must look again: what their matching sees of the pair changed.

    They also saw, under the keys *shown*, what the links had by reports that the pair did not keep.
    """
    stands, same = _standing(was) == _standing(pair), pair.L is was.L and pair.R is was.R
    if stands and same and not shown:
        return pair
    now = _known_by(pair, policy)
    then = now if same else _known_by(was, policy)
    (before, _), (after, _) = then, now
    if stands and then == now and shown <= after:
        return pair
    before |= shown
    return pair.model_copy(update={"pokes": tuple(sorted(before | after)), "freed": tuple(sorted(before - after))})


def _standing(pair: Pair) -> tuple[object, ...]:
    """Return what other records' matching can see of a pair: which places are held, and whether a create is open."""
    return (
        pair.absorbed_by,
        tuple((end.id, end.life) if (end := pair.side(side)) else (side in pair.pending) for side in SIDES),
    )
