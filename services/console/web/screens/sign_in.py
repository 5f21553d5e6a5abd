"""Signing in and out, and how the pages look."""

import htpy as h
from htpy import Element
from starlette.responses import Response

from services.console.use.problems import Problem
from services.console.web.asked import SESSION_COOKIE, Asked, Look, html, inside, see_other
from services.console.web.parts.forms import field
from services.console.web.parts.page import bare
from services.console.web.parts.pieces import button, hidden, notice
from shared.messages import User


def show(asked: Asked) -> Response:
    """Return the sign-in page; whoever is signed in goes on."""
    if asked.session is not None:
        return see_other(inside(asked.query.get("next", "/")))
    return html(_page(asked, asked.query.get("next", "/")))


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
        answer = html(_page(asked, wanted, problem.detail), 422 if problem.status == 401 else problem.status)
        answer.headers.update({name: value for name, value in problem.headers.items() if name == "Retry-After"})
        return answer
    return begin(asked, user, wanted)


def by_link(asked: Asked) -> Response:
    """Begin a session of the installation for whoever has a link that works once."""
    try:
        asked.site.accounts.take_sign_in_link(asked.query.get("token", ""))
    except Problem as problem:
        return html(_page(asked, "/", problem.detail), problem.status)
    return begin(asked, None, "/")


def begin(asked: Asked, user: User | None, wanted: str = "/") -> Response:
    """Begin a session, whatever session the browser had before, and go on to an address of ours."""
    answer = see_other(wanted)
    asked.keep(answer, asked.site.sessions.begin(user))
    if user is not None:
        asked.know_browser(answer, user)
    return answer


def sign_out(asked: Asked) -> Response:
    """End the session everywhere, and delete its cookie."""
    assert asked.session is not None  # noqa: S101 - the address is for those who are signed in
    asked.site.accounts.end_session(asked.session.id)
    answer = see_other("/sign-in")
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


def _page(asked: Asked, wanted: str, error: str = "") -> Element:
    has_users, by_token = bool(asked.site.accounts.people.users()), "token" in asked.form
    at = "token" if by_token or not has_users else "email"
    token = _token(wanted, has_users=has_users, wrong=bool(error) and at == "token")
    return bare(
        asked.look,
        "Sign in",
        h.div(".card")[
            h.h1["Sign in"],
            notice("bad", h.a(href=f"#{at}")[error]) if error else None,
            unencrypted(asked),
            _password(wanted, asked.form.get("email", ""), wrong=bool(error) and at == "email") if has_users else None,
            h.details(".other", open=by_token)[h.summary["Sign in with the installation's token"], token]
            if has_users
            else token,
        ],
    )


def _password(wanted: str, email: str, *, wrong: bool) -> Element:
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
                autofocus=True,
                autocomplete="username",
                aria_invalid="true" if wrong else None,
            ),
        ],
        field("Password", "password", kind="password", fills="current-password"),
        button("Sign in", kind="primary", type="submit"),
    ]


def _token(wanted: str, *, has_users: bool, wrong: bool) -> Element:
    return h.form(method="post", action="/sign-in")[
        hidden("next", inside(wanted)),
        h.div(".field")[
            h.label(for_="token")["Token of this installation"],
            h.input(
                type="password",
                name="token",
                id="token",
                required=True,
                autofocus=not has_users,
                autocomplete="off" if has_users else "current-password",
                aria_describedby="token-hint",
                aria_invalid="true" if wrong else None,
            ),
            h.p(".hint", id="token-hint")[
                "The console was started with it as ", h.code["SYNCLINE_CONSOLE_TOKEN"], ". ",
                h.code["make run"], " writes it to ", h.code[".run/endpoints.json"], ".",
                None if has_users else " While there is no admin, the console prints a link to make one as it starts.",
            ],
        ],
        button("Sign in", kind="plain" if has_users else "primary", type="submit"),
    ]  # fmt: skip
