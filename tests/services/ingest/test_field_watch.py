"""The fields of an app: what appears there is noticed, and what waited for it is looked at again."""

from collections.abc import Sequence
from typing import Any

import pytest

from services.ingest.feeds.cursors import Cursors
from services.ingest.feeds.field_watch import FieldWatch
from services.ingest.feeds.watching import EVERY_S, SOONEST_S
from shared.contract.calls import AppError, Exchange, HttpRequest, Session
from shared.io.ports import BusUnavailable
from shared.model.fields import FieldInfo, Option
from shared.model.records import FieldType
from shared.model.syncs import Job
from shared.wire import topics
from shared.wire.messages import REFUSED, Cursor, PhaseSet, SetupDoc
from tests.services.environment import LEFT, SYNC, Environment, fails, with_binding
from tests.simulator.objects import FIELDS


class Watch:
    """The watch over the left app, whose fields a test changes."""

    def __init__(self) -> None:
        self.env = Environment()
        self.fields: dict[str, FieldInfo] = {name: FieldInfo(name=name, type=FieldType.TEXT) for name in FIELDS}
        self.env.answers["fields"] = lambda _connection, _asked: None
        with_binding(self.env, LEFT, discover=self._discover)
        self.cursors = Cursors(self.env.bus)
        self.watch = self.fresh()

    def fresh(self) -> FieldWatch:
        """Return the watch of a process that has just begun."""
        env = self.env
        return FieldWatch(
            setups=env.setups, caller=env.caller, bus=env.bus, clock=env.clock, metrics=env.metrics,
            cursors=self.cursors, owns=lambda name: name == LEFT,
        )  # fmt: skip

    def _discover(self, _session: Session) -> Exchange[Sequence[FieldInfo]]:
        yield HttpRequest(method="POST", path="fields", body=b"0", safe=True)
        return list(self.fields.values())

    def options(self, *values: str) -> None:
        """Give the field `f` these options."""
        rows = tuple(Option(value=value, label=value) for value in values)
        self.fields["f"] = FieldInfo(name="f", type=FieldType.ENUM, options=rows)

    def look(self) -> list[Job]:
        """Look once, and return the jobs that were asked for by then."""
        self.watch.look(LEFT, "contact")
        return [doc.job for doc in self.env.told(topics.JOBS)]

    def refuse(self, at_ms: int) -> None:
        """Let the writer say that the app refused something."""
        self.cursors.save(Cursor(connection=LEFT, object="contact", feed=REFUSED, cursor="", at_ms=at_ms))


@pytest.fixture(name="watch")
def _watch() -> Watch:
    return Watch()


def test_what_stays_as_it_is_leads_to_nothing(watch: Watch) -> None:
    """Not even when a process begins, and what else is in the app is nobody's business."""
    assert watch.look() == []
    watch.watch = watch.fresh()
    watch.fields["other"] = FieldInfo(name="other", type=FieldType.TEXT)
    assert watch.look() == []
    assert len(watch.env.told(topics.CURSORS)) == 1


def test_a_mapped_field_that_appears_has_all_records_read(watch: Watch) -> None:
    """Nobody has read it so far. That it was not there is remembered over a restart."""
    gone = watch.fields.pop("f")
    assert watch.look() == []
    watch.watch = watch.fresh()
    watch.fields["f"] = gone
    (job,) = watch.look()
    assert (job.kind, job.sync, job.statuses) == ("resync", SYNC, ())
    assert len(watch.look()) == 1, "once"


def test_another_option_of_a_mapped_field_has_refused_records_tried_again(watch: Watch) -> None:
    """A field that was only read until now is the same kind."""
    watch.options("silver")
    assert watch.look() == []
    watch.options("silver", "gold")
    (job,) = watch.look()
    assert (job.kind, job.sync, set(job.statuses)) == ("resync", SYNC, {"failing", "pending"})
    watch.options("gold", "silver")
    assert len(watch.look()) == 1, "their order does not matter"


def test_a_field_that_may_be_written_now_is_one_too(watch: Watch) -> None:
    watch.fields["f"] = FieldInfo(name="f", type=FieldType.TEXT, updatable=False)
    assert watch.look() == []
    watch.fields["f"] = FieldInfo(name="f", type=FieldType.TEXT)
    assert len(watch.look()) == 1


def test_a_sync_that_is_not_live_reads_everything_anyway(watch: Watch) -> None:
    watch.env.set_up("phase", SetupDoc(phase=PhaseSet(sync=SYNC, phase="indexing")), SYNC)
    watch.options("silver")
    watch.look()
    watch.options("gold")
    assert watch.look() == []


def test_the_job_is_asked_for_before_what_was_seen_counts(watch: Watch) -> None:
    """Otherwise a crash in between would lose it."""
    watch.options("silver")
    watch.look()
    watch.options("gold")
    with watch.env.kafka_away(), pytest.raises(BusUnavailable):
        watch.look()
    assert len(watch.look()) == 1


def test_fields_that_may_not_be_listed_pause_nobody(watch: Watch) -> None:
    """What was granted goes on; the next look may be allowed."""
    watch.look()
    watch.env.answers["fields"] = fails(code="scope_missing", retry="auth")
    watch.options("gold")
    assert watch.look() == []
    watch.env.answers["fields"] = fails()
    with pytest.raises(AppError):
        watch.look()
    watch.env.answers["fields"] = lambda _connection, _asked: None
    assert len(watch.look()) == 1


def test_it_looks_every_ten_minutes_and_soon_after_a_refusal(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the most once a minute, however much is refused, and again a minute after a look that failed."""
    now = [1_000.0]
    monkeypatch.setattr("services.ingest.feeds.watching.time.monotonic", lambda: now[0])

    def due(after_s: float) -> bool:
        now[0] += after_s
        return watch.watch.is_due(LEFT, "contact")

    def look() -> None:
        watch.watch._guarded(LEFT, "contact")

    assert due(0)
    look()
    assert not due(EVERY_S - 1)
    assert due(1)
    look()
    watch.refuse(7)
    assert not due(SOONEST_S - 1)
    assert due(1)
    look()
    assert not due(SOONEST_S), "that refusal is known"
    watch.refuse(9)
    watch.env.answers["fields"] = fails()
    look()
    assert not due(SOONEST_S - 1)
    assert due(1)
    done: dict[str, Any] = {"connection": LEFT, "feed": "fields"}
    assert watch.env.metrics.value("feed_polls_total", **done, reason="done") == 3
    assert watch.env.metrics.value("feed_polls_total", **done, reason="app_unavailable") == 1
    assert EVERY_S + SOONEST_S <= 900, "noticed within 15 minutes"
