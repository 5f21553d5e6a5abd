"""Custom objects: the schemas API is as strict as HubSpot's, and their records are reached by type id or full name."""

from pathlib import Path
from typing import Any

import pytest

from deploy.local.hubspot import HubSpotServer
from tests.hubspot_simulator.conftest import Portal

SCHEMA: dict[str, Any] = {
    "name": "car",
    "labels": {"singular": "Car", "plural": "Cars"},
    "primaryDisplayProperty": "plate",
    "requiredProperties": ["plate"],
    "searchableProperties": ["plate"],
    "properties": [{"name": "plate", "label": "Plate", "type": "string", "fieldType": "text"}],
}


def test_the_official_client_makes_and_reads_a_schema(portal: Portal) -> None:
    api = portal.client.crm.schemas.core_api
    made = api.create(object_schema_egg=SCHEMA)
    assert made.object_type_id.startswith("2-")
    assert (made.fully_qualified_name, made.primary_display_property) == (f"p{portal.number}_car", "plate")
    assert [one.name for one in api.get_all().results] == ["car"]
    for spelling in (made.object_type_id, made.fully_qualified_name):
        assert api.get_by_id(object_type=spelling).id == made.id
    record = portal.make(made.object_type_id, plate="AB 1")
    found = portal.read(record, "plate", kind=made.fully_qualified_name)
    assert {"plate", "hs_createdate", "hs_lastmodifieddate", "hs_object_id"} == found.keys()
    names = [row["name"] for row in portal.send("GET", f"/crm/v3/properties/{made.object_type_id}").json()["results"]]
    assert "plate" in names
    assert "createdate" not in names


def test_the_official_client_defines_associations_with_labels_and_limits(portal: Portal) -> None:
    """The numbers of an account's own types begin anew: they are told from HubSpot's by their category."""
    api, schema = portal.client.crm.schemas.core_api, portal.client.crm.associations.v4.schema
    car = api.create(object_schema_egg={**SCHEMA, "associatedObjects": ["0-1"]}).object_type_id
    own = [row for row in api.get_by_id(object_type=car).associations if row.from_object_type_id == car]
    assert [(row.id, row.to_object_type_id) for row in own] == [("1", "0-1")]
    made = api.create_association(car, {"fromObjectTypeId": car, "toObjectTypeId": "0-2", "name": "car_to_company"})
    assert (made.id, made.from_object_type_id, made.to_object_type_id) == ("3", car, "0-2")
    label = {"label": "Driver", "name": "driver", "inverseLabel": "Drives"}
    assert [row.label for row in schema.definitions_api.create(car, "contact", label).results] == ["Driver", "Drives"]

    def shown(source: str, target: str) -> list[tuple[str, int, str | None]]:
        return [
            (row.category, row.type_id, row.label) for row in schema.definitions_api.get_all(source, target).results
        ]

    assert shown(car, "contact") == [("USER_DEFINED", 1, None), ("USER_DEFINED", 5, "Driver")]
    assert shown("contact", car) == [("USER_DEFINED", 2, None), ("USER_DEFINED", 6, "Drives")]
    limits = schema.definition_configurations_api
    row = {"category": "USER_DEFINED", "typeId": 5, "maxToObjectIds": 1}
    limits.batch_create(car, "contact", {"inputs": [row]})
    assert [
        (one.category, one.type_id, one.label, one.user_enforced_max_to_object_ids) for one in limits.get_all().results
    ] == [("USER_DEFINED", 5, "Driver", 1)]
    record, ann, bob = portal.make(car, plate="AB 1"), portal.make(firstname="Ann"), portal.make(firstname="Bob")
    types = [{"associationCategory": "USER_DEFINED", "associationTypeId": 5}]
    for person, status in ((ann, 201), (bob, 400)):
        where = f"/crm/v4/objects/{car}/{record}/associations/contacts/{person}"
        assert portal.send("PUT", where, types).status_code == status
    where = f"/crm/v4/objects/{car}/{record}/associations/contacts"
    (told,) = portal.send("GET", where).json()["results"]
    assert [(row["category"], row["typeId"]) for row in told["associationTypes"]] == [
        ("USER_DEFINED", 1),
        ("USER_DEFINED", 5),
    ]
    wrong = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 1}]
    assert portal.send("PUT", f"{where}/{bob}", wrong).status_code == 400


@pytest.mark.parametrize(
    ("changes", "status", "message"),
    [
        ({"name": "my car"}, 400, "must be letters, digits and _"),
        ({"name": "contacts"}, 409, "already exists"),
        ({"labels": {"singular": "Car"}}, 400, "labels must have"),
        ({"properties": []}, 400, "properties must be a list"),
        ({"primaryDisplayProperty": "colour"}, 400, "does not have: colour"),
        ({"requiredProperties": ["price"]}, 400, "does not have: price"),
    ],
)
def test_a_schema_that_is_not_right_is_refused(
    portal: Portal, changes: dict[str, Any], status: int, message: str
) -> None:
    answer = portal.send("POST", "/crm-object-schemas/v3/schemas", {**SCHEMA, **changes})
    assert (answer.status_code, message in answer.json()["message"]) == (status, True), answer.text
    assert portal.send("GET", "/crm-object-schemas/v3/schemas").json() == {"results": []}


def test_a_name_is_taken_once_and_an_object_with_records_stays(portal: Portal) -> None:
    made = portal.send("POST", "/crm-object-schemas/v3/schemas", SCHEMA).json()
    assert portal.send("POST", "/crm-object-schemas/v3/schemas", SCHEMA).status_code == 409
    where = f"/crm-object-schemas/v3/schemas/{made['objectTypeId']}"
    record = portal.make(made["objectTypeId"], plate="AB 1")
    answer = portal.send("POST", f"/crm/v3/objects/{made['objectTypeId']}", {"properties": {}})
    assert (answer.status_code, "Set plate" in answer.json()["message"]) == (400, True)
    assert portal.send("DELETE", where).status_code == 400
    portal.send("DELETE", f"/crm/v3/objects/{made['objectTypeId']}/{record}")
    assert portal.send("DELETE", where).status_code == 204
    gone = portal.send("GET", f"/crm/v3/objects/{made['objectTypeId']}")
    assert (gone.status_code, gone.json()["message"]) == (
        400,
        f"Unable to infer object type from: {made['objectTypeId']}",
    )
    assert portal.send("POST", "/crm-object-schemas/v3/schemas", SCHEMA).json()["objectTypeId"] != made["objectTypeId"]


def test_custom_objects_and_their_records_outlive_a_restart(tmp_path: Path) -> None:
    with HubSpotServer(data=tmp_path, seed=1) as server:
        admin = server.admin()
        admin.add_account(1, token="t")
        made = admin.add_object(1, "car", plate="string")
        admin.add_object(1, "boat", plate="string")
        admin.remove_object(1, "p1_boat")
        record = admin.edit(1, "create", made["objectTypeId"], properties={"plate": "AB 1"})
        person = admin.edit(1, "create", "contacts", properties={"firstname": "Ann"})
        type_ = admin.associate(1, "p1_car", "contacts", label="Driver", most=1)
        admin.edit(1, "link", "p1_car", record, toType="contacts", other=person, types=[type_])
        admin.close()
    with HubSpotServer(data=tmp_path, seed=1) as server:
        admin = server.admin()
        assert admin.records(1, "p1_car")[record]["properties"]["plate"] == "AB 1"
        assert admin.add_object(1, "boat", plate="string")["objectTypeId"] == "2-103"
        held = admin.call("GET", "accounts/1/associations/p1_car/contacts")
        assert held == {record: {person: [type_ - 2, type_]}}
        other = admin.edit(1, "create", "contacts", properties={"firstname": "Bob"})
        with pytest.raises(RuntimeError, match="association limit"):
            admin.edit(1, "link", "p1_car", record, toType="contacts", other=other, types=[type_])
        admin.close()
