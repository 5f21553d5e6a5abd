"""Long work: the first sync of two sides, and looking again at all or some pairs.

The order of a first sync is its promise. The feeds have their cursors before the first page is read, so that no change
falls between; match has passed the last page before the sync goes live, so that nobody is created who was only not
read yet; and every pair is touched afterwards, because until then nothing was written.
"""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from services.ingest.cursors import Cursors
from services.ingest.notices import addressed
from shared import logs, topics
from shared.core.connector import AppError, HintKind
from shared.core.ids import record_key
from shared.core.pairs import NewerState, Pair, PairEvent
from shared.core.records import SIDES, Side, within_limit
from shared.core.syncs import Job, Sync
from shared.io.health import Offsets
from shared.io.links import Slots
from shared.io.ports import Bus, BusUnavailable, Caller, Clock, NotReady, Outbound, run_blocking
from shared.io.store import BUCKETS, Store
from shared.messages import JobProgress, Notice, PhaseSet, RecordSeen, SetupDoc
from shared.setups import Setups

_TICK_S: Final = 0.05
_LOOK_S: Final = 0.25
"""Between two looks at how far the matcher is: each asks the brokers four times."""
_LAG: Final = 1000
"""Messages of one partition that may wait for the matcher before more is read: live changes come after them."""
_CHUNK: Final = 500
_BUCKETS: Final = 64
"""Buckets of pairs read in one round trip."""
_PATIENCE_S: Final = (1.0, 2.0, 5.0, 15.0, 60.0)
_log = logs.get(__name__)

Listed: TypeAlias = dict[Side, set[str]]


class Stopped(Exception):  # noqa: N818 - the process ends; another one goes on
    """The process was asked to stop, or no longer looks after this job."""


def _fits(state: str, fits: Callable[[Pair], bool]) -> bool:
    """Check whether a pair fits; one that only a newer version can read is left to that one to judge."""
    try:
        return fits(Pair.read(state))
    except NewerState:
        return True


@dataclass(slots=True, kw_only=True)
class Jobs:
    """Starts each job that this worker looks after in a thread of its own.

    Args:
        owns: Tells whether this worker looks after a sync.
    """

    setups: Setups
    caller: Caller
    bus: Bus
    clock: Clock
    store: Store
    offsets: Offsets
    cursors: Cursors
    owns: Callable[[str], bool]
    _running: dict[str, threading.Thread] = field(default_factory=dict)
    _ended: set[str] = field(default_factory=set)
    """Jobs that ended here, of which the settings may not tell yet."""

    def run(self, stop: threading.Event) -> None:
        """Look for jobs until *stop* is set; one a sync at a time."""
        while not stop.wait(_TICK_S):
            self._running = {sync: thread for sync, thread in self._running.items() if thread.is_alive()}
            asked = sorted(self.setups.jobs(), key=lambda row: (row[0].asked_at_ms, row[0].id))
            # A sync that was deleted and is set up again has a first sync of the same name.
            self._ended &= {job.id for job, _ in asked}
            for job, progress in asked:
                if job.id in self._ended or (progress is not None and progress.phase in ("done", "failed")):
                    continue
                if job.sync in self.setups.not_run():
                    continue  # a worker of a newer version does it
                if job.sync not in self._running and self.owns(job.sync):
                    thread = threading.Thread(target=self._guarded, args=(job, stop), name=job.id, daemon=True)
                    self._running[job.sync] = thread
                    thread.start()

    def _guarded(self, job: Job, stop: threading.Event) -> None:
        work, failures = _Work(self, job, stop), 0
        while True:
            try:
                work.run()
            except Stopped:
                return
            except (AppError, BusUnavailable, NotReady) as error:
                pause = _PATIENCE_S[min(failures, len(_PATIENCE_S) - 1)]
                failures += 1
                _log.warning("job_waits", job=job.id, detail=str(error), seconds=pause)
                work.tell_error(str(error))
                if stop.wait(pause):
                    return
            except Exception as error:  # noqa: BLE001 - the job is marked as failed, with the reason; the worker goes on
                _log.exception("job_failed", job=job.id)
                if work.tell_error(repr(error), failed=True):
                    self._ended.add(job.id)
                return
            else:
                _log.info("job_done", job=job.id)
                self._ended.add(job.id)
                return


class _Work:
    """One job, from where its progress says; after an error it goes on from where it was."""

    def __init__(self, jobs: Jobs, job: Job, stop: threading.Event) -> None:
        self._jobs = jobs
        self._job = job
        self._stop = stop
        whole = job.kind == "resync" and not job.statuses
        # A sync that a failed first sync left behind is looked at for the first time whatever the job is called.
        self._first = job.kind == "first_sync" or (whole and jobs.setups.phase(job.sync) != "live")
        self._looks_for_missing = whole and not self._first
        known = next((progress for row, progress in jobs.setups.jobs() if row.id == job.id), None)
        if known is not None and self._looks_for_missing and known.phase in ("reading", "indexing"):
            known = None  # which records were listed is forgotten with the process that read them
        self._progress = known or self._begun()
        self._listed: Listed = {"L": set(), "R": set()}
        self._goes_on = bool(self._progress.cursors)
        """Nothing was read since the listing was taken up where somebody else had left it."""

    def _begun(self) -> JobProgress:
        """Return where to begin: where the sync's last first sync failed, if it read what is read now."""
        sync = self._jobs.setups.sync(self._job.sync)
        new = JobProgress(job=self._job.id, phase="reading", setup=sync.version if sync else 0)
        before = [(job, told) for job, told in self._jobs.setups.jobs() if told and job.sync == self._job.sync]
        _, last = max(before, key=lambda row: (row[1].at_ms, row[0].asked_at_ms), default=(None, None))
        if not self._first or last is None or last.phase != "failed" or last.setup != new.setup:
            return new
        return new.model_copy(update={"read": last.read, "totals": last.totals, "cursors": last.cursors})

    def run(self) -> None:
        """Do what is left of the job; raises what stands in its way."""
        sync = self._jobs.setups.sync(self._job.sync)
        if sync is None:
            self._tell(phase="failed", error=f"there is no sync {self._job.sync!r}")
            return
        if self._progress.phase == "reading" and not self._job.statuses:
            self._prepare(sync)
            self._wait(lambda: self._feeds_begun(sync))
            for side in SIDES:
                self._read(sync, side)
            self._tell(phase="indexing", barrier=self._ends())
        if self._progress.phase == "indexing":
            self._wait(self._passed_barrier)
            if self._first:
                live = SetupDoc(phase=PhaseSet(sync=sync.id, phase="live"))
                self._publish([Outbound(topic=topics.SETUPS, key=f"phase:{sync.id}", message=live)])
            elif self._looks_for_missing:
                self._notice_missing(sync)
        if self._progress.phase != "matching":
            self._tell(phase="matching")
        self._touch(sync)
        self._wake(sync)
        self._tell(phase="done", error="")

    # Reading

    def _prepare(self, sync: Sync) -> None:
        """Have each app made ready for what the sync may create there."""
        policy = self._jobs.setups.policy(sync.id)
        for side in SIDES:
            end = sync.side(side)
            prepare = self._jobs.setups.binding(end.connection, end.object).prepare
            if prepare is not None and policy is not None and policy.side(side).create:
                session = self._jobs.setups.session(end.connection)
                run_blocking(self._jobs.caller.run(end.connection, prepare(session), wait_s=10.0))

    def _feeds_begun(self, sync: Sync) -> bool:
        for side in SIDES:
            end = sync.side(side)
            for feed in self._jobs.setups.binding(end.connection, end.object).feeds:
                key = Cursors.key(end.connection, end.object, feed.name)
                if self._jobs.cursors.get(key) is None and not self._jobs.cursors.is_foreign(key):
                    return False
        return True

    def _read(self, sync: Sync, side: Side) -> None:
        end = sync.side(side)
        setups = self._jobs.setups
        binding, session = setups.binding(end.connection, end.object), setups.session(end.connection)
        cursor = self._progress.cursors.get(side)
        if cursor == "":
            return
        while True:
            self._wait(self._has_room)
            exchange = binding.list_page(session, cursor, setups.fields_of(end.connection, end.object))
            page = run_blocking(self._jobs.caller.run(end.connection, exchange, share="backfill", wait_s=10.0))
            now_ms, without = self._jobs.clock.now_ms(), setups.foreign_syncs(end.connection, end.object)
            self._publish(
                [
                    Outbound(
                        topic=topics.RECORDS,
                        key=record_key(report.connection, report.object, report.id),
                        message=RecordSeen(
                            report=within_limit(report), origin="snapshot", without=without, accepted_ms=now_ms
                        ),
                    )
                    for report in page.reports
                ]
            )
            self._publish([self._notice(end.connection, end.object, record, "changed") for record in page.skipped])
            if self._looks_for_missing:
                self._listed[side].update((*(report.id for report in page.reports), *page.skipped))
            self._goes_on = False
            cursor = page.next
            read = self._progress.read.get(side, 0) + len(page.reports)
            totals: dict[str, int] = {side: page.total} if page.total is not None else {}
            self._tell(
                read={**self._progress.read, side: read},
                totals={**self._progress.totals, **totals},
                cursors={**self._progress.cursors, side: cursor or ""},
            )
            if cursor is None:
                return

    # Waiting for the matcher

    def _ends(self) -> dict[str, int]:
        return {str(part): end for part, end in self._jobs.offsets.end_offsets(topics.RECORDS.name).items()}

    def _passed_barrier(self) -> bool:
        done = self._jobs.offsets.committed(topics.MATCHER_GROUP, topics.RECORDS.name)
        return all(done.get(int(part), 0) >= end for part, end in self._progress.barrier.items())

    def _has_room(self) -> bool:
        for topic in (topics.RECORDS.name, topics.PAIRS.name):
            done = self._jobs.offsets.committed(topics.MATCHER_GROUP, topic)
            ends = self._jobs.offsets.end_offsets(topic)
            if any(end - done.get(part, 0) > _LAG for part, end in ends.items()):
                return False
        return True

    def _wait(self, ready: Callable[[], bool]) -> None:
        while True:
            if self._stop.is_set() or not self._jobs.owns(self._job.sync):
                raise Stopped
            if ready():
                return
            self._stop.wait(_LOOK_S)

    # Looking again

    def _notice_missing(self, sync: Sync) -> None:
        """Have whoever is linked but was not listed looked at: each is read alone before it is called gone."""
        for rows in self._pairs(sync.id):
            notices = []
            for _, slots in rows:
                for side in SIDES:
                    record = slots.of(side)[1:] if slots.of(side).startswith(":") else ""
                    if record and record not in self._listed[side]:
                        end = sync.side(side)
                        notices.append(self._notice(end.connection, end.object, record))
            self._publish(notices)

    def _notice(self, connection: str, object_: str, record: str, kind: HintKind = "deleted") -> Outbound:
        notice = Notice(
            connection=connection, object=object_, id=record, kind=kind, accepted_ms=self._jobs.clock.now_ms()
        )
        return addressed(notice)

    def _touch(self, sync: Sync) -> None:
        # Whoever chose some records waits for them; all others make way for live changes.
        reason = "backfill" if self._first else "retry" if self._job.statuses else "resync"
        touched = 0
        for rows in self._pairs(sync.id):
            self._wait(self._has_room)
            names: Sequence[str] = [pair for pair, slots in rows if slots.L or slots.R]
            if self._job.statuses:
                names = self._chosen(sync.id, names, lambda pair: pair.status in self._job.statuses)
            self._touch_all(sync.id, names, reason)
            touched += len(names)
            self._tell(touched=touched)

    def _wake(self, sync: Sync) -> None:
        """Touch the records of other syncs that wait for one of this sync: while it was off, nobody could wake them."""
        for other in self._jobs.setups.syncs():
            if all(row.to != sync.id for row in other.associations):
                continue
            for rows in self._pairs(other.id):
                self._wait(self._has_room)
                names = [pair for pair, slots in rows if slots.L and slots.R]
                waiting = self._chosen(
                    other.id, names, lambda pair: any(row.startswith(f"{sync.id}/") for row in pair.waits)
                )
                self._touch_all(other.id, waiting, "woken", origin="snapshot")

    def _touch_all(
        self, sync: str, names: Sequence[str], reason: str, *, origin: Literal["live", "snapshot"] = "live"
    ) -> None:
        touches = [PairEvent(sync=sync, pair=pair, kind="touch", reason=reason, origin=origin) for pair in names]
        self._publish([Outbound(topic=topics.PAIRS, key=touch.pair, message=touch) for touch in touches])

    def _chosen(self, sync: str, names: Sequence[str], fits: Callable[[Pair], bool]) -> Sequence[str]:
        loaded = run_blocking(self._jobs.store.load([(sync, name) for name in names]))
        return [name for (_, name), row in loaded.items() if row.state and _fits(row.state, fits)]

    def _pairs(self, sync: str) -> Iterable[Sequence[tuple[str, Slots]]]:
        for first in range(0, len(BUCKETS), _BUCKETS):
            rows = run_blocking(self._jobs.store.pairs_in(sync, BUCKETS[first : first + _BUCKETS]))
            for start in range(0, len(rows), _CHUNK):
                yield rows[start : start + _CHUNK]

    # Telling

    def _publish(self, messages: Sequence[Outbound]) -> None:
        for start in range(0, len(messages), _CHUNK):
            run_blocking(self._jobs.bus.publish(messages[start : start + _CHUNK]))

    def _tell(self, **changes: object) -> None:
        if self._stop.is_set():
            raise Stopped
        made: Mapping[str, object] = {"error": "", **changes, "at_ms": self._jobs.clock.now_ms()}
        self._progress = self._progress.model_copy(update=dict(made))
        doc = SetupDoc(progress=self._progress)
        self._publish([Outbound(topic=topics.SETUPS, key=f"progress:{self._job.id}", message=doc)])

    def tell_error(self, sentence: str, *, failed: bool = False) -> bool:
        """Show why the job waits, or failed, and tell whether that was possible without Kafka."""
        changes: dict[str, object] = {"phase": "failed"} if failed else {}
        if failed and self._goes_on:
            changes |= {"cursors": {}, "read": {}}  # perhaps the app no longer knows where the listing stood
        try:
            self._tell(error=sentence[:500], **changes)
        except (BusUnavailable, Stopped) as error:
            _log.warning("job_error_not_told", job=self._job.id, detail=str(error))
            return False
        return True
