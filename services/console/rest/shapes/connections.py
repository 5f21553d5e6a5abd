"""Apps that can be connected, and the accounts that are."""

from typing import Annotated, Any, Final

from pydantic import Field, SecretStr

from services.console.rest.shapes.common import NOT_BLANK, Given, Page, Shown, examples
from services.console.use.asked import NUMBER, Flag
from services.console.use.connections.connecting import LONGEST_LABEL, Wanted
from services.console.use.health.pushing import LONGEST_S, SHORTEST_S

CONNECTION: Final[dict[str, Any]] = {
    "id": "hubspot",
    "app": "hubspot",
    "account": "portal 1",
    "label": "HubSpot",
    "state": "paused",
    "reason": "auth_expired",
    "detail": "The refresh token was revoked.",
    "hint": "Connect the account again.",
}
LEARNING: Final[dict[str, Any]] = {
    "push": True,
    "can_push": True,
    "wanted": True,
    "has_secret": True,
    "interval_s": 60.0,
    "url": "https://sync.example.com/webhooks/hubspot",
}
_APP: Final[dict[str, Any]] = {
    "id": "hubspot",
    "title": "HubSpot",
    "docs_url": "https://developers.hubspot.com/docs",
    "objects": ["Contacts", "Companies"],
    "changes": "Asked for changes every minute; tells them at once where it can reach Syncline",
    "sign_ins": ["Sign in at HubSpot"],
    "limits": ["100 calls every 10 seconds for each account"],
    "tested": ["2025-11"],
}
_NEW: Final[dict[str, Any]] = {
    "auth": "basic",
    "label": "Address book",
    "base_url": "https://dav.example.com",
    "options": {"book": "/ann/contacts/"},
    "secrets": {"user": "ann", "password": "…"},
}


class WebhooksRefused(Shown):
    """Calls of an account's app that were refused."""

    reason: str
    calls: int
    since_ms: int
    last_ms: int
    hint: str
    """What to do."""


class ConnectionRow(Shown):
    """An account that is connected."""

    model_config = examples(CONNECTION)

    id: str
    app: str
    """`id` of its app."""
    account: str
    """What the app calls it; empty while that is not known."""
    label: str
    """What people call it."""
    state: str
    """`running`, `paused`, or `unknown` while Redis is away."""
    limited: list[str] = Field(default=[])
    """What it cannot do for want of permissions."""
    webhooks_refused: WebhooksRefused | None = None
    reason: str = ""
    """Why it is paused."""
    detail: str = ""
    """What the app said."""
    since_ms: int = 0
    """Since when it is paused, where that is known."""
    hint: str = ""
    """What to do."""


class ConnectionList(Page):
    """One page of the accounts that are connected, by app and name."""

    model_config = examples({"connections": [CONNECTION], "total": {"number": 1, "exact": True}, "next": None})

    connections: list[ConnectionRow]


class Leaving(Shown):
    """What disconnecting an account would mean."""

    used_by: list[str]
    """Syncs that use it; it stays as long as there is one."""
    erased: list[str]
    stays: list[str]
    """What is left behind."""


class ConnectionShown(ConnectionRow):
    """An account, and what disconnecting it would mean."""

    model_config = examples(
        {
            **CONNECTION,
            "disconnecting": {
                "used_by": ["contacts"],
                "erased": ["What it signs in with, and where its feeds go on."],
                "stays": ["Records stay as they are, in all apps."],
            },
        }
    )

    disconnecting: Leaving


class AppRow(Shown):
    """An app that can be connected."""

    model_config = examples(_APP)

    id: str
    title: str
    docs_url: str
    """The app's own documentation."""
    objects: list[str]
    """Titles of the object types that can be synced."""
    changes: str
    """How its changes are learned."""
    sign_ins: list[str]
    """The ways to sign in, in words."""
    limits: list[str]
    """What the app allows, as it is known."""
    tested: list[str]
    """The versions that it is tested with."""


class AppList(Page):
    """One page of the apps that can be connected, by their titles."""

    model_config = examples({"apps": [_APP], "total": {"number": 1, "exact": True}, "next": None})

    apps: list[AppRow]


class ScopeRow(Shown):
    """A permission that an app is asked for."""

    name: str
    objects: list[str]
    """The object types that need it; all when empty."""
    access: str
    """`read`, `write` or both."""
    required: bool
    reason: str
    """What it is asked for."""


class AppShown(AppRow):
    """An app, its permissions, and its accounts."""

    model_config = examples(
        {
            **_APP,
            "scopes": [
                {
                    "name": "crm.objects.contacts.read",
                    "objects": ["contact"],
                    "access": "read",
                    "required": True,
                    "reason": "To read contacts.",
                }
            ],
            "connections": [CONNECTION],
        }
    )

    scopes: list[ScopeRow]
    connections: list[ConnectionRow]


class Renaming(Given):
    """What of an account can be edited."""

    model_config = examples({"label": "HubSpot of the north"})

    label: str = Field(max_length=LONGEST_LABEL, json_schema_extra=NOT_BLANK)
    """What people call it."""


class Account(Given):
    """An account that is not connected yet."""

    model_config = examples(_NEW)

    auth: str
    """One of the app's ways to sign in."""
    label: str = ""
    """What people call it."""
    base_url: str = ""
    """Where it is; the vendor's own address when empty."""
    options: dict[str, str] = Field(default={})
    """What the app needs to know besides."""
    secrets: dict[str, SecretStr] = Field(default={})
    """What it signs in with; sealed before it is stored."""
    push: Flag = True
    """Whether calls of the app are taken; it is asked besides."""
    webhook_secret: SecretStr = SecretStr("")
    """What signs the calls of the app."""

    def wanted(self, app: str) -> Wanted:
        """Return it as what can be done takes it."""
        return Wanted(
            app=app,
            auth=self.auth,
            label=self.label,
            base_url=self.base_url,
            options=self.options,
            secrets={name: text.get_secret_value() for name, text in self.secrets.items()},
            push=self.push,
            webhook_secret=self.webhook_secret.get_secret_value(),
        )


class Learning(Given):
    """How an account's changes are to be learned."""

    model_config = examples({"push": False, "interval_s": 60})

    push: Flag
    """Whether calls of the app are taken; it is asked besides."""
    interval_s: Annotated[float, Field(ge=SHORTEST_S, le=LONGEST_S), NUMBER]
    """How often the app is asked."""


class LearningShown(Shown):
    """How an account's changes are learned."""

    model_config = examples(LEARNING)

    push: bool
    """Whether the app tells them; it is asked besides."""
    can_push: bool
    """Whether the app calls by itself."""
    wanted: bool
    """Whether its calls are to be taken."""
    has_secret: bool
    """Whether it is known what signs them."""
    interval_s: float
    """How often the app is asked."""
    url: str | None
    """The address to enter at the app; null where it does not call by itself."""


class Reached(Shown):
    """Whether the app can reach this installation, as far as it can be known from here."""

    model_config = examples(
        {
            "works": False,
            "step": "not_secure",
            "title": "The certificate of the public address is not good",
            "remedy": "Apps do not call then: renew it, or serve it with all intermediate certificates.",
            "detail": "certificate has expired",
            "url": "https://sync.example.com/webhooks/hubspot",
            "last_webhook_ms": 1_699_999_990_000,
        }
    )

    works: bool
    step: str
    """What is in the way first; `works` where nothing is."""
    title: str
    remedy: str
    """What to do."""
    detail: str
    """What the failure says itself."""
    url: str
    """The address to enter at the app."""
    last_webhook_ms: int | None
    """When the app called last."""


class Secrets(Given):
    """What an account is to sign in with from now on."""

    model_config = examples({"secrets": {"password": "…"}})

    secrets: dict[str, SecretStr] = Field(default={})
    """By name; those that are left out stay as they are."""
    webhook_secret: SecretStr = SecretStr("")
    """What signs the calls of the app; left out, the one that stands stays."""


class NewAccount(Account):
    """An account to be connected."""

    model_config = examples({"app": "carddav", **_NEW})

    app: str
    """`id` of its app."""


class PlaceRow(Shown):
    """One of several that a sign-in opens."""

    title: str
    options: dict[str, str]
    """What a connection to it must hold."""


class Places(Shown):
    """What a sign-in opens."""

    model_config = examples({"places": [{"title": "Contacts", "options": {"book": "/ann/contacts/"}}]})

    places: list[PlaceRow]


class Credentials(Given):
    """What Syncline is known by at an app."""

    model_config = examples({"client_id": "0a1b", "client_secret": "…"})

    client_id: str = Field(max_length=2000)
    client_secret: SecretStr = Field(default=SecretStr(""), max_length=2000)
    """Left out, the one that stands stays."""
    base_url: str = Field(default="", max_length=2000)
    """Where the app is; the vendor's own when empty."""
    options: dict[str, str] = Field(default={})
    """Options of new accounts."""


class CredentialsShown(Shown):
    """What Syncline is known by at an app, without its secret."""

    model_config = examples({"app": "hubspot", "client_id": "0a1b"})

    app: str
    client_id: str


class Tested(Shown):
    """What came of a test."""

    model_config = examples({"works": True, "reason": "", "detail": "", "account": "portal 1"})

    works: bool
    reason: str
    """Why it does not work: an error category."""
    detail: str
    account: str
    """What the app calls the account."""


class Disconnected(Shown):
    """What was done, and what is left behind."""

    model_config = examples({"done": ["deleted connection hubspot, and its secrets"], "revoked": "done"})

    done: list[str]
    """What was done, and what is left behind, line by line."""
    revoked: str
    """Whether the app revoked the sign-in: `done`, `failed`, or `none` where it has nothing to revoke."""
