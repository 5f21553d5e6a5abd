"""One thing of each side, as one value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.records import LEFT, RIGHT, SIDES, Side, opposite
from shared.model.sides import SPOKEN, BySide, side_and_name, with_side

_BOTH = BySide("here", "there")


def test_each_side_has_its_own() -> None:
    assert [_BOTH[side] for side in SIDES] == ["here", "there"] == [_BOTH.left, _BOTH.right]
    assert _BOTH.items() == ((LEFT, "here"), (RIGHT, "there"))
    left, right = _BOTH
    assert (left, right) == ("here", "there")
    assert [SPOKEN[side] for side in SIDES] == ["left", "right"]


def test_it_is_made_of_what_is_found_for_each_side_the_left_one_first() -> None:
    asked: list[Side] = []

    def make(side: Side) -> str:
        asked.append(side)
        return f"of {side}"

    assert BySide.of(make) == BySide("of L", "of R")
    assert asked == list(SIDES)
    assert _BOTH.map(len) == BySide(4, 5)


@pytest.mark.parametrize("side", SIDES)
def test_one_side_is_replaced_and_the_other_stays_in_a_value_of_its_own(side: Side) -> None:
    other = _BOTH.replaced(side, "gone")
    assert (other[side], other[opposite(side)]) == ("gone", _BOTH[opposite(side)])
    assert BySide("here", "there") == _BOTH
    with pytest.raises(AttributeError):
        _BOTH.left = "gone"  # type: ignore[misc]  # that it cannot be is the point


@given(side=st.sampled_from(SIDES), name=st.text())
def test_a_side_and_a_name_are_one_key_as_states_hold_it(side: Side, name: str) -> None:
    key = with_side(side, name)
    assert key == side + name
    assert side_and_name(key) == (side, name)
