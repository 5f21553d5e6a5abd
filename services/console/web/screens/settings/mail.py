"""The server by which the console sends mail, and a first mail to see whether that works."""

from collections.abc import Mapping
from typing import Final

import htpy as h
from htpy import Element
from pydantic import ValidationError
from starlette.responses import Response

from services.console.use.administration.mailing import LONGEST, MailServerWanted
from services.console.use.problems import Problem, Refused
from services.console.web.asked import Asked, html, see_other
from services.console.web.parts.forms import choice, field, form, refusals
from services.console.web.parts.page import page
from services.console.web.parts.pieces import button, card, notice, send
from services.console.web.parts.words import url

PATH: Final = "/settings/mail"
_NAMES: Final = ("host", "port", "security", "user", "password", "sender", "console_url")
_SECURITY: Final = (
    ("starttls", "STARTTLS (mostly port 587)"),
    ("tls", "TLS (mostly port 465)"),
    ("none", "No TLS, and no password"),
)
_DONE: Final = {
    "changed": "Mail is sent by this server from now on. Send a test mail to see whether it takes one.",
    "removed": "No mail is sent any more.",
    "tested": "The server took the test mail. Look whether it arrives.",
}


def show(asked: Asked) -> Response:
    """Return the mail server, as a form."""
    found = asked.site.access.mailing.server
    given = found.model_dump() if found else {"port": "587", "console_url": asked.origin}
    return html(_page(asked, {name: str(given.get(name, "")) for name in _NAMES if name != "password"}))


def change(asked: Asked) -> Response:
    """Send mail by what the form says."""
    given = {name: asked.form.get(name, "")[:LONGEST] for name in _NAMES}
    try:
        asked.site.access.mailing.change(MailServerWanted.model_validate(given))
    except ValidationError as error:
        wrong = {str(row["loc"][0]): "Choose a number from 1 to 65535." for row in error.errors()}
        return html(_page(asked, given, wrong), 422)
    except Refused as refused:
        return html(_page(asked, given, refused.fields), 422)
    return see_other(url(PATH, done="changed"))


def remove(asked: Asked) -> Response:
    """Send no mail any more."""
    asked.site.access.mailing.remove()
    return see_other(url(PATH, done="removed"))


def test(asked: Asked) -> Response:
    """Send a test mail, and say what the server says."""
    to = asked.form.get("to", "")
    try:
        asked.site.access.mailing.test(to)
    except Refused as refused:
        wrong = refused.fields
    except Problem as problem:
        wrong = {"to": problem.detail}
    else:
        return see_other(url(PATH, done="tested"))
    found = asked.site.access.mailing.server
    given = {name: str(value) for name, value in (found.model_dump() if found else {}).items()}
    return html(_page(asked, {**given, "to": to}, wrong), 422)


def _page(asked: Asked, given: Mapping[str, str], errors: Mapping[str, str] | None = None) -> Element:
    mailing, done = asked.site.access.mailing, _DONE.get(asked.query.get("done", ""))
    is_set, version = mailing.server is not None, mailing.standing().version
    user = asked.site.accounts.people.user(asked.caller.user) if asked.caller.user else None
    return page(
        asked,
        "Mail",
        h.div(".stack")[
            notice("ok", done) if done else None,
            refusals(errors),
            card("The server that mail is sent by", _form(asked, given, errors, is_set=is_set), name="server"),
            card(
                "Try it",
                form(
                    asked,
                    f"{PATH}/test",
                    field("Send a test mail to", "to", kind="email", errors=errors,
                          value=given.get("to", user.email if user else "")),
                    h.p[button("Send a test mail", type="submit")],
                ),
                name="try",
            )
            if is_set
            else None,
            send(asked, f"{PATH}/remove", "Send no mail any more", kind="danger", version=version) if is_set else None,
        ],
        here=PATH,
    )  # fmt: skip


def _form(asked: Asked, given: Mapping[str, str], errors: Mapping[str, str] | None, *, is_set: bool) -> Element:
    again = "Left empty, the one that stands stays, for the same server and user. It is never shown again."

    def of(name: str) -> str:
        return given.get(name, "")

    return form(
        asked,
        PATH,
        field("Server", "host", value=of("host"), errors=errors, hint="Such as smtp.example.com."),
        field("Port", "port", kind="number", value=of("port"), errors=errors),
        choice("TLS", "security", _SECURITY, value=of("security")),
        field("User", "user", value=of("user"), errors=errors, needed=False,
              hint="Left empty, mail is sent without signing in."),
        field("Password", "password", kind="password", errors=errors, needed=False, fills="new-password",
              hint=again if is_set else None),
        field("Sender", "sender", value=of("sender"), errors=errors,
              hint="Such as Syncline <syncline@example.com>."),
        field("Address of this console", "console_url", value=of("console_url"), errors=errors,
              hint="Links in mails lead there, and ask people to sign in."),
        h.p[button("Send mail by this server", kind="primary", type="submit")],
        version=asked.site.access.mailing.standing().version,
    )  # fmt: skip
