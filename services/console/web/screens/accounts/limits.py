"""The limits of one account: how much of each is used now, when it is free again, and why no calls are made."""

from collections.abc import Mapping
from typing import Any

import htpy as h
from htpy import Element, Node
from starlette.responses import Response

from services.console.use.connections.apps import every
from services.console.use.health.limits import limits
from services.console.web.asked import Asked, html
from services.console.web.parts.pieces import card, empty, notice, table
from services.console.web.parts.words import ago, count, many, prose, span
from services.console.web.screens.accounts.connection_parts import account_page


def show(asked: Asked) -> Response:
    """Return the limits of one account."""
    row = asked.console.connections.find(asked.params["name"])
    found = limits(asked.console, row)
    pauses = [_paused(pause, found["at_ms"]) for pause in found["pauses"]]
    standing = asked.console.connection(row)
    return html(account_page(asked, row, standing, "limits", pauses, _limits(found), _calls(found)))


def _paused(pause: Mapping[str, Any], now_ms: int) -> Element:
    until, title = pause["until_ms"], str(pause["title"])
    begun = ["Since ", ago(pause["since_ms"], now_ms), ". "] if pause["since_ms"] else None
    ends = (
        f"The next call is tried in {span(max(0, until - now_ms) / 1000)}." if until else "It ends when somebody acts."
    )
    return notice(
        "warn", f"No calls are made: {title[:1].lower()}{title[1:]}", h.p[begun, ends],
        h.p[prose(pause["hint"])] if pause["hint"] else None, name=f"paused-{pause['reason']}",
    )  # fmt: skip


def _limits(found: Mapping[str, Any]) -> Element:
    if not found["limits"]:
        return empty("The app sets no limits", "Syncline knows of no number of calls that this app allows at most.",
                     mark="check")  # fmt: skip
    rows = [
        h.tr[
            h.th(".name.wrap", scope="row")[f"{row['title']} {every(row['window_s'])}"],
            h.td(".use", data_label="Used now")[_used(row)],
            h.td(".wrap", data_label="Free again")[_free(row)],
            h.td(".wrap", data_label="The app says")[_by_app(row, found["at_ms"])],
            h.td(".wrap", data_label="Counted for")[row["counted_for"]],
        ]
        for row in found["limits"]
    ]
    heads = ("Limit", "Used now", "Free again", "The app says", "Counted for")
    return card("How much is used", table("Limits", heads, rows), name="limits")


def _used(row: Mapping[str, Any]) -> Node:
    used, amount = row["used"], row["amount"]
    text = f"{count(used)} of {count(amount)}"
    own = h.span(".muted")[" · set for this account"] if row["set_by"] == "connection" else None
    return [text, own, h.progress(value=str(min(used, amount)), max=str(amount), aria_label=f"{row['title']}: {text}")]


def _free(row: Mapping[str, Any]) -> Node:
    if not row["used"]:
        return "all of it now"
    return f"the first in {_soon(row['next_free_s'])}, all in {_soon(row['all_free_s'])}"


def _soon(seconds: float) -> str:
    return span(seconds) if seconds >= 1 else "less than 1 s"


def _by_app(row: Mapping[str, Any], now_ms: int) -> Node:
    told = row["by_app"]
    if told is None:
        return h.span(".none")["nothing"]
    used = told["amount"] - told["left"]
    return [f"{count(used)} of {count(told['amount'])} used by all, ", ago(told["at_ms"], now_ms)]


def _calls(found: Mapping[str, Any]) -> Element:
    calls, shared = found["calls_24h"], found["shared_with"]
    facts: list[tuple[str, Node]] = [
        ("For changes as they come", many(calls["live"], "call")),
        ("For first syncs and resyncs", many(calls["backfill"], "call")),
        ("Under way now", f"{count(found['under_way'])} of {count(found['at_once'])} at once"),
        ("Shared with", ", ".join(shared) if shared else h.span(".none")["no other connection"]),
    ]
    return card(
        "Calls of the last 24 hours",
        h.dl(".facts")[[h.div[h.dt[name], h.dd[value]] for name, value in facts]],
        h.p(".pad.muted")["Changes as they come go first; first syncs and resyncs use what they leave."],
        name="calls",
    )
