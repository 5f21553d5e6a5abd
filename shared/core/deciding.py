"""The second half of a step: from what is known of a pair, decide what is written, and what people are told."""

from collections.abc import Mapping
from typing import Final, assert_never

from shared.core.associating import as_written, doubt_links, links_for, resolve_links
from shared.core.creating import fields_for, to_create
from shared.core.draft import Draft
from shared.core.ids import create_id, update_id
from shared.core.merging import Ask, Flow, Held, InvalidValue, Keep, LeftOut, Send, Settle, Unknown, merge
from shared.core.pairs import Match, Pending, Problem, SideState, Trace
from shared.core.policies import Counterpart, Neighbours
from shared.core.records import SIDES, Life, LinkWrite, Side, Value, linked_after, opposite
from shared.core.refusals import WHOLE, Links, Parts, about, give_up, is_refused, mark, one_part
from shared.core.syncs import HALTED
from shared.core.wording import said
from shared.core.words import Did, Note

FLAP_WRITES: Final = 5
"""Writes of one field within `FLAP_MS` beyond which it is frozen: two programs are fighting over it."""
FLAP_MS: Final = 600_000
HELD_MS: Final = 86_400_000
"""How long a write may wait for its app before a person is told that it fails."""
_HELD: Final = {
    "waiting_limit": "rate_limited",
    "app_unavailable": "app_unavailable",
    "connection_paused": "auth_expired",
}
"""Why a write waits, and what is told once it has waited for `HELD_MS`."""
_LASTING: Final = (Note.KEPT_CLEAR, Note.SETTLED_DIFFERENCE)
"""Notes that stay until the flow changes."""
_GONE: Final = {"L": "deleted_in_left", "R": "deleted_in_right"}


def wants_match(draft: Draft) -> bool:
    """Tell whether the step needs to know which other records share keys with the pair's only record."""
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


def _set(draft: Draft, status: str, reason: str = "", detail: str = "", *, others: tuple[str, ...] = ()) -> None:
    draft.status = status  # type: ignore[assignment]  # callers pass the words of `Status`
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
            return _set(draft, "excluded", "out_of_scope") if shown else _set(draft, "hidden")
        return _set(draft, "closed", end.life.value)
    if draft.match is not None and draft.match.by == "surplus":
        return _set(draft, "excluded", "duplicate_identifier", "it carries the mark of a record that is linked already")
    if not draft.policy.enabled:
        # Nobody enters now, so nobody waits to: who stood out for another reason is shown as it was.
        return _set(draft, "hidden") if draft.status == "pending" else None
    if not draft.policy.live:
        return _set(draft, "pending", "first_sync")
    if target in draft.pending:
        return _set_waiting(draft, now_ms)
    if end.ask:
        return _set(draft, "pending", "queued")
    if counterpart is None:
        return None
    match counterpart.what:
        case "join":
            draft.absorbed_by = counterpart.pair
            draft.match = Match(by=counterpart.by, key=counterpart.key, at_ms=now_ms)
            return _set(draft, "absorbed")
        case "duplicate" | "common" if not draft.policy.side(side).lets_in(end.fields):
            return _decide_create(draft, side, (), neighbours, now_ms)  # which says why it may not enter
        case "duplicate":
            return _one_sided(draft, side, "excluded", "duplicate_identifier", counterpart)
        case "ambiguous":
            return _one_sided(draft, side, "failing", "ambiguous_match", counterpart)
        case "common":
            return _one_sided(draft, side, "failing", "key_too_common", counterpart)
        case "create":
            return _decide_create(draft, side, counterpart.others, neighbours, now_ms)
        case _:
            assert_never(counterpart.what)


def _one_sided(draft: Draft, side: Side, status: str, reason: str, found: Counterpart) -> None:
    """Set the status of an unmatched record; one of a side we only write to has no row."""
    if draft.policy.side(side).enters:
        _set(draft, status, reason, found.detail, others=found.others)
    else:
        _set(draft, "hidden")


def _decide_create(draft: Draft, side: Side, alike: tuple[str, ...], neighbours: Neighbours, now_ms: int) -> None:  # noqa: PLR0911 - one decision table, read from top to bottom
    """Create the partner of an unmatched record, unless something stands against it."""
    end, target = draft.ends[side], opposite(side)
    if end is None:
        raise ValueError("a half pair has a record")
    excluded = draft.policy.side(side).identify(end.fields).excluded
    if not draft.policy.side(side).enters:
        return _set(draft, "hidden")
    if excluded:
        return _set(draft, "excluded", excluded)
    if not draft.policy.side(target).create:
        return _set(draft, "excluded", "create_off")
    if draft.again and draft.tries:
        return _set_waiting(draft, now_ms)
    wanted, source = fields_for(draft, side)
    links, linked = links_for(draft, side, neighbours)
    fields, problem = to_create(draft, target, wanted, links)
    if problem is not None:
        return _set(draft, "failing", problem.code, about(problem))
    for group in draft.policy.side(target).required:
        if not any(fields.get(name) is not None for name in group):
            return _set(draft, "failing", "required_missing", " or ".join(group))
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
        return _set(draft, "in_sync") if draft.status == "pending" and not draft.pending else None
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
        if side not in draft.pending and not _holds_back(draft, side):
            _write(draft, side, wants[side], now_ms)
    waiting = any(wants[side] and _holds_back(draft, side) for side in SIDES)
    return _linked_status(draft, waiting, now_ms)


def _holds_back(draft: Draft, side: Side) -> bool:
    """Check whether a write has to wait: for its next try, or for a reading that tells which version it follows on.

    Without an order of versions, a write that expects the one before an edit is refused, its answer raises the same
    question anew, and the writes could overtake the readings for ever.
    """
    end = draft.ends[side]
    in_doubt = end is not None and bool(end.ask) and not draft.policy.side(side).ordered
    return in_doubt or bool(draft.again and draft.tries)


def _decide_gone(draft: Draft, gone: Mapping[Side, SideState]) -> None:
    """Decide a linked pair of which these records do not live, or not in this sync's scope."""
    for side in gone:
        if side in draft.pending:
            draft.doubt(side)
    if any(end.life is Life.OUT_OF_SCOPE for end in gone.values()):
        return _set(draft, "excluded", "out_of_scope")
    if len(gone) == 2:
        return _set(draft, "closed", "deleted_in_both")
    ((side, end),) = gone.items()
    if end.life is Life.MERGED:
        return _set(draft, "failing", "partner_merged", others=(f"{side}{end.merged_into}",) if end.merged_into else ())
    return _set(draft, "failing", "privacy_deleted" if end.life is Life.ERASED else _GONE[side])


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
    for flow in draft.policy.associations:
        if flow.many and draft.notes.get(flow.key) in _LASTING:
            # What a set keeps may stay different while something else of it is written.
            notes.setdefault(flow.key, draft.notes[flow.key])
    return draft.policy.associations


def _decide_flow(
    draft: Draft,
    rule: Flow,
    wants: dict[Side, dict[str, Send]],
    problems: dict[str, Problem],
    notes: dict[str, str],
) -> None:
    if is_in_flight(draft, rule):
        return
    left, right = draft.held("L", rule), draft.held("R", rule)
    try:
        decision = merge(
            rule, left, right, draft.base_of("L", rule.key), draft.base_of("R", rule.key), draft.when_edited(rule)
        )
    except LeftOut as error:
        problems.pop(rule.key, None)
        notes[rule.key] = error.code
        return
    except InvalidValue as error:
        problems[rule.key] = Problem(code=error.code, message=str(error), field=rule.key)
        return
    match decision:
        case Settle(settled_left, settled_right, note):
            draft.settle(rule.key, settled_left, settled_right)
            problems.pop(rule.key, None)
            _note_settled(notes, rule.key, note)
        case Send(target):
            wants[target][rule.key] = decision
        case Keep(drift):
            problems.pop(rule.key, None)
            if drift:
                notes[rule.key] = Note.DRIFT
            elif draft.notes.get(rule.key) in _LASTING and not isinstance(left, Unknown):
                notes.setdefault(rule.key, draft.notes[rule.key])
        case Ask():
            problems[rule.key] = Problem(
                code="conflict_manual", message=f"{_spoken(rule, left)} or {_spoken(rule, right)}", field=rule.key
            )
        case _:
            assert_never(decision)


def _spoken(rule: Flow, value: Held) -> str:
    """Return a value as people read it, that of a composite in one."""
    return said(" ".join(value).strip() if rule.left_parts and isinstance(value, tuple) else value)


def _note_settled(notes: dict[str, str], key: str, note: Note | None) -> None:
    if note:
        notes[key] = note
    elif notes.get(key) in _LASTING:
        del notes[key]


def is_in_flight(draft: Draft, rule: Flow) -> bool:
    """Tell whether a write of this field is unanswered on either side.

    Such a field is not decided: answering a swap of two values with two writes would swap them for ever.
    """
    return any(
        rule.field(side) in (pending.links if rule.to else pending.fields)
        or (pending.op == "create" and rule.key in pending.source)
        for side, pending in draft.pending.items()
    )


def _write(draft: Draft, side: Side, wants: dict[str, Send], now_ms: int) -> None:
    """Turn what is wanted on a side into its one pending write."""
    end = draft.ends[side]
    if end is None:
        return
    fields: dict[str, Value | None] = {}
    links: dict[str, LinkWrite] = {}
    by_key = {flow.key: flow for flow in (*draft.policy.rules, *draft.policy.associations)}
    for key, send in wants.items():
        flow = by_key[key]
        link = as_written(draft, side, flow, send.value) if flow.to else None
        if is_refused(draft, key, mark(link if flow.to else send.value)) or _flaps(draft, key, side, now_ms):
            continue
        if key not in draft.wanted.get(side, {}):  # what was refused has to wait until the other pair has what it needs
            draft.problems.pop(key, None)
        if flow.to:
            links[flow.field(side)] = link
        else:
            fields |= flow.as_fields(side, send.value, end.fields)
    fields, links = one_part(draft, side, fields, links)
    if not fields and not links:
        return
    going = {key: send for key, send in wants.items() if _goes(by_key[key], side, fields, links)}
    before = {name: value for name in fields if not isinstance(value := draft.value(side, name), Unknown)}
    draft.n += 1
    key = update_id(draft.was.pair, side, end.version, fields, links, draft.n)
    draft.pending[side] = Pending(
        key=key, op="update", fields=fields, source={key: send.source for key, send in going.items()}, links=links,
        bases={key: send.base for key, send in going.items() if by_key[key].many}, before=before,
        expected=end.version, setup=draft.policy.setup, n=draft.n, accepted_ms=draft.accepted_ms,
    )  # fmt: skip
    for rule_key, send in going.items():
        flow, name = by_key[rule_key], by_key[rule_key].field(side)
        draft.recent[f"{side}{rule_key}"] = (*_lately(draft, rule_key, side, now_ms), now_ms)
        draft.edits += 1 if send.edit else 0
        held = end.links.get(name) if flow.to else flow.held_in(side, end.fields)
        old: Value | None = None if isinstance(held, Unknown) else held
        new: Value | None = linked_after(end.links.get(name), links[name]) if flow.to else send.value
        draft.trace.append(Trace(did=Did.WRITE, key=rule_key, side=side, old=old, new=new, lost=send.lost))


def _goes(flow: Flow, side: Side, fields: Parts, links: Links) -> bool:
    return flow.field(side) in (links if flow.to else fields)


def _lately(draft: Draft, key: str, side: Side, now_ms: int) -> tuple[int, ...]:
    return tuple(at for at in draft.recent.get(f"{side}{key}", ()) if now_ms - at < FLAP_MS)


def _flaps(draft: Draft, key: str, side: Side, now_ms: int) -> bool:
    """Tell whether a field was written too often lately, and freeze it."""
    if len(_lately(draft, key, side, now_ms)) < FLAP_WRITES:
        return False
    other = len(_lately(draft, key, opposite(side), now_ms))
    if other < FLAP_WRITES - 1:
        return False  # one busy person on one side is no loop
    draft.problems[key] = Problem(code="flapping", message=f"written {FLAP_WRITES} times in 10 minutes", field=key)
    return True


def _set_waiting(draft: Draft, now_ms: int) -> None:
    """Set the status of a pair whose write is on its way, or has to wait for its app.

    The reason stays while the write is tried again, so that the age of the wait is told, and not that of its last try.
    """
    if not draft.tries:
        return _set(draft, "pending", "queued")
    draft.held_ms = draft.held_ms or now_ms
    if draft.reason == HALTED:
        return _set(draft, "pending", HALTED, draft.detail)  # however long: whoever paused it knows
    known = draft.reason in _HELD or draft.reason in _HELD.values()
    reason = draft.reason if known else "queued"
    if known and now_ms - draft.held_ms >= HELD_MS:
        return _set(draft, "failing", _HELD.get(reason, reason), draft.detail)
    return _set(draft, "pending", reason, draft.detail)


def _linked_status(draft: Draft, waiting: bool, now_ms: int) -> None:  # noqa: FBT001 - one fact, named at the only call
    if draft.problems:
        _, problem = next(iter(sorted(draft.problems.items())))
        return _set(draft, "failing", problem.code, about(problem))
    if waiting or (draft.pending and draft.tries):
        return _set_waiting(draft, now_ms)
    if draft.pending and draft.was.synced_ms == 0:
        return _set(draft, "pending", "queued")
    if not draft.pending:
        draft.tries = 0
    return _set(draft, "in_sync")
