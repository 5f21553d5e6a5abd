"""The search box "Why?": leads to the one record that is meant, or offers those that may be; else apps are asked."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import htpy as h
from htpy import Element
from starlette.responses import Response

from services.console.use.meant import Place, label_of
from services.console.use.records.finding import MOST, find, held_at
from services.console.use.records.unseen import Told, explained, read_now, why_at, why_of
from services.console.web.asked import Asked, html, see_other
from services.console.web.parts.page import page
from services.console.web.parts.pieces import button, card, empty, notice, send, table
from services.console.web.parts.words import Tone, ago, icon, many, prose, status_badge, url
from services.console.web.screens.records.record import address, sentence
from shared.model.pairs import Pair

_EVERY_S: Final = 3
_TONES: Final[Mapping[str, Tone]] = {
    "not_told": "wait",
    "failing": "bad",
    "not_readable": "bad",
    "not_answered": "warn",
}
"""How an answer looks; all others are told as they are."""


def show(asked: Asked) -> Response:
    """Return the records that a text may mean, or go to the only one; where none is known, ask the apps."""
    text, place = asked.query.get("q", "").strip()[:500], _place(asked.query)
    if "asked" in asked.query:
        return html(_waiting(asked, text, place))
    pairs, told = why_at(asked.console, asked.caller, *place) if place else why_of(asked.console, asked.caller, text)
    if len(pairs) == 1 and not told.answers:
        return see_other(address(pairs[0].pair))
    shown = [explained(asked.console, answer, asked.caller.role) for answer in told.answers]
    silent = all(one["asked"]["found"] == "not_answered" for one in shown)
    above = _nothing(text or (place[2] if place else ""), told) if silent else None
    body = h.div(".stack", id="list")[
        _known(asked, text, pairs) if pairs else above, [_answer(asked, one, n) for n, one in enumerate(shown)]
    ]
    return html(page(asked, "Why?", body))


def read(asked: Asked) -> Response:
    """Ask for a record to be read that no sync has seen yet."""
    given = (asked.form.get(name, "") for name in ("connection", "object", "record"))
    place = read_now(asked.console, *given)
    return see_other(url("/why", connection=place.connection, object=place.object, record=place.record, asked="read"))


def _place(query: Mapping[str, str]) -> tuple[str, str, str] | None:
    """Return the record that an address names in full."""
    connection, object_, record = (query.get(name, "")[:1000] for name in ("connection", "object", "record"))
    return (connection, object_, record) if connection and object_ and record else None


def _waiting(asked: Asked, text: str, place: tuple[str, str, str] | None) -> Element:
    """Return what is known by now of a record that is being read, without asking its app each time."""
    pairs = held_at(asked.console, Place(*place)) if place else find(asked.console, text)
    parts = zip(("connection", "object", "record"), place or (), strict=False)
    again = url("/why", **dict(parts)) if place else url("/why", q=text)
    told = "It is read as if its app had told of it; what comes of it shows here by itself."
    return page(
        asked,
        "Why?",
        h.div(".stack", id="list")[
            notice("info", "Asked for", h.p[told], h.p[h.a(href=again)["Ask the app once more"], " if nothing comes."])
            if not pairs
            else notice("ok", "It is known now", h.p["A sync has taken it up."]),
            _rows(asked, pairs) if pairs else None,
        ],
        every=_EVERY_S,
    )


def _nothing(text: str, told: Told) -> Element:
    if not text:
        return empty(
            "Which record?",
            "Write a name, an e-mail address, the id of a record, or its link in the app, into the box above.",
            mark="search",
        )
    return empty(
        "Not seen",
        f"No sync knows a record by {text!r}. {told.nowhere} Nobody needs to act.",
        button("See all records", href="/records"),
        mark="search",
    )


def _known(asked: Asked, text: str, pairs: Sequence[Pair]) -> Element:
    more = (
        [" These are the newest; ", h.a(href=url("/records", q=text))["see all"], "."] if len(pairs) == MOST else None
    )
    return h.div(".stack")[
        h.p(data_told="")[many(len(pairs), "record"), f" may be meant by “{text}”.", more],
        _rows(asked, pairs),
    ]


def _rows(asked: Asked, pairs: Sequence[Pair]) -> Element:
    rows = [
        h.tr[
            h.th(".name", scope="row")[h.a(href=address(pair.pair), id=f"r-{pair.pair}")[pair.label or "(no name)"]],
            h.td(".state")[status_badge(pair.status)],
            h.td(data_label="Sync")[pair.sync],
            h.td(data_label="Last change")[ago(pair.changed_ms, asked.now_ms)],
        ]
        for pair in pairs
    ]
    return table("Records", ("Name", "Status", "Sync", "Last change"), rows)


# What an app says


def _answer(asked: Asked, told: Mapping[str, Any], number: int) -> Element:
    """Return what an app says of a record that no sync has seen: a sentence, who acts, what decides, and what to do."""
    said, name = told["asked"], f"answer-{number}"
    place = {part: said[part] for part in ("connection", "object", "record")}
    into = url("/why", connection=said["connection"], object=said["object"], record=said["merged_into"])
    heads = ("What decides", "Value")
    app = label_of(asked.console.setups, said["connection"])
    values = [
        h.tr[
            h.th(".name.wrap", scope="row")[row["label"]],
            h.td(".wrap.value", data_label=heads[1])[row["value"] or h.span(".none")["blank"]],
        ]
        for row in said["values"]
    ]
    return card(
        told["label"] or f"{said['object'].replace('_', ' ').capitalize()} {said['record']}".strip(),
        h.div(".pad.stack")[
            sentence(told, _TONES.get(said["found"], "info"), [prose(one) for one in told["why"]]),
            h.p[h.a(href=into)[f"Why is {said['merged_into']} as it is?"]] if said["merged_into"] else None,
            h.p[h.a(href=said["url"], rel="noreferrer")[f"Open in {app} ", icon("out")]]
            if said["url"].startswith("https://")
            else None,
        ],
        table("What decides", heads, values) if values else None,
        h.p(".pad.muted")["Its app was asked just now. Nothing of it is kept."],
        name=name,
        actions=send(asked, "/records/read", "Read this record now", mark="refresh", kind="primary", **place)
        if said["can_be_read"]
        else None,
    )
