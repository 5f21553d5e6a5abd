"""Writes the reference of the settings file from its models: every key with default, meaning and an example."""

import ast
import inspect
import json
import re
import textwrap
from collections.abc import Iterator
from typing import Any, Final, Literal, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from services.console.setups.console_file import AlertFile
from services.console.setups.files import (
    ConnectionFile,
    CredentialsFile,
    MappingChanges,
    MappingFile,
    SetupFile,
    SyncFile,
)
from services.console.use.administration import mailing, retention, single_sign_on
from shared.model.mapping import MatchSettings, Otherwise, ValueRow
from shared.model.syncs import AssociationMapping, Create, SyncSide
from shared.objects import OBJECTS

SECTIONS: Final[tuple[tuple[str, type[BaseModel]], ...]] = (
    ("The file", SetupFile),
    ("credentials", CredentialsFile),
    ("connections", ConnectionFile),
    ("syncs", SyncFile),
    ("left, right", SyncSide),
    ("create", Create),
    ("match", MatchSettings),
    *((f"rules of {name}", type_.rules) for name, type_ in OBJECTS.items() if type_.rules.model_fields),
    ("mappings: a list", MappingFile),
    ("mappings: values", ValueRow),
    ("mappings: otherwise", Otherwise),
    ("mappings: changes of the defaults", MappingChanges),
    ("associations", AssociationMapping),
    ("mail", mailing.MailServerWanted),
    ("sign_in", single_sign_on.ProviderWanted),
    ("alerts", AlertFile),
    ("retention", retention.RetentionWanted),
)
_NESTED: Final = {
    "credentials": "credentials", "connections": "connections", "syncs": "syncs",
    "left": "left-right", "right": "left-right", "create": "create",
    "match": "match", "mappings": "mappings-a-list", "add": "mappings-a-list", "associations": "associations",
    "values": "mappings-values", "otherwise": "mappings-otherwise",
    "mail": "mail", "sign_in": "sign_in", "alerts": "alerts", "retention": "retention",
}  # fmt: skip
"""Keys that hold what another section describes."""
_SWITCHES: Final = ("on", "off", "yes", "no", "true", "false")
"""What YAML takes for a truth value."""


def page() -> str:
    """Write the tables of all sections."""
    rows: list[str] = []
    for title, model in SECTIONS:
        rows += [f"## {title}\n", f"{_first_sentence(model)}\n"]
        rows += ["| key | default | what it means | example |", "| --- | --- | --- | --- |"]
        rows += [
            f"| `{name}` | {_default(name, info)} | {_meaning(model, name, info)} | {_example(name, info)} |"
            for name, info in model.model_fields.items()
        ]
        rows.append("")
    return "\n".join(rows).rstrip("\n") + "\n"


def examples() -> Iterator[tuple[type[BaseModel], str, list[Any]]]:
    """Yield the examples of every key that no section of its own describes."""
    for _, model in SECTIONS:
        for name, info in model.model_fields.items():
            if not _is_nested(name, info):
                yield model, name, list(info.examples or [])


def _is_nested(name: str, info: FieldInfo) -> bool:
    """Check whether a section of its own describes a key; a mapping's own `left`, or an alert's `mail`, is a text."""
    return name in _NESTED and info.annotation not in (str, tuple[str, ...])


def meanings(model: type[BaseModel]) -> dict[str, str]:
    """Read what each field says of itself, or what stands below it in the source of a model and those it extends."""
    found = {name: info.description for name, info in model.model_fields.items() if info.description}
    for cls in reversed(model.__mro__):
        if not issubclass(cls, BaseModel) or cls is BaseModel:
            continue
        (definition,) = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
        if not isinstance(definition, ast.ClassDef):
            continue
        for field, after in zip(definition.body, definition.body[1:], strict=False):
            told = after.value.value if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) else None
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(told, str):
                found[field.target.id] = " ".join(told.split())
    return found


def _first_sentence(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").strip().split("\n\n")[0]


def _meaning(model: type[BaseModel], name: str, info: FieldInfo) -> str:
    text = meanings(model)[name].replace("``", "`").replace("|", "\\|")
    choices = _choices(info.annotation)
    return f"{text} One of {', '.join(f'`{one}`' for one in choices)}." if choices else text


def _choices(annotation: Any) -> tuple[str, ...]:
    if get_origin(annotation) is Literal:
        return tuple(map(str, get_args(annotation)))
    return next((found for one in get_args(annotation) if (found := _choices(one))), ())


def _default(name: str, info: FieldInfo) -> str:
    if info.is_required():
        return "(needed)"
    default = info.get_default(call_default_factory=True)
    if _is_nested(name, info) or default in (None, "", (), {}, SecretStr("")):
        return "(none)"
    return f"`{json.dumps(default)}`"


def _example(name: str, info: FieldInfo) -> str:
    if _is_nested(name, info):
        return f"see [{re.sub('-', ' ', _NESTED[name])}](#{_NESTED[name]})"
    return ", ".join(f"`{name}: {_yaml(one)}`" for one in info.examples or [])


def _yaml(value: Any) -> str:
    """Write a value in one line, as YAML reads it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_yaml(one)}" for key, one in value.items()) + "}"
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z][\w./ …-]*", value) and value not in _SWITCHES:
        return value
    return json.dumps(value, ensure_ascii=False)
