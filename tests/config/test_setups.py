"""What is set up, as the log of settings documents tells it."""

from typing import Any

from shared.config.setups import Setups
from shared.model.syncs import Connection
from shared.wire.messages import SetupDoc


def follow(*rows: Connection | None) -> Setups:
    setups = Setups()
    for offset, row in enumerate(rows):
        setups.apply(offset, "connection:crm", SetupDoc(connection=row) if row else None)
    return setups


def crm(version: int, **changes: Any) -> Connection:
    fields: dict[str, Any] = {"id": "crm", "app": "hubspot", "account": "1", "auth": "api_key", "version": version}
    return Connection(**{**fields, **changes})


def test_of_two_documents_of_one_version_the_first_counts() -> None:
    """Whoever reads the log takes the same one; offsets go on, so that nobody waits for what does not count."""
    setups = follow(crm(1), crm(2, country="IT"), crm(2, country="FR"), crm(1, country="DE"))
    assert setups.connection("crm").country == "IT"
    assert (setups.offset, setups.overruled()) == (3, ["connection:crm"])


def test_what_counts_may_come_again() -> None:
    """The same document is no other, a higher version counts, and so does whatever follows a tombstone."""
    assert follow(crm(2), crm(2)).overruled() == []
    setups = follow(crm(2), crm(2, country="FR"), crm(3, country="IT"))
    assert (setups.connection("crm").country, setups.overruled()) == ("IT", [])
    setups = follow(crm(5), None, crm(1, country="IT"))
    assert (setups.connection("crm").country, setups.overruled()) == ("IT", [])


def test_who_watches_hears_of_what_counts_alone() -> None:
    setups = follow(crm(1))
    heard: list[str] = []
    with setups.watched(lambda key, _doc: heard.append(key)):
        setups.apply(5, "connection:crm", SetupDoc(connection=crm(1, country="FR")))
        assert heard == []
        setups.apply(6, "connection:crm", SetupDoc(connection=crm(2, country="FR")))
    setups.apply(7, "connection:crm", SetupDoc(connection=crm(3, country="FR")))
    assert heard == ["connection:crm"]


def test_the_offset_moves_when_the_document_counts() -> None:
    """Another thread that waits for an offset looks at once: what stands there must be known by then."""
    setups = follow(crm(1))
    seen: list[int] = []
    with setups.watched(lambda _key, _doc: seen.append(setups.offset)):
        setups.apply(5, "connection:crm", SetupDoc(connection=crm(2)))
    assert (seen, setups.offset) == ([0], 5)


# Removed meanwhile


def test_what_was_made_from_something_that_is_gone_does_not_bring_it_back() -> None:
    """Whoever changed it had not read that it was removed; whoever sets it up anew has."""
    setups = follow(crm(1), None)
    setups.apply(2, "connection:crm", SetupDoc(connection=crm(2, label="Ours"), read_to=0))
    assert (setups.connections(), setups.offset, setups.overruled()) == ([], 2, ["connection:crm"])
    assert not setups.holds("connection:crm")
    setups.apply(3, "connection:crm", SetupDoc(read_to=2))
    assert (setups.connections(), setups.overruled()) == ([], [])
    setups.apply(4, "connection:crm", SetupDoc(connection=crm(1, label="New"), read_to=3))
    assert [row.label for row in setups.connections()] == ["New"]
    setups.apply(5, "connection:crm", SetupDoc(connection=crm(2, label="Ours"), read_to=0))
    assert [row.label for row in setups.connections()] == ["New"], "it was made from the one that is gone"


def test_that_something_is_gone_is_said_once_more_and_removes_nothing_newer() -> None:
    """Somebody sets it up anew at the same moment."""
    setups = follow(crm(1), None, crm(1, label="New"))
    setups.apply(3, "connection:crm", SetupDoc(read_to=1))
    assert [row.label for row in setups.connections()] == ["New"]
    assert setups.overruled() == ["connection:crm"]
