"""The second door: from the object that somebody wants to sync to the two accounts, and to the file that sets it up."""

from collections.abc import Sequence
from typing import Final

import htpy as h
from htpy import Element, Node
from starlette.responses import Response

from services.console.use.connections.apps import object_title
from services.console.use.connections.drafting import accounts_with, objects_of, sync_file
from services.console.use.problems import Refused
from services.console.web.asked import Asked, html
from services.console.web.parts.forms import refusals
from services.console.web.parts.page import page
from services.console.web.parts.pieces import button, card, empty
from services.console.web.parts.words import url
from services.console.web.screens.accounts.accounts import path_of_app
from services.console.web.screens.accounts.setting_up_own import Choosing
from shared.model.syncs import Connection

PATH: Final = "/set-up"


def show(asked: Asked) -> Response:
    """Return what is chosen so far, and what comes next; all of it stands in the address."""
    apps = list(asked.console.connections.apps.values())
    objects, wanted = objects_of(apps), asked.query.get("object", "")
    own = Choosing(asked, PATH)
    chosen = wanted if wanted in objects and "account" not in asked.query else ""
    accounts = accounts_with(asked.console.setups, chosen) if chosen else []
    file, errors = _file(asked, chosen)
    steps = own.cards() if not chosen else []
    file, errors = file or own.file, errors or own.errors
    return html(
        page(
            asked,
            "Set up a sync",
            h.div(".stack")[
                refusals(errors),
                card("Which records?", _objects(objects, chosen), name="objects"),
                _accounts(asked, chosen, accounts) if chosen else None,
                steps,
                _shown(file) if file else None,
            ],
            crumbs=(("Home", "/"), ("Syncs", "/#syncs")),
            here="/",
        )
    )


def _file(asked: Asked, object_: str) -> tuple[str, dict[str, str] | None]:
    left, right = asked.query.get("left", ""), asked.query.get("right", "")
    if not object_ or not (left or right):
        return "", None
    try:
        return sync_file(asked.console.setups, object_, left, right), None
    except Refused as refused:
        return "", refused.fields


def _objects(objects: Sequence[str], chosen: str) -> Element:
    return h.ul(".pad.row")[
        [
            h.li[
                button(
                    object_title(name), href=url(PATH, object=name), id=f"object-{name}",
                    kind="primary" if name == chosen else "plain",
                    **({"aria_current": "true"} if name == chosen else {}),
                )
            ]
            for name in objects
        ]
    ]  # fmt: skip


def _accounts(asked: Asked, object_: str, accounts: Sequence[Connection]) -> Element:
    lacking = len(accounts) < 2
    return card(
        "Between which accounts?",
        empty(
            "An account is missing" if accounts else "No account is connected",
            f"{object_title(object_)} are synced between two accounts; connect them, and come back here.",
            mark="plug",
        )
        if lacking
        else _choice(asked, object_, accounts),
        h.div(".pad")[h.p["Connect an account of ", _connect(asked, object_), "."]],
        name="accounts",
    )


def _connect(asked: Asked, object_: str) -> list[Node]:
    """Return a link to each app that has the object, which stays chosen there."""
    apps = [app for app in asked.console.connections.apps.values() if object_ in app.objects]
    links: list[Node] = []
    for number, app in enumerate(apps):
        links += [" or "] if number else []
        links.append(h.a(href=url(path_of_app(app.key), object=object_), id=f"app-{app.key}")[app.title])
    return links


def _choice(asked: Asked, object_: str, accounts: Sequence[Connection]) -> Element:
    def side(name: str, title: str, given: str) -> Element:
        return h.div(".field")[
            h.label(for_=name)[title],
            h.select(name=name, id=name)[
                [h.option(value=row.id, selected=row.id == given)[row.label or row.id] for row in accounts]
            ],
        ]

    left = asked.query.get("left", accounts[0].id)
    return h.form(".form", action=PATH)[
        h.input(type="hidden", name="object", value=object_),
        side("left", "One side", left),
        side("right", "The other side", asked.query.get("right", accounts[1].id)),
        h.p(".row")[button("Show the file", kind="primary", type="submit")],
    ]


def _shown(file: str) -> Element:
    return card(
        "The file that sets it up",
        h.div(".pad.stack")[
            h.p[
                "Keep it as ", h.code["sync.yaml"], " where Syncline runs. ", h.code["plan"],
                " shows every field that it would map, before anything is done.",
            ],
            h.pre(id="file", tabindex="0")[h.code[file]],
            h.pre(id="commands", tabindex="0")[
                h.code["./syncline plan sync.yaml\n./syncline apply sync.yaml"]
            ],
        ],
        name="shown",
    )  # fmt: skip
