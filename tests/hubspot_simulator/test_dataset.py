"""The made-up people and firms."""

import time

import phonenumbers
import pytest

from deploy.local.hubspot.dataset import make
from tests.hubspot_simulator.conftest import Portal


def test_same_seed_same_people() -> None:
    """The same seed makes the same data, another seed other data."""
    assert make(1, 50, 5) == make(1, 50, 5)
    assert make(1, 50, 5) != make(2, 50, 5)


def test_people_are_varied_and_addresses_unique() -> None:
    """E-mails, domains and firms are used once; accents, countries and phone styles vary; numbers are right."""
    made = make(3, 5_000, 400)
    assert len({person.email for person in made.people}) == 5_000
    assert len({firm.domain for firm in made.firms}) == len({firm.name for firm in made.firms}) == 400
    assert len({person.country for person in made.people}) == 8
    assert sum(not person.last.isascii() for person in made.people) > 500
    assert all(person.email.isascii() for person in made.people)
    phones = [person for person in made.people if person.phone]
    assert sum(person.phone != person.phone_as_written for person in phones) > len(phones) // 2
    parsed = [phonenumbers.parse(person.phone) for person in phones]
    assert all(phonenumbers.is_possible_number(number) for number in parsed)


@pytest.mark.long
def test_fifty_thousand_people_load_quickly_and_silently(portal: Portal) -> None:
    """A large load takes seconds, makes neither audit entries nor webhooks, and gives each contact its company."""
    portal.admin.set_webhooks(portal.number, "http://127.0.0.1:9/nobody", ["contact.creation"])
    began = time.monotonic()
    ids = portal.admin.load(portal.number, dataset={"seed": 1, "contacts": 50_000, "companies": 800})
    took = time.monotonic() - began
    assert (len(ids["contacts"]), len(ids["companies"])) == (50_000, 800)
    assert took < 30
    assert portal.admin.audit(portal.number) == []
    assert portal.admin.webhooks(portal.number)["pending"] == 0
    links = portal.admin.call("GET", f"accounts/{portal.number}/associations/contacts/companies")
    made = make(1, 50_000, 800)
    assert {record: next(iter(end)) for record, end in links.items()} == {
        ids["contacts"][number]: ids["companies"][person.firm]
        for number, person in enumerate(made.people)
        if person.firm >= 0
    }
