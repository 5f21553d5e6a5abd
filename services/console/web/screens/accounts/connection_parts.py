"""What the pages of one account share: their head, their tabs, and the buttons that stand on each."""

from collections.abc import Mapping
from typing import Any, Final

import htpy as h
from htpy import Element, Node

from services.console.web.asked import Asked
from services.console.web.parts.page import page
from services.console.web.parts.pieces import button, send
from services.console.web.parts.words import badge, url
from services.console.web.screens.accounts.accounts import path_of_account, path_of_app, state_of_account
from services.console.web.screens.accounts.secrets import can_renew
from shared.model.syncs import Connection

_TABS: Final = (("", "Overview"), ("objects", "Objects"), ("feeds", "Feeds"), ("limits", "Limits"))


def account_page(
    asked: Asked, row: Connection, standing: Mapping[str, Any], here: str, *body: Node, below: str = ""
) -> Element:
    """Return one page of an account.

    Args:
        asked: What was asked, and by whom.
        row: The account.
        standing: Whether it works.
        here: Which of the tabs it is.
        body: What it shows.
        below: What it is about, where it is one page below a tab.
    """
    app = asked.console.setups.apps.get(row.app)
    name, path = row.label or row.id, path_of_account(row.id)
    tab = dict(_TABS)[here]
    return page(
        asked,
        name if not here else f"{below or tab} of {name}",
        h.div(".stack")[_tabs(row, here), body],
        crumbs=(
            ("Home", "/"),
            ("Apps", "/apps"),
            (app.title if app else row.app, path_of_app(row.app)),
            *([(name, path)] if here else []),
            *([(tab, f"{path}/{here}")] if below else []),
        ),
        here="/apps",
        actions=[badge(state_of_account(standing)), _actions(asked, row)],
    )


def _tabs(row: Connection, here: str) -> Element:
    return h.nav(".tabs", id="tabs", aria_label="About this account")[
        h.ul[
            [
                h.li[
                    h.a(
                        id=f"tab-{name or 'overview'}",
                        href="/".join(filter(None, (path_of_account(row.id), name))),
                        aria_current="true" if name == here else None,
                    )[title]
                ]
                for name, title in _TABS
            ]
        ]
    ]


def _actions(asked: Asked, row: Connection) -> list[Node]:
    path = path_of_account(row.id)
    app = asked.console.setups.apps.get(row.app)
    agrees = app is not None and any(one.kind == row.auth and one.code_flow is not None for one in app.auth)
    again = url(f"{path_of_app(row.app)}/connect", connection=row.id)
    leaving = f"{path}/disconnect"
    return [
        send(asked, f"{path}/test", "Test", mark="refresh"),
        send(asked, f"{path}/resume", "Resume", mark="refresh", kind="primary")
        if row.paused
        else send(asked, f"{path}/pause", "Pause", mark="pause"),
        button("Reconnect", href=again, mark="plug", id="reconnect") if agrees and asked.may("GET", again) else None,
        button("New sign-in", href=f"{path}/secrets", mark="key", id="secrets")
        if can_renew(app, row) and asked.may("GET", f"{path}/secrets")
        else None,
        button("Disconnect", href=leaving, mark="out") if asked.may("GET", leaving) else None,
    ]
