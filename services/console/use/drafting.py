"""A sync that somebody wants, as the file that `apply` takes: until pages set syncs up, they write it down."""

import re
from collections.abc import Sequence

import yaml

from services.console.use.problems import Refused
from shared.core.connector import App
from shared.core.syncs import Connection
from shared.setups import Setups

_LONGEST_ID = 50


def objects_of(apps: Sequence[App]) -> list[str]:
    """List the object types that apps have, those that several have first."""
    names = [name for app in apps for name in app.objects]
    return sorted(dict.fromkeys(names), key=lambda name: -names.count(name))


def accounts_with(setups: Setups, object_: str) -> list[Connection]:
    """List the accounts whose app has an object type, by what people call them."""
    rows = [row for row in setups.connections() if row.app in setups.apps and object_ in setups.apps[row.app].objects]
    return sorted(rows, key=lambda row: ((row.label or row.id).casefold(), row.id))


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


def _free_id(setups: Setups, text: str) -> str:
    stem = re.sub(r"[^a-z0-9]+", "-", text.casefold()).strip("-")[:_LONGEST_ID].strip("-")
    taken = {row.id for row in setups.syncs()}
    return next(name for name in (stem, *(f"{stem}-{n}" for n in range(2, len(taken) + 3))) if name not in taken)
