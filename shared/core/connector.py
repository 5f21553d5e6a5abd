"""The words an app is declared in: data plus pure functions, nothing here opens a connection.

Terminology:

- *App*: the declaration of one product (HubSpot, CardDAV). *Binding*: how it holds one of its objects.
- *Exchange*: a generator that yields `HttpRequest` values and is sent `HttpResponse` values; it returns the
  result or raises `AppError`. Whoever drives it owns the socket, the clock, the budget and the retries, so an app
  is tested with recorded answers and never sleeps, signs or logs.
- *Feed*: a way to learn that records changed. What a webhook tells may be lost or repeated; the feeds together tell
  each create, update and delete, and each change of an association where the app has some (`Feed`, `LinkFeed`).

Whatever is declared here has a reader: the engine, a service, the conformance suite or the reference of the apps
(`tests/architecture/test_declarations.py`).
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, TypeVar

from shared.core.demands import ConnectionField, Limit, Place, Scope
from shared.core.fields import FieldInfo as FieldInfo  # noqa: PLC0414 - whoever declares an app takes all words from here
from shared.core.fields import FoundAssociation as FoundAssociation  # noqa: PLC0414
from shared.core.fields import FoundObject as FoundObject  # noqa: PLC0414
from shared.core.fields import Option as Option  # noqa: PLC0414
from shared.core.oauth import Asked, Code, Tokens
from shared.core.records import Fields, Linked, LinkWrite, Report, Version

T = TypeVar("T")

Method: TypeAlias = Literal["GET", "POST", "PUT", "PATCH", "DELETE", "REPORT", "PROPFIND", "MKCOL", "OPTIONS"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """A request as a value."""

    method: Method
    path: str
    """Below the connection's base URL, or an absolute URL on the same host."""
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    safe: bool = False
    """True when sending it twice does no harm, so that the transport may repeat it on a broken connection."""
    limit: str = "calls"
    """Which of the app's limits it is counted against."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpResponse:
    """A response as a value."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    """Names in lower case."""
    body: bytes = b""


Exchange: TypeAlias = Generator[HttpRequest, HttpResponse, T]

Retry: TypeAlias = Literal["never", "busy", "outage", "auth", "edit", "setup"]
"""When it makes sense to try again: never; by itself soon (busy) or after a pause (outage); after somebody signs in
(auth), edits the record (edit) or changes settings (setup)."""


class AppError(Exception):
    """The app refused a call, or could not be reached; `code` is a row of `shared.rules.errors`."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        retry: Retry,
        retry_after_s: float | None = None,
        unknown: bool = False,
        conflicting_id: str | None = None,
        status: int | None = None,
        smaller: bool = False,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.retry: Retry = retry
        self.retry_after_s = retry_after_s
        self.unknown = unknown
        """True when the call may have been executed although no answer came."""
        self.conflicting_id = conflicting_id
        self.status = status
        self.smaller = smaller
        """True when a request for fewer records may be answered: the answer was too large, or took too long."""


class FeedExpired(Exception):  # noqa: N818 - it is a fact about the cursor, not a failure of the program
    """The app no longer knows the feed's cursor: everything has to be read again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What an exchange knows about the connection it runs for."""

    connection: str
    options: Mapping[str, str] = field(default_factory=dict)
    """Connection fields the user filled in, such as the path of an address book."""


# Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A record that exists or existed, but may not be read: a connection problem, never a delete."""

    id: str
    code: str
    message: str


ReadResult: TypeAlias = Report | Unreadable


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of a full listing."""

    reports: tuple[Report, ...]
    next: str | None
    """Cursor of the next page; None on the last."""
    total: int | None = None
    skipped: tuple[str, ...] = ()
    """Records that could not be read with the others: each is to be read alone, and holds up none."""


HintKind: TypeAlias = Literal["changed", "deleted", "merged", "erased"]
"""What is told of a record. `erased`: deleted because its person asked for it; reading shows only that it is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """Look at this record."""

    id: str
    kind: HintKind = "changed"
    version: Version | None = None
    """The version that the feed says it has now; a record known at this version need not be read."""
    object: str = ""
    """Where a webhook tells: an object that the app declares, or the id (`FoundObject.id`) of one that the account has
    of its own; feeds leave it to the caller."""
    account: str = ""
    """The account it belongs to, where a webhook tells."""
    occurred_ms: int = 0
    winner: str = ""
    """Of a merge: the old id of the record that lives on, where the source tells."""
    into: str = ""
    """Of a merge: the id of the record that it made, where the source tells. It may have been merged since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedPage:
    """What one poll of a feed brought."""

    hints: tuple[Hint, ...]
    cursor: str
    """Where the next poll goes on; saved only after Kafka has the hints."""
    more: bool = False
    """True when another page is waiting already."""
    complete_to_ms: int = 0
    """All changes up to this moment of the app's clock have been told; said by each page after which nothing waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """One way to ask an app what changed, which misses nothing of what it covers."""

    name: str
    covers: frozenset[Literal["create", "update", "delete", "merge", "association"]]
    """What it tells of, each by itself."""
    poll: Callable[[Session, str | None], Exchange[FeedPage]]
    """Start from now when the cursor is None; raises `FeedExpired` through the exchange."""
    interval_s: float = 60.0
    rewind: Callable[[str, int], str] | None = None
    """(cursor, milliseconds) -> the cursor so much earlier; None where a cursor names no time. Raises `FeedExpired`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkFeed:
    """A feed that is asked about the records we know: what each is associated with now.

    For associations that move no record's version, so that no other feed can tell when they change.
    """

    name: str = "associations"
    batch: int
    """Records that one call answers for."""
    read: Callable[[Session, Sequence[str], Sequence[str]], Exchange[Mapping[str, Mapping[str, Linked]]]]
    """(session, ids, labels) -> by id and label what the association leads to; what the app does not say
    is left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What one call of an app says."""

    hints: tuple[Hint, ...]
    unread: tuple[str, ...] = ()
    """A sentence about each event that could not be read; the others count all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookCall:
    """One call of an app, as it came."""

    method: str
    url: str
    """The public one, as the app called it."""
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    at_ms: int
    """When it came."""


Proof: TypeAlias = Literal["genuine", "old_signature", "forged"]
"""What a signature proves: the app made this call, and just now; the app made it, but whoever has seen it may send it
again, and its connection does not take such calls; or nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """How an app calls us."""

    path: str
    verify: Callable[[Session, WebhookCall, str], Proof]
    """(connection, call, secret) -> what the call's signature proves."""
    read: Callable[[bytes], Heard]
    """What the body says; raises ValueError with a sentence when nothing of it is what the app sends."""


# Writing


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One write to one record, in the app's own field names."""

    key: str
    """The write's id, to match results with changes."""
    id: str = ""
    """The record; empty for a create."""
    marker: str = ""
    """The create id: carried by the record for ever, found again before any second try."""
    fields: Fields = field(default_factory=dict)
    before: Fields = field(default_factory=dict)
    """What the same fields were last seen to hold; an app without a lock re-reads and compares."""
    expected: Version | None = None
    links: Mapping[str, LinkWrite] = field(default_factory=dict)
    """By association label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """Executed; `report` is the record as the app stored it."""

    key: str
    report: Report
    found: bool = False
    """True when a create found its own record there already (marker) and wrote nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stale:
    """Not executed, because the record is no longer what the write expected; `report` says what it is."""

    key: str
    report: Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Not executed: the app does not take it."""

    key: str
    code: str
    message: str
    retry: Retry = "edit"
    field: str | None = None
    conflicting_id: str | None = None


WriteResult: TypeAlias = Written | Stale | Refused

# Declarations


_LINK = "@"


def link_name(label: str) -> str:
    """Name an association among the fields of its record: so it is asked for, refused and told of."""
    return f"{_LINK}{label}"


def label_of(name: str) -> str:
    """Return the label of the association that a name stands for; empty when it stands for a field."""
    return name.removeprefix(_LINK) if name.startswith(_LINK) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Association:
    """A link from records of this object to records of another."""

    label: str
    to: str
    """The object at the other end."""
    max_links: int | None = None
    """How many records it may lead to; None for any number."""
    mutual: bool = False
    """Where it leads to records of its own object: whether both records show it, under this label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeFlow:
    """How a person connects an account by OAuth."""

    page: Callable[[Session, Asked], str]
    """The web address on which they agree."""
    redeem: Callable[[Mapping[str, str], Code], Exchange[Tokens]]
    """(client credentials, code) to tokens; `auth_expired` when the code is not good (any more)."""
    pkce: bool = False
    """Whether the app takes a PKCE challenge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Auth:
    """One way to sign in; `headers` turns opened secrets into request headers."""

    kind: Literal["oauth2_code", "oauth2_client_credentials", "api_key", "basic", "session_login", "none"]
    secrets: tuple[str, ...]
    """Names of the secrets that a connection must hold for it."""
    headers: Callable[[Mapping[str, str]], Mapping[str, str]]
    """An ``access_token`` is among what it is given, where `refresh` brings one."""
    refresh: Callable[[Mapping[str, str]], Exchange[Tokens]] | None = None
    """A new access token for the secrets; raises `auth_expired` when the app refuses the refresh token."""
    revoke: Callable[[Mapping[str, str]], Exchange[None]] | None = None
    """Take back what was granted, as nobody needs it any more; what the app knows no longer is no error."""
    outlives: str = ""
    """What stays at the app after that, as sentences for people."""
    code_flow: CodeFlow | None = None
    limits: Mapping[str, int] = field(default_factory=dict)
    """Amounts of the app's limits, by name, that are others for those who sign in so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountInfo:
    """Who the app says we are."""

    id: str
    name: str
    """What people call it there."""
    formerly: tuple[str, ...] = ()
    """Ids under which earlier versions of Syncline knew the same account."""
    zone: str = "UTC"
    currency: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """A person of the app who can own records."""

    id: str
    email: str
    active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """How one app holds one of its objects."""

    object: str
    """What settings and messages call it."""
    type: str
    """The type (`shared.objects`) whose rules its records follow, where settings name none."""
    versions: Literal["ordered", "opaque"]
    create: Literal["marker", "client_id", "hold", "never"]
    lock: Literal["etag", "none"]
    """What keeps an update from overwriting what somebody else writes meanwhile: the app itself, by the version that
    the update names; or nothing, so that the update reads the record again just before."""
    fields: tuple[FieldInfo, ...]
    """Static hints; `discover` has the last word."""
    required_any: tuple[tuple[str, ...], ...] = ()
    """Of each group, one field at least must hold a value before a record is created."""
    associations: tuple[Association, ...] = ()
    feeds: tuple[Feed, ...]
    link_feed: LinkFeed | None = None
    """Needed where there are associations that none of the feeds covers."""
    read_batch: int
    write_batch: int
    create_answer: Literal["whole", "sent"] = "sent"
    """Whether the answer to a create holds every field that has a value, so that an absent one is empty; or only some
    fields, so that an absent one is unknown until the record is read."""
    read: Callable[[Session, Sequence[str], Sequence[str]], Exchange[Sequence[ReadResult]]]
    """(session, ids, field names) -> one result an id; a missing one is read alone before it is called gone. The
    report of a merged record names its survivor, whose own report is among the results too."""
    list_page: Callable[[Session, str | None, Sequence[str]], Exchange[Page]]
    create_many: Callable[[Session, Sequence[Change]], Exchange[Sequence[WriteResult]]]
    """Look for each marker first, then create; running it twice makes one record."""
    update_many: Callable[[Session, Sequence[Change]], Exchange[Sequence[WriteResult]]]
    archive_many: Callable[[Session, Sequence[Change]], Exchange[Sequence[WriteResult]]]
    find: Callable[[Session, Sequence[str], Sequence[str]], Exchange[Sequence[Report]]] | None = None
    """(session, identifiers in normal form, field names) -> all living records that may hold one of them, and perhaps
    more. Asked before a create; None where the app itself refuses a second record, or where nothing can be asked."""
    discover: Callable[[Session], Exchange[Sequence[FieldInfo]]]
    prepare: Callable[[Session], Exchange[None]] | None = None
    """Make what the app needs before the first write, such as the unique property that holds the marker."""
    record_url: str = ""
    """Web address of a record, with ``{account}`` and ``{id}``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnObjects:
    """How an app tells of objects that only some of its accounts have."""

    find: Callable[[Session], Exchange[Sequence[FoundObject]]]
    """List those of an account."""
    bind: Callable[[FoundObject], Binding]
    """Return how the app holds one of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """One app, declared."""

    key: str
    title: str
    docs_url: str
    tested_versions: tuple[str, ...]
    base_url: str | None
    """The vendor's address; None when the user gives one."""
    connection_fields: tuple[ConnectionField, ...] = ()
    auth: tuple[Auth, ...]
    scopes: tuple[Scope, ...] = ()
    limits: tuple[Limit, ...] = ()
    objects: Mapping[str, Binding]
    """Those that every account has."""
    own_objects: OwnObjects | None = None
    """Where accounts may have objects of their own besides."""
    account: Callable[[Session], Exchange[AccountInfo]]
    account_within: Literal["world", "server"] = "world"
    """Where an account's id is unique: everywhere, as the vendor hands it out, or on its server alone."""
    places: Callable[[Session], Exchange[Sequence[Place]]] | None = None
    owners: Callable[[Session], Exchange[Sequence[Owner]]] | None = None
    webhook: Webhook | None = None
    max_parallel: int = 4
    """Exchanges that may run at once for one account."""
