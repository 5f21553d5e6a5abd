"""How accounts of apps are shown wherever they are listed."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

import htpy as h
from htpy import Element, Node

from services.console.web.parts.pieces import button, empty, table
from services.console.web.parts.words import Mark, ago, badge, many
from shared.contract.app import App

_STATES: Final = {
    "running": Mark("Connected", "check", "ok"),
    "paused": Mark("Paused", "pause", "warn"),
    "unknown": Mark("Not known", "warn", "warn"),
}
_LIMITED: Final = Mark("Limited", "warn", "warn")


def path_of_app(key: str) -> str:
    """Return where an app is shown."""
    return f"/apps/{quote(key, safe='')}"


def path_of_account(name: str) -> str:
    """Return where an account is shown."""
    return f"/connections/{quote(name, safe='')}"


def state_of_account(row: Mapping[str, Any]) -> Mark:
    """Return whether an account works."""
    return _LIMITED if row["state"] == "running" and row.get("limited") else _STATES[row["state"]]


def accounts_table(
    rows: Sequence[Mapping[str, Any]], health: Mapping[str, Any], apps: Mapping[str, App], *, with_app: bool = True
) -> Element:
    """Return accounts as a table.

    Args:
        rows: How each stands.
        health: How everything stands.
        apps: What the apps are called.
        with_app: Whether to name the app of each.
    """
    heads = ("Account", "State", *(("App",) if with_app else ()), "Known there as", "Changes known up to")
    return table("Accounts", heads, [_row(row, health, apps, with_app=with_app) for row in rows])


def nothing_connected(key: str = "") -> Element:
    """Return what stands where no account is connected."""
    return empty(
        "No account is connected",
        "Records are synced between accounts of apps: two at least.",
        None if key else button("Choose an app", href="/apps", kind="primary"),
        mark="plug",
    )


def changes_known(name: str, health: Mapping[str, Any]) -> Node:
    """Return up to which moment all changes of an account are known."""
    feeds = [feed for feed in health["feeds"] if feed["feed"].startswith(f"{name}/")]
    told = [feed["complete_to_ms"] for feed in feeds if feed["complete_to_ms"]]
    return [
        ago(min(told), health["at_ms"]) if told else h.span(".none")["not asked yet"],
        h.span(".muted")[f" · {many(len(feeds), 'feed')}"] if len(feeds) > 1 else None,
    ]


def _row(row: Mapping[str, Any], health: Mapping[str, Any], apps: Mapping[str, App], *, with_app: bool) -> Element:
    app = apps.get(row["app"])
    return h.tr[
        h.th(".name", scope="row")[
            h.a(href=path_of_account(row["id"]), id=f"a-{row['id']}")[row["label"] or row["id"]]
        ],
        h.td(".state")[badge(state_of_account(row))],
        h.td(data_label="App")[
            h.a(href=path_of_app(row["app"]), id=f"app-{row['id']}")[app.title] if app else row["app"]
        ]
        if with_app
        else None,
        h.td(".wrap", data_label="Known there as")[row["account"] or h.span(".none")["not known yet"]],
        h.td(data_label="Changes known up to")[changes_known(row["id"], health)],
    ]
