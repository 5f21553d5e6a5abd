"""What changes between two documents, for people: each setting with its old and its new value, never a secret."""

import json
from collections.abc import Collection, Mapping
from typing import Final

from pydantic import BaseModel

from shared.model.mapping import FieldMapping
from shared.model.records import SIDES
from shared.model.syncs import AssociationMapping, Connection, Sync

_UNSHOWN: Final = frozenset({"version", "since", "origin", "required", "key", "deletes", "moved", "judged"})
"""What follows from the rest."""
_ARROWS: Final = {"two_way": "<->", "to_left": "<-", "to_right": "->"}


def connections(old: Connection, new: Connection, entered: Collection[str]) -> tuple[str, ...]:
    """List what changes of a connection; *entered* names the secrets that are others than before."""
    before, after = _settings(old), _settings(new)
    rows = _lines(before, after)
    for name in sorted({*old.secrets, *new.secrets}):
        rows += _secret(f"secrets.{name}", old.secrets.get(name), new.secrets.get(name), anew=name in entered)
    rows += _secret("webhook_secret", old.webhook_secret, new.webhook_secret, anew="webhook_secret" in entered)
    return tuple(rows)


def syncs(old: Sync, new: Sync) -> tuple[str, ...]:
    """List what changes of a sync."""
    rows = _lines(_settings(old), _settings(new))
    was, now = ({row.key: row for row in sync.mappings} for sync in (old, new))
    rows += [f"- mapping {key}: {mapping(row)}" for key, row in was.items() if key not in now]
    rows += [f"+ mapping {key}: {mapping(row)}" for key, row in now.items() if key not in was]
    for key in (key for key in now if key in was):
        rows += [f"mapping {key}: {row}" for row in _lines(_flat(was[key]), _flat(now[key]))]
    return tuple(rows)


def mapping(row: FieldMapping) -> str:
    """Write a mapping in one line."""
    left, right = (", ".join(row.fields(side)) for side in SIDES)
    return f"{left} {_ARROWS[row.direction]} {right}" + ("" if row.on else " (off)")


def _secret(name: str, old: str | None, new: str | None, *, anew: bool) -> list[str]:
    if old == new:
        return []
    if new is None:
        return [f"{name}: removed"]
    return [f"{name}: {'entered' if old is None else 'changed' if anew else 'sealed with the newest key'}"]


def _settings(row: Connection | Sync) -> dict[str, str]:
    left_out = {"secrets", "webhook_secret", "mappings", "associations"}
    flat = _flat(row, left_out=left_out)
    if isinstance(row, Sync):
        for one in row.associations:
            flat |= {f"{_name(one)} {key}": value for key, value in _flat(one, left_out={"to", "label"}).items()}
    return flat


def _name(row: AssociationMapping) -> str:
    return f"association {row.label} to {row.to}:"


def _flat(value: BaseModel | Mapping[str, object], *, left_out: Collection[str] = ()) -> dict[str, str]:
    """Write the settings of a document by their dotted names."""
    items = value.items() if isinstance(value, Mapping) else ((name, getattr(value, name)) for name in _names(value))
    found: dict[str, str] = {}
    for name, one in items:
        if name in left_out or name in _UNSHOWN:
            continue
        if isinstance(one, BaseModel | Mapping):
            found |= {f"{name}.{key}": text for key, text in _flat(one).items()}
        else:
            found[name] = _shown(one)
    return found


def _names(value: BaseModel) -> list[str]:
    return list(type(value).model_fields)


def _lines(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    names = dict.fromkeys((*old, *new))
    return [
        f"{name}: {old.get(name, '(none)')} -> {new.get(name, '(none)')}"
        for name in names
        if old.get(name) != new.get(name)
    ]


def _shown(value: object) -> str:
    if value is None or value in ("", ()):
        return "(none)"
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return json.dumps(value, ensure_ascii=False, default=lambda row: row.model_dump())
