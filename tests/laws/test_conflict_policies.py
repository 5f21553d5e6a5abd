"""Who wins a conflict."""

from typing import get_args

import pytest

from shared.model.mapping import FieldMapping
from shared.model.records import SIDES, Side
from shared.model.sides import BySide
from shared.model.words import By
from shared.rules.conflict_policies import POLICIES, Conflict


def conflict(
    default: Side, left_ms: int | None = None, right_ms: int | None = None, granularity_ms: int = 0
) -> Conflict:
    return Conflict(
        left="a", right="b", default=default, edited=BySide(left_ms, right_ms), granularity_ms=granularity_ms
    )


def test_every_policy_that_a_mapping_can_name_exists() -> None:
    assert set(POLICIES) == set(get_args(FieldMapping.model_fields["policy"].annotation))


@pytest.mark.parametrize("default", SIDES)
def test_the_named_side_wins_and_inherit_takes_the_default(default: Side) -> None:
    asked = conflict(default)
    assert [POLICIES[name](asked) for name in ("left", "right", "inherit", "manual")] == [
        ("L", By.MAPPING),
        ("R", By.MAPPING),
        (default, By.DEFAULT_APP),
        ("ask", By.PERSON),
    ]


@pytest.mark.parametrize(
    ("left_ms", "right_ms", "granularity_ms", "winner", "by"),
    [
        (10_000, 0, 0, "L", By.MOST_RECENT),
        (0, 10_000, 0, "R", By.MOST_RECENT),
        (5001, 0, 0, "L", By.MOST_RECENT),
        (5000, 0, 0, "R", By.NO_CLOCK),  # clocks cannot tell
        (50_000, 0, 60_000, "R", By.NO_CLOCK),  # the coarser clock cannot tell
        (None, 10_000, 0, "R", By.NO_CLOCK),
        (10_000, None, 0, "R", By.NO_CLOCK),
    ],
)
def test_the_most_recent_edit_wins_when_clocks_can_tell(
    left_ms: int | None, right_ms: int | None, granularity_ms: int, winner: str, by: By
) -> None:
    assert POLICIES["most_recent"](conflict("R", left_ms, right_ms, granularity_ms)) == (winner, by)
