"""What a step of a job is given: the job, how far it is, and the means to wait, publish and tell."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from shared import logs
from shared.config.jobs import JobRow, Jobs, trace_of
from shared.config.setups import Setups
from shared.io.health import Offsets
from shared.io.links.requests import Slots
from shared.io.links.store import BUCKETS, Store
from shared.io.ports import Bus, BusUnavailable, Caller, Clock, Outbound, run_blocking
from shared.model.sides import BySide
from shared.model.syncs import Job
from shared.wire import topics
from shared.wire.messages import JobDoc, JobPhase, JobProgress

_LOOK_S: Final = 0.25
"""Between two looks at how far the matcher is: each asks the brokers four times."""
_LAG: Final = 100
"""Messages of one partition that may wait for the matcher before more is read: live changes come after them."""
_CHUNK: Final = 500
_BUCKETS: Final = 64
"""Buckets of pairs read in one round trip."""
_log = logs.get(__name__)

Listed: TypeAlias = BySide[set[str]]


class Stopped(Exception):  # noqa: N818 - the process ends; another one goes on
    """The process was asked to stop, or no longer looks after this job; or the job was deleted."""


class Held(Exception):  # noqa: N818 - the job goes on later
    """The job is paused, or waits until somebody confirms it."""


class Cancelled(Exception):  # noqa: N818 - how the job ends
    """Somebody has cancelled the job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What all jobs of a worker share.

    Args:
        has_begun: Tells whether a feed, named by connection, object and feed, has its first cursor.
        keys_since: Returns the keys of `records` that have a prefix, from some offsets on; None where they are gone.
        owns: Tells whether this worker looks after a sync.
    """

    setups: Setups
    jobs: Jobs
    caller: Caller
    bus: Bus
    clock: Clock
    store: Store
    offsets: Offsets
    has_begun: Callable[[str, str, str], bool]
    keys_since: Callable[[Mapping[int, int], str], set[str] | None]
    owns: Callable[[str], bool]


class Work:
    """One job under way in this process, from where its progress says.

    Args:
        progress: Where it goes on.
        runner: Names this process.
    """

    def __init__(self, parts: Parts, row: JobRow, progress: JobProgress, stop: threading.Event, *, runner: str) -> None:
        self.parts = parts
        self.job: Job = row.job
        self.trace = trace_of(row.job.id)
        """What its messages are known by, and all that follows from them."""
        term = row.progress.term + 1 if row.progress is not None else 1
        self.progress = progress.model_copy(update={"term": term, "runner": runner})
        self.listed: Listed = BySide(set(), set())
        """Records that were listed, for those who look for the others."""
        self.taken_up = bool(progress.cursors)
        """Nothing was read since the listing was taken up where somebody else had left it."""
        self.is_taken_up = False
        """Whether this process knows all that the job has found before."""
        self._stop = stop

    def claim(self) -> None:
        """Take the job on, and wait until the log shows that nobody else did; raises `Stopped`."""
        if not self._holds():
            self.tell(error=self.progress.error)
            self._wait(self._holds, self._check)

    def _holds(self) -> bool:
        return self._standing() == (self.progress.term, self.progress.runner)

    def _standing(self) -> tuple[int, str]:
        row = self.parts.jobs.get(self.job.id)
        if row is None:
            raise Stopped
        return (row.progress.term, row.progress.runner) if row.progress is not None else (0, "")

    def _check(self) -> None:
        """Make sure that the job is still to be done, and by this worker; raises `Stopped`."""
        term, runner = self._standing()
        lost = term > self.progress.term or (term == self.progress.term and runner != self.progress.runner)
        if self._stop.is_set() or lost:
            raise Stopped

    def check(self) -> None:
        """Make sure that the job is to go on; raises `Stopped`, `Held` and `Cancelled`."""
        self._check()
        row = self.parts.jobs.get(self.job.id)
        if row is None:
            raise Stopped
        if row.state == "cancelling":
            raise Cancelled
        if row.state in ("paused", "unconfirmed", "held"):
            raise Held

    def awaits_confirmation(self) -> bool:
        """Check whether somebody is to confirm the job, who does not know yet how much it is about."""
        row = self.parts.jobs.get(self.job.id)
        return row is not None and row.state == "unconfirmed" and self.progress.pairs is None

    def ask_to_confirm(self, pairs: int) -> None:
        """Publish how many pairs the job would look at, and wait until the log shows it: it is counted once."""
        self.tell(pairs=pairs)
        self._wait(self._is_counted, self._check)

    def _is_counted(self) -> bool:
        row = self.parts.jobs.get(self.job.id)
        return row is not None and row.progress is not None and row.progress.pairs is not None

    def rest(self, seconds: float) -> None:
        """Wait, at most until somebody wants something else of the job, or the process is asked to stop."""
        until, before = time.monotonic() + seconds, self._state()
        while (left := until - time.monotonic()) > 0 and not self._stop.wait(min(_LOOK_S, left)):
            if self._state() != before:
                return

    def _state(self) -> str:
        row = self.parts.jobs.get(self.job.id)
        return row.state if row is not None else ""

    def wait(self, ready: Callable[[], bool]) -> None:
        """Wait until something holds; raises as `check` does."""
        self._wait(ready, self.check)

    def _wait(self, ready: Callable[[], bool], check: Callable[[], None]) -> None:
        while True:
            check()
            if not self.parts.owns(self.job.sync):
                raise Stopped
            if ready():
                return
            self._stop.wait(_LOOK_S)

    def has_room(self) -> bool:
        """Check whether the matcher keeps up."""
        for topic in (topics.RECORDS.name, topics.PAIRS.name):
            done = self.parts.offsets.committed(topics.MATCHER_GROUP, topic)
            ends = self.parts.offsets.end_offsets(topic)
            if any(end - done.get(part, 0) > _LAG for part, end in ends.items()):
                return False
        return True

    def walk(self, name: str, sync: str, look: Callable[[Sequence[tuple[str, Slots]]], int]) -> None:
        """Take all pairs of a sync, some at a time, from where the walk of this name stopped.

        Args:
            name: Names the walk.
            sync: The sync.
            look: Takes some pairs, and returns how many of them count as looked at.
        """
        for first in range(self.progress.places.get(name, 0), len(BUCKETS), _BUCKETS):
            touched, chunks = self.progress.touched, list(self._chunks(sync, first))
            for rows in chunks:
                self.wait(self.has_room)
                touched += look(rows)
            if chunks:  # both at once: what is done again after a stop is not counted again
                self.tell(touched=touched, places={**self.progress.places, name: first + _BUCKETS})

    def count(self, sync: str, judge: Callable[[Sequence[tuple[str, Slots]]], int]) -> int:
        """Count pairs of a sync."""
        found = 0
        for first in range(0, len(BUCKETS), _BUCKETS):
            self._check()
            found += sum(map(judge, self._chunks(sync, first)))
        return found

    def _chunks(self, sync: str, first: int) -> Iterable[Sequence[tuple[str, Slots]]]:
        rows = run_blocking(self.parts.store.pairs_in(sync, BUCKETS[first : first + _BUCKETS]))
        return (rows[start : start + _CHUNK] for start in range(0, len(rows), _CHUNK))

    def publish(self, messages: Sequence[Outbound]) -> None:
        """Publish messages, some at a time."""
        for start in range(0, len(messages), _CHUNK):
            run_blocking(self.parts.bus.publish(messages[start : start + _CHUNK]))

    def tell(self, **changes: object) -> None:
        """Publish how far the job is; raises `Stopped`."""
        self._check()
        made: Mapping[str, object] = {"error": "", **changes, "at_ms": self.parts.clock.now_ms()}
        if self.parts.jobs.overruled(self.job.id) == self.progress.term:
            made = {**made, "term": self.progress.term + 1}
        self.progress = self.progress.model_copy(update=dict(made))
        doc = JobDoc(progress=self.progress)
        self.publish([Outbound(topic=topics.JOBS, key=f"progress:{self.job.id}", message=doc)])

    def tell_error(self, sentence: str, *, failed: bool = False) -> bool:
        """Publish why the job waits, or failed; False where that was not possible."""
        changes: dict[str, object] = {"phase": "failed"} if failed else {}
        if failed and self.taken_up:
            changes |= {"cursors": {}, "read": {}}  # perhaps the app no longer knows where the listing stood
        try:
            self.tell(error=sentence[:500], **changes)
        except (BusUnavailable, Stopped) as error:
            _log.warning("job_error_not_told", job=self.job.id, detail=str(error))
            return False
        return True


def begun(parts: Parts, job: Job, phase: JobPhase) -> JobProgress:
    """Return the progress of a job that begins at its beginning."""
    sync = parts.setups.sync(job.sync)
    return JobProgress(job=job.id, phase=phase, setup=sync.version if sync else 0)
