"""The syncs by their objects: how many records are in which state, each number opening its reasons beside it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import htpy as h
from htpy import Element
from starlette.responses import Response

from services.console.use.connections.apps import title_in
from services.console.web.asked import Asked, html
from services.console.web.parts.page import page
from services.console.web.parts.pieces import button, empty, pick, table
from services.console.web.parts.words import STATUS, ago, badge, count, url
from services.console.web.screens.standing.standing import between, path_of, resync_button, state_of
from services.console.web.screens.standing.sync import panel_of
from shared.model.records import SIDES

PATH: Final = "/objects"
_EVERY_S: Final = 5
_NUMBERS: Final = tuple(mark.text for mark in STATUS.values())


def show(asked: Asked) -> Response:
    """Return all syncs, or those of one connection, by their objects."""
    connection = asked.query.get("connection", "")
    rows, now_ms = asked.console.syncs(connection), asked.console.clock.now_ms()
    rows.sort(key=lambda row: (_object(asked, row["id"]), row["id"]))
    sync, status = asked.query.get("sync", ""), asked.query.get("panel", "")
    opened = next((row for row in rows if row["id"] == sync), None) if status in STATUS else None
    said = {"connection": connection} if connection else {}
    return html(
        page(
            asked,
            "Objects",
            _filter(asked, connection),
            h.div("#list.aside" if opened else "#list")[
                _table(asked, rows, said, now_ms, sync if opened else "", status) if rows else _nothing(said),
                h.aside(id="beside", aria_label="Reasons")[
                    panel_of(asked, opened, status),
                    h.p(".row")[button("Close", mark="close", href=url(PATH, said), id="shut", data_live="")],
                ]
                if opened
                else None,
            ],
            here=PATH,
            every=_EVERY_S,
        )
    )  # fmt: skip


def _filter(asked: Asked, connection: str) -> Element:
    known = [(row.id, row.label or row.id) for row in asked.console.setups.connections()]
    return h.form(".bar", id="filters", action=PATH, data_live="", aria_label="Choose a connection")[
        pick("connection", "Connection", known, connection), h.noscript[button("Apply", type="submit")]
    ]


def _object(asked: Asked, name: str) -> str:
    """Return what a sync is about: its object, and the one of the other side where that has another name."""
    setups = asked.console.setups
    sync = setups.sync(name)
    if sync is None:
        return name
    return " and ".join(
        dict.fromkeys(title_in(setups, sync.side(side).connection, sync.side(side).object) for side in SIDES)
    )


def _nothing(said: Mapping[str, str]) -> Element:
    if said:
        return empty("Nothing is synced with it", "No sync has this connection.", button("Show all", href=PATH))
    return empty("Nothing is synced yet", ["Set a sync up by a file: ", h.code["./syncline apply FILE"]])


def _table(
    asked: Asked, rows: Sequence[Mapping[str, Any]], said: Mapping[str, str], now_ms: int, sync: str, status: str
) -> Element:  # fmt: skip
    heads = ("Object", "State", "Sync", *_NUMBERS, "Last settled", "Actions")
    body = [_row(asked, row, said, now_ms, status if row["id"] == sync else "") for row in rows]
    totals = {name: sum(row["counts"][name] for row in rows) for name in STATUS}
    parts = " + ".join(f"{count(number)} {STATUS[name].text.lower()}" for name, number in totals.items())
    return h.div[
        table("Objects", heads, body, numbers=_NUMBERS),
        h.p(".pager", id="sum")[f"{count(sum(totals.values()))} records = {parts}"],
    ]


def _row(asked: Asked, row: Mapping[str, Any], said: Mapping[str, str], now_ms: int, opened: str) -> Element:
    name = row["id"]
    return h.tr[
        h.th(".name", scope="row")[_object(asked, name)],
        h.td(".state")[badge(state_of(row))],
        h.td(data_label="Sync")[h.a(href=path_of(name), id=f"s-{name}")[name], h.div(".sub")[between(asked, name)]],
        [
            h.td(".num", data_label=mark.text)[
                h.a(
                    href=url(PATH, said, sync=name, panel=status),
                    id=f"n-{name}-{status}",
                    data_live="",
                    aria_current="true" if status == opened else None,
                )[count(row["counts"][status])]
            ]
            for status, mark in STATUS.items()
        ],
        h.td(data_label="Last settled")[ago(row["last_settled_ms"], now_ms)],
        h.td[
            resync_button(asked, name, f"{path_of(name)}/resync", "Resync failing", what="failing")
            if row["counts"]["failing"]
            else None
        ],
    ]
