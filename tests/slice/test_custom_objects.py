"""Custom objects of two HubSpot accounts, each under a type id of its own."""

from deploy.local.hubspot import HubSpotServer
from shared.apps.defaults import default_mappings
from shared.model.mapping import FieldMapping, MatchSettings
from shared.model.records import Life
from shared.model.syncs import Sync, SyncSide
from tests.slice.harness import Polling
from tests.slice.hooks import called


class Garages(Polling):
    """Cars in both accounts, recognised by their plates; the second one calls them vehicles."""

    def __init__(self, server: HubSpotServer) -> None:
        super().__init__(server, [])
        made = [
            self.admin.add_object(
                number, name, required=["plate"], plate="string", price="number", seen="date", note="string"
            )
            for number, name in ((7001, "car"), (7002, "vehicle"))
        ]
        self.one, self.two = (row["objectTypeId"] for row in made)
        left, right = self.find_own("one")["p_car"], self.find_own("two")["p_vehicle"]
        rows = default_mappings(left.fields, right.fields)
        assert [(row.key, row.left, row.right) for row in rows] == [("name", "plate", "plate")]
        self.add(
            Sync(
                id="cars",
                left=SyncSide(connection="one", object="p_car"),
                right=SyncSide(connection="two", object="p_vehicle"),
                match=MatchSettings(mode="fields", left_field="plate", right_field="plate"),
                mappings=(
                    *rows,
                    FieldMapping(key="price", left="price", right="price", lens="number"),
                    FieldMapping(key="seen", left="seen", right="seen", lens="date"),
                    FieldMapping(key="note", left="note", right="note"),
                ),
            )
        )
        self.begin_feeds()

    def held(self, name: str) -> list[tuple[str, ...]]:
        """Return what an account's cars hold."""
        rows = self.records(name, self.one if name == "one" else self.two).values()
        held = [row["properties"] for row in rows]
        return sorted((row["plate"], row.get("price", ""), row.get("seen", ""), row.get("note", "")) for row in held)


def test_cars_of_two_accounts_are_matched_created_and_kept_the_same(server: HubSpotServer) -> None:
    """By webhook or feed, with values as their types say, and nothing is written twice."""
    world = Garages(server)
    edit = world.admin.edit
    first = edit(7001, "create", world.one, properties={"plate": "AB 1", "price": "12.5", "seen": "2024-02-29"})
    edit(7002, "create", world.two, properties={"plate": "ab 1", "note": "red"})
    edit(7002, "create", world.two, properties={"plate": "CD 2", "price": "7"})
    world.settle()
    assert world.held("one") == [("AB 1", "12.5", "2024-02-29", "red"), ("CD 2", "7", "", "")]
    assert [row[1:] for row in world.held("two")] == [row[1:] for row in world.held("one")]
    assert sorted((pair.status, pair.label) for pair in world.pairs("cars")) == [
        ("in_sync", "AB 1"),
        ("in_sync", "CD 2"),
    ]
    edit(7001, "update", world.one, first, properties={"price": "13", "note": "blue"})
    world.settle()
    assert world.held("two")[0][1:] == ("13", "2024-02-29", "blue")
    writes = world.writes()
    world.settle()
    assert world.writes() == writes
    keys = {key for topic, key, _ in world.trail if topic == "records"}
    assert {key.rpartition("/")[0] for key in keys} == {"one/p_car", "two/p_vehicle"}


def test_a_car_that_is_deleted_or_restored_is_told_so(server: HubSpotServer) -> None:
    world = Garages(server)
    car = world.admin.edit(7001, "create", world.one, properties={"plate": "AB 1"})
    world.settle()
    world.admin.edit(7001, "archive", world.one, car)
    world.poll()
    world.run(later=2)
    (pair,) = world.pairs("cars")
    assert pair.L is not None
    assert pair.L.life is Life.ARCHIVED
    assert len(world.held("two")) == 1
    world.admin.edit(7001, "restore", world.one, car)
    world.poll()
    world.run(later=2)
    (pair,) = world.pairs("cars")
    assert pair.status == "in_sync"


def test_what_is_told_of_a_car_arrives_without_a_poll(server: HubSpotServer) -> None:
    """Each account calls its cars by a type id of its own; what no sync is about, such as a boat, is passed over."""
    world = Garages(server)
    boat = world.admin.add_object(7001, "boat", name="string")["objectTypeId"]
    told = {
        name: [f"object.{what}@{kind}" for what in ("creation", "propertyChange", "deletion", "restore")]
        for name, kind in (("one", world.one), ("two", world.two))
    }
    told["one"].append(f"object.creation@{boat}")

    def run() -> None:
        for number in world.portal.values():
            world.admin.wait_delivered(number)
        world.run(later=5)

    with called(world, told):
        car = world.admin.edit(7001, "create", world.one, properties={"plate": "AB 1", "price": "5"})
        world.admin.edit(7001, "create", boat, properties={"name": "Ann"})
        run()
        run()
        assert world.held("two") == [("AB 1", "5", "", "")]
        (other,) = world.records("two", world.two)
        world.admin.edit(7002, "update", world.two, other, properties={"note": "red"})
        run()
        assert world.held("one") == [("AB 1", "5", "", "red")]
        world.admin.edit(7001, "archive", world.one, car)
        run()
        (pair,) = world.pairs("cars")
        assert pair.L is not None
        assert pair.L.life is Life.ARCHIVED
        counts = [world.admin.webhooks(number)["counts"] for number in world.portal.values()]
    assert all(row.get("failed_requests", 0) == 0 for row in counts)
    keys = {key.rpartition("/")[0] for topic, key, _ in world.trail if topic == "notices"}
    assert keys == {"one/p_car", "two/p_vehicle"}
