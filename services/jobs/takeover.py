"""Takes over the jobs that the version before keeps in `setups`.

Versions run side by side during an upgrade, so this is done whenever such a job is seen, and not only at the start: a
command, a feed or a console of the version before may still ask for one there. Whoever owns the sync takes its job
over, and only then runs it. The job and its progress are in `jobs` before they are removed from `setups`. In between a
worker of the version before, should it get the sync back, could go on with the job; afterwards no such worker finds it,
and it waits for one of this version. Who comes across a job that is in both only removes it from `setups`.
"""

from services.jobs.work import Parts
from shared import logs
from shared.io.ports import Outbound, run_blocking
from shared.wire import topics
from shared.wire.messages import JobDoc

_log = logs.get(__name__)


class Takeover:
    """Moves jobs from `setups` to `jobs`."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._removed: set[str] = set()
        """Keys that were removed from `setups`, which this process may not have read yet."""

    def look(self) -> None:
        """Take over what this worker looks after; raises `BusUnavailable`."""
        parts, before = self._parts, self._parts.setups.jobs()
        keys = {f"{part}:{job.id}" for job, _ in before for part in ("job", "progress")}
        left = {f"progress:{name}" for name in parts.setups.told_without_job()}
        self._removed &= keys | left
        for job, progress in before:
            if f"job:{job.id}" in self._removed or not parts.owns(job.sync):
                continue
            if not parts.jobs.is_known(job.id):
                docs = {"job": JobDoc(job=job)}
                if progress is not None:
                    docs["progress"] = JobDoc(progress=progress)
                run_blocking(
                    parts.bus.publish(
                        [Outbound(topic=topics.JOBS, key=f"{part}:{job.id}", message=doc) for part, doc in docs.items()]
                    )
                )
                _log.info("job_taken_over", job=job.id)
            self._remove([f"job:{job.id}", f"progress:{job.id}"])
        # A worker that has just lost its job tells once more how far it was.
        self._remove(sorted(left - self._removed))

    def _remove(self, keys: list[str]) -> None:
        run_blocking(self._parts.bus.publish([Outbound(topic=topics.SETUPS, key=key, message=None) for key in keys]))
        self._removed.update(keys)
