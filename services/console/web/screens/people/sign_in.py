"""Signing in and out, and how the pages look."""

import secrets
from typing import Final

import htpy as h
from htpy import Element
from starlette.responses import Response

from services.console.use.administration.single_sign_on import LIFE_MS
from services.console.use.problems import Problem
from services.console.web.asked import SESSION_COOKIE, Asked, Look, html, inside, see_other
from services.console.web.parts.forms import field
from services.console.web.parts.page import bare
from services.console.web.parts.pieces import button, hidden, notice
from services.console.web.parts.words import url
from shared.wire.messages import User

CALLBACK: Final = "/sign-in/callback"
"""Where the provider sends people back to."""


def show(asked: Asked) -> Response:
    """Return the sign-in page; whoever is signed in goes on."""
    if asked.session is not None:
        return see_other(inside(asked.query.get("next", "/")))
    out = asked.site.access.single_sign_on.signing_out(f"{asked.origin}/sign-in") if "out" in asked.query else ""
    return html(_page(asked, asked.query.get("next", "/"), out=out))


def sign_in(asked: Asked) -> Response:
    """Begin a session for whoever knows a password, or the installation's token."""
    wanted = inside(asked.form.get("next", "/"))
    user = None
    try:
        if "token" in asked.form:
            asked.site.access.check_own(asked.client, asked.form["token"])
        else:
            email = asked.form.get("email", "")
            user = asked.site.access.sign_in(
                asked.client, email, asked.form.get("password", ""), asked.known_browser(email)
            )
    except Problem as problem:
        return _not_signed_in(asked, problem, wanted, "token" if "token" in asked.form else "email")
    return begin(asked, user, wanted)


def by_link(asked: Asked) -> Response:
    """Begin a session of the installation for whoever has a link that works once."""
    try:
        asked.site.accounts.take_sign_in_link(asked.query.get("token", ""))
    except Problem as problem:
        return html(_page(asked, "/", problem.detail), problem.status)
    return begin(asked, None, "/")


def at_provider(asked: Asked) -> Response:
    """Send the browser to the provider, with a secret by which it is known when it comes back."""
    wanted, secret = inside(asked.query.get("next", "/")), secrets.token_urlsafe(32)
    try:
        to = asked.site.access.begin_at_provider(asked.client, secret, f"{asked.origin}{CALLBACK}", wanted)
    except Problem as problem:
        return _not_signed_in(asked, problem, wanted, "provider")
    answer = see_other(to)
    asked.keep_signing(answer, secret, LIFE_MS // 1000)
    return answer


def from_provider(asked: Asked) -> Response:
    """Begin a session of whoever comes back from the provider."""
    try:
        arrived = asked.site.access.come_from_provider(asked.client, asked.signing, asked.query)
    except Problem as problem:
        return _not_signed_in(asked, problem, "/", "provider")
    answer = begin(asked, arrived.user, inside(arrived.wanted), arrived.issuer)
    asked.keep_signing(answer, "", 0)
    return answer


def begin(asked: Asked, user: User | None, wanted: str = "/", issuer: str = "") -> Response:
    """Begin a session, whatever session the browser had before, and go on to an address of ours."""
    answer = see_other(wanted)
    asked.keep(answer, asked.site.sessions.begin(user, issuer))
    if user is not None and not issuer:
        asked.know_browser(answer, user)
    return answer


def sign_out(asked: Asked) -> Response:
    """End the session everywhere, and delete its cookie."""
    assert asked.session is not None  # noqa: S101 - the address is for those who are signed in
    asked.site.accounts.end_session(asked.session.id)
    answer = see_other(url("/sign-in", out="1" if asked.session.issuer else ""))
    answer.delete_cookie(SESSION_COOKIE, path="/", httponly=True, samesite="lax", secure=not asked.is_local)
    return answer


def keep_look(asked: Asked) -> Response:
    """Keep how the pages look in this browser."""
    answer = see_other(inside(asked.form.get("next", "/")))
    theme = asked.form.get("theme", "")
    asked.keep_look(answer, Look(theme=theme if theme in ("light", "dark") else "", keys="keys" in asked.form))
    return answer


def unencrypted(asked: Asked) -> Element | None:
    """Return a warning where a session would not be kept."""
    if asked.is_local or asked.is_https:
        return None
    return notice(
        "warn",
        "This connection may not be encrypted",
        h.p["Browsers keep a session only by https, or on localhost. Call the console by one of these."],
    )


def _not_signed_in(asked: Asked, problem: Problem, wanted: str, at: str) -> Response:
    answer = html(_page(asked, wanted, problem.detail, at), 422 if problem.status == 401 else problem.status)
    answer.headers.update({name: value for name, value in problem.headers.items() if name == "Retry-After"})
    return answer


def _page(asked: Asked, wanted: str, error: str = "", at: str = "", *, out: str = "") -> Element:
    """Return the page.

    Args:
        asked: What was asked.
        wanted: Which page to see then.
        error: What went wrong.
        at: The id of what it was tried by.
        out: Where whoever signed out here signs out at the provider.
    """
    has_users = any(not user.issuer for user in asked.site.accounts.people.users())
    title = asked.site.access.single_sign_on.title
    others, token = has_users or bool(title), _token(wanted, focus=not (has_users or title), wrong=at == "token")
    to = url("/sign-in/provider", next=inside(wanted))
    return bare(
        asked.look,
        "Sign in",
        h.div(".card")[
            h.h1["Sign in"],
            notice("bad", h.a(href=f"#{at if at != 'provider' or title else 'main'}")[error]) if error else None,
            notice("info", "You are signed out here", h.p[h.a(href=out)[f"Sign out of {title}, too"]]) if out else None,
            unencrypted(asked),
            button(f"Sign in with {title}", kind="primary", href=to, id="provider") if title else None,
            _password(wanted, asked.form.get("email", ""), wrong=at == "email", kind="plain" if title else "primary")
            if has_users
            else None,
            h.details(".other", open=at == "token")[h.summary["Sign in with the installation's token"], token]
            if others
            else token,
        ],
    )


def _password(wanted: str, email: str, *, wrong: bool, kind: str) -> Element:
    return h.form(method="post", action="/sign-in")[
        hidden("next", inside(wanted)),
        h.div(".field")[
            h.label(for_="email")["E-mail address"],
            h.input(
                type="email",
                name="email",
                id="email",
                value=email or None,
                required=True,
                autofocus=kind == "primary" or wrong,
                autocomplete="username",
                aria_invalid="true" if wrong else None,
            ),
        ],
        field("Password", "password", kind="password", fills="current-password"),
        button("Sign in", kind=kind, type="submit"),
    ]


def _token(wanted: str, *, focus: bool, wrong: bool) -> Element:
    return h.form(method="post", action="/sign-in")[
        hidden("next", inside(wanted)),
        h.div(".field")[
            h.label(for_="token")["Token of this installation"],
            h.input(
                type="password",
                name="token",
                id="token",
                required=True,
                autofocus=focus,
                autocomplete="current-password" if focus else "off",
                aria_describedby="token-hint",
                aria_invalid="true" if wrong else None,
            ),
            h.p(".hint", id="token-hint")[
                "The console was started with it as ", h.code["SYNCLINE_CONSOLE_TOKEN"], ". ",
                h.code["make run"], " writes it to ", h.code[".run/endpoints.json"], ".",
                " While there is no admin, the console prints a link to make one as it starts." if focus else None,
            ],
        ],
        button("Sign in", kind="primary" if focus else "plain", type="submit"),
    ]  # fmt: skip
