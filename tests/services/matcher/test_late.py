"""Messages of a sync that did not run here for a while: they may say what is old, or have been taken, but not told."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from services.matcher.matching.match import Match
from services.matcher.resolving.resolve import Resolve
from shared.io.envelope import WAITED
from shared.io.handling import follow_up
from shared.io.links.rebuild import Rebuilder
from shared.io.links.requests import Swap
from shared.io.links.store import Store
from shared.io.memory import MemoryBus
from shared.io.ports import BusUnavailable, Inbound, NotReady, Outbound, run_blocking
from shared.model.outcomes import NEWER_VERSION, NOT_RUN_HERE, Done, Later, Outcome
from shared.model.pairs import FORM, NewerState, Pair, PairEvent
from shared.model.records import Life, Report, Version
from shared.wire import topics
from shared.wire.messages import Rebuilt, RecordSeen, SetupDoc
from tests.services.environment import LEFT, SYNC, Environment, report
from tests.services.matcher.test_guards import Before
from tests.services.matcher.test_outputs import Matcher, linked
from tests.simulator.storage import Journal


def late(batch: Sequence[Inbound[Any]], why: Later = NOT_RUN_HERE) -> list[Inbound[Any]]:
    """Have messages come again under other offsets, as `later.*` publishes them."""
    return [
        replace(inbound, offset=inbound.offset + 1000, headers={**inbound.headers, WAITED: why.reason})
        for inbound in batch
    ]


def kept(matcher: Matcher, name: str) -> Pair:
    """Return a pair as Redis has it."""
    return Pair.read(run_blocking(matcher.env.store.load([(SYNC, name)]))[SYNC, name].state)


def cut_off(matcher: Matcher, batch: Sequence[Inbound[Any]]) -> None:
    """Have the worker die between the state and what it had to tell."""
    with matcher.env.kafka_away(), pytest.raises(BusUnavailable):
        matcher.step(batch)


def written_as(matcher: Matcher, pair: Pair, doc: Any) -> None:
    """Have the state of a pair stand in Redis as it is spelled."""
    swap = Swap(pair=pair.pair, expected=pair.rev, rev=pair.rev, state=json.dumps(doc), ends={})
    assert run_blocking(matcher.env.store.swap({SYNC: [swap]}))[SYNC, pair.pair].what == "ok"


def put_off(matcher: Matcher, batch: Sequence[Inbound[Any]]) -> None:
    """Publish what a batch that waits leads to, and commit it."""
    env = matcher.env
    later = [follow_up(inbound, NOT_RUN_HERE, env.clock.now_ms()) for inbound in batch]
    run_blocking(env.bus.publish([row for row in later if row is not None]))
    for part, end in env.broker.end_offsets(topics.PAIRS.name).items():
        env.broker.commit(topics.MATCHER_GROUP, topics.PAIRS.name, part, end)


def rebuild(matcher: Matcher) -> None:
    """Put the links back that a Redis lacks, which were whole before."""
    env = matcher.env
    env.inbound(topics.SETUPS, (f"rebuilt:{SYNC}", SetupDoc(rebuilt=Rebuilt(sync=SYNC, at_ms=1))))
    work = Rebuilder(env.store, env.bus, env.setups, Journal(env.broker), env.clock).rebuild_lost()
    assert run_blocking(work) == [SYNC]


def outcomes(matcher: Matcher, batch: Sequence[Inbound[Any]]) -> list[Outcome]:
    return run_blocking(matcher.resolve.handle(batch))


def told_of(matcher: Matcher) -> list[int]:
    """List the revisions that the history tells."""
    return [step.rev for bundle in matcher.env.told(topics.HISTORY) for step in bundle.steps]


@pytest.mark.parametrize("why", [NOT_RUN_HERE, NEWER_VERSION], ids=lambda why: why.reason)
def test_a_record_of_a_late_report_is_read_again_before_anything_follows(why: Later) -> None:
    """It may have been deleted since, and the pair may have heard of that first."""
    matcher = Matcher()
    matcher.see(report("h1", 1))
    matcher.step(late(matcher.waiting(), why))
    pair = matcher.pair()
    assert pair.L is not None
    assert [row.ask for row in matcher.env.told(topics.NOTICES)] == [pair.L.ask] != [""]
    assert matcher.env.told(topics.writes("opaque")) == []


def test_a_late_report_does_not_bring_a_deleted_record_back() -> None:
    """What is gone has no version; the one that waited had a newer one than the pair knew."""
    matcher = linked()
    matcher.see(report("h1", 2, fields={"email": "ann@x.example", "f": "new"}))
    waits = matcher.waiting()
    matcher.see(Report(connection=LEFT, object="contact", id="h1", version=Version(), life=Life.GONE))
    matcher.rest()
    asked = matcher.pair().L
    assert asked is not None
    gone = Report(connection=LEFT, object="contact", id="h1", version=Version(), life=Life.GONE)
    matcher.see(gone, asks=(asked.ask,))
    matcher.rest()
    matcher.step(late(waits))
    end = matcher.pair().L
    assert end is not None
    assert (end.life, bool(end.ask)) == (Life.GONE, True)


def keys(matcher: Matcher) -> dict[str, str]:
    """Return what the links know each record by."""
    found: dict[str, str] = {}
    for name, value in matcher.env.scripts.dump().items():
        if name.split("}", 1)[1].startswith("r:"):
            found |= {ref: row.split("\t")[4] for ref, row in value.items()}
    return found


def test_a_late_report_under_another_address_has_its_record_read_again() -> None:
    """An older report may have been claimed after it, and taken before it: the links would know the record by that."""
    matcher = linked()
    newer = report("h1", 3, fields={"email": "new@x.example", "f": "old"})
    matcher.see(newer)
    waits = matcher.waiting()
    matcher.see(report("h1", 2, fields={"email": "ann@x.example", "f": "new"}))
    matcher.step(matcher.waiting())
    matcher.step(late(waits))
    end = matcher.pair().L
    assert end is not None
    assert [row.ask for row in matcher.env.told(topics.NOTICES)] == [end.ask] != [""]
    assert keys(matcher)["Lh1"] == "e:ann@x.example"
    matcher.see(newer, asks=(end.ask,))
    matcher.step(matcher.waiting())
    assert keys(matcher)["Lh1"] == "e:new@x.example"


def test_a_late_report_under_the_same_address_needs_no_second_reading() -> None:
    matcher = linked()
    matcher.see(report("h1", 2, fields={"email": "ann@x.example", "f": "new"}))
    matcher.step(late(matcher.waiting()))
    end = matcher.pair().L
    assert end is not None
    assert (end.fields["f"], end.ask) == ("new", "")


def test_a_record_that_match_hears_of_late_is_read_again_as_well() -> None:
    matcher = Matcher()
    message = RecordSeen(report=report("h1", 1))
    batch = matcher.env.inbound(topics.RECORDS, ("hub/contact/h1", message), headers={WAITED: NOT_RUN_HERE.reason})
    run_blocking(matcher.match.handle(batch))
    assert [event.doubtful for event in matcher.env.told(topics.PAIRS)] == [True]


def test_what_a_worker_died_before_it_told_is_told_when_the_sync_runs_again() -> None:
    """Also when a newer message comes first."""
    matcher = linked()
    matcher.see(report("h1", 2, fields={"email": "ann@x.example", "f": "new"}))
    first = matcher.waiting()
    cut_off(matcher, first)
    name = first[0].message.pair
    decided = kept(matcher, name)
    assert (decided.pending["R"].fields, matcher.env.told(topics.writes("opaque"))) == ({"f": "new"}, [])
    matcher.env.stop()
    for _ in range(2):
        assert outcomes(matcher, first) == [NOT_RUN_HERE]
        assert kept(matcher, name) == decided.model_copy(update={"untold": True})
    matcher.env.go_on()
    matcher.tell(PairEvent(sync=SYNC, pair=name, kind="touch", reason="rematch"))
    matcher.rest()
    assert [row.fields for row in matcher.env.told(topics.writes("opaque"))] == [{"f": "new"}]
    assert decided.rev in told_of(matcher)
    assert not kept(matcher, name).untold
    matcher.step(late(first))
    assert [row.fields for row in matcher.env.told(topics.writes("opaque"))] == [{"f": "new"}] * 2, "one key, twice"


def test_what_a_worker_died_before_it_told_is_told_although_another_redis_took_over() -> None:
    """The links are lost when its message is put off, and a rebuild finds a state there of which no journal tells."""
    matcher = linked()
    matcher.see(report("h1", 2, fields={"email": "ann@x.example", "f": "new"}))
    first = matcher.waiting()
    cut_off(matcher, first)
    env, name = matcher.env, first[0].message.pair
    decided = kept(matcher, name)
    env.stop()
    env.scripts.failover(0)
    assert outcomes(matcher, first) == [NOT_RUN_HERE]
    env.go_on()
    put_off(matcher, first)
    rebuild(matcher)
    assert kept(matcher, name) == decided.model_copy(update={"untold": True})
    matcher.tell(PairEvent(sync=SYNC, pair=name, kind="touch", reason="rematch"))
    matcher.rest()
    assert [row.fields for row in env.told(topics.writes("opaque"))] == [{"f": "new"}]
    assert decided.rev in told_of(matcher)


def test_what_a_newer_worker_died_before_it_told_is_told_when_one_is_back() -> None:
    """This version cannot read the state that it left, and leaves its messages to the newer one."""
    matcher = linked()
    matcher.see(report("h1", 2, fields={"email": "ann@x.example", "f": "new"}))
    first = matcher.waiting()
    cut_off(matcher, first)
    name = first[0].message.pair
    decided = kept(matcher, name)
    written_as(matcher, decided, {**json.loads(decided.text()), "form": FORM + 1, "more": {"at": 1}})
    for _ in range(2):
        assert outcomes(matcher, first) == [NEWER_VERSION]
    with pytest.raises(NewerState):
        kept(matcher, name)
    left = json.loads(run_blocking(matcher.env.store.load([(SYNC, name)]))[SYNC, name].state)
    assert (left.pop("form"), left.pop("more"), left["rev"]) == (FORM + 1, {"at": 1}, decided.rev)
    written_as(matcher, decided, left)
    matcher.tell(PairEvent(sync=SYNC, pair=name, kind="touch", reason="rematch"))
    matcher.rest()
    assert [row.fields for row in matcher.env.told(topics.writes("opaque"))] == [{"f": "new"}]
    assert decided.rev in told_of(matcher)


def test_nothing_is_noted_of_a_pair_that_had_not_taken_what_waits() -> None:
    matcher = linked()
    before = kept(matcher, matcher.pair().pair)
    matcher.see(report("h1", 2, fields={"email": "ann@x.example", "f": "new"}))
    matcher.env.stop()
    assert outcomes(matcher, matcher.waiting()) == [NOT_RUN_HERE]
    assert kept(matcher, before.pair) == before


def test_messages_wait_although_redis_lost_the_links_of_their_sync() -> None:
    """Nobody rebuilds them here, and the others of the partition are not held up."""
    matcher = linked()
    matcher.see(report("h1", 2))
    batch = matcher.waiting()
    matcher.env.stop()
    matcher.env.scripts.flush()
    assert outcomes(matcher, batch) == [NOT_RUN_HERE]


def test_messages_wait_for_the_end_of_a_rebuild_that_may_have_looked_for_them_already() -> None:
    """It would put their pair back without a note that its last step may not have been told."""
    matcher = linked()
    matcher.see(report("h1", 2, fields={"email": "ann@x.example", "f": "new"}))
    first = matcher.waiting()
    cut_off(matcher, first)
    matcher.env.stop()
    matcher.env.scripts.flush()
    assert run_blocking(matcher.env.store.begin_rebuild(SYNC, "another worker", 30_000)) == "begun"
    with pytest.raises(NotReady):
        matcher.step(first)


class _Meanwhile(MemoryBus):
    """Kafka, before whose first answer something happens."""

    def __init__(self, env: Environment) -> None:
        super().__init__(env.broker)
        self._env: Environment | None = env

    async def publish(self, messages: Sequence[Outbound]) -> Sequence[int]:
        if self._env is not None:
            self._env.go_on()
            self._env = None
        return await super().publish(messages)


def test_a_record_is_not_dropped_whose_sync_begins_to_run_meanwhile() -> None:
    """It ran for nobody when the batch began: it comes again, and is taken then."""
    env = Environment()
    env.stop()
    batch = env.inbound(topics.RECORDS, ("hub/contact/h1", RecordSeen(report=report("h1", 1))))
    match = Match(env.store, _Meanwhile(env), env.setups)
    assert run_blocking(match.handle(batch)) == [NOT_RUN_HERE]
    assert env.setups.not_run() == {}
    assert run_blocking(match.handle(batch)) == [Done("matched")]


def test_a_message_to_a_pair_is_taken_although_its_sync_ceases_to_run_meanwhile() -> None:
    matcher = linked()
    matcher.see(report("h1", 2, fields={"email": "ann@x.example", "f": "new"}))
    env = matcher.env
    matcher.resolve = Resolve(Store(Before("load", env.scripts, env.stop)), env.bus, env.setups, env.clock)
    assert outcomes(matcher, matcher.waiting()) == [Done("stepped")]
    assert [row.fields for row in env.told(topics.writes("opaque"))] == [{"f": "new"}]
