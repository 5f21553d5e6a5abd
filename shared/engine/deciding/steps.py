"""The second half of a step: from what is known of a pair, decide what is written, and what people are told."""

from shared.engine.deciding.half_pairs import decide_half
from shared.engine.deciding.linked_pairs import decide_linked
from shared.engine.draft import Draft
from shared.engine.policies import Counterpart, Neighbours
from shared.model.records import Life, opposite


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
    if draft.absorbed_by or not any(draft.ends):
        return
    side = draft.half
    if side is not None:
        decide_half(draft, side, counterpart, neighbours, now_ms)
    else:
        decide_linked(draft, neighbours, now_ms)
