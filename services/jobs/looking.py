"""Steps that have pairs looked at."""

from collections.abc import Callable, Sequence
from typing import Literal

from services.jobs.work import Work
from shared import topics
from shared.core.pairs import NewerState, Pair, PairEvent
from shared.core.syncs import Sync
from shared.io.ports import Outbound, run_blocking


def look_at_all(work: Work, sync: Sync, reason: str) -> None:
    """Touch all pairs of a sync, and those of other syncs that wait for one of its records."""
    _touch_each(work, sync, reason, lambda names: names)
    _wake(work, sync)


def look_at_some(work: Work, sync: Sync) -> None:
    """Touch the pairs that have the job's statuses, and those of other syncs that wait for one of their records."""

    def chosen(names: Sequence[str]) -> Sequence[str]:
        return _chosen(work, sync.id, names, lambda pair: pair.status in work.job.statuses)

    # Whoever chose some records waits for them; all others make way for live changes.
    _touch_each(work, sync, "retry", chosen)
    _wake(work, sync)


def fits(state: str, judge: Callable[[Pair], bool]) -> bool:
    """Check whether a pair fits; one that only a newer version can read is left to that one to judge."""
    try:
        return judge(Pair.read(state))
    except NewerState:
        return True


def _touch_each(work: Work, sync: Sync, reason: str, choose: Callable[[Sequence[str]], Sequence[str]]) -> None:
    touched = 0
    for rows in work.pairs(sync.id):
        work.wait(work.has_room)
        names = choose([pair for pair, slots in rows if slots.L or slots.R])
        _touch(work, sync.id, names, reason)
        touched += len(names)
        work.tell(touched=touched)


def _wake(work: Work, sync: Sync) -> None:
    """Touch the records of other syncs that wait for one of this sync: while it was off, nobody could wake them."""
    for other in work.parts.setups.syncs():
        if all(row.to != sync.id for row in other.associations):
            continue
        for rows in work.pairs(other.id):
            work.wait(work.has_room)
            names = [pair for pair, slots in rows if slots.L and slots.R]
            waiting = _chosen(
                work, other.id, names, lambda pair: any(row.startswith(f"{sync.id}/") for row in pair.waits)
            )
            _touch(work, other.id, waiting, "woken", origin="snapshot")


def _touch(
    work: Work, sync: str, names: Sequence[str], reason: str, *, origin: Literal["live", "snapshot"] = "live"
) -> None:
    touches = [PairEvent(sync=sync, pair=pair, kind="touch", reason=reason, origin=origin) for pair in names]
    work.publish([Outbound(topic=topics.PAIRS, key=touch.pair, message=touch) for touch in touches])


def _chosen(work: Work, sync: str, names: Sequence[str], judge: Callable[[Pair], bool]) -> Sequence[str]:
    loaded = run_blocking(work.parts.store.load([(sync, name) for name in names]))
    return [name for (_, name), row in loaded.items() if row.state and fits(row.state, judge)]
