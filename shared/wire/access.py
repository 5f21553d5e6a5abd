"""What travels on the topic `access`: who may use the console, and which sessions have ended."""

from collections.abc import Mapping
from typing import Literal, TypeAlias

from pydantic import Field

from shared.model.records import Frozen

Role: TypeAlias = Literal["viewer", "editor", "operator", "admin"]
"""What a user, or an API token, may do; each may do what those before it may."""
AlertKind: TypeAlias = Literal["failing", "paused", "stopped", "late", "parked"]
"""What an alert watches: records that fail, accounts that are paused, syncs whose last job failed, changes that come
late, messages that could not be handled."""


class User(Frozen):
    """Somebody who may sign in to the console."""

    id: str
    email: str
    name: str = ""
    role: Role
    disabled: bool = False
    created_ms: int = 0
    issuer: str = ""
    """The provider by which this person signs in; empty for one who was invited. The person is issuer and subject
    together: the address is what the provider calls it now, and may be another user's as well."""
    subject: str = ""


class Password(Frozen):
    """A user's password: its Argon2 hash, sealed. Sessions that began before it was set have ended."""

    user: str
    sealed: str
    at_ms: int


class Invitation(Frozen):
    """A link by which a user sets a password once: the hash of its secret."""

    user: str
    hashed: str
    until_ms: int


class Ended(Frozen):
    """A session that ended, or all sessions of a user that began until a moment."""

    id: str
    at_ms: int
    until_ms: int = 0
    """When the session would have ended by itself; nobody needs to know of it afterwards."""


class Seen(Frozen):
    """When a user or an API token was at work last, to within ten minutes."""

    id: str
    at_ms: int


class ApiToken(Frozen):
    """A token of the API: the hash of its secret. It may do what its role and its owner may."""

    id: str
    name: str
    owner: str = ""
    """The user's id; empty for the installation itself."""
    role: Role
    hashed: str
    created_ms: int = 0
    until_ms: int = 0
    """When it ends; 0 for never."""


class ScopedToken(ApiToken):
    """A token that may do only what its scopes open, and of that no more than its role and its owner may.

    It is a document of its own kind: a version that knows no scopes takes it for no token, instead of for one that may
    do everything its role may.
    """

    scopes: tuple[str, ...] = Field(min_length=1)
    """Such as `records:read`. One that is not known where it is read opens nothing there."""


class SignInProvider(Frozen):
    """A provider of OpenID Connect by which people sign in, and who of them may come in."""

    issuer: str
    client_id: str
    client_secret: str = ""
    """Sealed; empty where the provider gave none."""
    title: str = ""
    """What people call it."""
    scopes: tuple[str, ...] = ("openid", "email", "profile")
    domains: tuple[str, ...] = ()
    """Domains of addresses that may come in, where the provider has verified them; all when empty."""
    claim: str = ""
    """What of a person decides the role, such as `groups`."""
    roles: Mapping[str, Role] = Field(default_factory=dict)
    """Which role a value of the claim gives."""
    default_role: Role | None = None
    """The role of whoever has none of these values; None: they may not come in."""


class MailServer(Frozen):
    """The server by which the console sends mail."""

    host: str
    port: int = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str = ""
    """As whom to sign in; empty for nobody."""
    password: str = ""
    """Sealed; empty where nobody signs in."""
    sender: str
    console_url: str = ""
    """Address of the console, for links in mails."""


class Alert(Frozen):
    """What an admin wants to be told of when it goes wrong, and whom to tell."""

    id: str
    name: str
    kind: AlertKind
    about: str = ""
    """`sync/` or `connection/`, and its id; all of them where it is empty."""
    over: int = 0
    """The most that is all right."""
    minutes: int = 0
    """For how long it must be otherwise, before that counts."""
    mail: tuple[str, ...] = ()
    url: str = ""
    """The webhook; empty for none."""
    secret: str = ""
    """By which calls of the webhook are signed, sealed; empty where they are not."""
    pause: bool = False
    """Whether a sync for which it fires is switched off."""
    created_ms: int = 0


class AlertDelivery(Frozen):
    """One message of an alert to one address, and how far it is."""

    to: str
    """An address of mail; empty for the webhook."""
    firing: bool
    """Whether it tells that something is wrong, or that it is over."""
    attempt: int = 0
    error: str = ""
    """Why the last attempt failed; empty after one that did not."""
    at_ms: int = 0
    """When that was."""


class AlertStanding(Frozen):
    """How one thing that an alert watches stands, as the last change of it left it."""

    alert: str
    about: str = ""
    """`sync/` or `connection/`, and its id; empty for all messages together."""
    rev: int = 0
    """Counts the changes."""
    firing: bool = False
    turning_ms: int = 0
    """Since when it is otherwise than `firing` says; 0 while it is not."""
    at_ms: int = 0
    """When `firing` changed last."""
    number: int = 0
    """What was counted then."""
    words: str = ""
    incident: str = ""
    """Names what went wrong last, in all messages about it."""
    pausing: Literal["", "due", "done"] = ""
    """Of an alert that fires: whether the sync is to be switched off, or was."""
    deliveries: tuple[AlertDelivery, ...] = ()


class PersonLink(Frozen):
    """Whoever signs in by the provider as one user is another user: an admin has said so."""

    user: str
    to: str
    at_ms: int = 0


class Preferences(Frozen):
    """How somebody wants the pages; whoever has none sees them as they are for everybody."""

    columns: tuple[str, ...] | None = None
    """Columns of the list of records beside the name, from the left; None for all in their order."""
    widths: Mapping[str, str] = Field(default_factory=dict)
    """How wide a column of that list is: `narrow`, `medium` or `wide`; as wide as needed where it is not named."""
    zone: str = ""
    """The time zone in which times are shown; the browser's where it is empty."""


class Retention(Frozen):
    """For how many days an installation keeps what it tells, as an admin has decided; None: as the settings say."""

    history_days: int | None = None
    health_days: int | None = None
    activity_days: int | None = None
    exports_days: int | None = None


class AccessDoc(Frozen):
    """One document on the `access` topic; exactly one part is set. A tombstone removes it.

    What different people change stands under different keys, so that none overwrites another one's decision: a new
    password cannot enable somebody who was disabled meanwhile. Of two who change what is under one key at the same
    moment the first counts, for every reader: what the second one publishes says how far its author had read.
    """

    read_to: int | None = None
    """Up to which offset of the topic its author had read: it does not count where something came under its key since.
    None counts in any case."""
    user: User | None = None
    password: Password | None = None
    invitation: Invitation | None = None
    session: Ended | None = None
    sessions: Ended | None = None
    seen: Seen | None = None
    token: ApiToken | None = None
    scoped: ScopedToken | None = None
    provider: SignInProvider | None = None
    mail: MailServer | None = None
    link: PersonLink | None = None
    preferences: Preferences | None = None
    alert: Alert | None = None
    standing: AlertStanding | None = None
    retention: Retention | None = None
