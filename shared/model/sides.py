"""One thing of each side, as one value."""

from collections.abc import Callable
from typing import Final, Generic, NamedTuple, TypeVar

from shared.model.records import LEFT, RIGHT, Side

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class BySide(NamedTuple, Generic[T_co]):
    """What the left side has, and what the right side has; `by[side]` is that of one side."""

    left: T_co
    right: T_co

    @staticmethod
    def of(make: Callable[[Side], T]) -> "BySide[T]":
        """Collect what a function returns for each side, the left one first."""
        return BySide(make(LEFT), make(RIGHT))

    def __getitem__(self, side: Side) -> T_co:  # type: ignore[override]  # a side is named, never counted
        return self.left if side == LEFT else self.right

    def items(self) -> tuple[tuple[Side, T_co], tuple[Side, T_co]]:
        """Return each side with what it has."""
        return (LEFT, self.left), (RIGHT, self.right)

    def map(self, change: Callable[[T_co], T]) -> "BySide[T]":
        """Return what a function makes of what each side has."""
        return BySide(change(self.left), change(self.right))

    def replaced(self, side: Side, value: T) -> "BySide[T_co | T]":
        """Return the same with another value of one side."""
        return BySide(value, self.right) if side == LEFT else BySide(self.left, value)


SPOKEN: Final = BySide("left", "right")
"""What people call each side."""


def with_side(side: Side, name: str) -> str:
    """Write a side and a name as one key: what is kept of a flow on one side, or a record."""
    return f"{side}{name}"


def side_and_name(key: str) -> tuple[Side, str]:
    """Read a key that `with_side` wrote."""
    return read_side(key[:1]), key[1:]


def read_side(text: str | None) -> Side:
    """Read a side; where none is named, it is the left one."""
    return RIGHT if text == RIGHT else LEFT
