"""What a sync knows of one left and one right record, and what can happen to it.

A *half pair* has one side only: unmatched, excluded, or waiting for its create. Every living record that a sync
knows is in exactly one pair.
"""

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple, TypeVar

from pydantic import BaseModel, Field, ValidationError

from shared.model.records import LEFT, Fields, Frozen, Life, Linked, LinkWrite, Report, SetChange, Side, Value, Version
from shared.model.sides import BySide, read_side
from shared.model.words import Retry, Status

FORM: Final = 1
"""The newest form of a pair's state that this version reads; raised when an older version could not go on with it."""


class NewerState(Exception):  # noqa: N818 - a fact about the state; what is about it waits
    """A newer version wrote the state in a form, or with a word, that this one does not know."""


class SideState(Frozen):
    """A side as last reported."""

    id: str
    version: Version
    fields: Fields = Field(default_factory=dict)
    life: Life = Life.ALIVE
    merged_into: str | None = None
    created: str = ""
    links: Mapping[str, Linked] = Field(default_factory=dict)
    partial: bool = False
    """The version was told by an answer to a write, which shows only some of the fields: whatever else changed up to
    that version is not known before the record is read."""
    ask: str = ""
    """Token of the second read that was asked for; only its answer is believed until then."""
    claimed_at: int = -1
    """Where versions have no order, by which claim the record is known so, as `PairEvent.claimed_at`."""


class Pending(Frozen):
    """The one unanswered write of a side: its own journal entry."""

    key: str
    op: Literal["create", "update"]
    fields: Fields = Field(default_factory=dict)
    source: Fields = Field(default_factory=dict)
    """The other side's values that it was computed from, by flow: the other side's base once it is answered."""
    bases: Fields = Field(default_factory=dict)
    """By flow, this side's base of a set once the write is answered, for workers that do not know `moves`."""
    moves: Mapping[str, tuple[SetChange, SetChange]] = Field(default_factory=dict)
    """By flow, what the left and the right base of a set gain and lose once the write is answered: what else either
    side changed in the set stays a change."""
    links: Mapping[str, LinkWrite] = Field(default_factory=dict)
    """By association label."""
    link_source: Mapping[str, str | None] = Field(default_factory=dict)
    """What `source` tells of associations in states that older versions wrote, by label."""
    before: Fields = Field(default_factory=dict)
    expected: Version | None = None
    setup: int
    n: int = 0
    """Number of the decision: a create that is decided once more has the same key, and may have the same fields."""
    accepted_ms: int = 0
    """When the change that caused it was accepted, for the delay metric."""


class Problem(Frozen):
    """Why a field, or the whole pair (key ``*``), was not written."""

    code: str
    message: str = ""
    field: str = ""
    value: str = ""
    """Fingerprint of what was refused: it is tried again when this changes."""
    setup: int = 0
    other: str = ""
    """The record or pair that stands in the way."""
    unnamed: bool = False
    """The app did not say which part it refuses, so it may refuse the record as it was."""
    narrow: bool = False
    """That is found out by sending less."""


class Match(Frozen):
    """How the two records were found to be the same."""

    by: str
    """``marker``, ``create`` or the kind of key."""
    key: str = ""
    at_ms: int = 0


class Recognised(Frozen):
    """What matching knows a record by, as the links keep it."""

    identity: str
    keys: tuple[str, ...] = ()
    claimed_at: int = -1
    """By which claim the links know that, as `PairEvent.claimed_at`."""


class Trace(Frozen):
    """One decision of the last step, in data: the console turns it into a sentence and keeps it as history."""

    did: str
    key: str = ""
    side: Side | None = None
    old: Value | None = None
    new: Value | None = None
    lost: Value | None = None
    note: str = ""
    by: str = ""
    """Which rule chose the value (`shared.model.words.By`)."""
    sensitive: bool = False
    """Its values are shown to few, and the history tells only that there were some."""
    cut: bool = False
    """Its texts are only the beginnings of what was decided: none of them can be put back."""

    def without_values(self) -> "Trace":
        """Return the decision without what any record held."""
        return self.model_copy(update={"old": None, "new": None, "lost": None})


class Decided(Frozen):
    """What one step of a pair decided."""

    rev: int
    at_ms: int = 0
    cause: str = ""
    """The trace of the message that it is said to come from."""
    log: tuple[Trace, ...] = ()


MOST_IN_BUNDLE: Final = 128
"""Most messages that go as one: an offset and an index of a bundle are one number by it."""


def place_at(offset: int, index: int) -> int:
    """Return the place of a bundle's item among all messages of its partition; -1 before the first."""
    return offset * MOST_IN_BUNDLE + index if offset >= 0 else -1


def stands_at(place: int) -> dict[str, int]:
    """Return a place as a pair's state holds it."""
    at, item = divmod(place, MOST_IN_BUNDLE) if place >= 0 else (-1, 0)
    return {"at": at, "item": item}


class Awaited(NamedTuple):
    """An associated record that a pair waits for, because it is not linked yet."""

    sync: str
    side: Side
    record: str

    @classmethod
    def read(cls, text: str) -> "Awaited":
        """Read it as `text` writes it."""
        sync, side, record = text.split("/", 2)
        return cls(sync, read_side(side), record)

    def text(self) -> str:
        """Write it as a pair's state holds it."""
        return "/".join(self)


class Pair(Frozen):
    """Everything a sync knows of one left and one right record."""

    sync: str
    pair: str
    form: int = FORM
    """The form in which the state is written."""
    rev: int = 0
    """Grows with every state, and is no less than the time (ms) at which the state was decided."""
    at: int = -1
    """Offset on `pairs` that was applied last: a message at or below it is a redelivery."""
    item: int = 0
    """Of a bundle at that offset, the item that was applied last. It stands behind the offset: `restore.lua` finds it
    there."""
    setup: int = 0
    """Settings version that the state was last decided under."""
    generation: Mapping[Side, int] = Field(default_factory=dict)
    """How often each side's record was created anew on purpose."""
    n: int = 0
    """Writes decided so far; makes update ids differ."""
    L: SideState | None = None
    R: SideState | None = None
    base_l: Fields = Field(default_factory=dict)
    """By mapping key, where the left base differs from the left value now."""
    base_r: Fields = Field(default_factory=dict)
    fresh: tuple[str, ...] = ()
    """Mapping keys that have no base yet."""
    link_base: Mapping[str, tuple[Linked, Linked]] = Field(default_factory=dict)
    """By association label: the pairs at the other end of the left and of the right side when last settled."""
    pending: Mapping[Side, Pending] = Field(default_factory=dict)
    unsure: Mapping[Side, tuple[Pending, ...]] = Field(default_factory=dict)
    """Writes that were given up, although an earlier try may have been executed whose answer nobody heard: a value
    that one of them sent is not somebody's edit. Kept until it is
    seen to have arrived, or the side answers a later write."""
    problems: Mapping[str, Problem] = Field(default_factory=dict)
    """By flow, ``*`` for the whole pair."""
    notes: Mapping[str, str] = Field(default_factory=dict)
    """Things worth seeing that need nobody: by flow, or ``*`` for the whole pair."""
    waits: tuple[str, ...] = ()
    """Associated records that are not linked yet, as `Awaited` writes them."""
    status: Status = Status.PENDING
    reason: str = ""
    detail: str = ""
    """A sentence that explains the reason further."""
    others: tuple[str, ...] = ()
    """Records that the reason is about, by side and id: who holds the identifier, or who may be the partner."""
    match: Match | None = None
    absorbed_by: str = ""
    pokes: tuple[str, ...] = ()
    """Keys whose other half pairs must look again because of the last step."""
    freed: tuple[str, ...] = ()
    """Those of the `pokes` that this pair's records no longer carry: who was refused because of one may try again."""
    doubted: Mapping[Side, Recognised] = Field(default_factory=dict)
    """What the links know a side's record by, because of a report that is in doubt: should they be lost, nobody may be
    created beside it meanwhile."""
    shown: tuple[str, ...] = ()
    """Keys under which the links found this pair's records because of reports that are in doubt: who met them there
    must look again once it is known that they hold no longer."""
    woken: bool = False
    """True when the last step linked two living records, or one left: who waits for one of them must look again."""
    again: Literal["", "10s", "1m", "10m"] = ""
    """The pair asks to be touched after this delay."""
    yields: bool = False
    """What is under way was found by a first sync or a resync of all records: it makes way for live changes."""
    tries: int = 0
    """How often in a row a write had to wait."""
    held_ms: int = 0
    """Since when."""
    refused: int = 0
    """How often in a row a write was refused because another record holds the identifier."""
    recent: Mapping[str, tuple[int, ...]] = Field(default_factory=dict)
    """Times (ms) of the latest writes by field, to notice one that is written back and forth."""
    edited: Mapping[str, int] = Field(default_factory=dict)
    """When the values were edited of which the most recent one wins (ms), by side and flow."""
    edits: int = 0
    """Changes by people or other programs that were taken over, for the amplification metric."""
    changed_ms: int = 0
    """When the status last changed."""
    synced_ms: int = 0
    """When both sides were last known to be settled."""
    seen_ms: int = 0
    label: str = ""
    """What people call the record."""
    log: tuple[Trace, ...] = ()
    """Decisions of the last step."""
    cause: str = ""
    """The trace of the message that the last step is said to come from, where it decided something."""
    earlier: tuple[Decided, ...] = ()
    """What was decided by the steps before whose messages came once more: nobody knows whether it was published."""
    untold: bool = False
    """What the last step had to tell may not have been published, and its messages wait: the next step tells it.
    Older versions set it in newer forms of a state, too, and read `rev`, `at` and `absorbed_by` there."""
    seal: str = ""
    """The key under which the topic `history` holds values of this pair: forgotten when a record of it is erased."""

    def decided(self) -> tuple[Decided, ...]:
        """List what must be published of its history, by steps in their order."""
        if not self.log:
            return self.earlier
        return (*self.earlier, Decided(rev=self.rev, at_ms=self.seen_ms, cause=self.cause, log=self.log))

    def decisions(self) -> list[Trace]:
        """List what the last step decided, and what those before it did whose messages came once more."""
        return [trace for step in self.decided() for trace in step.log]

    @classmethod
    def read(cls, text: str) -> "Pair":
        """Read a state as `text` spells it; raises `NewerState`, and pydantic's ValidationError when it is none."""
        return _read(cls, text)

    def text(self) -> str:
        """Encode the state as Redis and the journal keep it."""
        return self.model_dump_json(exclude_defaults=True)

    @property
    def place(self) -> int:
        """Where the message stands on `pairs` that was applied last."""
        return place_at(self.at, self.item)

    def side(self, side: Side) -> SideState | None:
        """Return what is known of one side."""
        return self.L if side == LEFT else self.R

    @property
    def ends(self) -> BySide[SideState | None]:
        """Return what is known of both sides."""
        return BySide(self.L, self.R)

    def base(self, side: Side) -> Fields:
        """Return what a side held when it was last settled, by mapping key, where that is something else than now."""
        return self.base_l if side == LEFT else self.base_r


class _Named(BaseModel):
    id: str


class _Marked(BaseModel):
    key: str
    n: int = 0


class Standing(BaseModel):
    """What a pair's state tells of its unanswered writes, for whoever needs no more of it.

    Reading the whole state takes four times as long.
    """

    form: int = FORM
    L: _Named | None = None
    R: _Named | None = None
    pending: Mapping[Side, _Marked] = Field(default_factory=dict)

    @classmethod
    def read(cls, text: str) -> "Standing":
        """Read a state; raises as `Pair.read` does."""
        return _read(cls, text)

    def waits_for(self, side: Side, key: str, n: int) -> bool:
        """Check whether a side waits for just this write."""
        pending = self.pending.get(side)
        return pending is not None and (pending.key, pending.n) == (key, n)

    def record(self, side: Side) -> str:
        """Return the id of a side's record; empty where there is none."""
        end = self.L if side == LEFT else self.R
        return end.id if end is not None else ""


class _Form(BaseModel):
    form: int = FORM


_State = TypeVar("_State", Pair, Standing)


def _read(kind: type[_State], text: str) -> _State:
    try:
        state = kind.model_validate_json(text)
    except ValidationError as error:
        if _form_of(text) > FORM or is_newer_word(error):
            raise NewerState(str(error.errors(include_input=False)[:3])) from error
        raise
    if state.form > FORM:
        raise NewerState(f"form {state.form}; this version reads {FORM}")
    return state


def _form_of(text: str) -> int:
    """Return the form of a state that cannot be read as a whole."""
    try:
        return _Form.model_validate_json(text).form
    except ValidationError:
        return FORM


def is_newer_word(error: ValidationError) -> bool:
    """Check whether all that is wrong is words which are not among those that this version knows."""
    return all(row["type"] in ("literal_error", "enum") for row in error.errors(include_url=False, include_input=False))


class Answer(Frozen):
    """What became of one write."""

    write: str
    n: int = 0
    """Number of the decision that it answers; 0 when it does not say."""
    result: Literal["written", "found", "stale", "refused", "held", "dropped"]
    """`found`: a create found its own record there. `held`: nothing was sent, or nothing is known; `dropped`: decided
    under older settings."""
    code: str = ""
    message: str = ""
    field: str = ""
    retry: Retry = "edit"
    conflicting_id: str = ""


class PairEvent(Frozen):
    """One message to a pair."""

    sync: str
    pair: str
    kind: Literal["report", "answer", "touch"]
    side: Side | None = None
    report: Report | None = None
    asks: tuple[str, ...] = ()
    answer: Answer | None = None
    reason: str = ""
    origin: Literal["live", "snapshot", "answer"] = "live"
    matched: Match | None = None
    """Set when a half pair hands its record over."""
    passed_on: bool = False
    """Another pair passed it on, perhaps once more: its record may have been claimed for something newer meanwhile."""
    survived: str = ""
    """Of the survivor of a merge: what says that this pair's record won (`shared.engine.survivors`)."""
    doubtful: bool = False
    """The record had left its pair, or the report waited, and may be older than what is known: what it says of a record
    that is new to the pair, or whether it lives, is believed when a second read confirms it."""
    surplus: bool = False
    """The record carries our marker although its place is taken: it must never be copied."""
    wanted: Fields = Field(default_factory=dict)
    """By mapping key, identifiers of this side's record that another pair's record is refused for."""
    claimed_at: int = -1
    """Where the report stood in `records` for which matching claimed the record: of two claims of a record, the later
    one stands behind the earlier one. -1 where that is not known, or says nothing."""
    accepted_ms: int = 0
