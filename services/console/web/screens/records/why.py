"""The search box "Why?": leads to the one record that is meant, or offers those that may be."""

from collections.abc import Sequence

import htpy as h
from htpy import Element
from starlette.responses import Response

from services.console.use.records.finding import MOST, find
from services.console.web.asked import Asked, html, see_other
from services.console.web.parts.page import page
from services.console.web.parts.pieces import button, empty, table
from services.console.web.parts.words import ago, many, status_badge, url
from services.console.web.screens.records.record import address
from shared.model.pairs import Pair


def show(asked: Asked) -> Response:
    """Return the records that a text may mean, or go to the only one."""
    text = asked.query.get("q", "").strip()[:500]
    found = find(asked.console, text)
    if len(found) == 1:
        return see_other(address(found[0].pair))
    return html(page(asked, "Why?", h.div(id="list")[_found(asked, text, found)]))


def _found(asked: Asked, text: str, found: Sequence[Pair]) -> Element:
    if not text:
        return empty(
            "Which record?",
            "Write a name, an e-mail address, the id of a record, or its link in the app, into the box above.",
            mark="search",
        )
    if not found:
        return empty(
            "Not seen",
            f"No sync knows a record by {text!r}. Either no connected app has told of it yet, or its object is not "
            "synced, or it is written otherwise: records are found by words of their name, address or id, or by the "
            "beginnings of such words.",
            button("See all records", href="/records"),
            mark="search",
        )
    rows = [
        h.tr[
            h.th(".name", scope="row")[h.a(href=address(pair.pair), id=f"r-{pair.pair}")[pair.label or "(no name)"]],
            h.td(".state")[status_badge(pair.status)],
            h.td(data_label="Sync")[pair.sync],
            h.td(data_label="Last change")[ago(pair.changed_ms, asked.now_ms)],
        ]
        for pair in found
    ]
    more = (
        [" These are the newest; ", h.a(href=url("/records", q=text))["see all"], "."] if len(found) == MOST else None
    )
    return h.div(".stack")[
        h.p(data_told="")[many(len(found), "record"), f" may be meant by “{text}”.", more],
        table("Records", ("Name", "Status", "Sync", "Last change"), rows),
    ]
