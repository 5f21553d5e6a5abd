"""Write: what stands is sent once, what the app says is answered, and what nobody knows is looked for."""

from typing import Any

import pytest

from services.writer.answers import told
from services.writer.write import Write
from shared.contract.writing import Written
from shared.io.envelope import SETUPS
from shared.io.links.store import Store
from shared.io.ports import BusUnavailable, NotReady, run_blocking
from shared.model.outcomes import NOT_RUN_HERE, Done, Drop, Later
from shared.model.pairs import Pair, Pending, SideState
from shared.model.records import Life, Report, Version
from shared.wire import topics
from shared.wire.messages import SetupDoc
from tests.services.environment import LEFT, RIGHT, SYNC, fails, people, with_binding
from tests.services.matcher.test_guards import Before
from tests.services.writer.harness import WriterHarness
from tests.simulator.objects import FIELDS

# What is sent


def test_what_stands_is_sent_and_answered_with_the_record(harness: WriterHarness) -> None:
    """The answer comes by `records`, as the app stored it; the one to a create goes to its pair."""
    rows = [harness.update("p1", f="x"), harness.create("p2"), harness.update("p3", RIGHT, g="y")]
    assert harness.handle(*rows) == [Done("written")] * 3
    told = {row.report.id: row for row in harness.env.told(topics.RECORDS)}
    assert told["h1"].report.fields["f"] == "x"
    assert told["h1"].report.version.order == harness.apps[LEFT].rows["h1"].version
    (made,) = harness.env.told(topics.PAIRS)
    assert (made.pair, made.kind, made.side, made.report.id, made.report.marker) == ("p2", "report", "L", "h2", "k-p2")
    assert {row.origin for row in (*told.values(), made)} == {"answer"}
    assert harness.results() == {"k-p1": "written", "k-p2": "written", "k-p3": "written"}
    for at, op in ((LEFT, "update"), (LEFT, "create"), (RIGHT, "update")):
        assert harness.env.metrics.value("writes_total", connection=at, op=op, result="written") == 1


def test_a_create_is_told_to_all_syncs_where_several_take_part_in_its_records(harness: WriterHarness) -> None:
    """Its pair alone would keep the new record to itself."""
    harness.env.set_up("sync", SetupDoc(sync=people(id="others", left=people().left, right=people().left)), "others")
    harness.handle(harness.create("p1"))
    (seen,) = harness.env.told(topics.RECORDS)
    assert [(row.pair, row.answer.result) for row in seen.answers] == [("p1", "written")]
    assert harness.env.told(topics.PAIRS) == []


def test_an_answer_that_tells_nothing_to_know_a_record_by_goes_straight_to_its_pair(harness: WriterHarness) -> None:
    """Match could only say what the writer knows; where an identifier was written, the links must hear of it."""
    harness.apps[LEFT].parts = True
    harness.handle(harness.update("p1", f="x"), harness.update("p2", email="old@x.example", f="y"))
    assert harness.env.told(topics.RECORDS) == []
    first, second = harness.env.told(topics.PAIRS)
    assert (first.pair, first.kind, first.side, first.origin, first.answer.result) == (
        "p1", "report", "L", "answer", "written",
    )  # fmt: skip
    assert (first.report.fields, second.report.fields) == ({"f": "x"}, {"f": "y"})
    write = harness.update("p3")
    renamed = write.model_copy(update={"fields": {"email": "new@x.example"}})
    harness.handle(renamed)
    (seen,) = harness.env.told(topics.RECORDS)
    assert seen.report.fields == {"email": "new@x.example"}


@pytest.mark.parametrize(
    "changes", [{"id": "survivor"}, {"aliases": ("h0",)}, {"life": Life.GONE}, {"fields": {"email": "a@x.example"}}]
)
def test_an_answer_that_tells_more_goes_by_the_links(harness: WriterHarness, changes: dict[str, Any]) -> None:
    """Which record it is now, and whom it absorbed, is for match to say."""
    (command,) = harness.inbound(harness.update("p1", f="x"))
    report = Report(
        connection=LEFT, object="contact", id=command.message.id, version=Version(order=9), fields={"f": "x"}
    )

    def topic_of(made: Report) -> str:
        row = told(command, Written(key="k-p1", report=made), alone=True, identifiers=frozenset({"email"}))
        assert row.message is not None
        return row.message.topic.name

    assert topic_of(report) == "pairs"
    assert topic_of(report.model_copy(update=changes)) == "records"


def test_an_answer_is_told_to_all_syncs_where_several_take_part_in_its_records(harness: WriterHarness) -> None:
    """Its pair alone would keep to itself what the record holds now."""
    harness.apps[LEFT].parts = True
    harness.env.set_up("sync", SetupDoc(sync=people(id="others", left=people().left, right=people().left)), "others")
    harness.handle(harness.update("p1", f="x"))
    assert [row.report.fields for row in harness.env.told(topics.RECORDS)] == [{"f": "x"}]
    assert harness.env.told(topics.PAIRS) == []


def test_a_mark_that_is_gone_is_not_sent(harness: WriterHarness) -> None:
    """The pair decided anew; it waits for nothing, so nothing is answered."""
    write = harness.update("p1")
    assert harness.handle(write.model_copy(update={"key": "k-older"})) == [Drop("not_pending")]
    assert harness.handle(write.model_copy(update={"side": "R"})) == [Drop("not_pending")]
    assert harness.handle(write.model_copy(update={"pair": "nobody"})) == [Drop("not_pending")]
    assert (harness.env.calls, harness.results()) == ([], {})


def test_a_command_that_comes_twice_at_once_is_sent_once(harness: WriterHarness) -> None:
    """Kafka may deliver one again at any time."""
    write = harness.update("p1")
    assert harness.handle(write, write, write) == [Done("written"), Drop("twice"), Drop("twice")]
    assert harness.apps[LEFT].writes == 1


def test_a_create_that_comes_again_finds_its_own_record(harness: WriterHarness) -> None:
    """It made one before a crash; there is no second."""
    write = harness.create("p1")
    assert harness.handle(write) == [Done("written")]
    assert harness.handle(write) == [Done("found")]
    assert len(harness.apps[LEFT].rows) == 1
    assert harness.results() == {"k-p1": "found"}


def test_a_write_of_older_settings_is_not_sent_and_its_pair_hears_of_it(harness: WriterHarness) -> None:
    """Mappings were changed while it waited: the pair decides anew."""
    write = harness.update("p1")
    harness.env.set_up("sync", SetupDoc(sync=people(version=2)), SYNC)
    assert harness.handle(write) == [Drop("older_settings")]
    assert (harness.env.calls, harness.results()) == ([], {"k-p1": "dropped"})


def test_nothing_is_written_for_a_sync_that_is_off(harness: WriterHarness) -> None:
    """What waited is dropped."""
    write = harness.update("p1")
    harness.env.set_up("sync", SetupDoc(sync=people(enabled=False, version=2)), SYNC)
    assert harness.handle(write) == [Drop("older_settings")]
    assert harness.env.calls == []


def test_a_worker_behind_its_sender_waits_for_the_settings(harness: WriterHarness) -> None:
    """It commits nothing and takes the batch again."""
    write = harness.update("p1", setup=2)
    with pytest.raises(NotReady):
        harness.handle(write, **{SETUPS: str(harness.env.setups.offset + 1)})
    assert harness.handle(write, **{SETUPS: str(harness.env.setups.offset)}) == [Drop("newer_settings")]
    assert harness.results() == {"k-p1": "dropped"}
    harness.env.set_up("sync", SetupDoc(sync=people(version=2)), SYNC)
    assert harness.handle(write) == [Done("written")]


def test_a_write_of_a_sync_or_connection_that_was_removed_is_dropped(harness: WriterHarness) -> None:
    """Nobody is left to answer to."""
    write = harness.update("p1")
    harness.env.set_up("connection", None, LEFT)
    assert harness.handle(write) == [Drop("no_sync")]
    assert harness.env.calls == []


def test_a_create_whose_place_is_taken_is_not_sent(harness: WriterHarness) -> None:
    """A record was found for it meanwhile."""
    write = harness.create("p1")
    pair = Pair.model_validate_json(run_blocking(harness.env.store.load([(SYNC, "p1")]))[SYNC, "p1"].state)
    harness.env.scripts.flush()
    harness.env.open_links(SYNC)
    harness.env.keep(pair)  # without the grant
    assert harness.handle(write) == [Drop("place_taken")]
    assert (harness.env.calls, harness.results()) == ([], {"k-p1": "dropped"})


def test_a_create_is_looked_at_again_when_it_had_to_wait(harness: WriterHarness) -> None:
    """Between the first look and its call another record may have taken the place."""
    first, second = harness.create("p1"), harness.create("p2")
    with_binding(harness.env, LEFT, write_batch=1)
    serve = harness.serve("create")

    def slow(at: str, items: Any) -> Any:
        harness.env.clock.advance(600)
        held = run_blocking(harness.env.store.load([(SYNC, "p2")]))[SYNC, "p2"].state
        moved = Pair.model_validate_json(held).model_copy(update={"rev": 2, "pending": {}})
        if "k-p1" in items[0]["marker"]:
            harness.env.keep(moved)
        return serve(at, items)

    harness.env.answers["create"] = slow
    assert harness.handle(first, second) == [Done("written"), Drop("not_pending")]
    assert harness.keys_of("create") == [["k-p1"]]


def test_two_writes_of_one_record_go_one_after_the_other(harness: WriterHarness) -> None:
    """Two syncs write one record: never in one call."""
    first = harness.update("p1", f="x")
    end = SideState(id=first.id, version=Version(order=1), fields=dict.fromkeys(FIELDS))
    other = people(id="other")
    harness.env.set_up("sync", SetupDoc(sync=other), "other")
    harness.env.open_links("other")
    pending = Pending(
        key="k-q1", op="update", fields={"g": "y"}, before={"g": None}, expected=Version(order=1), setup=1
    )
    harness.env.keep(Pair(sync="other", pair="q1", rev=1, L=end, pending={"L": pending}))
    second = harness.command("q1", LEFT, op="update", id=first.id, fields={"g": "y"}, before={"g": None}).model_copy(
        update={"sync": "other"}
    )
    assert harness.handle(first, second) == [Done("written")] * 2
    assert harness.keys_of("update") == [[first.id], [first.id]]


# What the app says


def test_a_record_that_changed_meanwhile_is_told_as_it_is(harness: WriterHarness) -> None:
    """Nothing is written over it; the pair decides anew."""
    write = harness.update("p1", f="x")
    harness.apps[LEFT].rows[write.id].values["f"] = "somebody's"
    assert harness.handle(write) == [Done("stale")]
    (seen,) = harness.env.told(topics.RECORDS)
    assert (seen.report.fields["f"], harness.results()) == ("somebody's", {"k-p1": "stale"})


def test_a_refused_row_does_not_stand_in_the_way_of_the_others(harness: WriterHarness) -> None:
    """Its pair hears which record is in the way."""
    first, second = harness.update("p1", email="taken@x.example"), harness.update("p2")
    bad = second.model_copy(update={"fields": {"email": "taken@x.example"}, "before": {}})
    assert harness.handle(bad, first) == [Done("refused"), Done("written")]
    answer = harness.answers()["k-p2"]
    assert (answer.result, answer.code, answer.conflicting_id) == ("refused", "duplicate_in_target", first.id)


def test_a_batch_is_halved_down_to_the_one_bad_row(harness: WriterHarness) -> None:
    """The app refuses the whole call for one of eight."""
    with_binding(harness.env, LEFT, write_batch=8)
    rows = [harness.update(f"p{number}") for number in range(8)]
    serve = harness.serve("update")

    def answer(at: str, items: Any) -> Any:
        if any(row["id"] == rows[5].id for row in items):
            return fails(code="invalid_value", message="no", retry="edit", status=400)(at, items)
        return serve(at, items)

    harness.env.answers["update"] = answer
    assert harness.handle(*rows) == [Done("refused") if number == 5 else Done("written") for number in range(8)]
    assert [len(call) for call in harness.keys_of("update")] == [8, 4, 4, 2, 1, 1, 2]
    assert harness.answers()["k-p5"].code == "invalid_value"


def test_a_refusal_of_the_connection_is_not_halved(harness: WriterHarness) -> None:
    """403 says nothing about a single row."""
    with_binding(harness.env, LEFT, write_batch=8)
    rows = [harness.update(f"p{number}") for number in range(8)]
    harness.env.answers["update"] = fails(code="permission_denied", message="no", retry="setup", status=403)
    assert harness.handle(*rows) == [Done("refused")] * 8
    assert len(harness.keys_of("update")) == 1
    assert {answer.code for answer in harness.answers().values()} == {"permission_denied"}


def test_a_connection_that_stops_holds_its_writes_and_no_other_s(harness: WriterHarness) -> None:
    """One call finds out; the rest of its writes are not tried, and each pair is told to wait."""
    with_binding(harness.env, LEFT, write_batch=1)
    rows = [harness.update(f"p{number}") for number in range(5)]
    fine = harness.update("q", RIGHT)
    serve = harness.serve("update")
    busy = fails(code="rate_limited", message="slow", retry="busy", retry_after_s=3.0)
    harness.env.answers["update"] = lambda at, items: busy(at, items) if at == LEFT else serve(at, items)
    assert harness.handle(*rows, fine) == [Done("held")] * 5 + [Done("written")]
    assert sum(at == LEFT for at, _, _ in harness.env.calls) == 1
    held = harness.answers()["k-p4"]
    assert (held.result, held.code, held.retry) == ("held", "rate_limited", "busy")


@pytest.mark.parametrize(
    ("code", "retry"), [("budget_spent", "busy"), ("auth_expired", "auth"), ("app_unavailable", "outage")]
)
def test_a_write_that_was_not_sent_is_held(harness: WriterHarness, code: str, retry: str) -> None:
    """Its pair decides anew, from the newest state, when it is time."""
    write = harness.update("p1")
    harness.env.answers["update"] = fails(code=code, retry=retry, status=401 if retry == "auth" else None)
    assert harness.handle(write) == [Done("held")]
    assert (harness.results(), harness.answers()["k-p1"].code) == ({"k-p1": "held"}, code)


# Time, and Kafka


def test_a_stop_leaves_what_was_not_begun(harness: WriterHarness) -> None:
    """The call under way is answered; the rest comes again, untouched."""
    with_binding(harness.env, LEFT, write_batch=1)
    rows = [harness.update(f"p{number}") for number in range(4)]
    serve = harness.serve("update")

    def answer(at: str, items: Any) -> Any:
        harness.stopped = True
        return serve(at, items)

    harness.env.answers["update"] = answer
    outcomes = harness.handle(*rows)
    assert outcomes == [Done("written")] + [Later("no_time")] * 3
    assert harness.results() == {"k-p0": "written"}


def test_no_call_is_begun_when_the_batch_took_its_time(harness: WriterHarness) -> None:
    """A worker holds no message longer than ten seconds."""
    with_binding(harness.env, LEFT, write_batch=1)
    rows = [harness.update(f"p{number}") for number in range(6)]
    serve = harness.serve("update")

    def answer(at: str, items: Any) -> Any:
        harness.env.clock.advance(3_000)
        return serve(at, items)

    harness.env.answers["update"] = answer
    assert harness.handle(*rows).count(Later("no_time")) == 3
    assert len(harness.env.calls) == 3


def test_an_answer_is_in_kafka_before_the_command_counts_as_done(harness: WriterHarness) -> None:
    """Otherwise the batch comes again, and the procedure finds what it did."""
    write = harness.create("p1")
    batch = harness.inbound(write)
    with harness.env.kafka_away(), pytest.raises(BusUnavailable):
        run_blocking(harness.write.handle(batch))
    assert len(harness.apps[LEFT].rows) == 1
    assert run_blocking(harness.write.handle(batch)) == [Done("found")]
    assert harness.results() == {"k-p1": "found"}


def test_what_was_answered_is_counted_after_kafka_has_it(harness: WriterHarness) -> None:
    """The time from a change to its write is taken of live writes alone."""
    live, late, unheard = harness.update("p1"), harness.update("p2"), harness.update("p3")
    batch = harness.inbound(unheard)
    harness.env.clock.advance(250)
    harness.handle(live)
    harness.handle(late, backfill=True)
    labels = {"connection": LEFT, "op": "update", "result": "written"}
    assert harness.env.metrics.value("writes_total", **labels) == 2
    with harness.env.kafka_away(), pytest.raises(BusUnavailable):
        run_blocking(harness.write.handle(batch))
    assert harness.env.metrics.value("writes_total", **labels) == 2
    shown = harness.env.metrics.text().decode()
    assert f'syncline_change_delay_seconds_count{{connection="{LEFT}"}} 1.0' in shown
    assert f'syncline_change_delay_seconds_sum{{connection="{LEFT}"}} 0.25' in shown


def test_a_new_record_of_which_only_values_are_told_is_empty_elsewhere(harness: WriterHarness) -> None:
    """Where an app's answer to a create is whole, an absent field is known to be empty; elsewhere it is unknown."""

    def sparse(at: str, items: Any) -> Any:
        rows = harness.serve("create")(at, items)
        for row in rows:
            row["row"] = {**row["row"], "values": {"email": row["row"]["values"]["email"]}}
        return rows

    harness.env.answers["create"] = sparse
    harness.handle(harness.create("p1"))
    with_binding(harness.env, LEFT, create_answer="whole")
    harness.handle(harness.create("p2"))
    told = {row.report.marker: row.report.fields for row in harness.env.told(topics.PAIRS)}
    assert told["k-p1"] == {"email": "p1@new.example"}
    assert told["k-p2"] == {**dict.fromkeys(FIELDS), "email": "p2@new.example"}


def test_a_write_waits_whose_sync_ceases_to_run_before_it_is_sent(harness: WriterHarness) -> None:
    write = harness.update("p1", f="x")
    env = harness.env
    harness.write = Write(
        Store(Before("load", env.scripts, env.stop)), env.bus, env.setups, env.caller, clock=env.clock,
        metrics=env.metrics,
    )  # fmt: skip
    assert harness.handle(write) == [NOT_RUN_HERE]
    assert env.calls == []


def test_an_answer_is_its_own_sync_s_although_that_ceases_to_run_meanwhile(harness: WriterHarness) -> None:
    """Nobody else has it: the pair would wait for ever.

    Another sync is told as well that ran when its fields were asked for; one that ran nowhere is left to who runs it.
    """
    serve = harness.serve("update")
    for name in ("asked", "unasked"):
        harness.env.set_up("sync", SetupDoc(sync=people(id=name)), name)
    harness.env.stop("unasked")

    def answer(at: str, items: Any) -> Any:
        for name in (SYNC, "asked"):
            harness.env.stop(name)
        return serve(at, items)

    write = harness.update("p1", f="x")
    harness.env.answers["update"] = answer
    assert harness.handle(write) == [Done("written")]
    assert {*harness.env.setups.not_run()} == {SYNC, "asked", "unasked"}
    (seen,) = harness.env.told(topics.RECORDS)
    assert ([row.answer.result for row in seen.answers], seen.without) == (["written"], ("unasked",))
