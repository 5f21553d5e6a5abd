"""Lists of pairs: whatever plan is taken, they are what looking at every pair would give, in order, each once."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.console.views import lists
from services.console.views.lists import COUNTED, Listing, PairRow, Total
from services.console.views.projection import SHOWN, Views
from shared import topics
from shared.core.pairs import Match, Pair, SideState
from shared.core.records import Version
from shared.core.searching import folded, identifiers, is_found, words_of
from shared.io.envelope import Stored

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
    text=st.sampled_from(("", "ann", "lee ANN", "muller", "100%", "e_x", "_", "p3@x", "l3", "nobody", " \x00")),
    since_ms=st.integers(0, 6),
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


@pytest.mark.parametrize(("small", "walked"), [(0, lists.WALKED), (0, 3), (lists.SMALL, lists.WALKED)])
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(rows=PAIRS, wanted=LISTINGS)
def test_a_list_is_what_looking_at_every_pair_gives(
    views: Views, monkeypatch: pytest.MonkeyPatch, small: int, walked: int, rows: list[Any], wanted: Listing
) -> None:
    """By both plans, page by page, with the number of all."""
    monkeypatch.setattr(lists, "SMALL", small)
    monkeypatch.setattr(lists, "SMALL_WITH_TEXT", small)
    monkeypatch.setattr(lists, "WALKED", walked)
    views.clear()
    pairs = [made(number, *row) for number, row in enumerate(rows)]
    show(views, *pairs)
    expected = sorted(
        (pair for pair in pairs if fits(pair, wanted)), key=lambda row: (row.changed_ms, row.pair), reverse=True
    )
    found: list[PairRow] = []
    after: tuple[int, str] | None = None
    for _ in range(2 * len(pairs) + 1):
        page = views.newest(_with(wanted, after))
        assert page.total == Total(len(expected), exact=True)
        found += page.rows
        after = (found[-1].changed_ms, found[-1].pair) if len(page.rows) == wanted.limit else page.further
        if after is None:
            break
    assert [row.pair for row in found] == [row.pair for row in expected]


def test_matches_of_a_text_are_counted_up_to_a_limit(views: Views) -> None:
    views.clear()
    show(views, *(made(number, "s", "in_sync", 0, "Ann", 5) for number in range(COUNTED + 5)))
    assert views.newest(Listing(text="ann")).total == Total(COUNTED, exact=False)
    assert views.newest(Listing()).total == Total(COUNTED + 5, exact=True)


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
    assert words_of(pair, found) == "ann ann@x.example b@y.example bob@z.example firm.example"
    made_here = pair.model_copy(update={"match": Match(by="create", key="s.p.l0"), "L": None, "R": None})
    assert identifiers(made_here) == []


def test_a_list_reads_its_index_alone(views: Views) -> None:
    """States are large: a filter that had to look into each row would read the whole file.

    Only where few pairs are left is a text looked for in their rows.
    """
    counts = {"s": {"failing": {"too_long": 1}}}
    for text, status in itertools.product(("", "ann"), ("", "failing")):
        seen: list[str] = []
        database = views._connection()
        database.set_trace_callback(seen.append)
        lists.newest(database, Listing(text=text, status=status, since_ms=1), counts, SHOWN)
        database.set_trace_callback(None)
        (inner,) = [row for row in seen if "JOIN" in row]
        plan = [row["detail"] for row in database.execute(f"EXPLAIN QUERY PLAN {inner}")]
        assert any("COVERING INDEX pairs_" in row for row in plan) is not bool(text and status), plan


def show(views: Views, *pairs: Pair) -> None:
    rows = [
        Stored(partition=0, offset=0, key=row.pair, message=row, raw=row.text().encode(), headers={}) for row in pairs
    ]
    views.take(topics.PAIR_STATE.name, rows, {})


def _with(wanted: Listing, after: tuple[int, str] | None) -> Listing:
    return Listing(
        syncs=wanted.syncs, status=wanted.status, reason=wanted.reason, text=wanted.text, since_ms=wanted.since_ms,
        after=after, limit=wanted.limit,
    )  # fmt: skip


def test_a_page_looks_at_so_many_pairs_at_most(views: Views, monkeypatch: pytest.MonkeyPatch) -> None:
    """A match that lies deep is found by going on, and nothing is counted that would be slow to count."""
    monkeypatch.setattr(lists, "WALKED", 10)
    monkeypatch.setattr(lists, "_COUNT_WITHIN", 20)
    views.clear()
    show(views, *(made(number, "s", "in_sync", 0, "Ann" if number == 4 else "Bob", number) for number in range(1, 31)))
    first = views.newest(Listing(text="ann"))
    assert (first.rows, first.total, first.further) == ([], None, (21, "pair21"))
    second = views.newest(Listing(text="ann", after=first.further))
    assert (second.rows, second.further) == ([], (11, "pair11"))
    third = views.newest(Listing(text="ann", after=second.further))
    assert [row.pair for row in third.rows] == ["pair4"]
    last = views.newest(Listing(text="ann", after=third.further))
    assert (last.rows, last.further) == ([], None)


def test_a_page_looks_no_further_back_than_the_period(views: Views, monkeypatch: pytest.MonkeyPatch) -> None:
    """So a list of the last hour ends there, however many changed before."""
    monkeypatch.setattr(lists, "WALKED", 10)
    views.clear()
    show(views, *(made(number, "s", "in_sync", 0, "Ann", number) for number in range(1, 31)))
    found = views.newest(Listing(since_ms=28))
    assert ([row.pair for row in found.rows], found.further) == (["pair30", "pair29", "pair28"], None)
    assert views.newest(Listing(text="nobody", since_ms=5)).further == (21, "pair21")


def test_a_place_in_a_list_is_the_same_on_every_replica(views: Views, tmp_path: Path) -> None:
    """However the states arrived there: row numbers differ, and many changed at one moment."""
    other = Views(tmp_path / "views.sqlite")
    rows = [made(number, "s", "in_sync", 0, "Ann", number // 9) for number in range(60)]
    views.clear()
    show(views, *rows)
    show(other, *reversed(rows))
    found: list[str] = []
    after: tuple[int, str] | None = None
    for replica in (views, other) * 6:
        page = replica.newest(Listing(after=after, limit=7)).rows
        found += [row.pair for row in page]
        after = (page[-1].changed_ms, page[-1].pair) if page else after
    other.close()
    assert len(found) == len(set(found)) == 60


def test_a_text_finds_a_pair_by_all_of_its_words_or_as_an_id() -> None:
    """As a list does and as a job does: both ask the same."""
    pair = made(3, "s", "failing", 0, "Änn Müller", 5)
    for text, found in (
        ("ann", True), ("MULLER ann", True), ("ann bob", False), ("p3@x", True), ("l3", True), ("l", True),
        ("L3", False), ("", False), (" ", False),
    ):  # fmt: skip
        assert is_found(pair, text) is found, text
