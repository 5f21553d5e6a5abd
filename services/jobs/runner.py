"""Runs the jobs that this worker looks after."""

import threading
import time
import uuid
from collections.abc import Iterator
from typing import Final

from services.jobs.first_sync import FIRST_SYNC
from services.jobs.following import edited, moved
from services.jobs.forgetting import forgotten
from services.jobs.kind import Kind
from services.jobs.kinds import kind_of
from services.jobs.takeover import Takeover
from services.jobs.work import Cancelled, Held, Parts, Stopped, Work
from shared import logs
from shared.config.jobs import PARTS, JobRow, is_asked
from shared.contract.calls import AppError
from shared.io.ports import BusUnavailable, NotReady, Outbound, run_blocking
from shared.model.syncs import Job, Sync
from shared.wire import topics
from shared.wire.messages import JobDoc

_TICK_S: Final = 0.25
_PATIENCE_S: Final = (1.0, 2.0, 5.0, 15.0, 60.0)
_FORGET_S: Final = 60.0
_GRACE_S: Final = 5.0
"""How long whoever published a sync may take to publish its job."""
_log = logs.get(__name__)


class JobFailed(Exception):  # noqa: N818 - says how the job ended
    """The job cannot be done; the message says why."""


class Runner:
    """Starts each job that this worker looks after in a thread of its own."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._name = uuid.uuid4().hex
        self._takeover = Takeover(parts)
        self._running: dict[str, threading.Thread] = {}
        self._ended: set[str] = set()
        """Jobs that ended here, of which the topic may not tell yet."""
        self._asked: set[str] = set()
        """Jobs that were asked for here, of which the topic does not tell yet."""
        self._lacking: dict[str, float] = {}
        """Jobs that are not there, and since when that is known here."""
        self._forgot = 0.0
        self._trouble = logs.Trouble(_log, "jobs_not_written")

    def run(self, stop: threading.Event) -> None:
        """Look for jobs until *stop* is set; one a sync at a time."""
        while not stop.wait(_TICK_S):
            try:
                self._takeover.look()
                self._ask()
                self._forget()
                self._trouble.over()
            except BusUnavailable as error:
                self._trouble.begun(detail=str(error))
            self._start(stop)

    def _ask(self) -> None:
        """Ask for the jobs that follow from the settings, each once; raises `BusUnavailable`."""
        parts, now = self._parts, time.monotonic()
        at_once = [job for job in moved(parts.setups, parts.clock.now_ms()) if not parts.jobs.is_known(job.id)]
        lacking = {job.id: job for job in (*at_once, *self._not_looked_at()) if parts.owns(job.sync)}
        self._asked &= lacking.keys()
        self._lacking = {name: self._lacking.get(name, now) for name in lacking}
        due = {job.id for job in at_once} | {name for name, since in self._lacking.items() if now >= since + _GRACE_S}
        new = [job for name, job in lacking.items() if name in due - self._asked]
        if new:
            docs = [Outbound(topic=topics.JOBS, key=f"job:{job.id}", message=JobDoc(job=job)) for job in new]
            run_blocking(parts.bus.publish(docs))
            self._asked |= {job.id for job in new}

    def _not_looked_at(self) -> Iterator[Job]:
        """Yield the jobs of syncs that were published without them."""
        parts = self._parts
        setups, off = parts.setups, parts.setups.not_run()
        for sync, job in edited(setups, parts.clock.now_ms()):
            if parts.jobs.is_known(job.id) or sync.id in off or is_asked(sync, parts.jobs.of_sync(sync.id)):
                continue
            if sync.version > 1 or setups.phase(sync.id) != "live":
                yield job

    def _start(self, stop: threading.Event) -> None:
        self._running = {sync: thread for sync, thread in self._running.items() if thread.is_alive()}
        setups, rows = self._parts.setups, self._parts.jobs.rows()
        # A sync that was deleted and is set up again has a first sync of the same name.
        self._ended &= {row.job.id for row in rows}
        held = {row.job.sync for row in rows if row.state == "paused" and kind_of(row.job, setups) is FIRST_SYNC}
        for row in rows:
            job = row.job
            if not row.is_taken_over or not row.is_open or job.id in self._ended or row.seen > setups.offset:
                continue
            if job.sync in setups.not_run():
                continue  # a worker of a newer version does it
            if job.sync in held and row.state != "cancelling":
                continue  # it would do what somebody has paused
            if job.sync not in self._running and self._parts.owns(job.sync):
                thread = threading.Thread(target=self._guarded, args=(row, stop), name=job.id, daemon=True)
                self._running[job.sync] = thread
                thread.start()

    def _forget(self) -> None:
        """Remove what nobody needs to know any more."""
        if time.monotonic() < self._forgot + _FORGET_S:
            return
        self._forgot = time.monotonic()
        setups, now_ms = self._parts.setups, self._parts.clock.now_ms()
        rows = [
            row
            for row in self._parts.jobs.rows()
            if row.is_taken_over and row.seen <= setups.offset and self._parts.owns(row.job.sync)
        ]
        syncs = {sync.id for sync in setups.syncs()} | setups.not_run().keys()
        # They would be asked for again.
        asked = {job.id for job in (*moved(setups, now_ms), *(job for _, job in edited(setups, now_ms)))}
        gone = [row.job.id for row in forgotten(rows, syncs, now_ms) if row.job.id not in asked]
        keys = [f"{part}:{name}" for name in gone for part in PARTS]
        if keys:
            run_blocking(self._parts.bus.publish([Outbound(topic=topics.JOBS, key=key, message=None) for key in keys]))

    def _guarded(self, row: JobRow, stop: threading.Event) -> None:
        job, kind = row.job, kind_of(row.job, self._parts.setups)
        work, failures = Work(self._parts, row, kind.begin(self._parts, row), stop, runner=self._name), 0
        while True:
            try:
                do(work, kind)
            except Stopped:
                return
            except Held:
                _log.info("job_held", job=job.id)
                return
            except (AppError, BusUnavailable, NotReady) as error:
                pause = _PATIENCE_S[min(failures, len(_PATIENCE_S) - 1)]
                failures += 1
                _log.warning("job_waits", job=job.id, detail=str(error), seconds=pause)
                work.tell_error(str(error))
                work.rest(pause)
                if stop.is_set():
                    return
            except Exception as error:  # noqa: BLE001 - the job is marked as failed, with the reason; the worker goes on
                _log.exception("job_failed", job=job.id)
                if work.tell_error(str(error) if isinstance(error, JobFailed) else repr(error), failed=True):
                    self._ended.add(job.id)
                return
            else:
                _log.info("job_ended", job=job.id, how=work.progress.phase, result=work.progress.result)
                self._ended.add(job.id)
                return


def do(work: Work, kind: Kind) -> None:
    """Do what is left of a job; raises what stands in its way."""
    work.claim()
    sync = work.parts.setups.sync(work.job.sync)
    if sync is None:
        raise JobFailed(f"there is no sync {work.job.sync!r}")
    try:
        _do_steps(work, kind, sync)
    except Cancelled:
        work.tell(phase="cancelled", result=kind.result(work.progress, sync))
    else:
        work.tell(phase="done", result=kind.result(work.progress, sync))


def _do_steps(work: Work, kind: Kind, sync: Sync) -> None:
    if work.awaits_confirmation():
        work.ask_to_confirm(kind.review(work, sync))
    work.check()
    if not work.is_taken_up and kind.take_up is not None:
        kind.take_up(work, sync)
    work.is_taken_up = True
    phases = [step.phase for step in kind.steps]
    first = phases.index(work.progress.phase) if work.progress.phase in phases else 0
    for step in kind.steps[first:]:
        work.check()
        if work.progress.phase != step.phase:
            work.tell(phase=step.phase)
        step.run(work, sync)
