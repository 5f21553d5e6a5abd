"""What becomes of each flow of a linked pair: it is settled, written, left to a person, or refused."""

from typing import Final, assert_never

from shared.engine.draft import Draft
from shared.engine.merging import (
    Ask,
    Decision,
    Flow,
    Held,
    InvalidValue,
    Keep,
    MergedSet,
    Send,
    Settle,
    Unknown,
    as_value,
    merge,
)
from shared.engine.refusals import WHOLE, WITHHELD, note_unfit
from shared.model.pairs import Problem, Trace
from shared.model.records import LEFT, RIGHT, Side
from shared.model.sides import BySide
from shared.model.wording import said
from shared.model.words import By, Code, Did, Note

_LASTING: Final = (Note.KEPT_CLEAR, Note.SETTLED_DIFFERENCE)
"""Notes that stay until the flow changes."""


class Settling:
    """The flows of a linked pair, decided one after the other."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        off = {rule.key for rule in draft.policy.rules if not rule.on}
        self.wants: BySide[dict[str, Send]] = BySide({}, {})
        """What is to be written on each side, by flow."""
        self.problems = {key: one for key, one in draft.problems.items() if one.value and key not in off}
        """What stands against it, as in the pair's state."""
        self.notes = {key: note for key, note in draft.notes.items() if key == WHOLE}
        """What people are told besides, as in the pair's state."""

    def decide(self, rule: Flow) -> None:
        """Decide one flow."""
        key = rule.key
        if is_in_flight(self._draft, rule):
            if key in self._draft.notes:
                self.notes.setdefault(key, self._draft.notes[key])
            self._keep_note(key)
            return
        match decision := self._merged(rule):
            case None:
                pass
            case Settle(bases, note):
                self._draft.settle(key, bases)
                self.problems.pop(key, None)
                self._note_settled(key, note)
            case Send(target):
                self.wants[target][key] = decision
            case MergedSet():
                self._take_set(key, decision)
            case Keep(drift):
                self._keep(rule, drift=drift)
            case Ask():
                self.problems[key] = self._asked(rule)
            case _:
                assert_never(decision)

    def _merged(self, rule: Flow) -> Decision | None:
        """Merge a flow; None where its value does not fit the other side, which is told."""
        draft, key = self._draft, rule.key
        held = BySide(draft.held(LEFT, rule), draft.held(RIGHT, rule))
        base = BySide(draft.base_of(LEFT, key), draft.base_of(RIGHT, key))
        try:
            return merge(rule, held, base, draft.when_edited(rule), draft.outside.get(key, ()))
        except InvalidValue as error:
            note_unfit(error, rule, key, self.problems, self.notes)
        return None

    def _take_set(self, key: str, merged: MergedSet) -> None:
        self._draft.settle(key, merged.bases)
        for send in merged.sends:
            self.wants[send.side][key] = send
        if not merged.sends:
            self.problems.pop(key, None)
        if merged.note or not merged.differs:
            self._note_settled(key, merged.note)
        else:
            self._keep_note(key)

    def _keep(self, rule: Flow, *, drift: bool) -> None:
        self.problems.pop(rule.key, None)
        if drift:
            self._note_settled(rule.key, Note.DRIFT)
        elif not isinstance(self._draft.held(LEFT, rule), Unknown):
            self._keep_note(rule.key)

    def _asked(self, rule: Flow) -> Problem:
        """Return the problem that a person has to solve, and tell it once."""
        draft = self._draft
        held = BySide.of(lambda side: _in_the_app(draft, side, rule))
        told = WITHHELD if rule.sensitive else " or ".join(_spoken(rule, one) for one in held)
        problem = Problem(code=Code.CONFLICT_MANUAL, message=told, field=rule.key)
        if draft.was.problems.get(rule.key) != problem:
            left, right = held.map(as_value)
            draft.trace.append(Trace(did=Did.ASKED, key=rule.key, old=left, new=right, by=By.PERSON))
        return problem

    def _keep_note(self, key: str) -> None:
        """Keep a note that lasts: what a set keeps stays different while something else of it is written, or waits."""
        if self._draft.notes.get(key) in _LASTING:
            self.notes[key] = self._draft.notes[key]

    def _note_settled(self, key: str, note: Note | None) -> None:
        if note:
            self.notes[key] = note
            if self._draft.was.notes.get(key) != note:
                self._draft.trace.append(Trace(did=Did.SETTLED, key=key, note=note))
        elif self.notes.get(key) in _LASTING:
            del self.notes[key]


def is_in_flight(draft: Draft, rule: Flow) -> bool:
    """Check whether a write of this field is unanswered on either side.

    Such a field is not decided: answering a swap of two values with two writes would swap them for ever.
    """
    return any(
        rule.names[side] in (pending.links if rule.to else pending.fields)
        or (pending.op == "create" and rule.key in pending.source)
        for side, pending in draft.pending.items()
    )


def _in_the_app(draft: Draft, side: Side, rule: Flow) -> Held:
    """Return what a side holds as its app knows it: an association leads to a record there, not to a pair."""
    held = draft.held(side, rule)
    return draft.partners[held][side] if rule.to and isinstance(held, str) else held


def _spoken(rule: Flow, value: Held) -> str:
    """Return a value as people read it, that of a composite in one."""
    return said(" ".join(value).strip() if rule.parts.left and isinstance(value, tuple) else value)
