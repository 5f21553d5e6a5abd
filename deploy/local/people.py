"""The data of a local run: people and firms in HubSpot, and an address book that spells some of the people differently.

Some cards are the same people: in other case, with other spaces, phone formats or a second address. Two colleagues of
one firm share its name and nothing else, and must stay two.
"""

import random
import uuid
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import requests

from deploy.local.hubspot import dataset
from deploy.local.hubspot.dataset import Dataset, Person

SEED: Final = 7
CONTACTS: Final = 500
COMPANIES: Final = 60
CARDS: Final = 300
SAME: Final = 120
_AT_ONCE: Final = 4


@dataclass(frozen=True, slots=True)
class People:
    """Who is where."""

    hubspot: Dataset
    cards: tuple[str, ...]
    """vCards, the shared people first."""
    same: int


def make(*, contacts: int = CONTACTS, companies: int = COMPANIES, cards: int = CARDS, same: int = SAME) -> People:
    """Make the same people each time."""
    draw = random.Random(f"cards/{SEED}")  # noqa: S311 - data, not secrets
    ours = dataset.make(SEED, contacts, companies)
    taken = {person.email.lower() for person in ours.people}
    others = [
        person for person in dataset.make(SEED + 1, 2 * cards, companies).people if person.email.lower() not in taken
    ]
    rows = [_same(draw, number, person) for number, person in enumerate(draw.sample(ours.people, same))]
    firm = ours.firms[0].name
    rows += [
        _card(person, org=firm if number < 2 else "", number=number)
        for number, person in enumerate(others[: cards - same])
    ]
    return People(ours, tuple(rows), same)


def _same(draw: random.Random, number: int, person: Person) -> str:
    """Return a person as somebody else typed them."""
    first, last, email = person.first, person.last, person.email
    extra: list[str] = []
    kind = number % 5
    if kind == 0:
        email = email.upper()
    elif kind == 1:
        first, last = f" {first}", f"{last} "
    elif kind == 2:
        extra = [f"private.{number}@mail.example"]
    elif kind == 3:
        first, last = first.upper(), last.upper()
    phone = person.phone if draw.random() < 0.5 else person.phone_as_written
    return _vcard(first, last, [email, *extra], phone, person.title, "", f"same-{number}")


def _card(person: Person, *, org: str, number: int) -> str:
    return _vcard(
        person.first, person.last, [person.email], person.phone_as_written, person.title, org, f"card-{number}"
    )


def _vcard(first: str, last: str, emails: Sequence[str], phone: str, title: str, org: str, name: str) -> str:
    lines = [
        "BEGIN:VCARD",
        "VERSION:3.0",
        f"UID:{uuid.uuid5(uuid.NAMESPACE_URL, name)}",
        f"FN:{_text(f'{first} {last}'.strip())}",
        f"N:{_text(last)};{_text(first)};;;",
        *(f"EMAIL;TYPE=INTERNET{';TYPE=PREF' if not at else ''}:{email}" for at, email in enumerate(emails)),
        *([f"TEL;TYPE=WORK,VOICE:{phone}"] if phone else []),
        *([f"TITLE:{_text(title)}"] if title else []),
        *([f"ORG:{_text(org)}"] if org else []),
        "X-SOURCE:address book",
        "END:VCARD",
    ]
    return "\r\n".join(lines) + "\r\n"


def _text(value: str) -> str:
    return value.replace("\\", "\\\\").replace(",", "\\,").replace(";", "\\;")


def put_cards(book_url: str, user: str, password: str, cards: Iterable[str]) -> None:
    """Store cards in an address book; raises RuntimeError when it refuses one."""

    def put(number: int, card: str) -> None:
        with requests.Session() as session:
            session.trust_env = False
            reply = session.put(
                f"{book_url}card-{number:05d}.vcf",
                data=card.encode(),
                headers={"Content-Type": "text/vcard; charset=utf-8"},
                auth=(user, password),
                timeout=30,
            )
        if reply.status_code not in (201, 204):
            raise RuntimeError(f"the address book answered {reply.status_code} to card {number}: {reply.text[:200]}")

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for future in [pool.submit(put, number, card) for number, card in enumerate(cards)]:
            future.result()
