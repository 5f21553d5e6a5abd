"""Lists as files: how far each is, and where it is downloaded."""

from collections.abc import Mapping
from typing import Any, Final

import htpy as h
from htpy import Element, Node
from starlette.responses import Response, StreamingResponse

from services.console.exports.formats import FORMATS
from services.console.use.problems import Problem
from services.console.use.standing.records import Filter
from services.console.web.asked import Asked, html, see_other
from services.console.web.parts.page import page
from services.console.web.parts.pieces import button, empty, hidden, notice, send, table
from services.console.web.parts.words import Mark, ago, badge, count, many, size, span, url

PATH: Final = "/exports"
_EVERY_S: Final = 2
_STATES: Final[Mapping[str, Mark]] = {
    "waiting": Mark("Waiting", "clock", "wait"),
    "running": Mark("Being made", "refresh", "wait"),
    "ready": Mark("Ready", "check", "ok"),
    "failed": Mark("Failed", "alert", "bad"),
    "ended": Mark("Ended", "minus", "off"),
}
_HEADS: Final = ("Records", "State", "Format", "Asked for", "Deleted", "Actions")
_OPEN: Final = ("waiting", "running")


def show(asked: Asked) -> Response:
    """Return the page of all files, the newest first."""
    rows = asked.console.exports.rows(asked.caller)
    inside = (
        table("Files", _HEADS, [_row(asked, row) for row in rows])
        if rows
        else empty(
            "No list was exported yet",
            "Filter the records, and choose Export: the file is made in the background and waits here for a day.",
            button("Go to the records", href="/records"),
            mark="download",
        )
    )
    is_open = any(row["state"] in _OPEN for row in rows)
    return html(
        page(asked, "Exports", h.div(".stack")[_word(asked, rows), inside], here=PATH, every=_EVERY_S if is_open else 0)
    )


def ask(asked: Asked) -> Response:
    """Ask for the list that the filters choose as a file."""
    given = next((name for name in FORMATS if name == asked.form.get("format")), None)
    if given is None:
        raise Problem(422, "Not understood", f"Choose one of the formats {', '.join(FORMATS)}.")
    made = asked.console.exports.ask(asked.caller, Filter.read(asked.form), given, mail="mail" in asked.form)
    return see_other(url(PATH, show=made["id"]))


def download(asked: Asked) -> Response:
    """Return a file, or the part of it that the browser lacks."""
    file = asked.console.exports.open(
        asked.params["name"], asked.headers.get("range", ""), asked.headers.get("if-range", "")
    )
    return StreamingResponse(
        file.pieces, 200 if file.is_whole else 206, headers=dict(file.headers), media_type=file.media_type
    )


def delete(asked: Asked) -> Response:
    """Delete a file, or stop making it."""
    asked.console.exports.delete(asked.caller, asked.params["name"])
    return see_other(PATH)


def form_of(asked: Asked, wanted: Filter) -> Element:
    """Return where a list is asked for as a file."""
    return h.details(".pop", id="export")[
        h.summary(".button.plain")["Export"],
        h.form(".panel", method="post", action=PATH, aria_label="Export")[
            hidden("form_token", asked.form_token()),
            [hidden(name, value) for name, value in wanted.query().items()],
            h.label(".pick")[
                h.span(".lab")["Format"],
                h.select(name="format", id="export-format")[
                    [h.option(value=name)[row.title] for name, row in FORMATS.items()]
                ],
            ],
            h.label[h.input(type="checkbox", name="mail", value="on"), "Tell me by mail when it is ready"]
            if asked.caller.user and asked.site.access.mailing.server is not None
            else None,
            h.p(".hint")["The file is made in the background, and can be downloaded for a day."],
            h.p(".row")[button("Export all that the filters choose", type="submit", mark="download")],
        ],
    ]


def _word(asked: Asked, rows: list[dict[str, Any]]) -> Element | None:
    """Return how the file stands that was asked for just now."""
    row = next((row for row in rows if row["id"] == asked.query.get("show")), None)
    if row is None:
        return None
    if row["state"] in _OPEN:
        text: Node = "It goes on when this page is left. The file waits here for a day."
        return notice("wait", "Your file is being made", h.p[_progress(row)], h.p[text], name="shown")
    if row["state"] == "ready":
        return notice("ok", "Your file is ready", h.p[_progress(row)], h.p[_download(row, "shown-file")], name="shown")
    return notice("bad", "There is no file", h.p[row["error"] or "Its time is over: export the list again."],
                  name="shown")  # fmt: skip


def _row(asked: Asked, row: Mapping[str, Any]) -> Element:
    ends = row["until_ms"]
    return h.tr(id=f"e-{row['id']}")[
        h.th(".name.wrap", scope="row")[
            row["records"],
            h.span(".sub")[_progress(row)],
            h.p(".note")[row["error"]] if row["error"] else None,
            _mailed(row),
        ],
        h.td(".state")[badge(_STATES[row["state"]])],
        h.td(data_label="Format")[FORMATS[row["format"]].title],
        h.td(data_label="Asked for")[ago(row["asked_at_ms"], asked.now_ms), h.span(".sub")[f"by {row['who']}"]],
        h.td(data_label="Deleted")[
            f"in {span((ends - asked.now_ms) / 1000)}" if ends and ends > asked.now_ms else h.span(".none")["not yet"]
        ],
        h.td[
            h.div(".row")[
                _download(row, f"file-{row['id']}") if row["state"] == "ready" else None,
                send(
                    asked,
                    f"{PATH}/{row['id']}/delete",
                    "Cancel" if row["state"] in _OPEN else "Delete",
                )
                if row["may_delete"]
                else None,
            ]
        ],
    ]


def _mailed(row: Mapping[str, Any]) -> Element | None:
    if row["mail"] in ("", "waiting"):
        return None
    return h.p(".note")["Told by mail." if row["mail"] == "sent" else f"Not told by mail: {row['mail']}."]


def _download(row: Mapping[str, Any], name: str) -> Element:
    return button("Download", href=f"{PATH}/{row['id']}/file", mark="download", id=name)


def _progress(row: Mapping[str, Any]) -> Node:
    if row["state"] not in _OPEN:
        return f"{many(row['rows'], 'record')}, {size(row['size'])}" if row["state"] != "failed" else None
    if not row["total"]:
        return f"{many(row['rows'], 'record')} written"
    text = f"{count(row['rows'])} of {count(row['total'])} records"
    return [text, " ", h.progress(value=str(min(row["rows"], row["total"])), max=str(row["total"]), aria_label=text)]
