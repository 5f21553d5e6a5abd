"""Laws of merged sets: both sides come to hold the same, and nobody's change is lost or comes back."""

import operator
from dataclasses import dataclass
from typing import Any, Final

from hypothesis import given
from hypothesis import strategies as st

from shared.engine.merging import UNKNOWN, Flow, Held, Keep, MergedSet, Send, Settle, merge
from shared.model.records import SIDES, Side, Value
from shared.model.sides import BySide
from shared.model.words import Note
from shared.rules.identifiers import texts

_SETS: Final = st.lists(st.sampled_from("abcdef"), unique=True).map(tuple)
_MOST: Final = 6
_TO_RIGHT: Final = BySide(left=False, right=True)


def _flow(**changes: Any) -> Flow:
    itself = {"get": lambda value: value, "put": lambda value, _old: value, "same": operator.eq, "to": "there"}
    return Flow(key="k", names=BySide("l", "r"), members=texts, **{**itself, **changes})


def _translated() -> Flow:
    """Return a flow whose left side names its members in capital letters."""

    def upper(value: Value, _old: Value | None) -> Value:
        return tuple(one.upper() for one in texts(value))

    return _flow(get=lambda value: tuple(one.lower() for one in texts(value)), put=upper, clears="propagate", to="")


@dataclass
class _World:
    """What both sides hold of a set, and their bases."""

    flow: Flow
    held: BySide[Held]
    base: BySide[Held]
    writes: int = 0

    def decide(self) -> list[Send]:
        """Merge, keep what is settled, and return what is to be written."""
        decision = merge(self.flow, self.held, self.base)
        match decision:
            case Settle(bases):
                self.base = bases
            case MergedSet():
                self.base = decision.bases
                return list(decision.sends)
            case Keep():
                pass
            case _:
                raise AssertionError(f"no decision about a set: {decision}")
        return []

    def answer(self, send: Send) -> None:
        """Have a write done."""
        assert send.moves is not None
        moves = send.moves
        self.held = self.held.replaced(send.side, send.value)
        self.base = BySide.of(lambda side: moves[side].on(self.flow.members_of(self.base[side])))
        self.writes += 1

    def edit(self, side: Side, value: Value) -> None:
        """Have somebody choose other members."""
        self.held = self.held.replaced(side, value)

    def settle(self) -> "_World":
        """Carry decisions out until nothing is left to write."""
        for _ in range(_MOST):
            sends = self.decide()
            if not sends:
                return self
            for send in sends:
                self.answer(send)
        raise AssertionError(f"it writes for ever: {self}")

    def sets(self) -> tuple[set[str], set[str]]:
        """Return what the sides hold."""
        return _set(self.held.left), _set(self.held.right)


def _settled(flow: Flow, held: BySide[Held], base: BySide[Held]) -> tuple[BySide[Held], int]:
    """Carry decisions out until nothing is left to write; returns what the sides hold, and the number of writes."""
    world = _World(flow, held, base).settle()
    return world.held, world.writes


def _set(value: Held) -> set[str]:
    return set(value) if isinstance(value, tuple) else set()


@given(base=_SETS, left=_SETS, right=_SETS)
def test_both_sides_come_to_hold_what_was_there_with_all_that_was_added_and_without_what_was_removed(
    base: Value, left: Value, right: Value
) -> None:
    held, writes = _settled(_flow(clears="propagate"), BySide(left, right), BySide(base, base))
    was, here, there = _set(base), _set(left), _set(right)
    wanted = (was & here & there) | (here - was) | (there - was)
    assert (_set(held.left), _set(held.right)) == (wanted, wanted)
    assert writes == (here != wanted) + (there != wanted)


@given(left=_SETS, right=_SETS)
def test_at_the_first_link_both_sides_come_to_hold_what_either_had(left: Value, right: Value) -> None:
    held, _ = _settled(_flow(), BySide(left, right), BySide(UNKNOWN, UNKNOWN))
    assert _set(held.left) == _set(held.right) == _set(left) | _set(right)


@given(base=_SETS, left=_SETS, right=_SETS, side=st.sampled_from(SIDES))
def test_nothing_is_written_against_the_direction(base: Value, left: Value, right: Value, side: Side) -> None:
    flow = _flow(writes=BySide.of(lambda end: end == side), clears="propagate")
    before: BySide[Held] = BySide(left, right)
    held, _ = _settled(flow, before, BySide(base, base))
    other: Side = "R" if side == "L" else "L"
    assert held[other] == before[other]
    added, removed = _set(before[other]) - _set(base), _set(base) - _set(before[other])
    own = _set(before[side]) - _set(base)
    assert _set(held[side]) == (_set(before[side]) | added) - (removed - own)


@given(base=_SETS.filter(bool), right=_SETS)
def test_a_set_that_is_emptied_empties_no_other_unless_clears_travel(base: Value, right: Value) -> None:
    held, _ = _settled(_flow(clears="keep"), BySide((), right), BySide(base, base))
    added = _set(right) - _set(base)
    assert _set(held.right) == (added or _set(right))


@given(base=_SETS, left=_SETS, right=_SETS, arrives=st.sets(st.sampled_from(SIDES)), swapped=st.booleans())
def test_what_does_not_arrive_on_one_side_is_wanted_there_still_and_nothing_else_is(
    *, base: Value, left: Value, right: Value, arrives: set[Side], swapped: bool
) -> None:
    world = _World(_flow(clears="propagate"), BySide(left, right), BySide(base, base))
    sends = world.decide()
    for send in reversed(sends) if swapped else sends:
        if send.side in arrives:
            world.answer(send)
    again = [(send.side, _set(send.value)) for send in world.decide()]
    assert again == [(send.side, _set(send.value)) for send in sends if send.side not in arrives]


@given(base=_SETS, left=_SETS, right=_SETS, later=_SETS)
def test_a_set_whose_members_have_other_names_on_the_left_is_merged_as_any_other(
    base: Value, left: Value, right: Value, later: Value
) -> None:
    def capitals(value: Value) -> Value:
        return tuple(one.upper() for one in texts(value))

    plain = _World(_flow(clears="propagate"), BySide(left, right), BySide(base, base))
    named = _World(_translated(), BySide(capitals(left), right), BySide(capitals(base), base))
    for world, chosen in ((plain, later), (named, capitals(later))):
        world.settle().edit("L", chosen)
        world.settle()
    assert named.sets() == ({one.upper() for one in plain.sets()[0]}, plain.sets()[1])
    assert named.writes == plain.writes


@given(base=_SETS, left=_SETS, right=_SETS, removed=st.sampled_from("abcdef"))
def test_a_member_that_both_sides_had_and_one_removes_is_removed_where_others_differ_on_purpose(
    base: Value, left: Value, right: Value, removed: str
) -> None:
    """Nothing may be written to the left, so the two sides need not become the same."""
    world = _World(_flow(clears="propagate", writes=_TO_RIGHT), BySide(left, right), BySide(base, base)).settle()
    both = world.sets()[0] & world.sets()[1]
    rest = world.sets()[1] - {removed} if removed in both else world.sets()[1]
    world.edit("L", tuple(sorted(world.sets()[0] - {removed})))
    assert world.settle().sets()[1] == rest


@given(left=_SETS, right=_SETS)
def test_what_differs_at_the_first_link_where_nothing_may_be_written_differs_on_purpose(
    left: Value, right: Value
) -> None:
    world = _World(_flow(writes=_TO_RIGHT), BySide(left, right), BySide(UNKNOWN, UNKNOWN))
    decision = merge(world.flow, world.held, world.base)
    note = decision.note if isinstance(decision, MergedSet | Settle) else Note.DRIFT
    assert note == (Note.SETTLED_DIFFERENCE if _set(right) - _set(left) else None)
    assert world.settle().sets() == (_set(left), _set(left) | _set(right))
    before = world.base
    assert (world.decide(), world.base) == ([], before)
