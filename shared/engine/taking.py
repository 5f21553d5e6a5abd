"""The first half of a step: take a message into account, without deciding anything yet.

What may be believed, and what a report or an answer does to bases and pending marks, is all here.
"""

from typing import Final, Literal, TypeAlias

from shared.engine.draft import Draft
from shared.engine.merging import UNKNOWN, Flow, Unknown
from shared.engine.policies import Identified
from shared.engine.refusals import TAKEN, WHOLE, forget_unnamed, note_refusal
from shared.engine.survivors import SAME_RECORD
from shared.model.ids import create_id, read_marker
from shared.model.pairs import Answer, Match, PairEvent, Pending, SideState, Trace
from shared.model.records import SIDES, Life, Report, Side, Value, is_done, opposite, put_together
from shared.model.sides import BySide
from shared.model.syncs import HALTED
from shared.model.touches import effects_of
from shared.model.words import Did, Wait

_PATIENCE: Final[tuple[Literal["10s", "1m", "10m"], ...]] = ("10s", "1m", "10m")
"""When a write that was refused so is tried again by itself. The holder is read meanwhile, and its pair tells when it
gives the identifier up; this is for a holder that gave it up before the refusal was known."""

Taken: TypeAlias = Literal["taken", "known", "stale_version", "asked_again", "linked_elsewhere", "no_state"]


def take(draft: Draft, event: PairEvent, place: int) -> Taken:
    """Take one message into account and say what became of it."""
    if event.kind == "touch":
        effects = effects_of(event.reason)
        if effects.retries_refused:
            draft.problems = {}
            draft.recent = {}
        if effects.rereads_links:
            draft.old_links.update(SIDES)
        if effects.retries_taken:
            draft.problems = {key: one for key, one in draft.problems.items() if one.code != TAKEN}
        if event.side is not None:
            draft.wanted.setdefault(event.side, {}).update(event.wanted)
        return "taken"
    if event.side is None:
        raise ValueError(f"a {event.kind} without a side cannot belong to a pair")
    if event.kind == "answer":
        return _take_answer(draft, event.side, event.answer)
    if event.report is None:
        raise ValueError("a report event must carry its report")
    draft.accepted_ms = max(draft.accepted_ms, event.accepted_ms)
    if not event.asks:
        draft.old_links.add(event.side)
    return _take_report(draft, event.side, event.report, event, place)


def _take_report(draft: Draft, side: Side, report: Report, event: PairEvent, place: int) -> Taken:
    current = draft.ends[side]
    pending = draft.pending.get(side)
    own = event.answer if event.answer and pending and event.answer.write == pending.key else None
    if current is None or current.id != report.id:
        return _take_new_record(draft, side, report, event, own, place)
    verdict = _judge_erased(current, report) or _believe(draft, side, current, report, event, own, place)
    if verdict in ("taken", "known"):
        _note_arrival(draft, side, report, pending, own)
        if verdict == "taken":
            _put_report(draft, side, current, report, event, place)
        elif current.ask in event.asks:
            draft.put(side, current.model_copy(update={"ask": ""}))
        if _may_have_moved(draft, side, verdict, own):
            forget_unnamed(draft)
        if own is None and report.life is not Life.ALIVE:
            _drop_pending(draft, side, doubted=True)  # it may be executed yet, once the record is there again
    else:
        recognised = draft.show(side, report.life, report.fields, event.claimed_at)
        doubted = draft.doubted.get(side)
        outdated = doubted is not None and 0 <= event.claimed_at < doubted.claimed_at
        if recognised is not None and verdict == "asked_again" and not outdated:
            draft.doubted[side] = recognised
    if own is not None and pending is not None:
        _settle_answer(draft, side, pending, own, report)
        end = draft.ends[side]
        if pending.links and own.result == "written" and end is not None:
            # Associations have no version: whether somebody changed them meanwhile, only another reading can tell.
            draft.ask(side, place)
    return verdict


def _put_report(draft: Draft, side: Side, current: SideState, report: Report, event: PairEvent, place: int) -> None:
    """Put what is believed of a record into the pair; ask for it once more where the links may know it otherwise."""
    draft.note_edits(side, report.fields, report.changed_ms or event.accepted_ms)
    now = _overlay(draft, side, current, report, event)
    draft.put(side, now)
    if event.doubtful and not event.asks and _known_by(draft, side, now) != _known_by(draft, side, current):
        # What waited comes in any order, so the links may know it by an older report: reading claims it anew.
        draft.ask(side, place)


def _known_by(draft: Draft, side: Side, end: SideState) -> Identified:
    """Return what the links should know of a record: by what it is found, and whether it may enter."""
    return draft.policy.sides[side].identify(end.fields)


def _take_new_record(
    draft: Draft, side: Side, report: Report, event: PairEvent, own: Answer | None, place: int
) -> Taken:
    """Take a record that this pair did not hold: its first, its created one, or a survivor of a merge."""
    current = draft.ends[side]
    pending = draft.pending.get(side)
    if _stays_out(current, report, event, draft.seated.get(side)):
        return "linked_elsewhere"
    made = report.marker == create_id(draft.was.sync, draft.was.pair, side, draft.was.generation.get(side, 0))
    ours = made and pending is not None and pending.op == "create"
    lives_on = current is not None and current.id in report.aliases and event.survived in SAME_RECORD
    if not made and not lives_on:
        draft.unsure.pop(side, None)  # what may have been written there was meant for another record
    if lives_on:
        # What was to be written to the old id may stand in the survivor; all else goes on as before the merge.
        _drop_pending(draft, side, doubted=True)
        pending = None
    elif current is not None:
        draft.forget_bases()
        # A value of the one that left may be written there yet: nobody edited it.
        _drop_pending(draft, opposite(side), doubted=True)
        if not ours:
            _drop_pending(draft, side)
            pending = None
    if current is not None:
        draft.trace.append(Trace(did=Did.REPLACED, side=side, old=current.id, new=report.id, note=event.survived))
    if pending is not None and not ours:
        # Somebody else's record took the place: the create is not wanted any more, and a sent one finds the place taken.  # noqa: E501 - one row reads better whole
        _drop_pending(draft, side)
        pending = None
    end = _overlay(draft, side, None, report, event)
    asks = event.doubtful and not event.asks
    draft.put(side, end)
    if asks:
        draft.ask(side, place)
    # What was refused concerned a pair that looked otherwise; what our create was made without is not sent again.
    draft.problems = {key: one for key, one in draft.problems.items() if ours and key != WHOLE}
    draft.match = _match(draft, report, event, ours=ours)
    _note_arrival(draft, side, report, pending, own)
    if pending is not None and own is not None:
        _settle_answer(draft, side, pending, own, report)
    return "taken"


def _stays_out(current: SideState | None, report: Report, event: PairEvent, seated: str | None) -> bool:
    """Check whether a record may not take the place of another one: it left, or the links did not give it the place.

    They gave it to one when another had left. The pair may not have heard of that yet, or has heard since that it came
    back: then that one founds a pair of its own; were both to hold the place, neither could move. A report that comes
    late may show a living record that had the place before, and has left since.

    What our create made goes to its pair without having asked the links: they may have given the place away.
    """
    if current is None:
        return event.origin == "answer" and bool(seated) and seated != report.id
    if current.id in report.aliases:
        return False
    return report.life is not Life.ALIVE or report.id != seated


def _match(draft: Draft, report: Report, event: PairEvent, *, ours: bool) -> Match | None:
    """Return how a new record was found to belong here."""
    if event.surplus:
        return Match(by="surplus", key=report.marker or "")
    if event.matched is not None:
        return event.matched
    if draft.match is None and (ours or read_marker(report.marker, draft.was.sync) is not None):
        return Match(by="create", key=report.marker or "")
    return draft.match


def _judge_erased(current: SideState, report: Report) -> Taken | None:
    """Judge a report of a record that was erased, before or by this report: that is final, so any other is older."""
    if current.life is Life.ERASED:
        return "stale_version" if report.life is Life.ALIVE else "known"
    return "taken" if report.life is Life.ERASED else None


def _may_have_moved(draft: Draft, side: Side, verdict: Taken, own: Answer | None) -> bool:
    """Check whether a record may have changed since its app refused something of it.

    Without an order of versions, it may also have changed and been put back as it was.
    """
    if own is not None:
        return verdict == "taken" and own.result == "stale"
    return verdict == "taken" or not draft.policy.sides[side].ordered


def _believe(  # noqa: C901, PLR0911 - one decision table, read from top to bottom
    draft: Draft, side: Side, current: SideState, report: Report, event: PairEvent, own: Answer | None, place: int
) -> Taken:
    """Judge a report against what is known of the same record."""
    confirmed = bool(current.ask) and current.ask in event.asks
    same = _same_content(draft, side, current, report)
    told = _believe_answer(draft, side, current, report, own) if own is not None else None
    if told is not None:
        return told
    if event.doubtful and not confirmed and report.life is not current.life:
        draft.ask(side, place)  # what is gone has no version that could tell which of the two is newer
        return "asked_again"
    if draft.policy.sides[side].ordered and report.version.order is not None and current.version.order is not None:
        if report.version.order < current.version.order:
            return "stale_version"
        if report.version.order > current.version.order:
            return "taken"
    elif report.version == current.version and same and not confirmed:
        return "known"
    if confirmed:
        return "taken"
    if same and report.life is current.life:
        brings = report.version != current.version or (current.partial and _is_whole(draft, side, report))
        return "taken" if brings else "known"
    if report.version == current.version and report.life is current.life and _only_adds(draft, side, current, report):
        return "taken"
    if current.ask and event.asks:
        # It answers an older question. The newer one stands behind it in the same partition, so it is read later;
        # asking once more would let the two chase each other for ever.
        return "asked_again"
    # Two states, and no telling which is newer: read again, and believe only that reading.
    draft.ask(side, place)
    return "asked_again"


def _believe_answer(draft: Draft, side: Side, current: SideState, report: Report, own: Answer) -> Taken | None:
    """Judge what answers our own write; None when it says no more than any other report."""
    pending = draft.pending[side]
    if not draft.policy.sides[side].ordered and own.result != "stale" and report.life is Life.ALIVE:
        # The app's lock says that our write followed directly on what it expected; any other state that was
        # believed since must be a later one.
        return "taken" if pending.expected == current.version else "known"
    if own.result == "written" and pending.links and report.version == current.version:
        return "taken"  # an association moves no version
    return None


def _same_content(draft: Draft, side: Side, current: SideState, report: Report) -> bool:
    kept = draft.policy.sides[side].fields
    return (
        report.life is current.life
        and all(current.fields.get(name, UNKNOWN) == value for name, value in report.fields.items() if name in kept)
        and all(current.links.get(label, UNKNOWN) == other for label, other in report.links.items())
    )


def _only_adds(draft: Draft, side: Side, current: SideState, report: Report) -> bool:
    """Check whether a report says only what was not known yet: an app may tell only some of what it created."""
    kept = draft.policy.sides[side].fields
    return all(
        current.fields.get(name, value) == value for name, value in report.fields.items() if name in kept
    ) and all(current.links.get(label, other) == other for label, other in report.links.items())


def _is_whole(draft: Draft, side: Side, report: Report) -> bool:
    """Check whether a report shows all of its record that the sync keeps, as it is in the report's version."""
    part = draft.policy.sides[side]
    return not report.partial and part.fields <= report.fields.keys() and part.links <= report.links.keys()


def _overlay(draft: Draft, side: Side, current: SideState | None, report: Report, event: PairEvent) -> SideState:
    """Put what the report says over what was known; what it does not say stays."""
    if report.life is Life.ERASED:  # nobody may read any more what was known of it
        return SideState(id=report.id, version=report.version, life=Life.ERASED, created=report.created)
    kept = draft.policy.sides[side].fields
    fields = {name: value for name, value in report.fields.items() if name in kept}
    if current is not None:
        fields = {**current.fields, **fields}
    version = report.version
    if current is not None and version.order is None and not version.token:
        version = current.version
    known_at = current.claimed_at if current is not None else -1
    # A part moves no knowledge of the whole: it is known up to where it was, and was partial as it was.
    seen_before = current is not None and version == current.version and not current.partial
    return put_together(
        SideState,
        {
            "id": report.id,
            "version": version,
            "fields": fields,
            "life": report.life,
            "merged_into": report.merged_into,
            "created": report.created or (current.created if current else ""),
            "links": {**(current.links if current else {}), **report.links},
            "partial": not seen_before and not _is_whole(draft, side, report),
            "ask": "",
            "claimed_at": -1 if draft.policy.sides[side].ordered else max(known_at, event.claimed_at),
        },
        current if current is not None and current.id == report.id else None,
    )


def _note_arrival(draft: Draft, side: Side, report: Report, pending: Pending | None, own: Answer | None) -> None:
    """Move the base where a newer report shows the value of a write: it arrived, whatever its answer says.

    Without this an edit that undoes our write before its answer comes would count as no change, and the old value of
    the other side would come back.
    """
    doubts = draft.unsure.pop(side, ())
    missing = tuple(write for write in doubts if not _arrived(draft, side, report, write))
    if missing:  # one that arrived has done so: should its value appear again, somebody put it there
        draft.unsure[side] = missing
    answered = own is not None and own.result in ("written", "found")  # which tells of every field what became of it
    if pending is not None and not answered:
        _arrived(draft, side, report, pending)
        for flow in draft.policy.associations:
            label = flow.names[side]
            if label in report.links and label in pending.links and is_done(report.links[label], pending.links[label]):
                _settle_one(draft, side, flow, pending, None)


def _arrived(draft: Draft, side: Side, report: Report, write: Pending) -> bool:
    """Move the bases of what a report shows of a write, and tell whether it shows anything."""
    shown = False
    for rule in draft.policy.rules:
        sent = rule.held_in(side, write.fields)
        if isinstance(sent, Unknown) or rule.key not in write.source:
            continue
        if rule.held_in(side, report.fields) == sent:
            _settle_one(draft, side, rule, write, sent)
            shown = True
    return shown


def _settle_one(draft: Draft, side: Side, flow: Flow, pending: Pending, stored: Value | None) -> None:
    """Move both bases of a flow to what was written; an association's are the pairs that its records stand for."""
    other, key, dropped = opposite(side), flow.key, _dropped(side, flow, pending, stored)
    moves = pending.moves.get(key)
    if moves is not None and flow.members is not None and draft.has_bases(key):
        for end, change in BySide(*moves).items():
            after = change.on(flow.members_of(draft.base[end][key])) or ()
            draft.base[end][key] = tuple(one for one in after if end == other or one not in dropped) or None
        return
    source = pending.source.get(key, pending.link_source.get(flow.names[side]))
    base = pending.bases.get(key, source if flow.to else stored)
    if dropped:
        base = tuple(one for one in flow.members_of(base) if one not in dropped) or None
    draft.base[side][key], draft.base[other][key] = base, source


def _dropped(side: Side, flow: Flow, pending: Pending, stored: Value | None) -> frozenset[str]:
    """Return the members of a set that the app did not take."""
    sent = None if flow.to else pending.fields.get(flow.names[side])
    return frozenset(flow.members_of(sent)).difference(flow.members_of(stored))


def _settle_answer(draft: Draft, side: Side, pending: Pending, answer: Answer, report: Report) -> None:
    """Clear the pending mark that *answer* answers, and move the bases of what was written."""
    if answer.result == "stale":
        # The report in which its earlier try might show is still to come. And another copy of the command may be
        # executed yet, when the record is again as it was: after a delete that was undone, say.
        draft.doubt(side)
        return
    draft.unsure.pop(side, None)
    if answer.result in ("written", "found"):
        # A record that was found there may have been edited since it was created: its base is what we sent.
        shown = {**pending.fields, **report.fields} if answer.result == "written" else pending.fields
        for rule in draft.policy.rules:
            sent, stored = rule.held_in(side, pending.fields), rule.held_in(side, shown)
            if isinstance(sent, Unknown) or isinstance(stored, Unknown) or rule.key not in pending.source:
                continue
            if stored != sent and pending.op == "create" and draft.base_of(side, rule.key) == stored:
                continue  # an earlier try of this create made it, and what that one sent has arrived already
            _settle_one(draft, side, rule, pending, stored)
            if stored != sent:
                draft.trace.append(Trace(did=Did.REWRITTEN, key=rule.key, side=side, old=sent, new=stored))
        for flow in draft.policy.associations:
            if _was_linked(flow.names[side], pending, report):
                _settle_one(draft, side, flow, pending, None)
        draft.trace.append(Trace(did=Did(answer.result), side=side, note=pending.op))
        draft.tries = 0
        if all(problem.code != TAKEN for problem in draft.problems.values()):
            draft.refused = 0
    del draft.pending[side]


def _was_linked(label: str, pending: Pending, report: Report) -> bool:
    """Check whether an answered write changed an association.

    A create stands although the app did not take one of its associations, which is then written by itself. What an
    update was to change and the app shows otherwise is taken for somebody's later change: else it would be written
    for ever.
    """
    if label not in pending.links:
        return False
    return pending.op == "update" or label not in report.links or is_done(report.links[label], pending.links[label])


def _take_answer(draft: Draft, side: Side, answer: Answer | None) -> Taken:
    """Take what became of a write when there is no record to show."""
    if answer is None:
        raise ValueError("an answer event must carry its answer")
    pending = draft.pending.get(side)
    if pending is None or pending.key != answer.write or answer.n not in (0, pending.n):
        return "known"  # the mark moved on: a newer edit replaced this write
    if answer.result in ("held", "dropped"):
        draft.doubt(side)  # the app was not called this time; perhaps it was before a crash, or for a copy
        if answer.result == "held":
            draft.tries += 1
            draft.again = "10s" if draft.tries <= 6 else "1m" if draft.tries <= 30 else "10m"
            draft.reason = _waiting(answer)
            draft.detail = answer.message
            draft.trace.append(Trace(did=Did.HELD, side=side, note=answer.code))
        return "taken"
    if answer.result != "refused":
        raise ValueError(f"the answer {answer.result!r} must come with its record")
    draft.doubt(side)  # another copy of the command may be executed yet, and be taken
    if pending.op == "create":
        draft.released.add(side)
    key = note_refusal(draft, side, pending, answer)
    named = draft.problems[key].field
    draft.trace.append(Trace(did=Did.REFUSED, side=side, key=key, note=answer.code, new=pending.fields.get(named)))
    if answer.code == TAKEN and not draft.problems[key].narrow:
        # The record that is in the way is read meanwhile and may turn out to be the partner.
        draft.again = _PATIENCE[draft.refused] if draft.refused < len(_PATIENCE) else ""
        draft.refused += 1
    return "taken"


def _waiting(answer: Answer) -> Wait:
    if answer.code == HALTED:
        return Wait.ACCOUNT_PAUSED
    if answer.retry == "auth":
        return Wait.CONNECTION_PAUSED
    return Wait.WAITING_LIMIT if answer.retry == "busy" else Wait.APP_UNAVAILABLE


def _drop_pending(draft: Draft, side: Side, *, doubted: bool = False) -> None:
    if side in draft.pending:
        draft.trace.append(Trace(did=Did.SUPERSEDED, side=side, note=draft.pending[side].op))
        if doubted:
            draft.doubt(side)
        else:
            del draft.pending[side]
