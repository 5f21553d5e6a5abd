"""Tokens of the API: one's own, and for admins all; a new one is shown once."""

from collections.abc import Mapping
from typing import Final

import htpy as h
from htpy import Element, Node
from starlette.responses import Response

from services.console.access.roles import reaches, role_of
from services.console.access.scopes import SCOPES, least_role
from services.console.use.problems import Problem, Refused
from services.console.web.asked import Asked, html, see_other
from services.console.web.parts.forms import choice, field, form, refusals, tick
from services.console.web.parts.page import page
from services.console.web.parts.pieces import button, card, empty, notice, send, table
from services.console.web.parts.words import Mark, ago, badge, icon, span, url
from services.console.web.screens.people.users import roles_up_to, shown_once
from shared.wire.messages import ApiToken

PATH: Final = "/settings/tokens"
_LIVES: Final = (("30", "30 days"), ("90", "90 days"), ("365", "a year"), ("0", "until it is revoked"))


def show(asked: Asked) -> Response:
    """Return the list of tokens."""
    return html(_page(asked))


def make(asked: Asked) -> Response:
    """Make a token, and show it."""
    given = asked.form
    days = given.get("days", "90")
    if days not in dict(_LIVES):
        raise Problem(422, "Not understood", "Choose how long the token lives.")
    scopes = [scope for scope in SCOPES if given.get(scope) == "on"]
    try:
        token, secret = asked.site.access.tokens.make(
            asked.caller, given.get("name", ""), role_of(given.get("role", "")), int(days), scopes or None
        )
    except Refused as refused:
        return html(_page(asked, refused.fields), 422)
    what = "Keep it where the program reads its secrets. It is sent as `Authorization: Bearer …`; we keep a hash alone."
    return html(shown_once(asked, f"The token {token.name} is made", what, secret, back=("API tokens", PATH)))


def revoke(asked: Asked) -> Response:
    """End a token."""
    asked.site.access.tokens.revoke(asked.caller, asked.params["name"])
    return see_other(url(PATH, done="revoked"))


def _page(asked: Asked, errors: Mapping[str, str] | None = None) -> Element:
    rows = [_row(asked, token) for token in asked.site.access.tokens.seen_by(asked.caller)]
    heads = ("Token", "State", "Role", "Owner", "Ends", "Last used", "Actions")
    nothing = empty("There are no tokens yet", "A program that calls the API needs one.", mark="key")
    return page(
        asked,
        "API tokens",
        h.div(".stack")[
            notice("ok", "The token has ended, in every console.") if asked.query.get("done") == "revoked" else None,
            refusals(errors),
            table("API tokens", heads, rows, name="list") if rows else nothing,
            card("Make a token", _make(asked, errors), name="make"),
        ],
        here=PATH,
    )


def _row(asked: Asked, token: ApiToken) -> Element:
    row = asked.site.access.tokens.row(token)
    return h.tr[
        h.th(".name", scope="row")[token.name],
        h.td(".state")[badge(Mark("Ended", "minus", "off") if row["ended"] else Mark("Works", "check", "ok"))],
        h.td(".wrap", data_label="Role")[
            token.role, [" ", h.span(".sub")[", ".join(row["scopes"])]] if row["scopes"] else None
        ],
        h.td(data_label="Owner")[row["owner"] or "installation"],
        h.td(data_label="Ends")[_ends(token, asked.now_ms)],
        h.td(data_label="Last used")[ago(row["last_seen_ms"] or 0, asked.now_ms)],
        h.td[send(asked, f"{PATH}/{token.id}/revoke", ["Revoke", h.span(".sr")[f" {token.name}"]])],
    ]


def _ends(token: ApiToken, now_ms: int) -> Node:
    if not token.until_ms:
        return h.span(".none")["when it is revoked"]
    return ago(token.until_ms, now_ms) if token.until_ms <= now_ms else f"in {span((token.until_ms - now_ms) / 1000)}"


def _make(asked: Asked, errors: Mapping[str, str] | None) -> Element:
    given = asked.form
    return form(
        asked,
        PATH,
        field("What it is for", "name", value=given.get("name", ""), errors=errors),
        choice("The most that it may do", "role", roles_up_to(asked.caller.role), value=given.get("role", "viewer"),
               hint="It may never do more than its owner, and ends when its owner is disabled."),
        _scopes(asked, errors),
        choice("Valid for", "days", _LIVES, value=given.get("days", "90")),
        h.p[button("Make the token", kind="primary", type="submit")],
    )  # fmt: skip


def _scopes(asked: Asked, errors: Mapping[str, str] | None) -> Element:
    """Return where a token is limited; offered is what the role of whoever asks reaches."""
    error, given = (errors or {}).get("scopes", ""), asked.form
    return h.fieldset(".ticks", id="scopes", tabindex="-1", aria_describedby="scopes-hint")[
        h.legend["Limit it to"],
        h.p(".hint", id="scopes-hint")["Where nothing is ticked, it may do all that its role may."],
        h.p(".error")[icon("alert"), error] if error else None,
        [
            tick(scope, scope, value=given.get(scope, ""), hint=_opens(scope, text))
            for scope, text in SCOPES.items()
            if reaches(asked.caller.role, least_role(scope))
        ],
    ]


def _opens(scope: str, text: str) -> str:
    least = least_role(scope)
    return text if least == "viewer" else f"{text} Takes at least the role {least}."
