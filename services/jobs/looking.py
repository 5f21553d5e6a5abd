"""Steps that have pairs looked at."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal, TypeAlias

from services.jobs.kind import LOOKED_AT, Kind, Step
from services.jobs.work import Work, begun
from shared.io.links.requests import Slots
from shared.io.ports import Outbound, run_blocking
from shared.model.pairs import NewerState, Pair, PairEvent
from shared.model.syncs import Job, Sync
from shared.model.touches import Touch
from shared.rules.searching import is_found
from shared.wire import topics

Rows: TypeAlias = Sequence[tuple[str, Slots]]


def look_at_all(work: Work, sync: Sync, reason: Touch) -> None:
    """Touch all pairs of a sync, and those of other syncs that wait for one of its records."""
    work.tell(pairs=count_all(work, sync))
    _touch_each(work, sync, reason, _held)
    _wake(work, sync)


def look_at_some(work: Work, sync: Sync, reason: Touch) -> None:
    """Touch the pairs that the job chooses, and those of other syncs that wait for one of their records."""
    _touch_each(work, sync, reason, lambda rows: _of_statuses(work, sync, rows))
    _wake(work, sync)


def count_all(work: Work, sync: Sync) -> int:
    """Count the pairs that `look_at_all` touches."""
    return work.count(sync.id, lambda rows: len(_held(rows)))


def count_some(work: Work, sync: Sync) -> int:
    """Count the pairs that `look_at_some` touches, as they are now."""
    return work.count(sync.id, lambda rows: len(_of_statuses(work, sync, rows)))


def kind_of_chosen(name: str, reason: Touch) -> Kind:
    """Make a kind of job that reads nothing from the apps and touches the pairs that it chooses, for one reason."""
    return Kind(
        name=name,
        steps=(Step("matching", lambda work, sync: look_at_some(work, sync, reason)),),
        rows=LOOKED_AT,
        review=count_some,
        begin=lambda parts, row: row.progress or begun(parts, row.job, "matching"),
    )


def fits(state: str, judge: Callable[[Pair], bool]) -> bool:
    """Check whether a pair fits; one that only a newer version can read is left to that one to judge."""
    try:
        return judge(Pair.read(state))
    except NewerState:
        return True


def _held(rows: Rows) -> Sequence[str]:
    return [pair for pair, slots in rows if slots.L or slots.R]


def _of_statuses(work: Work, sync: Sync, rows: Rows) -> Sequence[str]:
    return _chosen(work, sync.id, _held(rows), lambda pair: is_asked_for(pair, work.job))


def is_asked_for(pair: Pair, job: Job) -> bool:
    """Check whether a job is to look at a pair."""
    noted = pair.status != "in_sync" or not job.notes or any(note in job.notes for note in pair.notes.values())
    narrowed = (not job.reasons or pair.reason in job.reasons) and pair.changed_ms >= job.since_ms
    return pair.status in job.statuses and noted and narrowed and (not job.text or is_found(pair, job.text))


def _touch_each(work: Work, sync: Sync, reason: Touch, choose: Callable[[Rows], Sequence[str]]) -> None:
    def look(rows: Rows) -> int:
        names = choose(rows)
        _touch(work, sync.id, names, reason)
        return len(names)

    work.walk(f"touch {sync.id}", sync.id, look)


def _wake(work: Work, sync: Sync) -> None:
    """Touch the records of other syncs that wait for one of this sync: while it was off, nobody could wake them."""
    for other in work.parts.setups.syncs():
        if any(row.to == sync.id for row in other.associations):
            work.walk(f"wake {other.id}", other.id, partial(_wake_some, work, sync, other.id))


def _wake_some(work: Work, sync: Sync, other: str, rows: Rows) -> int:
    names = [pair for pair, slots in rows if slots.L and slots.R]
    waiting = _chosen(work, other, names, lambda pair: any(row.startswith(f"{sync.id}/") for row in pair.waits))
    _touch(work, other, waiting, Touch.WOKEN, origin="snapshot")
    return 0


def _touch(
    work: Work, sync: str, names: Sequence[str], reason: Touch, *, origin: Literal["live", "snapshot"] = "live"
) -> None:
    touches = [PairEvent(sync=sync, pair=pair, kind="touch", reason=reason, origin=origin) for pair in names]
    work.publish([Outbound(topic=topics.PAIRS, key=touch.pair, message=touch, trace=work.trace) for touch in touches])


def _chosen(work: Work, sync: str, names: Sequence[str], judge: Callable[[Pair], bool]) -> Sequence[str]:
    loaded = run_blocking(work.parts.store.load([(sync, name) for name in names]))
    return [name for (_, name), row in loaded.items() if row.state and fits(row.state, judge)]
