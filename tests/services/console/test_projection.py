"""The console's views: what the journal says, however often and in whatever pieces it is read."""

import os
import sqlite3
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.console.views.lists import Listing
from services.console.views.past import KEPT_STEPS
from services.console.views.projection import FORM, SHOWN, FeedRow, Views
from shared import topics
from shared.core.pairs import Pair, SideState, Trace
from shared.core.records import Version
from shared.io.envelope import Stored
from shared.messages import Cursor, HistoryBundle, HistoryStep, Parked


@pytest.fixture(name="views")
def _views(tmp_path: Path) -> Iterator[Views]:
    views = Views(tmp_path / "views.sqlite")
    yield views
    views.close()


def pair(name: str, status: str = "in_sync", rev: int = 1, **more: Any) -> Pair:
    left = SideState(id=more.pop("left", f"l-{name}"), version=Version(order=1))
    fields: dict[str, Any] = {"sync": "s", "pair": name, "rev": rev, "status": status, "L": left, "seen_ms": rev}
    return Pair(**{**fields, **more})


def stored(message: Any, key: str = "", offset: int = 0) -> Stored[Any]:
    raw = message.model_dump_json(exclude_defaults=True).encode() if message is not None else None
    return Stored(partition=0, offset=offset, key=key or message.pair, message=message, raw=raw, headers={})


def take(views: Views, *pairs: Pair, at: int = 0) -> None:
    views.take(topics.PAIR_STATE.name, [stored(row) for row in pairs], {0: at})


def step(name: str, rev: int, *decisions: Trace) -> HistoryStep:
    return HistoryStep(sync="s", pair=name, rev=rev, at_ms=rev, decisions=decisions)


def tell(views: Views, *steps: HistoryStep) -> None:
    """Have the history tell steps in one message."""
    views.take(topics.HISTORY.name, [stored(HistoryBundle(steps=steps), "any")], {})


def dump(views: Views) -> dict[str, list[tuple[Any, ...]]]:
    """Give everything the views hold."""
    tables = ("pairs", "steps", "settled", "cursors", "parked", "positions")
    return {name: sorted(tuple(row) for row in views._connection().execute(f"SELECT * FROM {name}")) for name in tables}


STATUSES = (*SHOWN, "hidden", "closed", "absorbed")
JOURNAL = st.lists(
    st.tuples(st.sampled_from("abcd"), st.sampled_from(("s", "t")), st.sampled_from((*STATUSES, "")), st.booleans()),
    max_size=30,
)


def journal(rows: list[tuple[str, str, str, bool]]) -> list[Stored[Any]]:
    """Make states as the topic holds them; an empty status is a tombstone."""
    made = []
    for number, (name, sync, status, told) in enumerate(rows):
        key = sync + name
        log = (Trace(did="create", side="R"),) if told else ()
        message = pair(key, status, number, sync=sync, log=log, reason=f"r{number % 2}") if status else None
        made.append(stored(message, key, number))
    return made


@given(JOURNAL, st.integers(0, 30), st.integers(0, 30))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_views_depend_on_the_journal_alone(
    tmp_path_factory: pytest.TempPathFactory, rows: Any, cut: int, back: int
) -> None:
    """Reading in pieces, and reading a piece again, comes to the same as reading once."""
    folder = tmp_path_factory.mktemp("v")
    once, often, made = Views(folder / "a.sqlite"), Views(folder / "b.sqlite"), journal(rows)
    name, end = topics.PAIR_STATE.name, {0: len(made)}
    once.take(name, made, end)
    often.take(name, made[:cut], {0: cut})
    often.take(name, made[max(0, cut - back) :], end)
    often.take(name, [], end)
    assert dump(once) == dump(often)
    once.close()
    often.close()


@given(JOURNAL)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_counts_are_all_the_rows_that_there_are(tmp_path_factory: pytest.TempPathFactory, rows: Any) -> None:
    """in_sync + pending + failing + excluded is what a list without a filter shows; nothing is counted twice."""
    views = Views(tmp_path_factory.mktemp("v") / "views.sqlite")
    made = journal(rows)
    views.take(topics.PAIR_STATE.name, made, {})
    last = {row.key: row.message for row in made}
    expected = {key for key, row in last.items() if row is not None and row.status in SHOWN}
    counted = views.counts()
    assert sum(n for sync in counted.values() for reasons in sync.values() for n in reasons.values()) == len(expected)
    assert {row.pair for row in views.newest(Listing(limit=500)).rows} == expected
    for sync, statuses in counted.items():
        for status, reasons in statuses.items():
            for reason, number in reasons.items():
                wanted = Listing(syncs=(sync,), status=status, reason=reason, limit=500)
                assert len(views.newest(wanted).rows) == number
    views.close()


def test_a_tombstone_forgets_a_pair_and_its_history(views: Views) -> None:
    """A sync that was removed leaves nothing."""
    take(views, pair("a"))
    tell(views, step("a", 1, Trace(did="create")))
    views.take(topics.PAIR_STATE.name, [stored(None, "a")], {0: 2})
    assert (views.pair("a"), views.steps("a"), views.counts()) == (None, [], {})


def test_the_history_keeps_the_newest_steps(views: Views) -> None:
    """However often a pair changes, its history stays small."""
    last = KEPT_STEPS + 24 - KEPT_STEPS % 16  # a step that has older ones removed
    for rev in range(1, last + 1):
        tell(views, step("a", rev, Trace(did="write", key=str(rev))))
    steps = views.steps("a")
    assert [row["rev"] for row in steps] == list(range(last, last - KEPT_STEPS, -1))
    assert steps[0]["log"] == [{"did": "write", "key": str(last)}]
    assert len(dump(views)["steps"]) < last


def test_a_step_that_is_told_twice_is_one(views: Views) -> None:
    """In one message or in two."""
    once, other = step("a", 1, Trace(did="create")), step("b", 1)
    for _ in range(2):
        tell(views, once, other, once)
    assert [(row["rev"], row["log"]) for row in views.steps("a")] == [(1, [{"did": "create"}])]
    assert len(dump(views)["steps"]) == 2


def test_steps_that_are_too_old_are_forgotten(views: Views) -> None:
    """The topic forgets them as well, so that a new disk shows no less."""
    tell(views, *(step("a", rev) for rev in (10, 20, 30)))
    views.forget_before(20)
    assert [row["rev"] for row in views.steps("a")] == [30, 20]


def test_pages_hold_every_row_once(views: Views) -> None:
    """Each page begins after the last row of the one before, in the order of sync and pair."""
    take(views, *(pair(f"{number:02d}", sync="ab"[number % 2]) for number in range(25)))
    found: list[tuple[str, str]] = []
    after = ("", "")
    while rows := views.in_order(Listing(limit=4), after):
        found += [(row.sync, row.pair) for row in rows]
        after = found[-1]
    assert found == sorted(found)
    assert len(found) == len(set(found)) == 25


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"text": "50% Off_"}, {"a"}), ({"text": "50"}, {"a", "b"}), ({"text": "%"}, {"a"}), ({"text": "_"}, {"a"}),
        ({"text": "off"}, {"a", "b"}), ({"text": "l-c"}, {"c"}), ({"text": "l-"}, set()), ({"text": "\\"}, {"c"}),
        ({"text": "' OR 1=1 --"}, set()), ({"since_ms": 20}, {"b", "c"}), ({"status": "failing"}, {"c"}),
        ({"syncs": ("s' --",)}, set()),
    ],
)  # fmt: skip
def test_filters_mean_what_they_say(views: Views, query: dict[str, Any], expected: set[str]) -> None:
    """Text is part of the label, as it stands, or the whole id of a record; nothing in it is a pattern."""
    take(
        views,
        pair("a", label="50% Off_er", changed_ms=10),
        pair("b", label="50 offers", changed_ms=20),
        pair("c", "failing", label="back\\slash", changed_ms=30),
        pair("d", "hidden", label="50% Off_er", changed_ms=40),
    )
    assert {row.pair for row in views.newest(Listing(**query)).rows} == expected


def test_a_record_is_found_where_it_is_now(views: Views) -> None:
    """A pair that gave it away is named only when nobody else has it."""
    gave = pair("a", "absorbed", left="l1", absorbed_by="b")
    take(views, gave)
    found = views.holding("s", "L", "l1")
    assert found is not None
    assert found.pair == "a"
    take(views, pair("b", left="l1"))
    found = views.holding("s", "L", "l1")
    assert found is not None
    assert found.pair == "b"
    assert views.holding("s", "R", "l1") is None
    assert views.holding("t", "L", "l1") is None


def test_the_oldest_that_waits_and_the_newest_that_settled_are_known(views: Views) -> None:
    """Only what is pending waits."""
    take(
        views,
        pair("a", synced_ms=5, changed_ms=1), pair("b", "pending", changed_ms=30), pair("c", "pending", changed_ms=20),
        pair("d", "failing", synced_ms=9, changed_ms=2),
    )  # fmt: skip
    assert views.freshness() == {"s": (9, 20)}


def test_feeds_and_parked_messages_are_shown(views: Views) -> None:
    """A feed by its newest cursor, a parked message once."""
    for to in (1, 2):
        cursor = Cursor(
            connection="a", object="contact", feed="f", cursor="c", complete_to_ms=to, interval_s=to + 0.5, calls=3
        )
        views.take(topics.CURSORS.name, [stored(cursor, "a/contact/f")], {0: to})
    parked = Parked(topic="pairs", partition=0, offset=7, key="k", raw_base64="", reason="malformed")
    for _ in range(2):
        views.take(topics.PARKED.name, [stored(parked, "k", 3)], {0: 4})
    assert (views.feeds(), views.parked()) == ([FeedRow("a/contact/f", 2, 2.5, 3)], {"malformed": 1})
    views.take(topics.CURSORS.name, [stored(None, "a/contact/f")], {})
    assert views.feeds() == []


def test_what_cannot_be_taken_moves_no_position(views: Views) -> None:
    """Rows and position are one transaction."""
    take(views, pair("a"), at=1)
    with pytest.raises(AttributeError):
        views.take(topics.PAIR_STATE.name, [stored(pair("b")), stored(object(), "x")], {0: 3})
    assert (views.positions(topics.PAIR_STATE.name), views.pair("b")) == ({0: 1}, None)


@pytest.mark.parametrize("damage", ["garbage", "another form"])
def test_a_file_that_is_no_use_is_made_anew(tmp_path: Path, damage: str) -> None:
    """Views hold nothing of their own."""
    path = tmp_path / "deep" / "views.sqlite"
    views = Views(path)
    take(views, pair("a"))
    if damage == "garbage":
        views.close()
        path.write_bytes(b"no database at all" * 100)
    else:
        views._connection().execute(f"PRAGMA user_version = {FORM + 1}")
        views.close()
    again = Views(path)
    assert (again.pair("a"), again.positions(topics.PAIR_STATE.name)) == (None, {})
    take(again, pair("b"))
    assert again.pair("b") == pair("b")
    again.close()


def test_a_good_file_is_kept(tmp_path: Path) -> None:
    """Reading goes on where it was."""
    views = Views(tmp_path / "views.sqlite")
    take(views, pair("a"), at=7)
    views.close()
    again = Views(tmp_path / "views.sqlite")
    assert (again.pair("a"), again.positions(topics.PAIR_STATE.name)) == (pair("a"), {0: 7})
    again.close()


def test_every_thread_sees_that_the_views_were_built_again(views: Views) -> None:
    """One that had them open does not go on showing what is no more."""
    take(views, pair("old"))
    assert views.pair("old") is not None

    def rebuild() -> None:
        views.clear()
        take(views, pair("new"))
        views.close()

    thread = threading.Thread(target=rebuild)
    thread.start()
    thread.join()
    assert views.pair("old") is None
    assert views.pair("new") == pair("new")


def test_a_reader_never_waits_for_the_writer(views: Views, tmp_path: Path) -> None:
    """A list is answered while the journal is taken."""
    take(views, pair("a"))
    other = sqlite3.connect(tmp_path / "views.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert views.pair("a") is not None
    other.execute("ROLLBACK")
    other.close()


def test_the_views_are_for_their_user_alone_and_their_log_is_cut(tmp_path: Path) -> None:
    """They name people; and a log that a reader once held up would stay as long as it became."""
    path = tmp_path / "console" / "views.sqlite"
    before = os.umask(0o022)
    try:
        views = Views(path)
        take(views, pair("a"))
    finally:
        os.umask(before)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in (path.parent, *path.parent.iterdir())}
    assert modes.pop("console") == 0o700
    assert set(modes.values()) == {0o600}, modes
    assert views._connection().execute("PRAGMA journal_size_limit").fetchone()[0] <= 64 << 20
    views.close()
