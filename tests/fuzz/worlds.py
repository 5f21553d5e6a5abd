"""Odd cards in a whole sync: real handlers, the simulator of HubSpot and an address book, in one thread."""

import contextlib
import io
import re
from random import Random
from typing import Final

import requests

from deploy.local.hubspot import HubSpotServer
from deploy.local.servers.real import RadicaleServer
from shared.apps.carddav.card import read_card
from shared.apps.carddav.content import NotACard
from shared.model.outcomes import Park
from tests.fuzz.cards import odd_card, odd_value
from tests.slice.book import Book
from tests.slice.harness import Polling, book_sync

CARDS: Final = 20
"""Cards in one world: components of shared keys stay small."""
_WRITTEN: Final = frozenset({"BEGIN", "END", "EMAIL", "N", "FN", "ORG", "TITLE", "TEL", "ADR", "NOTE", "URL", "REV"})
_FIELDS: Final = ("firstname", "lastname", "jobtitle", "city", "phone", "message", "website", "company")
_MEAN: Final = {"firstname": "given_name", "lastname": "family_name", "phone": "phone"}


def live(seed: int, radicale: RadicaleServer) -> str:
    """Have odd cards and odd edits travel; give what is wrong afterwards, or nothing."""
    random = Random(seed)
    said = io.StringIO()
    with HubSpotServer(data=None, seed=seed) as server, contextlib.redirect_stdout(said):
        book = Book.made(radicale)
        world = Polling(server, [book_sync(rules={"email_required": seed % 2 == 0})], book=book)
        for number in range(CARDS):
            while not _store(book, f"c{number}.vcf", _storable(random, number)):
                pass
        before = {name: _unmapped(text) for name, text in book.cards().items()}
        world.admin.edit(7001, "create", "contacts", properties=_edits(random, email="new@y.example"))
        world.settle()
        typed = {record: _edits(random) for record in world.records("one", "contacts")}
        for record, texts in typed.items():
            world.admin.edit(7001, "update", "contacts", record, properties=texts)
        world.settle()
        return _damaged(world, typed) or _wrong(world, book, before)


def _damaged(world: Polling, typed: dict[str, dict[str, str]]) -> str:
    """Tell of a text that a person typed in HubSpot last, and that is another one now."""
    held = world.records("one", "contacts")
    for record, texts in typed.items():
        for name, text in texts.items():
            stands = held[record]["properties"].get(name) or ""
            if stands != text:
                return f"{name} of {record}: {text!r} became {stands!r}"
    return ""


def _wrong(world: Polling, book: Book, before: dict[str, list[str]]) -> str:
    pending = [f"{pair.pair} ({pair.reason})" for pair in world.pairs("people") if pair.status == "pending"]
    if pending:
        return f"pending without end: {', '.join(pending)}"
    parked = [f"{key}: {outcome.reason}" for _, key, outcome in world.trail if isinstance(outcome, Park)]
    if any("internal" in row for row in parked):
        return f"parked: {', '.join(parked)}"
    after = book.cards()
    for name, lines in before.items():
        if _unmapped(after.get(name, "")) != lines:
            return f"{name}: another property was changed: {lines} became {_unmapped(after.get(name, ''))}"
    return ""


def _storable(random: Random, number: int) -> str:
    """Return a card with what servers demand of each, and an address of its own."""
    text = odd_card(random).decode("utf-8", "replace").replace("x.example", f"x{number}.example")
    named = "" if re.search(r"^(?:[\w-]+\.)?N[;:]", text, re.IGNORECASE | re.MULTILINE) else "N:;;;;\r\n"
    version = random.choice(("3.0", "4.0"))
    text = re.sub(r"^VERSION:.*\r?\n?", "", text, count=1, flags=re.MULTILINE)
    shown = "" if re.search(r"^FN[;:]", text, re.MULTILINE) else "FN:Ann Lee\r\n"
    return text.replace("END:VCARD", f"VERSION:{version}\r\nUID:u{number}\r\n{named}{shown}END:VCARD")


def _store(book: Book, name: str, text: str) -> bool:
    """Store a card, if the server takes it and gives it back alike when stored again; else that is its own matter."""
    try:
        book.store(name, text)
        stored = book.get(name)
        book.store(name, stored)
    except requests.HTTPError:
        return False
    return _unmapped(book.get(name)) == _unmapped(stored)


def _unmapped(text: str) -> list[str]:
    """List the lines that no mapping writes; the order is the server's."""
    try:
        card = read_card(text.encode("utf-8", "surrogateescape"))
    except NotACard:
        return [text]
    return sorted(f"{x.group}.{x.name};{x.params}:{x.value}" for x in card.lines if x.name not in _WRITTEN)


def _edits(random: Random, **more: str) -> dict[str, str]:
    names = random.sample(_FIELDS, 3)
    made = {name: odd_value(random, _MEAN.get(name, "note")) for name in names}
    # What the simulator's own JSON cannot carry is tried in `cards`.
    return {name: text.replace("\ud800", "") for name, text in made.items()} | more
