"""Search: operators, caps, and an index that lags behind."""

from typing import Any

import pytest

from deploy.local.hubspot import HubSpotServer
from tests.hubspot_simulator.conftest import Portal, open_portal

SEARCH = "/crm/v3/objects/contacts/search"
PEOPLE = (
    {"firstname": "Anna", "email": "anna@firm.example", "city": "Köln", "closedate": "2026-01-01T00:00:00Z"},
    {"firstname": "Ben", "email": "ben@oak.example", "city": "Bath", "closedate": "2026-02-01T00:00:00Z"},
    {"firstname": "Cleo", "email": "cleo@firm.example"},
)


def _names(portal: Portal, *filters: dict[str, Any], **more: Any) -> list[str]:
    body = {"filterGroups": [{"filters": list(filters)}] if filters else [], "properties": ["firstname"], **more}
    answer = portal.send("POST", SEARCH, body)
    assert answer.status_code == 200, answer.text
    return [row["properties"]["firstname"] for row in answer.json()["results"]]


@pytest.mark.parametrize(
    ("operator", "rest", "expected"),
    [
        ("EQ", {"propertyName": "firstname", "value": "anna"}, ["Anna"]),
        ("NEQ", {"propertyName": "firstname", "value": "Anna"}, ["Ben", "Cleo"]),
        ("LT", {"propertyName": "closedate", "value": "1769904000000"}, ["Anna"]),
        ("LTE", {"propertyName": "closedate", "value": "1769904000000"}, ["Anna", "Ben"]),
        ("GT", {"propertyName": "closedate", "value": "2026-01-01T00:00:00Z"}, ["Ben"]),
        ("GTE", {"propertyName": "closedate", "value": "2026-01-01T00:00:00Z"}, ["Anna", "Ben"]),
        (
            "BETWEEN",
            {"propertyName": "closedate", "value": "2026-01-15T00:00:00Z", "highValue": "2026-03-01T00:00:00Z"},
            ["Ben"],
        ),
        ("IN", {"propertyName": "city", "values": ["köln", "york"]}, ["Anna"]),
        ("NOT_IN", {"propertyName": "city", "values": ["köln"]}, ["Ben"]),
        ("HAS_PROPERTY", {"propertyName": "city"}, ["Anna", "Ben"]),
        ("NOT_HAS_PROPERTY", {"propertyName": "city"}, ["Cleo"]),
        ("CONTAINS_TOKEN", {"propertyName": "email", "value": "*@firm.example"}, ["Anna", "Cleo"]),
        ("NOT_CONTAINS_TOKEN", {"propertyName": "email", "value": "firm.example"}, ["Ben"]),
        ("EQ", {"propertyName": "hs_lastmodifieddate", "value": "1"}, []),
        ("HAS_PROPERTY", {"propertyName": "no_such_property"}, []),
        ("NOT_HAS_PROPERTY", {"propertyName": "no_such_property"}, []),
    ],
)
def test_operators(portal: Portal, operator: str, rest: dict[str, Any], expected: list[str]) -> None:
    """Every operator finds what it says; a filter on an unknown property finds nothing and is no error."""
    portal.admin.load(portal.number, contacts=PEOPLE)
    assert sorted(_names(portal, {"operator": operator, **rest})) == expected


def test_groups_sorts_query_and_pages(portal: Portal) -> None:
    """Groups are alternatives, the text query looks into names and mails, and pages follow a sort."""
    portal.admin.load(portal.number, contacts=PEOPLE)
    either = [{"filters": [{"propertyName": "firstname", "operator": "EQ", "value": name}]} for name in ("Ben", "Cleo")]
    assert sorted(_names(portal, filterGroups=either)) == ["Ben", "Cleo"]
    assert _names(portal, sorts=[{"propertyName": "firstname", "direction": "DESCENDING"}]) == ["Cleo", "Ben", "Anna"]
    assert _names(portal, query="oak") == ["Ben"]
    first = portal.send("POST", SEARCH, {"limit": 2, "sorts": ["firstname"], "properties": ["firstname"]}).json()
    assert (first["total"], first["paging"]["next"]["after"]) == (3, "2")
    assert _names(portal, limit=2, after="2", sorts=["firstname"]) == ["Cleo"]


def test_archived_records_never_appear(portal: Portal) -> None:
    """Search does not know the bin, and finds a restored record again."""
    ids = portal.admin.load(portal.number, contacts=PEOPLE)["contacts"]
    portal.send("DELETE", f"/crm/v3/objects/contacts/{ids[0]}")
    assert sorted(_names(portal)) == ["Ben", "Cleo"]
    portal.admin.edit(portal.number, "restore", "contacts", ids[0])
    assert sorted(_names(portal)) == ["Anna", "Ben", "Cleo"]


def test_index_lags_behind_writes() -> None:
    """A write is seen by search only after the lag, while a read by id sees it at once."""
    now = [1_700_000_000_000]
    with HubSpotServer(clock=lambda: now[0]) as server, open_portal(server) as portal:
        record = portal.make(firstname="Anna")
        portal.admin.settings(portal.number, index_lag_ms=500)
        now[0] += 500
        portal.send("PATCH", f"/crm/v3/objects/contacts/{record}", {"properties": {"firstname": "Anne"}})
        portal.make(firstname="Ben")
        assert portal.read(record, "firstname")["firstname"] == "Anne"
        now[0] += 499
        assert _names(portal) == ["Anna"]
        now[0] += 1
        assert sorted(_names(portal)) == ["Anne", "Ben"]


def test_nothing_past_ten_thousand_results(portal: Portal) -> None:
    """A query has 10,000 results at most; going on is a 400, and starting anew at the watermark works."""
    portal.admin.load(portal.number, contacts=[{"firstname": f"n{number}"} for number in range(10_100)])
    last = portal.send("POST", SEARCH, {"limit": 200, "after": "9800"})
    assert (last.json()["total"], len(last.json()["results"])) == (10_100, 200)
    beyond = portal.send("POST", SEARCH, {"limit": 200, "after": last.json()["paging"]["next"]["after"]})
    assert (beyond.status_code, beyond.json()["category"]) == (400, "VALIDATION_ERROR")


def test_caps_on_filters_and_body(portal: Portal) -> None:
    """Five groups of six filters, eighteen in all, 3,000 characters."""
    one = {"propertyName": "city", "operator": "HAS_PROPERTY"}
    for groups in ([1] * 6, [7], [6, 6, 6, 1]):
        body = {"filterGroups": [{"filters": [one] * size} for size in groups]}
        assert portal.send("POST", SEARCH, body).status_code == 400
    assert portal.send("POST", SEARCH, {"filterGroups": [{"filters": [one] * 6}] * 3}).status_code == 200
    long = {"filterGroups": [{"filters": [{**one, "operator": "EQ", "value": "x" * 3000}]}]}
    answer = portal.send("POST", SEARCH, long)
    assert (answer.status_code, "3000 characters" in answer.json()["message"]) == (400, True)
