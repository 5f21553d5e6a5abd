"""The apps that can be connected, as cards, and the page of one app with its accounts."""

from collections.abc import Sequence
from typing import Final

import htpy as h
from htpy import Element, Node
from starlette.responses import Response

from services.console.use.connections.apps import AppCard, card_of, object_title, title_in
from services.console.web.asked import Asked, html
from services.console.web.parts.page import page
from services.console.web.parts.pieces import button, card, empty, notice, table
from services.console.web.parts.words import Mark, badge, icon, many, url
from services.console.web.screens.accounts.accounts import accounts_table, nothing_connected, path_of_app
from services.console.web.screens.standing.standing import between, path_of
from shared.contract.app import App

PATH: Final = "/apps"
_DONE: Final = {
    "disconnected": "The account is disconnected, and its secrets are erased.",
    "revoked": "The account is disconnected, its sign-in is revoked at the app, and its secrets are erased.",
    "credentials": "The credentials are kept. Now accounts can be connected.",
}


def show(asked: Asked) -> Response:
    """Return the catalogue."""
    text = asked.query.get("q", "").strip()[:200]
    found = asked.console.connections.catalogue(text)
    return html(
        page(
            asked,
            "Apps",
            h.form(".bar", action=PATH, data_live="", role="search", aria_label="Find an app")[
                h.label(".find")[
                    h.span(".sr")["Find an app by its name, or by what it holds"],
                    icon("search"),
                    h.input(type="search", name="q", id="q", value=text, placeholder="Name, or what it holds",
                            autocomplete="off"),
                ],
                h.noscript[button("Find", type="submit")],
            ],
            h.div(id="list")[_cards(asked, found, text)],
            here=PATH,
        )
    )  # fmt: skip


def _cards(asked: Asked, found: Sequence[AppCard], text: str) -> Element:
    if not found:
        return empty("No app matches", f"No app that Syncline knows holds “{text}” in its name or its objects.",
                     button("Show all apps", href=PATH), mark="search")  # fmt: skip
    return h.div[
        h.p(".sr", data_told="")[many(len(found), "app")],
        h.ul(".apps")[[h.li(id=f"app-{row.key}")[_card(asked, row)] for row in found]],
    ]


def _card(asked: Asked, row: AppCard) -> Element:
    number = len(asked.console.connections.of_app(row.key))
    told = [
        badge(Mark(many(number, "account"), "check", "ok")) if number else badge(Mark("Not connected", "plug", "off"))
    ]
    return h.article(".card.app", aria_labelledby=f"h-{row.key}")[
        h.header[h.h2(id=f"h-{row.key}")[h.a(href=path_of_app(row.key))[row.title]], told],
        h.dl(".facts")[_facts((("Objects", ", ".join(row.objects)), ("Changes", row.changes),
                               ("Sign-in", "; ".join(row.sign_ins))))],
    ]  # fmt: skip


def show_app(asked: Asked) -> Response:
    """Return the page of one app: its accounts, the syncs between them, and what it asks for."""
    app = asked.console.connections.app(asked.params["name"])
    return html(
        page(
            asked,
            app.title,
            h.div(".stack")[
                _told(asked),
                _for_object(asked, app),
                _accounts(asked, app),
                _syncs(asked, app),
                _about(card_of(app)),
                _permissions(app),
            ],
            crumbs=(("Home", "/"), ("Apps", PATH)),
            here=PATH,
        )
    )


def _chosen(asked: Asked, app: App) -> str:
    """Return the object that somebody wants to sync, where they came from there."""
    wanted = asked.query.get("object", "")
    return wanted if wanted in app.objects else ""


def _for_object(asked: Asked, app: App) -> Element | None:
    chosen = _chosen(asked, app)
    if not chosen:
        return None
    back = h.a(href=url("/set-up", object=chosen), id="go-on")["go on with the sync"]
    return notice("info", f"{object_title(chosen)} are to be synced",
                  h.p["Connect an account here, or ", back, "."], name="chosen")  # fmt: skip


def _told(asked: Asked) -> Element | None:
    done = asked.query.get("done", "")
    if done == "not-revoked":
        return notice(
            "warn",
            "The app could not be told to revoke the sign-in",
            h.p["The account is disconnected, and its secrets are erased. Remove Syncline among its apps there. "],
            h.p[h.a(href="/activity", id="why-not")["Activity says why"], "."],
            name="done",
        )
    said = _DONE.get(done)
    return notice("ok", "Done", h.p[said], name="done") if said else None


def _accounts(asked: Asked, app: App) -> Element:
    rows = [asked.console.connection(row) for row in asked.console.connections.of_app(app.key)]
    inside = (
        accounts_table(rows, asked.console.health(), {app.key: app}, with_app=False)
        if rows
        else nothing_connected(app.key)
    )
    return card("Accounts", inside, name="accounts", actions=_connect(asked, app, again=bool(rows)))


def _connect(asked: Asked, app: App, *, again: bool) -> Node:
    path = f"{path_of_app(app.key)}/connect"
    if not asked.may("GET", path):
        return None
    path = url(path, object=_chosen(asked, app))
    text = "Connect another account" if again else "Connect an account"
    credentials = f"{path_of_app(app.key)}/credentials"
    return h.div(".row")[
        button("Credentials", href=credentials, mark="key", id="credentials")
        if any(one.code_flow for one in app.auth)
        else None,
        button(text, href=path, kind="plain" if again else "primary", mark="plug", id="connect"),
    ]


def _syncs(asked: Asked, app: App) -> Element | None:
    ours = {row.id for row in asked.console.connections.of_app(app.key)}
    rows = [
        h.tr[
            h.th(".name", scope="row")[h.a(href=path_of(sync.id), id=f"s-{sync.id}")[sync.id]],
            h.td(data_label="Object")[title_in(asked.console.setups, sync.left.connection, sync.left.object)],
            h.td(data_label="Between")[between(asked, sync.id)],
        ]
        for sync in asked.console.setups.syncs()
        if {sync.left.connection, sync.right.connection} & ours
    ]
    return card("Syncs", table("Syncs", ("Sync", "Object", "Between"), rows), name="syncs") if rows else None


def _about(row: AppCard) -> Element:
    facts: list[tuple[str, Node]] = [
        ("Objects", ", ".join(row.objects)),
        ("Changes", row.changes),
        ("Sign-in", "; ".join(row.sign_ins)),
        ("Limits", "; ".join(row.limits) or h.span(".none")["none known"]),
        ("Tested with", ", ".join(row.tested)),
        ("Its own documentation", h.a(href=row.docs_url, rel="noreferrer")[row.docs_url] if row.docs_url else ""),
    ]
    facts = [fact for fact in facts if fact[1]]
    return card("About this app", h.dl(".facts")[_facts(facts)], name="about")


def _facts(facts: Sequence[tuple[str, Node]]) -> list[Element]:
    return [h.div[h.dt[name], h.dd[value]] for name, value in facts]


def permissions_table(app: App, names: Sequence[str] = ()) -> Element:
    """Return what an app is asked to allow: each permission with its objects and its reason.

    Args:
        app: The app.
        names: Which of its permissions; all when none is named.
    """
    rows = [
        h.tr[
            h.th(".id.wrap", scope="row")[row.name],
            h.td(data_label="Needed")["yes" if row.required else "optional"],
            h.td(".wrap", data_label="Objects")[", ".join(map(object_title, row.objects))],
            h.td(".wrap", data_label="What for")[row.reason],
        ]
        for row in app.scopes
        if not names or row.name in names
    ]
    return table("Permissions", ("Permission", "Needed", "Objects", "What for"), rows)


def _permissions(app: App) -> Element | None:
    return card("Permissions that it asks for", permissions_table(app), name="permissions") if app.scopes else None
