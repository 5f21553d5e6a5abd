"""The three-way merge of one field: what each side holds, what each side held when the field was last settled.

The table is the heart of a two-way sync; every row of it has a test. Bases are kept per side, because the two sides
may hold different values on purpose: an app that rewrote what it was sent, a cleared field that is kept, a lossy lens.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from shared.core.records import Side, TooLong, Value, opposite


class Unknown:
    """Nothing is known of the value; a value of its own, because None is known to be empty."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown()
Held: TypeAlias = Value | Unknown | None
Choice: TypeAlias = Literal["L", "R", "ask"]


class InvalidValue(ValueError):  # noqa: N818 - it names the value's state
    """A value that the other side's field cannot take; `code` is a row of the error registry."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldRule:
    """One mapping, ready to run."""

    key: str
    left: str
    right: str
    get: Callable[[Value], Value | None]
    """Left value to right value; raises `InvalidValue`."""
    put: Callable[[Value, Value | None], Value | None]
    """(right value, old left value) to left value; raises `InvalidValue`."""
    same: Callable[[Value, Value], bool]
    """Whether two values of one side mean the same."""
    to_left: bool = True
    to_right: bool = True
    clears: Literal["keep", "propagate"] = "keep"
    since: int = 0
    """Settings version in which the mapping became what it is."""
    on: bool = True
    """False for a mapping that is switched off: nothing is compared or written, and its bases are kept."""
    choose: Callable[[Value, Value], Choice] = lambda _left, _right: "L"
    """Which of two values stands when both changed."""

    def field(self, side: Side) -> str:
        """Name the field on one side."""
        return self.left if side == "L" else self.right

    def flows_to(self, side: Side) -> bool:
        """Tell whether the mapping may write to that side."""
        return self.to_left if side == "L" else self.to_right


@dataclass(frozen=True, slots=True)
class Keep:
    """Nothing to write, and no base moves."""

    drift: bool = False
    """True when the side that we only write to was edited."""


@dataclass(frozen=True, slots=True)
class Settle:
    """Nothing to write; the bases are now these."""

    left: Value | None
    right: Value | None
    note: Literal["", "kept_clear", "settled_difference"] = ""


@dataclass(frozen=True, slots=True)
class Send:
    """Write the other side's value to *side*."""

    side: Side
    value: Value | None
    source: Value | None
    """The value that it was made from."""
    lost: Value | None = None
    """What it replaces, when that too was an edit."""
    edit: bool = True
    """False when it fills or overwrites at the first link, where nobody edited anything."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Both sides changed and a person decides."""


Decision: TypeAlias = Keep | Settle | Send | Ask


def merge(rule: FieldRule, left: Held, right: Held, base_left: Held, base_right: Held) -> Decision:  # noqa: PLR0911 - one decision table, read from top to bottom
    """Decide one field; raises `InvalidValue` when the value to write does not fit the other side."""
    if isinstance(left, Unknown) or isinstance(right, Unknown):
        return Keep()  # a field we may not read is never "cleared"
    if left == base_left and right == base_right:
        return Keep()  # as it was left when the field was last settled
    if equal(rule, left, right):
        return Settle(left, right)
    if isinstance(base_left, Unknown) or isinstance(base_right, Unknown):
        return _first(rule, left, right)
    left_changed = not _same(rule, left, base_left)
    right_changed = not _same(rule, right, base_right)
    if left_changed and right_changed:
        return _conflict(rule, left, right, edit=True)
    if left_changed:
        return _one_changed(rule, "L", left, right, base_right)
    if right_changed:
        return _one_changed(rule, "R", right, left, base_left)
    return Keep()  # a settled difference


def equal(rule: FieldRule, left: Value | None, right: Value | None) -> bool:
    """Tell whether the two sides mean the same."""
    if left is None or right is None:
        return left is right
    if isinstance(left, TooLong):
        return left == right
    try:
        seen = rule.get(left)
    except InvalidValue:
        return False
    return seen is not None and rule.same(seen, right)


def _same(rule: FieldRule, value: Value | None, base: Value | None) -> bool:
    if value is None or base is None:
        return value is base
    return value == base or rule.same(value, base)


def _first(rule: FieldRule, left: Value | None, right: Value | None) -> Decision:
    """Decide a field that has no base: the first link, or a mapping that is new."""
    if left is None or right is None:
        filled: Side = "L" if left is None else "R"
        return _send(rule, filled, left, right, lost=None, edit=False)
    return _conflict(rule, left, right, edit=False)


def _conflict(rule: FieldRule, left: Value | None, right: Value | None, *, edit: bool) -> Decision:
    """Decide between two differing values that both count as new; a blank never wins."""
    if left is None:
        return _send(rule, "L", left, right, lost=None, edit=edit)
    if right is None:
        return _send(rule, "R", left, right, lost=None, edit=edit)
    winner = rule.choose(left, right)
    if winner == "ask":
        return Ask()
    target = opposite(winner)
    return _send(rule, target, left, right, lost=left if target == "L" else right, edit=edit)


def _one_changed(
    rule: FieldRule, side: Side, value: Value | None, other: Value | None, other_base: Value | None
) -> Decision:
    """Decide a field that only *side* changed."""
    target = opposite(side)
    if not rule.flows_to(target):
        return Keep(drift=True)
    left, right = (value, other) if side == "L" else (other, value)
    if value is None and rule.clears == "keep":
        if side == "L":
            return Settle(None, other_base, "kept_clear")
        return Settle(other_base, None, "kept_clear")
    return _send(rule, target, left, right, lost=None, edit=True)


def _send(
    rule: FieldRule, target: Side, left: Value | None, right: Value | None, *, lost: Value | None, edit: bool
) -> Decision:
    if not rule.flows_to(target):
        return Settle(left, right, note="settled_difference")  # the closed side's value stands; nothing may be written
    source = right if target == "L" else left
    if source is None:
        return Send(target, None, None, lost, edit)
    value = rule.get(source) if target == "R" else rule.put(source, left)
    return Send(target, value, source, lost, edit)
