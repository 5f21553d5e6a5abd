"""Hydrate: few calls for many notices, and never a delete that the app did not tell."""

from typing import Any

import pytest

from services.ingest.hydrate import Hydrate
from shared.config.setups import UnknownSetup
from shared.io.ports import BusUnavailable, NotReady, run_blocking
from shared.model.mapping import FieldMapping
from shared.model.outcomes import NOT_RUN_HERE, Done, Drop, Later, Outcome, Park
from shared.model.pairs import Pair, SideState
from shared.model.records import Life, Report, Version
from shared.model.syncs import AssociationMapping
from shared.wire import topics
from shared.wire.messages import Notice, SetupDoc
from tests.services.environment import LEFT, RIGHT, SYNC, Environment, as_json, fails, people, report, with_binding
from tests.simulator.objects import FIELDS


@pytest.fixture(name="env")
def _env() -> Environment:
    env = Environment()
    env.answers["read"] = lambda at, ids: as_json([report(record, 1, at=at) for record in ids])
    return env


def notice(record: str, at: str = LEFT, order: int | None = None, **more: Any) -> Notice:
    version = None if order is None else Version(order=order)
    return Notice(connection=at, object="contact", id=record, version=version, accepted_ms=more.pop("at_ms", 1), **more)


def handle(env: Environment, *notices: Notice) -> list[Outcome]:
    """Hand a batch over."""
    batch = env.inbound(topics.NOTICES, *((f"{row.connection}/contact/{row.id}", row) for row in notices))
    return run_blocking(Hydrate(env.store, env.bus, env.setups, env.caller, env.clock).handle(batch))


def seen(env: Environment) -> dict[str, Any]:
    """Return the records that were reported, by id."""
    return {row.report.id: row for row in env.told(topics.RECORDS)}


def known(env: Environment, record: str = "1", order: int = 5, life: Life = Life.ALIVE, **fields: Any) -> None:
    """Have a pair know a record."""
    held: dict[str, Any] = {**dict.fromkeys(FIELDS), **fields}
    end = SideState(id=record, version=Version(order=order), fields=held, life=life)
    env.keep(Pair(sync=SYNC, pair=f"p{record}", rev=1, L=end))


# Syncs that begin or cease to run meanwhile


def test_a_record_is_left_to_a_sync_that_begins_to_run_while_it_is_read(env: Environment) -> None:
    """Nobody asked for its fields: who took part when the batch began is told, and the notice comes again."""
    env.set_up("sync", SetupDoc(sync=people(id="other")), "other")
    env.stop("other")
    read = env.answers["read"]

    def meanwhile(at: str, ids: Any) -> Any:
        env.go_on("other")
        return read(at, ids)

    env.answers["read"] = meanwhile
    assert handle(env, notice("1")) == [NOT_RUN_HERE]
    assert seen(env)["1"].without == ("other",)


def test_a_notice_is_looked_at_anew_whose_object_went_since_the_batch_began(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_place: str) -> None:
        raise UnknownSetup("it went")

    monkeypatch.setattr(env.setups, "binding", gone)
    with pytest.raises(NotReady):
        handle(env, notice("1"))


# Reading


def test_many_notices_of_one_record_become_one_read(env: Environment) -> None:
    """The report says when the first of them was accepted, and answers all who asked."""
    outcomes = handle(
        env,
        notice("1", at_ms=30),
        notice("1", at_ms=20, ask="x"),
        notice("1", at_ms=40, ask="y"),
        notice("1", ask="x"),
    )
    assert outcomes == [Done("read")] * 4
    assert env.asked("read") == [["1"]]
    (row,) = env.told(topics.RECORDS)
    assert (row.asks, row.accepted_ms, row.origin) == (("x", "y"), 1, "live")


def test_reads_are_as_large_as_the_app_takes(env: Environment) -> None:
    """A batch of one account is read in few calls, those of the other account apart."""
    with_binding(env, LEFT, read_batch=100)
    handle(env, *(notice(str(number)) for number in range(250)), notice("b", at=RIGHT))
    assert sorted((at, len(ids)) for at, _, ids in env.calls) == [(RIGHT, 1), (LEFT, 50), (LEFT, 100), (LEFT, 100)]
    assert len(env.told(topics.RECORDS)) == 251


def test_a_read_that_took_too_long_is_tried_again_with_fewer_records(env: Environment) -> None:
    """One slow record holds up no other, and whole batches come back when the app is well."""
    with_binding(env, LEFT, read_batch=8)
    hydrate = Hydrate(env.store, env.bus, env.setups, env.caller, env.clock)

    def some(*names: str) -> list[Outcome]:
        rows = env.inbound(topics.NOTICES, *((f"{LEFT}/contact/{name}", notice(name)) for name in names))
        return run_blocking(hydrate.handle(rows))

    def read(at: str, ids: list[str]) -> Any:
        if "slow" in ids:
            fails(smaller=True)(at, ids)
        return as_json([report(record, 1, at=at) for record in ids])

    env.answers["read"] = read
    assert some(*"abcdefg", "slow") == [Later("app_unavailable", "10s")] * 8
    assert some(*"abcdefg", "slow") == [*[Done("read")] * 4, *[Later("app_unavailable", "10s")] * 4]
    some("e", "f", "g", "slow")
    assert some("e", "f", "g", "slow") == [*[Done("read")] * 3, Later("app_unavailable", "1m")]
    for _ in range(3):
        some(*"abcdefgh")
    assert env.asked("read")[-1] == [*"abcdefgh"]


def test_a_record_is_told_as_it_is_now(env: Environment) -> None:
    """Merged, archived and gone are what the app says they are; the survivor of a merge is told, too."""
    rows = [
        report("1", 2, life=Life.MERGED, merged_into="9"), report("9", 3, aliases=("1",)),
        report("2", 2, life=Life.ARCHIVED), report("3", 2, life=Life.GONE),
    ]  # fmt: skip
    env.answers["read"] = lambda _at, _ids: as_json(rows)
    assert handle(env, notice("1", ask="x"), notice("2", kind="deleted"), notice("3")) == [Done("read")] * 3
    assert {record: row.report.life for record, row in seen(env).items()} == {
        "1": "merged", "9": "alive", "2": "archived", "3": "gone",
    }  # fmt: skip
    assert (seen(env)["1"].asks, seen(env)["9"].asks) == (("x",), ())


@pytest.mark.parametrize(
    ("merges", "winner"),
    [
        pytest.param([("7", "2")], "", id="an earlier merge than its own"),
        pytest.param([("9", "3")], "3", id="its own"),
        pytest.param([("7", "2"), ("9", "3")], "3", id="both"),
        pytest.param([("7", "2"), ("9", "7")], "2", id="its own was won by what an earlier one made"),
        pytest.param([("9", "7"), ("7", "9")], "", id="a circle, which no app tells"),
        pytest.param([("", "2")], "2", id="an older notice"),
        pytest.param([("", "2"), ("", "3")], "", id="two older ones"),
    ],
)
def test_who_won_is_told_of_the_merge_that_made_a_record(
    env: Environment, merges: list[tuple[str, str]], winner: str
) -> None:
    """1 and 2 became 7, and 7 and 3 became 9, before any of them was read."""
    env.answers["read"] = lambda _at, _ids: as_json([report("9", 3, aliases=("1", "2", "3", "7"))])
    handle(env, *(notice("1", kind="merged", into=into, winner=won) for into, won in merges))
    assert seen(env)["9"].report.winner == winner


def test_a_record_that_was_erased_is_told_as_that(env: Environment) -> None:
    """Reading shows only that it is gone; one that is there, or in the bin, was not erased, and is read again."""
    rows = [report("1", 2, life=Life.GONE), report("2", 2, life=Life.ARCHIVED), report("3", 2)]
    env.answers["read"] = lambda _at, ids: as_json([row for row in rows if row.id in ids])
    erased = [notice(row.id, kind="erased", at_ms=env.clock.now_ms()) for row in rows]
    again = Later("not_erased_yet", "10s")
    assert handle(env, notice("1", kind="deleted"), *erased) == [Done("read"), Done("read"), again, again]
    assert {record: row.report.life for record, row in seen(env).items()} == {
        "1": "erased", "2": "archived", "3": "alive",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("after_s", "outcome"),
    [
        (60, Later("not_erased_yet", "1m")), (3_600, Later("not_erased_yet", "10m")), (86_400, Done("read")),
    ],
)  # fmt: skip
def test_a_record_that_is_not_erased_yet_is_read_less_often_with_time_and_not_for_ever(
    env: Environment, after_s: int, outcome: Outcome
) -> None:
    env.answers["read"] = lambda _at, _ids: as_json([report("1", 2, life=Life.ARCHIVED)])
    told = notice("1", kind="erased", at_ms=env.clock.now_ms())
    env.clock.advance(after_s * 1000)
    assert handle(env, told, notice("1", kind="deleted")) == [outcome, Done("read")]


def test_a_record_that_may_not_be_read_is_not_called_gone(env: Environment) -> None:
    """Its notices are parked for a person, and the others of its batch are told."""
    denied = {"id": "1", "code": "not_readable", "message": "no access"}
    env.answers["read"] = lambda _at, _ids: [denied, *as_json([report("2", 1)])]
    assert handle(env, notice("1"), notice("2"), notice("1")) == [
        Park("not_readable", "no access"), Done("read"), Park("not_readable", "no access"),
    ]  # fmt: skip
    assert set(seen(env)) == {"2"}


def test_the_record_that_makes_a_read_fail_is_found(env: Environment) -> None:
    """A refused batch is halved until the bad one stands alone."""

    def answer(at: str, ids: list[str]) -> Any:
        if "3" in ids:
            return fails(code="invalid_value", message="id?", retry="edit")(at, ids)
        return as_json([report(record, 1) for record in ids])

    env.answers["read"] = answer
    with_binding(env, LEFT, read_batch=8)
    outcomes = handle(env, *(notice(str(number)) for number in range(8)))
    assert outcomes == [Park("invalid_value", "id?") if number == 3 else Done("read") for number in range(8)]
    assert set(seen(env)) == {"0", "1", "2", "4", "5", "6", "7"}


@pytest.mark.parametrize(
    ("retry", "delay"), [("busy", "10s"), ("outage", "1m"), ("auth", "1m"), ("setup", "10m")]
)  # fmt: skip
def test_a_connection_that_does_not_answer_waits_alone(env: Environment, retry: str, delay: str) -> None:
    """Its notices come again; the other connection's records are told meanwhile, and nothing is called gone."""

    def answer(at: str, ids: list[str]) -> Any:
        if at == LEFT:
            return fails(code="its_code", retry=retry)(at, ids)
        return as_json([report(record, 1, at=at) for record in ids])

    env.answers["read"] = answer
    outcomes = handle(env, notice("1"), notice("b", at=RIGHT), notice("2", kind="deleted", ask="x"))
    later = Later("its_code", delay)  # type: ignore[arg-type]  # one of the delays
    assert outcomes == [later, Done("read"), later]
    assert set(seen(env)) == {"b"}


def test_nothing_is_done_before_kafka_has_the_record(env: Environment) -> None:
    """The batch comes again."""
    batch = env.inbound(topics.NOTICES, (f"{LEFT}/contact/1", notice("1")))
    hydrate = Hydrate(env.store, env.bus, env.setups, env.caller, env.clock)
    with env.kafka_away(), pytest.raises(BusUnavailable):
        run_blocking(hydrate.handle(batch))
    assert run_blocking(hydrate.handle(batch)) == [Done("read")]
    assert set(seen(env)) == {"1"}


def test_a_record_of_no_sync_is_not_read(env: Environment) -> None:
    """Nor one whose connection is not there any more."""
    env.set_up("sync", None, SYNC)
    assert handle(env, notice("1"), notice("1", at="nobody")) == [Drop("no_sync")] * 2
    assert env.calls == []


# Notices of versions that are known


@pytest.mark.parametrize(("order", "read"), [(4, False), (5, False), (6, True), (None, True)])
def test_a_version_that_every_sync_has_is_not_read_again(env: Environment, order: int | None, read: bool) -> None:  # noqa: FBT001 - a column of the table
    """Most are echoes of our own writes; a notice that tells no version says nothing about it."""
    known(env)
    assert handle(env, notice("1", order=order)) == [Done("read") if read else Drop("known_version")]


@pytest.mark.parametrize("changes", [{"kind": "deleted"}, {"kind": "merged"}, {"ask": "x"}])
def test_a_notice_of_more_than_a_version_is_always_read(env: Environment, changes: dict[str, str]) -> None:
    """A delete changes no version, and a pair that asked waits for its answer."""
    known(env)
    assert handle(env, notice("1", order=5, **changes)) == [Done("read")]


@pytest.mark.parametrize("life", [Life.GONE, Life.ARCHIVED, Life.MERGED])
def test_a_record_that_was_gone_is_read_whatever_its_version(env: Environment, life: Life) -> None:
    """A restored record may come back under the version that it had."""
    known(env, life=life)
    assert handle(env, notice("1", order=5)) == [Done("read")]


def test_a_record_of_which_not_all_is_known_is_read(env: Environment) -> None:
    """A mapping may have been added since; the answer to a create may have told only some fields."""
    end = SideState(id="1", version=Version(order=5), fields={"email": "1@x.example"})
    env.keep(Pair(sync=SYNC, pair="p1", rev=1, L=end))
    assert handle(env, notice("1", order=5)) == [Done("read")]


def test_a_version_that_an_answer_to_a_write_told_is_read(env: Environment) -> None:
    """It showed what was written; what else changed up to that version is not known."""
    end = SideState(id="1", version=Version(order=5), fields=dict.fromkeys(FIELDS), partial=True)
    env.keep(Pair(sync=SYNC, pair="p1", rev=1, L=end))
    assert handle(env, notice("1", order=5)) == [Done("read")]


@pytest.mark.parametrize(("links", "read"), [({}, True), ({"company": None}, False)])
def test_a_record_whose_associations_are_not_known_is_read(links: dict[str, None], read: bool) -> None:  # noqa: FBT001 - a column of the table
    """The answer to a create tells fields alone, and the app may have associated the record itself."""
    env = Environment(sync=people(associations=(AssociationMapping(to="firms", label="company"),)))
    env.answers["read"] = lambda at, ids: as_json([report(record, 1, at=at) for record in ids])
    end = SideState(id="1", version=Version(order=5), fields=dict.fromkeys(FIELDS), links=links)
    env.keep(Pair(sync=SYNC, pair="p1", rev=1, L=end))
    assert handle(env, notice("1", order=5)) == [Done("read") if read else Drop("known_version")]


def test_a_version_that_one_of_two_syncs_lacks_is_read(env: Environment) -> None:
    """The echo of one sync's write is the other one's change."""
    other = people(
        id="other", mappings=(FieldMapping(key="f", left="f", right="f"),),
        left={"connection": LEFT, "object": "contact"}, right={"connection": RIGHT, "object": "contact"},
    )  # fmt: skip
    env.set_up("sync", SetupDoc(sync=other), "other")
    env.open_links("other")
    known(env)
    assert handle(env, notice("1", order=5)) == [Done("read")]
    end = SideState(id="1", version=Version(order=5), fields=dict.fromkeys(FIELDS))
    env.keep(Pair(sync="other", pair="q1", rev=1, L=end))
    assert handle(env, notice("1", order=5)) == [Drop("known_version")]


def test_an_opaque_version_is_never_taken_as_known(env: Environment) -> None:
    """It only differs: which of two is newer it does not say."""
    end = SideState(id="b", version=Version(token="v1"), fields=dict.fromkeys(FIELDS))
    env.keep(Pair(sync=SYNC, pair="pb", rev=1, R=end))
    told = Notice(connection=RIGHT, object="contact", id="b", version=Version(token="v1"))
    assert handle(env, told) == [Done("read")]


def test_records_are_asked_for_with_the_fields_of_all_their_syncs(env: Environment) -> None:
    """Each sync finds what it maps in the one report."""
    asked: list[tuple[str, ...]] = []

    def read(session: Any, ids: Any, fields: Any) -> Any:
        asked.append(tuple(fields))
        return original(session, ids, fields)

    original = env.setups.binding(LEFT, "contact").read
    with_binding(env, LEFT, read=read)
    handle(env, notice("1"))
    assert asked == [tuple(sorted(FIELDS))]
    assert isinstance(seen(env)["1"].report, Report)
