"""The first page: what is wrong, then every sync with its numbers, then every connection."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import htpy as h
from htpy import Element, Node
from starlette.responses import Response

from services.console.use.standing.troubles import Trouble, troubles
from services.console.web.asked import Asked, html
from services.console.web.parts.page import page
from services.console.web.parts.pieces import button, card, empty, notice, table
from services.console.web.parts.words import STATUS, Tone, ago, badge, count, prose, span, url
from services.console.web.screens.accounts.accounts import accounts_table, nothing_connected, path_of_account
from services.console.web.screens.standing import jobs
from services.console.web.screens.standing.standing import between, path_of, state_of

_EVERY_S: Final = 5
_TONES: Final[Mapping[str, Tone]] = {
    "connection": "bad", "job": "bad", "sync": "bad", "records": "bad", "parked": "warn", "feed": "warn",
    "webhooks": "warn", "views": "info",
}  # fmt: skip
_NUMBERS: Final = tuple(mark.text for mark in STATUS.values())


def show(asked: Asked) -> Response:
    """Return the first page."""
    health = asked.console.health()
    found = troubles(health)
    return html(
        page(
            asked,
            "Home",
            h.div(".stack")[
                _troubles(found), _syncs(asked, health), _connections(asked, health),
            ],
            here="/",
            every=_EVERY_S,
        )
    )  # fmt: skip


def _troubles(found: Sequence[Trouble]) -> Element:
    rows: Node = [_trouble(number, row) for number, row in enumerate(found)]
    if not found:
        rows = notice("ok", "All is well", h.p["No record fails, and every connection works."])
    return h.section(".troubles", id="troubles", aria_label="Problems")[rows]


def _trouble(number: int, row: Trouble) -> Element:
    act = [prose(row.remedy), " "] if row.remedy else None
    return notice(
        _TONES[row.kind],
        h.a(href=_leads(row), id=f"to-{number}")[row.title] if _leads(row) else row.title,
        h.p[prose(row.detail)] if row.detail else None,
        h.p[act, h.span(".muted")[f"Acts: {row.who}."] if row.who else None] if act or row.who else None,
        name=f"trouble-{number}",
    )


def _leads(row: Trouble) -> str:
    """Return where a problem is shown in full."""
    if row.kind == "records":
        return url("/records", sync=row.sync, status="failing", category=row.reason)
    if row.kind == "connection":
        return path_of_account(row.connection)
    if row.kind in ("feed", "webhooks"):
        return f"{path_of_account(row.connection)}/feeds"
    if row.job:
        return jobs.path_of(row.job)
    if row.kind == "sync":
        return path_of(row.sync)
    return "/parked" if row.kind == "parked" else ""


def _syncs(asked: Asked, health: Mapping[str, Any]) -> Element:
    rows = [_sync(asked, row, health["at_ms"]) for row in health["syncs"]]
    inside = (
        table("Syncs", ("Sync", "State", "Between", *_NUMBERS, "Last settled"), rows, numbers=_NUMBERS)
        if rows
        else empty(
            "Nothing is synced yet",
            "A sync keeps the records of two accounts the same.",
            button("Set up a sync", href="/set-up", kind="primary"),
        )
    )
    return card(
        "Syncs", inside, name="syncs", actions=h.a(href="/set-up", id="set-up")["Set up a sync"] if rows else None
    )


def _sync(asked: Asked, row: Mapping[str, Any], now_ms: int) -> Element:
    waits = row["oldest_pending_s"]
    return h.tr[
        h.th(".name", scope="row")[h.a(href=path_of(row["id"]), id=f"s-{row['id']}")[row["id"]]],
        h.td(".state")[badge(state_of(row))],
        h.td(data_label="Between")[between(asked, row["id"])],
        [
            h.td(".num", data_label=mark.text)[
                h.a(href=url(path_of(row["id"]), panel=status), id=f"n-{row['id']}-{status}")[
                    count(row["counts"][status])
                ]
            ]
            for status, mark in STATUS.items()
        ],
        h.td(data_label="Last settled")[
            ago(row["last_settled_ms"], now_ms),
            h.span(".muted")[f" · oldest waits {span(waits)}"] if waits >= 1 else None,
        ],
    ]  # fmt: skip


def _connections(asked: Asked, health: Mapping[str, Any]) -> Element:
    rows = health["connections"]
    inside = accounts_table(rows, health, asked.console.setups.apps) if rows else nothing_connected()
    return card("Accounts", inside, name="connections", actions=h.a(href="/apps", id="to-apps")["All apps"])
