"""Which field of an object plays which part: the one that the app declares, unless an end of a sync names another."""

from collections.abc import Iterable, Mapping
from typing import Any

from shared.model.fields import FieldInfo
from shared.model.records import FieldType
from shared.objects.base import ObjectType


def playing(fields: Iterable[FieldInfo], roles: Mapping[str, str]) -> dict[str, str]:
    """Return the names of fields by the canonical fields that they hold."""
    return {**{info.canonical: info.name for info in fields if info.canonical}, **roles}


def in_roles(fields: Iterable[FieldInfo], roles: Mapping[str, str], type_: ObjectType[Any]) -> tuple[FieldInfo, ...]:
    """Return fields as the roles have them: with what each holds, and with its type where the app says only text."""
    given = {name: role for role, name in roles.items()}
    types = {field.name: field.type for field in type_.fields}
    return tuple(_in_role(info, given.get(info.name), roles, types) for info in fields)


def _in_role(info: FieldInfo, role: str | None, roles: Mapping[str, str], types: Mapping[str, FieldType]) -> FieldInfo:
    if role is None:
        return info.model_copy(update={"canonical": None}) if info.canonical in roles else info
    type_ = types[role] if info.type is FieldType.TEXT else info.type
    return info.model_copy(update={"canonical": role, "type": type_})
