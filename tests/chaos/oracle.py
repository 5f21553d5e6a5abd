"""Judges what stands in both apps by what people did, without asking Syncline anything."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tests.chaos.people import FIELDS, SIDES, Edit, Person, Side, newest, older

Records = Mapping[str, Mapping[str, str]]
"""By record id: the value of each field of `FIELDS`, and `last`, the last name."""


@dataclass(slots=True, kw_only=True)
class Verdict:
    """What is wrong, each as a sentence."""

    lost: list[str] = field(default_factory=list)
    """A value, or a whole record, that people made and that is nowhere where it belongs."""
    old: list[str] = field(default_factory=list)
    """A value stands over which its author's successor wrote knowingly."""
    doubled: list[str] = field(default_factory=list)
    """Two living records of one person on one side."""
    strange: list[str] = field(default_factory=list)
    """A value, or a record, that nobody made for this person."""
    wrong: list[str] = field(default_factory=list)
    """Two people edited one field side by side, and not the default app's value stands."""
    conflicts: int = 0
    """Fields that two people edited side by side last."""

    def broken(self) -> list[str]:
        """List what may never happen."""
        return [f"{kind}: {sentence}" for kind in ("lost", "old", "strange") for sentence in getattr(self, kind)]


def judge(people: Sequence[Person], left: Records, right: Records) -> Verdict:
    """Compare both apps with what people did."""
    verdict = Verdict()
    sides: dict[Side, Records] = {"L": left, "R": right}
    by_token: dict[Side, dict[str, list[str]]] = {"L": defaultdict(list), "R": defaultdict(list)}
    known = {person.token for person in people}
    for side, records in sides.items():
        for name, row in records.items():
            by_token[side][row["last"]].append(name)
            if row["last"] not in known:
                verdict.strange.append(f"{side} holds {name}, whom nobody made: {dict(row)}")
    for person in people:
        found = {side: by_token[side].get(person.token, []) for side in SIDES}
        wanted = _wanted(person)
        for side in SIDES:
            _count(verdict, person, side, found[side], wanted=side in wanted)
        held = {side: sides[side][_own(person, side, found[side])] for side in SIDES if side in wanted and found[side]}
        # Of two records on one side, the person's own may be the one that has no partner.
        doubled = any(len(names) > 1 for names in found.values())
        for name in FIELDS:
            if len(held) == 2 and not doubled:
                _judge_pair(verdict, person, name, held["L"][name], held["R"][name])
            else:
                for side, row in held.items():
                    _judge_alone(verdict, person, name, side, row[name])
    return verdict


def _wanted(person: Person) -> set[Side]:
    """List the sides on which the person must have a record."""
    if person.stays is not None:
        return {person.stays} - person.gone
    return {side for side in SIDES if side not in person.gone and not (person.merged and side == "L")}


def _own(person: Person, side: Side, found: Sequence[str]) -> str:
    """Return the record that the person was entered as; any other where that one is gone."""
    own = person.ids.get(side, "")
    return own if own in found else found[0]


def _count(verdict: Verdict, person: Person, side: Side, found: Sequence[str], *, wanted: bool) -> None:
    if len(found) > 1:
        verdict.doubled.append(f"{person.token} is in {side} as {', '.join(found)}{' (a twin)' if person.twin else ''}")
    elif wanted and not found:
        verdict.lost.append(f"{person.token} is not in {side}; known as {person.ids}")
    elif found and not wanted:
        verdict.strange.append(f"{person.token} is in {side} as {found[0]}, although deleted, merged or kept out")


def _judge_pair(verdict: Verdict, person: Person, name: str, left: str, right: str) -> None:
    edits = person.edits[name]
    last = newest(edits)
    if not last:
        if left or right:
            verdict.strange.append(f"{person.token} {name}: {left!r} and {right!r}, and nobody wrote there")
        return
    values = {edit.side: edit.value for edit in last}
    told = f"{person.token} {name}: L {left!r}, R {right!r}; {_story(edits)}"
    if len(last) == 1:
        _judge_last(verdict, name, last[0], edits, {"L": left, "R": right}, told)
        return
    verdict.conflicts += 1
    expected = values["L"] or values["R"]  # the default app's, but a blank never wins
    if left == right == expected or _cleared_after(name, last, {"L": left, "R": right}):
        return
    good = set(values.values()) - {""}
    if left == right and left in good:
        verdict.wrong.append(told)
    else:
        _blame(verdict, edits, (left, right), good, told)


def _cleared_after(name: str, last: Sequence[Edit], held: Mapping[Side, str]) -> bool:
    """Check whether a value won over the other side's and was emptied only then, where the clear is kept."""
    clear = next((edit for edit in last if not edit.value), None)
    if clear is None or not clear.seen:
        return False
    kept = clear.seen if FIELDS[name].clears == "keep" else ""
    return not held[clear.side] and held["R" if clear.side == "L" else "L"] == kept


def _judge_last(
    verdict: Verdict, name: str, edit: Edit, edits: list[Edit], held: Mapping[Side, str], told: str
) -> None:
    """Judge a field whose last edit everybody knew of."""
    if not edit.value and FIELDS[name].clears == "keep":
        other = held["R" if edit.side == "L" else "L"]
        # The other side keeps what it held when the field was emptied.
        if held[edit.side] or other not in {one.value for one in edits}:
            verdict.lost.append(told)
        return
    if not held["L"] == held["R"] == edit.value:
        _blame(verdict, edits, tuple(held.values()), {edit.value}, told)


def _judge_alone(verdict: Verdict, person: Person, name: str, side: Side, value: str) -> None:
    """Judge a record without a partner: it holds nothing older than what was last typed there."""
    edits = person.edits[name]
    own = [edit for edit in edits if edit.side == side]
    told = f"{person.token} {name}: {side} {value!r}, alone; {_story(edits)}"
    if value not in person.values(name) | {""}:
        verdict.strange.append(told)
    elif own and value in {one.value for one in older(edits, own[-1])} - {own[-1].value}:
        verdict.old.append(told)
    elif not value and own and all(edit.value for edit in edits):
        verdict.lost.append(told)


def _blame(verdict: Verdict, edits: list[Edit], held: Sequence[str], good: set[str], told: str) -> None:
    """Say what kind of wrong it is: a value nobody typed, one that comes from before, or one that did not arrive."""
    values = {edit.value for edit in edits} | {""}
    if any(value not in values for value in held):
        verdict.strange.append(told)
    elif all(value not in good for value in held):
        verdict.old.append(told)
    else:
        verdict.lost.append(told)


def _story(edits: list[Edit]) -> str:
    return "edits " + ", ".join(f"{edit.at:.1f}s {edit.side} {edit.seen!r}->{edit.value!r}" for edit in edits)
