"""Messages that nobody could handle, the newest first."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import htpy as h
from htpy import Element
from starlette.responses import Response

from services.console.use.reasons import reason_of
from services.console.web.asked import Asked, html
from services.console.web.parts.page import page
from services.console.web.parts.pieces import button, empty, table
from services.console.web.parts.words import ago, icon, many, url

PATH: Final = "/parked"
_PAGE: Final = 50


def show(asked: Asked) -> Response:
    """Return one page of the list."""
    text = asked.query.get("before", "")
    before = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
    rows = asked.console.views.parked_rows(before, _PAGE + 1)
    return html(
        page(
            asked,
            "Parked messages",
            h.div(id="list")[_list(asked, rows[:_PAGE]) if rows else _nothing(), _pager(asked, rows, before)],
            here=PATH,
        )
    )


def _nothing() -> Element:
    return empty("Nothing is parked", "Every message so far could be handled.", mark="check")


def _list(asked: Asked, rows: Sequence[Mapping[str, Any]]) -> Element:
    body = [
        h.tr[
            h.th(".name", scope="row")[
                h.a(href=url("/why", q=row["key"].split("/", 2)[-1]), id=f"p-{row['at']}")[row["key"]]
            ],
            h.td(data_label="Topic")[row["topic"]],
            h.td(data_label="Reason")[reason_of("failing", row["reason"]).title],
            h.td(".wrap")[row["detail"]],
            h.td(data_label="When")[ago(row["at_ms"], asked.now_ms)],
        ]
        for row in rows
    ]
    return table("Parked messages", ("About", "Topic", "Reason", "What was said", "When"), body)


def _pager(asked: Asked, rows: Sequence[Mapping[str, Any]], before: int) -> Element | None:
    if not rows and not before:
        return None
    number = sum(asked.console.views.parked().values())
    return h.footer(".pager")[
        h.p(data_told="")[many(number, "message")],
        h.div(".row")[
            button("First page", href=PATH, id="first", data_live="") if before else None,
            button(
                ["Next page", icon("right")], href=url(PATH, before=str(rows[_PAGE - 1]["at"])), id="next", data_live=""
            )
            if len(rows) > _PAGE
            else None,
        ],
    ]
