"""The feeds of one account: how each way of learning its changes stands."""

from collections.abc import Mapping
from typing import Any, Final

import htpy as h
from htpy import Element, Node
from starlette.responses import Response

from services.console.use.connections.apps import every, title_in
from services.console.use.connections.connections import learning_standing
from services.console.use.health import pushing
from services.console.use.health.feeds import feeds
from services.console.use.health.pushing import SENTENCES
from services.console.use.problems import Refused
from services.console.web.asked import Asked, html, see_other
from services.console.web.parts.forms import choice, field, form, refusals
from services.console.web.parts.pieces import button, card, empty, hidden, notice, send, table
from services.console.web.parts.words import Mark, ago, badge, many, prose, span, url
from services.console.web.screens.accounts.accounts import path_of_account
from services.console.web.screens.accounts.connection_parts import account_page
from shared.model.syncs import Connection

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
    return html(_page(asked, asked.console.connections.find(asked.params["name"]), {}, {}))


def _page(asked: Asked, row: Connection, given: Mapping[str, str], errors: Mapping[str, str]) -> Element:
    found = feeds(asked.console, row)
    body = [
        refusals(errors),
        _told(asked, row.id, found),
        _feeds(asked, row.id, found),
        _push(asked, row, found, given, errors),
    ]
    return account_page(asked, row, asked.console.connection(row), "feeds", *body)


def _feeds(asked: Asked, connection: str, found: Mapping[str, Any]) -> Element:
    now = found["at_ms"]
    rows = [
        h.tr[
            h.th(".name.wrap", scope="row")[
                title_in(asked.console.setups, connection, row["object"]),
                h.span(".muted")[f" · {row['feed'].rpartition('/')[2]}"],
                h.div(".sub")[f"{_KINDS[row['kind']]} {', '.join(_TELLS[what] for what in row['tells_of'])}"],
            ],
            h.td(".wrap")[badge(_STATES[row["state"]]), _why(row, now)],
            h.td(data_label="Known up to")[_at(row["complete_to_ms"], now)],
            h.td(data_label="Last read")[_at(row["read_ms"], now)],
            h.td(data_label="Last change")[_at(row["event_ms"], now)],
            h.td(".wrap", data_label="Asked")[_asked(row)],
            h.td(".id.wrap", data_label="Cursor")[_cursor(row, now)],
        ]
        for row in found["feeds"]
    ]
    if not rows:
        return empty("Nothing is asked for", "An account is asked for changes once a sync that is on uses it.",
                     mark="inbox")  # fmt: skip
    heads = ("Feed", "State", "Known up to", "Last read", "Last change", "Asked", "Cursor")
    return card("How changes are learned", table("Feeds", heads, rows), name="feeds")


def _at(at_ms: int | None, now_ms: int) -> Node:
    return ago(at_ms, now_ms) if at_ms else h.span(".none")["not yet"]


def _why(row: Mapping[str, Any], now_ms: int) -> Node:
    """Return what a state means where it is not what it should be."""
    if row["state"] == "waits":
        begun = [", begun ", ago(row["since_ms"], now_ms)] if row["since_ms"] else None
        return h.div(".sub")[row["title"] or row["reason"], begun, ". ", prose(row["hint"])]
    if row["state"] == "behind":
        return h.div(".sub")[f"Changes of the last {span(row['age_s'])} may be missing."]
    return None


def _asked(row: Mapping[str, Any]) -> Node:
    wanted, real = row["asked_s"], row["interval_s"]
    told: list[Node] = [every(wanted) if wanted else h.span(".none")["not yet"]]
    if real:
        told.append(h.div(".sub")[f"measured: {every(real)}"])
    if row["calls"] > 1:
        told.append(h.div(".sub")[f"{many(row['calls'], 'call')} a round"])
    return told


def _cursor(row: Mapping[str, Any], now_ms: int) -> Node:
    if not row["cursor"]:
        return h.span(".none")["none"]
    return [h.code[row["cursor"]], h.div(".sub")["moved ", _at(row["cursor_moved_ms"], now_ms)]]


# How changes are learned


def told_how(found: Mapping[str, Any]) -> str:
    """Return how changes are learned, in words."""
    asked = f"asked for changes {every(found['interval_s'])}"
    return f"The app tells them at once, and is {asked} besides" if found["push"] else f"The app is {asked}"


def _push(
    asked: Asked, row: Connection, found: Mapping[str, Any], given: Mapping[str, str], errors: Mapping[str, str]
) -> Element:
    told, path = found["webhooks"], path_of_account(row.id)
    return card(
        "Push or polling",
        h.div(".pad.lines")[h.p[f"{told_how(told)}."], _calls(told, found["at_ms"]) if told["can_push"] else None],
        _choose(asked, row, told, given, errors) if asked.may("POST", f"{path}/changes") else None,
        h.div(".pad")[send(asked, f"{path}/reach", "Can the app reach this address?", mark="refresh")]
        if told["can_push"] and told["wanted"]
        else None,
        name="way",
    )


def _calls(told: Mapping[str, Any], now_ms: int) -> Node:
    """Return whether the app calls by itself, and where it has to."""
    if not told["wanted"]:
        return h.p(".muted")["Calls of the app are answered, and left aside."]
    if not told["has_secret"]:
        return h.p(".muted")["Calls of the app are not taken: the secret that signs them is not known."]
    last = told["last_ms"]
    return [
        h.p["The app called last ", ago(last, now_ms), "."] if last else h.p["The app has not called yet."],
        h.p(".muted")["Address to enter at the app: ", h.code[told["url"]]],
    ]


def _choose(
    asked: Asked, row: Connection, told: Mapping[str, Any], given: Mapping[str, str], errors: Mapping[str, str]
) -> Element:
    interval = given.get("interval", f"{told['interval_s']:g}")
    options = (("push", "The app tells them, and is asked besides"), ("poll", "The app is only asked"))
    return form(
        asked,
        f"{path_of_account(row.id)}/changes",
        choice("How changes are learned", "push", options, errors=errors,
               value=given.get("push", "push" if told["wanted"] else "poll"),
               hint="Without calls of the app, a change is noticed when it is asked next; no public address is needed.")
        if told["can_push"]
        else hidden("push", "poll"),
        field("Asked every (seconds)", "interval", errors=errors, value=interval,
              hint="Feeds that are asked less often change in proportion."),
        h.p(".row")[button("Keep", type="submit")],
        version=learning_standing(row).version,
    )  # fmt: skip


def learn(asked: Asked) -> Response:
    """Choose how changes are learned."""
    name, given = asked.params["name"], asked.form
    try:
        interval_s = _number(given.get("interval", ""))
        pushing.learn(asked.console, name, push=given.get("push") != "poll", interval_s=interval_s)
    except Refused as refused:
        return html(_page(asked, asked.console.connections.find(name), given, refused.fields), 422)
    return see_other(url(f"{path_of_account(name)}/feeds", done="kept"))


def _number(text: str) -> float:
    try:
        return float(text.strip())
    except ValueError as error:
        raise Refused({"interval": "Write a number of seconds."}) from error


def reach(asked: Asked) -> Response:
    """Check whether the app can reach this installation."""
    name = asked.params["name"]
    found = pushing.reach(asked.console, name)
    # Sealed, for a page must not say what somebody else has written into its address.
    said = asked.console.connections.sealed(found.detail, f"{name} reached") if found.detail else ""
    return see_other(url(f"{path_of_account(name)}/feeds", reached=found.step, said=said))


def _told(asked: Asked, name: str, found: Mapping[str, Any]) -> Element | None:
    """Return what came of what was done."""
    if asked.query.get("done") == "kept":
        return notice("ok", "Done", h.p[f"{told_how(found['webhooks'])}."], name="done")
    step = asked.query.get("reached", "")
    if step not in SENTENCES:
        return None
    title, remedy = SENTENCES[step]
    sealed = asked.query.get("said", "")
    said = asked.console.connections.opened(sealed, f"{name} reached") if sealed else ""
    return notice("ok" if step == "works" else "bad", title, h.p[prose(remedy)],
                  h.p[f"What failed says: {said}."] if said else None,
                  h.p(".muted")["This was asked from here, not from where the app is."], name="done")  # fmt: skip
