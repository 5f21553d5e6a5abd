"""The second door for objects that one account alone has: which, with which of another account, and told by what."""

from collections.abc import Iterable, Sequence
from typing import Any

import htpy as h
from htpy import Element, Node

from services.console.use.connections.drafting import Half, accounts_with_own, other_accounts, own_sync_file
from services.console.use.problems import Problem, Refused
from services.console.web.asked import Asked
from services.console.web.parts.forms import choice
from services.console.web.parts.pieces import button, card, empty, hidden, notice
from services.console.web.parts.words import prose, url
from services.console.web.screens.accounts.accounts import path_of_account
from shared.model.syncs import Connection


class Choosing:
    """What is chosen so far of a sync of an account's own object; all of it stands in the address.

    Args:
        asked: What was asked.
        path: Where the page is.
    """

    def __init__(self, asked: Asked, path: str) -> None:
        self._asked = asked
        self._path = path
        self._objects = asked.console.connections.objects
        setups = asked.console.setups
        self._accounts = accounts_with_own(setups)
        self._account = _of(self._accounts, asked.query.get("account", ""))
        self._others = other_accounts(setups, self._account.id) if self._account else []
        self._other = _of(self._others, asked.query.get("right", ""))
        self.file = ""
        self.errors: dict[str, str] | None = None

    def cards(self) -> list[Node]:
        """Return what is to be chosen, step by step, as far as it has come."""
        if not self._accounts:
            return []
        row = self._account
        found = self._objects.listed(row) if row else None
        own = [one for one in found["objects"] if one["own"]] if found else []
        steps: list[Node] = [
            card(
                "Or objects that one account alone has",
                self._chips(((one.id, one.label or one.id) for one in self._accounts), "account"),
                name="own",
            ),
            self._own(row, own, found["detail"]) if row and found else None,
        ]
        chosen = next((one for one in own if one["id"] == self._asked.query.get("object") and one["usable"]), None)
        if row is None or chosen is None:
            return steps
        steps.append(self._with_whom(chosen))
        if self._other is None:
            return steps
        there = self._objects.listed(self._other)
        steps.append(self._with_what(self._other, there))
        other = next(
            (one for one in there["objects"] if one["id"] == self._asked.query.get("there") and one["usable"]), None
        )
        if other is not None:
            steps.append(self._told_by(row, chosen["id"], self._other, other["id"]))
        return steps

    def _own(self, row: Connection, own: Sequence[dict[str, Any]], detail: str) -> Element:
        usable = [(one["id"], one["title"]) for one in own if one["usable"]]
        barred = [one for one in own if not one["usable"]]
        return card(
            f"Which records of {row.label or row.id}?",
            _unasked(detail),
            self._chips(usable, "object", account=row.id) if usable else None,
            None if own else empty("It has none of its own", "Choose records above, or another account."),
            [h.p(".pad.muted")[one["title"], ": ", prose(" ".join(one["in_the_way"]))] for one in barred],
            name="objects-own",
        )

    def _with_whom(self, chosen: dict[str, Any]) -> Element:
        said = self._said("account", "object")
        inside = (
            self._chips(((one.id, one.label or one.id) for one in self._others), "right", **said)
            if self._others
            else empty("Another account is missing", "Connect it, and come back here.", mark="plug")
        )
        return card(f"{chosen['title']}: with which account?", inside, name="accounts")

    def _with_what(self, other: Connection, there: dict[str, Any]) -> Element:
        names = [(one["id"], one["title"]) for one in there["objects"] if one["usable"]]
        return card(
            f"Which records of {other.label or other.id}?",
            _unasked(there["detail"]),
            self._chips(names, "there", **self._said("account", "object", "right"))
            if names
            else empty("It has no records that can be synced", "Choose another account."),
            name="there-card",
        )

    def _told_by(self, row: Connection, name: str, other: Connection, there: str) -> Element:
        """Return where the fields are chosen that tell that two records are the same."""
        title = "What tells that two records are the same?"
        try:
            left, right = Half(row.id, self._objects.one(row, name)), Half(other.id, self._objects.one(other, there))
        except Problem as problem:
            return card(title, notice("warn", "The account cannot be asked now", h.p[str(problem)]), name="same")
        query = self._asked.query
        if "left_field" in query or "right_field" in query:
            fields = query.get("left_field", ""), query.get("right_field", "")
            try:
                self.file = own_sync_file(self._asked.console.setups, left, right, fields)
            except Refused as refused:
                self.errors = refused.fields
        sides = (("left_field", row, left), ("right_field", other, right))
        lacking = [one for _, one, half in sides if not half.fields()]
        if lacking:
            return card(title, _no_field(lacking[0], left if lacking[0] is row else right), name="same")
        said = self._said("account", "object", "right", "there")
        return card(
            title,
            h.form(".form", action=self._path)[
                [hidden(key, value) for key, value in said.items()],
                [
                    choice(
                        f"{half.object['title']} of {one.label or one.id}", key, half.fields(),
                        value=query.get(key, ""), errors=self.errors,
                    )
                    for key, one, half in sides
                ],
                h.p(".hint")["Two records with the same value are linked. Fields with a unique number, such as a "
                             "plate, serve best."],
                h.p(".row")[button("Show the file", kind="primary", type="submit")],
            ],
            name="same",
        )  # fmt: skip

    def _said(self, *names: str) -> dict[str, str]:
        return {name: self._asked.query[name] for name in names}

    def _chips(self, options: Iterable[tuple[str, str]], name: str, **said: str) -> Element:
        chosen = self._asked.query.get(name, "")

        def chip(value: str, text: str) -> Element:
            current = {"aria_current": "true"} if value == chosen else {}
            kind = "primary" if value == chosen else "plain"
            address = url(self._path, said, **{name: value})
            return h.li[button(text, href=address, id=f"{name}-{value}", kind=kind, **current)]

        return h.ul(".pad.row")[[chip(*option) for option in options]]


def _of(rows: Sequence[Connection], name: str) -> Connection | None:
    return next((row for row in rows if row.id == name), None)


def _unasked(detail: str) -> Element | None:
    if not detail:
        return None
    said = "What is shown is what is known from before."
    return notice("warn", "The account cannot be asked now", h.p[prose(detail)], h.p[said])


def _no_field(row: Connection, half: Half) -> Element:
    path = f"{path_of_account(row.id)}/objects/{half.object['id']}"
    return empty(
        "No field can tell that",
        ["None of the texts of ", h.a(href=path)[half.object["title"]], " can be read."],
    )
