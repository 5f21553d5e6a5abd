"""What a sync would make of a record that it has not seen: one step of the engine, with a pair that is not kept."""

from typing import Final

from shared.engine.pairing import open_step
from shared.engine.policies import Counterpart, Policy
from shared.model.pairs import Pair, PairEvent
from shared.model.records import Report, Side, within_limit

_NEW: Final = "new"


def judged(policy: Policy, side: Side, report: Report, now_ms: int) -> Pair:
    """Return the pair that a record would found if its sync heard of it now, and no other record was like it."""
    step = open_step(Pair(sync=policy.sync, pair=_NEW), policy)
    seen = PairEvent(sync=policy.sync, pair=_NEW, kind="report", side=side, report=within_limit(report))
    step.take([(0, seen)])
    alone = Counterpart(what="create") if step.wants_match else None
    return step.decide(alone, {}, now_ms).pair
