"""A pair while one step changes it: bases spelled out per field, what must be asked, what was decided."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from shared.engine.merging import NOBODY_KNOWS, UNKNOWN, Edited, Flow, Held, Unknown
from shared.engine.policies import Policy
from shared.model.ids import second_read_token
from shared.model.pairs import FORM, Match, Pair, Pending, Problem, Recognised, SideState, Trace, stands_at
from shared.model.records import LEFT, RIGHT, Fields, Life, Linked, Side, Value, put_together
from shared.model.sides import BySide, with_side
from shared.model.words import Status


def next_rev(pair: Pair, now_ms: int) -> int:
    """Number a pair's next state.

    The clock is in it because Redis may forget a state that is on its way to the journal: whatever was decided after
    the rebuild must stand above it there, although it was counted from the same state.
    """
    return max(pair.rev + 1, now_ms)


TOLD_MOST: Final = 400
"""Characters of a value that a decision tells."""
LABEL_MOST: Final = 200
UNSURE_MOST: Final = 5
"""Values of one side that are remembered as perhaps sent; more edits than that within one outage are not told apart."""
NOBODY: Final[Mapping[Side, str]] = MappingProxyType({})
_WITHOUT_VALUES: Final[Mapping[str, Any]] = MappingProxyType(
    {"base_l": {}, "base_r": {}, "pending": {}, "unsure": {}, "problems": {}, "doubted": {}, "shown": ()}
)
"""What a pair forgets when a record of it is erased. No write is answered any more, and no value comes back."""


@dataclass(slots=True)
class Draft:
    """A pair being changed."""

    was: Pair
    policy: Policy
    ends: BySide[SideState | None]
    base: BySide[dict[str, Value | None]]
    other_links: dict[str, tuple[Linked, Linked]]
    """Bases of associations that the settings do not name at present."""
    pending: dict[Side, Pending]
    unsure: dict[Side, tuple[Pending, ...]]
    problems: dict[str, Problem]
    notes: dict[str, str]
    recent: dict[str, tuple[int, ...]]
    status: Status
    reason: str
    detail: str
    others: tuple[str, ...]
    match: Match | None
    absorbed_by: str = ""
    waits: tuple[str, ...] = ()
    again: str = ""
    yields: bool = False
    tries: int = 0
    held_ms: int = 0
    refused: int = 0
    n: int = 0
    edits: int = 0
    edited: dict[str, int] = field(default_factory=dict)
    accepted_ms: int = 0
    seated: Mapping[Side, str] = field(default_factory=dict)
    """The living records to which the links gave the places."""
    doubted: dict[Side, Recognised] = field(default_factory=dict)
    shown: set[str] = field(default_factory=set)
    """Keys under which the links found the records because of reports that the pair's state does not tell."""
    old_links: set[Side] = field(default_factory=set)
    """Sides whose associations may have been read before the record that they name left."""
    wanted: dict[Side, dict[str, Value | None]] = field(default_factory=dict)
    """By mapping key, what another pair needs of what a side holds."""
    linked: dict[tuple[Side, str], Held] = field(default_factory=dict)
    """What the sides hold of associations, by flow."""
    outside: dict[str, set[Side]] = field(default_factory=dict)
    """By flow, the sides whose association leads to records without a partner as well."""
    partners: dict[str, BySide[str]] = field(default_factory=dict)
    """By pair at the other end of an association, its two records."""
    trace: list[Trace] = field(default_factory=list)
    cause: str = ""
    """The trace of the message that the step is said to come from."""
    seal: str = ""
    """The key for values in the history: the pair's own, or a new one for the first that are told."""
    created_sides: set[Side] = field(default_factory=set)
    """Sides on which this step asks for a create."""
    released: set[Side] = field(default_factory=set)
    """Sides whose create was granted and is certain not to have happened."""

    @classmethod
    def of(cls, pair: Pair, policy: Policy, seated: Mapping[Side, str] = NOBODY) -> "Draft":
        """Open a pair for changes."""
        base: BySide[dict[str, Value | None]] = BySide({}, {})
        other_links = dict(pair.link_base)
        for flow in policy.associations:
            if flow.names.left in other_links:
                base.left[flow.key], base.right[flow.key] = other_links.pop(flow.names.left)
        if pair.L and pair.R:
            settled = [rule for rule in policy.rules if rule.key not in pair.fresh and rule.since <= pair.setup]
            for side, end in BySide(pair.L, pair.R).items():
                kept, bases = pair.base(side), base[side]
                for rule in settled:
                    known = kept[rule.key] if rule.key in kept else rule.held_in(side, end.fields)
                    if not isinstance(known, Unknown):
                        bases[rule.key] = known
        return cls(
            was=pair, policy=policy, ends=pair.ends, base=base, other_links=other_links,
            pending=dict(pair.pending), unsure=dict(pair.unsure), problems=dict(pair.problems),
            notes=dict(pair.notes), recent=dict(pair.recent),
            status=pair.status, reason=pair.reason, detail=pair.detail, others=pair.others, match=pair.match,
            absorbed_by=pair.absorbed_by, waits=pair.waits, tries=pair.tries, held_ms=pair.held_ms,
            refused=pair.refused, n=pair.n, edits=pair.edits, edited=dict(pair.edited), seated=seated,
            doubted=dict(pair.doubted), shown=set(pair.shown), seal=pair.seal,
        )  # fmt: skip

    @property
    def half(self) -> Side | None:
        """Return the only side that the pair has; None when it has both or none."""
        if (self.ends.left is None) == (self.ends.right is None):
            return None
        return RIGHT if self.ends.left is None else LEFT

    def value(self, side: Side, name: str) -> Held:
        """Return what a side holds in a field."""
        end = self.ends[side]
        if end is None or name not in end.fields:
            return UNKNOWN
        return end.fields[name]

    def held(self, side: Side, flow: Flow) -> Held:
        """Return what a side holds of a flow: the value of a field, or the pairs at the other end of an association."""
        if flow.to:
            return self.linked.get((side, flow.key), UNKNOWN)
        end = self.ends[side]
        return UNKNOWN if end is None else flow.held_in(side, end.fields)

    def note_edits(self, side: Side, fields: Fields, at_ms: int) -> None:
        """Note when values were edited that a report brings, where the most recent one is to win."""
        for flow in self.policy.rules:
            if flow.dated and any(
                name in fields and fields[name] != self.value(side, name) for name in flow.fields(side)
            ):
                self.edited[with_side(side, flow.key)] = at_ms

    def when_edited(self, flow: Flow) -> Edited:
        """Return when both values of a flow were edited, as far as it matters."""
        if not flow.dated:
            return NOBODY_KNOWS
        return BySide.of(lambda side: self.edited.get(with_side(side, flow.key)))

    def base_of(self, side: Side, key: str) -> Held:
        """Return a side's base of a mapping."""
        return self.base[side].get(key, UNKNOWN) if key in self.base[side] else UNKNOWN

    def has_bases(self, key: str) -> bool:
        """Check whether both sides have a base of a mapping."""
        return key in self.base.left and key in self.base.right

    def unsettled(self) -> tuple[BySide[dict[str, Value | None]], tuple[str, ...]]:
        """Return the bases of a linked pair that differ from what its sides hold, and which mappings have none yet."""
        differing: BySide[dict[str, Value | None]] = BySide({}, {})
        if self.ends.left is None or self.ends.right is None:
            return differing, ()
        left, right = self.base
        settled = [rule for rule in self.policy.rules if rule.key in left and rule.key in right]
        for side, end in BySide(self.ends.left, self.ends.right).items():
            bases, found = self.base[side], differing[side]
            for rule in settled:
                base = bases[rule.key]
                if rule.held_in(side, end.fields) != base:
                    found[rule.key] = base
        if len(settled) == len(self.policy.rules):
            return differing, ()
        return differing, tuple(rule.key for rule in self.policy.rules if not self.has_bases(rule.key))

    def settle(self, key: str, bases: BySide[Value | None]) -> None:
        """Set both bases of a mapping."""
        self.base.left[key], self.base.right[key] = bases

    def forget_bases(self) -> None:
        """Drop all bases: one side is another record now."""
        self.base = BySide({}, {})
        self.other_links = {}

    def doubt(self, side: Side) -> None:
        """Drop a side's pending write, but remember what it would have written."""
        given_up = self.pending.pop(side)
        others = [
            write
            for write in self.unsure.get(side, ())
            if (write.fields, write.links) != (given_up.fields, given_up.links)
        ]
        self.unsure[side] = (*others, given_up)[-UNSURE_MOST:]

    def put(self, side: Side, end: SideState) -> None:
        """Set what a side holds now."""
        current = self.ends[side]
        if current is not None and current is not self.was.side(side):
            self.show(side, current.life, current.fields)
        self.ends = self.ends.replaced(side, end)
        self.doubted.pop(side, None)

    def ask(self, side: Side, place: int = -1) -> None:
        """Ask for a second read of a side, because of the message at *place*, or of what follows from all of them."""
        end = self.ends[side]
        if end is None:
            raise ValueError("only a record that is known can be read again")
        token = second_read_token(self.was.pair, side, self.was.rev, place)
        self.ends = self.ends.replaced(side, end.model_copy(update={"ask": token}))

    def show(self, side: Side, life: Life, fields: Fields, claimed_at: int = -1) -> Recognised | None:
        """Note the keys that the links had by a report which this step does not leave in the pair's state."""
        part = self.policy.sides[side]
        if life is not Life.ALIVE or not part.identifiers <= fields.keys():
            return None
        found = part.identify(fields)
        self.shown.update(found.keys)
        return Recognised(identity=found.identity, keys=found.keys, claimed_at=claimed_at)

    def close(self, *, place: int, now_ms: int) -> Pair:
        """Return the changed pair, with its next revision."""
        left, right = self.ends
        linked = left is not None and right is not None
        differing, fresh = self.unsettled()
        # Whether a mapping that is on waits for its first link:
        open_ = bool(fresh) and any(
            rule.on and rule.key in fresh and rule.key not in self.notes for rule in self.policy.rules
        )
        settled = linked and not self.pending and not open_ and self.status is Status.IN_SYNC
        changed = (self.status, self.reason) != (self.was.status, self.was.reason)
        sensitive = {rule.key for rule in self.policy.rules if rule.sensitive} if self.trace else set[str]()
        log = tuple(_brief(trace, sensitive=trace.key in sensitive) for trace in self.trace)
        erased = any(end is not None and end.life is Life.ERASED for end in (left, right))
        fields: dict[str, Any] = {
            "sync": self.was.sync, "pair": self.was.pair, "form": FORM, "rev": next_rev(self.was, now_ms),
            **stands_at(place), "setup": self.policy.setup,
            "generation": self.was.generation, "n": self.n, "L": left, "R": right,
            "base_l": differing.left, "base_r": differing.right,
            "fresh": fresh, "link_base": self._link_base(), "pending": self.pending, "unsure": self.unsure,
            "problems": {} if self.absorbed_by else self.problems,
            "notes": self.notes, "waits": self.waits,
            "status": self.status, "reason": self.reason, "detail": self.detail,
            "others": self.others,
            "match": self.match, "absorbed_by": self.absorbed_by, "pokes": (),
            "freed": (),
            "doubted": {side: known for side, known in self.doubted.items() if (end := self.ends[side]) and end.ask},
            "shown": tuple(sorted(self.shown)) if any(end is not None and end.ask for end in (left, right)) else (),
            "woken": _living(left, right) not in (None, _living(self.was.L, self.was.R))
            or _has_left(self.was.L, left)
            or _has_left(self.was.R, right),
            "again": "" if self.absorbed_by else self.again,
            "yields": self.yields and bool(self.pending or self.again or _asks(left) or _asks(right)),
            "tries": self.tries, "held_ms": self.held_ms if self.tries else 0, "refused": self.refused,
            "recent": self.recent,
            "edits": self.edits, "edited": self.edited,
            "changed_ms": now_ms if changed or not self.was.rev else self.was.changed_ms,
            "synced_ms": now_ms if settled else self.was.synced_ms, "seen_ms": now_ms, "label": self._label(),
            "log": tuple(trace.without_values() for trace in log) if erased else log,
            "cause": self.cause if log else "", "earlier": (), "untold": False,
            "seal": "" if erased else self.seal if log or self.was.log else self.was.seal,
        }  # fmt: skip
        if erased:
            fields |= _WITHOUT_VALUES
            fields["match"] = self.match.model_copy(update={"key": ""}) if self.match else None
        return put_together(Pair, fields, self.was)

    def _link_base(self) -> dict[str, tuple[Linked, Linked]]:
        known = {
            flow.names.left: (self.base.left[flow.key], self.base.right[flow.key])
            for flow in self.policy.associations
            if self.has_bases(flow.key)
        }
        return {**self.other_links, **known}  # type: ignore[dict-item]  # the bases of an association name pairs

    def _label(self) -> str:
        if self.was.label and self.ends.left is self.was.L and self.ends.right is self.was.R:
            return self.was.label
        for side, end in self.ends.items():
            if end is not None:  # of one that was erased nothing is known any more
                label = self.policy.sides[side].label(end.fields)[:LABEL_MOST]
                if label:
                    return label
        erased = any(end is not None and end.life is Life.ERASED for end in self.ends)
        return "" if erased else self.was.label


def _asks(end: SideState | None) -> bool:
    return end is not None and bool(end.ask)


def _brief(trace: Trace, *, sensitive: bool) -> Trace:
    """Return a decision with the beginnings of long texts: a state holds enough copies of them."""
    if sensitive:
        trace = trace.model_copy(update={"sensitive": True})
    if not any(isinstance(value, str) and len(value) > TOLD_MOST for value in (trace.old, trace.new, trace.lost)):
        return trace
    told = {name: _beginning(getattr(trace, name)) for name in ("old", "new", "lost")}
    return trace.model_copy(update={**told, "cut": True})


def _beginning(value: Value | None) -> Value | None:
    long = isinstance(value, str) and len(value) > TOLD_MOST
    return f"{value[:TOLD_MOST]}…" if long and isinstance(value, str) else value


def _has_left(was: SideState | None, now: SideState | None) -> bool:
    """Check whether a living record left its place, or lost it to another one."""
    return was is not None and now is not None and was.life is Life.ALIVE and (now.id, now.life) != (was.id, was.life)


def _living(left: SideState | None, right: SideState | None) -> tuple[str, str] | None:
    """Name two records that live and are linked."""
    if left is None or right is None or left.life is not Life.ALIVE or right.life is not Life.ALIVE:
        return None
    return left.id, right.id
