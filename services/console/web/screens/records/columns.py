"""Columns of the list of records: which are shown, in which order, as the address says, or as somebody has kept."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import htpy as h
from htpy import Element, Node

from services.console.explain import names_of, with_apps
from services.console.use.reasons import reason_of
from services.console.views.lists import PairRow
from services.console.web.asked import Asked
from services.console.web.parts.pieces import button, hidden
from services.console.web.parts.words import ago, status_badge
from services.console.web.screens.records.record import address
from shared.model.sides import BySide

Names = BySide[str]


class _Column(NamedTuple):
    """One column beside the name."""

    title: str
    kind: str
    cell: Callable[[PairRow, Names, int], Node]


def _status(row: PairRow, names: Names, _now_ms: int) -> Node:
    return h.div[status_badge(row.status), h.span(".why")[_why(row, names) if row.reason else None]]


def _why(row: PairRow, names: Names) -> str:
    return with_apps(reason_of(row.status, row.reason).title, names)


def _none(text: str) -> Element:
    return h.span(".none")[text]


_COLUMNS: Final[Mapping[str, _Column]] = {
    "status": _Column("Status", "stat", _status),
    "address": _Column("Address", "ident", lambda row, _names, _now: row.ident or _none("none")),
    "changed": _Column("Last change", "when", lambda row, _names, now_ms: ago(row.changed_ms, now_ms)),
    "sync": _Column("Sync", "", lambda row, _names, _now: row.sync),
    "left": _Column("Left record", "id", lambda row, _names, _now: row.left_id or _none("not there")),
    "right": _Column("Right record", "id", lambda row, _names, _now: row.right_id or _none("not there")),
}
ALL: Final = tuple(_COLUMNS)
"""All columns, in the order in which they are shown by default."""
PLACES: Final = tuple(f"column{number}" for number in range(1, len(ALL) + 1))
"""What the form calls the columns, from the left."""
WIDTHS: Final = {"narrow": "Narrow", "medium": "Medium", "wide": "Wide"}
"""How wide a column may be, beside as wide as needed."""
_WIDTH: Final = "width-{}"
EVERY: Final = "every"
"""What the form says when all columns are asked for."""
NONE: Final = "none"
"""How an address says that the name alone is shown."""


def read(given: str, kept: Sequence[str] | None = None) -> tuple[str, ...]:
    """Return the columns that an address names, each once; those that were kept, or all, when it names none."""
    if given == NONE:
        return ()
    return _known(given.split(",")) or (ALL if kept is None else _known(kept))


def _known(names: Iterable[str]) -> tuple[str, ...]:
    """Return what is a column here: another version may know others."""
    return tuple(dict.fromkeys(name for name in names if name in _COLUMNS))


def text(shown: Sequence[str]) -> str:
    """Return columns as an address names them."""
    return ",".join(shown) or NONE


def chosen(sent: Mapping[str, str]) -> tuple[str, ...] | None:
    """Return what the form chose; None for all of them in their order."""
    shown = ALL if EVERY in sent else _known(sent.get(place, "") for place in PLACES)
    return None if shown == ALL else shown


def widths(sent: Mapping[str, str]) -> dict[str, str]:
    """Return how wide the columns are that the form chose; none of them where all columns are asked for."""
    if EVERY in sent:
        return {}
    found = {"name": sent.get(_WIDTH.format("name"), "")}
    found |= {sent.get(place, ""): sent.get(_WIDTH.format(place), "") for place in PLACES}
    return {name: width for name, width in found.items() if width in WIDTHS and name in ("name", *_COLUMNS)}


def form(asked: Asked, action: str, kept: Mapping[str, str], shown: Sequence[str]) -> Element:
    """Return where columns are chosen and kept: for each place from the left, which stands there.

    Args:
        asked: What was asked.
        action: Where they are kept.
        kept: The filters, which stay.
        shown: The columns as they are.
    """
    wide = _kept_widths(asked)
    return h.details(".pop.columns", id="columns")[
        h.summary(".button.plain")["Columns"],
        h.form(".panel", method="post", action=action, aria_label="Columns")[
            hidden("form_token", asked.form_token()),
            [hidden(name, value) for name, value in kept.items()],
            h.div(".place")[h.span(".lab")["Name"], _width("name", "Width of the name", wide.get("name", ""))],
            [_place(number, name, shown, wide) for number, name in enumerate(PLACES)],
            h.p(".row")[
                button("Keep these", type="submit"),
                button("All columns", kind="ghost", type="submit", name=EVERY, value="on"),
            ],
            h.p(".hint")["Kept for you, in every browser."],
        ],
    ]


def _kept_widths(asked: Asked) -> Mapping[str, str]:
    """Return how wide somebody wants columns."""
    return asked.site.accounts.people.preferences(asked.caller.user).widths


def _place(number: int, name: str, shown: Sequence[str], wide: Mapping[str, str]) -> Element:
    at = shown[number] if number < len(shown) else ""
    return h.div(".place")[
        h.label(".pick")[
            h.span(".lab")[f"Column {number + 2}"],
            h.select(name=name)[
                h.option(value="", selected=not at)["None"],
                [h.option(value=one, selected=one == at)[column.title] for one, column in _COLUMNS.items()],
            ],
        ],
        _width(name, f"Width of column {number + 2}", wide.get(at, "")),
    ]


def _width(place: str, label: str, chosen: str) -> Element:
    return h.select(name=_WIDTH.format(place), aria_label=label)[
        h.option(value="", selected=chosen not in WIDTHS)["As needed"],
        [h.option(value=name, selected=name == chosen)[title] for name, title in WIDTHS.items()],
    ]


def _class(kind: str, width: str) -> str | None:
    return " ".join(one for one in (kind, f"is-{width}" if width in WIDTHS else "") if one) or None


def table_of(asked: Asked, rows: Sequence[PairRow], shown: Sequence[str]) -> Element:
    """Return a page of the list as a table; the name comes first and stays."""
    now, setups, wide = asked.now_ms, asked.console.setups, _kept_widths(asked)
    names = {sync: names_of(setups, sync) for sync in {row.sync for row in rows}}
    titles = {name: _COLUMNS[name].title for name in shown}
    sides = {*names.values()}
    if len(sides) == 1:
        ((left, right),) = sides
        titles |= {name: title for name, title in (("left", left), ("right", right)) if name in titles}
    body = [
        h.tr[
            h.th(class_=_class("name", wide.get("name", "")), scope="row")[_link(row)],
            [_cell(row, name, names[row.sync], now, wide.get(name, "")) for name in shown],
        ]
        for row in rows
    ]
    heads = ("Name", *(titles[name] for name in shown))
    return h.div(".scroll", tabindex="0", role="region", aria_label="Records, as a table")[
        h.table(".grid.records")[h.thead[h.tr[[h.th(scope="col")[head] for head in heads]]], h.tbody[body]]
    ]


def _link(row: PairRow) -> Element:
    return h.a(href=address(row.pair), id=f"r-{row.pair}")[row.label or "(no name)"]


def _cell(row: PairRow, name: str, names: Names, now_ms: int, width: str) -> Element:
    column = _COLUMNS[name]
    label = {"status": None, "left": names.left, "right": names.right}.get(name, column.title)
    return h.td(class_=_class(column.kind, width), data_label=label)[column.cell(row, names, now_ms)]
