"""People who edit at random on both sides: one thread, so that the order of what they did is known."""

import random
import time
from collections.abc import Callable, Collection
from typing import Final

from deploy.local.stack import PORTAL
from shared.apps.carddav.card import read_card, read_fields
from tests.chaos.people import FIELDS, SIDES, Edit, Person, Side
from tests.e2e.live import Live

_MOST: Final = 4
"""Edits of one field on one side: more within ten minutes are taken for two programs that fight."""
_ODD: Final = ("name alone", "mailto", "with a name", "second address", "organisation", "no address", "broken address")
_LOOK_S: Final = 2.0


class Editors:
    """Random people, and what they did.

    Args:
        live: The installation.
        seed: Makes the same run again, but for the timing.
        without: Kinds of acts that are left out, to find what another one does.
    """

    def __init__(self, live: Live, seed: int, *, without: Collection[str] = ()) -> None:
        self._live = live
        self._draw = random.Random(f"chaos/{seed}")
        self._began = time.monotonic()
        self._number = 0
        self._looked = 0.0
        self._partners: dict[str, str] = {}
        self.people: list[Person] = []
        self.done: dict[str, int] = {}
        """Edits by kind."""
        acts: list[tuple[int, str, Callable[[], bool]]] = [
            (58, "edit", self._edit),
            (10, "e-mail", self._change_email),
            (8, "new", self._new),
            (4, "twin", self._twin),
            (6, "clear", self._clear),
            (4, "merge", self._merge),
            (4, "delete", self._delete),
            (3, "restore", self._restore),
            (3, "odd card", self._odd),
        ]
        unknown = {*without} - {name for _, name, _ in acts}
        if unknown:
            raise ValueError(f"nobody does {', '.join(sorted(unknown))}; known are {', '.join(row[1] for row in acts)}")
        self._acts = [(name, act) for weight, name, act in acts if name not in without for _ in range(weight)]

    @property
    def edits(self) -> int:
        """Count what was done."""
        return sum(self.done.values())

    def act(self) -> None:
        """Do one thing; what is not possible at the moment becomes an ordinary edit, or somebody new."""
        name, act = self._draw.choice(self._acts)
        for one, do in ((name, act), ("edit", self._edit), ("new", self._new)):
            if do():
                self.done[one] = self.done.get(one, 0) + 1
                return

    def _at(self) -> float:
        return time.monotonic() - self._began

    def _unique(self, name: str, token: str) -> str:
        self._number += 1
        if name == "phone":
            return f"+4930{1_000_000 + self._number}"
        if name == "email":
            return f"{token.lower()}.{self._number}@chaos.example"
        return f"{name} {self._number} of {token}"

    # New people

    def _person(self) -> Person:
        person = Person(token=f"P{len(self.people):05d}")
        self.people.append(person)
        return person

    def new(self) -> None:
        """Enter somebody on one side."""
        self._new()
        self.done["new"] = self.done.get("new", 0) + 1

    def _new(self) -> bool:
        person = self._person()
        side = self._draw.choice(SIDES)
        self._enter(person, side, self._draw.sample([*FIELDS], 3))
        return True

    def _twin(self) -> bool:
        """Enter one person on both sides at once, with other details."""
        person = self._person()
        person.twin = True
        email = self._unique("email", person.token)
        first = self._draw.choice(SIDES)
        for side in (first, "R" if first == "L" else "L"):
            self._enter(person, side, self._draw.sample([*FIELDS], 3), email=email)
        return True

    def _enter(self, person: Person, side: Side, names: list[str], email: str = "") -> None:
        held = {name: self._unique(name, person.token) for name in names if name != "email"}
        held["email"] = email or self._unique("email", person.token)
        for name, value in held.items():
            person.add(name, Edit(side=side, value=value, at=self._at()))
        if side == "L":
            properties = {FIELDS[name].left: value for name, value in held.items()}
            person.ids["L"] = self._live.new_contact(firstname="Ann", lastname=person.token, **properties)
        else:
            lines = [f"{FIELDS[name].line}:{value}" for name, value in held.items()]
            self._put(person, f"FN:Ann {person.token}", f"N:{person.token};Ann;;;", *lines)

    def _put(self, person: Person, *lines: str) -> None:
        name = f"{person.token.lower()}.vcf"
        rows = ("BEGIN:VCARD", "VERSION:3.0", f"UID:{person.token.lower()}", *lines, "X-OURS:kept", "END:VCARD", "")
        self._live.put(name, "\r\n".join(rows))
        person.ids["R"] = name

    def _odd(self) -> bool:
        """Enter a card as other programs and people write them."""
        kind = self._draw.choice(_ODD)
        person = self._person()
        email = self._unique("email", person.token)
        names = () if kind == "name alone" else (f"N:{person.token};Ann;;;",)
        lines = {
            "mailto": (f"EMAIL:mailto:{email}",),
            "with a name": (f"EMAIL:Ann Lee <{email}>",),
            "second address": ("EMAIL:nobody at home", f"EMAIL:{email}"),
            "organisation": (f"EMAIL:{email}", "KIND:org"),
            "no address": (),
            "broken address": ("EMAIL:nobody at home",),
        }.get(kind, (f"EMAIL:{email}",))
        person.stays = "R" if kind in ("organisation", "no address", "broken address") else None
        self._put(person, f"FN:Ann {person.token}", *names, *lines)
        if kind in ("broken address", "second address"):
            person.add("email", Edit(side="R", value="nobody at home", at=self._at()))
        if kind not in ("no address", "broken address"):
            seen = "nobody at home" if kind == "second address" else ""
            person.add("email", Edit(side="R", value=email, seen=seen, at=self._at()))
        return True

    # Edits

    def _choose(self, fits: Callable[[Person], bool]) -> Person | None:
        found = [person for person in self.people if fits(person)]
        return self._draw.choice(found) if found else None

    def _has(self, person: Person, side: Side) -> bool:
        """Check whether people know a record of the person on a side, be it one that Syncline made."""
        if side in person.gone or person.stays is not None or (person.merged and side == "L"):
            return False
        return side in person.ids

    def _linked(self, person: Person) -> bool:
        """Check whether the console shows the person's two records as partners, a moment ago at the latest.

        What is deleted or merged before Syncline knew of it may lead to more than one right end.
        """
        if person.gone or person.merged or person.stays is not None or len(person.ids) < 2:
            return False
        return self._partners.get(person.ids["L"]) == person.ids["R"]

    def look(self) -> None:
        """Look up in the console who is linked, unless it is away, and which records Syncline made."""
        now = time.monotonic()
        if now - self._looked < _LOOK_S:
            return
        self._looked = now
        if self._live.stack.api("health") is None:
            return
        try:
            rows = self._live.rows()
        except AssertionError:
            return  # it went away in between
        self._partners = {row["left"]: row["right"] for row in rows if row["left"] and row["right"]}
        found: dict[Side, dict[str, list[str]]] = {"L": {}, "R": {}}
        for name, row in self._live.contacts().items():
            found["L"].setdefault(row.get("lastname", ""), []).append(name)
        for name, card in self._live.cards().items():
            found["R"].setdefault(str(card["family_name"] or ""), []).append(name)
        for person in self.people:
            for side in SIDES:
                names = found[side].get(person.token, [])
                if side not in person.ids and len(names) == 1 and not (person.merged and side == "L"):
                    person.ids[side] = names[0]

    def _edit(self) -> bool:
        side = self._draw.choice(SIDES)
        name = self._draw.choice(["title", "note", "phone", "company"])
        return self._change(side, name)

    def _change_email(self) -> bool:
        return self._change(self._draw.choice(SIDES), "email")

    def _change(self, side: Side, name: str) -> bool:
        def fits(person: Person) -> bool:
            if name == "email" and person.twin and not self._linked(person):
                return False  # with another address on one side, nothing tells any more that the two are one person
            own = [edit for edit in person.edits[name] if edit.side == side]
            return not person.merged and len(own) < _MOST and self._has(person, side)

        person = self._choose(fits)
        return person is not None and self._set(person, side, name, self._unique(name, person.token))

    def _clear(self) -> bool:
        """Empty a field that holds something; a second clear of one field could not be told from the first."""
        side = self._draw.choice(SIDES)
        name = self._draw.choice(["title", "note", "phone", "company"])

        person = self._choose(
            lambda one: (
                bool(one.edits[name])
                and all(edit.value for edit in one.edits[name])
                and not one.merged
                and self._has(one, side)
            )
        )
        return person is not None and self._set(person, side, name, "")

    def _set(self, person: Person, side: Side, name: str, value: str) -> bool:
        """Put a value into a record, and note what stood there."""
        put = self._set_contact if side == "L" else self._set_card
        seen = put(person, name, value)
        if seen is None:
            return False
        person.add(name, Edit(side=side, value=value, seen=seen, at=self._at()))
        return True

    def _set_contact(self, person: Person, name: str, value: str) -> str | None:
        prop = FIELDS[name].left
        held = self._live.contacts().get(person.ids["L"])
        if held is None or (not value and not held.get(prop)):
            return None
        after = self._live.audit_end()
        self._live.edit_contact(person.ids["L"], **{prop: value})
        for row in self._live.admin.audit(PORTAL, after):
            if row["by"][0] == "person" and row["id"] == person.ids["L"] and prop in row["after"]:
                return str(row["before"].get(prop) or "")
        raise AssertionError(f"the edit of {person.token} is not in the audit log")

    def _set_card(self, person: Person, name: str, value: str) -> str | None:
        column = FIELDS[name]
        if not value and not self._live.card(person.ids["R"])[column.right]:
            return None
        before = self._live.edit_card(person.ids["R"], **{column.line: value})
        return str(read_fields(read_card(before), [column.right])[column.right] or "")

    # Leaving, coming back, becoming one

    def _merge(self) -> bool:
        """Merge two contacts that have a card each, the one with the lower or the higher id into the other."""
        winner = self._choose(self._linked)
        loser = self._choose(lambda one: one is not winner and self._linked(one))
        if winner is None or loser is None:
            return False
        new = self._live.admin.edit(PORTAL, "merge", "contacts", winner.ids["L"], other=loser.ids["L"])
        loser.merged = True
        del loser.ids["L"]
        winner.ids["L"] = new
        after = self._live.contacts()[new]
        for name, column in FIELDS.items():
            now = after.get(column.left) or ""
            if now and now not in winner.values(name):  # filled from the other
                winner.add(name, Edit(side="L", value=now, at=self._at()))
        return True

    def _delete(self) -> bool:
        person = self._choose(self._linked)
        if person is None:
            return False
        side = self._draw.choice(SIDES)
        if side == "L":
            self._live.admin.edit(PORTAL, "archive", "contacts", person.ids["L"])
        else:
            self._live.delete_card(person.ids["R"])
        person.gone.add(side)
        return True

    def _restore(self) -> bool:
        person = self._choose(lambda one: one.gone == {"L"} and not one.merged)
        if person is None:
            return False
        self._live.admin.edit(PORTAL, "restore", "contacts", person.ids["L"])
        person.gone.discard("L")
        return True
