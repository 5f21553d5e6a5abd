"""The console's views: what the journal says, however often and in whatever pieces it is read."""

import os
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.console.views.lists import Listing, Total
from services.console.views.past import KEPT_STEPS
from services.console.views.projection import FORM, READERS, Building, FeedRow, Views
from services.console.views.rows import SHOWN, end_load, tallies
from shared.io.envelope import Stored
from shared.model.pairs import Pair, SideState, Trace
from shared.model.records import Version
from shared.wire import topics
from shared.wire.messages import Cursor, HistoryBundle, HistoryStep, Parked


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
    """Return everything the views hold."""
    tables = ("steps", "settled", "cursors", "parked", "positions")
    with views._reading() as database:
        held = {name: sorted(tuple(row) for row in database.execute(f"SELECT * FROM {name}")) for name in tables}
        held["pairs"] = sorted(tuple(row) for row in database.execute(_PAIRS))
        held["tallies"] = sorted(tuple(row) for row in tallies(database))
    return held


_PAIRS: Final = """
SELECT pair, label, ident, left_id, right_id, state, words, changed_ms, sync.name, status, reason.name
FROM pairs JOIN told USING (id) JOIN words USING (id) JOIN names sync ON sync.id = sync JOIN names reason
ON reason.id = reason
"""


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
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_views_depend_on_the_journal_alone(
    tmp_path_factory: pytest.TempPathFactory, rows: Any, cut: int, back: int
) -> None:
    """Reading in pieces, reading a piece again, and making the indexes afterwards come to the same as reading once."""
    folder = tmp_path_factory.mktemp("v")
    once, often, built = (Views(folder / f"{name}.sqlite") for name in "abc")
    made, name = journal(rows), topics.PAIR_STATE.name
    end = {0: len(made)}
    once.take(name, made, end)
    built.begin_build()
    for views in (often, built):
        views.take(name, made[:cut], {0: cut})
        views.take(name, made[max(0, cut - back) :], end)
        views.take(name, [], end)
    built.end_build()
    assert dump(once) == dump(often) == dump(built)
    for wanted in (Listing(limit=99), Listing(limit=99, sort="name"), Listing(text="l", limit=99), Listing(text="r1")):
        assert once.listed(wanted) == often.listed(wanted) == built.listed(wanted)
    for views in (once, often, built):
        views.close()


@given(JOURNAL)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_counts_are_all_the_rows_that_there_are(tmp_path_factory: pytest.TempPathFactory, rows: Any) -> None:
    """in_sync + pending + failing + excluded is what a list without a filter shows; nothing is counted twice."""
    views = Views(tmp_path_factory.mktemp("v") / "views.sqlite")
    made = journal(rows)
    for first in range(0, len(made), 7):
        views.take(topics.PAIR_STATE.name, made[first : first + 7], {})
    last = {row.key: row.message for row in made}
    expected = {key for key, row in last.items() if row is not None and row.status in SHOWN}
    counted = views.counts()
    assert sum(n for sync in counted.values() for reasons in sync.values() for n in reasons.values()) == len(expected)
    assert {row.pair for row in views.listed(Listing(limit=500)).rows} == expected
    for sync, statuses in counted.items():
        for status, reasons in statuses.items():
            for reason, number in reasons.items():
                wanted = Listing(syncs=(sync,), status=status, reason=reason, limit=500)
                assert len(views.listed(wanted).rows) == number
    views.close()


def test_the_index_of_words_is_written_once_for_a_batch(views: Views) -> None:
    """States come in no order; the index would be written anew with each that comes before the last."""
    names = [f"{number:03d}" for number in range(300)]
    take(views, *(pair(name, "pending", label=f"Person {name}", reason="queued") for name in names))
    with views._transaction() as database:
        before = database.total_changes
    take(views, *(pair(name, rev=2, label=f"Person {name}") for name in reversed(names)))
    with views._transaction() as database:
        assert database.total_changes - before < 8 * len(names)
    for text, number in (("person", 300), ("pers 0", 100), ("person 123", 1), ("queued", 0)):
        assert len(views.listed(Listing(text=text, limit=500)).rows) == number


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
    """Each page begins after the last row of the one before, in an order that no change alters."""
    take(views, *(pair(f"{number:02d}", sync="ab"[number % 2]) for number in range(25)))
    found: list[tuple[str, str]] = []
    after = ("", "")
    while rows := views.in_order(Listing(limit=4), after):
        found += [(row.sync, row.pair) for row in rows]
        after = found[-1]
        take(views, *(pair(f"{number:02d}", "failing", 2, sync="ab"[number % 2], changed_ms=9) for number in range(25)))
    assert len(found) == len(set(found)) == 25


_FOUND: Final[tuple[tuple[dict[str, Any], set[str]], ...]] = (
    ({"text": "50% Off_"}, {"a", "b"}), ({"text": "50"}, {"a", "b"}), ({"text": "%"}, set()), ({"text": "_"}, set()),
    ({"text": "offe"}, {"b"}), ({"text": "l-c"}, {"c"}), ({"text": "l-"}, {"a", "b", "c"}), ({"text": "\\"}, set()),
    ({"text": "' OR 1=1 --"}, set()), ({"text": 'x" OR "off'}, set()), ({"text": "off*"}, {"a", "b"}),
    ({"text": "words : off"}, set()), ({"text": "NOT off"}, set()), ({"text": "off NEAR off"}, set()),
    ({"text": "back AND slash"}, set()), ({"text": "slash back"}, {"c"}), ({"text": "lash"}, set()),
    ({"text": "s1"}, set()), ({"text": "_s1"}, set()), ({"text": "REQUIRED blank"}, {"c"}),
    ({"text": "required missing sl"}, {"c"}), ({"text": "ÄNN"}, {"b"}), ({"text": "田中"}, {"c"}),
    ({"text": "\x00"}, set()), ({"text": "off\x00off"}, {"a", "b"}), ({"text": "x" * 5000}, set()),
    ({"since_ms": 20}, {"b", "c"}), ({"status": "failing"}, {"c"}), ({"syncs": ("s' --",)}, set()),
)  # fmt: skip


@pytest.mark.parametrize("state", ["built", "being built"])
def test_filters_mean_what_they_say(views: Views, state: str) -> None:
    """Each word of a text begins a word of the name, an address, an id or the reason; no sign in it means more."""
    if state == "being built":
        views.begin_build()
    take(
        views,
        pair("a", label="50% Off_er", changed_ms=10),
        pair("b", label="50 offers Änn", changed_ms=20),
        pair("c", "failing", label="back\\slash 田中太郎", reason="required_missing", changed_ms=30),
        pair("d", "hidden", label="50% Off_er", changed_ms=40),
    )
    for query, expected in _FOUND:
        found = views.listed(Listing(**query))
        assert {row.pair for row in found.rows} == expected, query
        assert found.total == Total(len(expected), exact=True), query


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
        with views._transaction() as database:
            database.execute(f"PRAGMA user_version = {FORM + 1}")
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
    with views._transaction() as database:
        assert database.execute("PRAGMA journal_size_limit").fetchone()[0] <= 64 << 20
    views.close()


def test_a_build_that_was_broken_off_goes_on(tmp_path: Path) -> None:
    """Where it was: the indexes are made once, after all is read, whichever step the process died at."""
    path = tmp_path / "views.sqlite"
    views = Views(path)
    views.begin_build()
    take(views, pair("a", label="Ann"), at=1)
    views.close()
    views = Views(path)
    views.begin_build()
    assert views.building == Building(0.0, is_read=False)
    take(views, pair("b", label="Ann"), at=2)
    steps = end_load(views._transaction)
    for _ in range(4):
        next(steps)
    views.close()
    views = Views(path)
    views.begin_build()
    assert views.building is not None
    assert views.holding("s", "L", "l-a") is None, "its index may be missing"
    take(views, pair("b", label="Bob", left="new"), at=3)
    views.end_build()
    assert views.building is None
    assert {row.pair for row in views.listed(Listing(text="ann")).rows} == {"a"}
    assert views.listed(Listing(text="bob")).is_loading is False
    assert views.holding("s", "L", "new") is not None
    views.begin_build()
    assert views.building is None, "what is whole is not built again"
    views.close()


def test_few_read_at_once(views: Views) -> None:
    """Each that reads keeps some of the file in memory: so many do, and the others wait for their turn."""
    with ExitStack() as stack:
        read = [stack.enter_context(views._reading()) for _ in range(READERS)]
        sizes = [-database.execute("PRAGMA cache_size").fetchone()[0] for database in read]
        waiting = threading.Thread(target=views.counts)
        waiting.start()
        waiting.join(0.1)
        assert waiting.is_alive()
    waiting.join(10)
    assert not waiting.is_alive()
    with views._transaction() as database:
        sizes.append(-database.execute("PRAGMA cache_size").fetchone()[0])
    assert sum(sizes) <= 64 << 10


def test_all_that_is_kept_of_the_file_in_memory_is_little(views: Views) -> None:
    """Whoever writes, all that may read at once, and the file that is made of one moment: 64 MiB together."""
    kept_kib = 0
    with ExitStack() as opened:
        lent = [opened.enter_context(views._transaction())]
        lent += [opened.enter_context(views._readers.one()) for _ in range(READERS)]
        opened.enter_context(views.snapshot())
        lent.append(opened.enter_context(views._reading()))
        assert len(set(map(id, lent))) == READERS + 2
        for database in lent:
            kept_kib -= database.execute("PRAGMA cache_size").fetchone()[0]
    assert 0 < kept_kib <= 64 * 1024
