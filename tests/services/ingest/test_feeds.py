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

from services.ingest import feeds as module
from services.ingest.feeds import Feeds
from services.ingest.seen import SeenVersions
from shared import topics
from shared.core.connector import Hint
from shared.core.job_kinds import JobKind
from shared.core.pairs import Pair, SideState
from shared.core.records import Version
from shared.core.syncs import Job
from shared.io.ports import BusUnavailable
from shared.messages import Cursor, JobDoc, JobProgress, SetupDoc
from tests.services.desk import LEFT, RIGHT, SYNC, connection, fails
from tests.services.ingest.station import BIN, CHANGED, Station, pages
from tests.simulator.objects import FIELDS


def test_hints_become_notices_that_say_what_the_feed_said(station: Station) -> None:
    """Kind, version and time go along, keyed by the record."""
    rows = [{"id": "1", "version": 5, "occurred_ms": 9}, {"id": "2", "kind": "deleted"}]
    station.desk.answers["poll"] = pages({"cursor": "c1", "hints": rows, "to": 7})
    assert station.once() == ("done", 60.0)
    first, second = sorted(station.desk.told(topics.NOTICES), key=lambda row: str(row.id))
    assert (first.id, first.kind, first.version.order, first.occurred_ms) == ("1", "changed", 5, 9)
    assert (second.id, second.kind, second.accepted_ms) == ("2", "deleted", station.desk.clock.now_ms())
    assert station.desk.asked("poll") == [["changed", None]]
    (cursor,) = station.desk.told(topics.CURSORS)
    assert (cursor.cursor, cursor.complete_to_ms, cursor.connection, cursor.feed) == ("c1", 7, LEFT, "changed")


def test_all_pages_are_read_each_from_where_the_last_ended(station: Station) -> None:
    """A page that says so is followed by the next one at once."""
    station.desk.answers["poll"] = pages(
        {"cursor": "1", "hints": [{"id": "a"}], "more": True},
        {"cursor": "2", "hints": [{"id": "b"}], "more": True},
        {"cursor": "3", "hints": [{"id": "c"}]},
    )
    station.once()
    assert station.desk.asked("poll") == [["changed", None], ["changed", "1"], ["changed", "2"]]
    assert {row.id for row in station.desk.told(topics.NOTICES)} == {"a", "b", "c"}


def test_a_feed_that_belongs_to_another_worker_now_is_left_to_it(station: Station) -> None:
    """Not even its next page is read."""

    def answer(_connection: str, _asked: Any) -> Any:
        station.owned.clear()
        return {"cursor": "1", "more": True}

    station.desk.answers["poll"] = answer
    poll, state = station.due(), module._State()
    station.feeds._once(poll, state)
    assert len(station.desk.asked("poll")) == 1
    assert station.feeds._polls() == []


def test_the_cursor_stays_where_kafka_does_not_have_the_notices(station: Station) -> None:
    """What was told and not acknowledged is told again."""
    station.desk.answers["poll"] = lambda _connection, asked: {"cursor": f"{asked[1]}+", "hints": [{"id": "1"}]}
    station.once()
    with station.desk.kafka_away():
        reason, pause = station.once()
        assert (reason, pause) == ("bus_unavailable", 60.0)
        assert station.saved() == "None+"
    station.once()
    assert station.desk.asked("poll") == [["changed", None], ["changed", "None+"], ["changed", "None+"]]
    assert len(station.desk.told(topics.NOTICES)) == 2


def test_a_cursor_that_kafka_did_not_take_is_not_used(station: Station) -> None:
    """Another worker, or this one after a restart, would go on from the older one."""
    station.once()
    real, broken = station.desk.broker.append, count()

    def append(raw: Any) -> Any:
        if raw.topic == topics.CURSORS.name and next(broken) == 0:
            raise BusUnavailable("no acknowledgement")
        return real(raw)

    station.desk.broker.append = append  # type: ignore[method-assign]  # a broker that fails in the middle
    station.desk.answers["poll"] = pages({"cursor": "c1", "hints": [{"id": "1"}]}, {"cursor": "c2"})
    assert station.once()[0] == "bus_unavailable"
    assert station.saved() == "c"
    station.once()
    assert station.saved() == "c2"


def test_a_cursor_that_says_nothing_new_is_not_written_again(station: Station) -> None:
    """Except once a minute, so that everybody sees how fresh the feed is."""
    to = count(1_000_000, 30_000)
    station.desk.answers["poll"] = lambda _connection, _asked: {"cursor": "same", "to": next(to)}
    for _ in range(7):
        station.once()
    assert [row.complete_to_ms for row in station.desk.told(topics.CURSORS)] == [1_000_000, 1_090_000, 1_180_000]


def test_an_expired_cursor_has_everything_read_again_and_calls_nothing_deleted(station: Station) -> None:
    """The feed begins anew, and a resync finds what it would have told."""
    station.once()
    station.desk.answers["poll"] = lambda _connection, asked: {"cursor": "new"} if asked[1] is None else "expired"
    assert station.once() == ("expired", 60.0)
    assert station.saved() == "new"
    assert station.desk.told(topics.NOTICES) == []
    (doc,) = station.desk.told(topics.JOBS)
    assert (doc.job.kind, doc.job.sync, doc.job.statuses) == ("resync", "people", ())


@pytest.mark.parametrize(("progress", "asked"), [(None, 0), (JobProgress(job="before", phase="reading"), 1)])
def test_when_a_cursor_has_expired_only_a_job_that_has_read_nothing_yet_is_enough(
    station: Station, progress: JobProgress | None, asked: int
) -> None:
    """What changed since one that runs has read it was never told."""
    station.once()
    job = Job(id="before", kind=JobKind.RESYNC, sync="people", asked_at_ms=1)
    station.desk.jobs.apply(0, "job:before", JobDoc(job=job))
    station.desk.jobs.apply(1, "progress:before", JobDoc(progress=progress))
    station.desk.answers["poll"] = lambda _connection, asked: {"cursor": "new"} if asked[1] is None else "expired"
    station.once()
    assert len(station.desk.told(topics.JOBS)) == asked


def test_the_resync_is_asked_for_before_the_new_cursor_counts(station: Station) -> None:
    """Were the cursor stored first, a crash in between would lose what happened before it."""
    station.once()
    seen: list[str | None] = []
    real = station.desk.broker.append

    def append(raw: Any) -> Any:
        if raw.topic == topics.JOBS.name:
            seen.append(station.saved())
        return real(raw)

    station.desk.broker.append = append  # type: ignore[method-assign]  # a broker that is watched
    station.desk.answers["poll"] = lambda _connection, asked: {"cursor": "new"} if asked[1] is None else "expired"
    station.once()
    assert seen == ["c"]


def test_an_app_that_is_away_when_its_cursor_has_expired_is_asked_again_soon(station: Station) -> None:
    """Beginning anew may fail like any other poll, and waits no longer than that."""
    station.once()
    away = fails()
    station.desk.answers["poll"] = lambda name, asked: "expired" if asked[1] is not None else away(name, asked)
    assert station.once() == ("app_unavailable", 60.0)
    assert station.saved() == "c"
    assert station.desk.told(topics.JOBS) == []


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
    station: Station, error: dict[str, Any], reason: str, pauses: list[float]
) -> None:
    """What the app asks for counts, and otherwise a pause that doubles up to five minutes."""
    state = module._State()
    station.desk.answers["poll"] = fails(**error)
    assert [station.once(state=state) for _ in pauses] == [(reason, pause) for pause in pauses]
    station.desk.answers["poll"] = pages({"cursor": "c"})
    assert station.once(state=state) == ("done", 60.0)
    assert state.failures == 0


def test_how_old_the_news_may_be_is_shown_also_while_a_feed_fails(station: Station) -> None:
    """The age grows until the feed tells again."""
    now = station.desk.clock.now_ms()
    station.desk.answers["poll"] = lambda _connection, _asked: {"cursor": "c", "to": now - 2_000}
    station.once()
    age = {"connection": LEFT, "feed": "changed"}
    assert station.desk.metrics.value("feed_age_seconds", **age) == 2.0
    station.desk.clock.advance(90_000)
    station.desk.answers["poll"] = fails()
    station.once()
    assert station.desk.metrics.value("feed_age_seconds", **age) == 92.0


@contextmanager
def running(station: Station) -> Iterator[None]:
    """Run the feeds in their thread."""
    stop = threading.Event()
    thread = threading.Thread(target=station.feeds.run, args=(stop,))
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


def test_a_feed_that_fails_in_a_new_way_stops_no_other(station: Station) -> None:
    """Even a bug in one connector leaves the other connection's changes coming."""
    names = count()

    def answer(name: str, _asked: Any) -> Any:
        if name == LEFT:
            raise ZeroDivisionError
        return {"cursor": str(next(names)), "hints": [{"id": "1"}]}

    station.desk.answers["poll"] = answer
    quick = connection(RIGHT, "opaque", poll_interval_s=0.2, version=2)
    station.desk.set_up("connection", SetupDoc(connection=quick), RIGHT)
    failed = {"connection": LEFT, "feed": "changed", "reason": "failed"}
    with running(station):
        wait_for(lambda: len(station.desk.told(topics.NOTICES)) >= 3)
        wait_for(lambda: station.desk.metrics.value("feed_polls_total", **failed) == 1)
    assert {row.connection for row in station.desk.told(topics.NOTICES)} == {RIGHT}


def test_apps_that_hang_hold_up_their_own_feeds_alone(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many they are, and two of the feeds of each at a time."""
    example = station.due()
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
        with running(station):
            wait_for(lambda: asked["well"] == 3)
            assert {asked[name] for name in names} == {2}
    finally:
        answer.set()


def test_only_the_feeds_of_owned_connections_are_asked() -> None:
    """The others are another worker's."""
    station = Station(RIGHT)
    with running(station):
        wait_for(lambda: len(station.desk.calls) >= 2)
    assert {name for name, _, _ in station.desk.calls} == {RIGHT}


# Cursors


def cursor(text: str) -> Cursor:
    return Cursor(connection=LEFT, object="contact", feed="bin", cursor=text)


def test_what_the_topic_tells_late_does_not_set_a_feed_back(station: Station) -> None:
    """A feed that turns page after page is ahead of the thread that reads the topic."""
    for text in ("1", "2", "3"):
        station.cursors.save(cursor(text))
    for offset, text in enumerate(("1", "2")):
        station.cursors.take(BIN, cursor(text), offset)
        assert station.saved(BIN) == "3"
    station.cursors.take(BIN, cursor("3"), 2)
    station.cursors.take(BIN, cursor("4"), 3)
    assert station.saved(BIN) == "4"


def test_a_removed_cursor_is_forgotten(station: Station) -> None:
    """Its feed starts from now."""
    station.cursors.save(cursor("1"))
    station.cursors.take(BIN, None, 1)
    assert station.saved(BIN) is None


def test_a_cursor_that_cannot_be_stored_is_not_kept(station: Station) -> None:
    """Memory is never ahead of Kafka."""
    with station.desk.kafka_away(), pytest.raises(BusUnavailable):
        station.cursors.save(cursor("1"))
    assert station.saved(BIN) is None


# What was told already


def hint(record: str, version: int | None = None, kind: Any = "changed") -> Hint:
    return Hint(id=record, kind=kind, version=None if version is None else Version(order=version))


def test_what_is_read_twice_becomes_one_notice(station: Station) -> None:
    """A round looks back behind the last one; a newer version, and whatever has no order, is told all the same."""
    rows = [{"id": "1", "version": 5}, {"id": "2", "kind": "deleted"}, {"id": "3"}]
    newer = [{"id": "1", "version": 6}, *rows[1:]]
    station.desk.answers["poll"] = pages(*({"cursor": name, "hints": found} for name, found in
                                           (("a", rows), ("b", rows), ("c", newer))))  # fmt: skip
    for expected in (["1", "2", "3"], ["2", "3"], ["1", "2", "3"]):
        before = Counter(row.id for row in station.desk.told(topics.NOTICES))
        assert station.once()[0] == "done"
        assert Counter(row.id for row in station.desk.told(topics.NOTICES)) - before == Counter(expected)


def test_an_echo_of_what_every_pair_knows_becomes_no_notice(station: Station) -> None:
    """While links are lost nobody can tell, and the hydrator looks again."""
    end = SideState(id="1", version=Version(order=5), fields=dict.fromkeys(FIELDS))
    station.desk.keep(Pair(sync=SYNC, pair="p1", rev=1, L=end))
    hints = [{"id": "1", "version": 5}, {"id": "2", "version": 5}]
    station.desk.answers["poll"] = lambda _connection, _asked: {"cursor": "c", "hints": hints}
    station.once()
    assert [row.id for row in station.desk.told(topics.NOTICES)] == ["2"]
    station.feeds._seen.forget(CHANGED)
    station.desk.scripts.flush()
    station.once()
    assert sorted(str(row.id) for row in station.desk.told(topics.NOTICES)) == ["1", "2", "2"]


def test_what_kafka_did_not_take_is_told_again(station: Station) -> None:
    """Only an acknowledged notice counts as told."""
    page = {"cursor": "a", "hints": [{"id": "1", "version": 5}]}
    station.desk.answers["poll"] = pages(page, page)
    station.desk.broker.available = False
    assert station.once()[0] == "bus_unavailable"
    station.desk.broker.available = True
    assert station.once()[0] == "done"
    assert [row.id for row in station.desk.told(topics.NOTICES)] == ["1"]


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
