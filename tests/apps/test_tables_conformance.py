"""Tables does what every app must do, with a table that was made while the tests ran."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest

from shared.contract.calls import Session
from shared.model.records import Fields
from tests.apps.conformance import Conformance
from tests.apps.driver import Driver
from tests.apps.json_server import TOKEN, JsonServer, People, Tables
from tests.apps.tables import TABLES
from tests.apps.world import World


@dataclass(kw_only=True)
class Table(World):
    """An empty table."""

    table: People

    def sample(self, number: int) -> Fields:
        """Return a book."""
        return {"title": f"Book {number}", "isbn": f"978-{number}", "printed": "1990-05-15"}

    def person_creates(self, fields: Sequence[Fields]) -> list[str]:
        """Create records past our API calls."""
        found = [self.table.answer("POST", "people", {}, None, dict(row))[1] for row in fields]
        return [str(row["id"]) for row in found]

    def person_edits(self, record: str, field: str, value: str) -> None:
        """Edit a record."""
        self.table.answer("PATCH", f"people/{record}", {}, None, {field: value})

    def person_deletes(self, record: str) -> None:
        """Delete a record."""
        self.table.answer("DELETE", f"people/{record}", {}, None, None)


class TestTables(Conformance):
    """The rules for every app."""

    @pytest.fixture(name="world")
    def _world(self) -> Iterator[Table]:
        account = Tables()
        account.make("films", {"title": "text"})
        table = account.make("books", {"title": "text", "isbn": "text", "printed": "date", "shelf": "text"})
        server = JsonServer(account)
        driver = Driver(base_url=server.url, headers=TABLES.auth[0].headers({"token": TOKEN}))
        own, session = TABLES.own_objects, Session(connection="c")
        assert own is not None
        books = next(one for one in driver.run(own.find(session)) if one.name == "books")
        yield Table(
            app=TABLES,
            binding=own.bind(books),
            session=session,
            driver=driver,
            text="shelf",
            bad={"printed": "tomorrow"},
            table=table,
        )
        server.close()
