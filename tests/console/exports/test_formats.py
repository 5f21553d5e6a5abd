"""Files of records: spreadsheets read them as they are, run nothing of them, and none is ever held as a whole."""

import csv
import hashlib
import io
import json
import tracemalloc
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import pytest
from openpyxl import load_workbook
from openpyxl.utils.escape import unescape

from services.console.exports.formats import COLUMNS, FORMATS, Row
from services.console.exports.workbook import LONGEST_CELL, Cell, workbook
from shared.wire.exports import ExportFormat

MOMENT = datetime(2026, 3, 2, 10, 42, 7, tzinfo=UTC)


def row(name: str) -> Row:
    return (name, *[""] * 10, MOMENT, "Lh1")


def encoded(format_: ExportFormat, *rows: Row) -> bytes:
    return b"".join(FORMATS[format_].encode([rows]))


def sheets(file: bytes) -> list[list[tuple[object, ...]]]:
    book = load_workbook(io.BytesIO(file))
    return [[tuple(map(_read, cells)) for cells in sheet.iter_rows(values_only=True)] for sheet in book.worksheets]


def _read(cell: object) -> object:
    """Return a cell as spreadsheets read it; this library leaves codes of signs as they are."""
    return unescape(cell) if isinstance(cell, str) else cell


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1"])
def test_a_cell_is_no_formula(name: str) -> None:
    """For programs, JSON Lines hold what is there."""
    found = list(csv.reader(io.StringIO(encoded("csv", row(name)).decode(), newline="")))
    assert found[1][0] == f"'{name}"
    ((_, cells),) = sheets(encoded("xlsx", row(name)))
    assert cells[0] == f"'{name}"
    assert json.loads(encoded("jsonl", row(name)))["label"] == name


@pytest.mark.parametrize(
    "name", ['Ann "the\nfirst", Müller; = x', "a\x00b\x1f\rc", "_x0041_", "<b>&amp;", "\ud800", " a "]
)
def test_a_cell_holds_what_a_name_holds(name: str) -> None:
    """What no file can hold is replaced, and breaks nothing."""
    kept = name.replace("\ud800", "?")
    found = list(csv.reader(io.StringIO(encoded("csv", row(name)).decode(), newline="")))
    assert found[1][0] == kept
    assert json.loads(encoded("jsonl", row(name)))["label"] == kept
    ((_, cells),) = sheets(encoded("xlsx", row(name)))
    assert cells[0] == name


def test_a_workbook_has_heads_and_moments() -> None:
    (rows,) = sheets(encoded("xlsx", row("Ann")))
    assert rows[0] == tuple(COLUMNS.values())
    assert rows[1][11] == MOMENT.replace(tzinfo=None), "a moment that can be sorted and calculated with"
    book = load_workbook(io.BytesIO(encoded("xlsx", row("Ann"))))
    assert (book.sheetnames, book.active.freeze_panes, book.active.auto_filter.ref) == (["Records"], "A2", "A1:M2")


@pytest.mark.parametrize(("records", "sizes"), [(0, [1]), (2, [3]), (3, [3, 2]), (4, [3, 3]), (9, [3, 3, 3, 3, 2])])
def test_what_does_not_fit_on_a_sheet_goes_to_a_further_one(records: int, sizes: list[int]) -> None:
    """Each under the same heads, however many records come at once."""
    for at_once in (1, 4, 20):
        cells = [(f"n{number}", None) for number in range(records)]
        batches = [cells[first : first + at_once] for first in range(0, records, at_once)]
        found = sheets(b"".join(workbook(("Name", "Empty"), batches, rows=3)))
        assert [len(sheet) for sheet in found] == sizes
        assert {sheet[0] for sheet in found} == {("Name", "Empty")}
        assert [line[0] for sheet in found for line in sheet[1:]] == [cell for cell, _ in cells]


def test_a_text_that_no_cell_takes_is_cut() -> None:
    ((_, (found,)),) = sheets(b"".join(workbook(("Name",), [[("é" * 40_000,)]])))
    assert found == "é" * (LONGEST_CELL - 1) + "…"


def test_equal_records_make_equal_files() -> None:
    for format_ in FORMATS:
        assert encoded(format_, row("Ann")) == encoded(format_, row("Ann"))


@pytest.mark.parametrize("format_", FORMATS)
def test_a_long_file_takes_no_more_memory_than_a_short_one(format_: ExportFormat) -> None:
    def made(batches: int) -> Iterator[Sequence[tuple[Cell, ...]]]:
        for number in range(batches):
            yield [row(hashlib.sha256(f"{number} {one}".encode()).hexdigest()) for one in range(100)]

    def peak(batches: int) -> int:
        tracemalloc.start()
        try:
            assert sum(map(len, FORMATS[format_].encode(made(batches)))) > batches * 3_200
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(20)  # what is made once at the first time
    assert peak(60) < peak(20) + 60_000
