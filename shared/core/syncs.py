"""The settings of a sync as documents, versioned, as they travel on the `setups` topic."""

from collections.abc import Mapping
from typing import Literal, TypeAlias

from pydantic import Field

from shared.core.mapping import FieldMapping
from shared.core.matching import MatchSettings
from shared.core.records import Frozen, Side

Phase: TypeAlias = Literal["indexing", "live"]
Direction: TypeAlias = Literal["two_way", "to_left", "to_right"]


class SyncSide(Frozen):
    """One end of a sync."""

    connection: str
    object: str


class Create(Frozen):
    """Whether records may be created, per direction."""

    to_left: bool = True
    to_right: bool = True


class AssociationMapping(Frozen):
    """An association that travels with its records."""

    to: str
    """The sync that holds the other end."""
    label: str
    """The association's name in both apps' bindings."""
    direction: Direction = "two_way"
    clears: Literal["keep", "propagate"] = "keep"


class Sync(Frozen):
    """One object type on each side of two connections."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    left: SyncSide
    right: SyncSide
    enabled: bool = True
    direction: Direction = "two_way"
    default_app: Side = "L"
    create: Create = Create()
    match: MatchSettings = MatchSettings()
    email_required: bool = True
    mappings: tuple[FieldMapping, ...]
    associations: tuple[AssociationMapping, ...] = ()
    deletes: Literal["hold"] = "hold"
    version: int = 1

    def side(self, side: Side) -> SyncSide:
        """Give one end."""
        return self.left if side == "L" else self.right


class Connection(Frozen):
    """One authorised account of an app."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    app: str
    label: str
    account: str
    """The account id that the app reports."""
    base_url: str
    options: Mapping[str, str] = Field(default_factory=dict)
    zone: str = "UTC"
    country: str | None = None
    auth: str
    """Which of the app's ways to sign in it uses."""
    secrets: Mapping[str, str] = Field(default_factory=dict)
    """Sealed by the vault: never in the clear."""
    scopes: tuple[str, ...] | None = None
    """What its account granted, sorted; None when the sign-in does not tell."""
    webhook_secret: str | None = None
    """Sealed; proves that a webhook is genuine."""
    limits: Mapping[str, int] = Field(default_factory=dict)
    """Calls per window that we may use, by the app's limit name, where it differs from the app's default."""
    poll_interval_s: float = 60.0
    version: int = 1


class Job(Frozen):
    """Long work with progress."""

    id: str
    kind: Literal["first_sync", "resync"]
    sync: str
    statuses: tuple[str, ...] = ()
    """For a resync: which pairs to look at again; all when empty."""
    asked_at_ms: int
