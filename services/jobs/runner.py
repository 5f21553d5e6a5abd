"""Runs the jobs that this worker looks after."""

import threading
from typing import Final

from services.jobs.kind import Kind
from services.jobs.kinds import kind_of
from services.jobs.work import Parts, Stopped, Work
from shared import logs
from shared.core.connector import AppError
from shared.core.syncs import Job
from shared.io.ports import BusUnavailable, NotReady

_TICK_S: Final = 0.05
_PATIENCE_S: Final = (1.0, 2.0, 5.0, 15.0, 60.0)
_log = logs.get(__name__)


class JobFailed(Exception):  # noqa: N818 - says how the job ended
    """The job cannot be done; the message says why."""


class Runner:
    """Starts each job that this worker looks after in a thread of its own."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._running: dict[str, threading.Thread] = {}
        self._ended: set[str] = set()
        """Jobs that ended here, of which the settings may not tell yet."""

    def run(self, stop: threading.Event) -> None:
        """Look for jobs until *stop* is set; one a sync at a time."""
        while not stop.wait(_TICK_S):
            self._running = {sync: thread for sync, thread in self._running.items() if thread.is_alive()}
            setups = self._parts.setups
            asked = sorted(setups.jobs(), key=lambda row: (row[0].asked_at_ms, row[0].id))
            # A sync that was deleted and is set up again has a first sync of the same name.
            self._ended &= {job.id for job, _ in asked}
            for job, progress in asked:
                if job.id in self._ended or (progress is not None and progress.phase in ("done", "failed")):
                    continue
                if job.sync in setups.not_run():
                    continue  # a worker of a newer version does it
                if job.sync not in self._running and self._parts.owns(job.sync):
                    thread = threading.Thread(target=self._guarded, args=(job, stop), name=job.id, daemon=True)
                    self._running[job.sync] = thread
                    thread.start()

    def _guarded(self, job: Job, stop: threading.Event) -> None:
        setups = self._parts.setups
        kind = kind_of(job, setups)
        known = next((progress for row, progress in setups.jobs() if row.id == job.id), None)
        work, failures = Work(self._parts, job, kind.begin(setups, job, known), stop), 0
        while True:
            try:
                do(work, kind)
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
                if work.tell_error(str(error) if isinstance(error, JobFailed) else repr(error), failed=True):
                    self._ended.add(job.id)
                return
            else:
                _log.info("job_done", job=job.id)
                self._ended.add(job.id)
                return


def do(work: Work, kind: Kind) -> None:
    """Do what is left of a job; raises what stands in its way."""
    sync = work.parts.setups.sync(work.job.sync)
    if sync is None:
        raise JobFailed(f"there is no sync {work.job.sync!r}")
    phases = [step.phase for step in kind.steps]
    first = phases.index(work.progress.phase) if work.progress.phase in phases else 0
    for step in kind.steps[first:]:
        if work.progress.phase != step.phase:
            work.tell(phase=step.phase)
        step.run(work, sync)
    work.tell(phase="done")
