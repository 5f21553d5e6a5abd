"""The activity log: who did what, when, and what changed by it, the newest first."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

import htpy as h
from htpy import Element, Node
from starlette.responses import Response

from services.console.use.activity import DEEDS
from services.console.views.activities import ActivityFilter
from services.console.web.asked import Asked, html
from services.console.web.parts.page import page
from services.console.web.parts.pieces import button, empty, pick, table
from services.console.web.parts.words import ago, icon, url

PATH: Final = "/activity"
_PAGE: Final = 50
_LONGEST: Final = 200
_KINDS: Final = (
    ("setup", "What is set up"),
    ("record", "Records"),
    ("job", "Jobs"),
    ("parked", "Parked messages"),
    ("user", "Users"),
    ("token", "Tokens of the API"),
)
_VIAS: Final = {"page": "by page", "api": "by API", "command": "by command", "process": "by itself"}
_PLACES: Final = {"record": "/records/{}", "sync": "/syncs/{}"}


def show(asked: Asked) -> Response:
    """Return one page of the log."""
    said = {name: asked.query[name][:_LONGEST] for name in ("what", "q") if asked.query.get(name)}
    text = asked.query.get("before", "")
    before = int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0
    rows = asked.console.views.activity(before, _PAGE + 1, ActivityFilter(**said))
    shown = rows[:_PAGE]
    return html(
        page(
            asked,
            "Activity",
            _filters(said),
            h.div(id="list")[_list(asked, shown) if shown else _nothing(said), _pager(said, rows, before)],
            here=PATH,
        )
    )


def _filters(said: Mapping[str, str]) -> Element:
    return h.form(".bar", id="filters", action=PATH, data_live="", role="search", aria_label="Filter the log")[
        h.label(".find")[
            icon("search"),
            h.span(".sr")["Who, or about what"],
            h.input(type="search", name="q", value=said.get("q", ""), placeholder="Who, or about what",
                    autocomplete="off"),
        ],
        pick("what", "About", _KINDS, said.get("what", "")),
        h.noscript[button("Apply", type="submit")],
    ]  # fmt: skip


def _nothing(said: Mapping[str, str]) -> Element:
    if said:
        return empty("Nothing matches", "No entry fits these filters.", button("Clear filters", href=PATH), mark="log")
    return empty("Nothing was done yet", "What people and programs change here is listed with who did it.", mark="log")


def _list(asked: Asked, rows: Sequence[Mapping[str, Any]]) -> Element:
    body = [
        h.tr[
            h.th(".name.wrap", scope="row")[row["who"], h.span(".sub")[_VIAS.get(row["via"], row["via"])]],
            h.td(".wrap", data_label="Did")[DEEDS.get(row["what"], row["what"])],
            h.td(".wrap", data_label="About")[_about(row["about"])],
            h.td(".wrap.value", data_label="What changed")[_changes(row)],
            h.td(data_label="When")[ago(row["at_ms"], asked.now_ms)],
        ]
        for row in rows
    ]
    return table("Activity", ("Who", "Did", "About", "What changed", "When"), body)


def _about(about: str) -> Node:
    kind, _, name = about.partition(":")
    if not name:
        return h.span(".none")["the own account"]
    place = _PLACES.get(kind)
    return [f"{kind} ", h.a(href=url(place.format(_quoted(name))))[name] if place else name]


def _quoted(name: str) -> str:
    return quote(name, safe="")


def _changes(row: Mapping[str, Any]) -> Element:
    lines: list[Node] = [
        h.p[
            f"{one['name']}: ", [h.del_[one["before"]], " → "] if one["before"] else None, h.ins[one["after"] or "none"]
        ]
        for one in row["changes"]
    ]
    if row["note"]:
        lines.append(h.p(".note")[row["note"]])
    return h.div(".lines")[lines] if lines else h.span(".none")["nothing besides"]


def _pager(said: Mapping[str, str], rows: Sequence[Mapping[str, Any]], before: int) -> Element | None:
    if len(rows) <= _PAGE and not before:
        return None
    return h.footer(".pager")[
        h.div(".row")[
            button("First page", href=url(PATH, said), id="first", data_live="") if before else None,
            button(
                ["Next page", icon("right")],
                href=url(PATH, said, before=str(rows[_PAGE - 1]["at"])),
                id="next",
                data_live="",
            )
            if len(rows) > _PAGE
            else None,
        ]
    ]
