"""What is decided of a pair that has two records: its flows are merged one by one, and what they want is written."""

from collections.abc import Mapping
from typing import Final

from shared.engine.deciding.associating import doubt_links, resolve_links
from shared.engine.deciding.settling import Settling
from shared.engine.deciding.status import set_linked, set_status
from shared.engine.deciding.updating import update
from shared.engine.draft import Draft
from shared.engine.merging import Flow
from shared.engine.policies import Neighbours
from shared.engine.refusals import WHOLE, give_up
from shared.model.pairs import SideState
from shared.model.records import SIDES, Life, Side
from shared.model.sides import BySide, with_side
from shared.model.words import Code, Status

_GONE: Final = BySide(Code.DELETED_IN_LEFT, Code.DELETED_IN_RIGHT)


def decide_linked(draft: Draft, neighbours: Neighbours, now_ms: int) -> None:
    """Decide a pair with two records: merge field by field."""
    gone = {side: end for side, end in draft.ends.items() if end is not None and end.life is not Life.ALIVE}
    if gone:
        return _decide_gone(draft, gone)
    if not draft.policy.enabled:
        # What was sent before the sync was off has arrived, and what was not will not be.
        return set_status(draft, Status.IN_SYNC) if draft.status is Status.PENDING and not draft.pending else None
    settling = Settling(draft)
    for rule in (*_unsettled(draft), *_certain_links(draft, neighbours, settling.notes)):
        settling.decide(rule)
    if not any(settling.wants):
        settling.problems.pop(WHOLE, None)
    draft.problems, draft.notes = settling.problems, settling.notes
    for side, wanted in settling.wants.items():
        give_up(draft, side, wanted)
    waiting = update(draft, settling.wants, now_ms)
    return set_linked(draft, now_ms, waiting=waiting)


def _decide_gone(draft: Draft, gone: Mapping[Side, SideState]) -> None:
    """Decide a linked pair of which these records do not live, or not in this sync's scope."""
    for side in gone:
        if side in draft.pending:
            draft.doubt(side)
    if any(end.life is Life.OUT_OF_SCOPE for end in gone.values()):
        return set_status(draft, Status.EXCLUDED, Code.OUT_OF_SCOPE)
    if len(gone) == len(SIDES):
        return set_status(draft, Status.CLOSED, "deleted_in_both")
    ((side, end),) = gone.items()
    if end.life is Life.MERGED:
        survivor = (with_side(side, end.merged_into),) if end.merged_into else ()
        return set_status(draft, Status.FAILING, Code.PARTNER_MERGED, others=survivor)
    return set_status(draft, Status.FAILING, Code.PRIVACY_DELETED if end.life is Life.ERASED else _GONE[side])


def _unsettled(draft: Draft) -> list[Flow]:
    """List the fields that are not as they were left when they were last settled, or of which something is told."""
    differing, fresh = draft.unsettled()
    keys = {*draft.problems, *draft.notes, *differing.left, *differing.right, *fresh}
    return [rule for rule in draft.policy.rules if rule.on and rule.key in keys]


def _certain_links(draft: Draft, neighbours: Neighbours, notes: dict[str, str]) -> tuple[Flow, ...]:
    """List the associations that can be decided: none while a record is read again, for they have no version."""
    if not draft.policy.associations:
        return ()
    doubt_links(draft, neighbours)
    if any(end is not None and end.ask for end in draft.ends):
        notes |= {flow.key: note for flow in draft.policy.associations if (note := draft.notes.get(flow.key))}
        return ()
    resolve_links(draft, neighbours, notes)
    return draft.policy.associations
