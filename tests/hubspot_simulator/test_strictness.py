"""What the official client would let pass: values, refusals and their envelopes, checked on the wire."""

import time
from typing import Any

import pytest

from tests.hubspot_simulator.conftest import Portal

CONTACTS = "/crm/v3/objects/contacts"


def _refusal(portal: Portal, body: dict[str, Any], kind: str = "contacts") -> tuple[int, dict[str, Any]]:
    answer = portal.send("POST", f"/crm/v3/objects/{kind}", body)
    return answer.status_code, answer.json()


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("no_such_property", "x", "PROPERTY_DOESNT_EXIST"),
        ("email", "not-an-address", "INVALID_EMAIL"),
        ("email", "a@b@firm.example", "INVALID_EMAIL"),
        ("email", "a@localhost", "INVALID_EMAIL"),
        ("email", "a@firm.local", "INVALID_EMAIL"),
        ("lifecyclestage", "friend", "INVALID_OPTION"),
        ("hs_email_optout", "perhaps", "INVALID_OPTION"),
        ("closedate", "soon", "INVALID_LONG"),
        ("hubspot_owner_id", "77", "INVALID_OWNER_ID"),
        ("hs_object_id", "5", "READ_ONLY_VALUE"),
        ("lastmodifieddate", "2026-01-01T00:00:00Z", "READ_ONLY_VALUE"),
        ("firstname", "x" * 65_537, "PROPERTY_VALUE_TOO_LONG"),
        ("firstname", None, "INVALID_VALUE"),
        ("firstname", ["x"], "INVALID_VALUE"),
        ("closedate", " 2026-01-01T00:00:00Z", "INVALID_VALUE"),
    ],
)
def test_unfit_values_are_refused_by_code(portal: Portal, name: str, value: object, code: str) -> None:
    """An unfit value is a 400 whose envelope names the property and HubSpot's code; nothing is stored."""
    status, body = _refusal(portal, {"properties": {"firstname": "ok", name: value}})
    assert status == 400
    assert body["status"] == "error"
    assert body["category"] == "VALIDATION_ERROR"
    assert body["correlationId"]
    assert [(row["code"], row["context"]["propertyName"]) for row in body["errors"]] == [(code, [name])]
    assert portal.admin.records(portal.number, "contacts") == {}


def test_every_unfit_value_is_named(portal: Portal) -> None:
    """One answer names all unfit properties of a record."""
    _, body = _refusal(portal, {"properties": {"email": "x", "nope": "1"}})
    assert {row["code"] for row in body["errors"]} == {"INVALID_EMAIL", "PROPERTY_DOESNT_EXIST"}


def test_values_are_stored_in_hubspots_form(portal: Portal) -> None:
    """What is written may read differently: lower-case e-mail, ISO times, ISO dates, joined options."""
    portal.admin.add_property(portal.number, "contacts", name="birthday", type="date", fieldType="date")
    options = [{"label": name, "value": name} for name in ("a", "b", "c")]
    portal.admin.add_property(
        portal.number, "contacts", name="tags", type="enumeration", fieldType="checkbox", options=options
    )
    record = portal.make(email=" MAX@Firm.Example ", closedate="1700000000000", birthday="86400000", tags="a;c")
    portal.send("PATCH", f"{CONTACTS}/{record}", {"properties": {"tags": ";b", "hs_email_optout": "TRUE"}})
    held = portal.read(record, "email", "closedate", "birthday", "tags", "hs_email_optout")
    assert held["email"] == "max@firm.example"
    assert held["closedate"] == "2023-11-14T22:13:20.000Z"
    assert held["birthday"] == "1970-01-02"
    assert held["tags"] == "a;c;b"
    assert held["hs_email_optout"] == "true"
    answer = portal.send("PATCH", f"{CONTACTS}/{record}", {"properties": {"birthday": "86400001"}})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["code"] == "INVALID_DATE"


def test_lifecycle_goes_forward_only(portal: Portal) -> None:
    """A backward stage is skipped without a word, unless the stage was cleared first."""
    record = portal.make(lifecyclestage="customer")
    answer = portal.send("PATCH", f"{CONTACTS}/{record}", {"properties": {"lifecyclestage": "lead"}})
    assert (answer.status_code, portal.read(record, "lifecyclestage")["lifecyclestage"]) == (200, "customer")
    portal.send("PATCH", f"{CONTACTS}/{record}", {"properties": {"lifecyclestage": ""}})
    portal.send("PATCH", f"{CONTACTS}/{record}", {"properties": {"lifecyclestage": "lead"}})
    assert portal.read(record, "lifecyclestage")["lifecyclestage"] == "lead"


def test_blank_clears_and_reads_back_blank(portal: Portal) -> None:
    """A cleared property reads as a blank, one never set as null."""
    record = portal.make(phone="1")
    portal.send("PATCH", f"{CONTACTS}/{record}", {"properties": {"phone": ""}})
    held = portal.read(record, "phone", "city")
    assert (held["phone"], held["city"]) == ("", None)


def test_a_change_of_nothing_keeps_the_time(portal: Portal) -> None:
    """A PATCH with the values held already answers 200, leaves the modified time, and is audited as no change."""
    record = portal.make(email="a@firm.example", phone="1")
    before = portal.send("GET", f"{CONTACTS}/{record}").json()["updatedAt"]
    time.sleep(0.005)
    answer = portal.send("PATCH", f"{CONTACTS}/{record}", {"properties": {"email": "A@firm.example", "phone": "1"}})
    assert (answer.status_code, answer.json()["updatedAt"]) == (200, before)
    assert [entry["op"] for entry in portal.admin.audit(portal.number)] == ["create", "noop"]


def test_modified_times_of_one_record_always_grow(portal: Portal) -> None:
    """Two changes within one millisecond still differ in time."""
    record = portal.make(phone="0")
    times = [
        portal.send("PATCH", f"{CONTACTS}/{record}", {"properties": {"phone": str(number)}}).json()["updatedAt"]
        for number in range(1, 30)
    ]
    assert len(set(times)) == 29
    assert times == sorted(times)


def test_email_belongs_to_one_contact(portal: Portal) -> None:
    """A taken e-mail, primary or secondary, is a 409 that names the holder, on create and on update."""
    first = portal.make(email="one@firm.example")
    second = portal.make(email="two@firm.example")
    status, body = _refusal(portal, {"properties": {"email": "ONE@firm.example"}})
    assert (status, body["category"]) == (409, "CONFLICT")
    assert body["message"] == f"Contact already exists. Existing ID: {first}"
    answer = portal.send("PATCH", f"{CONTACTS}/{second}", {"properties": {"email": "one@firm.example"}})
    assert answer.status_code == 409
    merged = portal.send("POST", f"{CONTACTS}/merge", {"primaryObjectId": first, "objectIdToMerge": second}).json()[
        "id"
    ]
    status, body = _refusal(portal, {"properties": {"email": "two@firm.example"}})
    assert (status, body["message"]) == (409, f"Contact already exists. Existing ID: {merged}")


def test_archived_contact_frees_its_email_and_cannot_take_it_back(portal: Portal) -> None:
    """An archived contact's e-mail may be used anew; restoring it then is a conflict."""
    first = portal.make(email="one@firm.example")
    portal.send("DELETE", f"{CONTACTS}/{first}")
    second = portal.make(email="one@firm.example")
    assert second != first
    with pytest.raises(RuntimeError, match=f"Existing ID: {second}"):
        portal.admin.edit(portal.number, "restore", "contacts", first)


def test_custom_unique_property(portal: Portal) -> None:
    """A unique property refuses a taken value with HubSpot's code, and works as idProperty."""
    portal.admin.add_property(portal.number, "contacts", name="ext_id", unique=True)
    first = portal.make(ext_id="A-1")
    status, body = _refusal(portal, {"properties": {"ext_id": "A-1"}})
    assert (status, body["errors"][0]["code"]) == (400, "CONFLICTING_UNIQUE_VALUE")
    assert first in body["message"]
    answer = portal.send("PATCH", f"{CONTACTS}/A-1", {"properties": {"city": "Bath"}}, idProperty="ext_id")
    assert answer.json()["id"] == first
    answer = portal.send("GET", f"{CONTACTS}/x", idProperty="city")
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("kind", "properties"),
    [
        ("companies", {"city": "Bath"}),
        ("deals", {"dealname": "x"}),
        ("tickets", {"subject": "x"}),
        ("products", {"price": "1"}),
        ("invoices", {"hs_title": "x"}),
        ("notes", {"hs_note_body": "x"}),
        ("emails", {"hs_timestamp": "1700000000000"}),
    ],
)
def test_required_properties(portal: Portal, kind: str, properties: dict[str, str]) -> None:
    """A record without what its type demands is refused."""
    status, body = _refusal(portal, {"properties": properties}, kind)
    assert (status, body["errors"][0]["code"]) == (400, "MISSING_REQUIRED_PROPERTY")


def _moved(portal: Portal, kind: str, record: str, **properties: str) -> list[tuple[str, str, str]]:
    answer = portal.send("PATCH", f"/crm/v3/objects/{kind}/{record}", {"properties": properties})
    errors = answer.json().get("errors", [])
    assert answer.status_code == (400 if errors else 200)
    return [(row["context"]["propertyName"][0], row["code"], row["message"]) for row in errors]


def test_a_deal_stands_in_a_stage_of_its_own_pipeline(portal: Portal) -> None:
    """Another account's stages mean nothing; who does not move a deal need not know where it stands."""
    stages = {"Sales": {"s1": "New", "s2": "Won"}, "Renewals": {"r1": "Due"}}
    portal.admin.set_pipelines(portal.number, "deals", stages)
    unknown = {"dealname": "Roof", "pipeline": "sales", "dealstage": "appointmentscheduled"}
    status, body = _refusal(portal, {"properties": unknown}, "deals")
    assert (status, body["errors"][0]["code"]) == (400, "INVALID_OPTION")
    deal = portal.make("deals", dealname="Roof", pipeline="sales", dealstage="s1")
    sales = "was not one of the allowed options: [s1, s2]"
    assert _moved(portal, "deals", deal, dealstage="r1") == [("dealstage", "INVALID_OPTION", f"r1 {sales}")]
    renewals = [("dealstage", "INVALID_OPTION", "s1 was not one of the allowed options: [r1]")]
    assert _moved(portal, "deals", deal, pipeline="renewals") == renewals
    nowhere = [("pipeline", "INVALID_OPTION", "default was not one of the allowed options: [sales, renewals]")]
    assert _moved(portal, "deals", deal, pipeline="default", dealstage="s1") == nowhere
    assert _moved(portal, "deals", deal, pipeline="renewals", dealstage="r1") == []
    portal.admin.set_pipelines(portal.number, "deals", {"Sales": stages["Sales"]})
    assert _moved(portal, "deals", deal, dealname="Attic", dealstage="r1") == []
    assert portal.read(deal, "dealstage", kind="deals")["dealstage"] == "r1"


def test_a_ticket_stands_in_a_stage_of_its_own_pipeline(portal: Portal) -> None:
    ticket = portal.make("tickets", subject="Leak", hs_pipeline="0", hs_pipeline_stage="1")
    ((name, code, _),) = _moved(portal, "tickets", ticket, hs_pipeline_stage="9")
    assert (name, code) == ("hs_pipeline_stage", "INVALID_OPTION")
    assert _moved(portal, "tickets", ticket, hs_pipeline_stage="4") == []


@pytest.mark.parametrize(
    ("kind", "pipelines", "said"),
    [
        ("contacts", {"Sales": {"s1": "New"}}, "contacts have no pipelines; there are deals, tickets"),
        ("deals", {}, "deals need a pipeline"),
        ("deals", {"Sales": {}}, "each pipeline needs a stage"),
        ("deals", {"A": {"s1": "New"}, "B": {"s1": "New"}}, "each stage belongs to one pipeline"),
    ],
)
def test_pipelines_that_cannot_be_are_refused(portal: Portal, kind: str, pipelines: Any, said: str) -> None:
    with pytest.raises(RuntimeError, match=said):
        portal.admin.set_pipelines(portal.number, kind, pipelines)


def test_batch_create_fails_whole_without_trace_ids(portal: Portal) -> None:
    """One conflict fails all inputs of a create, and nothing is made."""
    first = portal.make(email="one@firm.example")
    inputs = [{"properties": {"email": f"{name}@firm.example"}} for name in ("new", "one")]
    answer = portal.send("POST", f"{CONTACTS}/batch/create", {"inputs": inputs})
    assert (answer.status_code, answer.json()["message"]) == (409, f"Contact already exists. Existing ID: {first}")
    twice = [{"properties": {"email": "same@firm.example"}}] * 2
    assert portal.send("POST", f"{CONTACTS}/batch/create", {"inputs": twice}).status_code == 409
    bad = [{"properties": {"email": "new@firm.example"}}, {"properties": {"nope": "1"}}]
    assert portal.send("POST", f"{CONTACTS}/batch/create", {"inputs": bad}).status_code == 400
    assert list(portal.admin.records(portal.number, "contacts")) == [first]


def test_batch_create_goes_one_by_one_with_trace_ids(portal: Portal) -> None:
    """With a trace id on every input a conflict fails its own input alone, and the 207 names it."""
    portal.make(email="one@firm.example")
    inputs = [
        {"properties": {"email": f"{name}@firm.example"}, "objectWriteTraceId": name} for name in ("new", "one", "x")
    ]
    answer = portal.send("POST", f"{CONTACTS}/batch/create", {"inputs": inputs})
    body = answer.json()
    assert answer.status_code == 207
    assert [row["objectWriteTraceId"] for row in body["results"]] == ["new", "x"]
    assert body["numErrors"] == 1
    assert body["errors"][0]["category"] == "CONFLICT"
    assert body["errors"][0]["context"]["objectWriteTraceId"] == ["one"]


def test_batch_update_names_ids_that_are_gone_or_merged(portal: Portal) -> None:
    """Unknown, archived and merged ids are errors of a 207; a single PATCH still follows a merge."""
    one, two, three, four = (portal.make(firstname=name) for name in "abcd")
    merge = portal.send("POST", f"{CONTACTS}/merge", {"primaryObjectId": one, "objectIdToMerge": two})
    new = merge.json()["id"]
    portal.send("DELETE", f"{CONTACTS}/{three}")
    inputs = [{"id": record, "properties": {"city": "Bath"}} for record in (one, two, three, four, "888888")]
    answer = portal.send("POST", f"{CONTACTS}/batch/update", {"inputs": inputs})
    assert answer.status_code == 207
    assert [row["id"] for row in answer.json()["results"]] == [four]
    assert answer.json()["errors"][0]["context"]["ids"] == [one, two, three, "888888"]
    assert portal.send("PATCH", f"{CONTACTS}/{one}", {"properties": {"city": "York"}}).json()["id"] == new
    read = portal.send("POST", f"{CONTACTS}/batch/read", {"inputs": [{"id": one}, {"id": two}], "properties": []})
    assert [row["id"] for row in read.json()["results"]] == [new]
    again = [{"id": four, "properties": {"city": "x"}}] * 2
    assert "Duplicate IDs" in portal.send("POST", f"{CONTACTS}/batch/update", {"inputs": again}).json()["message"]


def test_upsert_answers_per_input(portal: Portal) -> None:
    """An unfit input of an upsert fails alone."""
    inputs = [
        {"id": "good@firm.example", "idProperty": "email", "properties": {"firstname": "A"}},
        {"id": "bad", "idProperty": "email", "properties": {"firstname": "B"}},
    ]
    answer = portal.send("POST", f"{CONTACTS}/batch/upsert", {"inputs": inputs})
    assert answer.status_code == 207
    assert [(row["new"], row["properties"]["email"]) for row in answer.json()["results"]] == [
        (True, "good@firm.example")
    ]
    assert answer.json()["errors"][0]["errors"][0]["code"] == "INVALID_EMAIL"
    inputs = [{"id": "Bath", "idProperty": "city", "properties": {}}]
    assert portal.send("POST", f"{CONTACTS}/batch/upsert", {"inputs": inputs}).status_code == 400


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/batch/read", {"inputs": [{"id": str(number)} for number in range(101)]}),
        ("/batch/read", {"inputs": []}),
        ("/batch/read", {"inputs": "x"}),
        ("/batch/update", {"inputs": [{"properties": {}}]}),
        ("/batch/create", [1]),
        ("", {"properties": "x"}),
        ("/merge", {"primaryObjectId": "1"}),
        ("/search", {"filterGroups": [{"filters": [{"propertyName": "email", "operator": "LIKE", "value": "x"}]}]}),
        ("/search", {"limit": 201}),
    ],
)
def test_malformed_bodies_are_400(portal: Portal, path: str, body: object) -> None:
    """A body that is not of the call's form is a 400 with an envelope."""
    answer = portal.send("POST", CONTACTS + path, body)
    assert answer.status_code == 400
    assert answer.json()["category"] == "VALIDATION_ERROR"


def test_body_that_is_no_json_is_400(portal: Portal) -> None:
    """Broken JSON is refused by name."""
    answer = portal.http.post(portal.server.url + CONTACTS, data=b'{"properties": ', timeout=5)
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("Invalid input JSON")


@pytest.mark.parametrize("path", ["/crm/v3/nothing", "/crm/v4/objects/contacts", "/crm/objects/2026-13/contacts", "/x"])
def test_unknown_paths_are_404(portal: Portal, path: str) -> None:
    """A path HubSpot does not have is a 404."""
    assert portal.send("GET", path).status_code == 404


def test_dated_paths_serve_the_same_records(portal: Portal) -> None:
    """The dated prefix reaches the same calls."""
    record = portal.make(email="a@firm.example")
    assert portal.send("GET", f"/crm/objects/2026-03/contacts/{record}").json()["id"] == record
    company = portal.make("companies", name="Oak")
    answer = portal.send(
        "POST",
        "/crm/associations/2026-03/contacts/companies/batch/create",
        {
            "inputs": [
                {
                    "from": {"id": record},
                    "to": {"id": company},
                    "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 279}],
                }
            ]
        },
    )
    assert answer.status_code == 201
    page = portal.send("GET", f"/crm/objects/2026-03/contacts/{record}/associations/companies").json()
    assert page["results"][0]["toObjectId"] == int(company)
    assert portal.send("GET", "/crm/properties/2026-03/contacts/email").json()["hasUniqueValue"] is True
    assert portal.send("GET", "/crm/owners/2026-03").json() == {"results": []}


def test_missing_scope_is_named(portal: Portal) -> None:
    """A token without the scope is a 403 that names it."""
    portal.admin.call(
        "POST",
        f"accounts/{portal.number}/tokens",
        {"token": f"ro-{portal.number}", "scopes": ["crm.objects.contacts.read"]},
    )
    headers = {"Authorization": f"Bearer ro-{portal.number}"}
    url = portal.server.url + CONTACTS
    assert portal.http.get(url, headers=headers, timeout=5).status_code == 200
    refused = portal.http.post(url, json={"properties": {}}, headers=headers, timeout=5)
    assert (refused.status_code, refused.json()["category"]) == (403, "MISSING_SCOPES")
    assert refused.json()["errors"][0]["context"]["requiredGranularScopes"] == ["crm.objects.contacts.write"]
    assert portal.http.get(url.replace("contacts", "companies"), headers=headers, timeout=5).status_code == 403
    stages = portal.http.get(f"{portal.server.url}/crm/v3/pipelines/deals", headers=headers, timeout=5)
    assert stages.json()["errors"][0]["context"]["requiredGranularScopes"] == ["crm.objects.deals.read"]


def test_company_of_the_email_domain_is_associated_when_switched_on(portal: Portal) -> None:
    """HubSpot may associate by domain on its own; here it does so only when told."""
    company = portal.make("companies", name="Firm", domain="firm.example")
    portal.make(email="a@firm.example")
    path = f"accounts/{portal.number}/associations/contacts/companies"
    assert portal.admin.call("GET", path) == {}
    portal.admin.settings(portal.number, auto_associate=True)
    second = portal.make(email="b@firm.example")
    assert portal.admin.call("GET", path) == {second: {company: [1, 279]}}
    assert portal.admin.audit(portal.number)[-1]["by"] == ["system", "company insights"]


def test_archiving_twice_and_deleting_the_unknown(portal: Portal) -> None:
    """Archiving is repeatable; an id that never was is a 404."""
    record = portal.make(firstname="x")
    statuses = [portal.send("DELETE", f"{CONTACTS}/{number}").status_code for number in (record, record, "555555")]
    assert statuses == [204, 204, 404]


def test_audit_tells_who_did_what(portal: Portal) -> None:
    """The audit log holds every write in order, with values before and after, and who made it."""
    record = portal.make(email="a@firm.example", city="Bath")
    portal.admin.edit(portal.number, "update", "contacts", record, properties={"city": "York"}, user="9")
    portal.send("DELETE", f"{CONTACTS}/{record}")
    portal.admin.edit(portal.number, "restore", "contacts", record)
    log = portal.admin.audit(portal.number)
    assert [(row["op"], row["by"][0]) for row in log] == [
        ("create", "app"),
        ("update", "person"),
        ("archive", "app"),
        ("restore", "person"),
    ]
    assert (log[1]["before"], log[1]["after"], log[1]["by"]) == ({"city": "Bath"}, {"city": "York"}, ["person", "9"])
    assert log[2]["before"]["email"] == "a@firm.example"
    assert [row["seq"] for row in portal.admin.audit(portal.number, after=log[1]["seq"])] == [3, 4]
    assert len({row["call"] for row in log}) == 4


def test_admin_api_is_guarded_and_explains_itself(portal: Portal) -> None:
    """The admin API wants its token, and says what is wrong with a switch."""
    url = portal.server.url + "/_admin/ping"
    assert portal.http.get(url, timeout=5).status_code == 401
    with pytest.raises(RuntimeError, match="unknown account setting speed"):
        portal.admin.settings(portal.number, speed=3)
    with pytest.raises(RuntimeError, match="fault kind 'fire' is unknown"):
        portal.admin.set_faults(portal.number, {"kind": "fire"})
    with pytest.raises(RuntimeError, match="unknown webhook event"):
        portal.admin.set_webhooks(portal.number, "http://127.0.0.1:1/", ["contact.explosion"])
