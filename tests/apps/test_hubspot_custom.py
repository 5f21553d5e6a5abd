"""HubSpot, on the simulator: a custom object of one account."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import pytest

from deploy.local.hubspot import HubSpotServer
from shared.apps.hubspot import HUBSPOT
from shared.core.connector import AppError, Session
from shared.core.records import Fields, FieldType
from tests.apps.conformance import Conformance
from tests.apps.driver import Driver
from tests.apps.test_hubspot_conformance import Portal

_portals = count(6001)


@dataclass(kw_only=True)
class Garage(Portal):
    """An account with cars."""

    def sample(self, number: int) -> Fields:
        """Return a car."""
        return {"plate": f"AB {number}", "built": "2024-02-29", "price": "12500.5", "colour": "red; né bleu"}

    def kept(self, scopes: list[str] | None = None) -> list[str]:
        """Return the names of the account's custom objects, seen with some scopes."""
        token = f"pat-{next(_portals)}"
        self.admin.call("POST", f"accounts/{self.number}/tokens", {"token": token, "scopes": scopes})
        driver = Driver(base_url=self.driver.base_url, headers={"Authorization": f"Bearer {token}"})
        own = self.app.own_objects
        assert own is not None
        return [one.name for one in driver.run(own.find(self.session))]


@pytest.fixture(name="server", scope="module")
def _server() -> Iterator[HubSpotServer]:
    with HubSpotServer(data=None, seed=1) as server:
        yield server


class TestCars(Conformance):
    """The rules for every app; what is particular to custom objects is added here."""

    @pytest.fixture(name="world")
    def _world(self, server: HubSpotServer) -> Iterator[Garage]:
        admin, number = server.admin(), next(_portals)
        admin.add_account(number, token=f"pat-{number}", settings={"index_lag_ms": 0, "search_per_second": 100})
        made = admin.add_object(
            number, "Car", required=["plate"], plate="string", built="date", price="number", colour="string",
            note="string",
        )  # fmt: skip
        admin.add_object(number, "boat", name="string")
        driver = Driver(base_url=server.url, headers=HUBSPOT.auth[1].headers({"access_token": f"pat-{number}"}))
        session, own = Session(connection="c"), HUBSPOT.own_objects
        assert own is not None
        cars, boats = driver.run(own.find(session))
        assert (cars.name, cars.label, cars.id, boats.name) == ("p_Car", "Cars", made["objectTypeId"], "p_boat")
        binding = own.bind(cars)
        assert binding.prepare is not None
        driver.run(binding.prepare(session))
        yield Garage(
            app=HUBSPOT, binding=binding, session=session, driver=driver, text="note", bad={"price": "a dozen"},
            admin=admin, number=number, path=made["fullyQualifiedName"],
        )  # fmt: skip
        admin.close()

    def ids(self, world: Garage) -> dict[str, str]:
        """Return the ids of the account's custom objects by their names."""
        own = world.app.own_objects
        assert own is not None
        return {one.name: one.id for one in world.driver.run(own.find(world.session))}

    def test_what_the_schema_says_of_a_property_is_known(self, world: Garage) -> None:
        """What names a record, what it needs, and of which type the values are."""
        own = world.app.own_objects
        assert own is not None
        (cars, _) = world.driver.run(own.find(world.session))
        told = {info.name: (info.type, info.canonical, info.required) for info in cars.fields}
        assert told["plate"] == (FieldType.TEXT, "name", True)
        assert told["built"] == (FieldType.DATE, None, False)
        assert told["price"][0] is FieldType.NUMBER
        assert {info.name for info in cars.fields if not info.updatable} >= {"hs_object_id", "hs_createdate"}

    def test_an_object_that_is_gone_is_no_deleted_record(self, world: Garage) -> None:
        """Reading one of its records says that it may not be read, as for any object that we may not see."""
        record, known = world.made().id, self.ids(world)["p_Car"]
        world.admin.remove_object(world.number, world.path)
        with pytest.raises(AppError) as caught:
            world.read(record)
        assert (caught.value.code, caught.value.retry) == ("permission_denied", "setup")
        world.admin.add_object(world.number, "Car", plate="string")
        assert world.kept() == ["p_boat", "p_Car"]
        assert self.ids(world)["p_Car"] != known, "another one of that name is another object"

    def test_listing_custom_objects_needs_its_scope(self, world: Garage) -> None:
        assert world.kept(["crm.schemas.custom.read"]) == ["p_Car", "p_boat"]
        with pytest.raises(AppError) as caught:
            world.kept(["crm.objects.contacts.read"])
        assert caught.value.code == "scope_missing"
