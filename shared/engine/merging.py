"""The three-way merge of one flow: what each side holds, what each side held when the flow was last settled.

A flow is all that travels as one value: a field, or an association, whose values are the pairs at its other end. The
table is the heart of a two-way sync; every row of it has a test. Bases are kept per side, because the two sides may
hold different values on purpose: an app that rewrote what it was sent, a cleared field that is kept, a lossy lens.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, TypeAlias, TypeGuard

from shared.model.records import LEFT, RIGHT, SIDES, Fields, SetChange, Side, TooLong, Value, opposite
from shared.model.sides import BySide
from shared.model.words import By, Note


class Unknown:
    """Nothing is known of the value; a value of its own, because None is known to be empty."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown()
Held: TypeAlias = Value | Unknown | None


class Choice(NamedTuple):
    """Which of two values stands, and by which rule."""

    winner: Side | Literal["ask"]
    by: By


Edited: TypeAlias = BySide[int | None]
"""When the values were edited, in milliseconds since 1970; None when nobody knows."""
NOBODY_KNOWS: Final[Edited] = BySide(None, None)


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


NO_PARTS: Final[BySide[tuple[Part, ...]]] = BySide((), ())
BOTH_WAYS: Final = BySide(left=True, right=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """One mapping of a field, of several that are one value, or of an association, ready to run."""

    key: str
    names: BySide[str]
    """Its fields, or its association's labels."""
    get: Callable[[Value], Value | None]
    """Left value to right value; raises `InvalidValue`."""
    put: Callable[[Value, Value | None], Value | None]
    """(right value, old left value) to left value; raises `InvalidValue`."""
    same: Callable[[Value, Value], bool]
    """Whether two values of one side mean the same."""
    writes: BySide[bool] = BOTH_WAYS
    """Whether it may write to a side."""
    clears: Literal["keep", "propagate"] = "keep"
    since: int = 0
    """Settings version in which the mapping became what it is."""
    on: bool = True
    """False for a mapping that is switched off: nothing is compared or written, and its bases are kept."""
    choose: Callable[[Value, Value, Edited], Choice] = lambda _left, _right, _edited: Choice(LEFT, By.DEFAULT_APP)
    """Which of two values stands when both changed."""
    dated: bool = False
    """Whether choosing asks when the values were edited."""
    members: Callable[[Value], tuple[str, ...]] | None = None
    """Where its values are sets, their members: what either side adds or removes travels, and the rest of the other
    side's set stays."""
    agree: Callable[[Value, Value], bool] | None = None
    """Whether a left and a right value mean the same, where more than what `get` returns does."""
    parts: BySide[tuple[Part, ...]] = NO_PARTS
    """Of a composite, what belongs to the value besides its field. Its value is a tuple, the field's own text first; it
    is empty where that field is."""
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

    def translated(self, value: Value, target: Side, old_left: Value | None = None) -> Value | None:
        """Return a value of one side as the other one, *target*, holds it; raises `InvalidValue`."""
        return self.get(value) if target == RIGHT else self.put(value, old_left)

    def fields(self, side: Side) -> tuple[str, ...]:
        """List the fields that hold its value on one side."""
        return (self.names[side], *(part.field for part in self.parts[side] if part.field))

    def held_in(self, side: Side, fields: Fields) -> Held:
        """Return the value that fields of one side hold, as far as all of it is known."""
        name = self.names[side]
        if name not in fields:
            return UNKNOWN
        value = fields[name]
        if self.parts is NO_PARTS or not isinstance(value, str):
            return value
        parts = self.parts[side]
        if any(part.field and part.field not in fields for part in parts):
            return UNKNOWN
        return (value, *(str((part.field and fields[part.field]) or part.default) for part in parts))

    def as_fields(self, side: Side, value: Value | None, held: Fields) -> dict[str, Value | None]:
        """Return the fields of one side that a value is written to: all of them, so that none is mixed with another's.

        A part that its default stands for stays empty where it is.
        """
        parts = self.parts[side]
        if not parts or not isinstance(value, tuple):
            return {self.names[side]: value}
        first, *texts = value
        found: dict[str, Value | None] = {self.names[side]: first}
        for part, text in zip(parts, texts, strict=True):
            if part.field:
                empty = text == part.default and part.field in held and held[part.field] is None
                found[part.field] = None if empty else text or None
        return found


@dataclass(frozen=True, slots=True)
class Keep:
    """Nothing to write, and no base moves."""

    drift: bool = False
    """True when the side that we only write to was edited."""


@dataclass(frozen=True, slots=True)
class Settle:
    """Nothing to write; the bases are now these."""

    bases: BySide[Value | None]
    note: Note | None = None


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
    moves: BySide[SetChange] | None = None
    """Of a set, what its bases gain and lose once it is written, each in its own side's words."""
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

    bases: BySide[Value | None]
    """They are now these."""
    sends: tuple[Send, ...]
    note: Note | None
    differs: bool
    """Whether the two sides will hold different members once all is written."""


Decision: TypeAlias = Keep | Settle | Send | Ask | MergedSet


def merge(  # noqa: PLR0911 - one decision table, read from top to bottom
    rule: Flow,
    held: BySide[Held],
    base: BySide[Held],
    edited: Edited = NOBODY_KNOWS,
    outside: Collection[Side] = (),
) -> Decision:
    """Decide one flow; raises `InvalidValue` when the value to write does not fit the other side.

    Of a set, the sides *outside* have members besides that are not known on the other side.
    """
    if not are_known(held):
        return Keep()  # a field we may not read is never "cleared"
    if held == base:
        return Keep()  # as it was left when the field was last settled
    if _is_set(rule, held, base):
        return merge_sets(rule, held, base, outside)
    if equal(rule, held):
        return Settle(held)
    if not are_known(base):
        return _first(rule, held)
    changed = [side for side in SIDES if not _same(rule, held[side], base[side])]
    if len(changed) == len(SIDES):
        return _conflict(rule, held, edited, edit=True)
    if changed:
        return _one_changed(rule, changed[0], held, base)
    return Keep()  # a settled difference


def are_known(held: BySide[Held]) -> TypeGuard[BySide[Value | None]]:
    """Check whether something is known of both values."""
    return not (isinstance(held.left, Unknown) or isinstance(held.right, Unknown))


def _is_set(rule: Flow, held: BySide[Held], base: BySide[Held]) -> bool:
    """Check whether a flow is merged by its members, which takes members on both sides, and bases of a field."""
    if not rule.many or any(isinstance(one, TooLong) for one in (*held, *base)):
        return False
    return bool(rule.to) or are_known(base)


def equal(rule: Flow, held: BySide[Value | None]) -> bool:
    """Check whether the two sides mean the same."""
    left, right = held.left, held.right
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


def _first(rule: Flow, held: BySide[Value | None]) -> Decision:
    """Decide a field that has no base: the first link, or a mapping that is new."""
    for side in SIDES:
        if held[side] is None:
            return _send(rule, side, held, by=By.FILLED, edit=False)
    return _conflict(rule, held, NOBODY_KNOWS, edit=False)


def _conflict(rule: Flow, held: BySide[Value | None], edited: Edited, *, edit: bool) -> Decision:
    """Decide between two differing values that both count as new; a blank never wins."""
    if held.left is None:
        return _send(rule, LEFT, held, by=By.BLANK, edit=edit)
    if held.right is None:
        return _send(rule, RIGHT, held, by=By.BLANK, edit=edit)
    winner, by = rule.choose(held.left, held.right, edited)
    if winner == "ask":
        return Ask()
    target = opposite(winner)
    return _send(rule, target, held, lost=held[target], by=by, edit=edit)


def _one_changed(rule: Flow, side: Side, held: BySide[Value | None], base: BySide[Value | None]) -> Decision:
    """Decide a field that only *side* changed."""
    target = opposite(side)
    if not rule.writes[target]:
        return Keep(drift=True)
    if held[side] is None and rule.clears == "keep":
        return Settle(base.replaced(side, None), Note.KEPT_CLEAR)
    return _send(rule, target, held, by=By.EDITED)


def _send(
    rule: Flow, target: Side, held: BySide[Value | None], *, lost: Value | None = None, by: By, edit: bool = True
) -> Decision:
    if not rule.writes[target]:  # the closed side's value stands; nothing may be written
        return Settle(held, note=Note.SETTLED_DIFFERENCE)
    source = held[opposite(target)]
    value = None if source is None else rule.translated(source, target, held.left)
    return Send(target, value, source, lost, by=by, edit=edit)


def merge_sets(rule: Flow, held: BySide[Value | None], base: BySide[Held], outside: Collection[Side] = ()) -> Decision:
    """Decide a set: members that one side added or removed since it was settled are added or removed on the other.

    Members are compared as the right side names them. Where one side adds what the other removes, it stays. A side that
    has members *outside* is not empty, whatever else it holds.
    """
    in_left, in_base = rule.members_of(held.left), rule.members_of(base.left)
    names = {member: name for member in (*in_left, *in_base) for name in rule.members_of(rule.get((member,)))}
    now = BySide(_named(names, in_left), rule.members_of(held.right))
    if set(now.left) == set(now.right):
        return Settle(held)
    was = BySide(_named(names, in_base), rule.members_of(base.right))
    moves = BySide.of(lambda target: _moves(now, was, target))
    for side in SIDES if rule.clears == "keep" else ():
        # Nothing is left of the set where one side removed its last member, and the other added none: that is a clear.
        if not now[side] and side not in outside and moves[opposite(side)].remove and not moves[side].add:
            return Settle(base.map(as_value).replaced(side, held[side]), Note.KEPT_CLEAR)
    first = not are_known(base)
    closed = any(not (moves[side].is_empty or rule.writes[side]) for side in SIDES)
    known = _at_first(rule, now) if first else _on_both(now, was)
    bases = known.replaced(LEFT, _spelled_as(names, known.left, in_base, in_left))
    sends = []
    if rule.writes.right and not moves.right.is_empty:
        there = moves.right
        here = SetChange(add=_spelled_as(names, there.add, in_left), remove=_spelled_as(names, there.remove, in_base))
        sends.append(_send_members(RIGHT, there.on(now.right), held, bases, BySide(here, there), first=first))
    if rule.writes.left and not moves.left.is_empty:
        written = moves.left.on(now.left)
        value = rule.put(written, held.left) if written else None
        after = rule.members_of(value)
        here = SetChange(
            add=tuple(one for one in after if one not in in_left),
            remove=tuple(one for one in in_left if one not in after),
        )
        sends.append(_send_members(LEFT, value, held, bases, BySide(here, moves.left), first=first))
    ends = BySide.of(lambda side: {*((moves[side].on(now[side]) if rule.writes[side] else now[side]) or ())})
    return MergedSet(
        bases=BySide.of(lambda side: bases[side] or (None if held[side] else held[side])),
        sends=tuple(sends),
        note=None if not closed else Note.SETTLED_DIFFERENCE if first else Note.DRIFT,
        differs=ends.left != ends.right,
    )


_Members: TypeAlias = tuple[str, ...]


def _moves(now: BySide[_Members], was: BySide[_Members], target: Side) -> SetChange:
    """Return what *target* lacks of what the other side added, and has of what that removed and itself did not add."""
    source = opposite(target)
    return SetChange(
        add=tuple(one for one in now[source] if one not in was[source] and one not in now[target]),
        remove=tuple(
            one for one in was[source] if one not in now[source] and one in now[target] and one in was[target]
        ),
    )


def _send_members(
    target: Side,
    value: Value | None,
    held: BySide[Value | None],
    bases: BySide[_Members],
    moves: BySide[SetChange],
    *,
    first: bool,
) -> Send:
    base = moves[target].on(bases[target])
    return Send(target, value, held[opposite(target)], base=base, moves=moves, by=By.MEMBERS, edit=not first)


def _on_both(now: BySide[_Members], was: BySide[_Members]) -> BySide[_Members]:
    """Return the bases of a set as far as both sides agree: what both have is settled, and what neither has."""
    either = {*now.left, *now.right}
    both = _both(now)
    return was.map(lambda old: tuple(dict.fromkeys((*(one for one in old if one in either), *both))))


def _at_first(rule: Flow, now: BySide[_Members]) -> BySide[_Members]:
    """Return the bases of a set at the first link: what both sides have; what may not be written differs on purpose."""
    both = _both(now)
    return BySide.of(lambda side: both if rule.writes[opposite(side)] else now[side])


def _both(now: BySide[_Members]) -> _Members:
    return tuple(one for one in now.left if one in now.right)


def as_value(held: Held) -> Value | None:
    """Return a value; None also where nothing is known of it."""
    return None if isinstance(held, Unknown) else held


def _named(names: Mapping[str, str], members: _Members) -> _Members:
    """Return members of the left side as the right side names them."""
    return tuple(dict.fromkeys(names[member] for member in members))


def _spelled_as(names: Mapping[str, str], wanted: _Members, *held: _Members) -> _Members:
    """Return members as the left side names them, of those that it holds or held."""
    return tuple(dict.fromkeys(member for members in held for member in members if names[member] in wanted))
