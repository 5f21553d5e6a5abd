"""What is set up, written as the file that `apply` takes: settings that are others than usual, and no secrets."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import yaml
from pydantic import BaseModel

from services.console.setups.accounts.credentials import CLIENT
from services.console.setups.files import CredentialsFile, MappingFile
from services.console.setups.sealing import AGREED, HOOK
from shared.config.setups import Setups
from shared.model.records import Frozen
from shared.model.syncs import AppCredentials, Connection, ConnectionSettings, Sync, SyncSettings

_HEAD: Final = """\
# What is set up, as `./syncline plan FILE` and `apply FILE` take it. It holds no secrets: each stays as it is unless
# the variable that stands in its place is set.
"""
_WIDTH: Final = 120
_BREAKS: Final = frozenset("\n\x85\u2028\u2029")
"""What YAML takes for the end of a line: within a text it is read back as a blank, unless it is escaped."""


class _Dumper(yaml.SafeDumper):
    """Writes plain values."""


def _written(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = '"' if not _BREAKS.isdisjoint(value) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _written)


def document(setups: Setups, opened: Callable[[AppCredentials], Mapping[str, str]]) -> dict[str, Any]:
    """Return what is set up as the content of a settings file.

    Args:
        setups: What is set up.
        opened: Opens what Syncline is known by at an app, of which the client id is shown.
    """
    known = [row for app in setups.apps if (row := setups.credentials(app)) is not None]
    found = {
        "credentials": [_credentials(row, opened(row)) for row in known],
        "connections": [_connection(setups, row) for row in sorted(setups.connections(), key=lambda row: row.id)],
        "syncs": [_sync(row) for row in sorted(setups.syncs(), key=lambda row: row.id)],
    }
    return {name: rows for name, rows in found.items() if rows}


def text(found: Mapping[str, Any]) -> str:
    """Write the content of a settings file as YAML, for people as well."""
    rows = yaml.dump(dict(found), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH) if found else ""
    return f"{_HEAD}{rows}"


def variable(owner: str, name: str) -> str:
    """Return the variable that stands in a file in place of a secret."""
    return f"SECRET_{owner}__{name}".upper().replace("-", "_")


def _credentials(row: AppCredentials, given: Mapping[str, str]) -> dict[str, Any]:
    id_, secret = CLIENT
    stored = _unusual(CredentialsFile, row, ("base_url", "options"))
    return {"app": row.app, id_: given[id_], secret: {"env": variable(row.app, secret)}, **stored}


def _connection(setups: Setups, row: Connection) -> dict[str, Any]:
    app = setups.apps.get(row.app)
    found = _unusual(ConnectionSettings, row, tuple(ConnectionSettings.model_fields))
    if app is not None:
        usual = {"label": app.title, "base_url": app.base_url}
        found = {name: value for name, value in found.items() if name not in usual or value != usual[name]}
    secrets = {name: {"env": variable(row.id, name)} for name in row.secrets if name != AGREED}
    found |= {"secrets": secrets} if secrets else {}
    return found | ({HOOK: {"env": variable(row.id, HOOK)}} if row.webhook_secret else {})


def _sync(row: Sync) -> dict[str, Any]:
    found = _unusual(SyncSettings, row, tuple(SyncSettings.model_fields))
    names = tuple(MappingFile.model_fields)
    return {**found, "mappings": [_unusual(MappingFile, one, names) for one in row.mappings]}


def _unusual(model: type[BaseModel], row: Frozen, names: tuple[str, ...]) -> dict[str, Any]:
    """Return those settings of a row that a file must name, in the order of the reference."""
    found = {}
    for name in names:
        info, value = model.model_fields[name], getattr(row, name)
        if info.is_required() or value != info.get_default(call_default_factory=True):
            found[name] = _plain(value)
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, Frozen):
        return _unusual(type(value), value, tuple(type(value).model_fields))
    if isinstance(value, tuple):
        return [_plain(row) for row in value]
    return dict(value) if isinstance(value, Mapping) else value
