"""Which of two values stands when both sides changed one field."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from shared.engine.merging import NOBODY_KNOWS, Choice, Edited
from shared.model.records import LEFT, RIGHT, Side, Value
from shared.model.words import By

_CLOCKS_AGREE_MS: Final = 5000
"""Two apps' clocks cannot tell which of two edits within this time came first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Two differing values that both count as new."""

    left: Value
    right: Value
    default: Side
    """The side that wins where nothing else decides."""
    edited: Edited = NOBODY_KNOWS
    granularity_ms: int = 0
    """The coarser resolution of the two clocks."""


def _most_recent(conflict: Conflict) -> Choice:
    left_ms, right_ms = conflict.edited
    if left_ms is None or right_ms is None:
        return Choice(conflict.default, By.NO_CLOCK)
    ahead = left_ms - right_ms
    if abs(ahead) <= max(_CLOCKS_AGREE_MS, conflict.granularity_ms):
        return Choice(conflict.default, By.NO_CLOCK)
    return Choice(LEFT if ahead > 0 else RIGHT, By.MOST_RECENT)


def _inherit(conflict: Conflict) -> Choice:
    return Choice(conflict.default, By.DEFAULT_APP)


def _left(_conflict: Conflict) -> Choice:
    return Choice(LEFT, By.MAPPING)


def _right(_conflict: Conflict) -> Choice:
    return Choice(RIGHT, By.MAPPING)


def _manual(_conflict: Conflict) -> Choice:
    return Choice("ask", By.PERSON)


POLICIES: Final[Mapping[str, Callable[[Conflict], Choice]]] = {
    "inherit": _inherit,
    "left": _left,
    "right": _right,
    "most_recent": _most_recent,
    "manual": _manual,
}
"""The policies by the name that mappings use."""
