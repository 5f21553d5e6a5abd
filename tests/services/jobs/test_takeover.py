"""Jobs that the version before keeps in the settings are taken over: none is lost, and none is run twice."""

import pytest

from services.jobs.takeover import Takeover
from shared.io.memory import MemoryReader
from shared.io.ports import BusUnavailable, Outbound, run_blocking
from shared.model.job_kinds import JobKind
from shared.model.syncs import Job
from shared.wire import topics
from shared.wire.messages import JobDoc, JobPhase, JobProgress, SetupDoc
from tests.services.environment import LEFT, SYNC, Environment
from tests.services.jobs.harness import JobsHarness, pair


def before(env: Environment, *, phase: JobPhase | None = None, name: str = "j", **told: object) -> None:
    """Write a job where the version before keeps it, with its progress."""
    job = Job(id=name, kind=JobKind.FIRST_SYNC, sync=SYNC, asked_at_ms=1)
    docs = {f"job:{name}": SetupDoc(job=job)}
    if phase is not None:
        progress = JobProgress.model_validate({"job": name, "phase": phase, **told})
        docs[f"progress:{name}"] = SetupDoc(progress=progress)
    run_blocking(env.bus.publish([Outbound(topic=topics.SETUPS, key=key, message=doc) for key, doc in docs.items()]))


def kept(env: Environment) -> set[str]:
    """Return the keys of jobs that stand in the settings after compaction."""
    last = {row.key: row.message for row in MemoryReader(env.broker, topics.SETUPS).poll(0)}
    return {key for key, message in last.items() if message is not None and not key.startswith("phase:")}


def test_a_job_that_runs_goes_on_where_it_was(env: Environment, harness: JobsHarness) -> None:
    """The worker of the version before had read one page of the left side, and all of its hints stand."""
    before(env, phase="reading", read={"L": 2}, totals={"L": 6}, cursors={"L": "1"})
    harness.until(harness.ended)
    assert [cursor for at, what, cursor in env.calls if what == "list" and at == LEFT] == ["1", "2"]
    assert (harness.told()[-1].phase, harness.told()[-1].read) == ("done", {"L": 6, "R": 6})
    assert kept(env) == set()


@pytest.mark.parametrize("phase", ["done", "failed"])
def test_a_job_that_has_ended_is_shown_and_not_run_again(
    env: Environment, harness: JobsHarness, phase: JobPhase
) -> None:
    """The console shows its result, and a file that is applied again asks for nothing."""
    before(env, phase=phase, touched=3)
    harness.until(lambda: env.jobs.is_known("j") and not kept(env))
    before(env, name="next")
    harness.until(lambda: harness.told()[-1].job == "next" and harness.ended())
    assert [row.phase for row in harness.told() if row.job == "j"] == [phase]


def test_a_job_is_run_only_once_it_is_in_its_own_topic(env: Environment, harness: JobsHarness) -> None:
    """Whoever dies in between has written a job that another one finds."""
    harness.follows = False
    before(env)
    harness.until(lambda: not kept(env) and bool(env.told(topics.JOBS)))
    assert env.calls == []
    harness.follows = True
    harness.until(harness.ended)


def test_a_worker_that_does_not_own_the_sync_leaves_its_job(env: Environment, harness: JobsHarness) -> None:
    """A worker of the version before still runs it: it loses the sync first, and then finds no job."""
    harness.owned.clear()
    before(env, phase="reading", cursors={"L": "1"})
    pair(env, "p1", left="h0")
    harness.until(lambda: [row.job.id for row in env.jobs.rows()] == ["j"])
    assert not env.jobs.rows()[0].is_taken_over
    assert (kept(env), env.told(topics.JOBS), env.calls) == ({"job:j", "progress:j"}, [], [])
    harness.owned.add(SYNC)
    harness.until(harness.ended)


def test_a_job_that_is_in_both_is_not_taken_over_again(env: Environment, harness: JobsHarness) -> None:
    """Somebody died after the first half, and the job has gone on, or ended, since."""
    job = Job(id="j", kind=JobKind.FIRST_SYNC, sync=SYNC, asked_at_ms=1)
    env.set_job("job", JobDoc(job=job), "j")
    env.set_job("progress", JobDoc(progress=JobProgress(job="j", phase="done", term=3, runner="a")), "j")
    before(env, phase="reading", cursors={"L": "1"})
    harness.until(lambda: not env.setups.jobs() and not kept(env) and env.setups.offset > 4)
    assert (env.told(topics.JOBS), env.calls) == ([], [])


def test_what_a_worker_of_the_version_before_tells_once_more_is_removed(env: Environment, harness: JobsHarness) -> None:
    """It had a page under way when its job was taken over."""
    before(env)
    harness.until(harness.ended)
    late = JobProgress(job="j", phase="reading", cursors={"L": "1"})
    doc = Outbound(topic=topics.SETUPS, key="progress:j", message=SetupDoc(progress=late))
    run_blocking(env.bus.publish([doc]))
    harness.until(lambda: bool(env.setups.told_without_job()))
    harness.until(lambda: not kept(env))
    assert harness.told()[-1].phase == "done"


def test_nothing_leaves_the_settings_before_kafka_has_it_in_the_other_topic(env: Environment) -> None:
    """Both brokers' answers count, in this order."""
    harness = JobsHarness(env)
    harness.end()
    before(env, phase="reading")
    harness.follow()
    published = list[str]()
    real = env.broker.append

    def append(raw: object) -> object:
        published.append(raw.topic)  # type: ignore[attr-defined]  # a message in its envelope
        if raw.topic == topics.JOBS.name and len(published) > 1:  # type: ignore[attr-defined]
            raise BusUnavailable("away")
        return real(raw)  # type: ignore[arg-type]

    env.broker.append = append  # type: ignore[method-assign,assignment]  # a broker that is watched
    with pytest.raises(BusUnavailable):
        Takeover(harness.runner._parts).look()
    assert published == ["jobs", "jobs"]
    assert kept(env) == {"job:j", "progress:j"}
