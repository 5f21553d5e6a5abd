"""The settings of a sync as documents, versioned, as they travel on the `setups` topic."""

from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from shared.model.earlier import RULES, with_rules, without_rules
from shared.model.job_kinds import JobKind
from shared.model.mapping import FieldMapping, MatchSettings
from shared.model.records import LEFT, RIGHT, Frozen, Side

Phase: TypeAlias = Literal["indexing", "live"]
Direction: TypeAlias = Literal["two_way", "to_left", "to_right"]
RuleValue: TypeAlias = bool | str | tuple[str, ...]
_ID: Final = r"^[a-z0-9][a-z0-9-]{0,62}$"
_USUAL_S: Final = 60.0
"""The interval of a feed that a connection's own setting replaces; feeds that are slower stay slower in proportion."""
HALTED: Final = "account_paused"
"""The code of calls that are not made because somebody has paused the account."""


class SyncSide(Frozen):
    """One end of a sync."""

    connection: str = Field(examples=["hubspot-main"])
    """Id of a connection."""
    object: str = Field(examples=["contact"])
    """One of the objects that its app has."""
    type: str = Field(default="", examples=["lead"])
    """Whose rules the records follow: the type that the object is known to hold, when empty. Both ends follow one."""
    roles: Mapping[str, str] = Field(default_factory=dict, examples=[{"email": "work_email"}])
    """Which field holds what a record is recognised and named by, where it is another one than usual."""


class Create(Frozen):
    """Whether records may be created, per direction."""

    to_left: bool = Field(default=True, examples=[False])
    """Create a record in the left app for one of the right app that has no partner."""
    to_right: bool = Field(default=True, examples=[False])
    """The same the other way round."""

    def allows(self, side: Side) -> bool:
        """Check whether records may be created on a side."""
        return self.to_left if side == LEFT else self.to_right


class AssociationMapping(Frozen):
    """An association that travels with its records."""

    to: str = Field(examples=["companies"])
    """The sync that holds the other end."""
    label: str = Field(examples=["company"])
    """The association's name in both apps, or in the left one."""
    right_label: str = Field(default="", examples=["p_garage"])
    """Its name in the right app, where it is another one."""
    direction: Direction = Field(default="two_way", examples=["to_right"])
    """Which way it travels."""
    policy: Literal["inherit", "left", "right", "manual"] = Field(default="inherit", examples=["manual"])
    """Which side wins where both changed one that leads to a single record; `inherit` leaves it to the sync's
    `default_app`, and with `manual` a person decides. Several records are merged instead."""
    clears: Literal["keep", "propagate"] = Field(default="keep", examples=["propagate"])
    """Whether an association that is removed on one side is removed on the other. One that leads to any number of
    records of the same sync needs `propagate`."""

    def named(self, side: Side) -> str:
        """Return the association's name in the app of one side."""
        return self.label if side == LEFT else self.right_label or self.label


class SyncSettings(Frozen):
    """What people decide about a sync of one object type between two connections, but for its mappings."""

    id: str = Field(pattern=_ID, examples=["contacts"])
    """Name of the sync: small letters, digits and dashes."""
    left: SyncSide
    """One end. Its connection and object cannot be changed afterwards."""
    right: SyncSide
    """The other end. Its connection and object cannot be changed afterwards."""
    enabled: bool = Field(default=True, examples=[False])
    """Whether the sync runs. One that is off writes nothing, and catches up when it is switched on again."""
    direction: Direction = Field(default="two_way", examples=["to_right"])
    """Which way changes travel."""
    default_app: Side = Field(default=LEFT, examples=[RIGHT])
    """Side that wins where both changed."""
    create: Create = Create()
    """Whether records may be created, per direction."""
    match: MatchSettings = MatchSettings()
    """How records of the two sides are recognised as the same."""
    rules: Mapping[str, RuleValue] = Field(default_factory=dict, examples=[{"email_required": False}])
    """What the type of the records lets people decide besides ([which rules there are](#rules-of-contact))."""
    associations: tuple[AssociationMapping, ...] = ()
    """Associations that travel with the records."""

    def side(self, side: Side) -> SyncSide:
        """Return one end."""
        return self.left if side == LEFT else self.right

    @property
    def is_new_to_earlier(self) -> bool:
        """Whether a version that knows fewer of its settings would take it for something else."""
        named = any(end.type or end.roles for end in (self.left, self.right))
        led = any(row.to == self.id or row.policy != "inherit" for row in self.associations)
        return named or led or bool(self.rules.keys() - RULES.keys())

    @model_validator(mode="before")
    @classmethod
    def _read(cls, data: object) -> object:
        return with_rules(data) if isinstance(data, dict) else data

    @model_serializer(mode="wrap")
    def _write(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return without_rules(write(self))


class Sync(SyncSettings):
    """One object type on each side of two connections, as it is stored."""

    mappings: tuple[FieldMapping, ...]
    version: int = 1
    judged: int = 0
    """Version of it under which all records are to be looked at: whoever owns the sync asks for the job that is not
    there. 0 where nothing says so, as in versions before this one."""


class ConnectionSettings(Frozen):
    """What people decide about a connection, but for its secrets."""

    id: str = Field(pattern=_ID, examples=["hubspot-main"])
    """Name of the connection: small letters, digits and dashes."""
    app: str = Field(examples=["hubspot"])
    """Key of the app."""
    label: str = Field(default="", examples=["HubSpot Europe"])
    """What people read; the app's title when empty."""
    base_url: str = Field(default="", examples=["https://dav.example.com"])
    """Address of the app; the vendor's own when empty, where there is one."""
    options: Mapping[str, str] = Field(default_factory=dict, examples=[{"book": "/ann/contacts/"}])
    """What the app needs to know besides; its own names are in the reference of apps."""
    country: str | None = Field(default=None, examples=["IT"])
    """Country of telephone numbers that name none, as two letters."""
    currency: str | None = Field(default=None, pattern=r"^[A-Z]{3}$", examples=["EUR"])
    """Currency of amounts that name none, as three letters; when left out, the account's own, as the app tells."""
    auth: str = Field(examples=["api_key"])
    """Which of the app's ways to sign in it uses."""
    limits: Mapping[str, int] = Field(default_factory=dict, examples=[{"calls": 100}])
    """Calls per window that we may use, by the app's limit name, where it differs from the app's default."""
    poll_interval_s: float = Field(default=60.0, ge=0.2, le=86_400, examples=[30])
    """Seconds between two questions for what changed."""
    push: bool = Field(default=True, examples=[False])
    """Whether calls that the app makes itself (webhooks) are taken; otherwise it is only asked for changes."""
    paused: bool = Field(default=False, examples=[True])
    """Whether somebody has paused the account: it is not called, and its syncs wait until it is resumed."""

    def asked_every_s(self, usual_s: float) -> float:
        """Return how often a feed is asked that is usually asked so often."""
        return self.poll_interval_s * usual_s / _USUAL_S


class Moved(Frozen):
    """What values of a connection mean has changed: its country, its currency, or its zone."""

    version: int
    """The connection's version in which it did."""
    syncs: tuple[str, ...]
    """Syncs whose records are to be judged again for it."""


class Connection(ConnectionSettings):
    """One authorised account of an app, as it is stored."""

    account: str
    """Name of the account, by which two connections of one account are recognised (`shared.config.accounts`)."""
    zone: str = "UTC"
    account_currency: str = ""
    """The account's own currency; empty where the app does not tell."""
    secrets: Mapping[str, str] = Field(default_factory=dict)
    """Sealed by the vault: never in the clear."""
    scopes: tuple[str, ...] | None = None
    """What its account granted, sorted; None when the sign-in does not tell."""
    webhook_secret: str | None = None
    """Sealed; proves that a webhook is genuine."""
    moved: Moved | None = None
    """When that changed last; None for never."""
    version: int = 1

    @property
    def own_currency(self) -> str:
        """Return the currency of amounts that name none; empty when nobody says."""
        return self.currency or self.account_currency


class AppCredentials(Frozen):
    """What Syncline is known by at an app, for all of its accounts that come by OAuth."""

    app: str
    secrets: Mapping[str, str]
    """Sealed by the vault: never in the clear."""
    base_url: str = ""
    """Address of the app for new accounts; the vendor's own when empty."""
    options: Mapping[str, str] = Field(default_factory=dict)
    """What new accounts need to know besides, such as the page on which people agree."""
    version: int = 1


class Job(Frozen):
    """Long work with progress."""

    id: str
    kind: JobKind
    sync: str
    statuses: tuple[str, ...] = ()
    """For a resync: which pairs to look at again; all when empty."""
    notes: tuple[str, ...] = ()
    """Of those in sync, only pairs with one of these notes; all when empty."""
    reasons: tuple[str, ...] = ()
    """Only pairs whose status has one of these reasons; all when empty. A worker that knows neither this nor what
    follows looks at more pairs, which harms nothing."""
    since_ms: int = 0
    """Only pairs whose status has changed since."""
    text: str = ""
    """Only pairs that this text finds."""
    review: bool = False
    """Whether it only counts what it would look at until somebody confirms it."""
    asked_at_ms: int

    @property
    def reads_all(self) -> bool:
        """Check whether it reads all records of its sync."""
        return self.kind.reads and (self.kind is JobKind.FIRST_SYNC or not self.statuses)
