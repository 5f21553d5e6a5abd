"""What long work there is and how far it is, as the `jobs` topic tells; what waits in `setups` from before counts, too.

A job is run by one worker at a time, which has claimed it: a claim is progress under a higher term. Of two claims of
one term the first in the log counts, and progress under an older term counts for nobody. So a worker that was taken for
dead can tell whatever it wants, and stops as soon as it reads that another one has claimed its job.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from shared.config.setups import Setups
from shared.model.job_kinds import JobKind
from shared.model.syncs import Job, Sync
from shared.model.words import Status
from shared.wire.messages import JobDoc, JobProgress

ORDERS: Final = ("confirmed", "paused", "cancelled")
"""What people may want of a job. Each order has a key of its own, so that none overwrites another one, or progress."""
PARTS: Final = ("job", "progress", *ORDERS)
"""Kinds of documents of one job; each is the beginning of its key."""
ENDS: Final = ("done", "failed", "cancelled")
"""Phases of a job that has ended."""
JOB_TRACES: Final = "00000000"
"""The beginning of the traces of jobs."""
State: TypeAlias = Literal[
    "unconfirmed", "waiting", "running", "paused", "held", "cancelling", "done", "failed", "cancelled"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRow:
    """One job.

    Args:
        seen: Offset of `setups` that whoever asked for it, or told of it last, had read.
        orders: Those of `ORDERS` that stand.
        is_off: Whether its sync is off, and the job would read and try again for nothing.
        is_taken_over: False while the job stands in `setups` alone, where the version before keeps jobs.
    """

    job: Job
    progress: JobProgress | None
    seen: int = -1
    orders: frozenset[str] = frozenset()
    is_off: bool = False
    is_taken_over: bool = True

    @property
    def has_ended(self) -> bool:
        """Check whether nobody works at it any more."""
        return self.progress is not None and self.progress.phase in ENDS

    @property
    def state(self) -> State:
        """Return how the job stands."""
        if self.progress is not None and self.progress.phase in ENDS:
            return self.progress.phase
        if "cancelled" in self.orders:
            return "cancelling"
        if self.job.review and "confirmed" not in self.orders:
            return "unconfirmed"
        if "paused" in self.orders:
            return "paused"
        if self.is_off:
            return "held"
        return "waiting" if self.progress is None else "running"

    @property
    def is_held(self) -> bool:
        """Check whether it waits for its sync to be on, whatever else it waits for."""
        return self.is_off and not self.has_ended and "cancelled" not in self.orders

    @property
    def is_open(self) -> bool:
        """Check whether a worker has something to do for the job now."""
        if self.state == "unconfirmed":
            return self.progress is None or self.progress.pairs is None
        return self.state in ("waiting", "running", "cancelling")


def next_of(sync: Sync) -> Sync:
    """Return a sync as its next version, under which all its records are to be looked at."""
    return sync.model_copy(update={"version": sync.version + 1, "judged": sync.version + 1})


def own_job(sync: Sync, at_ms: int) -> Job:
    """Return the job that looks at all records of a sync under its settings; of one that is off, at what waits.

    No app is read for a sync that is off: what was never sent ceases to wait.
    """
    if sync.version > 1:
        name, statuses = f"edited-{sync.id}-{sync.version}", () if sync.enabled else (Status.PENDING.value,)
        return Job(id=name, kind=JobKind.RESYNC, sync=sync.id, statuses=statuses, asked_at_ms=at_ms)
    return Job(id=f"first-{sync.id}", kind=JobKind.FIRST_SYNC, sync=sync.id, asked_at_ms=at_ms)


def _is_off(job: Job, sync: Sync | None) -> bool:
    """Check whether a job is of a sync that is off; the one that follows from switching it off is done all the same."""
    return sync is not None and not sync.enabled and job.id != own_job(sync, 0).id


def is_asked(sync: Sync, rows: Sequence[JobRow]) -> bool:
    """Check whether a sync's own job is known, or another one that has read everything under the same settings."""
    own = own_job(sync, 0).id
    return any(
        row.job.id == own or (row.job.reads_all and row.progress and row.progress.setup >= sync.version) for row in rows
    )


def has_failed(rows: Sequence[JobRow]) -> bool:
    """Check whether all jobs of a sync have ended, and the last of them failed."""
    ended = [row.progress for row in rows if row.has_ended and row.progress is not None]
    return bool(rows) and len(ended) == len(rows) and max(ended, key=lambda row: row.at_ms).phase == "failed"


def trace_of(job: str) -> str:
    """Return the trace that all messages of a job belong to, and all that follows from them.

    Other traces are drawn at random, and one in four billion begins as those of jobs do.
    """
    return JOB_TRACES + hashlib.sha256(job.encode()).hexdigest()[: 32 - len(JOB_TRACES)]


class Jobs:
    """All jobs; `apply` and `leave_out` are called by one thread, everything else by any."""

    def __init__(self, setups: Setups) -> None:
        self.offset = -1
        self.moved: dict[str, int] = {}
        """By job, the offset of the last document that told something of it."""
        self._setups = setups
        self._asked: dict[str, Job] = {}
        self._progress: dict[str, JobProgress] = {}
        self._orders: frozenset[str] = frozenset()
        """Keys of the orders that stand."""
        self._seen: dict[str, int] = {}
        """By key, how far whoever wrote it had read the settings."""
        self._overruled: dict[str, int] = {}
        """Jobs whose last progress in the log does not count, with its term."""
        self._foreign: set[str] = set()
        """Keys of documents that only a newer version can read."""

    def apply(self, offset: int, key: str, doc: JobDoc | None, *, seen: int = -1) -> None:
        """Take one document of the topic; None is its tombstone."""
        part, _, name = key.partition(":")
        self.offset = offset
        self.moved[name] = offset
        self._foreign.discard(key)
        if part == "progress" and doc is not None and doc.progress is not None:
            if self._is_overruled(name, doc.progress):
                self._overruled[name] = doc.progress.term
                return
            self._overruled.pop(name, None)
            self._progress[name] = doc.progress
        elif part == "progress":
            self._progress.pop(name, None)
        elif part == "job" and doc is not None and doc.job is not None:
            self._asked[name] = doc.job
        elif part == "job":
            self._asked.pop(name, None)
            self.moved.pop(name, None)
        elif part in ORDERS:
            self._orders = self._orders - {key} if doc is None else self._orders | {key}
        if doc is None:
            self._seen.pop(key, None)
        else:
            self._seen[key] = seen

    def leave_out(self, offset: int, key: str, raw: bytes | None, why: str) -> None:
        """Take note of a document that cannot be read here: a worker of a newer version does that job."""
        del raw, why
        self.offset = offset
        self._foreign.add(key)

    def _is_overruled(self, name: str, told: JobProgress) -> bool:
        standing = self._progress.get(name)
        if standing is None or told.term > standing.term:
            return False
        return told.term < standing.term or told.runner != standing.runner

    def rows(self) -> list[JobRow]:
        """List all jobs, the oldest first."""
        names = list(self._asked)  # `apply` may add one meanwhile
        own = [row for name in names if (row := self.get(name)) is not None]
        before = [
            JobRow(job=job, progress=told, orders=self._orders_of(job.id), is_taken_over=False)
            for job, told in self._setups.jobs()
            if not self.is_known(job.id)
        ]
        return sorted((*own, *before), key=lambda row: (row.job.asked_at_ms, row.job.id))

    def get(self, name: str) -> JobRow | None:
        """Return a job of the topic; None where there is none, or a newer version alone can read all of it."""
        job, keys = self._asked.get(name), [f"{part}:{name}" for part in PARTS]
        if job is None or not self._foreign.isdisjoint(keys):
            return None
        seen = max(self._seen.get(key, -1) for key in keys)
        off = _is_off(job, self._setups.sync(job.sync))
        return JobRow(job=job, progress=self._progress.get(name), seen=seen, orders=self._orders_of(name), is_off=off)

    def _orders_of(self, name: str) -> frozenset[str]:
        return frozenset(order for order in ORDERS if f"{order}:{name}" in self._orders)

    def of_sync(self, sync: str) -> Sequence[JobRow]:
        """List the jobs of a sync, the oldest first."""
        return [row for row in self.rows() if row.job.sync == sync]

    def is_known(self, name: str) -> bool:
        """Check whether the topic tells of a job, be it in words of a newer version."""
        return name in self._asked or f"job:{name}" in self._foreign

    def overruled(self, name: str) -> int:
        """Return the term of the last progress of a job where that does not count; -1 where it does.

        Compaction keeps the last document of a key, and whoever begins to read then believes it: the worker that runs
        the job tells its own progress under a higher term from then on.
        """
        return self._overruled.get(name, -1)
