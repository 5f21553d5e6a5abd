"""Laws of merged sets: both sides come to hold the same, and nobody's change is lost or comes back."""

import operator
from typing import Any, Final

from hypothesis import given
from hypothesis import strategies as st

from shared.core.merging import UNKNOWN, Flow, Held, Keep, Send, Settle, merge
from shared.core.records import SIDES, Side, Value
from shared.rules.identifiers import texts

_SETS: Final = st.lists(st.sampled_from("abcdef"), unique=True).map(tuple)
_MOST: Final = 6


def _flow(**changes: Any) -> Flow:
    itself = {"get": lambda value: value, "put": lambda value, _old: value, "same": operator.eq}
    return Flow(key="k", left="l", right="r", members=texts, to="there", **{**itself, **changes})


def _settled(flow: Flow, held: dict[Side, Held], base: dict[Side, Held]) -> tuple[dict[Side, Held], int]:
    """Carry decisions out until nothing is left to write; returns what the sides hold, and the number of writes."""
    for writes in range(_MOST):
        decision = merge(flow, held["L"], held["R"], base["L"], base["R"])
        match decision:
            case Settle() | Keep():
                return held, writes
            case Send(side, value, source):
                other: Side = "R" if side == "L" else "L"
                held = {**held, side: value}
                base = {**base, side: decision.base, other: source}
    raise AssertionError(f"it writes for ever: {held} {base}")


def _set(value: Held) -> set[str]:
    return set(value) if isinstance(value, tuple) else set()


@given(base=_SETS, left=_SETS, right=_SETS)
def test_both_sides_come_to_hold_what_was_there_with_all_that_was_added_and_without_what_was_removed(
    base: Value, left: Value, right: Value
) -> None:
    held, writes = _settled(_flow(clears="propagate"), {"L": left, "R": right}, {"L": base, "R": base})
    was, here, there = _set(base), _set(left), _set(right)
    wanted = (was & here & there) | (here - was) | (there - was)
    assert (_set(held["L"]), _set(held["R"])) == (wanted, wanted)
    assert writes == (here != wanted) + (there != wanted)


@given(left=_SETS, right=_SETS)
def test_at_the_first_link_both_sides_come_to_hold_what_either_had(left: Value, right: Value) -> None:
    held, _ = _settled(_flow(), {"L": left, "R": right}, {"L": UNKNOWN, "R": UNKNOWN})
    assert _set(held["L"]) == _set(held["R"]) == _set(left) | _set(right)


@given(base=_SETS, left=_SETS, right=_SETS, side=st.sampled_from(SIDES))
def test_nothing_is_written_against_the_direction(base: Value, left: Value, right: Value, side: Side) -> None:
    flow = _flow(to_left=side == "L", to_right=side == "R", clears="propagate")
    before: dict[Side, Held] = {"L": left, "R": right}
    held, _ = _settled(flow, before, {"L": base, "R": base})
    other: Side = "R" if side == "L" else "L"
    assert held[other] == before[other]
    added, removed = _set(before[other]) - _set(base), _set(base) - _set(before[other])
    own = _set(before[side]) - _set(base)
    assert _set(held[side]) == (_set(before[side]) | added) - (removed - own)


@given(base=_SETS.filter(bool), right=_SETS)
def test_a_set_that_is_emptied_empties_no_other_unless_clears_travel(base: Value, right: Value) -> None:
    held, _ = _settled(_flow(clears="keep"), {"L": (), "R": right}, {"L": base, "R": base})
    added = _set(right) - _set(base)
    assert _set(held["R"]) == (added or _set(right))
