"""A list as a file: all that the filters choose, each record once, and no cell that a spreadsheet would run."""

import csv
import io
import tracemalloc

import pytest

from services.console.use import exporting
from services.console.use.exporting import HEADS, as_csv
from services.console.views.lists import Listing
from shared.core.pairs import Pair
from tests.console.web.examples import show_everything
from tests.console.web.visitor import Visitor
from tests.services.console.window import Window, linked, pair


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_the_button_takes_what_the_filters_choose(window: Window, visitor: Visitor) -> None:
    """By the same filters as the list, in the page and in the API."""
    show_everything(window)
    page = visitor.open("/records?status=failing&q=ann&period=30d")
    (link,) = [link for link in page.links if link.startswith("/records.csv")]
    answer = visitor.ask(link)
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["Content-Disposition"]
    rows = rows_of(answer.text)
    assert tuple(rows[0]) == HEADS
    assert [row["Left record"] for row in rows] == ["h-bob", "h-eve"]
    eve = rows[1]
    assert (eve["Status"], eve["Reason"], eve["Who acts"]) == (
        "Failing",
        "Required field is blank",
        "owner of the record",
    )
    assert (eve["Left app"], eve["Right app"], eve["Right record"]) == ("Hub", "Book", "")
    assert eve["Last change"].startswith("2023-11-13T")
    assert window.call("GET", "records.csv", params={"status": "failing", "q": "ann"}).text == answer.text
    assert len(rows_of(visitor.ask("/records.csv").text)) == 66
    assert rows_of(visitor.ask("/records.csv?q=nobody").text) == []


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1"])
def test_a_cell_is_no_formula(window: Window, visitor: Visitor, name: str) -> None:
    window.show(linked("a", label=name))
    (row,) = rows_of(visitor.ask("/records.csv").text)
    assert row["Name"] == f"'{name}"


def test_a_cell_holds_what_a_name_holds(window: Window, visitor: Visitor) -> None:
    name = 'Ann "the\nfirst", Müller; = x'
    window.show(linked("a", label=name))
    assert [row["Name"] for row in rows_of(visitor.ask("/records.csv").text)] == [name]


def test_every_record_is_there_once_though_some_change_meanwhile(
    window: Window, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change moves a record to the top of the list in a page, but not in the file."""
    monkeypatch.setattr(exporting, "_PIECE", 10)
    window.show(*(linked(f"p{number:02d}", changed_ms=number) for number in range(50)))
    found = []
    for number, piece in enumerate(as_csv(window.installation, Listing())):
        found += [row[8] for row in csv.reader(io.StringIO(piece, newline=""))][1 if number == 0 else 0 :]
        window.show(linked(f"p{49 - number:02d}", changed_ms=100 + number), linked(f"p{number:02d}", changed_ms=200))
    assert found == [f"h-p{number:02d}" for number in range(50)]


def test_a_long_list_takes_no_more_memory_than_a_short_one(window: Window) -> None:
    def peak(records: int) -> int:
        window.show(*_many(records))
        tracemalloc.start()
        try:
            rows = sum(piece.count("\r\n") for piece in as_csv(window.installation, Listing()))
            assert rows == records + 1
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    short = peak(2_000)
    assert peak(20_000) < short * 1.5


def _many(number: int) -> list[Pair]:
    return [pair(f"m{one:06d}") for one in range(number)]
