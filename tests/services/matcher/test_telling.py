"""The history of a pair: each decision once, whatever comes twice, and nothing to read once a person was erased."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from services.matcher.resolving import telling
from services.matcher.resolving.resolve import Resolve
from shared.io.envelope import trace_id
from shared.io.erasable import new_key, place, unseal
from shared.io.links.lost import as_restored
from shared.io.links.store import Store
from shared.io.memory import MemoryBus
from shared.io.ports import BusUnavailable, Inbound, Outbound, run_blocking
from shared.model.pairs import Decided, Pair, Trace
from shared.model.records import Life
from shared.wire import topics
from shared.wire.messages import HistoryStep
from tests.services.environment import LEFT, RIGHT, SYNC, report
from tests.services.matcher.test_guards import Before
from tests.services.matcher.test_outputs import Matcher, edit, linked


def told(matcher: Matcher) -> list[HistoryStep]:
    """List what the history holds, doubles and all."""
    return [step for bundle in matcher.env.told(topics.HISTORY) for step in bundle.steps]


def values(pair: Pair, step: HistoryStep) -> Any:
    return json.loads(unseal(pair.seal, place(step.pair, step.rev), step.sealed))


def test_an_edit_is_told_with_both_values_the_time_and_the_trace() -> None:
    matcher = linked()
    edit(matcher)
    (cause,) = matcher.waiting()
    matcher.step([cause])
    pair, step = matcher.pair(), told(matcher)[-1]
    assert (step.sync, step.pair, step.rev, step.at_ms) == (pair.sync, pair.pair, pair.rev, pair.seen_ms)
    assert step.cause == trace_id(cause.headers) != ""
    assert step.decisions == (Trace(did="write", key="f", side="R", by="edited"),)
    assert values(pair, step) == [{"old": "old", "new": "new"}]


def test_what_was_not_published_is_told_again_as_it_was() -> None:
    """Under its own revision and time, although the pair is stepped anew."""
    matcher = linked()
    edit(matcher)
    batch, before = matcher.waiting(), told(matcher)
    with matcher.env.kafka_away(), pytest.raises(BusUnavailable):
        matcher.step(batch)
    assert told(matcher) == before
    matcher.env.clock.advance(5_000)
    matcher.step(batch)
    (step,) = told(matcher)[len(before) :]
    assert step.rev < matcher.pair().rev
    assert step.at_ms == matcher.pair().seen_ms - 5_000
    assert values(matcher.pair(), step) == [{"old": "old", "new": "new"}]
    matcher.env.clock.advance(5_000)
    matcher.step(batch)
    assert told(matcher)[-1] == step


def test_a_second_edit_behind_a_crash_is_a_step_of_its_own() -> None:
    """The first was decided, and nobody heard of it: both are told, each under its revision."""
    matcher = linked()
    edit(matcher)
    batch, before = matcher.waiting(), len(told(matcher))
    with matcher.env.kafka_away(), pytest.raises(BusUnavailable):
        matcher.step(batch)
    matcher.see(report("h1", 3, fields={"email": "ann@x.example", "f": "new", "g": "more"}))
    matcher.step([*batch, *matcher.waiting()])
    found = told(matcher)[before:]
    assert len({step.rev for step in found}) == len(found)
    assert found[0].decisions == (Trace(did="write", key="f", side="R", by="edited"),)
    assert matcher.pair().earlier[0].rev == found[0].rev


def test_nothing_is_told_of_a_step_that_was_refused() -> None:
    """Somebody else was faster: only what was set was decided."""
    matcher = linked()
    edit(matcher)
    batch = matcher.waiting()

    def overtake() -> None:
        matcher.see(report("h1", 3, fields={"email": "ann@x.example", "f": "newest"}))
        matcher.rest()

    slow = Resolve(
        Store(Before("swap", matcher.env.scripts, overtake)), matcher.env.bus, matcher.env.setups, matcher.env.clock
    )
    run_blocking(slow.handle(batch))
    assert {step.rev for step in told(matcher)} <= {row.rev for row in matcher.env.told(topics.PAIR_STATE)}
    # Both steps have the same moment and so the same revision: what they tell shows whose it is.
    assert all(values(matcher.pair(), step) == [{"old": "old", "new": "newest"}] for step in told(matcher))
    assert told(matcher)


def test_a_rebuild_of_redis_loses_nothing_that_the_journal_heard_of() -> None:
    """The state came through and its history did not; then Redis forgot everything."""
    matcher = linked()
    edit(matcher)
    batch, env = matcher.waiting(), matcher.env
    with pytest.raises(BusUnavailable):
        run_blocking(Resolve(env.store, _StatesOnly(env.bus), env.setups, env.clock).handle(batch))
    assert told(matcher) == []
    edited = matcher.pair()
    env.scripts.flush()
    run_blocking(env.store.begin_rebuild(SYNC, "t2", 1))
    run_blocking(env.store.restore(SYNC, "t2", 1000, [as_restored(env.policy, edited)]))
    run_blocking(env.store.finish_rebuild(SYNC, "t2"))
    env.clock.advance(5_000)
    matcher.step(batch)
    (step,) = told(matcher)
    assert (step.rev, step.at_ms) == (edited.rev, edited.seen_ms)
    assert values(matcher.pair(), step) == [{"old": "old", "new": "new"}]


class _StatesOnly:
    """A bus that dies behind the states."""

    def __init__(self, bus: MemoryBus) -> None:
        self._bus = bus

    async def publish(self, messages: Sequence[Outbound]) -> Sequence[int]:
        await self._bus.publish([one for one in messages if one.topic is topics.PAIR_STATE])
        raise BusUnavailable("away")


def test_the_next_message_forgets_what_was_told() -> None:
    """It was published, or that message would not have been taken alone."""
    matcher = linked()
    edit(matcher)
    batch = matcher.waiting()
    for _ in range(2):
        matcher.step(batch)
    assert matcher.pair().earlier
    matcher.see(report("h1", 3, fields={"email": "ann@x.example", "f": "newer"}))
    matcher.rest()
    assert matcher.pair().earlier == ()


def test_every_decision_of_a_step_is_told() -> None:
    """However many fields were edited at once."""
    pair = Pair(
        sync="s", pair="p", rev=3, seal=new_key(),
        log=tuple(Trace(did="write", key=f"f{number}", side="R", new="x") for number in range(60)),
    )  # fmt: skip
    (step,) = telling.steps_of(pair)
    assert len(step.decisions) == len(values(pair, step)) == 60


def test_no_value_stands_outside_the_seal() -> None:
    trace = Trace(did="write", key="phone", side="R", old="+39 1", new="+39 2", lost="+39 3")
    (step,) = telling.steps_of(Pair(sync="s", pair="p", rev=3, seal=new_key(), log=(trace,)))
    assert "+39" not in step.model_dump_json()


def test_without_a_key_no_value_is_told() -> None:
    """The person was erased."""
    trace = Trace(did="write", key="phone", side="R", old="+39 1", new="+39 2")
    (step,) = telling.steps_of(Pair(sync="s", pair="p", rev=3, log=(trace,)))
    assert (step.sealed, step.decisions) == ("", (Trace(did="write", key="phone", side="R"),))


def test_a_pair_keeps_its_key() -> None:
    matcher = linked()
    edit(matcher)
    matcher.rest()
    key = matcher.pair().seal
    assert key
    matcher.see(report("h1", 3, fields={"email": "ann@x.example", "f": "newer"}))
    matcher.rest()
    assert matcher.pair().seal == key


@pytest.mark.parametrize("at", [LEFT, RIGHT])
def test_a_person_who_is_erased_takes_the_key_along(at: str) -> None:
    """On either side; and what was decided in the very step before, and perhaps not published, holds no value."""
    matcher = linked()
    edit(matcher)
    batch = matcher.waiting()
    matcher.step(batch)
    key = matcher.pair().seal
    name = "h1" if at == LEFT else "b1"
    matcher.see(report(name, 9, at=at, life=Life.ERASED))
    matcher.step([*batch, *matcher.waiting()])
    pair = matcher.pair()
    assert (key != "", pair.seal) == (True, "")
    assert [trace for trace in pair.decisions() if (trace.old, trace.new, trace.lost) != (None, None, None)] == []
    assert told(matcher)[-1].sealed == ""
    assert key not in pair.text()


def cause(offset: int, partition: int = 0) -> Inbound[Any]:
    return Inbound(topic="pairs", partition=partition, offset=offset, key="", message=None, raw=b"")


def step(pair: str, rev: int, sealed: str = "") -> HistoryStep:
    return HistoryStep(sync="s", pair=pair, rev=rev, sealed=sealed)


def test_a_batch_makes_one_message_for_each_partition() -> None:
    rows = [telling.Told(step(f"p{number}", 1), cause(number, number % 2)) for number in range(40)]
    bundles = telling.bundled(rows)
    assert [len(one.message.steps) for one in bundles if one.message is not None] == [20, 20]  # type: ignore[attr-defined]  # a bundle
    assert [one.key for one in bundles] == ["p0", "p1"]


def test_a_bundle_is_cut_before_it_outgrows_its_topic() -> None:
    """And the steps of a pair stay in their order."""
    large = "x" * (telling.BUNDLE_BYTES // 2)
    rows = [telling.Told(step("p", rev, large), cause(rev)) for rev in range(5)]
    bundles = telling.bundled(rows)
    revs = [[one.rev for one in bundle.message.steps] for bundle in bundles if bundle.message is not None]  # type: ignore[attr-defined]  # a bundle
    assert revs == [[0], [1], [2], [3], [4]]
    assert all(len(topics.HISTORY.encode(one.message)) < telling.BUNDLE_BYTES * 2 for one in bundles)  # type: ignore[arg-type]  # a bundle


def test_what_is_published_twice_is_the_same_twice() -> None:
    """Byte for byte: nothing of it is drawn."""
    log = (Trace(did="write", key="f", side="R", old="a", new="b"),)
    pair = Pair(sync="s", pair="p", rev=3, seal=new_key(), log=log)
    later = pair.model_copy(update={"rev": 4, "log": (), "earlier": (Decided(rev=3, log=log),)})
    assert telling.steps_of(pair) == telling.steps_of(later)
