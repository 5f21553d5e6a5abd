"""HubSpot's own client drives every call that the product uses, and cannot tell the difference."""

from typing import Any

import hubspot
import pytest
from hubspot.crm import associations, companies, contacts, objects, owners, pipelines, properties

from tests.hubspot_simulator.conftest import Portal


def test_contact_is_created_read_changed_and_archived(portal: Portal) -> None:
    """The basic calls round-trip a contact."""
    api = portal.client.crm.contacts.basic_api
    made = api.create(contacts.SimplePublicObjectInputForCreate(properties={"email": "Zoe@Firm.example", "phone": "1"}))
    assert made.properties["email"] == "zoe@firm.example"
    assert made.created_at == made.updated_at
    assert made.archived is False

    changed = api.update(made.id, contacts.SimplePublicObjectInput(properties={"phone": "2", "city": "Köln"}))
    assert (changed.id, changed.properties["phone"], changed.properties["city"]) == (made.id, "2", "Köln")
    assert changed.updated_at > made.updated_at

    found = api.get_by_id(made.id, properties=["phone", "jobtitle", "no_such_property"])
    assert found.properties["phone"] == "2"
    assert found.properties["jobtitle"] is None
    assert "no_such_property" not in found.properties
    assert found.properties["hs_object_id"] == made.id

    by_email = api.get_by_id("ZOE@firm.example", id_property="email")
    assert by_email.id == made.id

    api.archive(made.id)
    with pytest.raises(contacts.ApiException) as caught:
        api.get_by_id(made.id)
    assert caught.value.status == 404
    gone = api.get_by_id(made.id, archived=True)
    assert gone.archived
    assert gone.archived_at is not None


def test_pages_cover_every_contact_once(portal: Portal) -> None:
    """Listing by pages finds each live contact once, and the archived ones in a list of their own."""
    ids = portal.admin.load(portal.number, contacts=[{"firstname": f"n{number}"} for number in range(23)])["contacts"]
    api = portal.client.crm.contacts.basic_api
    api.archive(ids[3])
    seen: list[str] = []
    after = None
    pages = 0
    while True:
        page = api.get_page(limit=10, after=after, properties=["firstname"])
        pages += 1
        seen += [row.id for row in page.results]
        if page.paging is None:
            break
        after = page.paging.next.after
    assert seen == [record for record in ids if record != ids[3]]
    assert pages == 3
    assert [row.id for row in api.get_page(archived=True).results] == [ids[3]]
    assert {row.id for row in portal.client.crm.contacts.get_all()} == set(seen)


def test_batches_of_contacts(portal: Portal) -> None:
    """Create, read, update, upsert and archive work in batches, with a multi-status answer where some fail."""
    api = portal.client.crm.contacts.batch_api
    made = api.create(
        contacts.BatchInputSimplePublicObjectBatchInputForCreate(
            inputs=[
                contacts.SimplePublicObjectBatchInputForCreate(
                    properties={"email": f"p{number}@firm.example"}, object_write_trace_id=f"t{number}"
                )
                for number in range(3)
            ]
        )
    )
    assert made.status == "COMPLETE"
    assert [row.object_write_trace_id for row in made.results] == ["t0", "t1", "t2"]
    ids = [row.id for row in made.results]

    found, status, _ = api.read_with_http_info(
        contacts.BatchReadInputSimplePublicObjectId(
            properties=["email"],
            properties_with_history=[],
            inputs=[contacts.SimplePublicObjectId(id=one) for one in (*ids, "999999")],
        )
    )
    assert status == 207
    assert {row.id: row.properties["email"] for row in found.results} == {
        one: f"p{number}@firm.example" for number, one in enumerate(ids)
    }

    changed = api.update(
        contacts.BatchInputSimplePublicObjectBatchInput(
            inputs=[contacts.SimplePublicObjectBatchInput(id=one, properties={"city": "Łódź"}) for one in ids]
        )
    )
    assert {row.properties["city"] for row in changed.results} == {"Łódź"}

    upserted = api.upsert(
        contacts.BatchInputSimplePublicObjectBatchInputUpsert(
            inputs=[
                contacts.SimplePublicObjectBatchInputUpsert(
                    id=email, id_property="email", properties={"email": email, "jobtitle": "Buyer"}
                )
                for email in ("p0@firm.example", "new@firm.example")
            ]
        )
    )
    assert [(row.new, row.properties["jobtitle"]) for row in upserted.results] == [(False, "Buyer"), (True, "Buyer")]
    assert upserted.results[0].id == ids[0]

    api.archive(contacts.BatchInputSimplePublicObjectId(inputs=[contacts.SimplePublicObjectId(id=one) for one in ids]))
    left = portal.client.crm.contacts.basic_api.get_page().results
    assert [row.id for row in left] == [upserted.results[1].id]


def test_search_of_contacts_changed_since(portal: Portal) -> None:
    """The poller's question finds what changed at or after a time, oldest first when asked so."""
    old = portal.make(email="old@firm.example")
    new = portal.make(email="new@firm.example")
    since = portal.admin.records(portal.number, "contacts")[old]["updatedAt"] + 1
    portal.send("PATCH", f"/crm/v3/objects/contacts/{old}", {"properties": {"city": "Bath"}})
    found = portal.client.crm.contacts.search_api.do_search(
        contacts.PublicObjectSearchRequest(
            filter_groups=[
                contacts.FilterGroup(
                    filters=[contacts.Filter(property_name="lastmodifieddate", operator="GTE", value=str(since))]
                )
            ],
            sorts=[{"propertyName": "lastmodifieddate", "direction": "ASCENDING"}],
            properties=["city"],
            limit=200,
            after="0",
        )
    )
    ids = [row.id for row in found.results]
    assert ids[-1] == old
    assert set(ids) <= {old, new}
    assert found.total == len(ids)


def test_merge_and_privacy_deletion_of_contacts(portal: Portal) -> None:
    """A merge mints a new id that the old ones lead to; a privacy deletion leaves nothing."""
    first = portal.make(email="one@firm.example", firstname="One")
    second = portal.make(email="two@firm.example", city="Leeds")
    api = portal.client.crm.contacts.basic_api
    merged = api.merge(contacts.PublicMergeInput(primary_object_id=first, object_id_to_merge=second))
    assert merged.id not in (first, second)
    assert merged.properties["email"] == "one@firm.example"
    assert merged.properties["city"] == "Leeds"
    assert merged.properties["hs_merged_object_ids"] == f"{first};{second}"
    assert merged.properties["hs_additional_emails"] == "two@firm.example"
    assert api.get_by_id(second).id == merged.id
    assert api.update(first, contacts.SimplePublicObjectInput(properties={"city": "York"})).id == merged.id

    portal.client.crm.contacts.basic_api.purge(
        contacts.PublicGdprDeleteInput(object_id="one@firm.example", id_property="email")
    )
    for archived in (False, True):
        with pytest.raises(contacts.ApiException) as caught:
            api.get_by_id(merged.id, archived=archived)
        assert caught.value.status == 404


def test_companies_and_generic_objects(portal: Portal) -> None:
    """Companies have the same calls, and every type is reached by the generic objects API."""
    api = portal.client.crm.companies
    made = api.basic_api.create(companies.SimplePublicObjectInputForCreate(properties={"name": "Oak & Søn"}))
    found = api.search_api.do_search(
        companies.PublicObjectSearchRequest(
            filter_groups=[
                companies.FilterGroup(
                    filters=[companies.Filter(property_name="hs_lastmodifieddate", operator="GT", value="1")]
                )
            ]
        )
    )
    assert [row.id for row in found.results] == [made.id]
    updated = api.batch_api.update(
        companies.BatchInputSimplePublicObjectBatchInput(
            inputs=[companies.SimplePublicObjectBatchInput(id=made.id, properties={"numberofemployees": "12"})]
        )
    )
    assert updated.results[0].properties["numberofemployees"] == "12"
    generic = portal.client.crm.objects.basic_api
    assert generic.get_by_id("0-2", made.id).properties["name"] == "Oak & Søn"
    product = generic.create("products", objects.SimplePublicObjectInputForCreate(properties={"name": "Pen"}))
    assert generic.get_by_id("products", product.id).properties["name"] == "Pen"


def _spec(number: int) -> Any:
    return associations.v4.AssociationSpec(association_category="HUBSPOT_DEFINED", association_type_id=number)


def test_associations(portal: Portal) -> None:
    """Associations are made, read and ended one by one and in batches, with their labels."""
    contact, company = portal.make(email="a@firm.example"), portal.make("companies", name="Oak")
    other = portal.make("companies", name="Elm")
    basic, batch = portal.client.crm.associations.v4.basic_api, portal.client.crm.associations.v4.batch_api
    v4 = associations.v4

    plain = basic.create_default("contacts", contact, "companies", company)
    assert plain.results[0].association_spec.association_type_id == 279
    basic.create("contacts", contact, "companies", other, [_spec(1)])
    page = basic.get_page("contacts", contact, "companies")
    types = {row.to_object_id: {one.type_id: one.label for one in row.association_types} for row in page.results}
    assert types == {company: {279: None}, other: {1: "Primary", 279: None}} or types == {
        int(company): {279: None},
        int(other): {1: "Primary", 279: None},
    }

    made = batch.create(
        "contacts",
        "companies",
        v4.BatchInputPublicAssociationMultiPost(
            inputs=[v4.PublicAssociationMultiPost(_from={"id": contact}, to={"id": company}, types=[_spec(1)])]
        ),
    )
    assert made.results[0].labels == ["Primary"]
    read = batch.get_page(
        "companies",
        "contacts",
        v4.BatchInputPublicFetchAssociationsBatchRequest(
            inputs=[
                v4.PublicFetchAssociationsBatchRequest(id=company),
                v4.PublicFetchAssociationsBatchRequest(id=other),
            ]
        ),
    )
    back = {row._from.id: [one.type_id for one in row.to[0].association_types] for row in read.results}
    assert back == {company: [2, 280], other: [280]}

    batch.create_default(
        "contacts",
        "companies",
        v4.BatchInputPublicDefaultAssociationMultiPost(
            inputs=[v4.PublicDefaultAssociationMultiPost(_from={"id": contact}, to={"id": company})]
        ),
    )
    shown = portal.client.crm.contacts.basic_api.get_by_id(contact, associations=["companies"])
    assert {(row.id, row.type) for row in shown.associations["companies"].results} == {
        (company, "contact_to_company"),
        (company, "contact_to_company_unlabeled"),
        (other, "contact_to_company_unlabeled"),
    }

    batch.archive_labels(
        "contacts",
        "companies",
        v4.BatchInputPublicAssociationMultiPost(
            inputs=[v4.PublicAssociationMultiPost(_from={"id": contact}, to={"id": company}, types=[_spec(1)])]
        ),
    )
    batch.archive(
        "contacts",
        "companies",
        v4.BatchInputPublicAssociationMultiArchive(
            inputs=[v4.PublicAssociationMultiArchive(_from={"id": contact}, to=[{"id": other}])]
        ),
    )
    ends = portal.admin.call("GET", f"accounts/{portal.number}/associations/contacts/companies")
    assert ends == {contact: {company: [279]}}
    basic.archive("contacts", contact, "companies", company)
    assert basic.get_page("contacts", contact, "companies").results == []


def test_properties(portal: Portal) -> None:
    """Properties are listed, made, read and archived, with options and uniqueness."""
    api = portal.client.crm.properties.core_api
    known = {row.name: row for row in api.get_all("contacts").results}
    assert known["email"].has_unique_value
    assert known["createdate"].modification_metadata.read_only_value
    assert [row.value for row in known["lifecyclestage"].options][:2] == ["subscriber", "lead"]
    assert known["hubspot_owner_id"].referenced_object_type == "OWNER"
    made = api.create(
        "contacts",
        properties.PropertyCreate(
            name="ext_id",
            label="External",
            type="string",
            field_type="text",
            group_name="contactinformation",
            has_unique_value=True,
        ),
    )
    assert (made.name, made.has_unique_value, made.hubspot_defined) == ("ext_id", True, False)
    with pytest.raises(properties.ApiException) as caught:
        api.create("contacts", properties.PropertyCreate(**_plain("ext_id")))
    assert caught.value.status == 409
    record = portal.make(ext_id="A-1")
    assert portal.client.crm.contacts.basic_api.get_by_id("A-1", id_property="ext_id").id == record
    assert api.update("contacts", "ext_id", properties.PropertyUpdate(label="Key")).label == "Key"
    read = portal.client.crm.properties.batch_api.read(
        "contacts",
        properties.BatchReadInputPropertyName(archived=False, inputs=[properties.PropertyName(name="ext_id")]),
    )
    assert [row.label for row in read.results] == ["Key"]
    groups = portal.client.crm.properties.groups_api.get_all("contacts").results
    assert [row.name for row in groups] == ["contactinformation"]
    api.archive("contacts", "ext_id")
    with pytest.raises(properties.ApiException) as missing:
        api.get_by_name("contacts", "ext_id")
    assert missing.value.status == 404


def _plain(name: str) -> dict[str, str]:
    return {
        "name": name,
        "label": name,
        "type": "string",
        "field_type": "text",
        "group_name": "contactinformation",
    }


def test_owners(portal: Portal) -> None:
    """Owners are found by page, id, user id and e-mail; those that left are in a list of their own."""
    people: list[dict[str, Any]] = [{"email": f"o{number}@firm.example", "lastName": "Öst"} for number in range(3)]
    people.append({"email": "left@firm.example", "archived": True})
    portal.admin.call("POST", f"accounts/{portal.number}/owners", {"owners": people})
    api = portal.client.crm.owners.owners_api
    first = api.get_page(limit=2)
    rest = api.get_page(limit=2, after=first.paging.next.after)
    active = [*first.results, *rest.results]
    assert [row.email for row in active] == [f"o{number}@firm.example" for number in range(3)]
    assert all(row.id != str(row.user_id) for row in active)
    assert [row.email for row in api.get_page(archived=True).results] == ["left@firm.example"]
    assert [row.id for row in api.get_page(email="o1@firm.example").results] == [active[1].id]
    assert api.get_by_id(active[0].user_id, id_property="userId").id == active[0].id
    with pytest.raises(owners.ApiException):
        api.get_by_id("424242")


def test_pipelines(portal: Portal) -> None:
    """Deals and tickets have their usual pipeline, and an account may have others; no other type has any."""
    api = portal.client.crm.pipelines.pipelines_api
    (sales,) = api.get_all("deals").results
    assert (sales.id, sales.label, sales.display_order, sales.archived) == ("default", "Sales Pipeline", 0, False)
    assert [row.id for row in sales.stages] == [
        "appointmentscheduled",
        "qualifiedtobuy",
        "presentationscheduled",
        "decisionmakerboughtin",
        "contractsent",
        "closedwon",
        "closedlost",
    ]
    assert [row.display_order for row in sales.stages] == list(range(7))
    first, won = sales.stages[0], sales.stages[5]
    assert (first.label, first.metadata) == ("Appointment Scheduled", {"isClosed": "false", "probability": "0.2"})
    assert (won.label, won.metadata) == ("Closed Won", {"isClosed": "true", "probability": "1.0"})
    (support,) = api.get_all("tickets").results
    assert [row.metadata["ticketState"] for row in support.stages] == ["OPEN", "OPEN", "OPEN", "CLOSED"]
    assert api.get_all("companies").results == []
    stages = {"Sales": {"s1": "New"}, "Renewals": {"r1": "Due"}}
    portal.admin.set_pipelines(portal.number, "deals", stages)
    assert [(row.id, row.label, row.stages[0].id) for row in api.get_all("deals").results] == [
        ("sales", "Sales", "s1"),
        ("renewals", "Renewals", "r1"),
    ]
    assert api.get_by_id("deals", "renewals").stages[0].label == "Due"
    with pytest.raises(pipelines.ApiException) as caught:
        api.get_by_id("deals", "default")
    assert caught.value.status == 404
    dated = portal.client.api_request({"path": "/crm/pipelines/2026-03/deals"}).json()
    assert [row["id"] for row in dated["results"]] == ["sales", "renewals"]
    known = {row.name: row for row in portal.client.crm.properties.core_api.get_all("deals").results}
    assert [(known[name].external_options, known[name].options) for name in ("pipeline", "dealstage")] == [
        (True, [])
    ] * 2


def test_raw_request_reads_account_details(portal: Portal) -> None:
    """The client's free-form request reads which account a token belongs to."""
    answer = portal.client.api_request({"path": "/account-info/v3/details"})
    assert answer.json()["portalId"] == portal.number


def test_bad_token_is_refused(portal: Portal) -> None:
    """A wrong token is a 401 with HubSpot's category."""
    stranger: Any = hubspot.HubSpot(access_token="nobody", host=portal.server.url)
    with pytest.raises(contacts.ApiException) as caught:
        stranger.crm.contacts.basic_api.get_page()
    assert caught.value.status == 401
    assert "INVALID_AUTHENTICATION" in caught.value.body
