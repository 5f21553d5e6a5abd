"""Jobs that the version before keeps in the settings are taken over: none is lost, and none is run twice."""

import pytest

from services.jobs.takeover import Takeover
from shared import topics
from shared.core.job_kinds import JobKind
from shared.core.syncs import Job
from shared.io.memory import MemoryReader
from shared.io.ports import BusUnavailable, Outbound, run_blocking
from shared.messages import JobDoc, JobPhase, JobProgress, SetupDoc
from tests.services.desk import LEFT, SYNC, Desk
from tests.services.jobs.shift import Shift, pair


def before(desk: Desk, *, phase: JobPhase | None = None, name: str = "j", **told: object) -> None:
    """Write a job where the version before keeps it, with its progress."""
    job = Job(id=name, kind=JobKind.FIRST_SYNC, sync=SYNC, asked_at_ms=1)
    docs = {f"job:{name}": SetupDoc(job=job)}
    if phase is not None:
        progress = JobProgress.model_validate({"job": name, "phase": phase, **told})
        docs[f"progress:{name}"] = SetupDoc(progress=progress)
    run_blocking(desk.bus.publish([Outbound(topic=topics.SETUPS, key=key, message=doc) for key, doc in docs.items()]))


def kept(desk: Desk) -> set[str]:
    """Return the keys of jobs that stand in the settings after compaction."""
    last = {row.key: row.message for row in MemoryReader(desk.broker, topics.SETUPS).poll(0)}
    return {key for key, message in last.items() if message is not None and not key.startswith("phase:")}


def test_a_job_that_runs_goes_on_where_it_was(desk: Desk, shift: Shift) -> None:
    """The worker of the version before had read one page of the left side, and all of its hints stand."""
    before(desk, phase="reading", read={"L": 2}, totals={"L": 6}, cursors={"L": "1"})
    shift.until(shift.ended)
    assert [cursor for at, what, cursor in desk.calls if what == "list" and at == LEFT] == ["1", "2"]
    assert (shift.told()[-1].phase, shift.told()[-1].read) == ("done", {"L": 6, "R": 6})
    assert kept(desk) == set()


@pytest.mark.parametrize("phase", ["done", "failed"])
def test_a_job_that_has_ended_is_shown_and_not_run_again(desk: Desk, shift: Shift, phase: JobPhase) -> None:
    """The console shows its result, and a file that is applied again asks for nothing."""
    before(desk, phase=phase, touched=3)
    shift.until(lambda: desk.jobs.is_known("j") and not kept(desk))
    before(desk, name="next")
    shift.until(lambda: shift.told()[-1].job == "next" and shift.ended())
    assert [row.phase for row in shift.told() if row.job == "j"] == [phase]


def test_a_job_is_run_only_once_it_is_in_its_own_topic(desk: Desk, shift: Shift) -> None:
    """Whoever dies in between has written a job that another one finds."""
    shift.follows = False
    before(desk)
    shift.until(lambda: not kept(desk) and bool(desk.told(topics.JOBS)))
    assert desk.calls == []
    shift.follows = True
    shift.until(shift.ended)


def test_a_worker_that_does_not_own_the_sync_leaves_its_job(desk: Desk, shift: Shift) -> None:
    """A worker of the version before still runs it: it loses the sync first, and then finds no job."""
    shift.owned.clear()
    before(desk, phase="reading", cursors={"L": "1"})
    pair(desk, "p1", left="h0")
    shift.until(lambda: [row.job.id for row in desk.jobs.rows()] == ["j"])
    assert not desk.jobs.rows()[0].is_taken_over
    assert (kept(desk), desk.told(topics.JOBS), desk.calls) == ({"job:j", "progress:j"}, [], [])
    shift.owned.add(SYNC)
    shift.until(shift.ended)


def test_a_job_that_is_in_both_is_not_taken_over_again(desk: Desk, shift: Shift) -> None:
    """Somebody died after the first half, and the job has gone on, or ended, since."""
    job = Job(id="j", kind=JobKind.FIRST_SYNC, sync=SYNC, asked_at_ms=1)
    desk.set_job("job", JobDoc(job=job), "j")
    desk.set_job("progress", JobDoc(progress=JobProgress(job="j", phase="done", term=3, runner="a")), "j")
    before(desk, phase="reading", cursors={"L": "1"})
    shift.until(lambda: not desk.setups.jobs() and not kept(desk) and desk.setups.offset > 4)
    assert (desk.told(topics.JOBS), desk.calls) == ([], [])


def test_what_a_worker_of_the_version_before_tells_once_more_is_removed(desk: Desk, shift: Shift) -> None:
    """It had a page under way when its job was taken over."""
    before(desk)
    shift.until(shift.ended)
    late = JobProgress(job="j", phase="reading", cursors={"L": "1"})
    doc = Outbound(topic=topics.SETUPS, key="progress:j", message=SetupDoc(progress=late))
    run_blocking(desk.bus.publish([doc]))
    shift.until(lambda: bool(desk.setups.told_without_job()))
    shift.until(lambda: not kept(desk))
    assert shift.told()[-1].phase == "done"


def test_nothing_leaves_the_settings_before_kafka_has_it_in_the_other_topic(desk: Desk) -> None:
    """Both brokers' answers count, in this order."""
    shift = Shift(desk)
    shift.end()
    before(desk, phase="reading")
    shift.follow()
    published = list[str]()
    real = desk.broker.append

    def append(raw: object) -> object:
        published.append(raw.topic)  # type: ignore[attr-defined]  # a message in its envelope
        if raw.topic == topics.JOBS.name and len(published) > 1:  # type: ignore[attr-defined]
            raise BusUnavailable("away")
        return real(raw)  # type: ignore[arg-type]

    desk.broker.append = append  # type: ignore[method-assign,assignment]  # a broker that is watched
    with pytest.raises(BusUnavailable):
        Takeover(shift.runner._parts).look()
    assert published == ["jobs", "jobs"]
    assert kept(desk) == {"job:j", "progress:j"}
