"""Users: who may sign in, with which role; inviting, changing, resetting and shutting them out."""

from collections.abc import Mapping
from typing import Final

import htpy as h
from htpy import Element, Node
from starlette.responses import Response

from services.console.access.roles import MEANINGS, ROLES, role_of
from services.console.use.administration.users import State
from services.console.use.problems import Refused
from services.console.web.asked import Asked, html, see_other
from services.console.web.parts.forms import VERSION, choice, field, form, refusals
from services.console.web.parts.page import page
from services.console.web.parts.pieces import button, card, empty, hidden, notice, send, table
from services.console.web.parts.words import Mark, ago, badge, url
from shared.wire.messages import Role, User

PATH: Final = "/settings/users"
_STATES: Final[Mapping[State, Mark]] = {
    "active": Mark("Active", "check", "ok"),
    "invited": Mark("Invited", "clock", "wait"),
    "invitation_ended": Mark("Invitation ended", "warn", "warn"),
    "disabled": Mark("Disabled", "minus", "off"),
    "linked": Mark("Linked", "plug", "off"),
    "provider_off": Mark("Provider is off", "warn", "warn"),
}
_DONE: Final = {
    "role": "The role counts from now on, in every session.",
    "disabled": "The user is shut out, and all sessions have ended.",
    "enabled": "The user may sign in again.",
    "linked": "Whoever signs in by the provider as the one is the other from now on.",
    "unlinked": "The user of the provider is a user alone again; sessions of the other one have ended.",
}


def show(asked: Asked) -> Response:
    """Return the list of users."""
    return html(_page(asked))


def invite(asked: Asked) -> Response:
    """Make a user, and show the link to hand over, which no address may hold."""
    given = asked.form
    try:
        user, secret = asked.site.accounts.invite(
            given.get("email", ""), role_of(given.get("role", "")), given.get("name", "")
        )
    except Refused as refused:
        return html(_page(asked, refused.fields), 422)
    return html(_link(asked, f"{user.email} is invited", user, secret))


def change_role(asked: Asked) -> Response:
    """Change a user's role."""
    asked.site.accounts.change(asked.params["name"], role=role_of(asked.form.get("role", "")))
    return see_other(url(PATH, done="role"))


def disable(asked: Asked) -> Response:
    """Shut a user out."""
    asked.site.accounts.change(asked.params["name"], disabled=True)
    return see_other(url(PATH, done="disabled"))


def enable(asked: Asked) -> Response:
    """Enable a user again."""
    asked.site.accounts.change(asked.params["name"], disabled=False)
    return see_other(url(PATH, done="enabled"))


def link(asked: Asked) -> Response:
    """Make whoever signs in by the provider as one user another one."""
    asked.site.access.single_sign_on.link(asked.params["name"], asked.form.get("to", ""))
    return see_other(url(PATH, done="linked"))


def unlink(asked: Asked) -> Response:
    """Make a user of the provider a user alone again."""
    asked.site.access.single_sign_on.unlink(asked.params["name"])
    return see_other(url(PATH, done="unlinked"))


def reset(asked: Asked) -> Response:
    """Take a user's password away, and show the link to hand over."""
    user = asked.site.accounts.find(asked.params["name"])
    secret = asked.site.accounts.reset(user.id)
    return html(_link(asked, f"The password of {user.email} is reset", user, secret))


def roles_up_to(most: Role) -> list[tuple[str, str]]:
    """List the roles that reach no further than one, each with what it may."""
    return [(role, f"{role}: {MEANINGS[role]}") for role in ROLES[: ROLES.index(most) + 1]]


def shown_once(asked: Asked, title: str, what: str, secret: str, *, back: tuple[str, str]) -> Element:
    """Return a page that shows a secret, this once.

    Args:
        asked: What was asked.
        title: What was done.
        what: What to do with it.
        secret: What is shown.
        back: Text and address of the page that it belongs to.
    """
    return page(
        asked,
        title,
        h.div(".stack.narrow")[
            notice("warn", "This is shown once", h.p[what]),
            h.div(".card")[
                h.div(".pad.field")[
                    h.label(for_="secret")["Copy this"],
                    h.input(id="secret", value=secret, readonly=True, autofocus=True, spellcheck="false"),
                ]
            ],
            h.p[button(f"Back to {back[0].lower()}", href=back[1])],
        ],
        crumbs=(back,),
        here=back[1],
    )


def _link(asked: Asked, title: str, user: User, secret: str) -> Element:
    what = (
        f"Hand this link to {user.email}, in a way that nobody else reads. By it that person chooses a password, once, "
        "within three days."
    )
    return shown_once(asked, title, what, f"{asked.origin}/welcome?token={secret}", back=("Users", PATH))


def _page(asked: Asked, errors: Mapping[str, str] | None = None) -> Element:
    people = asked.site.accounts.people
    done = _DONE.get(asked.query.get("done", ""))
    rows = [_row(asked, user) for user in people.users()]
    heads = ("User", "State", "Role", "Last at work", "Actions")
    return page(
        asked,
        "Users",
        h.div(".stack")[
            notice("ok", done) if done else None,
            refusals(errors),
            table("Users", heads, rows, name="list") if rows else _nobody(),
            card("Invite somebody", _invite(asked, errors), name="invite"),
        ],
        here=PATH,
    )


def _nobody() -> Element:
    return empty(
        "There are no users yet", "You are signed in as the installation itself. Invite an admin first.", mark="people"
    )


def _row(asked: Asked, user: User) -> Element:
    path, people = f"{PATH}/{user.id}", asked.site.accounts.people
    version = asked.site.accounts.standing(user).version
    other = people.whoever(user.id) if people.link(user.id) is not None else None
    return h.tr[
        h.th(".name.wrap", scope="row")[
            user.email,
            h.span(".sub")[user.name] if user.name else None,
            h.span(".sub")[f"By the provider, as {user.subject}"] if user.issuer else None,
        ],
        h.td(".state")[
            badge(_STATES[asked.site.accounts.state(user)]),
            h.span(".sub")[f"Is {other.email}"] if other is not None else None,
        ],
        h.td(data_label="Role")[other.role if other is not None else _role(asked, user)],
        h.td(data_label="Last at work")[ago(people.seen_ms(user.id), asked.now_ms)],
        h.td(".wrap")[
            h.div(".row")[
                None if user.disabled or user.issuer else send(asked, f"{path}/reset", ["Reset password", _of(user)]),
                send(asked, f"{path}/enable", ["Enable", _of(user)])
                if user.disabled
                else send(asked, f"{path}/disable", ["Disable", _of(user)]),
                send(asked, f"{path}/unlink", ["Unlink", _of(user)], version=version)
                if other is not None
                else _linking(asked, user),
            ]
        ],
    ]


def _linking(asked: Asked, user: User) -> Element | None:
    """Return the form that says who a user of the provider is besides; None where there is nobody to be."""
    people = asked.site.accounts.people
    others = [row for row in people.users() if row.id != user.id and not row.disabled and people.link(row.id) is None]
    if not user.issuer or user.disabled or not others or people.linked_to(user.id):
        return None
    return h.form(".row", method="post", action=f"{PATH}/{user.id}/link")[
        hidden("form_token", asked.form_token()),
        hidden(VERSION, asked.site.accounts.standing(user).version),
        h.select(name="to", aria_label=f"Who {user.email} is")[
            [
                h.option(value=row.id)[f"{row.email} ({'by the provider' if row.issuer else 'by password'})"]
                for row in others
            ]
        ],
        button(["Link", _of(user)], type="submit"),
    ]


def _of(user: User) -> Element:
    return h.span(".sr")[f" of {user.email}"]


def _role(asked: Asked, user: User) -> Node:
    provider = asked.site.accounts.people.provider()
    if user.issuer and provider is not None and provider.claim:
        return [user.role, h.span(".sub")["as the provider says"]]
    return h.form(".row", method="post", action=f"{PATH}/{user.id}/role")[
        hidden("form_token", asked.form_token()),
        hidden(VERSION, asked.site.accounts.standing(user).version),
        h.select(name="role", aria_label=f"Role of {user.email}")[
            [h.option(value=role, selected=role == user.role)[role] for role in ROLES]
        ],
        button(["Change", _of(user)], type="submit"),
    ]


def _invite(asked: Asked, errors: Mapping[str, str] | None) -> Node:
    given = asked.form
    return form(
        asked,
        PATH,
        field("E-mail address", "email", kind="email", value=given.get("email", ""), errors=errors),
        field("Name", "name", value=given.get("name", ""), needed=False),
        choice("Role", "role", roles_up_to("admin"), value=given.get("role", "viewer")),
        h.p[button("Invite", kind="primary", type="submit")],
    )
