"""The file of connections and syncs, as people write it."""

from collections.abc import Mapping
from typing import Literal

import yaml
from pydantic import Field, SecretStr, ValidationError

from shared.core.matching import MatchSettings
from shared.core.records import Frozen, Side
from shared.core.syncs import AssociationMapping, Create, Direction, SyncSide


class SetupError(Exception):
    """The file cannot be applied; the message says where it is wrong, and what to write."""


class ConnectionFile(Frozen):
    """A connection as people write it."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    app: str
    label: str = ""
    base_url: str = ""
    options: Mapping[str, str] = {}
    country: str | None = None
    auth: str
    secrets: Mapping[str, SecretStr] = {}
    webhook_secret: SecretStr | None = None
    limits: Mapping[str, int] = {}
    poll_interval_s: float = Field(default=60.0, ge=0.2, le=86_400)


class MappingFile(Frozen):
    """A mapping as people write it: what it leaves out follows from the types of its two fields."""

    key: str
    left: str
    right: str
    lens: str | None = None
    zone: str = ""
    direction: Direction | None = None
    policy: Literal["inherit", "left", "right", "most_recent", "manual"] = "inherit"
    clears: Literal["keep", "propagate"] = "keep"
    on: bool = True


class SyncFile(Frozen):
    """A sync as people write it; without mappings it starts with those that both apps suggest."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    left: SyncSide
    right: SyncSide
    enabled: bool = True
    direction: Direction = "two_way"
    default_app: Side = "L"
    create: Create = Create()
    match: MatchSettings = MatchSettings()
    email_required: bool = True
    mappings: tuple[MappingFile, ...] | None = None
    associations: tuple[AssociationMapping, ...] = ()


class SetupFile(Frozen):
    """The whole file."""

    connections: tuple[ConnectionFile, ...] = ()
    syncs: tuple[SyncFile, ...] = ()


def read(text: str) -> SetupFile:
    """Read a file; raises `SetupError`."""
    try:
        loaded = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # a date such as 2024-13-45 is a ValueError
        raise SetupError(f"the file is not YAML: {error}") from error
    try:
        return SetupFile.model_validate(loaded or {})
    except ValidationError as error:
        rows = (f"{'.'.join(map(str, row['loc']))}: {row['msg']}" for row in error.errors(include_input=False))
        raise SetupError("the file is not right. " + "; ".join(rows)) from None
