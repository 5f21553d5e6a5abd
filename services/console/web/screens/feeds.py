"""The feeds of one account: how each way of learning its changes stands."""

from collections.abc import Mapping
from typing import Any, Final

import htpy as h
from htpy import Element, Node
from starlette.responses import Response

from services.console.use.apps import every, object_title
from services.console.use.feeds import feeds
from services.console.web.asked import Asked, html
from services.console.web.parts.pieces import card, empty, table
from services.console.web.parts.words import Mark, ago, badge, many, prose, span
from services.console.web.screens.connection_parts import account_page

_STATES: Final = {
    "up_to_date": Mark("Up to date", "check", "ok"),
    "reads_on": Mark("Reading on", "clock", "wait"),
    "behind": Mark("Behind", "warn", "warn"),
    "waits": Mark("Waits", "pause", "warn"),
    "not_begun": Mark("Not begun", "clock", "off"),
}
_TELLS: Final = {
    "create": "new records", "update": "edits", "delete": "deletes", "merge": "merges", "association": "associations",
}  # fmt: skip
_KINDS: Final = {"poll": "asked for", "rounds": "all records in turn asked for"}


def show(asked: Asked) -> Response:
    """Return the feeds of one account."""
    row = asked.console.connections.find(asked.params["name"])
    found = feeds(asked.console, row)
    body = [_feeds(found), _webhooks(found)]
    return html(account_page(asked, row, asked.console.connection(row), "feeds", *body))


def _feeds(found: Mapping[str, Any]) -> Element:
    now = found["at_ms"]
    rows = [
        h.tr[
            h.th(".name.wrap", scope="row")[
                object_title(row["object"]),
                h.span(".muted")[f" · {row['feed'].rpartition('/')[2]}"],
                h.div(".sub")[f"{_KINDS[row['kind']]} {', '.join(_TELLS[what] for what in row['tells_of'])}"],
            ],
            h.td(".wrap")[badge(_STATES[row["state"]]), _why(row, now)],
            h.td(data_label="Known up to")[_at(row["complete_to_ms"], now)],
            h.td(data_label="Read last")[_at(row["read_ms"], now)],
            h.td(data_label="New last")[_at(row["event_ms"], now)],
            h.td(".wrap", data_label="Asked")[_asked(row)],
            h.td(".id.wrap", data_label="Cursor")[_cursor(row, now)],
        ]
        for row in found["feeds"]
    ]
    if not rows:
        return empty("Nothing is asked for", "An account is asked for changes once a sync that is on uses it.",
                     mark="inbox")  # fmt: skip
    heads = ("Feed", "State", "Known up to", "Read last", "New last", "Asked", "Cursor")
    return card("How changes are learned", table("Feeds", heads, rows), name="feeds")


def _at(at_ms: int | None, now_ms: int) -> Node:
    return ago(at_ms, now_ms) if at_ms else h.span(".none")["not yet"]


def _why(row: Mapping[str, Any], now_ms: int) -> Node:
    """Return what a state means where it is not what it should be."""
    if row["state"] == "waits":
        begun = [" since ", ago(row["since_ms"], now_ms)] if row["since_ms"] else None
        return h.div(".sub")[row["title"] or row["reason"], begun, ". ", prose(row["hint"])]
    if row["state"] == "behind":
        return h.div(".sub")[f"Changes of the last {span(row['age_s'])} may be missing."]
    return None


def _asked(row: Mapping[str, Any]) -> Node:
    wanted, real = row["asked_s"], row["interval_s"]
    told: list[Node] = [every(wanted) if wanted else h.span(".none")["not yet"]]
    if real:
        told.append(h.div(".sub")[f"in truth {every(real)}"])
    if row["calls"] > 1:
        told.append(h.div(".sub")[f"{many(row['calls'], 'call')} a round"])
    return told


def _cursor(row: Mapping[str, Any], now_ms: int) -> Node:
    if not row["cursor"]:
        return h.span(".none")["none"]
    return [h.code[row["cursor"]], h.div(".sub")["moved ", _at(row["cursor_moved_ms"], now_ms)]]


def _webhooks(found: Mapping[str, Any]) -> Element | None:
    told = found["webhooks"]
    if told is None:
        return None
    text: Node = "Calls of the app are not taken: no webhook secret is known for this account."
    if told["taken"]:
        last = told["last_ms"]
        text = ["The app called last ", ago(last, found["at_ms"]), "."] if last else "The app has not called yet."
    return card("Calls of the app itself", h.p(".pad")[text], name="webhooks")
