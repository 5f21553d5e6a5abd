"""A sync that somebody wants, as the file that `apply` takes: until pages set syncs up, they write it down."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import yaml

from services.console.use.problems import Refused
from shared.config.setups import Setups
from shared.contract.app import App
from shared.model.records import FieldType
from shared.model.syncs import Connection

_LONGEST_ID = 50
_TELLING: Final = frozenset((FieldType.TEXT, FieldType.EMAIL, FieldType.PHONE, FieldType.NAME, FieldType.DOMAIN))
"""Types of fields whose values tell records apart."""


def objects_of(apps: Sequence[App]) -> list[str]:
    """List the object types that apps have, those that several have first."""
    names = [name for app in apps for name in app.objects]
    return sorted(dict.fromkeys(names), key=lambda name: -names.count(name))


def accounts_with(setups: Setups, object_: str) -> list[Connection]:
    """List the accounts whose app has an object type, by what people call them."""
    apps = setups.apps
    return _by_name(row for row in setups.connections() if row.app in apps and object_ in apps[row.app].objects)


def sync_file(setups: Setups, object_: str, left: str, right: str) -> str:
    """Return the file of a sync between two accounts; raises `Refused`."""
    known = {row.id for row in accounts_with(setups, object_)}
    wrong = {name: "Choose an account." for name, end in (("left", left), ("right", right)) if end not in known}
    if not wrong and left == right:
        wrong = {"right": "Choose another account than on the left."}
    if wrong:
        raise Refused(wrong)
    ends = {side: {"connection": name, "object": object_} for side, name in (("left", left), ("right", right))}
    return yaml.safe_dump({"syncs": [{"id": _free_id(setups, f"{object_}-{right}"), **ends}]}, sort_keys=False)


def accounts_with_own(setups: Setups) -> list[Connection]:
    """List the accounts that may have objects of their own, by what people call them."""
    return _by_name(row for row in setups.connections() if row.app in setups.apps and setups.apps[row.app].own_objects)


def other_accounts(setups: Setups, name: str) -> list[Connection]:
    """List all accounts but one, by what people call them."""
    return _by_name(row for row in setups.connections() if row.app in setups.apps and row.id != name)


def _by_name(rows: Iterable[Connection]) -> list[Connection]:
    return sorted(rows, key=lambda row: ((row.label or row.id).casefold(), row.id))


@dataclass(frozen=True, slots=True)
class Half:
    """One side of a sync that names an object which one account alone may have."""

    connection: str
    object: Mapping[str, Any]
    """The object as `Objects.one` describes it."""

    def fields(self) -> list[tuple[str, str]]:
        """List the fields that may tell that two records are the same, the likeliest first, with their titles."""
        rows = [row for row in self.object["fields"] if row["type"] in _TELLING]
        rows.sort(key=lambda row: (not row["unique"], not row["roles"], not row["required"]))
        return [(row["name"], row["label"]) for row in rows]


def own_sync_file(setups: Setups, left: Half, right: Half, fields: tuple[str, str]) -> str:
    """Return the file of a sync of objects that accounts have of their own; raises `Refused`.

    Args:
        setups: What is set up.
        left: One side.
        right: The other one.
        fields: The field of each side by which two records are told to be the same.
    """
    wrong = {
        name: "Choose a field."
        for name, half, field in (("left_field", left, fields[0]), ("right_field", right, fields[1]))
        if field not in dict(half.fields())
    }
    if wrong:
        raise Refused(wrong)
    ends = [{"connection": half.connection, "object": half.object["id"]} for half in (left, right)]
    if left.object["type"] != right.object["type"]:
        # Nothing but the field tells that they are the same, so the rules of either type would do.
        ends[1]["type"] = left.object["type"]
    name = _free_id(setups, f"{left.object['id'].removeprefix('p_')}-{right.connection}")
    match = {"mode": "fields", "left_field": fields[0], "right_field": fields[1]}
    sync = {"id": name, "left": ends[0], "right": ends[1], "match": match}
    return yaml.safe_dump({"syncs": [sync]}, sort_keys=False)


def _free_id(setups: Setups, text: str) -> str:
    stem = re.sub(r"[^a-z0-9]+", "-", text.casefold()).strip("-")[:_LONGEST_ID].strip("-")
    taken = {row.id for row in setups.syncs()}
    return next(name for name in (stem, *(f"{stem}-{n}" for n in range(2, len(taken) + 3))) if name not in taken)
