"""How often a feed is asked."""

from itertools import count
from typing import Any

import pytest

from services.ingest.feeds import polling as module
from shared.model.job_kinds import JobKind
from shared.model.syncs import Job, SyncSide
from shared.wire import topics
from shared.wire.messages import JobDoc, JobProgress, SetupDoc
from tests.services.environment import LEFT, RIGHT, connection, people
from tests.services.ingest.feeds_harness import FeedsHarness
from tests.services.jobs.harness import ask


def test_the_interval_of_a_connection_sets_the_pace_of_all_its_feeds(harness: FeedsHarness) -> None:
    """Slower feeds stay slower in proportion."""
    quick = connection(LEFT, "ordered", poll_interval_s=6.0, version=2)
    harness.env.set_up("connection", SetupDoc(connection=quick), LEFT)
    assert (harness.once(), harness.once("bin"), harness.once(at=RIGHT)) == (
        ("done", 6.0), ("done", 30.0), ("done", 60.0),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("took", "interval_s", "pause"),
    [(0.0, 5, 5.0), (3.0, 5, 2.0), (10.0, 60, 50.0), (6.0, 5, 6.0), (70.0, 60, 70.0), (200.0, 5, 120.0)],
)
def test_the_interval_is_kept_from_beginning_to_beginning(
    harness: FeedsHarness, monkeypatch: pytest.MonkeyPatch, took: float, interval_s: float, pause: float
) -> None:
    """After a round that was longer, a feed rests as long as that took, and never for more than two minutes."""
    assert rested(harness, monkeypatch, took, interval_s=interval_s) == pause


@pytest.mark.parametrize(("took", "pause"), [(0.0, 5.0), (1.0, 5.0), (10.0, 40.0), (200.0, 120.0)])
@pytest.mark.parametrize("kind", ["first_sync", "resync"])
def test_while_a_job_runs_a_feed_rests_longer_than_its_round_took(
    harness: FeedsHarness, monkeypatch: pytest.MonkeyPatch, took: float, pause: float, kind: str
) -> None:
    """What a long round reads then is mostly what the one before it has read; afterwards the interval counts again."""
    ask(harness.env, kind)
    assert rested(harness, monkeypatch, took, interval_s=5) == pause
    done = JobProgress(job="j", phase="done")
    harness.env.set_job("progress", JobDoc(progress=done), "j")
    assert rested(harness, monkeypatch, 10.0, interval_s=5) == 10.0


def test_the_job_of_another_connection_slows_no_feed(harness: FeedsHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    job = Job(id="j", kind=JobKind.RESYNC, sync="others", asked_at_ms=1)
    others = people(
        id="others", left=SyncSide(connection="x", object="contact"), right=SyncSide(connection="y", object="contact")
    )
    harness.env.set_up("sync", SetupDoc(sync=others), "others")
    harness.env.set_job("job", JobDoc(job=job), "j")
    assert rested(harness, monkeypatch, 10.0, interval_s=5) == 10.0


def test_how_often_a_feed_is_asked_goes_with_its_cursor(harness: FeedsHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is, and not as it was set: a feed that is late shows it."""
    now, state, texts = [100.0], module._State(), count()
    harness.env.answers["poll"] = lambda _connection, _asked: {"cursor": str(next(texts))}
    monkeypatch.setattr("services.ingest.feeds.polling.time.monotonic", lambda: now[0])
    for later in (0.0, 5.0, 12.25):
        now[0] += later
        harness.once(state=state)
    assert [row.interval_s for row in harness.env.told(topics.CURSORS)] == [0.0, 5.0, 12.25]


def rested(harness: FeedsHarness, monkeypatch: pytest.MonkeyPatch, took: float, *, interval_s: float) -> float:
    """Return the pause after a round that took so long."""
    harness.env.set_up(
        "connection", SetupDoc(connection=connection(LEFT, "ordered", poll_interval_s=interval_s, version=2)), LEFT
    )
    now = [0.0]

    def answer(_connection: str, _asked: Any) -> Any:
        now[0] += took
        return {"cursor": "c"}

    harness.env.answers["poll"] = answer
    monkeypatch.setattr("services.ingest.feeds.polling.time.monotonic", lambda: now[0])
    return harness.once()[1]
