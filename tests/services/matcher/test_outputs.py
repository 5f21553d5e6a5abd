"""What resolve publishes is what its states say: a message that comes twice publishes the same again."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from services.matcher.matching.match import Match
from services.matcher.resolving.resolve import Resolve
from shared.io.envelope import Received, unwrap
from shared.io.ports import BusUnavailable, Inbound, run_blocking
from shared.model.pairs import Answer, Pair, PairEvent
from shared.model.records import Life, Report, Version
from shared.wire import topics
from shared.wire.messages import Notice, RecordSeen
from shared.wire.topics import Topic
from tests.services.environment import LEFT, RIGHT, SYNC, Environment, report

TOPICS: tuple[Topic[Any], ...] = (
    topics.NOTICES, topics.PAIRS, *topics.LATER.values(), topics.writes("ordered"), topics.writes("opaque"),
    topics.writes("ordered", backfill=True), topics.writes("opaque", backfill=True),
)  # fmt: skip


_ANN = {"email": "ann@x.example", "f": "old"}
_LEFT = report("h1", 1).model_copy(update={"life": Life.GONE, "version": Version(), "fields": {}})


class Matcher:
    """Match and resolve, one batch at a time, over a Kafka that can fail between a state and its outputs."""

    def __init__(self) -> None:
        self.env = Environment()
        self.match = Match(self.env.store, self.env.bus, self.env.setups)
        self.resolve = Resolve(self.env.store, self.env.bus, self.env.setups, self.env.clock)
        self._read = dict.fromkeys(self.env.broker.partitions(topics.PAIRS.name), 0)

    def see(self, seen: Report, **more: Any) -> None:
        """Let a record be seen and matched."""
        message = RecordSeen(report=seen, accepted_ms=self.env.clock.now_ms(), **more)
        batch = self.env.inbound(topics.RECORDS, (f"{seen.connection}/contact/{seen.id}", message))
        run_blocking(self.match.handle(batch))

    def tell(self, event: PairEvent) -> None:
        """Send a message to a pair."""
        self.env.inbound(topics.PAIRS, (event.pair, event))

    def waiting(self) -> list[Inbound[Any]]:
        """Take the messages to pairs that nobody took yet."""
        found: list[Received] = []
        for part, at in self._read.items():
            new = self.env.broker.items(topics.PAIRS.name, part, at, 1000)
            self._read[part] = new[-1].after if new else at
            found += new
        return [unwrap(item, {topics.PAIRS.name: topics.PAIRS}) for item in found]

    def step(self, batch: Sequence[Inbound[Any]]) -> None:
        """Let resolve take a batch."""
        run_blocking(self.resolve.handle(batch))

    def rest(self) -> None:
        """Step until nothing waits."""
        while batch := self.waiting():
            for one in batch:
                self.step([one])

    def pair(self) -> Pair:
        """Return the pair that is left of the sync."""
        newest: dict[str, Pair] = {row.pair: row for row in self.env.told(topics.PAIR_STATE)}
        (found,) = [row for row in newest.values() if not row.absorbed_by]
        return found

    def ends(self) -> dict[str, dict[int, int]]:
        return {topic.name: dict(self.env.broker.end_offsets(topic.name)) for topic in TOPICS}

    def since(self, ends: dict[str, dict[int, int]]) -> list[tuple[str, str]]:
        """List what was published since, by topic, as text; times and states apart."""
        found = []
        for topic in TOPICS:
            for part, at in ends[topic.name].items():
                for item in self.env.broker.items(topic.name, part, at, 1000):
                    message = topic.decode(item.value or b"", item.headers)
                    timeless = {"accepted_ms": 0, "due_ms": 0}
                    known = {key: value for key, value in timeless.items() if key in type(message).model_fields}
                    found.append((topic.name, message.model_copy(update=known).model_dump_json()))
        return sorted(found)


def linked() -> Matcher:
    """Have a settled pair of one record on each side."""
    matcher = Matcher()
    same = {"email": "ann@x.example", "f": "old"}
    for at, name in ((LEFT, "h1"), (RIGHT, "b1")):
        matcher.see(report(name, 1, at=at, fields=same))
    matcher.rest()
    assert matcher.pair().status == "in_sync"
    return matcher


def first_record(matcher: Matcher) -> None:
    matcher.see(report("h1", 1))


def edit(matcher: Matcher) -> None:
    matcher.see(report("h1", 2, fields={"email": "ann@x.example", "f": "new"}))


def doubtful(matcher: Matcher) -> None:
    matcher.see(report("b1", 2, at=RIGHT, fields={"email": "ann@x.example", "f": "new"}))


def gone(matcher: Matcher) -> None:
    matcher.see(report("h1", 2, fields={"email": "ann@x.example"}, life=Life.GONE))


def partner(matcher: Matcher) -> None:
    """Bring the other side's record, which belongs to the half pair that waits for its create."""
    first_record(matcher)
    matcher.rest()
    matcher.see(report("b1", 1, at=RIGHT, fields={"email": "h1@x.example"}))


def refused(matcher: Matcher, **more: Any) -> None:
    """Have the create refused, because a record that we have not seen holds the address."""
    first_record(matcher)
    matcher.rest()
    answer = Answer(
        write=matcher.pair().pending["R"].key, result="refused", code="duplicate_in_target", conflicting_id="b9", **more
    )
    matcher.tell(PairEvent(sync=SYNC, pair=matcher.pair().pair, kind="answer", side="R", answer=answer))


def held(matcher: Matcher) -> None:
    edit(matcher)
    matcher.rest()
    answer = Answer(write=matcher.pair().pending["R"].key, result="held", code="rate_limited", retry="busy")
    matcher.tell(PairEvent(sync=SYNC, pair=matcher.pair().pair, kind="answer", side="R", answer=answer))


def homeless(matcher: Matcher) -> None:
    """Bring a living record for a place that another one has."""
    pair = matcher.pair().pair
    matcher.tell(PairEvent(sync=SYNC, pair=pair, kind="report", side="L", report=report("h9", 1)))


def doubted_and_outrun(matcher: Matcher) -> None:
    """Have the record called gone, which is doubted, and seen in a newer version, which is believed, in one batch."""
    matcher.see(_LEFT)
    matcher.see(report("h1", 2, fields=_ANN))


CASES: list[tuple[Callable[[], Matcher], Callable[[Matcher], None], set[str]]] = [
    (Matcher, first_record, {"writes.opaque"}),
    (linked, edit, {"writes.opaque"}),
    (linked, doubtful, {"notices"}),
    (linked, gone, set()),
    (Matcher, partner, {"pairs"}),
    (Matcher, refused, {"notices", "later.10s"}),
    (linked, homeless, {"notices"}),
    (linked, doubted_and_outrun, {"notices"}),
]


def without_forwarded(published: list[tuple[str, str]], happen: Any) -> list[tuple[str, str]]:
    """Leave out the report that an absorbed pair passes on a second time, besides handing its record over."""
    return [row for row in published if happen is not partner or '"matched":null' not in row[1]]


@pytest.mark.parametrize(("begin", "happen", "expected"), CASES, ids=lambda row: getattr(row, "__name__", ""))
def test_what_a_crash_swallowed_is_published_by_the_same_message(
    begin: Callable[[], Matcher], happen: Callable[[Matcher], None], expected: set[str]
) -> None:
    """The state was set and its outputs were not: the message comes again, and all of them are published."""
    calm = begin()
    happen(calm)
    batch, ends = calm.waiting(), calm.ends()
    calm.step(batch)
    planned = calm.since(ends)
    assert {topic for topic, _ in planned} >= expected

    hurt = begin()
    happen(hurt)
    batch, ends = hurt.waiting(), hurt.ends()
    with hurt.env.kafka_away(), pytest.raises(BusUnavailable):
        hurt.step(batch)
    assert hurt.since(ends) == []
    hurt.env.clock.advance(5_000)
    hurt.step(batch)
    assert without_forwarded(hurt.since(ends), happen) == planned


@pytest.mark.parametrize(("begin", "happen", "expected"), CASES, ids=lambda row: getattr(row, "__name__", ""))
def test_a_message_that_comes_twice_publishes_the_same_twice(
    begin: Callable[[], Matcher], happen: Callable[[Matcher], None], expected: set[str]
) -> None:
    """Writes carry the same keys, so that the writer sends none of them a second time."""
    del expected
    matcher = begin()
    happen(matcher)
    batch, ends = matcher.waiting(), matcher.ends()
    matcher.step(batch)
    once, ends = matcher.since(ends), matcher.ends()
    before = matcher.env.told(topics.PAIR_STATE)[-1]
    matcher.step(batch)
    assert without_forwarded(matcher.since(ends), happen) == once
    after = next(row for row in reversed(matcher.env.told(topics.PAIR_STATE)) if row.pair == before.pair)
    assert after.decided() == before.decided()
    moving = {
        "rev": 0, "seen_ms": 0, "synced_ms": 0, "pokes": (), "woken": False, "changed_ms": 0, "log": (), "cause": "",
        "earlier": (),
    }  # fmt: skip
    assert after.model_copy(update=moving) == before.model_copy(update=moving)


def test_how_two_records_were_matched_is_known_after_a_crash_too() -> None:
    """The absorbed pair hands its record over before it passes on what came since."""
    matcher = Matcher()
    partner(matcher)
    batch = matcher.waiting()
    with matcher.env.kafka_away(), pytest.raises(BusUnavailable):
        matcher.step(batch)
    matcher.step(batch)
    matcher.rest()
    match = matcher.pair().match
    assert match is not None
    assert (match.by, match.key) == ("email", "h1@x.example")


def test_a_pair_that_gave_its_record_away_asks_for_nothing_more() -> None:
    """Not even after a crash: were it touched for ever, it would report that record for ever."""
    matcher = Matcher()
    refused(matcher)
    batch = matcher.waiting()
    with matcher.env.kafka_away(), pytest.raises(BusUnavailable):
        matcher.step(batch)
    matcher.see(report("b9", 1, at=RIGHT, fields={"email": "h1@x.example"}))
    matcher.step(batch)
    (absorbed,) = [row for row in matcher.env.told(topics.PAIR_STATE) if row.absorbed_by]
    assert (absorbed.L.id, absorbed.again) == ("h1", "")
    assert matcher.env.told(topics.LATER["10s"]) == []


def test_a_record_is_handed_over_with_the_claim_that_it_is_known_by() -> None:
    matcher = Matcher()
    for at, name in ((LEFT, "h1"), (RIGHT, "b1")):
        matcher.see(report(name, 1, at=at, fields={"email": "ann@x.example"}))
        matcher.rest()
    (absorbed,) = [row for row in matcher.env.told(topics.PAIR_STATE) if row.absorbed_by]
    given, kept = absorbed.R, matcher.pair().R
    assert given.claimed_at > -1
    assert kept is not None
    assert kept.claimed_at == given.claimed_at


def test_a_write_that_was_held_is_not_lost_with_the_crash() -> None:
    """Its pair is touched again, or decides at once; in both cases a write follows."""
    matcher = linked()
    held(matcher)
    batch, ends = matcher.waiting(), matcher.ends()
    with matcher.env.kafka_away(), pytest.raises(BusUnavailable):
        matcher.step(batch)
    matcher.step(batch)
    assert matcher.since(ends)


def test_every_output_goes_on_with_the_trace_of_its_cause() -> None:
    """A change can be followed from the app to the other one."""
    matcher = linked()
    edit(matcher)
    (cause,) = matcher.waiting()
    matcher.step([cause])
    trace = cause.headers["traceparent"].split("-")[1]
    topic = topics.writes("opaque").name
    parts = matcher.env.broker.partitions(topic)
    (write,) = [row for part in parts for row in matcher.env.broker.fetch(topic, part, 0, 9)]
    assert write.headers["traceparent"].split("-")[1] == trace


@pytest.mark.parametrize(("origin", "late"), [("live", False), ("snapshot", True)])
def test_what_the_first_reading_causes_is_backfill(origin: Any, late: bool) -> None:  # noqa: FBT001 - a column of the table
    """It yields to live changes."""
    matcher = Matcher()
    matcher.see(report("h1", 1), origin=origin)
    matcher.rest()
    assert len(matcher.env.told(topics.writes("opaque", backfill=late))) == 1
    assert matcher.env.told(topics.writes("opaque", backfill=not late)) == []


def test_a_write_carries_what_the_writer_needs() -> None:
    """Only changed fields, what they held before, the version expected, and when the change was accepted."""
    matcher = linked()
    edit(matcher)
    matcher.rest()
    (write,) = matcher.env.told(topics.writes("opaque"))
    assert (write.id, write.op, dict(write.fields), dict(write.before)) == ("b1", "update", {"f": "new"}, {"f": "old"})
    assert (write.expected.token, write.setup, write.marker) == ("v1", 1, "")
    assert write.accepted_ms == matcher.env.clock.now_ms()
    assert write.key == matcher.pair().pending["R"].key


def test_a_record_is_read_again_when_a_step_goes_beyond_a_report_that_it_doubted() -> None:
    """The links may have heard the same once more meanwhile; to the step, two claims alike are one."""
    matcher = linked()
    before = matcher.ends()
    doubted_and_outrun(matcher)
    batch = matcher.waiting()
    matcher.see(_LEFT)
    matcher.step(batch)
    told = [Notice.model_validate_json(text) for name, text in matcher.since(before) if name == topics.NOTICES.name]
    assert [(row.id, row.ask) for row in told] == [("h1", "")]


@pytest.mark.parametrize("result", ["refused", "dropped"])
def test_a_create_that_is_decided_again_is_published_again(result: Any) -> None:
    """It may have the same key and the same fields; nobody else would send it."""
    matcher = Matcher()
    first_record(matcher)
    matcher.rest()
    writes = topics.writes("opaque")
    for number in (2, 3):
        pair = matcher.pair()
        answer = Answer(write=pair.pending["R"].key, result=result, code="invalid_value", retry="edit", field="f")
        matcher.tell(PairEvent(sync=SYNC, pair=pair.pair, kind="answer", side="R", answer=answer))
        if result == "refused":  # and corrected in the same batch
            matcher.see(report("h1", number))
        matcher.step(matcher.waiting())
        assert len(matcher.env.told(writes)) == number
        assert matcher.env.told(writes)[-1].n == matcher.pair().pending["R"].n
