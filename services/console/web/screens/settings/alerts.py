"""Alerts: what admins are told of when it goes wrong, how each stands, and a form to add or change one."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import htpy as h
from htpy import Element, Node
from pydantic import ValidationError
from starlette.responses import Response

from services.console.alerts.counting import KINDS
from services.console.use.administration.alerts import LONGEST_URL, MOST_ADDRESSES, Wanted
from services.console.use.problems import Problem, Refused
from services.console.web.asked import Asked, html, see_other
from services.console.web.parts.forms import choice, field, form, lines, refusals, tick
from services.console.web.parts.page import page
from services.console.web.parts.pieces import button, card, empty, notice, send, table
from services.console.web.parts.words import Mark, ago, badge, url

PATH: Final = "/settings/alerts"
_FIELDS: Final = ("name", "kind", "about", "over", "minutes", "url", "secret")
_PAUSE: Final = "pause"
_HEADS: Final = ("Alert", "State", "Fires when", "Tells", "Last message")
_OVER: Final = (
    "How many failing records, minutes of delay or parked messages are still fine. The other kinds need no number."
)
_STATES: Final = {
    "firing": Mark("Firing", "alert", "bad"),
    "waiting": Mark("Wrong, not for long enough", "clock", "wait"),
    "easing": Mark("Firing, right again for a while", "clock", "wait"),
    "fine": Mark("Fine", "check", "ok"),
}
_SENT: Final = {
    "waiting": Mark("To be sent", "clock", "wait"),
    "sent": Mark("Sent", "check", "ok"),
    "failed": Mark("Sent again soon", "warn", "warn"),
    "given_up": Mark("Given up", "alert", "bad"),
}
_DONE: Final = {
    "added": "The alert is added. Send a test message to see whether it arrives.",
    "changed": "The alert is changed.",
    "removed": "The alert is removed.",
    "tested": "A test message was sent to everybody whom this alert tells. Check that it arrived.",
}
_WRONG: Final = {
    "name": "Write a name of up to 100 characters.",
    "kind": "Choose what is watched.",
    "over": "Write a number from 0 on.",
    "minutes": "Write a number of minutes, a week at most.",
    "mail": f"Write up to {MOST_ADDRESSES} addresses, one a line.",
    "url": f"Write an address of up to {LONGEST_URL:,} characters.",
    "secret": "Write up to 500 characters.",
}


def show(asked: Asked) -> Response:
    """Return all alerts."""
    return html(_list(asked, {"minutes": "5", "over": "0"}))


def add(asked: Asked) -> Response:
    """Add an alert."""
    try:
        alert = asked.site.access.alerts.add(_wanted(asked.form))
    except Refused as refused:
        return html(_list(asked, asked.form, refused.fields), 422)
    return see_other(url(f"{PATH}/{alert.id}", done="added"))


def show_one(asked: Asked) -> Response:
    """Return an alert, how it stands, and the form that changes it."""
    row = _row(asked)
    return html(_one(asked, row, _given(row)))


def change(asked: Asked) -> Response:
    """Change an alert."""
    row = _row(asked)
    try:
        asked.site.access.alerts.change(row["id"], _wanted({**asked.form, "kind": row["kind"]}))
    except Refused as refused:
        return html(_one(asked, row, {**asked.form, "kind": row["kind"]}, refused.fields), 422)
    return see_other(url(f"{PATH}/{row['id']}", done="changed"))


def test(asked: Asked) -> Response:
    """Send a test message, and say what came of it."""
    row = _row(asked)
    try:
        asked.site.access.alerts.test(row["id"])
    except Problem as problem:
        return html(_one(asked, row, _given(row), failed=problem.detail), 409)
    return see_other(url(f"{PATH}/{row['id']}", done="tested"))


def remove(asked: Asked) -> Response:
    """Remove an alert."""
    asked.site.access.alerts.remove(asked.params["name"])
    return see_other(url(PATH, done="removed"))


def _row(asked: Asked) -> dict[str, Any]:
    alerts = asked.site.access.alerts
    return alerts.row(alerts.find(asked.params["name"]))


def _given(row: Mapping[str, Any]) -> dict[str, str]:
    """Return what a form of an alert holds at first."""
    given = {name: str(row.get(name, "")) for name in _FIELDS}
    return given | {"mail": "\n".join(row["mail"]), _PAUSE: "on" if row[_PAUSE] else ""}


def _wanted(given: Mapping[str, str]) -> Wanted:
    """Read a form; raises `Refused`."""
    told: dict[str, Any] = {name: given.get(name, "").strip() for name in _FIELDS}
    told |= {"mail": given.get("mail", "").split(), "secret": told["secret"] or None}
    told |= {_PAUSE: given.get(_PAUSE) == "on"}
    told |= {name: _number(told[name] or "0") for name in ("over", "minutes")}
    try:
        return Wanted.model_validate(told)
    except ValidationError as error:
        fields = [str(row["loc"][0]) for row in error.errors()]
        raise Refused({name: _WRONG.get(name, "This cannot be right.") for name in fields}) from error


def _number(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else text


def _list(asked: Asked, given: Mapping[str, str], errors: Mapping[str, str] | None = None) -> Element:
    rows = asked.site.access.alerts.rows()
    nothing = empty(
        "There are no alerts yet",
        "Add one, and you are told by mail or webhook when something goes wrong.",
        mark="warn",
    )
    return page(
        asked,
        "Alerts",
        h.div(".stack")[
            _done(asked),
            refusals(errors),
            table("Alerts", _HEADS, [_of(asked, row) for row in rows], name="list") if rows else nothing,
            card("Add an alert", _form(asked, PATH, given, errors), name="add"),
        ],
        here=PATH,
    )  # fmt: skip


def _done(asked: Asked) -> Element | None:
    done = _DONE.get(asked.query.get("done", ""))
    return notice("ok", done) if done else None


def _of(asked: Asked, row: Mapping[str, Any]) -> Element:
    sent = [one for about in row["standing"] for one in about["deliveries"]]
    # Of several messages the one that did not arrive is worth a look.
    last = max(sent, key=lambda one: (one["state"] in ("failed", "given_up"), one["at_ms"] or 0), default=None)
    return h.tr[
        h.th(".name", scope="row")[h.a(href=f"{PATH}/{row['id']}")[row["name"]]],
        h.td(".state")[badge(_STATES[row["state"]])],
        h.td(".wrap", data_label="Fires when")[row["rule"]],
        h.td(".wrap", data_label="Tells")[_tells(row)],
        h.td(".wrap", data_label="Last message")[_sent(asked, last) if last else h.span(".none")["none yet"]],
    ]


def _tells(row: Mapping[str, Any]) -> str:
    return ", ".join([*row["mail"], *(["webhook"] if row["url"] else [])])


def _sent(asked: Asked, one: Mapping[str, Any]) -> Node:
    return h.div[
        badge(_SENT[one["state"]]),
        h.span(".sub")[ago(one["at_ms"], asked.now_ms), f", to {one['to']}"] if one["at_ms"] else None,
        h.span(".sub")[one["error"]] if one["error"] else None,
    ]


def _one(
    asked: Asked,
    row: Mapping[str, Any],
    given: Mapping[str, str],
    errors: Mapping[str, str] | None = None,
    failed: str = "",
) -> Element:
    path, version = f"{PATH}/{row['id']}", _version(asked, row)
    return page(
        asked,
        row["name"],
        h.div(".stack")[
            _done(asked),
            notice("bad", "Not everybody was told", h.p[failed], name="failed") if failed else None,
            refusals(errors),
            _standing(asked, row["standing"]),
            card("Change it", _form(asked, path, given, errors, row), name="change"),
            h.div(".row")[
                send(asked, f"{path}/test", "Send a test message"),
                send(asked, f"{path}/remove", "Remove this alert", kind="danger", version=version),
            ],
        ],
        crumbs=(("Alerts", PATH),),
        here=PATH,
    )


def _standing(asked: Asked, rows: Sequence[Mapping[str, Any]]) -> Element:
    if not rows:
        return notice("ok", "Nothing that this alert watches has been wrong yet")
    return table(
        "How it stands",
        ("About", "State", "Since", "What was counted", "Messages"),
        [
            h.tr[
                h.th(".name", scope="row")[_about(asked, row["about"])],
                h.td(".state")[badge(_STATES[row["state"]])],
                h.td(data_label="Since")[ago(row["at_ms"] or 0, asked.now_ms)],
                h.td(".wrap", data_label="What was counted")[_counted(row)],
                h.td(".wrap", data_label="Messages")[_messages(asked, row["deliveries"])],
            ]
            for row in rows
        ],
        name="standing",
    )


def _about(asked: Asked, about: str) -> str:
    kind, _, name = about.partition("/")
    if kind == "connection":
        labels = {one.id: one.label for one in asked.console.setups.connections()}
        return f"the account {labels.get(name) or name}"
    return f"the sync {name}" if kind else "everything"


def _counted(row: Mapping[str, Any]) -> Node:
    if not row["words"]:
        return h.span(".none")["nothing yet"]
    off = h.span(".sub")["This alert has switched the sync off."] if row["paused"] else None
    return h.div[row["words"], off]


def _messages(asked: Asked, rows: Sequence[Mapping[str, Any]]) -> Node:
    if not rows:
        return h.span(".none")["none yet"]
    return h.div(".lines")[[_sent(asked, row) for row in rows]]


def _form(
    asked: Asked,
    path: str,
    given: Mapping[str, str],
    errors: Mapping[str, str] | None,
    row: Mapping[str, Any] | None = None,
) -> Element:
    """Return the form of an alert: a new one, or *row*, whose kind stays."""

    def of(name: str) -> str:
        return given.get(name, "")

    unit = KINDS[row["kind"]].unit if row else ""
    again = "Left empty, the one that stands stays. It is never shown again." if row and row["has_secret"] else None
    return form(
        asked,
        path,
        field("Name", "name", value=of("name"), errors=errors),
        choice("What goes wrong", "kind", [(name, kind.title) for name, kind in KINDS.items()], value=of("kind"),
               errors=errors) if row is None else h.div(".pick")[
            h.span(".lab")["What goes wrong"], h.span[KINDS[row["kind"]].title]
        ],
        choice("Where", "about", _places(asked, row), value=of("about"), errors=errors),
        field("More than", "over", kind="number", value=of("over"), errors=errors, needed=False,
              hint=f"Up to so many {unit} are fine." if unit else _OVER,
              ) if unit or row is None else None,
        field("For how many minutes", "minutes", kind="number", value=of("minutes"), errors=errors, needed=False,
              hint="It fires once this was wrong for so long, and is over once it was right for so long."),
        tick("Switch the sync off", _PAUSE, value=of(_PAUSE), errors=errors,
             hint="For failing records only: as the alert fires, the sync goes off until somebody switches it on.",
             ) if row is None or KINDS[row["kind"]].pauses else None,
        lines("Tell by mail", "mail", value=of("mail"), errors=errors,
              hint=["One address a line.", _mail(asked)]),
        field("Tell a webhook", "url", kind="url", value=of("url"), errors=errors, needed=False,
              hint=["An https address that takes JSON. Its field ", h.code["text"],
                    " is one sentence, as chat tools expect."]),
        field("Secret of the webhook", "secret", kind="password", errors=errors, needed=False, fills="new-password",
              hint=again or "Signs each call (Standard Webhooks). Left empty, calls are not signed."),
        h.p[button("Add the alert" if row is None else "Change the alert", kind="primary", type="submit")],
        version="" if row is None else _version(asked, row),
    )  # fmt: skip


def _version(asked: Asked, row: Mapping[str, Any]) -> str:
    alerts = asked.site.access.alerts
    return alerts.standing(alerts.find(row["id"])).version


def _places(asked: Asked, row: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """List what an alert may watch alone: all kinds of things for a new one, whose kind the same form chooses."""
    setups = asked.console.setups
    named = [("sync", one.id, f"the sync {one.id}") for one in setups.syncs()]
    named += [("connection", one.id, f"the account {one.label or one.id}") for one in setups.connections()]
    each = KINDS[row["kind"]].each if row else ""
    found = [(f"{kind}/{name}", text) for kind, name, text in named if row is None or kind == each]
    if row and row["about"] not in ("", *dict(found)):
        found.append((row["about"], row["about"]))
    return [("", "Everywhere, each sync or account by itself"), *found]


def _mail(asked: Asked) -> Node:
    if asked.site.access.mailing.server is not None:
        return None
    return [" No mail is sent yet: name a server under ", h.a(href="/settings/mail")["Mail"], "."]
