"""How a sync stands, in a line: between whom, and whether it runs."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

import htpy as h
from htpy import Element, Node

from services.console.use.syncs import is_switched_off
from services.console.web.asked import Asked
from services.console.web.parts.pieces import send
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


def resync_button(asked: Asked, sync: str, action: str, text: str, **fields: str) -> Element | None:
    """Return a button that has records of a sync read or tried again; while it is off, what to do first.

    Args:
        asked: What was asked, and by whom.
        sync: The sync.
        action: Where it is sent.
        text: What the button says.
        fields: What the form says.
    """
    if is_switched_off(asked.console.setups, sync):
        return h.span(".muted")["To read records again, switch the sync on"] if asked.may("POST", action) else None
    return send(asked, action, text, mark="refresh", **fields)


def state_of(row: Mapping[str, Any]) -> Mark:
    """Return whether a sync runs."""
    if row["not_run_here"]:
        return Mark("Not here", "alert", "bad")
    if not row["enabled"]:
        return Mark("Off", "minus", "off")
    if row["phase"] != "live":
        return Mark("First sync", "clock", "wait")
    return Mark("On", "check", "ok")
