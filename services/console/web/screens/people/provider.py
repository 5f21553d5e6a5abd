"""The provider by which people sign in: which one, who of its people may come in, and with which role."""

from collections.abc import Mapping
from typing import Final

import htpy as h
from htpy import Element
from pydantic import SecretStr
from starlette.responses import Response

from services.console.use.administration.single_sign_on import LONGEST, ProviderWanted
from services.console.use.problems import Refused
from services.console.web.asked import Asked, html, see_other
from services.console.web.parts.forms import choice, field, form, lines, refusals
from services.console.web.parts.page import page
from services.console.web.parts.pieces import button, card, notice, send
from services.console.web.parts.words import url
from services.console.web.screens.people.sign_in import CALLBACK
from services.console.web.screens.people.users import roles_up_to
from shared.wire.messages import SignInProvider

PATH: Final = "/settings/sign-in"
_DONE: Final = {
    "changed": "People sign in by this provider from now on. Try it in another browser before you sign out.",
    "removed": "Nobody signs in by a provider any more; the sessions that began there have ended.",
}


def show(asked: Asked) -> Response:
    """Return the provider, as a form."""
    return html(_page(asked, _given(asked.site.access.single_sign_on.provider)))


def change(asked: Asked) -> Response:
    """Sign people in by what the form says."""
    given = asked.form
    try:
        asked.site.access.single_sign_on.change(
            ProviderWanted(
                issuer=given.get("issuer", "")[:LONGEST],
                client_id=given.get("client_id", "")[:LONGEST],
                client_secret=SecretStr(given.get("client_secret", "")[:LONGEST]),
                title=given.get("title", ""),
                scopes=tuple(given.get("scopes", "").split()[:20]),
                domains=tuple(given.get("domains", "").replace(",", " ").split()),
                claim=given.get("claim", "")[:LONGEST],
                roles=_roles(given.get("roles", "")),
                default_role=given.get("default_role", ""),
            )
        )
    except Refused as refused:
        return html(_page(asked, given, refused.fields), 422)
    return see_other(url(PATH, done="changed"))


def remove(asked: Asked) -> Response:
    """Sign nobody in by the provider any more."""
    asked.site.access.single_sign_on.remove()
    return see_other(url(PATH, done="removed"))


def _roles(text: str) -> dict[str, str]:
    """Read a table, one value and its role on each line; the last sign of equality parts them."""
    rows = [line.rpartition("=") for line in text.splitlines() if line.strip()]
    return {value.strip(): role.strip().lower() for value, _, role in rows}


def _given(found: SignInProvider | None) -> dict[str, str]:
    """Return what stands as a form holds it."""
    if found is None:
        return {"scopes": "openid email profile"}
    return {
        "issuer": found.issuer,
        "client_id": found.client_id,
        "title": found.title,
        "scopes": " ".join(found.scopes),
        "domains": " ".join(found.domains),
        "claim": found.claim,
        "roles": "\n".join(f"{value} = {role}" for value, role in found.roles.items()),
        "default_role": found.default_role or "",
    }


def _page(asked: Asked, given: Mapping[str, str], errors: Mapping[str, str] | None = None) -> Element:
    single_sign_on, done = asked.site.access.single_sign_on, _DONE.get(asked.query.get("done", ""))
    found, version = single_sign_on.provider, single_sign_on.standing().version
    return page(
        asked,
        "Sign-in",
        h.div(".stack")[
            notice("ok", done) if done else None,
            refusals(errors),
            card("Sign in by a provider", _form(asked, given, errors), name="provider"),
            card(
                "Stop signing in by it",
                h.div(".pad.stack")[
                    h.p["Sessions that began there end at once. Passwords and the installation's token go on to work."],
                    send(
                        asked,
                        f"{PATH}/remove",
                        "Remove the provider",
                        kind="danger",
                        version=version,
                    ),
                ],
                name="stop",
            )
            if found is not None
            else None,
        ],
        here=PATH,
    )


def _form(asked: Asked, given: Mapping[str, str], errors: Mapping[str, str] | None) -> Element:
    def of(name: str) -> str:
        return given.get(name, "")

    again = "Left empty, the one that stands stays. It is never shown again."
    has_secret = bool(found.client_secret) if (found := asked.site.access.single_sign_on.provider) else False
    nobody = ("", "may not sign in")
    return form(
        asked,
        PATH,
        h.p(".hint")[
            "At the provider, register this redirect address: ",
            h.code[f"{asked.origin}{CALLBACK}"], ".",
        ],
        field("Address of the provider", "issuer", kind="url", value=of("issuer"), errors=errors,
              hint="Its issuer, such as https://login.example.com. Keycloak, Entra ID, Okta, Google and others speak "
              "OpenID Connect."),
        field("Client id", "client_id", value=of("client_id"), errors=errors),
        field("Client secret", "client_secret", kind="password", needed=False, errors=errors, fills="new-password",
              hint=again if has_secret else "Sealed before it is stored. Left empty where the provider gives none."),
        field("What people call it", "title", value=of("title"), needed=False, errors=errors,
              hint="Stands on the button “Sign in with …”."),
        field("Scopes", "scopes", value=of("scopes"), needed=False, errors=errors,
              hint="What the provider is asked to tell, separated by spaces."),
        field("Domains that may sign in", "domains", value=of("domains"), needed=False, errors=errors,
              hint="Such as example.com, of e-mail addresses that the provider has verified. Left empty, all whom the "
              "provider knows."),
        field("Claim that decides the role", "claim", value=of("claim"), needed=False, errors=errors,
              hint="Such as groups, or realm_access.roles. Left empty, all get the role below, which admins "
              "change here."),
        lines("Its values, and the role that each gives", "roles", value=of("roles"), errors=errors,
              hint="One on each line, such as: crm-admins = admin. Of several, the highest role counts."),
        choice("All others", "default_role", [nobody, *roles_up_to("admin")], value=of("default_role"), errors=errors),
        h.p[button("Check and save the provider", kind="primary", type="submit")],
        version=asked.site.access.single_sign_on.standing().version,
    )  # fmt: skip
