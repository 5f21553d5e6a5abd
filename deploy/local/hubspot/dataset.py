"""Made-up people and firms: the same for the same seed, and no real person among them.

People are plain data first, so that another program can spell the same person differently (as a card, say);
`as_load` gives them in the form of HubSpot properties. Every e-mail and every company domain is used once.
"""

import random
import unicodedata
from dataclasses import dataclass
from typing import Any

from deploy.local.hubspot.words import CULTURES, PLACES, TITLES, TRADES, Culture

_FOLD = str.maketrans({"ł": "l", "ß": "ss", "ø": "o", "đ": "d", "'": "", " ": "", ".": ""})


@dataclass(frozen=True, slots=True)
class Firm:
    """One company."""

    name: str
    domain: str
    phone: str
    street: str
    city: str
    postal_code: str
    country: str
    employees: int


@dataclass(frozen=True, slots=True)
class Person:
    """One person, who works for the firm of that index, or for none (-1)."""

    first: str
    last: str
    email: str
    phone: str
    """E.164, or blank."""
    phone_as_written: str
    """The same number as people type it in their country."""
    title: str
    city: str
    postal_code: str
    street: str
    country: str
    firm: int


@dataclass(frozen=True, slots=True)
class Dataset:
    """People and the firms they work for."""

    people: tuple[Person, ...]
    firms: tuple[Firm, ...]

    def as_load(self) -> dict[str, list[dict[str, Any]]]:
        """Return what the admin API's `load` takes: companies, contacts, and each contact's primary company."""
        return {
            "companies": [company_properties(firm) for firm in self.firms],
            "contacts": [self.contact_properties(person) for person in self.people],
            "links": [
                {"type": "contacts", "index": number, "toType": "companies", "toIndex": person.firm, "types": [1]}
                for number, person in enumerate(self.people)
                if person.firm >= 0
            ],
        }

    def contact_properties(self, person: Person) -> dict[str, str]:
        """Return a person as HubSpot contact properties."""
        properties = {
            "firstname": person.first,
            "lastname": person.last,
            "email": person.email,
            "phone": person.phone_as_written,
            "jobtitle": person.title,
            "company": self.firms[person.firm].name if person.firm >= 0 else "",
            "address": person.street,
            "zip": person.postal_code,
            "city": person.city,
            "country": person.country,
        }
        return {name: value for name, value in properties.items() if value}


def company_properties(firm: Firm) -> dict[str, str]:
    """Return a firm as HubSpot company properties."""
    return {
        "name": firm.name,
        "domain": firm.domain,
        "phone": firm.phone,
        "address": firm.street,
        "zip": firm.postal_code,
        "city": firm.city,
        "country": firm.country,
        "numberofemployees": str(firm.employees),
    }


def make(seed: int, contacts: int, companies: int) -> Dataset:
    """Return so many people and firms; a smaller request is no prefix of a larger one."""
    draw = random.Random(f"syncline/{seed}/{contacts}/{companies}")  # noqa: S311 - data, not secrets
    firms = tuple(_firm(draw, number) for number in range(companies))
    taken: dict[str, int] = {}
    people = tuple(_person(draw, firms, taken) for _ in range(contacts))
    return Dataset(people, firms)


def plain(text: str) -> str:
    """Return a name as it stands in an address: ASCII letters, digits and hyphens, lower case."""
    folded = unicodedata.normalize("NFKD", text.lower().translate(_FOLD))
    return "".join(
        character for character in folded if character.isascii() and (character.isalnum() or character == "-")
    )


def _firm(draw: random.Random, number: int) -> Firm:
    culture = draw.choice(CULTURES)
    city, code = draw.choice(culture.cities)
    place, trade = PLACES[number % len(PLACES)], TRADES[number // len(PLACES) % len(TRADES)]
    series = number // (len(PLACES) * len(TRADES))
    name = f"{place} {trade}{f' {series + 1}' if series else ''} {draw.choice(culture.legal)}"
    return Firm(
        name=name,
        domain=f"{plain(place)}-{plain(trade)}{series + 1 if series else ''}.example",
        phone=written(draw, culture, _number(draw, culture)),
        street=_street(draw, culture),
        city=city,
        postal_code=code,
        country=culture.country,
        employees=draw.choice((4, 12, 35, 90, 240, 800)),
    )


def _person(draw: random.Random, firms: tuple[Firm, ...], taken: dict[str, int]) -> Person:
    culture = draw.choice(CULTURES)
    first, last = draw.choice(culture.first), draw.choice(culture.last)
    firm = draw.randrange(len(firms)) if firms and draw.random() < 0.8 else -1
    domain = firms[firm].domain if firm >= 0 else "mail.example"
    address = f"{plain(first)}.{plain(last)}"
    count = taken[f"{address}@{domain}"] = taken.get(f"{address}@{domain}", 0) + 1
    email = f"{address}{count if count > 1 else ''}@{domain}"
    phone = _number(draw, culture) if draw.random() < 0.85 else ""
    city, code = draw.choice(culture.cities)
    return Person(
        first=first,
        last=last,
        email=email,
        phone=phone,
        phone_as_written=written(draw, culture, phone) if phone else "",
        title=draw.choice(TITLES) if draw.random() < 0.7 else "",
        city=city,
        postal_code=code,
        street=_street(draw, culture),
        country=culture.country,
        firm=firm,
    )


def _street(draw: random.Random, culture: Culture) -> str:
    number = draw.randrange(1, 180)
    street = draw.choice(culture.streets)
    return (
        f"{number} {street}"
        if culture.country in ("France", "United Kingdom", "United States")
        else f"{street} {number}"
    )


def _number(draw: random.Random, culture: Culture) -> str:
    digits = draw.randrange(10**culture.digits)
    return f"+{culture.calling_code}{draw.choice(culture.mobile)}{digits:0{culture.digits}d}"


def written(draw: random.Random, culture: Culture, number: str) -> str:
    """Return an E.164 number as somebody of that culture may type it."""
    national = number.removeprefix(f"+{culture.calling_code}")
    grouped = f"{national[:3]} {national[3:6]} {national[6:]}"
    return draw.choice(
        (
            number,
            f"+{culture.calling_code} {grouped}",
            f"00{culture.calling_code} {grouped}",
            f"{culture.trunk}{grouped}",
            f"({culture.trunk}{national[:3]}) {national[3:6]}-{national[6:]}",
            f"+{culture.calling_code} {national}",
        )
    )
