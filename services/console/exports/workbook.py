"""A workbook for spreadsheets (XLSX), written as it goes: nothing of it is kept, in memory or on the disk.

The libraries that write such files put them together from files of their own on the disk, where a console keeps nothing
but views; this one writes two kinds of cells, text and moments, and passes each piece on.
"""

import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final, TypeAlias
from xml.sax.saxutils import escape

Cell: TypeAlias = str | datetime | None
ROWS: Final = 1_048_576
"""Rows that a sheet may have, the heads among them."""
LONGEST_CELL: Final = 32_767
"""Characters that a cell may have."""
_SHEET_BYTES: Final = 1_500_000_000
"""Bytes of a sheet before another one begins: beyond 2 GiB its archive takes a form that spreadsheets refuse."""
_EPOCH: Final = datetime(1899, 12, 30, tzinfo=UTC)
_HEAD: Final = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_REL: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE: Final = "http://schemas.openxmlformats.org/package/2006"
_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_BOLD, _MOMENT = 1, 2
_STYLES: Final = (
    f'<styleSheet xmlns="{_MAIN}"><numFmts count="1"><numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd\\ hh:mm:ss"/>'
    '</numFmts><fonts count="2"><font><sz val="11"/><name val="Calibri"/></font><font><b/><sz val="11"/>'
    '<name val="Calibri"/></font></fonts><fills count="2"><fill><patternFill patternType="none"/></fill><fill>'
    '<patternFill patternType="gray125"/></fill></fills><borders count="1"><border><left/><right/><top/><bottom/>'
    '<diagonal/></border></borders><cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs count="3"><xf/>'
    '<xf fontId="1" applyFont="1"/><xf numFmtId="164" applyNumberFormat="1"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
)
_UNSAYABLE: Final = re.compile("[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
"""What XML cannot hold, and what would be read as the code that stands for it."""


def workbook(heads: Sequence[str], batches: Iterable[Sequence[Sequence[Cell]]], rows: int = ROWS) -> Iterator[bytes]:
    """Yield a workbook in pieces; records that no longer fit on a sheet go to a further one, under the same heads.

    Args:
        heads: The heads of the columns.
        batches: The records, many at a time.
        rows: Rows of a sheet.
    """
    out = _Passing()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        sheets, pending, waiting = 0, iter(batches), list[Sequence[Cell]]()
        while waiting or not sheets or (waiting := _next(pending)):
            sheets += 1
            with archive.open(_info(f"xl/worksheets/sheet{sheets}.xml"), "w") as sheet:
                sheet.write(_sheet_begins(heads))
                room, size = rows - 1, 0
                while room > 0 and size < _SHEET_BYTES and (waiting := waiting or _next(pending)):
                    size += sheet.write("".join(map(_row, waiting[:room])).encode())
                    room, waiting = room - len(waiting[:room]), waiting[room:]
                    yield out.taken()
                last = rows - room
                sheet.write(f'</sheetData><autoFilter ref="A1:{_column(len(heads) - 1)}{last}"/></worksheet>'.encode())
            yield out.taken()
        for name, text in _around(sheets):
            archive.writestr(_info(name), _HEAD + text)
    yield out.taken()


def _next(pending: Iterator[Sequence[Sequence[Cell]]]) -> list[Sequence[Cell]]:
    """Return the next batch that holds something; nothing at the end."""
    return next((list(batch) for batch in pending if batch), [])


class _Passing(io.RawIOBase):
    """A file that holds what was written since it was asked last, and cannot be gone back in."""

    def __init__(self) -> None:
        self._written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: "bytes | bytearray | memoryview") -> int:  # type: ignore[override]  # what zipfile writes
        self._written += data
        return len(data)

    def taken(self) -> bytes:
        taken, self._written = bytes(self._written), bytearray()
        return taken


def _info(name: str) -> zipfile.ZipInfo:
    """Return an entry whose moment is always the same: equal records make equal files."""
    info = zipfile.ZipInfo(name)
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def _sheet_begins(heads: Sequence[str]) -> bytes:
    wide = f'<col min="1" max="{len(heads)}" width="22" customWidth="1"/>'
    cells = "".join(_text(head, _BOLD) for head in heads)
    return (
        f'{_HEAD}<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0"><pane ySplit="1" '
        f'topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews><cols>{wide}</cols>'
        f"<sheetData><row>{cells}</row>"
    ).encode()


def _row(cells: Sequence[Cell]) -> str:
    return f"<row>{''.join(map(_cell, cells))}</row>"


def _cell(cell: Cell) -> str:
    if isinstance(cell, datetime):
        return f'<c s="{_MOMENT}"><v>{(cell - _EPOCH).total_seconds() / 86_400:.10f}</v></c>'
    return _text(cell) if cell else "<c/>"


def _text(text: str, style: int = 0) -> str:
    if len(text) > LONGEST_CELL:
        text = f"{text[: LONGEST_CELL - 1]}…"
    text = escape(_UNSAYABLE.sub(lambda found: f"_x{ord(found[0]):04X}_", text))
    styled = f' s="{style}"' if style else ""
    return f'<c{styled} t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'


def _column(number: int) -> str:
    """Return the letters of a column, from 0."""
    letters = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def _around(sheets: int) -> Iterator[tuple[str, str]]:
    """Yield the parts that say what the sheets are."""
    numbers = range(1, sheets + 1)
    yield (
        "[Content_Types].xml",
        f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{_TYPE}.styles+xml"/>'
        + "".join(
            f'<Override PartName="/xl/worksheets/sheet{number}.xml" ContentType="{_TYPE}.worksheet+xml"/>'
            for number in numbers
        )
        + "</Types>",
    )
    yield "_rels/.rels", _relations([("rId1", "officeDocument", "xl/workbook.xml")])
    names = "".join(
        f'<sheet name="Records{f" {number}" if number > 1 else ""}" sheetId="{number}" r:id="rId{number}"/>'
        for number in numbers
    )
    yield (
        "xl/workbook.xml",
        f'<workbook xmlns="{_MAIN}" xmlns:r="{_REL}"><sheets>{names}</sheets></workbook>',
    )
    yield (
        "xl/_rels/workbook.xml.rels",
        _relations([(f"rId{number}", "worksheet", f"worksheets/sheet{number}.xml") for number in numbers]
                   + [("styles", "styles", "styles.xml")]),
    )  # fmt: skip
    yield "xl/styles.xml", _STYLES


def _relations(rows: Iterable[tuple[str, str, str]]) -> str:
    inside = "".join(f'<Relationship Id="{one}" Type="{_REL}/{kind}" Target="{to}"/>' for one, kind, to in rows)
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{inside}</Relationships>'
