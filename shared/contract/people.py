"""The people of an app, by whose e-mail addresses the owners of records are recognised in another one."""

from collections.abc import Iterable

from shared.contract.sign_in import Owner
from shared.model.records import Frozen


class Person(Frozen):
    """Somebody who can own records."""

    id: str
    email: str = ""
    """In small letters; empty where the app does not tell."""
    active: bool = True
    """False for somebody who has left: records may still be theirs, and none can be given to them."""


class People(Frozen):
    """All people of a connection, as the app named them last."""

    connection: str
    people: tuple[Person, ...] = ()
    """By id."""

    def names(self) -> dict[str, str]:
        """Return by id what somebody is called."""
        return {person.id: person.email for person in self.people if person.email}


def people_of(connection: str, owners: Iterable[Owner]) -> People:
    """Return the people whom an app has named, in an order of their own: an app may name them in any."""
    found = {one.id: Person(id=one.id, email=one.email, active=one.active) for one in reversed(list(owners))}
    return People(connection=connection, people=tuple(found[name] for name in sorted(found)))
