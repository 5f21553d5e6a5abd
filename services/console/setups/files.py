"""The file of all settings, as people write it: what is stored, but for what follows from it."""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, TypeVar

import yaml
from pydantic import BaseModel, Discriminator, Field, SecretStr, Tag, ValidationError

from services.console.setups.console_file import AlertFile
from services.console.use.administration.mailing import MailServerWanted
from services.console.use.administration.retention import RetentionWanted
from services.console.use.administration.single_sign_on import ProviderWanted
from shared.model.mapping import MappingSettings
from shared.model.records import Frozen
from shared.model.syncs import ConnectionSettings, Direction, SyncSettings

Read = TypeVar("Read", bound=BaseModel)


_SECRETS: Final = {
    "connections": ("webhook_secret",), "credentials": ("client_secret",), "mail": ("password",),
    "sign_in": ("client_secret",), "alerts": ("url", "secret"),
}  # fmt: skip
"""By section, the keys whose values are secrets; `secrets` of connections come besides."""


class SetupError(Exception):
    """The file cannot be applied; the message says where it is wrong, and what to write."""


class ConnectionFile(ConnectionSettings):
    """One authorised account of an app."""

    secrets: Mapping[str, SecretStr] = Field(default={}, examples=[{"access_token": "pat-eu1-…"}])
    """What it signs in with: in the clear, or as `{env: NAME}` for what the variable NAME, or the file that NAME_FILE
    names, holds; sealed before it is stored. What is not named, or whose variable is not set, stays as it is."""
    webhook_secret: SecretStr | None = Field(default=None, examples=["a long text"])
    """Proves that a webhook comes from the app; written in the same way. Left out, it stays; empty, it is removed."""
    moved_from: str = Field(default="", examples=["old.example.com/ann/contacts/"])
    """Name of the account before its server got another address: without it, it is taken for another account."""


class CredentialsFile(Frozen):
    """What Syncline is known by at an app, for all of its accounts that come by OAuth."""

    app: str = Field(examples=["hubspot"])
    """Key of the app."""
    client_id: str = Field(min_length=1, examples=["0a1b2c3d"])
    """As the app shows it to whoever has registered Syncline there."""
    client_secret: SecretStr | None = Field(default=None, examples=["a long text"])
    """Written as secrets of connections are. Left out, the one that stands stays. Accounts that came by the one before
    use the new one at once."""
    base_url: str = Field(default="", examples=["https://api.hubapi.com"])
    """Address of the app for new accounts; the vendor's own when empty."""
    options: Mapping[str, str] = Field(
        default_factory=dict, examples=[{"authorize_url": "https://app-eu1.hubspot.com/oauth/authorize"}]
    )
    """What new accounts need to know besides."""


class MappingFile(MappingSettings):
    """A field on each side that are kept the same; what is left out follows from the types of the two fields."""

    lens: str | None = Field(default=None, examples=["as_text"])
    """How values are carried over ([which there are](fields.md))."""
    direction: Direction | None = Field(default=None, examples=["to_right"])
    """Which way values travel; the widest that both fields allow when left out."""


class MappingChanges(Frozen):
    """The mappings that both apps suggest, with changes."""

    add: tuple[MappingFile, ...] = ()
    """Mappings besides the defaults; one with the key of a default takes its place."""
    off: tuple[str, ...] = Field(default=(), examples=[["phone"]])
    """Keys of defaults that carry nothing."""


def _form_of(value: object) -> str:
    return "changes" if isinstance(value, Mapping | MappingChanges) else "list"


class SyncFile(SyncSettings):
    """One object type that is kept the same in two connections."""

    mappings: (
        Annotated[
            Annotated[tuple[MappingFile, ...], Tag("list")] | Annotated[MappingChanges, Tag("changes")],
            Discriminator(_form_of),
        ]
        | None
    ) = None
    """A list means exactly these; `add` and `off` change the defaults; left out, a new sync starts with the defaults of
    both apps, and one that exists keeps what it has."""


class SetupFile(Frozen):
    """The whole file; what it does not name stays as it is."""

    credentials: tuple[CredentialsFile, ...] = ()
    """What Syncline is known by at apps."""
    connections: tuple[ConnectionFile, ...] = ()
    """Accounts of apps."""
    syncs: tuple[SyncFile, ...] = ()
    """What is kept the same."""
    mail: MailServerWanted | None = None
    """By which server the console sends mail."""
    sign_in: ProviderWanted | None = None
    """By which provider people sign in to the console, and who of them may come in."""
    alerts: tuple[AlertFile, ...] = ()
    """What admins are told of when it goes wrong."""
    retention: RetentionWanted | None = None
    """For how many days things are kept."""


class _Loader(yaml.SafeLoader):
    """Reads `on`, `off`, `yes` and `no` as the words they are, as YAML 1.2 does: `off` is a key, and `NO` is Norway."""

    yaml_implicit_resolvers: ClassVar[dict[str, list[tuple[str, Any]]]] = {  # type: ignore[misc]  # a class's in truth
        first: [(tag, pattern) for tag, pattern in rows if not tag.endswith(":bool")]
        for first, rows in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


def read(text: str, environ: Mapping[str, str] = os.environ) -> SetupFile:
    """Read a file of settings, its secrets also from variables; raises `SetupError`."""
    loaded = _loaded(text)
    for holder, name, variable in _references(loaded):
        found = _from_variable(variable, environ)
        if found is None:
            del holder[name]
        else:
            holder[name] = found
    return _checked(SetupFile, loaded)


def unset_variables(text: str, environ: Mapping[str, str] = os.environ) -> list[str]:
    """List the variables that a file takes secrets from, and that are not set; raises `SetupError`."""
    return [name for *_, name in _references(_loaded(text)) if _from_variable(name, environ) is None]


def read_as(model: type[Read], text: str) -> Read:
    """Read a file as people write it; raises `SetupError`."""
    return _checked(model, _loaded(text))


def _loaded(text: str) -> Any:
    try:
        return yaml.load(text, _Loader) or {}  # noqa: S506 - a safe loader
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # a date such as 2024-13-45 is a ValueError
        raise SetupError(f"the file is not YAML: {error}") from error


def _checked(model: type[Read], loaded: Any) -> Read:
    try:
        return model.model_validate(loaded, extra="forbid")
    except ValidationError as error:
        rows = (f"{'.'.join(map(str, row['loc']))}: {row['msg']}" for row in error.errors(include_input=False))
        raise SetupError("the file is not right. " + "; ".join(rows)) from None


def _references(loaded: Any) -> Iterator[tuple[dict[str, Any], str, str]]:
    """Yield where a file names a variable in place of a secret: what holds it, under which name, and the variable."""
    for section, own in _SECRETS.items():
        rows = loaded.get(section) if isinstance(loaded, dict) else None
        for row in rows if isinstance(rows, list) else [rows]:
            if not isinstance(row, dict):
                continue
            secrets = row.get("secrets")
            named = [(secrets, name) for name in secrets] if isinstance(secrets, dict) else []
            for holder, name in (*named, *((row, name) for name in own)):
                value = holder.get(name)
                if isinstance(value, dict) and value.keys() == {"env"} and isinstance(value["env"], str):
                    yield holder, name, value["env"]


def _from_variable(name: str, environ: Mapping[str, str]) -> str | None:
    """Return what a variable, or the file that it names, holds; None where neither is set. Raises `SetupError`."""
    path = environ.get(f"{name}_FILE")
    if name in environ or path is None:
        return environ.get(name)
    try:
        return Path(path).read_text().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(f"the variable {name}_FILE names {path!r}, which cannot be read: {error}") from error
