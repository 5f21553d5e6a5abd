"""Connecting an account by OAuth: the app's own credentials, what will be asked for, and what came of it."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import htpy as h
from htpy import Element, Node
from starlette.responses import Response

from services.console.use.connections.agreeing import Question
from services.console.use.problems import Problem, Refused
from services.console.web.asked import Asked, html, see_other
from services.console.web.parts.forms import choice, field, form, refusals
from services.console.web.parts.page import page
from services.console.web.parts.pieces import button, card, empty, hidden, notice
from services.console.web.parts.words import url
from services.console.web.policy import POLICY
from services.console.web.screens.accounts.accounts import path_of_account, path_of_app
from services.console.web.screens.accounts.catalogue import permissions_table
from shared.contract.app import App

CALLBACK: Final = "/oauth/callback"
_APPS: Final = ("Apps", "/apps")


def _redirect(asked: Asked) -> str:
    """Return where an app sends people back to."""
    return f"{asked.origin}{CALLBACK}"


def _session(asked: Asked) -> str:
    return asked.session.id if asked.session is not None else ""


# The app's own credentials


def show_credentials(asked: Asked) -> Response:
    """Return the form for what Syncline is known by at an app."""
    app = asked.console.connections.app(asked.params["name"])
    asked.console.connections.agreeing.flow(app)
    return html(_credentials(asked, app, {}))


def enter(asked: Asked) -> Response:
    """Store what Syncline is known by at an app."""
    app, given = asked.console.connections.app(asked.params["name"]), asked.form
    options = {one.name: given.get(one.name, "") for one in app.connection_fields if one.kind == "url"}
    try:
        asked.console.connections.agreeing.enter(
            app.key,
            given.get("client_id", ""),
            given.get("client_secret", ""),
            base_url=given.get("base_url", ""),
            options=options,
        )
    except Refused as refused:
        return html(_credentials(asked, app, given, refused.fields), 422)
    return see_other(url(path_of_app(app.key), done="credentials"))


def _credentials(asked: Asked, app: App, given: Mapping[str, str], errors: Mapping[str, str] | None = None) -> Element:
    agreeing, path = asked.console.connections.agreeing, path_of_app(app.key)
    found = agreeing.credentials(app.key)
    options = found.options if found is not None else {}
    again = "Left empty, the one that stands stays. It is never shown again."
    fields: list[Node] = [
        field("Client id", "client_id", value=given.get("client_id", agreeing.client_id(app.key)), errors=errors,
              focus=True, hint=f"As the page of your app at {app.title} shows it."),
        field("Client secret", "client_secret", kind="password", errors=errors, needed=found is None,
              fills="new-password", hint=again if found else "Sealed before it is stored, and never shown again."),
        h.details(id="elsewhere", open=bool(errors and "base_url" in errors))[
            h.summary["Another address"],
            field(f"Address of {app.title}", "base_url", kind="url", errors=errors, needed=False,
                  value=given.get("base_url", found.base_url if found else ""),
                  hint=f"Left empty: {app.base_url}." if app.base_url else None),
            [
                field(one.label, one.name, kind="url", needed=False, errors=errors,
                      value=given.get(one.name, options.get(one.name, "")))
                for one in app.connection_fields
                if one.kind == "url"
            ],
        ],
        h.p(".row")[button("Keep", kind="primary", type="submit"), button("Cancel", href=path)],
    ]  # fmt: skip
    return page(
        asked,
        f"Credentials for {app.title}",
        h.div(".stack")[
            refusals(errors),
            card(
                f"What to enter at {app.title}",
                h.dl(".facts")[
                    h.div[h.dt["Redirect URL"], h.dd[h.code[_redirect(asked)]]],
                    h.div[h.dt["Permissions (scopes)"], h.dd[", ".join(row.name for row in app.scopes)]],
                ],
                name="there",
            ),
            card(
                "What it shows you",
                form(asked, f"{path}/credentials", fields, version=agreeing.standing(app.key).version),
                name="here",
            ),
        ],
        crumbs=(("Home", "/"), _APPS, (app.title, path)),
        here="/apps",
    )


# What will be asked for


def review(asked: Asked, app: App) -> Response:
    """Return what an app will ask to allow, before anybody is sent there."""
    connections, path = asked.console.connections, path_of_app(app.key)
    again = asked.query.get("connection", "")
    row = connections.find(again) if again else None
    objects = _objects(app, asked.query.get("object", ""))
    title = f"Connect {row.label or row.id} again" if row else f"Connect {app.title}"
    crumbs = (("Home", "/"), _APPS, (app.title, path))
    if connections.agreeing.credentials(app.key) is None:
        return html(page(asked, title, _not_yet(asked, app), crumbs=crumbs, here="/apps"))
    scopes = connections.agreeing.scopes(app, objects)
    answer = html(
        page(
            asked,
            title,
            h.div(".stack")[
                notice(
                    "info",
                    f"{app.title} will ask you to allow this",
                    h.p[
                        "You choose the account there. What is optional may be left out: what it is "
                        "for is not done then, and the account is shown as limited."
                    ],
                ),
                card(
                    "Permissions that will be asked for",
                    permissions_table(app, [scope.name for scope in scopes]),
                    name="permissions",
                ),
                card("The account", _go(asked, app, again), name="go"),
                _others(app, path) if row is None else None,
            ],
            crumbs=crumbs,
            here="/apps",
        )
    )
    parts = urlsplit(connections.agreeing.address(app))
    # Browsers hold what a form leads to against this, too: only from here it may lead to the app.
    answer.headers["Content-Security-Policy"] = POLICY.replace(
        "form-action 'self'", f"form-action 'self' {parts.scheme}://{parts.netloc}"
    )
    return answer


def _objects(app: App, text: str) -> tuple[str, ...]:
    return tuple(name for name in text.split(",") if name in app.objects)


def _go(asked: Asked, app: App, again: str) -> Element:
    path = path_of_app(app.key)
    return form(
        asked,
        f"{path}/authorize",
        hidden("connection", again),
        hidden("object", asked.query.get("object", "")),
        None
        if again
        else field("What to call it", "label", needed=False, hint=f"Left empty, it is called as {app.title} calls it."),
        None if again else learning(app),
        h.p(".row")[
            button(f"Go on to {app.title}", kind="primary", mark="out", type="submit"), button("Cancel", href=path)
        ],
    )


def learning(app: App, given: Mapping[str, str] | None = None) -> Element | None:
    """Return the choice of how changes are learned, where the app can tell them."""
    if app.webhook is None:
        return None
    ways = (
        ("push", f"{app.title} tells them, and is asked besides"),
        ("poll", f"{app.title} is only asked, every minute"),
    )
    hint = f"{app.title} can tell them where it reaches this installation over the Internet. It can be changed later."
    return choice("How changes are learned", "push", ways, value=(given or {}).get("push", "push"), hint=hint)


def _others(app: App, path: str) -> Element | None:
    """Return the other ways to sign in, for which a form is enough."""
    others = [auth for auth in app.auth if auth.code_flow is None]
    if not others:
        return None
    by_form = url(f"{path}/connect", auth=others[0].kind)
    return h.p["Or ", h.a(href=by_form, id="other")["connect by an access token"], " of a private app."]


def _not_yet(asked: Asked, app: App) -> Element:
    path = path_of_app(app.key)
    return h.div(".stack")[
        empty(
            "An admin has something to do first",
            f"{app.title} must know Syncline before anybody can agree there: register an app with it, and enter its "
            "client id and secret here, once for all accounts.",
            button("Enter the credentials", href=f"{path}/credentials", kind="primary")
            if asked.may("GET", f"{path}/credentials")
            else None,
            mark="plug",
        ),
        _others(app, path),
    ]


def _question(asked: Asked, app: App) -> Question:
    given = asked.form or asked.query
    return Question(
        app=app.key,
        redirect=_redirect(asked),
        objects=_objects(app, given.get("object", "")),
        connection=given.get("connection", ""),
        label=given.get("label", ""),
        push=given.get("push") != "poll",
    )


def authorize(asked: Asked) -> Response:
    """Send the browser to the page on which somebody agrees."""
    app = asked.console.connections.app(asked.params["name"])
    return see_other(asked.console.connections.agreeing.begin(_question(asked, app), _session(asked)))


def callback(asked: Asked) -> Response:
    """Connect the account that somebody agreed to."""
    agreeing = asked.console.connections.agreeing
    question = agreeing.question_of(asked.query.get("state", ""), _session(asked))
    try:
        row = agreeing.finish(asked.query, _session(asked))
    except Problem as problem:
        return html(_failed(asked, question, problem), problem.status)
    return see_other(url(path_of_account(row.id), done="again" if question and question.connection else "connected"))


def _failed(asked: Asked, question: Question | None, problem: Problem) -> Element:
    again, title = "/apps", "Apps"
    if question is not None:
        app = asked.console.connections.app(question.app)
        again = url(
            f"{path_of_app(app.key)}/connect", connection=question.connection, object=",".join(question.objects)
        )
        title = app.title
    return page(
        asked,
        "The account is not connected",
        notice("bad", problem.detail, h.p(".row")[button("Try again", href=again)], name="failed"),
        crumbs=(("Home", "/"), _APPS, (title, again)),
        here="/apps",
    )
