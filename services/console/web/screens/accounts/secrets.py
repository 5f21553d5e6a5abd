"""What an account signs in with, entered anew without disconnecting it."""

from collections.abc import Mapping

import htpy as h
from htpy import Element
from starlette.responses import Response

from services.console.setups.sealing import HOOK
from services.console.use.connections.connecting import secret_names, standing
from services.console.use.problems import Problem, Refused
from services.console.web.asked import Asked, html, see_other
from services.console.web.parts.forms import field, form, refusals
from services.console.web.parts.page import page
from services.console.web.parts.pieces import button, card
from services.console.web.parts.words import url
from services.console.web.screens.accounts.accounts import path_of_account, path_of_app
from services.console.web.screens.accounts.connect import secret_field
from shared.contract.app import App
from shared.model.syncs import Connection


def show(asked: Asked) -> Response:
    """Return the form."""
    row, app = _account(asked)
    return html(_page(asked, row, app, {}, {}))


def renew(asked: Asked) -> Response:
    """Sign the account in by what was written."""
    row, app = _account(asked)
    given = {name: text.strip() if name == "user" else text for name, text in asked.form.items()}
    try:
        asked.console.connections.connecting.renew(
            row, {name: given.get(name, "") for name in secret_names(app, row.auth)}, given.get(HOOK, "")
        )
    except Refused as refused:
        return html(_page(asked, row, app, given, refused.fields), 422)
    return see_other(url(path_of_account(row.id), done="secrets"))


def _account(asked: Asked) -> tuple[Connection, App]:
    row = asked.console.connections.find(asked.params["name"])
    app = asked.console.connections.app(row.app)
    if not can_renew(app, row):
        said = f"Nothing is written for it: it signs in at {app.title}. Reconnect it instead."
        raise Problem(409, "No secrets to enter", said)
    return row, app


def can_renew(app: App | None, row: Connection) -> bool:
    """Check whether people write what an account signs in with."""
    return app is not None and bool(secret_names(app, row.auth))


def _page(asked: Asked, row: Connection, app: App, given: Mapping[str, str], errors: Mapping[str, str]) -> Element:
    name, path = row.label or row.id, path_of_account(row.id)
    return page(
        asked,
        f"New sign-in for {name}",
        h.div(".stack")[
            refusals({field or "form": text for field, text in errors.items()}),
            card(
                "What it signs in with",
                [
                    form(
                        asked, f"{path}/secrets",
                        [secret_field(one, given, errors, needed=False) for one in secret_names(app, row.auth)],
                        field(
                            "Secret that signs webhooks", HOOK, kind="password", errors=errors, needed=False,
                            fills="new-password", hint="Left empty, the one that stands stays.",
                        )
                        if app.webhook is not None
                        else None,
                        h.p(".hint")["The account is asked before anything is stored. Its syncs go on meanwhile."],
                        h.p(".row")[button("Keep", kind="primary", type="submit"), button("Cancel", href=path)],
                        version=standing(row).version,
                    )
                ],
                name="form",
            ),
        ],
        crumbs=(("Home", "/"), ("Apps", "/apps"), (app.title, path_of_app(app.key)), (name, path)),
        here="/apps",
    )  # fmt: skip
