"""What is decided of a pair that has one record only: its partner is found, created, or why it has none is told."""

from typing import assert_never

from shared.engine.deciding.associating import links_for
from shared.engine.deciding.creating import fields_for, to_create
from shared.engine.deciding.status import set_status, set_waiting
from shared.engine.draft import Draft
from shared.engine.policies import Counterpart, Neighbours
from shared.engine.refusals import WHOLE, about
from shared.model.ids import create_id
from shared.model.pairs import Match, Pending, Trace
from shared.model.records import Life, Side, opposite
from shared.model.words import Code, Did, Note, Status, Wait


def decide_half(  # noqa: C901, PLR0911, PLR0912 - one decision table, read from top to bottom
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
            shown = draft.policy.enabled and draft.policy.sides[side].enters
            return set_status(draft, Status.EXCLUDED, Code.OUT_OF_SCOPE) if shown else set_status(draft, Status.HIDDEN)
        return set_status(draft, Status.CLOSED, end.life.value)
    if draft.match is not None and draft.match.by == "surplus":
        marked = "it carries the mark of a record that is linked already"
        return set_status(draft, Status.EXCLUDED, Code.DUPLICATE_IDENTIFIER, marked)
    if not draft.policy.enabled:
        # Nobody enters now, so nobody waits to: who stood out for another reason is shown as it was.
        return set_status(draft, Status.HIDDEN) if draft.status is Status.PENDING else None
    if not draft.policy.live:
        return set_status(draft, Status.PENDING, Wait.FIRST_SYNC)
    if target in draft.pending:
        return set_waiting(draft, now_ms)
    if end.ask:
        return set_status(draft, Status.PENDING, Wait.QUEUED)
    if counterpart is None:
        return None
    match counterpart.what:
        case "join":
            draft.absorbed_by = counterpart.pair
            draft.match = Match(by=counterpart.by, key=counterpart.key, at_ms=now_ms)
            return set_status(draft, Status.ABSORBED)
        case "duplicate" | "common" if not draft.policy.sides[side].lets_in(end.fields):
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
    if draft.policy.sides[side].enters:
        set_status(draft, status, reason, found.detail, others=found.others)
    else:
        set_status(draft, Status.HIDDEN)


def _decide_create(draft: Draft, side: Side, alike: tuple[str, ...], neighbours: Neighbours, now_ms: int) -> None:  # noqa: PLR0911 - one decision table, read from top to bottom
    """Create the partner of an unmatched record, unless something stands against it."""
    end, target = draft.ends[side], opposite(side)
    if end is None:
        raise ValueError("a half pair has a record")
    excluded = draft.policy.sides[side].identify(end.fields).excluded
    if not draft.policy.sides[side].enters:
        return set_status(draft, Status.HIDDEN)
    if excluded:
        return set_status(draft, Status.EXCLUDED, excluded)
    if not draft.policy.sides[target].create:
        return set_status(draft, Status.EXCLUDED, Code.CREATE_OFF)
    if draft.again and draft.tries:
        return set_waiting(draft, now_ms)
    wanted, source = fields_for(draft, side)
    links, linked = links_for(draft, side, neighbours)
    fields, problem = to_create(draft, target, wanted, links)
    if problem is not None:
        return set_status(draft, Status.FAILING, problem.code, about(problem))
    for group in draft.policy.sides[target].required:
        if not any(fields.get(name) is not None for name in group):
            return set_status(draft, Status.FAILING, Code.REQUIRED_MISSING, " or ".join(group))
    marker = create_id(draft.was.sync, draft.was.pair, target, draft.was.generation.get(target, 0))
    draft.n += 1
    draft.pending[target] = Pending(
        key=marker, op="create", fields=fields, source={**source, **linked}, links=links, setup=draft.policy.setup,
        n=draft.n, accepted_ms=draft.accepted_ms,
    )  # fmt: skip
    draft.created_sides.add(target)
    draft.trace.append(Trace(did=Did.CREATE, side=target, note=",".join(sorted(fields))))
    draft.notes.pop(WHOLE, None)
    if alike:
        draft.notes[WHOLE] = Note.NOT_UNIQUE
        draft.trace.append(Trace(did=Did.NOT_UNIQUE, side=target, new=alike))
    return set_waiting(draft, now_ms)
