"""The accounts of the simulator, as far as the protocol leans on what they do."""

from shared.model.records import Value, ids_of
from tests.simulator.apps import MemoryApp
from tests.simulator.faults import CALM
from tests.simulator.objects import FIELDS
from tests.simulator.people import DRIVING
from tests.simulator.world import World


def test_who_is_associated_by_the_id_of_a_merged_record_is_shown_by_its_survivor() -> None:
    """As HubSpot does: a write may name an id that was merged since, and both ends show the association."""
    app = MemoryApp("a", "ordered", unique_email=True)
    ann, old, bob = (app.insert({"email": f"{name}@x.example"}) for name in ("ann", "old", "bob"))
    made = app.merge(bob, old)
    app.associate(ann, "friends", (old.id,))
    assert app.links_of(ann)["friends"] == (made.id,)
    assert app.links_of(made)["friends"] == (ann.id,)
    app.associate(ann, "friends", ())
    assert app.links_of(made)["friends"] == ()


def test_a_car_follows_its_driver_into_a_merge_although_its_version_does_not_move() -> None:
    """What feeds of associations are for: nobody looks at all records again."""
    world = World(0, CALM, DRIVING)
    world.empty()
    left, right = world.apps.values()
    old, other = (left.insert({**dict.fromkeys(FIELDS), "email": f"{name}@x.example"}) for name in ("old", "other"))
    car = left.insert({"plate": "1", "f": None, "g": None}, object_="car")
    left.associate(car, "drivers", (old.id,))
    world.first_sync()
    world.settle(look_again=False)
    (there,) = right.living("car")

    def drivers() -> set[Value | None]:
        return {right.rows[one].values["email"] for one in ids_of(right.links_of(there)["drivers"])}

    assert drivers() == {"old@x.example"}
    world.scripts.flush()  # Redis may know who has waited for the driver, and who waited once is told of the merge
    world.grants.lost(world.scripts.dump())
    world.rebuild()
    world.rest()
    version = car.version
    left.merge(other, old)
    world.settle(look_again=False)
    assert car.version == version
    assert drivers() == {"old@x.example", "other@x.example"}, "who has no partner any more is left alone"
