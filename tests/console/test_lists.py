"""Lists of pairs: whatever plan is taken, they are what looking at every pair would give, in order, each once."""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.console.views import lists
from services.console.views.lists import Listing, PairRow, Place, Sort, Total
from services.console.views.projection import Views
from services.console.views.rows import SHOWN, tie_of
from shared.io.envelope import Stored
from shared.model.pairs import Match, Pair, SideState
from shared.model.records import Version
from shared.rules.searching import folded, identifiers, is_found, words_of
from shared.wire import topics

NAMES = ("Ann Lee", "Änn Müller", "Bob 100%", "Zoë_X", "")
REASONS = {"failing": ("too_long", "required_missing"), "pending": ("queued",), "excluded": ("email_missing",)}


@pytest.fixture(name="views", scope="module")
def _views(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Views]:
    views = Views(tmp_path_factory.mktemp("views") / "views.sqlite")
    yield views
    views.close()


def made(number: int, sync: str, status: str, reason: int, name: str, changed_ms: int) -> Pair:
    reasons = REASONS.get(status, ("",))
    left = SideState(id=f"l{number}", version=Version(order=1), fields={"mail": f"p{number}@x.example", "n": True})
    fields: dict[str, Any] = {"status": status, "reason": reasons[reason % len(reasons)], "label": name}
    return Pair(sync=sync, pair=f"pair{number}", rev=1, changed_ms=changed_ms, L=left, **fields)


PAIRS = st.lists(
    st.tuples(
        st.sampled_from(("s", "t")), st.sampled_from((*SHOWN, "hidden", "closed")), st.integers(0, 1),
        st.sampled_from(NAMES), st.integers(1, 6),
    ),
    max_size=25,
)  # fmt: skip
LISTINGS = st.builds(
    Listing,
    syncs=st.sampled_from((None, ("s",), ("t",), ("none",), ("s", "t"), ())),
    status=st.sampled_from(("", *SHOWN)),
    reason=st.sampled_from(("", "too_long", "queued", "unknown")),
    text=st.sampled_from(
        ("", "ann", "lee ANN", "muller", "100%", "e_x", "_", "p3@x", "l3", "nobody", " \x00", "too long", "s", "3")
    ),
    since_ms=st.integers(0, 6),
    sort=st.sampled_from(get_args(Sort)),
    limit=st.integers(1, 4),
)


def fits(pair: Pair, wanted: Listing) -> bool:
    return (
        pair.status in SHOWN
        and (wanted.syncs is None or pair.sync in wanted.syncs)
        and wanted.status in ("", pair.status)
        and wanted.reason in ("", pair.reason)
        and pair.changed_ms >= wanted.since_ms
        and (not wanted.text or is_found(pair, wanted.text))
    )


NONE_FEW: Final = {"SMALL": 0, "SMALL_WITH_TEXT": 0, "COUNTED": 0, "PARTS": 0}
PLANS: Final[dict[str, dict[str, float]]] = {
    "few": {},
    "walked": {**NONE_FEW, "_BLOCK": 2, "_LARGEST_BLOCK": 2},
    "walked in part": {**NONE_FEW, "_BLOCK": 2, "_LARGEST_BLOCK": 2, "_WALK_S": 0.0},
    "words of many": {"COLLECTED": 0},
    "nothing collected": {"COLLECTED": 0, "SMALL": 2, "SMALL_WITH_TEXT": 2, "COUNTED": 2},
    "loading": {"_BLOCK": 2},
}
"""What is changed so that small tables are listed by each plan."""


@pytest.mark.parametrize("plan", PLANS)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=PAIRS, wanted=LISTINGS)
def test_a_list_is_what_looking_at_every_pair_gives(
    views: Views, monkeypatch: pytest.MonkeyPatch, plan: str, rows: list[Any], wanted: Listing
) -> None:
    """By every plan, page by page, with the number of all; while it is being built, in whatever order."""
    for name, value in PLANS[plan].items():
        monkeypatch.setattr(lists, name, value)
    views.clear()
    if plan == "loading":
        views.begin_build()
    pairs = [made(number, *row) for number, row in enumerate(rows)]
    show(views, *pairs)
    is_down, by_name = wanted.sort.startswith("-"), wanted.sort.endswith("name")
    expected = sorted(
        (pair for pair in pairs if fits(pair, wanted)),
        key=lambda row: (folded(row.label) if by_name else row.changed_ms, tie_of(row.pair)),
        reverse=is_down,
    )
    found: list[PairRow] = []
    after: Place | None = None
    for number in range(3 * len(pairs) + 2):
        page = views.listed(replace(wanted, after=after))
        assert page.total is None or page.total.number <= len(expected)
        if page.total is not None and page.total.exact:
            assert page.total.number == len(expected)
        else:
            assert number or page.total is not None, "the first page tells at least what it shows"
        found += page.rows
        assert not page.is_full or (len(page.rows) == wanted.limit and page.next is not None)
        after = page.next
        if after is None:
            break
    names = [row.pair for row in found]
    assert (sorted(names) if plan == "loading" else names) == (
        sorted(pair.pair for pair in expected) if plan == "loading" else [pair.pair for pair in expected]
    )
    every = [row.pair for row in views.in_order(replace(wanted, limit=100), ("", ""))]
    assert sorted(every) == sorted(names)


def test_numbers_are_exact_or_at_least_that(views: Views, monkeypatch: pytest.MonkeyPatch) -> None:
    """What kept counts tell is exact; what would have to be counted is, up to a limit."""
    monkeypatch.setattr(lists, "COUNTED", 10)
    monkeypatch.setattr(lists, "SMALL", 10)
    monkeypatch.setattr(lists, "SMALL_WITH_TEXT", 10)
    views.clear()
    show(views, *(made(number, "s", "in_sync", 0, "Ann", number // 3) for number in range(15)))
    assert views.listed(Listing()).total == Total(15, exact=True)
    assert views.listed(Listing(text="ann")).total == Total(10, exact=False)
    assert views.listed(Listing(text="p3 ann")).total == Total(1, exact=True)
    assert views.listed(Listing(since_ms=1)).total == Total(10, exact=False)
    assert views.listed(Listing(since_ms=3)).total == Total(6, exact=True)
    assert views.listed(Listing(text="ann", status="in_sync", limit=4)).total == Total(4, exact=False)


def test_names_are_found_however_they_are_written() -> None:
    assert folded("  MÜLLER-Lüdenscheidt\tİ ") == "muller-ludenscheidt i"
    assert folded("ﬁx Zoë") == "fix zoe"


def test_addresses_are_what_a_pair_is_found_by() -> None:
    """Of both sides, in lists and in texts, each once; and what it was matched by."""
    left = SideState(
        id="1", version=Version(order=1), fields={"a": "Ann@X.example", "b": "no address", "c": True, "d": None}
    )
    right = SideState(
        id="2", version=Version(order=1), fields={"e": ("ann@x.example", "b@y.example"), "f": "Bob <bob@z.example>, x"}
    )
    pair = Pair(sync="s", pair="p", label="Ann", L=left, R=right, match=Match(by="domain", key="firm.example"))
    found = identifiers(pair)
    assert found == ["ann@x.example", "b@y.example", "bob@z.example", "firm.example"]
    assert words_of(pair, found) == ["ann", "x", "example", "b", "y", "bob", "z", "firm", "1", "2"]
    made_here = pair.model_copy(update={"match": Match(by="create", key="s.p.l0"), "L": None, "R": None})
    assert identifiers(made_here) == []


def test_lists_read_indexes_and_sort_nothing_that_is_large(views: Views, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of very many pairs, those that are gone through are gone through in an index alone, in its order."""
    views.clear()
    show(views, made(1, "s", "failing", 0, "Ann", 5))
    monkeypatch.setattr(lists, "SMALL", 0)
    monkeypatch.setattr(lists, "SMALL_WITH_TEXT", 0)
    after = {name: Place(name, "x" if name.endswith("name") else 9, 2**40) for name in get_args(Sort)}
    for text, sort, since_ms in itertools.product(("", "ann"), get_args(Sort), (0, 1)):
        wanted = Listing(text=text, sort=sort, since_ms=since_ms, after=after[sort])
        seen = [
            row for row in said(views, wanted) if "ORDER BY" in row and "json_each(" not in row.partition("WHERE")[0]
        ]
        assert seen
        for row in seen:
            (plan, *rest) = planned(views, row)
            assert "COVERING INDEX pairs_" in plan, (row, plan)
            assert plan.startswith("SEARCH"), (row, plan)
            assert not any("TEMP B-TREE" in line for line in rest), (row, rest)


def test_words_are_asked_of_their_index(views: Views) -> None:
    """And pairs that are found are looked up by their rows."""
    views.clear()
    show(views, made(1, "s", "failing", 0, "Ann", 5))
    seen = said(views, Listing(text="ann", status="failing", syncs=("s",)))
    (asked,) = [row for row in seen if "MATCH" in row]
    assert "VIRTUAL TABLE INDEX" in planned(views, asked)[0]
    (tested,) = [row for row in seen if "AS hit" in row]
    assert "SEARCH pairs USING INTEGER PRIMARY KEY (rowid=?)" in planned(views, tested)


def said(views: Views, wanted: Listing) -> list[str]:
    """Return what is asked of the database for a list."""
    seen: list[str] = []
    with views._reading() as database:
        database.set_trace_callback(seen.append)
        lists.listed(database, wanted)
        database.set_trace_callback(None)
    return [row for row in seen if row.startswith("SELECT")]


def planned(views: Views, sql: str) -> list[str]:
    """Return how the database answers a question."""
    with views._reading() as database:
        return [row["detail"] for row in database.execute(f"EXPLAIN QUERY PLAN {sql}")]


def show(views: Views, *pairs: Pair) -> None:
    rows = [
        Stored(partition=0, offset=0, key=row.pair, message=row, raw=row.text().encode(), headers={}) for row in pairs
    ]
    views.take(topics.PAIR_STATE.name, rows, {})


def test_a_walk_stops_where_its_page_has_cost_enough(views: Views, monkeypatch: pytest.MonkeyPatch) -> None:
    """By processor time; a match that lies deep is found by going on."""
    monkeypatch.setattr(lists, "SMALL", 0)
    monkeypatch.setattr(lists, "SMALL_WITH_TEXT", 0)
    monkeypatch.setattr(lists, "_BLOCK", 10)
    monkeypatch.setattr(lists, "_WALK_S", 0.0)
    views.clear()
    show(views, *(made(number, "s", "in_sync", 0, "Ann" if number == 4 else "Bob", number) for number in range(1, 31)))
    first = views.listed(Listing(text="ann", status="in_sync"))
    assert (first.rows, first.total, first.is_full) == ([], Total(0, exact=False), False)
    assert first.next is not None
    assert first.next.key == 21
    second = views.listed(Listing(text="ann", status="in_sync", after=first.next))
    assert (second.rows, second.total) == ([], None)
    last = views.listed(Listing(text="ann", status="in_sync", after=second.next))
    assert [row.pair for row in last.rows] == ["pair4"]
    monkeypatch.setattr(lists, "_WALK_S", 10.0)
    assert [row.pair for row in views.listed(Listing(text="ann", status="in_sync")).rows] == ["pair4"]


def test_a_walk_goes_no_further_back_than_the_period(views: Views, monkeypatch: pytest.MonkeyPatch) -> None:
    """So a list of the last hour ends there, however many changed before."""
    monkeypatch.setattr(lists, "SMALL", 0)
    monkeypatch.setattr(lists, "SMALL_WITH_TEXT", 0)
    monkeypatch.setattr(lists, "_BLOCK", 10)
    monkeypatch.setattr(lists, "_WALK_S", 0.0)
    views.clear()
    show(views, *(made(number, "s", "in_sync", 0, "Ann", number) for number in range(1, 31)))
    found = views.listed(Listing(text="ann", since_ms=28))
    assert ([row.pair for row in found.rows], found.next) == (["pair30", "pair29", "pair28"], None)
    assert views.listed(Listing(text="ann nobody", since_ms=5)).next is None


def test_a_place_of_another_order_counts_for_nothing(views: Views) -> None:
    """Whoever sorts anew begins anew."""
    views.clear()
    show(views, *(made(number, "s", "in_sync", 0, "Ann", number) for number in range(6)))
    first = views.listed(Listing(limit=2))
    assert (
        views.listed(Listing(limit=2, sort="name", after=first.next)).rows
        == views.listed(Listing(limit=2, sort="name")).rows
    )


def test_a_place_in_a_list_is_the_same_on_every_replica(views: Views, tmp_path: Path) -> None:
    """However the states arrived there: row numbers differ, and many changed at one moment."""
    other = Views(tmp_path / "views.sqlite")
    rows = [made(number, "s", "in_sync", 0, "Ann", number // 9) for number in range(60)]
    views.clear()
    show(views, *rows)
    show(other, *reversed(rows))
    for sort in get_args(Sort):
        found: list[str] = []
        after: Place | None = None
        for replica in (views, other) * 5:
            page = replica.listed(Listing(sort=sort, after=after, limit=7))
            found += [row.pair for row in page.rows]
            after = page.next
            if after is None:
                break
        assert len(found) == len(set(found)) == 60
    other.close()


def test_a_text_finds_a_pair_by_the_beginnings_of_all_of_its_words() -> None:
    """As a list does and as a job does: both ask the same."""
    pair = made(3, "s", "failing", 0, "Änn Müller", 5)
    for text, found in (
        ("ann", True), ("MULLER an", True), ("ann bob", False), ("p3@x", True), ("l3", True), ("l", True),
        ("L3", True), ("uller", False), ("", False), (" ", False), ("text long", True), ("too_lo", True),
    ):  # fmt: skip
        assert is_found(pair, text) is found, text
