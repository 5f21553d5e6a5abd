"""Two workers never run one job at once, whatever each of them believes."""

import threading
from typing import Any

from shared.io.ports import Outbound, run_blocking
from shared.wire import topics
from shared.wire.messages import JobDoc, JobProgress
from tests.services.environment import Environment
from tests.services.jobs.harness import JobsHarness, ask, listing


def test_a_worker_whose_job_another_one_has_claimed_stops_within_a_page(env: Environment, harness: JobsHarness) -> None:
    """It still believes that the sync is its own: its group has taken it for dead, and it has not heard."""
    reached, go_on = threading.Event(), threading.Event()
    pages = listing(pages=50)

    def answer(at: str, cursor: str | None) -> Any:
        if cursor == "2":
            reached.set()
            go_on.wait(10)
        return pages(at, cursor)

    env.answers["list"] = answer
    ask(env)
    harness.until(reached.is_set)
    other = JobProgress(job="j", phase="reading", term=2, runner="another", cursors={"L": "1"})
    run_blocking(env.bus.publish([Outbound(topic=topics.JOBS, key="progress:j", message=JobDoc(progress=other))]))
    harness.follow()
    read = len(env.asked("list"))
    harness.owned.clear()  # no third claim: what is shown is how the first one ends
    go_on.set()
    harness.until(lambda: not any(thread.is_alive() for thread in harness.runner._running.values()))
    assert len(env.asked("list")) == read
    assert harness.told()[-1] == other, "what it had read counts for nobody"


def test_nothing_is_done_before_the_log_shows_who_has_claimed_the_job(env: Environment, harness: JobsHarness) -> None:
    """The other one was first, by a moment."""
    harness.follows = False
    ask(env)
    harness.until(lambda: bool(harness.told()))
    claim = harness.told()[-1]
    assert (claim.term, env.calls) == (1, [])
    env.set_job("progress", JobDoc(progress=claim.model_copy(update={"runner": "another"})), "j")
    harness.follows = True
    harness.owned.clear()
    harness.until(lambda: not any(thread.is_alive() for thread in harness.runner._running.values()))
    row = env.jobs.get("j")
    assert row is not None
    assert row.progress is not None
    assert (row.progress.runner, env.calls) == ("another", [])


def test_who_won_tells_its_own_once_more_where_the_other_claim_is_the_last_of_the_key(
    env: Environment, harness: JobsHarness
) -> None:
    """Compaction would keep the other one, and whoever begins to read then would believe it."""
    pages, claimed = listing(), list[int]()

    def answer(at: str, cursor: str | None) -> Any:
        if not claimed:
            claimed.append(1)
            late = harness.told()[-1].model_copy(update={"runner": "another"})
            doc = Outbound(topic=topics.JOBS, key="progress:j", message=JobDoc(progress=late))
            run_blocking(env.bus.publish([doc]))
            for _ in range(400):
                if env.jobs.overruled("j") == 1:
                    break
                threading.Event().wait(0.005)
        return pages(at, cursor)

    env.answers["list"] = answer
    ask(env)
    harness.until(harness.ended)
    first, last = harness.told()[0], harness.told()[-1]
    assert (last.phase, last.runner, last.term) == ("done", first.runner, 2)
