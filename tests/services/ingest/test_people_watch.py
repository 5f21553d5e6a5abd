"""The people of an app: who comes or leaves is published, and records are looked at once it is read back."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from services.ingest.feeds.cursors import Cursors
from services.ingest.feeds.people_watch import PeopleWatch
from services.ingest.feeds.watching import EVERY_S, SOONEST_S
from shared.contract.calls import AppError, Exchange, HttpRequest, Session
from shared.contract.sign_in import Owner
from shared.io.ports import BusUnavailable
from shared.model.mapping import FieldMapping
from shared.model.syncs import Job
from shared.wire import topics
from shared.wire.messages import REFUSED, Cursor, SetupDoc
from tests.services.environment import LEFT, SYNC, Environment, fails


class Watch:
    """The watch over the left app, whose people a test changes."""

    def __init__(self) -> None:
        self.env = Environment()
        self.people = [Owner(id="1", email="ann@x.example"), Owner(id="2", email="bob@x.example")]
        self.env.answers["owners"] = lambda _connection, _asked: None
        app = self.env.setups.app_of(LEFT)
        self.env.setups.apps = {**self.env.setups.apps, app.key: replace(app, owners=self._owners)}
        sync = self.env.setups.sync(SYNC)
        assert sync is not None
        mappings = (*sync.mappings, FieldMapping(key="owner", left="f", right="f", lens="owner"))
        self.sync = sync.model_copy(update={"mappings": mappings, "version": sync.version + 1})
        self.env.set_up("sync", SetupDoc(sync=self.sync), SYNC)
        self.cursors = Cursors(self.env.bus)
        self.watch = self.fresh()

    def fresh(self) -> PeopleWatch:
        """Return the watch of a process that has just begun."""
        env = self.env
        return PeopleWatch(
            setups=env.setups, caller=env.caller, bus=env.bus, clock=env.clock, metrics=env.metrics,
            cursors=self.cursors, owns=lambda name: name == LEFT,
        )  # fmt: skip

    def _owners(self, _session: Session) -> Exchange[Sequence[Owner]]:
        yield HttpRequest(method="POST", path="owners", body=b"0", safe=True)
        return self.people

    def look(self) -> list[Job]:
        """Look, read back what was published, look again, and return the jobs that were asked for by then."""
        self.watch.look(LEFT, "")
        for doc in self.env.told(topics.SETUPS)[-1:]:
            self.env.set_up("people", doc, LEFT)
        if self.watch.is_due(LEFT, ""):
            self.watch.look(LEFT, "")
        return [doc.job for doc in self.env.told(topics.JOBS)]

    def published(self) -> int:
        """Count how often people were published."""
        return len(self.env.told(topics.SETUPS))


@pytest.fixture(name="watch")
def _watch() -> Watch:
    return Watch()


def test_the_people_of_connections_that_carry_owners_are_looked_at(watch: Watch) -> None:
    assert LEFT in [name for name, _ in watch.watch.places()]
    off = watch.sync.model_copy(update={"enabled": False, "version": watch.sync.version + 1})
    watch.env.set_up("sync", SetupDoc(sync=off), SYNC)
    assert list(watch.watch.places()) == []


def test_who_comes_or_leaves_has_records_looked_at_whose_owner_was_nobody(watch: Watch) -> None:
    """Once each, also over a restart; in which order the app names people does not matter."""
    watch.look()
    watch.people = [*reversed(watch.people)]
    watch.watch = watch.fresh()
    assert (len(watch.look()), watch.published()) == (1, 1)
    watch.people.append(Owner(id="3", email="cid@x.example"))
    jobs = watch.look()
    assert (len(jobs), watch.published()) == (2, 2)
    assert (jobs[-1].sync, jobs[-1].notes) == (SYNC, ("owner_unmapped",))
    watch.people[0] = replace(watch.people[0], active=False)
    assert (len(watch.look()), watch.published()) == (3, 3)


def test_people_whom_the_settings_had_before_the_first_look_are_no_news(watch: Watch) -> None:
    """As those that `apply` has published."""
    watch.look()
    watch.cursors = Cursors(watch.env.bus)
    watch.watch = watch.fresh()
    assert (len(watch.look()), watch.published()) == (1, 1)


def test_the_job_is_asked_for_before_what_was_seen_counts(watch: Watch) -> None:
    """Otherwise a crash in between would lose it."""
    watch.watch.look(LEFT, "")
    watch.env.set_up("people", watch.env.told(topics.SETUPS)[-1], LEFT)
    with watch.env.kafka_away(), pytest.raises(BusUnavailable):
        watch.watch.look(LEFT, "")
    assert len(watch.look()) == 1


def test_people_who_may_not_be_listed_pause_nobody(watch: Watch) -> None:
    watch.env.answers["owners"] = fails(code="scope_missing", retry="auth")
    assert (watch.look(), watch.published()) == ([], 0)
    watch.env.answers["owners"] = fails()
    with pytest.raises(AppError):
        watch.look()


def test_it_looks_every_ten_minutes_and_soon_after_a_refusal(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1_000.0]
    monkeypatch.setattr("services.ingest.feeds.watching.time.monotonic", lambda: now[0])
    watch.look()
    watch.watch._guarded(LEFT, "")

    def due(after_s: float) -> bool:
        now[0] += after_s
        return watch.watch.is_due(LEFT, "")

    assert [due(SOONEST_S), due(EVERY_S - SOONEST_S - 1), due(1)] == [False, False, True]
    watch.watch._guarded(LEFT, "")
    watch.cursors.save(Cursor(connection=LEFT, object="contact", feed=REFUSED, cursor="", at_ms=7))
    assert [due(SOONEST_S - 1), due(1)] == [False, True]
