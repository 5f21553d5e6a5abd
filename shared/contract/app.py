"""The declaration of one app: its objects, and what can be done with them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from shared.contract.calls import Exchange, Session
from shared.contract.demands import ConnectionField, Limit, Place, Scope
from shared.contract.feeds import Feed, LinkFeed
from shared.contract.reading import Page, ReadResult
from shared.contract.sign_in import AccountInfo, Auth, Owner
from shared.contract.webhooks import Webhook
from shared.contract.writing import Change, WriteResult
from shared.model.fields import FieldInfo, FoundObject
from shared.model.ids import plain_id
from shared.model.records import Report


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
    look_up: Callable[[Session, Sequence[str], Sequence[str]], Exchange[Sequence[Report]]] | None = None
    """The same for people alone, who ask about a record, where no create needs it. It finds what was made a moment ago:
    an index that lags does not serve. None where `find` serves, or where nothing can be asked."""
    discover: Callable[[Session], Exchange[Sequence[FieldInfo]]]
    prepare: Callable[[Session], Exchange[None]] | None = None
    """Make what the app needs before the first write, such as the unique property that holds the marker."""
    record_url: str = ""
    """Web address of a record, with ``{account}`` and ``{id}``."""
    id_in: Callable[[Session, str], str] = lambda _session, text: plain_id(text)
    """(session, what a person wrote: an id, or the path of an address) -> the id that it may be; empty for none."""


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
