"""The second half of a step: from what is known of a pair, decide what is written, and what people are told."""

from collections.abc import Mapping
from typing import Final, assert_never

from shared.engine.associating import doubt_links, links_for, resolve_links
from shared.engine.creating import fields_for, to_create
from shared.engine.draft import Draft
from shared.engine.merging import (
    Ask,
    Decision,
    Flow,
    Held,
    InvalidValue,
    Keep,
    LeftOut,
    MergedSet,
    Send,
    Settle,
    Unknown,
    merge,
)
from shared.engine.policies import Counterpart, Neighbours
from shared.engine.refusals import WHOLE, WITHHELD, about, give_up
from shared.engine.updating import update
from shared.model.ids import create_id
from shared.model.pairs import Match, Pending, Problem, SideState, Trace
from shared.model.records import SIDES, Life, Side, opposite
from shared.model.wording import said
from shared.model.words import By, Code, Did, Note, Status, Wait

HELD_MS: Final = 86_400_000
"""How long a write may wait for its app before a person is told that it fails."""
_HELD: Final[Mapping[str, str]] = {
    Wait.WAITING_LIMIT: Code.RATE_LIMITED,
    Wait.APP_UNAVAILABLE: Code.APP_UNAVAILABLE,
    Wait.CONNECTION_PAUSED: Code.AUTH_EXPIRED,
}
"""Why a write waits, and what is told once it has waited for `HELD_MS`."""
_LASTING: Final = (Note.KEPT_CLEAR, Note.SETTLED_DIFFERENCE)
"""Notes that stay until the flow changes."""
_GONE: Final = {"L": Code.DELETED_IN_LEFT, "R": Code.DELETED_IN_RIGHT}


def wants_match(draft: Draft) -> bool:
    """Check whether the step needs to know which other records share keys with the pair's only record."""
    side = draft.half
    if side is None or not draft.policy.enabled or not draft.policy.live or draft.absorbed_by:
        return False
    end = draft.ends[side]
    surplus = draft.match is not None and draft.match.by == "surplus"
    return (
        end is not None
        and end.life is Life.ALIVE
        and not end.ask
        and not surplus
        and opposite(side) not in draft.pending
    )


def decide(draft: Draft, counterpart: Counterpart | None, neighbours: Neighbours, now_ms: int) -> None:
    """Decide writes and status."""
    draft.waits = ()
    if draft.absorbed_by or not (draft.ends["L"] or draft.ends["R"]):
        return
    side = draft.half
    if side is not None:
        _decide_half(draft, side, counterpart, neighbours, now_ms)
    else:
        _decide_linked(draft, neighbours, now_ms)


def _set(draft: Draft, status: Status, reason: str = "", detail: str = "", *, others: tuple[str, ...] = ()) -> None:
    draft.status = status
    draft.reason, draft.detail, draft.others = reason, detail, others


def _decide_half(  # noqa: C901, PLR0911, PLR0912 - one decision table, read from top to bottom
    draft: Draft, side: Side, counterpart: Counterpart | None, neighbours: Neighbours, now_ms: int
) -> None:
    """Decide a pair with one record: match it, create its partner, or say why not."""
    end, target = draft.ends[side], opposite(side)
    if end is None:
        raise ValueError("a half pair has a record")
    if end.life is not Life.ALIVE:
        if target in draft.pending:
            draft.doubt(target)  # it may have been executed: should the record come back, its create does as well
        if end.life is Life.OUT_OF_SCOPE:
            shown = draft.policy.enabled and draft.policy.side(side).enters
            return _set(draft, Status.EXCLUDED, Code.OUT_OF_SCOPE) if shown else _set(draft, Status.HIDDEN)
        return _set(draft, Status.CLOSED, end.life.value)
    if draft.match is not None and draft.match.by == "surplus":
        marked = "it carries the mark of a record that is linked already"
        return _set(draft, Status.EXCLUDED, Code.DUPLICATE_IDENTIFIER, marked)
    if not draft.policy.enabled:
        # Nobody enters now, so nobody waits to: who stood out for another reason is shown as it was.
        return _set(draft, Status.HIDDEN) if draft.status is Status.PENDING else None
    if not draft.policy.live:
        return _set(draft, Status.PENDING, Wait.FIRST_SYNC)
    if target in draft.pending:
        return _set_waiting(draft, now_ms)
    if end.ask:
        return _set(draft, Status.PENDING, Wait.QUEUED)
    if counterpart is None:
        return None
    match counterpart.what:
        case "join":
            draft.absorbed_by = counterpart.pair
            draft.match = Match(by=counterpart.by, key=counterpart.key, at_ms=now_ms)
            return _set(draft, Status.ABSORBED)
        case "duplicate" | "common" if not draft.policy.side(side).lets_in(end.fields):
            return _decide_create(draft, side, (), neighbours, now_ms)  # which says why it may not enter
        case "duplicate":
            return _one_sided(draft, side, Status.EXCLUDED, Code.DUPLICATE_IDENTIFIER, counterpart)
        case "ambiguous":
            return _one_sided(draft, side, Status.FAILING, Code.AMBIGUOUS_MATCH, counterpart)
        case "common":
            return _one_sided(draft, side, Status.FAILING, Code.KEY_TOO_COMMON, counterpart)
        case "create":
            return _decide_create(draft, side, counterpart.others, neighbours, now_ms)
        case _:
            assert_never(counterpart.what)


def _one_sided(draft: Draft, side: Side, status: Status, reason: str, found: Counterpart) -> None:
    """Set the status of an unmatched record; one of a side we only write to has no row."""
    if draft.policy.side(side).enters:
        _set(draft, status, reason, found.detail, others=found.others)
    else:
        _set(draft, Status.HIDDEN)


def _decide_create(draft: Draft, side: Side, alike: tuple[str, ...], neighbours: Neighbours, now_ms: int) -> None:  # noqa: PLR0911 - one decision table, read from top to bottom
    """Create the partner of an unmatched record, unless something stands against it."""
    end, target = draft.ends[side], opposite(side)
    if end is None:
        raise ValueError("a half pair has a record")
    excluded = draft.policy.side(side).identify(end.fields).excluded
    if not draft.policy.side(side).enters:
        return _set(draft, Status.HIDDEN)
    if excluded:
        return _set(draft, Status.EXCLUDED, excluded)
    if not draft.policy.side(target).create:
        return _set(draft, Status.EXCLUDED, Code.CREATE_OFF)
    if draft.again and draft.tries:
        return _set_waiting(draft, now_ms)
    wanted, source = fields_for(draft, side)
    links, linked = links_for(draft, side, neighbours)
    fields, problem = to_create(draft, target, wanted, links)
    if problem is not None:
        return _set(draft, Status.FAILING, problem.code, about(problem))
    for group in draft.policy.side(target).required:
        if not any(fields.get(name) is not None for name in group):
            return _set(draft, Status.FAILING, Code.REQUIRED_MISSING, " or ".join(group))
    marker = create_id(draft.was.sync, draft.was.pair, target, draft.was.generation.get(target, 0))
    draft.n += 1
    draft.pending[target] = Pending(
        key=marker, op="create", fields=fields, source={**source, **linked}, links=links, setup=draft.policy.setup,
        n=draft.n, accepted_ms=draft.accepted_ms,
    )  # fmt: skip
    draft.created_sides.add(target)
    draft.trace.append(Trace(did=Did.CREATE, side=target, note=",".join(sorted(fields))))
    draft.notes.pop("*", None)
    if alike:
        draft.notes["*"] = Note.NOT_UNIQUE
        draft.trace.append(Trace(did=Did.NOT_UNIQUE, side=target, new=alike))
    return _set_waiting(draft, now_ms)


def _decide_linked(draft: Draft, neighbours: Neighbours, now_ms: int) -> None:
    """Decide a pair with two records: merge field by field."""
    gone = {side: end for side in SIDES if (end := draft.ends[side]) is not None and end.life is not Life.ALIVE}
    if gone:
        return _decide_gone(draft, gone)
    if not draft.policy.enabled:
        # What was sent before the sync was off has arrived, and what was not will not be.
        return _set(draft, Status.IN_SYNC) if draft.status is Status.PENDING and not draft.pending else None
    wants: dict[Side, dict[str, Send]] = {"L": {}, "R": {}}
    notes = {key: note for key, note in draft.notes.items() if key == "*"}
    off = {rule.key for rule in draft.policy.rules if not rule.on}
    problems = {key: problem for key, problem in draft.problems.items() if problem.value and key not in off}
    for rule in (*_unsettled(draft), *_certain_links(draft, neighbours, notes)):
        _decide_flow(draft, rule, wants, problems, notes)
    if not any(wants.values()):
        problems.pop(WHOLE, None)
    draft.problems, draft.notes = problems, notes
    for side in SIDES:
        give_up(draft, side, wants[side])
    waiting = update(draft, wants, now_ms)
    return _linked_status(draft, waiting, now_ms)


def _decide_gone(draft: Draft, gone: Mapping[Side, SideState]) -> None:
    """Decide a linked pair of which these records do not live, or not in this sync's scope."""
    for side in gone:
        if side in draft.pending:
            draft.doubt(side)
    if any(end.life is Life.OUT_OF_SCOPE for end in gone.values()):
        return _set(draft, Status.EXCLUDED, Code.OUT_OF_SCOPE)
    if len(gone) == 2:
        return _set(draft, Status.CLOSED, "deleted_in_both")
    ((side, end),) = gone.items()
    if end.life is Life.MERGED:
        survivor = (f"{side}{end.merged_into}",) if end.merged_into else ()
        return _set(draft, Status.FAILING, Code.PARTNER_MERGED, others=survivor)
    return _set(draft, Status.FAILING, Code.PRIVACY_DELETED if end.life is Life.ERASED else _GONE[side])


def _unsettled(draft: Draft) -> list[Flow]:
    """List the fields that are not as they were left when they were last settled, or of which something is told."""
    left, right = draft.ends["L"], draft.ends["R"]
    if left is None or right is None:
        raise ValueError("a linked pair has two records")
    base_l, base_r = draft.base["L"], draft.base["R"]
    told = draft.problems.keys() | draft.notes.keys()
    return [
        rule
        for rule in draft.policy.rules
        if rule.on
        and (
            rule.key in told
            or rule.key not in base_l
            or rule.key not in base_r
            or rule.held_in("L", left.fields) != base_l[rule.key]
            or rule.held_in("R", right.fields) != base_r[rule.key]
        )
    ]


def _certain_links(draft: Draft, neighbours: Neighbours, notes: dict[str, str]) -> tuple[Flow, ...]:
    """List the associations that can be decided: none while a record is read again, for they have no version."""
    if not draft.policy.associations:
        return ()
    doubt_links(draft, neighbours)
    if any(end is not None and end.ask for end in draft.ends.values()):
        notes |= {flow.key: note for flow in draft.policy.associations if (note := draft.notes.get(flow.key))}
        return ()
    resolve_links(draft, neighbours, notes)
    return draft.policy.associations


def _decide_flow(
    draft: Draft,
    rule: Flow,
    wants: dict[Side, dict[str, Send]],
    problems: dict[str, Problem],
    notes: dict[str, str],
) -> None:
    if is_in_flight(draft, rule):
        if rule.key in draft.notes:
            notes.setdefault(rule.key, draft.notes[rule.key])
        _keep_note(draft, rule, notes)
        return
    decision = _merged(draft, rule, problems, notes)
    if decision is None:
        return
    match decision:
        case Settle(settled_left, settled_right, note):
            draft.settle(rule.key, settled_left, settled_right)
            problems.pop(rule.key, None)
            _note_settled(draft, notes, rule.key, note)
        case Send(target):
            wants[target][rule.key] = decision
        case MergedSet():
            _take_set(draft, rule, decision, wants, problems, notes)
        case Keep(drift):
            problems.pop(rule.key, None)
            _note_kept(draft, rule, notes, drift=drift)
        case Ask():
            problems[rule.key] = _asked(draft, rule)
        case _:
            assert_never(decision)


def _asked(draft: Draft, rule: Flow) -> Problem:
    """Return the problem that a person has to solve, and tell it once."""
    left, right = (_in_the_app(draft, side, rule) for side in SIDES)
    told = WITHHELD if rule.sensitive else f"{_spoken(rule, left)} or {_spoken(rule, right)}"
    problem = Problem(code=Code.CONFLICT_MANUAL, message=told, field=rule.key)
    if draft.was.problems.get(rule.key) != problem:
        values = [None if isinstance(held, Unknown) else held for held in (left, right)]
        draft.trace.append(Trace(did=Did.ASKED, key=rule.key, old=values[0], new=values[1], by=By.PERSON))
    return problem


def _in_the_app(draft: Draft, side: Side, rule: Flow) -> Held:
    """Return what a side holds as its app knows it: an association leads to a record there, not to a pair."""
    held = draft.held(side, rule)
    return draft.partners[held][side] if rule.to and isinstance(held, str) else held


def _spoken(rule: Flow, value: Held) -> str:
    """Return a value as people read it, that of a composite in one."""
    return said(" ".join(value).strip() if rule.left_parts and isinstance(value, tuple) else value)


def _merged(draft: Draft, rule: Flow, problems: dict[str, Problem], notes: dict[str, str]) -> Decision | None:
    """Merge a flow; None where its value does not fit the other side, which is told."""
    left, right = draft.held("L", rule), draft.held("R", rule)
    bases = draft.base_of("L", rule.key), draft.base_of("R", rule.key)
    try:
        return merge(rule, left, right, *bases, draft.when_edited(rule), draft.outside.get(rule.key, ()))
    except LeftOut as error:
        problems.pop(rule.key, None)
        notes[rule.key] = error.code
    except InvalidValue as error:
        told = WITHHELD if rule.sensitive else str(error)
        problems[rule.key] = Problem(code=error.code, message=told, field=rule.key)
    return None


def _take_set(
    draft: Draft,
    rule: Flow,
    merged: MergedSet,
    wants: dict[Side, dict[str, Send]],
    problems: dict[str, Problem],
    notes: dict[str, str],
) -> None:
    draft.settle(rule.key, merged.left, merged.right)
    for send in merged.sends:
        wants[send.side][rule.key] = send
    if not merged.sends:
        problems.pop(rule.key, None)
    if merged.note or not merged.differs:
        _note_settled(draft, notes, rule.key, merged.note)
    else:
        _keep_note(draft, rule, notes)


def _note_kept(draft: Draft, rule: Flow, notes: dict[str, str], *, drift: bool) -> None:
    if drift:
        _note_settled(draft, notes, rule.key, Note.DRIFT)
    elif not isinstance(draft.held("L", rule), Unknown):
        _keep_note(draft, rule, notes)


def _keep_note(draft: Draft, rule: Flow, notes: dict[str, str]) -> None:
    """Keep a note that lasts: what a set keeps stays different while something else of it is written, or waits."""
    if draft.notes.get(rule.key) in _LASTING:
        notes[rule.key] = draft.notes[rule.key]


def _note_settled(draft: Draft, notes: dict[str, str], key: str, note: Note | None) -> None:
    if note:
        notes[key] = note
        if draft.was.notes.get(key) != note:
            draft.trace.append(Trace(did=Did.SETTLED, key=key, note=note))
    elif notes.get(key) in _LASTING:
        del notes[key]


def is_in_flight(draft: Draft, rule: Flow) -> bool:
    """Check whether a write of this field is unanswered on either side.

    Such a field is not decided: answering a swap of two values with two writes would swap them for ever.
    """
    return any(
        rule.field(side) in (pending.links if rule.to else pending.fields)
        or (pending.op == "create" and rule.key in pending.source)
        for side, pending in draft.pending.items()
    )


def _set_waiting(draft: Draft, now_ms: int) -> None:
    """Set the status of a pair whose write is on its way, or has to wait for its app.

    The reason stays while the write is tried again, so that the age of the wait is told, and not that of its last try.
    """
    if not draft.tries:
        return _set(draft, Status.PENDING, Wait.QUEUED)
    draft.held_ms = draft.held_ms or now_ms
    if draft.reason == Wait.ACCOUNT_PAUSED:
        return _set(draft, Status.PENDING, Wait.ACCOUNT_PAUSED, draft.detail)  # however long: whoever paused it knows
    known = draft.reason in _HELD or draft.reason in _HELD.values()
    reason = draft.reason if known else Wait.QUEUED
    if known and now_ms - draft.held_ms >= HELD_MS:
        return _set(draft, Status.FAILING, _HELD.get(reason, reason), draft.detail)
    return _set(draft, Status.PENDING, reason, draft.detail)


def _linked_status(draft: Draft, waiting: bool, now_ms: int) -> None:  # noqa: FBT001 - one fact, named at the only call
    if draft.problems:
        _, problem = next(iter(sorted(draft.problems.items())))
        return _set(draft, Status.FAILING, problem.code, about(problem))
    if waiting or (draft.pending and draft.tries):
        return _set_waiting(draft, now_ms)
    if draft.pending and draft.was.synced_ms == 0:
        return _set(draft, Status.PENDING, Wait.QUEUED)
    if not draft.pending:
        draft.tries = 0
    return _set(draft, Status.IN_SYNC)
