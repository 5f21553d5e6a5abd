"""Signing in with the installation's token, signing out, and how the pages look."""

import htpy as h
from htpy import Element
from starlette.responses import Response

from services.console.use.problems import Problem
from services.console.web.asked import SESSION_COOKIE, Asked, Look, html, inside, see_other
from services.console.web.parts.page import bare
from services.console.web.parts.pieces import button, hidden, notice


def show(asked: Asked) -> Response:
    """Return the sign-in page; whoever is signed in goes on."""
    if asked.session is not None:
        return see_other(inside(asked.query.get("next", "/")))
    return html(_page(asked, asked.query.get("next", "/")))


def sign_in(asked: Asked) -> Response:
    """Begin a session for whoever sends the token."""
    wanted = inside(asked.form.get("next", "/"))
    try:
        asked.site.access.check(asked.client, asked.form.get("token", ""))
    except Problem as problem:
        sentence = "This is not the token of this installation." if problem.status == 401 else problem.detail
        answer = html(_page(asked, wanted, sentence), 422 if problem.status == 401 else problem.status)
        answer.headers.update({name: value for name, value in problem.headers.items() if name == "Retry-After"})
        return answer
    answer = see_other(wanted)
    asked.keep(answer, asked.site.sessions.begin("admin", "admin"))
    return answer


def sign_out(asked: Asked) -> Response:
    """Delete the cookie of the session."""
    answer = see_other("/sign-in")
    answer.delete_cookie(SESSION_COOKIE, path="/", httponly=True, samesite="lax", secure=not asked.is_local)
    return answer


def keep_look(asked: Asked) -> Response:
    """Keep how the pages look in this browser."""
    answer = see_other(inside(asked.form.get("next", "/")))
    theme = asked.form.get("theme", "")
    asked.keep_look(answer, Look(theme=theme if theme in ("light", "dark") else "", keys="keys" in asked.form))
    return answer


def _page(asked: Asked, wanted: str, error: str = "") -> Element:
    return bare(
        asked.look,
        "Sign in",
        h.div(".card")[
            h.h1["Sign in"],
            notice("bad", h.a(href="#token")[error]) if error else None,
            None
            if asked.is_local or asked.is_https
            else notice(
                "warn",
                "This connection may not be encrypted",
                h.p["Browsers keep a session only by https, or on localhost. Call the console by one of these."],
            ),
            h.form(method="post", action="/sign-in")[
                hidden("next", inside(wanted)),
                h.div(".field")[
                    h.label(for_="token")["Token of this installation"],
                    h.input(
                        type="password",
                        name="token",
                        id="token",
                        required=True,
                        autofocus=True,
                        autocomplete="current-password",
                        aria_describedby="token-hint",
                        aria_invalid="true" if error else None,
                    ),
                    h.p(".hint", id="token-hint")[
                        "The console was started with it as ", h.code["SYNCLINE_CONSOLE_TOKEN"], ". ",
                        h.code["make run"], " writes it to ", h.code[".run/endpoints.json"], ".",
                    ],
                ],
                button("Sign in", kind="primary", type="submit"),
            ],
        ],
    )  # fmt: skip
