"""Feeds: what they tell is in Kafka before their cursor moves, and one that fails stops nobody else."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from services.ingest.feeds import polling as module
from services.ingest.feeds.polling import Feeds
from services.ingest.seen import SeenVersions
from shared.contract.feeds import Hint
from shared.io.ports import BusUnavailable
from shared.model.job_kinds import JobKind
from shared.model.pairs import Pair, SideState
from shared.model.records import Version
from shared.model.syncs import Job
from shared.wire import topics
from shared.wire.messages import Cursor, JobDoc, JobProgress, SetupDoc
from tests.services.environment import LEFT, RIGHT, SYNC, connection, fails
from tests.services.ingest.feeds_harness import BIN, CHANGED, FeedsHarness, pages
from tests.simulator.objects import FIELDS


def test_hints_become_notices_that_say_what_the_feed_said(harness: FeedsHarness) -> None:
    """Kind, version and time go along, keyed by the record."""
    rows = [{"id": "1", "version": 5, "occurred_ms": 9}, {"id": "2", "kind": "deleted"}]
    harness.env.answers["poll"] = pages({"cursor": "c1", "hints": rows, "to": 7})
    assert harness.once() == ("done", 60.0)
    first, second = sorted(harness.env.told(topics.NOTICES), key=lambda row: str(row.id))
    assert (first.id, first.kind, first.version.order, first.occurred_ms) == ("1", "changed", 5, 9)
    assert (second.id, second.kind, second.accepted_ms) == ("2", "deleted", harness.env.clock.now_ms())
    assert harness.env.asked("poll") == [["changed", None]]
    (cursor,) = harness.env.told(topics.CURSORS)
    assert (cursor.cursor, cursor.complete_to_ms, cursor.connection, cursor.feed) == ("c1", 7, LEFT, "changed")


def test_all_pages_are_read_each_from_where_the_last_ended(harness: FeedsHarness) -> None:
    """A page that says so is followed by the next one at once."""
    harness.env.answers["poll"] = pages(
        {"cursor": "1", "hints": [{"id": "a"}], "more": True},
        {"cursor": "2", "hints": [{"id": "b"}], "more": True},
        {"cursor": "3", "hints": [{"id": "c"}]},
    )
    harness.once()
    assert harness.env.asked("poll") == [["changed", None], ["changed", "1"], ["changed", "2"]]
    assert {row.id for row in harness.env.told(topics.NOTICES)} == {"a", "b", "c"}


def test_a_feed_that_belongs_to_another_worker_now_is_left_to_it(harness: FeedsHarness) -> None:
    """Not even its next page is read."""

    def answer(_connection: str, _asked: Any) -> Any:
        harness.owned.clear()
        return {"cursor": "1", "more": True}

    harness.env.answers["poll"] = answer
    poll, state = harness.due(), module._State()
    harness.feeds._once(poll, state)
    assert len(harness.env.asked("poll")) == 1
    assert harness.feeds._polls() == []


def test_the_cursor_stays_where_kafka_does_not_have_the_notices(harness: FeedsHarness) -> None:
    """What was told and not acknowledged is told again."""
    harness.env.answers["poll"] = lambda _connection, asked: {"cursor": f"{asked[1]}+", "hints": [{"id": "1"}]}
    harness.once()
    with harness.env.kafka_away():
        reason, pause = harness.once()
        assert (reason, pause) == ("bus_unavailable", 60.0)
        assert harness.saved() == "None+"
    harness.once()
    assert harness.env.asked("poll") == [["changed", None], ["changed", "None+"], ["changed", "None+"]]
    assert len(harness.env.told(topics.NOTICES)) == 2


def test_a_cursor_that_kafka_did_not_take_is_not_used(harness: FeedsHarness) -> None:
    """Another worker, or this one after a restart, would go on from the older one."""
    harness.once()
    real, broken = harness.env.broker.append, count()

    def append(raw: Any) -> Any:
        if raw.topic == topics.CURSORS.name and next(broken) == 0:
            raise BusUnavailable("no acknowledgement")
        return real(raw)

    harness.env.broker.append = append  # type: ignore[method-assign]  # a broker that fails in the middle
    harness.env.answers["poll"] = pages({"cursor": "c1", "hints": [{"id": "1"}]}, {"cursor": "c2"})
    assert harness.once()[0] == "bus_unavailable"
    assert harness.saved() == "c"
    harness.once()
    assert harness.saved() == "c2"


def test_a_cursor_that_says_nothing_new_is_not_written_again(harness: FeedsHarness) -> None:
    """Except once a minute, so that everybody sees how fresh the feed is."""
    to = count(1_000_000, 30_000)
    harness.env.answers["poll"] = lambda _connection, _asked: {"cursor": "same", "to": next(to)}
    for _ in range(7):
        harness.once()
    assert [row.complete_to_ms for row in harness.env.told(topics.CURSORS)] == [1_000_000, 1_090_000, 1_180_000]


def test_an_expired_cursor_has_everything_read_again_and_calls_nothing_deleted(harness: FeedsHarness) -> None:
    """The feed begins anew, and a resync finds what it would have told."""
    harness.once()
    harness.env.answers["poll"] = lambda _connection, asked: {"cursor": "new"} if asked[1] is None else "expired"
    assert harness.once() == ("expired", 60.0)
    assert harness.saved() == "new"
    assert harness.env.told(topics.NOTICES) == []
    (doc,) = harness.env.told(topics.JOBS)
    assert (doc.job.kind, doc.job.sync, doc.job.statuses) == ("resync", "people", ())


@pytest.mark.parametrize(("progress", "asked"), [(None, 0), (JobProgress(job="before", phase="reading"), 1)])
def test_when_a_cursor_has_expired_only_a_job_that_has_read_nothing_yet_is_enough(
    harness: FeedsHarness, progress: JobProgress | None, asked: int
) -> None:
    """What changed since one that runs has read it was never told."""
    harness.once()
    job = Job(id="before", kind=JobKind.RESYNC, sync="people", asked_at_ms=1)
    harness.env.jobs.apply(0, "job:before", JobDoc(job=job))
    harness.env.jobs.apply(1, "progress:before", JobDoc(progress=progress))
    harness.env.answers["poll"] = lambda _connection, asked: {"cursor": "new"} if asked[1] is None else "expired"
    harness.once()
    assert len(harness.env.told(topics.JOBS)) == asked


def test_the_resync_is_asked_for_before_the_new_cursor_counts(harness: FeedsHarness) -> None:
    """Were the cursor stored first, a crash in between would lose what happened before it."""
    harness.once()
    seen: list[str | None] = []
    real = harness.env.broker.append

    def append(raw: Any) -> Any:
        if raw.topic == topics.JOBS.name:
            seen.append(harness.saved())
        return real(raw)

    harness.env.broker.append = append  # type: ignore[method-assign]  # a broker that is watched
    harness.env.answers["poll"] = lambda _connection, asked: {"cursor": "new"} if asked[1] is None else "expired"
    harness.once()
    assert seen == ["c"]


def test_an_app_that_is_away_when_its_cursor_has_expired_is_asked_again_soon(harness: FeedsHarness) -> None:
    """Beginning anew may fail like any other poll, and waits no longer than that."""
    harness.once()
    away = fails()
    harness.env.answers["poll"] = lambda name, asked: "expired" if asked[1] is not None else away(name, asked)
    assert harness.once() == ("app_unavailable", 60.0)
    assert harness.saved() == "c"
    assert harness.env.told(topics.JOBS) == []


@pytest.mark.parametrize(
    ("error", "reason", "pauses"),
    [
        ({}, "app_unavailable", [60.0, 60.0, 60.0, 60.0, 64.0, 128.0, 256.0, 300.0, 300.0]),
        ({"code": "auth_expired", "retry": "auth"}, "auth_expired", [60.0, 60.0]),
        ({"code": "rate_limited", "retry": "busy", "retry_after_s": 7.0}, "rate_limited", [7.0, 7.0]),
        ({"code": "rate_limited", "retry": "busy"}, "rate_limited", [1.0, 1.0]),
        ({"code": "rate_limited", "retry": "busy", "retry_after_s": 0.01}, "rate_limited", [0.2]),
    ],
)
def test_a_feed_that_fails_waits_longer_each_time(
    harness: FeedsHarness, error: dict[str, Any], reason: str, pauses: list[float]
) -> None:
    """What the app asks for counts, and otherwise a pause that doubles up to five minutes."""
    state = module._State()
    harness.env.answers["poll"] = fails(**error)
    assert [harness.once(state=state) for _ in pauses] == [(reason, pause) for pause in pauses]
    harness.env.answers["poll"] = pages({"cursor": "c"})
    assert harness.once(state=state) == ("done", 60.0)
    assert state.failures == 0


def test_how_old_the_news_may_be_is_shown_also_while_a_feed_fails(harness: FeedsHarness) -> None:
    """The age grows until the feed tells again."""
    now = harness.env.clock.now_ms()
    harness.env.answers["poll"] = lambda _connection, _asked: {"cursor": "c", "to": now - 2_000}
    harness.once()
    age = {"connection": LEFT, "feed": "changed"}
    assert harness.env.metrics.value("feed_age_seconds", **age) == 2.0
    harness.env.clock.advance(90_000)
    harness.env.answers["poll"] = fails()
    harness.once()
    assert harness.env.metrics.value("feed_age_seconds", **age) == 92.0


@contextmanager
def running(harness: FeedsHarness) -> Iterator[None]:
    """Run the feeds in their thread."""
    stop = threading.Event()
    thread = threading.Thread(target=harness.feeds.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(10)
    assert not thread.is_alive()


def wait_for(what: Any) -> None:
    """Wait until something holds."""
    until = time.monotonic() + 10
    while not what():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_feed_that_fails_in_a_new_way_stops_no_other(harness: FeedsHarness) -> None:
    """Even a bug in one connector leaves the other connection's changes coming."""
    names = count()

    def answer(name: str, _asked: Any) -> Any:
        if name == LEFT:
            raise ZeroDivisionError
        return {"cursor": str(next(names)), "hints": [{"id": "1"}]}

    harness.env.answers["poll"] = answer
    quick = connection(RIGHT, "opaque", poll_interval_s=0.2, version=2)
    harness.env.set_up("connection", SetupDoc(connection=quick), RIGHT)
    failed = {"connection": LEFT, "feed": "changed", "reason": "failed"}
    with running(harness):
        wait_for(lambda: len(harness.env.told(topics.NOTICES)) >= 3)
        wait_for(lambda: harness.env.metrics.value("feed_polls_total", **failed) == 1)
    assert {row.connection for row in harness.env.told(topics.NOTICES)} == {RIGHT}


def test_apps_that_hang_hold_up_their_own_feeds_alone(harness: FeedsHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many they are, and two of the feeds of each at a time."""
    example = harness.due()
    names = [f"hangs{number}" for number in range(30)]
    polls = [replace(example, connection=name, object=str(row)) for name in [*names, "well"] for row in range(3)]
    answer, asked = threading.Event(), Counter[str]()

    def once(_self: Feeds, poll: Any, _state: Any) -> tuple[str, float]:
        asked[poll.connection] += 1
        if poll.connection != "well":
            answer.wait(30)
        return "done", 60.0

    monkeypatch.setattr(Feeds, "_polls", lambda _self: polls)
    monkeypatch.setattr(Feeds, "_once", once)
    try:
        with running(harness):
            wait_for(lambda: asked["well"] == 3)
            assert {asked[name] for name in names} == {2}
    finally:
        answer.set()


def test_only_the_feeds_of_owned_connections_are_asked() -> None:
    """The others are another worker's."""
    harness = FeedsHarness(RIGHT)
    with running(harness):
        wait_for(lambda: len(harness.env.calls) >= 2)
    assert {name for name, _, _ in harness.env.calls} == {RIGHT}


# Cursors


def cursor(text: str) -> Cursor:
    return Cursor(connection=LEFT, object="contact", feed="bin", cursor=text)


def test_what_the_topic_tells_late_does_not_set_a_feed_back(harness: FeedsHarness) -> None:
    """A feed that turns page after page is ahead of the thread that reads the topic."""
    for text in ("1", "2", "3"):
        harness.cursors.save(cursor(text))
    for offset, text in enumerate(("1", "2")):
        harness.cursors.take(BIN, cursor(text), offset)
        assert harness.saved(BIN) == "3"
    harness.cursors.take(BIN, cursor("3"), 2)
    harness.cursors.take(BIN, cursor("4"), 3)
    assert harness.saved(BIN) == "4"


def test_a_removed_cursor_is_forgotten(harness: FeedsHarness) -> None:
    """Its feed starts from now."""
    harness.cursors.save(cursor("1"))
    harness.cursors.take(BIN, None, 1)
    assert harness.saved(BIN) is None


def test_a_cursor_that_cannot_be_stored_is_not_kept(harness: FeedsHarness) -> None:
    """Memory is never ahead of Kafka."""
    with harness.env.kafka_away(), pytest.raises(BusUnavailable):
        harness.cursors.save(cursor("1"))
    assert harness.saved(BIN) is None


# What was told already


def hint(record: str, version: int | None = None, kind: Any = "changed") -> Hint:
    return Hint(id=record, kind=kind, version=None if version is None else Version(order=version))


def test_what_is_read_twice_becomes_one_notice(harness: FeedsHarness) -> None:
    """A round looks back behind the last one; a newer version, and whatever has no order, is told all the same."""
    rows = [{"id": "1", "version": 5}, {"id": "2", "kind": "deleted"}, {"id": "3"}]
    newer = [{"id": "1", "version": 6}, *rows[1:]]
    harness.env.answers["poll"] = pages(*({"cursor": name, "hints": found} for name, found in
                                           (("a", rows), ("b", rows), ("c", newer))))  # fmt: skip
    for expected in (["1", "2", "3"], ["2", "3"], ["1", "2", "3"]):
        before = Counter(row.id for row in harness.env.told(topics.NOTICES))
        assert harness.once()[0] == "done"
        assert Counter(row.id for row in harness.env.told(topics.NOTICES)) - before == Counter(expected)


def test_an_echo_of_what_every_pair_knows_becomes_no_notice(harness: FeedsHarness) -> None:
    """While links are lost nobody can tell, and the hydrator looks again."""
    end = SideState(id="1", version=Version(order=5), fields=dict.fromkeys(FIELDS))
    harness.env.keep(Pair(sync=SYNC, pair="p1", rev=1, L=end))
    hints = [{"id": "1", "version": 5}, {"id": "2", "version": 5}]
    harness.env.answers["poll"] = lambda _connection, _asked: {"cursor": "c", "hints": hints}
    harness.once()
    assert [row.id for row in harness.env.told(topics.NOTICES)] == ["2"]
    harness.feeds._seen.forget(CHANGED)
    harness.env.scripts.flush()
    harness.once()
    assert sorted(str(row.id) for row in harness.env.told(topics.NOTICES)) == ["1", "2", "2"]


def test_what_kafka_did_not_take_is_told_again(harness: FeedsHarness) -> None:
    """Only an acknowledged notice counts as told."""
    page = {"cursor": "a", "hints": [{"id": "1", "version": 5}]}
    harness.env.answers["poll"] = pages(page, page)
    harness.env.broker.available = False
    assert harness.once()[0] == "bus_unavailable"
    harness.env.broker.available = True
    assert harness.once()[0] == "done"
    assert [row.id for row in harness.env.told(topics.NOTICES)] == ["1"]


def test_the_oldest_are_told_again_when_memory_ends() -> None:
    seen = SeenVersions(2)
    seen.remember("f", [hint("1", 1), hint("2", 1)])
    seen.remember("f", [hint("1", 1), hint("3", 1)])
    assert [row.id for row in seen.unseen("f", [hint("1", 1), hint("2", 1), hint("3", 1)])] == ["2"]


def test_a_feed_that_looks_back_tells_everything_again() -> None:
    """Another feed's memory stays."""
    seen = SeenVersions()
    for feed in ("f", "g"):
        seen.remember(feed, [hint("1", 1)])
    seen.forget("f")
    assert [len(seen.unseen(feed, [hint("1", 1)])) for feed in ("f", "g")] == [1, 0]
