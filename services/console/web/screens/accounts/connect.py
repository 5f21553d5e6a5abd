"""Connecting an account by a form: where it is, how to sign in, and which of its books is meant."""

import json
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

import htpy as h
from htpy import Element, Node
from pydantic import TypeAdapter, ValidationError
from starlette.responses import Response

from services.console.setups.sealing import HOOK
from services.console.use.connections.connecting import Wanted
from services.console.use.problems import Problem, Refused
from services.console.web.asked import Asked, html, see_other
from services.console.web.parts.forms import choice, field, form, refusals
from services.console.web.parts.page import page
from services.console.web.parts.pieces import button, card, hidden
from services.console.web.parts.words import url
from services.console.web.screens.accounts.accounts import path_of_account, path_of_app
from services.console.web.screens.accounts.agree import learning, review
from shared.contract.app import App
from shared.contract.demands import Place
from shared.contract.sign_in import Auth

_DRAFT_MS: Final = 900_000
"""How long what was written waits for a place to be chosen."""
_SECRETS: Final[Mapping[str, str]] = {
    "user": "User name", "password": "Password", "access_token": "Access token", "client_id": "Client id",
    "client_secret": "Client secret",
}  # fmt: skip
_SHOWN: Final = ("user", "client_id")
"""What is no secret among what one signs in with."""
_Draft: Final = TypeAdapter(dict[str, str])


def show(asked: Asked) -> Response:
    """Return the form."""
    app = asked.console.connections.app(asked.params["name"])
    if any(one.code_flow for one in app.auth) and not asked.query.get("auth"):
        return review(asked, app)
    return html(_page(asked, app, asked.query))


def connect(asked: Asked) -> Response:
    """Connect, or ask first which place is meant."""
    app = asked.console.connections.app(asked.params["name"])
    connecting = asked.console.connections.connecting
    given = _given(asked, app)
    try:
        wanted = _wanted(app, given)
        if not given.get("place"):
            found = connecting.places(wanted)
            if len(found) > 1:
                return html(_choose(asked, app, given, found))
            if found:
                given = _placed(given, found[0])
        else:
            given = _placed(given, _place(given["place"]))
        row = connecting.connect(_wanted(app, given))
    except Refused as refused:
        return html(_page(asked, app, given, refused.fields), 422)
    return see_other(url(path_of_account(row.id), done="connected"))


def _given(asked: Asked, app: App) -> dict[str, str]:
    """Return what was written, now or on the page before; that comes back sealed, and no other session can open it."""
    draft = asked.form.get("draft", "")
    if not draft:
        return {name: text if name in (*_SECRETS, HOOK) else text.strip() for name, text in asked.form.items()}
    kept = _Draft.validate_json(asked.console.connections.opened(draft, _seal_place(asked, app)))
    if asked.now_ms > int(kept.pop("until")):
        raise Problem(410, "Too late", "What was written is kept for a quarter of an hour: begin again.")
    return {**kept, **{name: asked.form[name] for name in ("place", "label") if name in asked.form}}


def _seal_place(asked: Asked, app: App) -> str:
    return f"{asked.session.id if asked.session else ''} {app.key}"


def _placed(given: Mapping[str, str], place: Place) -> dict[str, str]:
    return {**given, **place.options, "label": given.get("label") or place.title}


def _place(text: str) -> Place:
    try:
        title, options = TypeAdapter(tuple[str, dict[str, str]]).validate_json(text)
    except ValidationError as error:
        raise Refused({"place": "Choose one of those that were found."}) from error
    return Place(title=title, options=options)


def _wanted(app: App, given: Mapping[str, str]) -> Wanted:
    auth = _auth(app, given.get("auth", ""))
    base, path = given.get("base_url", ""), ""
    if app.places is not None and base:
        parts = urlsplit(base)
        base, path = f"{parts.scheme}://{parts.netloc}", parts.path
    options = {one.name: given.get(one.name, "") for one in app.connection_fields}
    if path and not any(options.values()):
        options = {app.connection_fields[0].name: path}
    return Wanted(
        app=app.key,
        auth=auth.kind,
        label=given.get("label", ""),
        base_url=base,
        options=options,
        secrets={name: given.get(name, "") for name in auth.secrets},
        push=given.get("push") != "poll",
        webhook_secret=given.get(HOOK, ""),
    )


def _auth(app: App, kind: str) -> Auth:
    """Return the way to sign in that was chosen, else the first that a form is enough for."""
    simple = [one for one in app.auth if one.code_flow is None]
    return next((one for one in app.auth if one.kind == kind), simple[0])


def _page(asked: Asked, app: App, given: Mapping[str, str], errors: Mapping[str, str] | None = None) -> Element:
    auth, path = _auth(app, given.get("auth", "")), path_of_app(app.key)
    rows: list[Node] = [
        field(
            "Address", "base_url", kind="url", value=given.get("base_url", ""), errors=errors, focus=True,
            hint="Where it is: of the server, or of the book itself, beginning with https://."
        )
        if app.base_url is None
        else None,
        [secret_field(name, given, errors) for name in auth.secrets],
        learning(app, given),
        field(
            "Secret that signs webhooks", HOOK, kind="password", errors=errors, needed=False, fills="new-password",
            hint=f"As the page of your app at {app.title} shows it. Left empty, {app.title} is only asked.",
        )
        if app.webhook is not None
        else None,
        field(
            "What to call it", "label", value=given.get("label", ""), errors=errors, needed=False,
            hint="Left empty, it is called as it is there." if app.places else f"Left empty: {app.title}.",
        ),
    ]  # fmt: skip
    return page(
        asked,
        f"Connect {app.title}",
        h.div(".stack")[
            _refusals(errors),
            card(
                "The account",
                [
                    form(
                        asked, f"{path}/connect", hidden("auth", auth.kind), rows,
                        h.p(".row")[button("Connect", kind="primary", type="submit"), button("Cancel", href=path)],
                    )
                ],
                name="form",
            ),
        ],
        crumbs=(("Home", "/"), ("Apps", "/apps"), (app.title, path)),
        here="/apps",
    )  # fmt: skip


def secret_field(
    name: str, given: Mapping[str, str], errors: Mapping[str, str] | None, *, needed: bool = True
) -> Element:
    """Return a field for something that one signs in with."""
    shown = name in _SHOWN
    kept = None if needed else "Left empty, the one that stands stays."
    return field(
        _SECRETS.get(name, name), name, kind="text" if shown else "password", errors=errors, needed=needed,
        value=given.get(name, "") if shown else "", fills="off" if shown else "new-password",
        hint=kept if shown else kept or "Sealed before it is stored, and never shown again.",
    )  # fmt: skip


def _refusals(errors: Mapping[str, str] | None) -> Element | None:
    """Return the box of what is wrong; what is wrong with no field alone leads to the form."""
    return refusals({name or "form": text for name, text in errors.items()} if errors else None)


def _choose(asked: Asked, app: App, given: Mapping[str, str], found: Sequence[Place]) -> Element:
    path = path_of_app(app.key)
    kept = json.dumps({**given, "until": str(asked.now_ms + _DRAFT_MS)})
    options = [(json.dumps([row.title, dict(row.options)]), _described(row)) for row in found]
    return page(
        asked,
        f"Connect {app.title}",
        card(
            "Which one is meant?",
            [
                form(
                    asked, f"{path}/connect",
                    hidden("draft", asked.console.connections.sealed(kept, _seal_place(asked, app))),
                    choice("Found there", "place", options, value=options[0][0]),
                    field("What to call it", "label", value=given.get("label", ""), needed=False,
                          hint="Left empty, it is called as it is there."),
                    h.p(".row")[button("Connect", kind="primary", type="submit"), button("Cancel", href=path)],
                )
            ],
            name="choose",
        ),
        crumbs=(("Home", "/"), ("Apps", "/apps"), (app.title, path)),
        here="/apps",
    )  # fmt: skip


def _described(row: Place) -> str:
    return f"{row.title} ({', '.join(row.options.values())})"
