"""The first sync: its order, and where it goes on."""

import threading
import time
from typing import Any

import pytest

from services.jobs import work
from shared.model.syncs import Create
from shared.wire import topics
from shared.wire.topics import MATCHER_GROUP
from tests.services.environment import LEFT, RIGHT, SYNC, Environment, people
from tests.services.jobs.harness import JobsHarness, ask, listing, pair


def test_the_first_sync_keeps_its_order(env: Environment, unbegun: JobsHarness) -> None:
    """Prepared, feeds begun, both sides read, matched, live, every pair touched."""
    harness = unbegun
    pair(env, "p1", left="h0")
    harness.matches = False
    ask(env)
    harness.until(lambda: env.asked("prepare"))
    time.sleep(0.05)
    assert env.asked("list") == [], "nothing is read before the feeds have their cursors"
    harness.begin_feeds()
    harness.until(lambda: harness.phases() == ["reading", "indexing"])
    assert len(env.told(topics.RECORDS)) == 12
    assert {row.origin for row in env.told(topics.RECORDS)} == {"snapshot"}
    time.sleep(0.05)
    harness.follow()
    assert env.setups.phase(SYNC) == "indexing", "match has not passed the last page"
    assert env.told(topics.PAIRS) == []
    harness.matches = True
    harness.until(harness.ended)
    assert harness.phases() == ["reading", "indexing", "matching", "done"]
    assert env.setups.phase(SYNC) == "live"
    (touch,) = env.told(topics.PAIRS)
    assert (touch.pair, touch.kind, touch.reason) == ("p1", "touch", "backfill")
    last = harness.told()[-1]
    assert (last.read, last.totals, last.touched, last.error) == ({"L": 6, "R": 6}, {"L": 6, "R": 6}, 1, "")
    assert env.told(topics.NOTICES) == [], "a first sync looks for nobody who is missing"


def test_the_barrier_counts_every_partition(env: Environment, harness: JobsHarness) -> None:
    """The sync goes live when match has passed the last row of the slowest one."""
    harness.matches = False
    ask(env)
    harness.until(lambda: "indexing" in harness.phases())
    ends = env.broker.end_offsets(topics.RECORDS.name)
    assert all(ends.values()), "both partitions hold rows"
    env.broker.commit(MATCHER_GROUP, topics.RECORDS.name, 0, ends[0])
    env.broker.commit(MATCHER_GROUP, topics.RECORDS.name, 1, ends[1] - 1)
    time.sleep(0.05)
    harness.follow()
    assert env.setups.phase(SYNC) == "indexing"
    env.broker.commit(MATCHER_GROUP, topics.RECORDS.name, 1, ends[1])
    harness.until(harness.ended)


def test_reading_waits_for_the_matcher(env: Environment, harness: JobsHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """Live changes stand behind what was read, so not too much of it may wait."""
    monkeypatch.setattr(work, "_LAG", 2)
    env.answers["list"] = listing(pages=10)
    harness.matches = False
    ask(env)
    harness.until(lambda: len(env.told(topics.RECORDS)) >= 3)
    time.sleep(0.1)
    assert len(env.told(topics.RECORDS)) <= 8
    harness.matches = True
    harness.until(harness.ended)
    assert len(env.told(topics.RECORDS)) == 40


@pytest.mark.parametrize(("create", "prepared"), [({}, 1), ({"to_left": False}, 0)])
def test_only_an_app_in_which_we_create_is_prepared(create: dict[str, bool], prepared: int) -> None:
    """A property of ours is not put where we never make a record."""
    env = Environment(live=False, sync=people(create=Create(**create)))
    env.answers |= {"prepare": lambda _at, _asked: None, "list": listing()}
    harness = JobsHarness(env)
    harness.begin_feeds()
    ask(env)
    harness.until(harness.ended)
    harness.end()
    assert len(env.asked("prepare")) == prepared


def test_a_first_sync_goes_on_in_the_middle_of_a_listing(env: Environment) -> None:
    """Another worker reads on from the page that the progress names."""
    first, reached = JobsHarness(env), threading.Event()
    first.begin_feeds()
    pages = listing(pages=4)

    def answer(at: str, cursor: str | None) -> Any:
        if cursor == "2":
            first.stop.set()
            reached.set()
        return pages(at, cursor)

    env.answers["list"] = answer
    ask(env)
    first.until(reached.is_set)
    first.end()
    first.follow()
    env.answers["list"] = pages
    env.calls.clear()
    second = JobsHarness(env)
    second.begin_feeds()
    second.until(second.ended)
    second.end()
    left = [cursor for at, what, cursor in env.calls if what == "list" and at == LEFT]
    assert left == ["2", "3"]
    assert {row.report.id for row in env.told(topics.RECORDS) if row.report.connection == LEFT} == {
        f"h{number}" for number in range(8)
    }


def test_a_record_that_was_left_out_of_a_page_is_looked_at_alone(env: Environment, harness: JobsHarness) -> None:
    answer = listing()
    env.answers["list"] = lambda at, cursor: {**answer(at, cursor), "skipped": ["huge"] if cursor is None else []}
    ask(env)
    harness.until(harness.ended)
    assert harness.told()[-1].phase == "done"
    told = {(row.connection, row.id, row.kind) for row in env.told(topics.NOTICES)}
    assert told == {(LEFT, "huge", "changed"), (RIGHT, "huge", "changed")}
