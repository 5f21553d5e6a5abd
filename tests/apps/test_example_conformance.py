"""Example does what every app must do."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest

from shared.contract.calls import Session
from shared.contract.writing import Refused
from shared.model.records import Fields
from tests.apps.conformance import Conformance
from tests.apps.driver import Driver
from tests.apps.example import EXAMPLE
from tests.apps.json_server import TOKEN, JsonServer
from tests.apps.world import World


@dataclass(kw_only=True)
class People(World):
    """An empty account."""

    server: JsonServer

    def sample(self, number: int) -> Fields:
        """Return a person."""
        return {
            "email": f"ann{number}@mail.test",
            "first_name": "Ann",
            "last_name": f"Lee, the {number}th; née Ng",
            "birthday": "1990-05-15",
        }

    def person_creates(self, fields: Sequence[Fields]) -> list[str]:
        """Create people past our API calls."""
        return self.server.create(fields)

    def person_edits(self, record: str, field: str, value: str) -> None:
        """Edit a person."""
        self.server.ask("PATCH", f"people/{record}", {field: value})

    def person_deletes(self, record: str) -> None:
        """Delete a person."""
        self.server.ask("DELETE", f"people/{record}")


class TestExample(Conformance):
    """The rules for every app; what is particular to this one is added here."""

    @pytest.fixture(name="world")
    def _world(self) -> Iterator[People]:
        server = JsonServer()
        yield People(
            app=EXAMPLE,
            binding=EXAMPLE.objects["contact"],
            session=Session(connection="c"),
            driver=Driver(base_url=server.url, headers=EXAMPLE.auth[0].headers({"token": TOKEN})),
            text="job",
            bad={"birthday": "tomorrow"},
            server=server,
        )
        server.close()

    def test_a_refusal_names_the_field_and_who_has_the_value(self, world: People) -> None:
        """The record shows what to correct, and where."""
        (record,) = world.person_creates([world.sample(1)])
        result = world.edit(world.made(2), email=str(world.sample(1)["email"]))
        assert isinstance(result, Refused)
        assert (result.field, result.conflicting_id) == ("email", record)
