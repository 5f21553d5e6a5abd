"""The three-way merge of one flow: what each side holds, what each side held when the flow was last settled.

A flow is all that travels as one value: a field, or an association, whose values are the pairs at its other end. The
table is the heart of a two-way sync; every row of it has a test. Bases are kept per side, because the two sides may
hold different values on purpose: an app that rewrote what it was sent, a cleared field that is kept, a lossy lens.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, TypeAlias

from shared.model.records import Fields, SetChange, Side, TooLong, Value, opposite
from shared.model.words import By, Note


class Unknown:
    """Nothing is known of the value; a value of its own, because None is known to be empty."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown()
Held: TypeAlias = Value | Unknown | None


class Choice(NamedTuple):
    """Which of two values stands, and by which rule."""

    winner: Literal["L", "R", "ask"]
    by: By


Edited: TypeAlias = tuple[int | None, int | None]
"""When the left and the right value were edited, in milliseconds since 1970; None when nobody knows."""
NOBODY_KNOWS: Final[Edited] = (None, None)


class InvalidValue(ValueError):  # noqa: N818 - it names the value's state
    """A value that the other side's field cannot take; `code` is a row of the error registry."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class LeftOut(InvalidValue):
    """A value that is not carried, which nobody needs to act on; `code` is a note of the console."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What belongs to a value besides its field, such as the currency of an amount."""

    field: str = ""
    """Its own field; empty where the app has none."""
    default: str = ""
    """What it is where its field is empty, or where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """One mapping of a field, of several that are one value, or of an association, ready to run."""

    key: str
    left: str
    """Its field, or its association's label."""
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
    choose: Callable[[Value, Value, Edited], Choice] = lambda _left, _right, _edited: Choice("L", By.DEFAULT_APP)
    """Which of two values stands when both changed."""
    dated: bool = False
    """Whether choosing asks when the values were edited."""
    members: Callable[[Value], tuple[str, ...]] | None = None
    """Where its values are sets, their members: what either side adds or removes travels, and the rest of the other
    side's set stays."""
    agree: Callable[[Value, Value], bool] | None = None
    """Whether a left and a right value mean the same, where more than what `get` returns does."""
    left_parts: tuple[Part, ...] = ()
    """Of a composite, what belongs to the value of the left field. Its value is a tuple, the field's own text first; it
    is empty where that field is."""
    right_parts: tuple[Part, ...] = ()
    sensitive: bool = False
    """Whether its values are kept back from the history, and from whoever may not see them."""
    to: str = ""
    """Of an association, the sync that holds its other end; empty for a field."""
    mutual: bool = False
    """Of an association within the sync, whether both of its records show it: then one of their pairs carries it."""

    @property
    def many(self) -> bool:
        """Whether its values are sets."""
        return self.members is not None

    def members_of(self, value: Held) -> tuple[str, ...]:
        """List the members of a set; none where nothing is known of it, or where its values are no sets."""
        if self.members is None or isinstance(value, Unknown) or value is None:
            return ()
        return self.members(value)

    def field(self, side: Side) -> str:
        """Name the field on one side."""
        return self.left if side == "L" else self.right

    def parts(self, side: Side) -> tuple[Part, ...]:
        """Return what belongs to the value besides its field on one side."""
        return self.left_parts if side == "L" else self.right_parts

    def fields(self, side: Side) -> tuple[str, ...]:
        """List the fields that hold its value on one side."""
        return (self.field(side), *(part.field for part in self.parts(side) if part.field))

    def held_in(self, side: Side, fields: Fields) -> Held:
        """Return the value that fields of one side hold, as far as all of it is known."""
        name, parts = (self.left, self.left_parts) if side == "L" else (self.right, self.right_parts)
        if name not in fields:
            return UNKNOWN
        value = fields[name]
        if not parts or not isinstance(value, str):
            return value
        if any(part.field and part.field not in fields for part in parts):
            return UNKNOWN
        return (value, *(str((part.field and fields[part.field]) or part.default) for part in parts))

    def as_fields(self, side: Side, value: Value | None, held: Fields) -> dict[str, Value | None]:
        """Return the fields of one side that a value is written to: all of them, so that none is mixed with another's.

        A part that its default stands for stays empty where it is.
        """
        parts = self.parts(side)
        if not parts or not isinstance(value, tuple):
            return {self.field(side): value}
        first, *texts = value
        found: dict[str, Value | None] = {self.field(side): first}
        for part, text in zip(parts, texts, strict=True):
            if part.field:
                empty = text == part.default and part.field in held and held[part.field] is None
                found[part.field] = None if empty else text or None
        return found

    def flows_to(self, side: Side) -> bool:
        """Check whether the mapping may write to that side."""
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
    note: Note | None = None


SetMoves: TypeAlias = tuple[SetChange, SetChange]
"""What the bases of a set gain and lose, left and right, each in its own side's words."""


@dataclass(frozen=True, slots=True)
class Send:
    """Write the other side's value to *side*."""

    side: Side
    value: Value | None
    source: Value | None
    """The value that it was made from."""
    lost: Value | None = None
    """What it replaces, when that too was an edit."""
    base: Value | None = None
    """Of a set, the side's base once it is written, for workers that do not know `moves`."""
    moves: SetMoves | None = None
    """Of a set, what of both bases is settled once it is written."""
    by: By = By.EDITED
    """The rule that chose it."""
    edit: bool = True
    """False when it fills or overwrites at the first link, where nobody edited anything."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Both sides changed and a person decides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MergedSet:
    """Write what each side changed in a set to the other; all that both sides agree on is settled at once."""

    left: Value | None
    """The bases are now these."""
    right: Value | None
    sends: tuple[Send, ...]
    note: Note | None
    differs: bool
    """Whether the two sides will hold different members once all is written."""


Decision: TypeAlias = Keep | Settle | Send | Ask | MergedSet


def merge(  # noqa: PLR0911 - one decision table, read from top to bottom
    rule: Flow,
    left: Held,
    right: Held,
    base_left: Held,
    base_right: Held,
    edited: Edited = NOBODY_KNOWS,
    outside: Collection[Side] = (),
) -> Decision:
    """Decide one flow; raises `InvalidValue` when the value to write does not fit the other side.

    Of a set, the sides *outside* have members besides that are not known on the other side.
    """
    if isinstance(left, Unknown) or isinstance(right, Unknown):
        return Keep()  # a field we may not read is never "cleared"
    if left == base_left and right == base_right:
        return Keep()  # as it was left when the field was last settled
    if _is_set(rule, left, right, base_left, base_right):
        return merge_sets(rule, left, right, base_left, base_right, outside)
    if equal(rule, left, right):
        return Settle(left, right)
    if isinstance(base_left, Unknown) or isinstance(base_right, Unknown):
        return _first(rule, left, right)
    left_changed = not _same(rule, left, base_left)
    right_changed = not _same(rule, right, base_right)
    if left_changed and right_changed:
        return _conflict(rule, left, right, edited, edit=True)
    if left_changed:
        return _one_changed(rule, "L", left, right, base_right)
    if right_changed:
        return _one_changed(rule, "R", right, left, base_left)
    return Keep()  # a settled difference


def _is_set(rule: Flow, left: Held, right: Held, base_left: Held, base_right: Held) -> bool:
    """Check whether a flow is merged by its members, which takes members on both sides, and bases of a field."""
    if not rule.many or any(isinstance(held, TooLong) for held in (left, right, base_left, base_right)):
        return False
    return bool(rule.to) or not (isinstance(base_left, Unknown) or isinstance(base_right, Unknown))


def equal(rule: Flow, left: Value | None, right: Value | None) -> bool:
    """Check whether the two sides mean the same."""
    if left is None or right is None:
        return left is right
    if isinstance(left, TooLong):
        return left == right
    if rule.agree is not None:
        return not isinstance(right, TooLong) and rule.agree(left, right)
    try:
        seen = rule.get(left)
    except InvalidValue:
        return False
    return seen is not None and rule.same(seen, right)


def _same(rule: Flow, value: Value | None, base: Value | None) -> bool:
    if value is None or base is None:
        return value is base
    return value == base or rule.same(value, base)


def _first(rule: Flow, left: Value | None, right: Value | None) -> Decision:
    """Decide a field that has no base: the first link, or a mapping that is new."""
    if left is None or right is None:
        filled: Side = "L" if left is None else "R"
        return _send(rule, filled, left, right, lost=None, by=By.FILLED, edit=False)
    return _conflict(rule, left, right, NOBODY_KNOWS, edit=False)


def _conflict(rule: Flow, left: Value | None, right: Value | None, edited: Edited, *, edit: bool) -> Decision:
    """Decide between two differing values that both count as new; a blank never wins."""
    if left is None:
        return _send(rule, "L", left, right, lost=None, by=By.BLANK, edit=edit)
    if right is None:
        return _send(rule, "R", left, right, lost=None, by=By.BLANK, edit=edit)
    winner, by = rule.choose(left, right, edited)
    if winner == "ask":
        return Ask()
    target = opposite(winner)
    return _send(rule, target, left, right, lost=left if target == "L" else right, by=by, edit=edit)


def _one_changed(
    rule: Flow, side: Side, value: Value | None, other: Value | None, other_base: Value | None
) -> Decision:
    """Decide a field that only *side* changed."""
    target = opposite(side)
    if not rule.flows_to(target):
        return Keep(drift=True)
    left, right = (value, other) if side == "L" else (other, value)
    if value is None and rule.clears == "keep":
        if side == "L":
            return Settle(None, other_base, Note.KEPT_CLEAR)
        return Settle(other_base, None, Note.KEPT_CLEAR)
    return _send(rule, target, left, right, lost=None, by=By.EDITED, edit=True)


def _send(
    rule: Flow, target: Side, left: Value | None, right: Value | None, *, lost: Value | None, by: By, edit: bool
) -> Decision:
    if not rule.flows_to(target):
        return Settle(
            left, right, note=Note.SETTLED_DIFFERENCE
        )  # the closed side's value stands; nothing may be written
    source = right if target == "L" else left
    if source is None:
        return Send(target, None, None, lost, by=by, edit=edit)
    value = rule.get(source) if target == "R" else rule.put(source, left)
    return Send(target, value, source, lost, by=by, edit=edit)


def merge_sets(
    rule: Flow,
    left: Value | None,
    right: Value | None,
    base_left: Held,
    base_right: Held,
    outside: Collection[Side] = (),
) -> Decision:
    """Decide a set: members that one side added or removed since it was settled are added or removed on the other.

    Members are compared as the right side names them. Where one side adds what the other removes, it stays. A side that
    has members *outside* is not empty, whatever else it holds.
    """
    in_left, in_base = rule.members_of(left), rule.members_of(base_left)
    names = {member: name for member in (*in_left, *in_base) for name in rule.members_of(rule.get((member,)))}
    here, there = _named(names, in_left), rule.members_of(right)
    if set(here) == set(there):
        return Settle(left, right)
    old_here, old_there = _named(names, in_base), rule.members_of(base_right)
    to_right, to_left = _moves(here, old_here, there, old_there), _moves(there, old_there, here, old_here)
    kept = rule.clears == "keep"
    # Nothing is left of the set where one side removed its last member, and the other added none: that is a clear.
    if kept and not here and "L" not in outside and to_right.remove and not to_left.add:
        return Settle(left, None if isinstance(base_right, Unknown) else base_right, Note.KEPT_CLEAR)
    if kept and not there and "R" not in outside and to_left.remove and not to_right.add:
        return Settle(None if isinstance(base_left, Unknown) else base_left, right, Note.KEPT_CLEAR)
    first = isinstance(base_left, Unknown) or isinstance(base_right, Unknown)
    closed = not (to_right.is_empty or rule.to_right) or not (to_left.is_empty or rule.to_left)
    known = _on_both(here, there, old_here, old_there) if not first else _at_first(rule, here, there)
    bases = _spelled_as(names, known[0], in_base, in_left), known[1]
    sends = []
    if rule.to_right and not to_right.is_empty:
        moved = _spelled_as(names, to_right.add, in_left), _spelled_as(names, to_right.remove, in_base)
        moves = SetChange(add=moved[0], remove=moved[1]), SetChange(add=to_right.add, remove=to_right.remove)
        base = moves[1].on(bases[1])
        sends.append(Send("R", to_right.on(there), left, base=base, moves=moves, by=By.MEMBERS, edit=not first))
    if rule.to_left and not to_left.is_empty:
        written = to_left.on(here)
        value = rule.put(written, left) if written else None
        after = rule.members_of(value)
        change = SetChange(
            add=tuple(one for one in after if one not in in_left),
            remove=tuple(one for one in in_left if one not in after),
        )
        moves = change, SetChange(add=to_left.add, remove=to_left.remove)
        base = change.on(bases[0])
        sends.append(Send("L", value, right, base=base, moves=moves, by=By.MEMBERS, edit=not first))
    left_after = to_left.on(here) if rule.to_left else here
    right_after = to_right.on(there) if rule.to_right else there
    return MergedSet(
        left=bases[0] or (None if left else left),
        right=bases[1] or (None if right else right),
        sends=tuple(sends),
        note=None if not closed else Note.SETTLED_DIFFERENCE if first else Note.DRIFT,
        differs={*(left_after or ())} != {*(right_after or ())},
    )


_Members: TypeAlias = tuple[str, ...]


def _moves(mine: _Members, my_base: _Members, other: _Members, other_base: _Members) -> SetChange:
    """Return what *other* lacks of what was added here, and has of what was removed here and not added there."""
    return SetChange(
        add=tuple(one for one in mine if one not in my_base and one not in other),
        remove=tuple(one for one in my_base if one not in mine and one in other and one in other_base),
    )


def _on_both(here: _Members, there: _Members, old_here: _Members, old_there: _Members) -> tuple[_Members, _Members]:
    """Return the bases of a set as far as both sides agree: what both have is settled, and what neither has."""
    both = tuple(one for one in here if one in there)
    either = {*here, *there}
    mine, other = ((*(one for one in old if one in either), *both) for old in (old_here, old_there))
    return tuple(dict.fromkeys(mine)), tuple(dict.fromkeys(other))


def _at_first(rule: Flow, here: _Members, there: _Members) -> tuple[_Members, _Members]:
    """Return the bases of a set at the first link: what both sides have; what may not be written differs on purpose."""
    both = tuple(one for one in here if one in there)
    return both if rule.to_right else here, both if rule.to_left else there


def _named(names: Mapping[str, str], members: _Members) -> _Members:
    """Return members of the left side as the right side names them."""
    return tuple(dict.fromkeys(names[member] for member in members))


def _spelled_as(names: Mapping[str, str], wanted: _Members, *held: _Members) -> _Members:
    """Return members as the left side names them, of those that it holds or held."""
    return tuple(dict.fromkeys(member for members in held for member in members if names[member] in wanted))
