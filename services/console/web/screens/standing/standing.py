"""How a sync stands, in a line: between whom, and whether it runs."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

import htpy as h
from htpy import Node

from services.console.web.asked import Asked
from services.console.web.parts.words import Mark, icon

_WAYS: Final = {"two_way": ("both", "and back"), "to_right": ("to-right", "to"), "to_left": ("to-left", "from")}


def path_of(sync: str) -> str:
    """Return where a sync is shown."""
    return f"/syncs/{quote(sync, safe='')}"


def between(asked: Asked, name: str) -> Node:
    """Return the two accounts of a sync, with the way that changes go."""
    sync = asked.console.setups.sync(name)
    if sync is None:
        return h.span(".none")["not set up here"]
    labels = {row.id: row.label or row.id for row in asked.console.setups.connections()}
    mark, words = _WAYS[sync.direction]
    return [
        labels.get(sync.left.connection, sync.left.connection), " ", icon(mark), h.span(".sr")[words], " ",
        labels.get(sync.right.connection, sync.right.connection),
    ]  # fmt: skip


def state_of(row: Mapping[str, Any]) -> Mark:
    """Return whether a sync runs."""
    if row["not_run_here"]:
        return Mark("Not here", "alert", "bad")
    if not row["enabled"]:
        return Mark("Off", "minus", "off")
    if row["phase"] != "live":
        return Mark("First sync", "clock", "wait")
    return Mark("On", "check", "ok")
