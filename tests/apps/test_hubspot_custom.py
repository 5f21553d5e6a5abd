"""HubSpot, on the simulator: a custom object of one account."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import pytest

from deploy.local.hubspot import HubSpotServer
from shared.apps.hubspot import HUBSPOT
from shared.contract.calls import AppError, Session
from shared.contract.writing import Change, Refused, Written
from shared.model.records import Fields, FieldType, LinkChange, Report
from tests.apps.conformance import Conformance
from tests.apps.driver import Driver
from tests.apps.test_hubspot_conformance import Portal
from tests.apps.world import marker

_portals = count(6001)


@dataclass(kw_only=True)
class Garage(Portal):
    """An account with cars."""

    types: dict[str, int]
    """The types that `edit` associates cars by."""

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
        boat = admin.add_object(number, "boat", name="string")["objectTypeId"]
        types = {
            "contact": admin.associate(number, made["objectTypeId"], "contacts"),
            "driver": admin.associate(
                number, made["objectTypeId"], "contacts", label="Main driver", inverseLabel="Drives", most=1
            ),
            "boat": admin.associate(number, boat, made["objectTypeId"]),
        }
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
            admin=admin, number=number, path=made["fullyQualifiedName"], types=types,
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

    def test_associations_are_found_with_their_labels_and_limits(self, world: Garage) -> None:
        """What they may lead to by the account's limits, once what cannot be synced is left out."""
        own = world.app.own_objects
        assert own is not None
        world.admin.associate(world.number, world.path, "tickets")
        world.driver.calls.clear()
        cars, boats = world.driver.run(own.find(world.session))
        assert [(one.name, one.to, one.max_links) for one in cars.associations] == [
            ("contact", "contact", None),
            ("contact.main_driver", "contact", 1),
            ("p_boat", "p_boat", None),
        ]
        assert [(one.name, one.to, one.to_id) for one in boats.associations] == [("p_Car", "p_Car", cars.id)]
        assert len(world.driver.calls) == 5, "the schemas, the limits, and each two types"

    def test_an_association_with_its_own_kind_is_shown_by_both_where_it_is_the_only_one(self, world: Garage) -> None:
        """One under a label may have another name at its other end."""
        own = world.app.own_objects
        assert own is not None
        world.admin.associate(world.number, world.path, world.path)
        world.admin.associate(world.number, world.path, world.path, label="Spare", inverseLabel="Spared by")
        (cars, _) = world.driver.run(own.find(world.session))
        found = [(one.name, one.mutual) for one in cars.associations if one.to == "p_Car"]
        assert found == [("p_Car", True), ("p_Car.spare", False), ("p_Car.spared_by", False)]
        known = cars.model_copy(update={"associations": tuple(
            one.model_copy(update={"mutual": False}) for one in cars.associations
        )})  # fmt: skip
        assert [one.mutual for one in known.as_known(cars).associations] == [one.mutual for one in cars.associations]

    def test_a_label_that_is_renamed_keeps_its_name_and_a_limit_its_kind(self, world: Garage) -> None:
        """Pairs were settled by both."""
        own = world.app.own_objects
        assert own is not None
        (cars, _) = world.driver.run(own.find(world.session))
        plain, driver, boat = cars.associations
        renamed = driver.model_copy(update={"name": "contact.owner", "max_links": 3})
        now = cars.model_copy(update={"associations": (plain.model_copy(update={"max_links": 5}), renamed)})
        assert now.as_known(cars).associations == (plain.model_copy(update={"max_links": 5}), driver)
        assert now.as_known(None) == now
        assert cars.as_known(now).associations == (plain, renamed.model_copy(update={"name": "contact.owner"}), boat)

    def test_a_type_that_is_hidden_from_us_has_no_associations(self, world: Garage) -> None:
        """The object itself is found all the same."""
        token = f"pat-{next(_portals)}"
        scopes = ["crm.schemas.custom.read"]
        world.admin.call("POST", f"accounts/{world.number}/tokens", {"token": token, "scopes": scopes})
        driver = Driver(base_url=world.driver.base_url, headers={"Authorization": f"Bearer {token}"})
        own = world.app.own_objects
        assert own is not None
        assert [one.associations for one in driver.run(own.find(world.session))] == [(), ()]

    def test_associations_are_written_and_read_by_label(self, world: Garage) -> None:
        """Numbers of types that accounts define are HubSpot's own numbers, too: each is named with its category."""
        ann, bob = world.admin.load(world.number, contacts=[{"firstname": "Ann"}, {"firstname": "Bob"}])["contacts"]
        create = Change(
            key="k", marker=marker(1), fields=world.sample(1),
            links={"contact": LinkChange(add=(bob,)), "contact.main_driver": ann},
        )  # fmt: skip
        (made,) = world.create(create)
        assert isinstance(made, Written)
        assert made.report.links == {"contact": (ann, bob), "contact.main_driver": ann}
        links = {"contact.main_driver": bob}
        (moved,) = world.update(Change(key="m", id=made.report.id, links=links, expected=made.report.version))
        assert isinstance(moved, Written)
        names = ["plate", "@contact", "@contact.main_driver", "@p_boat"]
        (read,) = world.driver.run(world.binding.read(world.session, [made.report.id], names))
        assert isinstance(read, Report)
        assert read.links == {"contact": (ann, bob), "contact.main_driver": bob, "p_boat": ()}
        feed = world.binding.link_feed
        assert feed is not None
        told = world.driver.run(feed.read(world.session, [made.report.id], ["contact.main_driver"]))
        assert told == {made.report.id: {"contact.main_driver": bob}}
        unset = Change(key="u", id=made.report.id, links={"contact.main_driver": None}, expected=read.version)
        assert isinstance(world.update(unset)[0], Written)
        (read,) = world.driver.run(world.binding.read(world.session, [made.report.id], names))
        assert isinstance(read, Report)
        assert read.links == {"contact": (ann, bob), "contact.main_driver": None, "p_boat": ()}

    def test_an_association_beyond_the_accounts_limit_is_refused(self, world: Garage) -> None:
        """The refusal names the association, and the record keeps what it has."""
        full = f"p{world.number}_boat"
        boats = [world.admin.edit(world.number, "create", full, properties={"name": name}) for name in ("A", "B")]
        call = {"from": world.path, "to": full, "most": 1}
        world.admin.call("POST", f"accounts/{world.number}/associations", call)
        made = world.made()
        links = {"p_boat": LinkChange(add=tuple(boats))}
        (told,) = world.update(Change(key="l", id=made.id, links=links, expected=made.version))
        assert isinstance(told, Refused)
        assert (told.code, told.field) == ("association_limit", "@p_boat")
