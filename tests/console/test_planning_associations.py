"""Associations in a file: each is known to both apps, leads to the records of another sync, and is said once."""

from typing import Any, Final

import pytest

from shared.model.fields import FieldInfo, FoundAssociation, FoundObject
from shared.model.records import FieldType
from shared.model.syncs import AssociationMapping
from tests.console.planner import Planner, between, crm


def _found(name: str, id_: str, *associations: FoundAssociation) -> FoundObject:
    fields = (FieldInfo(name="plate", type=FieldType.TEXT, canonical="name"),)
    return FoundObject(name=name, id=id_, fields=fields, associations=associations)


def _to(to: str, name: str = "", most: int | None = None, *, mutual: bool = False) -> FoundAssociation:
    ids = (f"USER_DEFINED {len(name)}",)
    return FoundAssociation(name=name or to, to=to, to_id=to, ids=ids, max_links=most, mutual=mutual)


CARS: Final = _found(
    "p_car", "2-1", _to("contact"), _to("p_garage"), _to("contact", "contact.driver", 1), _to("contact", "contact.fan")
)
VEHICLES: Final = _found("p_vehicle", "2-5", _to("contact"), _to("p_workshop"), _to("contact", "contact.driver", 2))
GARAGES: Final = _found("p_garage", "2-2", _to("p_car"))
WORKSHOPS: Final = _found("p_workshop", "2-6", _to("p_vehicle"))


@pytest.fixture(name="garage")
def _garage(planner: Planner) -> Planner:
    """Offer two accounts whose contacts and garages are synced."""
    planner.own = {"one": (CARS, GARAGES), "two": (VEHICLES, WORKSHOPS)}
    planner.apply(crm("one"), crm("two"), between("one", "two", "people"), garages())
    return planner


def garages(**more: Any) -> dict[str, Any]:
    return _sync("garages", "p_garage", "p_workshop", **more)


def cars(**association: Any) -> dict[str, Any]:
    return _sync("cars", "p_car", "p_vehicle", associations=[association])


def _sync(name: str, left: str, right: str, **more: Any) -> dict[str, Any]:
    ends = {"left": {"connection": "one", "object": left}, "right": {"connection": "two", "object": right}}
    return {**between("one", "two", name), **ends, **more}


def test_an_association_has_a_name_of_its_own_in_each_account(garage: Planner) -> None:
    """The settings keep which associations the objects have."""
    garage.apply(cars(to="garages", label="p_garage", right_label="p_workshop"))
    (row,) = garage.syncs["cars"].associations
    assert row == AssociationMapping(to="garages", label="p_garage", right_label="p_workshop")
    assert garage.found["one/p_car"].object.associations == CARS.associations
    said = garage.refused(cars(to="garages", label="p_garage"))
    assert said == (
        "sync 'cars': p_vehicle of connection 'two' has no association 'p_garage'; there are contact, p_workshop, "
        "contact.driver"
    )


def test_an_association_leads_to_the_records_of_the_sync_that_it_names(garage: Planner) -> None:
    said = garage.refused(cars(to="people", label="p_garage", right_label="p_workshop"))
    assert said == (
        "sync 'cars': association 'p_garage' leads to p_garage of connection 'one', and the left end of sync 'people' "
        "is contact of connection 'one': name the sync of these records, with the same connection on the same side"
    )
    del garage.syncs["people"]
    garage.apply(between("two", "one", "turned"))
    said = garage.refused(cars(to="turned", label="contact"))
    assert "and the left end of sync 'turned' is contact of connection 'two'" in said
    later = garage.plan(cars(to="later", label="contact"))
    assert "sync 'cars': association 'contact' waits until a sync 'later' is set up" in later.hints


def test_an_association_leads_to_one_record_in_both_accounts_or_in_none(garage: Planner) -> None:
    said = garage.refused(cars(to="people", label="contact.driver"))
    assert said == (
        "sync 'cars': association 'contact.driver' leads to one record in the left account, and to any number in the "
        "right one: set the same limit in both accounts, or leave the association out"
    )


def test_which_side_wins_is_said_of_an_association_that_leads_to_a_single_record(garage: Planner) -> None:
    """Documents that say so are written in a version that workers leave out who would let the default app win."""
    garage.own["two"] = (VEHICLES.model_copy(update={"associations": CARS.associations}), WORKSHOPS)
    garage.apply(cars(to="people", label="contact.driver", policy="manual"))
    found = garage.syncs["cars"]
    assert (found.associations[0].policy, found.is_new_to_earlier) == ("manual", True)
    assert not found.model_copy(
        update={"associations": (AssociationMapping(to="people", label="contact"),)}
    ).is_new_to_earlier
    assert garage.refused(cars(to="people", label="contact.fan", policy="manual")) == (
        "sync 'cars': association 'contact.fan' leads to any number of records, and what both sides change in it is "
        "merged, so no side has to win: leave out policy"
    )


def test_an_association_is_named_once_and_leads_elsewhere(garage: Planner) -> None:
    row = {"to": "people", "label": "contact"}
    said = garage.refused(_sync("cars", "p_car", "p_vehicle", associations=[row, row]))
    assert said == "sync 'cars': several associations are called contact"
    assert "leads to contact of connection 'one'" in garage.refused(cars(to="cars", label="contact"))


def test_within_one_sync_an_association_leads_to_a_single_record_or_is_shown_by_both(garage: Planner) -> None:
    """A company's parent, or any number without a label: of one under a label nobody knows its other half."""
    ends = _to("p_car", mutual=True), _to("p_car", "p_car.parent", 1), _to("p_car", "p_car.spare")
    garage.own = {name: (_found("p_car", "2-1", *ends),) for name in ("one", "two")}

    def cars(label: str, **more: str) -> dict[str, Any]:
        return _sync("cars", "p_car", "p_car", associations=[{"to": "cars", "label": label, **more}])

    several = "leads to any number of records of the same sync"
    assert garage.refused(cars("p_car.spare", clears="propagate")) == (
        f"sync 'cars': association 'p_car.spare' {several}, under a label that may read otherwise at its other end: "
        "there, those without a label are carried, and those that lead to a single record, such as a parent"
    )
    assert garage.refused(cars("p_car")) == (
        f"sync 'cars': association 'p_car' {several}, so what is removed on one side is removed on the other: write "
        "clears: propagate"
    )
    for row in ({"label": "p_car.parent"}, {"label": "p_car", "clears": "propagate"}):
        found = garage.apply(cars(**row))
        assert garage.syncs["cars"].associations == (AssociationMapping.model_validate({"to": "cars", **row}),)
        assert not [hint for hint in found.hints if "p_car" in hint]


def test_whoever_carries_an_association_from_both_ends_is_asked(garage: Planner) -> None:
    garage.apply(cars(to="garages", label="p_garage", right_label="p_workshop"))
    back = garages(associations=[{"to": "cars", "label": "p_car", "right_label": "p_vehicle"}])
    found = garage.plan(back)
    assert found.errors == ()
    (hint,) = (hint for hint in found.hints if hint.startswith("sync 'garages': association"))
    assert hint == (
        "sync 'garages': association 'p_car' leads to cars, whose association p_garage leads back. If both are one "
        "association seen from its two ends, carry it from one end only"
    )
