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
        admin.close()
    with HubSpotServer(data=tmp_path, seed=1) as server:
        admin = server.admin()
        assert admin.records(1, "p1_car")[record]["properties"]["plate"] == "AB 1"
        assert admin.add_object(1, "boat", plate="string")["objectTypeId"] == "2-103"
        admin.close()
