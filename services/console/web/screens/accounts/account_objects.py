"""The objects of one account, whether a sync can use them, and which part their fields play."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

import htpy as h
from htpy import Element, Node
from starlette.responses import Response

from services.console.web.asked import Asked, html
from services.console.web.parts.pieces import card, empty, notice, table
from services.console.web.parts.words import TYPES, Mark, ago, badge, count, many, prose
from services.console.web.screens.accounts.accounts import path_of_account
from services.console.web.screens.accounts.connection_parts import account_page
from services.console.web.screens.standing.standing import path_of
from shared.model.wording import capital

_USABLE: Final = Mark("Can be synced", "check", "ok")
_SYNCED: Final = Mark("Synced", "check", "ok")
_IN_THE_WAY: Final = Mark("Cannot be synced", "minus", "off")


def show(asked: Asked) -> Response:
    """Return the objects of one account."""
    row = asked.console.connections.find(asked.params["name"])
    found = asked.console.connections.objects.listed(row)
    rows = [_object(row.id, one) for one in found["objects"]]
    inside = (
        card(
            "What it has",
            table("Objects", ("Object", "State", "Syncs", "What to know"), rows),
            h.p(".pad.muted")["Asked ", ago(found["asked_ms"], found["at_ms"]), "."],
            name="objects",
        )
        if rows
        else empty("There is nothing to sync", "The account has no object that Syncline knows.")
    )
    standing = asked.console.connection(row)
    return html(account_page(asked, row, standing, "objects", _unasked(found["detail"]), inside))


def show_one(asked: Asked) -> Response:
    """Return one object of an account: its fields and its associations."""
    row = asked.console.connections.find(asked.params["name"])
    found = asked.console.connections.objects.one(row, asked.params["object"])
    body = (_unasked(found["detail"]), _facts(found), _fields(found), _associations(row.id, found))
    standing = asked.console.connection(row)
    return html(account_page(asked, row, standing, "objects", *body, below=found["title"]))


def _path(connection: str, name: str) -> str:
    return f"{path_of_account(connection)}/objects/{quote(name, safe='')}"


def _unasked(detail: str) -> Element | None:
    if not detail:
        return None
    said = "What is shown is what is known from before."
    return notice("warn", "The account cannot be asked now", h.p[prose(detail)], h.p[said], name="unasked")


def _object(connection: str, one: Mapping[str, Any]) -> Element:
    known = bool(one["type"])
    title = h.a(href=_path(connection, one["id"]), id=f"o-{one['id']}")[one["title"]] if known else one["title"]
    return h.tr[
        h.th(".name", scope="row")[
            title, h.div(".sub")[h.code[one["id"]], " · this account's own" if one["own"] else None]
        ],
        h.td(".state")[badge(_state(one))],
        h.td(data_label="Syncs")[_syncs(one["syncs"])],
        h.td(".wrap", data_label="What to know")[_said(one) or h.span(".none")["nothing"]],
    ]


def _state(one: Mapping[str, Any]) -> Mark:
    if not one["usable"]:
        return _IN_THE_WAY
    return _SYNCED if one["syncs"] else _USABLE


def _said(one: Mapping[str, Any]) -> list[Element]:
    return [h.div[prose(line)] for line in (*one["in_the_way"], *one["notes"])]


def _syncs(names: Sequence[str]) -> Node:
    if not names:
        return h.span(".none")["none"]
    return [[", " if number else None, h.a(href=path_of(name))[name]] for number, name in enumerate(names)]


def _facts(found: Mapping[str, Any]) -> Element:
    facts: list[tuple[str, Node]] = [
        ("State", badge(_state(found))),
        ("Its name in files and by API", h.code[found["id"]]),
        ("Follows the rules of", [found["type_title"], " (", h.code[found["type"]], ")"]),
        ("Syncs", _syncs(found["syncs"])),
        ("Asked", ago(found["asked_ms"], found["at_ms"])),
    ]
    said = _said(found)
    if said:
        facts.insert(1, ("What to know", said))
    return card(
        "About this object", h.dl(".facts")[[h.div[h.dt[name], h.dd[value]] for name, value in facts]], name="about"
    )


def _fields(found: Mapping[str, Any]) -> Element:
    rows = [
        h.tr[
            h.th(".name.wrap", scope="row")[one["label"], h.div(".sub")[h.code[one["name"]]]],
            h.td(data_label="Type")[
                TYPES[one["type"]], h.div(".sub")[many(one["options"], "option")] if one["options"] else None
            ],
            h.td(".wrap", data_label="Role")[_roles(one["roles"])],
            h.td(".wrap", data_label="Values go")[_way(one["ways"])],
            h.td(".wrap", data_label="More")[_more(one) or h.span(".none")["nothing"]],
        ]
        for one in found["fields"]
    ]
    title = f"Fields ({count(len(rows))})"
    return card(title, table("Fields", ("Field", "Type", "Role", "Values go", "More"), rows), name="fields")


def _way(ways: str) -> Node:
    return "both ways" if ways == "both" else ways or h.span(".none")["nowhere"]


def _roles(roles: Sequence[Mapping[str, str]]) -> Node:
    if not roles:
        return h.span(".none")["none"]
    rows = [
        [
            one["title"],
            " (",
            h.code[one["role"]],
            ")",
            [" in ", h.a(href=path_of(one["sync"]))[one["sync"]]] if one["sync"] else None,
        ]
        for one in roles
    ]
    return rows[0] if len(rows) == 1 else [h.div[row] for row in rows]


def _more(one: Mapping[str, Any]) -> str:
    told = {"required": "needed to create a record", "unique": "unique", "sensitive": "sensitive"}
    return capital(", ".join(text for name, text in told.items() if one[name]))


def _associations(connection: str, found: Mapping[str, Any]) -> Element | None:
    if not found["associations"]:
        return None
    rows = [
        h.tr[
            h.th(".name", scope="row")[h.code[one["label"]]],
            h.td(data_label="Leads to")[h.a(href=_path(connection, one["to"]))[one["to_title"]]],
            h.td(data_label="How many")[many(one["most"], "record") if one["most"] else "any number"],
            h.td(data_label="Syncs")[_syncs(one["syncs"])],
        ]
        for one in found["associations"]
    ]
    heads = ("Association", "Leads to", "How many", "Syncs")
    return card("Associations", table("Associations", heads, rows), name="associations")
