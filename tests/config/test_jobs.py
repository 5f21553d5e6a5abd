"""What jobs there are, as the log of their documents tells it."""

from typing import Any

from shared.config.jobs import Jobs
from shared.config.setups import Setups
from shared.model.job_kinds import JobKind
from shared.model.syncs import Job
from shared.wire.messages import JobDoc, JobProgress, SetupDoc


def job(name: str, at: int = 1) -> JobDoc:
    return JobDoc(job=Job(id=name, kind=JobKind.RESYNC, sync="people", asked_at_ms=at))


def progress(name: str, term: int, runner: str, **changes: Any) -> JobDoc:
    return JobDoc(progress=JobProgress(**{"job": name, "phase": "reading", "term": term, "runner": runner, **changes}))


def follow(*docs: tuple[str, JobDoc | None]) -> Jobs:
    jobs = Jobs(Setups())
    for offset, (key, doc) in enumerate(docs):
        jobs.apply(offset, key, doc, seen=offset)
    return jobs


def standing(jobs: Jobs) -> tuple[str, int]:
    row = jobs.get("j")
    assert row is not None
    assert row.progress is not None
    return row.progress.runner, row.progress.touched


def test_of_two_claims_the_first_in_the_log_counts() -> None:
    """Both workers read the same log, so they agree; what the other one tells counts for nobody."""
    jobs = follow(
        ("job:j", job("j")), ("progress:j", progress("j", 1, "a")), ("progress:j", progress("j", 1, "b", touched=9)),
    )  # fmt: skip
    assert standing(jobs) == ("a", 0)
    assert jobs.overruled("j") == 1, "compaction would keep the other one"
    jobs.apply(3, "progress:j", progress("j", 2, "a", touched=1))
    assert standing(jobs) == ("a", 1)
    assert jobs.overruled("j") == -1


def test_what_a_worker_tells_that_lost_its_job_counts_for_nobody() -> None:
    """It was taken for dead, and has not read that another one claimed the job."""
    jobs = follow(
        ("job:j", job("j")), ("progress:j", progress("j", 1, "a")), ("progress:j", progress("j", 2, "b", touched=2)),
        ("progress:j", progress("j", 1, "a", phase="done", touched=1)),
    )  # fmt: skip
    assert standing(jobs) == ("b", 2)
    assert not jobs.rows()[0].has_ended


def test_a_job_that_was_removed_begins_anew_under_the_same_name() -> None:
    """A sync that is set up again has a first sync of the same name."""
    jobs = follow(
        ("job:j", job("j")), ("progress:j", progress("j", 7, "a", phase="done")), ("progress:j", None), ("job:j", None),
    )  # fmt: skip
    assert (jobs.rows(), jobs.is_known("j")) == ([], False)
    jobs.apply(4, "job:j", job("j"))
    assert [row.progress for row in jobs.rows()] == [None]


def test_jobs_are_listed_by_their_age_those_of_the_version_before_among_them() -> None:
    """A job that is in both is listed once, as the topic has it."""
    setups = Setups()
    jobs = Jobs(setups)
    for offset, (name, at) in enumerate((("old", 2), ("both", 1))):
        setups.apply(offset, f"job:{name}", SetupDoc(job=job(name, at).job))
    jobs.apply(0, "job:new", job("new", 3), seen=5)
    jobs.apply(1, "job:both", job("both", 1))
    assert [(row.job.id, row.is_taken_over) for row in jobs.rows()] == [("both", True), ("old", False), ("new", True)]
    assert jobs.rows()[2].seen == 5


def test_a_job_of_which_a_newer_version_tells_is_left_to_it() -> None:
    """Be it asked for, or gone on with, in words that are not known here; the next document may be."""
    jobs = follow(("job:j", job("j")))
    jobs.leave_out(1, "progress:j", b"{}", "phase: exporting is not known")
    assert (jobs.rows(), jobs.get("j"), jobs.is_known("j")) == ([], None, True)
    jobs.apply(2, "progress:j", progress("j", 1, "a"))
    assert standing(jobs) == ("a", 0)
    jobs.leave_out(3, "job:k", b"{}", "kind: export is not known")
    assert jobs.is_known("k")
    assert [row.job.id for row in jobs.rows()] == ["j"]
