"""Which of two values stands when both sides changed one field."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from shared.engine.merging import Choice
from shared.model.records import Side, Value
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
    left_ms: int | None = None
    """When the left value was edited, in milliseconds since 1970; None when nobody knows."""
    right_ms: int | None = None
    granularity_ms: int = 0
    """The coarser resolution of the two clocks."""


def _most_recent(conflict: Conflict) -> Choice:
    if conflict.left_ms is None or conflict.right_ms is None:
        return Choice(conflict.default, By.NO_CLOCK)
    ahead = conflict.left_ms - conflict.right_ms
    if abs(ahead) <= max(_CLOCKS_AGREE_MS, conflict.granularity_ms):
        return Choice(conflict.default, By.NO_CLOCK)
    return Choice("L" if ahead > 0 else "R", By.MOST_RECENT)


def _inherit(conflict: Conflict) -> Choice:
    return Choice(conflict.default, By.DEFAULT_APP)


def _left(_conflict: Conflict) -> Choice:
    return Choice("L", By.MAPPING)


def _right(_conflict: Conflict) -> Choice:
    return Choice("R", By.MAPPING)


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
