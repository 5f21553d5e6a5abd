"""The formats of a list as a file: each makes bytes of records, in pieces."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias

from services.console.exports.workbook import Cell, workbook
from shared.wire.exports import ExportFormat

Row: TypeAlias = tuple[Cell, ...]
"""A record's cells, in the order of `COLUMNS`."""
COLUMNS: Final[Mapping[str, str]] = {
    "label": "Name",
    "status": "Status",
    "reason": "Reason",
    "who": "Who acts",
    "remedy": "What to do",
    "identifier": "Address",
    "sync": "Sync",
    "left_app": "Left app",
    "left": "Left record",
    "right_app": "Right app",
    "right": "Right record",
    "changed": "Last change",
    "id": "Record",
}
"""What a file tells of each record: its name for programs, and for people."""
_BEGINS_A_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Format:
    """One format of a file."""

    title: str
    media_type: str
    encode: Callable[[Iterable[Sequence[Row]]], Iterator[bytes]]


def _csv(batches: Iterable[Sequence[Row]]) -> Iterator[bytes]:
    yield _lines([tuple(COLUMNS.values())])
    for batch in batches:
        yield _lines([tuple(_harmless(_text(cell)) for cell in row) for row in batch])


def _lines(rows: Sequence[tuple[str, ...]]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue().encode("utf-8", "replace")


def _xlsx(batches: Iterable[Sequence[Row]]) -> Iterator[bytes]:
    return workbook(
        tuple(COLUMNS.values()),
        ([[_harmless(cell) if isinstance(cell, str) else cell for cell in row] for row in batch] for batch in batches),
    )


def _jsonl(batches: Iterable[Sequence[Row]]) -> Iterator[bytes]:
    names = tuple(COLUMNS)
    for batch in batches:
        told = (dict(zip(names, map(_text, row), strict=True)) for row in batch)
        yield "".join(f"{json.dumps(one, ensure_ascii=False)}\n" for one in told).encode("utf-8", "replace")


def _text(cell: Cell) -> str:
    return cell.isoformat(timespec="seconds") if isinstance(cell, datetime) else cell or ""


def _harmless(text: str) -> str:
    """Return a cell that no spreadsheet takes for a formula: names and values come from anybody."""
    return f"'{text}" if text.startswith(_BEGINS_A_FORMULA) else text


FORMATS: Final[Mapping[ExportFormat, Format]] = {
    "csv": Format("CSV", "text/csv; charset=utf-8", _csv),
    "xlsx": Format("Excel (XLSX)", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", _xlsx),
    "jsonl": Format("JSON Lines", "application/jsonl; charset=utf-8", _jsonl),
}
