"""Looking again at all records, and at those who are missing."""

from typing import Any

import pytest

from shared.wire import topics
from shared.wire.messages import JobDoc, JobProgress
from tests.services.environment import LEFT, RIGHT, SYNC, Environment, fails
from tests.services.jobs.harness import JobsHarness, ask, listing, pair


@pytest.mark.usefixtures("live")
def test_a_resync_has_looked_at_whoever_is_linked_and_was_not_listed(env: Environment, harness: JobsHarness) -> None:
    """Each is read alone before anybody calls it gone; a record that was listed is not."""
    pair(env, "p1", left="h0", right="b0")
    pair(env, "p2", left="h1", right="b77")
    pair(env, "p3", left="h88")
    ask(env, "resync")
    harness.until(harness.ended)
    missing = {(row.connection, row.id, row.kind) for row in env.told(topics.NOTICES)}
    assert missing == {(RIGHT, "b77", "deleted"), (LEFT, "h88", "deleted")}
    assert {(row.pair, row.reason) for row in env.told(topics.PAIRS)} == {(p, "resync") for p in ("p1", "p2", "p3")}


@pytest.mark.usefixtures("live")
def test_an_app_that_was_away_in_between_hides_nobody_who_is_missing(env: Environment, harness: JobsHarness) -> None:
    """What was listed before the pause still counts: no delete is overlooked, and none is made up."""
    pair(env, "p1", left="h0")
    pair(env, "p2", left="h88")
    pages, failed = listing(), list[int]()

    def answer(at: str, cursor: str | None) -> Any:
        if at == LEFT and cursor == "1" and not failed:
            failed.append(1)
            return fails()(at, cursor)
        return pages(at, cursor)

    env.answers["list"] = answer
    ask(env, "resync")
    harness.until(harness.ended)
    assert {row.id for row in env.told(topics.NOTICES)} == {"h88"}


@pytest.mark.usefixtures("live")
def test_a_record_that_was_listed_twice_hides_nobody_who_is_missing(env: Environment, harness: JobsHarness) -> None:
    """A listing that moves while it is read shows some records on two pages."""
    pair(env, "p2", left="h88")
    env.answers["list"] = lambda at, cursor: listing(pages=2)(at, None) | {"next": None if cursor else "1"}
    ask(env, "resync")
    harness.until(harness.ended)
    assert {row.id for row in env.told(topics.NOTICES)} == {"h88"}


@pytest.mark.parametrize("phase", ["reading", "indexing"])
@pytest.mark.usefixtures("live")
def test_a_resync_that_another_worker_began_lists_everything_itself(
    env: Environment, harness: JobsHarness, phase: Any
) -> None:
    """Half a listing says nothing about who is missing."""
    harness.owned.clear()
    pair(env, "p1", left="h0")
    pair(env, "p2", left="h88")
    begun = JobProgress(job="j", phase=phase, read={"L": 4}, cursors={"L": "2"})
    env.set_job("progress", JobDoc(progress=begun), "j")
    ask(env, "resync")
    harness.owned.add(SYNC)
    harness.until(harness.ended)
    assert len(env.asked("list")) == 6
    assert {row.id for row in env.told(topics.NOTICES)} == {"h88"}
    assert harness.told()[-1].read == {"L": 6, "R": 6}
