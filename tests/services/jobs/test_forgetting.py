"""How long what jobs came to is kept."""

import pytest

from services.jobs import runner as module
from services.jobs.forgetting import KEPT_MS, forgotten
from shared.config.jobs import PARTS, JobRow
from shared.io.memory import MemoryReader
from shared.model.job_kinds import JobKind
from shared.model.syncs import Job
from shared.wire import topics
from shared.wire.messages import JobDoc, JobPhase, JobProgress
from tests.services.environment import SYNC, Environment
from tests.services.jobs.harness import JobsHarness

NOW = 2 * KEPT_MS


def row(name: str, age_ms: int, phase: JobPhase = "done", *, statuses: tuple[str, ...] = ("failing",)) -> JobRow:
    job = Job(id=name, kind=JobKind.RESYNC, sync=SYNC, statuses=statuses, asked_at_ms=1)
    return JobRow(job=job, progress=JobProgress(job=name, phase=phase, at_ms=NOW - age_ms))


def names(*rows: JobRow, syncs: set[str] | None = None) -> set[str]:
    return {one.job.id for one in forgotten(rows, {SYNC} if syncs is None else syncs, NOW)}


def test_a_result_is_kept_for_thirty_days_after_its_end() -> None:
    """However long the job took; one that runs is never forgotten."""
    last = row("last", 1)
    old, young = row("old", KEPT_MS), row("young", KEPT_MS - 1)
    assert names(old, young, row("runs", KEPT_MS, "reading"), last) == {"old"}
    assert names(JobRow(job=old.job, progress=None), last) == set()


def test_the_last_that_ended_and_the_last_that_read_everything_stay() -> None:
    """They tell whether a first sync has failed, and under which settings everything was looked at."""
    rows = (
        row("first", 9 * KEPT_MS, statuses=()), row("edited", 8 * KEPT_MS, statuses=()),
        row("broken", 7 * KEPT_MS, "failed", statuses=()), row("some", 6 * KEPT_MS), row("some-more", 5 * KEPT_MS),
    )  # fmt: skip
    assert names(*rows) == {"first", "broken", "some"}


def test_of_a_sync_that_was_deleted_nothing_stays() -> None:
    """It may be set up again, and its first sync has the same name."""
    assert names(row("first", 1, statuses=()), row("runs", 1, "reading"), syncs={"other"}) == {"first"}


def test_what_is_forgotten_leaves_no_document(
    env: Environment, harness: JobsHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each kind of its documents gets a tombstone, by the worker that owns the sync."""
    monkeypatch.setattr(module, "_FORGET_S", 0.0)
    end = env.clock.now_ms() - KEPT_MS
    for number, name in enumerate(("old", "young")):
        env.set_job("job", JobDoc(job=Job(id=name, kind=JobKind.RESYNC, sync=SYNC, asked_at_ms=number)), name)
        told = JobProgress(job=name, phase="done", at_ms=end + number)
        env.set_job("progress", JobDoc(progress=told), name)
    harness.until(lambda: [one.job.id for one in env.jobs.rows()] == ["young"])
    removed = {one.key for one in MemoryReader(env.broker, topics.JOBS).poll(0)}
    assert removed == {f"{part}:old" for part in PARTS}
