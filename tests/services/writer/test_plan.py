"""Dividing commands into calls: laws over any batch."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.writer.answers import MAYBE_SENT, tries
from services.writer.plan import calls, lanes, live_creates, target_of, waves
from shared.io.ports import Inbound
from shared.wire import topics
from shared.wire.messages import WriteCommand


def command(number: int, record: str, tried: int = 0, **more: Any) -> Inbound[WriteCommand]:
    """Make a command as it comes."""
    fields: dict[str, Any] = {
        "sync": "s", "pair": f"p{number}", "side": "L", "connection": "a", "object": "contact", "op": "update",
        "key": f"k{number}", "id": record, "setup": 1,
    }  # fmt: skip
    backfill = more.pop("backfill", False)
    write = WriteCommand(**{**fields, **more})
    if write.op == "create":
        write = write.model_copy(update={"id": "", "marker": record})
    topic = topics.writes("x", backfill=backfill).name
    return Inbound(
        topic=topic, partition=0, offset=number, key=record, message=write, raw=b"",
        headers={MAYBE_SENT: str(tried)} if tried else {},
    )  # fmt: skip


BATCHES = st.lists(
    st.tuples(
        st.sampled_from("abc"), st.sampled_from(("1", "2", "3")), st.sampled_from(("update", "create", "archive")),
        st.integers(0, 3), st.booleans(),
    ),
    max_size=40,
).map(
    lambda rows: [
        command(number, record, tried, connection=connection, op=op, backfill=backfill)
        for number, (connection, record, op, tried, backfill) in enumerate(rows)
    ]
)  # fmt: skip


def identity(row: Inbound[WriteCommand]) -> tuple[str, str, str]:
    return row.message.connection, row.message.object, row.message.id or row.message.marker


@given(BATCHES)
def test_no_wave_holds_a_record_twice_and_none_overtakes_itself(batch: list[Any]) -> None:
    """Each command stands in one wave, and those of one record in the order in which they came."""
    made = waves(batch)
    assert sorted(row.offset for wave in made for row in wave) == [row.offset for row in batch]
    for wave in made:
        assert wave
        assert len({identity(row) for row in wave}) == len(wave)
    for record in {identity(row) for row in batch}:
        offsets = [row.offset for wave in made for row in wave if identity(row) == record]
        assert offsets == sorted(offsets)
    most = max((sum(identity(row) == record for row in batch) for record in map(identity, batch)), default=0)
    assert len(made) == most


@given(BATCHES, st.integers(1, 100))
def test_every_call_is_of_one_kind_and_small_enough(batch: list[Any], size: int) -> None:
    """Calls hold all commands once; those whose outcome is unknown come last, apart, and in smaller company."""
    made = calls(batch, lambda _target: size)
    assert sorted(row.offset for call in made for row in call.commands) == [row.offset for row in batch]
    for call in made:
        assert {target_of(row) for row in call.commands} == {call.target}
        (tried,) = {tries(row) for row in call.commands}
        assert len(call.commands) <= max(1, size // 4**tried)
    order = [tries(call.commands[0]) for call in made]
    assert order == sorted(order)


def test_calls_are_as_few_as_the_app_allows() -> None:
    """Ten commands of calls of four are three calls."""
    made = calls([command(number, str(number)) for number in range(10)], lambda _target: 4)
    assert [len(call.commands) for call in made] == [4, 4, 2]


def test_a_write_that_was_tried_often_is_alone_in_the_end() -> None:
    """The one that makes the app fall over is found, whatever the app takes at once."""
    for tried, most in ((1, 25), (2, 6), (3, 1), (9, 1), (99_999, 1)):
        made = calls([command(number, str(number), tried) for number in range(30)], lambda _target: 100)
        assert max(len(call.commands) for call in made) == most


def test_what_does_not_count_tries_counts_as_none() -> None:
    """The header comes from outside."""
    for stated in ("", "x", "-1", "1.5", "٣", "9" * 50):
        row = command(1, "1")
        assert tries(Inbound(**{**_parts(row), "headers": {MAYBE_SENT: stated}})) == 0


def _parts(row: Inbound[Any]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in ("topic", "partition", "offset", "key", "message", "raw")}


@given(BATCHES, st.integers(0, 4))
def test_no_account_has_more_lanes_than_it_takes(batch: list[Any], width: int) -> None:
    """A lane is of one account, no call is lost, and an account that takes nothing at once still gets one."""
    work = calls(batch, lambda _target: 3)
    made = lanes(work, lambda _target: width)
    assert sorted(map(id, work)) == sorted(id(call) for lane in made for call in lane)
    accounts = [{call.target.connection for call in lane} for lane in made]
    assert all(len(names) == 1 for names in accounts)
    for name in {call.target.connection for call in work}:
        number = sum(names == {name} for names in accounts)
        assert number == min(max(1, width), sum(call.target.connection == name for call in work))


def test_backfill_is_told_by_its_topic() -> None:
    """Live writes and backfill never share a call."""
    live, late = command(1, "1"), command(2, "2", backfill=True)
    assert (target_of(live).share, target_of(late).share) == ("live", "backfill")
    made = calls([live, late], lambda _target: 10)
    assert [(call.target.share, len(call.commands)) for call in made] == [("live", 1), ("backfill", 1)]


def test_live_creates_are_collected_by_where_they_go() -> None:
    rows = [
        command(1, "a", op="create"), command(2, "b", op="create"), command(3, "c"),
        command(4, "d", op="create", connection="z"), command(5, "e", op="create", backfill=True),
    ]  # fmt: skip
    found = live_creates(calls(rows, lambda _target: 1))
    assert [[row.message.key for row in commands] for _, commands in found] == [["k1", "k2"], ["k4"]]
