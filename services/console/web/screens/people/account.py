"""One's own account: who one is, another password, and ending all sessions."""

from collections.abc import Mapping
from typing import Final

import htpy as h
from htpy import Element, Node
from starlette.responses import Response

from services.console.access.roles import MEANINGS
from services.console.use.problems import Problem, Refused
from services.console.use.zones import zone_name
from services.console.web.asked import Asked, html, see_other
from services.console.web.parts.forms import field, form, refusals
from services.console.web.parts.page import page
from services.console.web.parts.pieces import button, card, notice, send
from services.console.web.parts.words import url
from services.console.web.screens.people.welcome import PASSWORD_HINT

PATH: Final = "/account"
_DONE: Final = {
    "password": "The password is changed; all other sessions have ended.",
    "zone": "Times are shown in that zone from now on, in every browser.",
}


def show(asked: Asked) -> Response:
    """Return the account of whoever asks."""
    return html(_page(asked))


def change_password(asked: Asked) -> Response:
    """Set another password; this browser stays signed in, all others are signed out."""
    if not asked.caller.user:
        raise Problem(409, "No password", "The installation signs in by its token, which is set where it is started.")
    try:
        user = asked.site.access.change_password(
            asked.caller, asked.form.get("old", ""), asked.form.get("password", "")
        )
    except Refused as refused:
        return html(_page(asked, refused.fields), 422)
    answer = see_other(url(PATH, done="password"))
    asked.keep(answer, asked.site.sessions.begin(user))
    return answer


def keep_zone(asked: Asked) -> Response:
    """Show times in another zone."""
    try:
        asked.site.accounts.keep_preferences(asked.caller, {"zone": asked.form.get("zone", "").strip()})
    except Refused as refused:
        return html(_page(asked, refused.fields), 422)
    return see_other(url(PATH, done="zone"))


def sign_out_everywhere(asked: Asked) -> Response:
    """End all sessions of whoever asks, this one among them."""
    asked.site.accounts.end_all(asked.caller)
    return see_other("/sign-in")


def _page(asked: Asked, errors: Mapping[str, str] | None = None) -> Element:
    by, user = asked.caller, asked.site.accounts.people.user(asked.caller.user)
    facts: list[tuple[str, Node]] = [
        ("Signed in as", by.who),
        ("Role", f"{by.role}: {MEANINGS[by.role]}"),
    ]
    if user is not None and user.name:
        facts.insert(1, ("Name", user.name))
    done = _DONE.get(asked.query.get("done", ""))
    return page(
        asked,
        "Your account",
        h.div(".stack")[
            notice("ok", done) if done else None,
            refusals(errors),
            card("You", h.dl(".facts")[[h.div[h.dt[name], h.dd[value]] for name, value in facts]], name="you"),
            card("Times", _zone(asked, errors), name="times"),
            card("Change your password", _password(asked, errors), name="change")
            if user is not None and asked.site.accounts.people.password(user.id) is not None
            else None,
            card(
                "Sessions",
                h.div(".pad.stack")[
                    h.p["Signs you out in every browser, this one among them: for when a computer was lost."],
                    send(asked, f"{PATH}/sign-out", "Sign out everywhere"),
                ],
                name="sessions",
            ),
        ],
    )


def _zone(asked: Asked, errors: Mapping[str, str] | None) -> Element:
    kept = asked.site.accounts.people.preferences(asked.caller.user).zone
    return form(
        asked,
        f"{PATH}/zone",
        field("Time zone", "zone", value=asked.form.get("zone", kept), errors=errors, needed=False,
              hint=f"Such as Europe/Rome. Left empty, it is the browser's. Times and days are shown in {zone_name()} "
                   "now."),
        h.p[button("Show times in this zone", type="submit")],
    )  # fmt: skip


def _password(asked: Asked, errors: Mapping[str, str] | None) -> Element:
    return form(
        asked,
        f"{PATH}/password",
        h.input(type="email", value=asked.caller.who, autocomplete="username", hidden=True, readonly=True),
        field("Your password until now", "old", kind="password", errors=errors, fills="current-password"),
        field("New password", "password", kind="password", hint=PASSWORD_HINT, errors=errors, fills="new-password"),
        h.p[button("Change the password", kind="primary", type="submit")],
    )
