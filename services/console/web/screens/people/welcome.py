"""Where links lead that work once: to make the first admin, and to choose a password."""

from collections.abc import Mapping
from typing import Final

import htpy as h
from htpy import Element, Node
from starlette.responses import Response

from services.console.access.passwords import SHORTEST
from services.console.use.problems import Refused
from services.console.web.asked import Asked, html
from services.console.web.parts.forms import field, refusals
from services.console.web.parts.page import bare
from services.console.web.parts.pieces import button, hidden
from services.console.web.screens.people.sign_in import begin, unencrypted

PASSWORD_HINT: Final = f"At least {SHORTEST} characters: a few words that do not belong together, say."


def first(asked: Asked) -> Response:
    """Return the page that makes the first admin; only its link leads here."""
    secret = asked.query.get("token", "")
    asked.site.accounts.may_be_first(secret)
    return html(_first(asked, secret))


def make_first(asked: Asked) -> Response:
    """Make the first admin, and sign in as that."""
    given, secret = asked.form, asked.form.get("token", "")
    try:
        user = asked.site.accounts.first_admin(
            secret, given.get("email", ""), given.get("name", ""), given.get("password", "")
        )
    except Refused as refused:
        return html(_first(asked, secret, refused.fields), 422)
    return begin(asked, user)


def show(asked: Asked) -> Response:
    """Return the page on which somebody who was sent a link chooses a password."""
    secret = asked.query.get("token", "")
    return html(_choose(asked, secret, asked.site.accounts.invited(secret).email))


def accept(asked: Asked) -> Response:
    """Set the password, and sign in."""
    secret = asked.form.get("token", "")
    try:
        user = asked.site.accounts.accept(secret, asked.form.get("password", ""))
    except Refused as refused:
        email = asked.site.accounts.invited(secret).email
        return html(_choose(asked, secret, email, refused.fields), 422)
    return begin(asked, user)


def _first(asked: Asked, secret: str, errors: Mapping[str, str] | None = None) -> Element:
    return _page(
        asked,
        "Make the first admin",
        "An admin manages users, connections and settings. Others are invited afterwards.",
        errors,
        h.form(method="post", action="/first-admin")[
            hidden("token", secret),
            field("E-mail address", "email", kind="email", value=asked.form.get("email", ""), errors=errors, focus=True,
                  fills="username"),
            field("Name", "name", value=asked.form.get("name", ""), needed=False, fills="name"),
            _password(errors),
            button("Make the first admin", kind="primary", type="submit"),
        ],
    )  # fmt: skip


def _choose(asked: Asked, secret: str, email: str, errors: Mapping[str, str] | None = None) -> Element:
    return _page(
        asked,
        "Choose a password",
        ["You sign in as ", h.b[email], "."],
        errors,
        h.form(method="post", action="/welcome")[
            hidden("token", secret),
            h.input(type="email", value=email, autocomplete="username", hidden=True, readonly=True),
            _password(errors, focus=True),
            button("Set the password and sign in", kind="primary", type="submit"),
        ],
    )


def _password(errors: Mapping[str, str] | None, *, focus: bool = False) -> Element:
    return field("Password", "password", kind="password", hint=PASSWORD_HINT, errors=errors, focus=focus,
                 fills="new-password")  # fmt: skip


def _page(asked: Asked, title: str, text: Node, errors: Mapping[str, str] | None, form: Element) -> Element:
    return bare(asked.look, title, h.div(".card")[h.h1[title], refusals(errors), unencrypted(asked), h.p[text], form])
