"""One account: whether it works, which syncs use it, and what can be done with it."""

from typing import Any, Final

import htpy as h
from htpy import Element, Node
from starlette.responses import Response

from services.console.use.connections.apps import object_title, sign_in_title
from services.console.use.connections.connecting import standing
from services.console.use.connections.connections import Leaving
from services.console.use.health.pushing import shown
from services.console.use.problems import Problem
from services.console.web.asked import Asked, html, see_other
from services.console.web.parts.forms import field, form, refusals
from services.console.web.parts.page import page
from services.console.web.parts.pieces import button, card, notice, table
from services.console.web.parts.words import Mark, badge, prose, url
from services.console.web.screens.accounts.accounts import changes_known, path_of_account, path_of_app
from services.console.web.screens.accounts.connection_parts import account_page
from services.console.web.screens.accounts.feeds import told_how
from services.console.web.screens.standing.standing import between, path_of
from shared.model.syncs import HALTED, Connection
from shared.rules.errors import CODES

_GRANTED: Final = Mark("Granted", "check", "ok")
_NOT_GRANTED: Final = Mark("Not granted", "minus", "off")
_DONE: Final = {
    "again": "The account is connected again; its syncs catch up.",
    "connected": "The account is connected. Now a sync can use it.",
    "secrets": "The account signs in by what was entered.",
    "renamed": "The account has its new name.",
    "paused": "The account is not called any more. Its syncs wait and lose nothing.",
    "resumed": "The account is called again, and its syncs catch up.",
}


def show(asked: Asked) -> Response:
    """Return the page of one account."""
    row = asked.console.connections.find(asked.params["name"])
    return html(_page(asked, row))


def _page(asked: Asked, row: Connection, *, label: str | None = None, error: str = "") -> Element:
    state, health = asked.console.connection(row), asked.console.health()
    return account_page(
        asked,
        row,
        state,
        "",
        refusals({"label": error} if error else {}),
        _told(asked, state),
        _facts(asked, row, state, health),
        _syncs(asked, row),
        _permissions(asked, row),
        _rename(asked, row, row.label if label is None else label, error),
    )


def _told(asked: Asked, state: dict[str, Any]) -> list[Element]:
    """Return what is to be said: what was just done, what is wrong, and what is limited."""
    found: list[Element] = []
    done, tested = asked.query.get("done", ""), asked.query.get("tested", "")
    if done in _DONE:
        found.append(notice("ok", "Done", h.p[_DONE[done]], name="done"))
    if tested == "works":
        found.append(notice("ok", "It works", h.p["The account answered just now."], name="done"))
    elif tested in CODES:
        row = CODES[tested]
        found.append(notice("bad", f"It does not work: {row.title[:1].lower()}{row.title[1:]}",
                            h.p[prose(row.remedy)], name="done"))  # fmt: skip
    if state["state"] == "paused":
        halted = state["reason"] == HALTED
        title = "Somebody paused this account" if halted else f"This account is paused: {_title(state['reason'])}"
        detail = state.get("detail", "")
        found.append(notice("warn" if halted else "bad", title, h.p[prose(detail)] if detail else None,
                            h.p[prose(state["hint"])], name="paused"))  # fmt: skip
    if state.get("limited"):
        rows = h.ul[[h.li[line] for line in state["limited"]]]
        found.append(notice("warn", "Some permissions were not granted", h.div(".lines")[rows], name="limited"))
    return found


def _title(code: str) -> str:
    row = CODES.get(code)
    return row.title[:1].lower() + row.title[1:] if row else code


def _facts(asked: Asked, row: Connection, state: dict[str, Any], health: dict[str, Any]) -> Element:
    app = asked.console.setups.apps.get(row.app)
    facts: list[tuple[str, Node]] = [
        ("App", h.a(href=path_of_app(row.app))[app.title] if app else row.app),
        ("Known there as", state["account"] or h.span(".none")["not known yet"]),
        ("Address", row.base_url),
        ("Sign-in", sign_in_title(app, row.auth) if app else row.auth),
        *((name, value) for name, value in _options(asked, row) if value),
        ("Changes", told_how(shown(asked.console, row))),
        ("Changes known up to", changes_known(row.id, health)),
        ("Its id in files and by API", h.code[row.id]),
    ]
    return card("About this account", h.dl(".facts")[[h.div[h.dt[name], h.dd[value]] for name, value in facts]],
                name="about")  # fmt: skip


def _options(asked: Asked, row: Connection) -> list[tuple[str, str]]:
    app = asked.console.setups.apps.get(row.app)
    return [(one.label, row.options.get(one.name, "")) for one in app.connection_fields] if app else []


def _syncs(asked: Asked, row: Connection) -> Element:
    rows = [
        h.tr[
            h.th(".name", scope="row")[h.a(href=path_of(sync.id), id=f"s-{sync.id}")[sync.id]],
            h.td(data_label="Between")[between(asked, sync.id)],
        ]
        for sync in asked.console.connections.used_by(row.id)
    ]
    inside: Node = (
        table("Syncs", ("Sync", "Between"), rows) if rows else h.p(".pad.muted")["No sync uses this account."]
    )
    return card("Syncs that use it", inside, name="syncs")


def _permissions(asked: Asked, row: Connection) -> Element | None:
    """Return what was granted of what was asked for, where the sign-in tells."""
    app = asked.console.setups.apps.get(row.app)
    if app is None or row.scopes is None:
        return None
    rows = [
        h.tr[
            h.th(".id.wrap", scope="row")[scope.name],
            h.td(".state")[badge(_GRANTED if scope.name in row.scopes else _NOT_GRANTED)],
            h.td(".wrap", data_label="Objects")[", ".join(map(object_title, scope.objects))],
            h.td(".wrap", data_label="What for")[scope.reason],
        ]
        for scope in app.scopes
    ]
    heads = ("Permission", "Granted", "Objects", "What for")
    return card("Permissions", table("Permissions", heads, rows), name="permissions") if rows else None


def _rename(asked: Asked, row: Connection, label: str, error: str) -> Element | None:
    action = f"{path_of_account(row.id)}/rename"
    if not asked.may("POST", action):
        return None
    return card(
        "Name",
        [
            form(
                asked, action,
                field("What people call it", "label", value=label, errors={"label": error} if error else None),
                h.p(".row")[button("Rename", type="submit")],
                version=standing(row).version,
            )
        ],
        name="name",
    )  # fmt: skip


# What is done


def rename(asked: Asked) -> Response:
    """Rename an account."""
    connections, name = asked.console.connections, asked.params["name"]
    label = asked.form.get("label", "")
    try:
        connections.rename(name, label)
    except Problem as problem:
        if problem.status != 422:
            raise
        return html(_page(asked, connections.find(name), label=label, error=problem.detail), 422)
    return see_other(url(path_of_account(name), done="renamed"))


def pause(asked: Asked) -> Response:
    """Pause an account."""
    asked.console.connections.pause(asked.params["name"])
    return see_other(url(path_of_account(asked.params["name"]), done="paused"))


def resume(asked: Asked) -> Response:
    """Resume an account."""
    asked.console.connections.resume(asked.params["name"])
    return see_other(url(path_of_account(asked.params["name"]), done="resumed"))


def test(asked: Asked) -> Response:
    """Ask an account who it is."""
    name = asked.params["name"]
    tested = asked.console.connections.test(name)
    return see_other(url(path_of_account(name), tested="works" if tested.works else tested.reason))


def show_disconnecting(asked: Asked) -> Response:
    """Return what disconnecting an account means, before anybody does it."""
    connections = asked.console.connections
    row = connections.find(asked.params["name"])
    label, path = row.label or row.id, path_of_account(row.id)
    leaving = connections.leaving(row.id)
    return html(
        page(
            asked,
            f"Disconnect {label}?",
            h.div(".stack")[_used(leaving) if leaving.used_by else _leaves(asked, leaving, label, row)],
            crumbs=(("Home", "/"), ("Apps", "/apps"), (label, path)),
            here="/apps",
        )
    )


def _used(leaving: Leaving) -> Element:
    return notice(
        "warn",
        "It cannot be disconnected yet",
        h.p["These syncs use it. Delete them first, or pause the account to stop all calls."],
        h.ul[[h.li[h.a(href=path_of(name))[name]] for name in leaving.used_by]],
        name="used",
    )


def _leaves(asked: Asked, leaving: Leaving, label: str, row: Connection) -> Element:
    path = path_of_account(row.id)
    return card(
        "What happens",
        [
            h.div(".pad.lines")[h.h3["Erased"], h.ul[[h.li[line] for line in leaving.erased]]],
            h.div(".pad.lines")[h.h3["Left behind"], h.ul[[h.li[line] for line in leaving.stays]]],
            form(
                asked,
                f"{path}/disconnect",
                h.p(".row")[button(f"Disconnect {label}", kind="danger", type="submit"), button("Cancel", href=path)],
                version=standing(row).version,
            ),
        ],
        name="leaving",
    )


def disconnect(asked: Asked) -> Response:
    """Disconnect an account."""
    row = asked.console.connections.find(asked.params["name"])
    revoked = asked.console.connections.disconnect(row.id).revoked.state
    done = {"none": "disconnected", "done": "revoked", "failed": "not-revoked"}[revoked]
    return see_other(url(path_of_app(row.app), done=done))
