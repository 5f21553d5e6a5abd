"""Users, tokens, and links to sign in."""

from typing import Annotated, Any, Final, TypeAlias

from pydantic import Field

from services.console.access.scopes import SCOPES
from services.console.rest.shapes.common import NOT_BLANK, Given, Page, Shown, examples
from services.console.use.administration.tokens import LONGEST_DAYS
from services.console.use.administration.users import EMAIL
from services.console.use.asked import NUMBER, Flag
from shared.wire.messages import Role

Scope: TypeAlias = Annotated[str, Field(json_schema_extra={"enum": list(SCOPES)})]
_USER: Final[dict[str, Any]] = {
    "id": "9f1c2e7a4b5d6038",
    "email": "ann@example.com",
    "name": "Ann Lee",
    "role": "operator",
    "state": "invited",
    "created_ms": 1_700_000_000_000,
    "last_seen_ms": None,
    "issuer": None,
    "subject": None,
    "linked_to": None,
}
_KEPT: Final[dict[str, Any]] = {
    "name": "history_days",
    "what": "What was decided about records, with old and new values",
    "days": 30,
    "usual_days": 90,
    "decided": True,
    "topic": "history",
    "topic_days": 30.0,
    "state": "applied",
}
_TOKEN: Final[dict[str, Any]] = {
    "id": "0c1d2e3f4a5b6c7d",
    "name": "backup",
    "role": "viewer",
    "scopes": ["records:read", "jobs:read"],
    "owner": "ann@example.com",
    "created_ms": 1_700_000_000_000,
    "until_ms": 1_707_776_000_000,
    "last_seen_ms": None,
    "ended": False,
}


class NewUser(Given):
    """Somebody to be invited."""

    model_config = examples({"email": "ann@example.com"})

    email: str = Field(max_length=254)
    role: Role = "viewer"
    name: str = Field(default="", max_length=200)


class UserChange(Given):
    """What is to become of a user; what is left out stays."""

    model_config = examples({"role": "operator"})

    role: Role | None = None
    disabled: Flag | None = None


class UserRow(Shown):
    """Somebody who may sign in."""

    model_config = examples(_USER)

    id: str
    email: str
    name: str
    role: Role
    state: str
    """`active`, `invited`, `invitation_ended`, `linked` or `disabled`."""
    created_ms: int
    last_seen_ms: int | None
    issuer: str | None
    """The provider by which this person signs in; null for who has a password."""
    subject: str | None
    """What the provider calls this person."""
    linked_to: str | None
    """`id` of the user who this person is besides."""


class MailServerShown(Shown):
    """The server by which mail is sent, without its password."""

    model_config = examples(
        {
            "host": "smtp.example.com",
            "port": 587,
            "security": "starttls",
            "user": "syncline",
            "sender": "Syncline <syncline@example.com>",
            "console_url": "https://syncline.example.com",
            "has_password": True,
        }
    )

    host: str
    port: int
    security: str
    """`starttls`, `tls` or `none`."""
    user: str
    """As whom it signs in; empty for nobody."""
    sender: str
    console_url: str
    """Where links in mails lead."""
    has_password: bool


class MailTest(Given):
    """A mail to see whether that works."""

    model_config = examples({"to": "ann@example.com"})

    to: str = Field(max_length=254, json_schema_extra={"pattern": f"^{EMAIL.pattern}$"})


class KeptRow(Shown):
    """For how long one thing is kept."""

    model_config = examples(_KEPT)

    name: str
    """Its field in a change."""
    what: str
    days: int
    """For how many days it is kept."""
    usual_days: int
    """For how many days where no admin has decided."""
    decided: bool
    """Whether an admin has decided."""
    topic: str
    """Where in Kafka it is."""
    topic_days: float | None
    """For how many days Kafka keeps the topic now; null where it does not say. Files take a day more."""
    state: str
    """`applied`, `differs` while Kafka keeps it otherwise, or `unknown`."""


class RetentionShown(Shown):
    """How long things are kept."""

    model_config = examples({"kept": [_KEPT]})

    kept: list[KeptRow]


class Linking(Given):
    """Who somebody is besides, who signs in by the provider."""

    model_config = examples({"to": "5d0c0c9a1f2b3c4d"})

    to: str = Field(max_length=64)
    """`id` of the user that this one is."""


class ProviderShown(Shown):
    """The provider of OpenID Connect by which people sign in, without its secret."""

    model_config = examples(
        {
            "issuer": "https://login.example.com",
            "client_id": "syncline",
            "title": "Example",
            "scopes": ["openid", "email", "profile"],
            "domains": [],
            "claim": "groups",
            "roles": {"crm-admins": "admin", "sales": "viewer"},
            "default_role": "",
            "has_secret": True,
        }
    )

    issuer: str
    """Its address, as it calls itself."""
    client_id: str
    title: str
    """What people call it: stands on the button."""
    scopes: list[str]
    domains: list[str]
    """Domains of verified addresses that may come in; all when empty."""
    claim: str
    """What of a person decides the role."""
    roles: dict[str, str]
    """Which role a value of the claim gives."""
    default_role: str | None
    """The role of all others; without it they may not come in."""
    has_secret: bool


class UserList(Page):
    """One page of users, by their addresses."""

    model_config = examples({"users": [_USER], "total": {"number": 1, "exact": True}, "next": None})

    users: list[UserRow]


class Invited(UserRow):
    """A user, and where that person chooses a password."""

    model_config = examples({**_USER, "path": "/welcome?token=Zx…"})

    path: str
    """Below the console's address; it works once."""


class NewToken(Given):
    """A token to be made."""

    model_config = examples({"name": "backup", "role": "viewer", "scopes": ["records:read", "jobs:read"]})

    name: str = Field(max_length=100, json_schema_extra=NOT_BLANK)
    """What it is for."""
    role: Role = "viewer"
    """The most that it may do."""
    days: Annotated[int, Field(ge=0, le=LONGEST_DAYS), NUMBER] = 90
    """For how many days; 0 until it is revoked."""
    scopes: list[Scope] | None = Field(default=None, min_length=1, max_length=len(SCOPES))
    """What it is limited to; null for all that its role allows."""


class TokenRow(Shown):
    """A token of the API."""

    model_config = examples(_TOKEN)

    id: str
    name: str
    role: Role
    scopes: list[str] | None
    """What it is limited to; null for all that its role allows."""
    owner: str
    """The address of its owner; empty for one of the installation."""
    created_ms: int
    until_ms: int | None
    """When it ends; null for never."""
    last_seen_ms: int | None
    ended: bool


class TokenList(Page):
    """One page of tokens, the oldest first."""

    model_config = examples({"tokens": [_TOKEN], "total": {"number": 1, "exact": True}, "next": None})

    tokens: list[TokenRow]


class TokenMade(TokenRow):
    """A token, and what is sent as the bearer."""

    model_config = examples({**_TOKEN, "secret": "syn_0c1d2e3f4a5b6c7d_…"})

    secret: str
    """Told this once."""


class SignInLink(Shown):
    """A link that signs a browser in, once, within an hour."""

    model_config = examples({"secret": "Zx…", "path": "/sign-in/link?token=Zx…"})

    secret: str
    path: str
    """Below the console's address."""
