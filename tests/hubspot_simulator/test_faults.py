"""What can be made to go wrong, seen from the outside."""

import time

import pytest
import requests

from deploy.local.hubspot.faults import Faults
from tests.hubspot_simulator.conftest import Portal

CONTACTS = "/crm/v3/objects/contacts"


def test_reply_dropped_after_commit(portal: Portal) -> None:
    """The connection closes without an answer, yet the record was made, and is audited."""
    portal.admin.set_faults(portal.number, {"kind": "drop_reply", "times": 1, "path": "batch/create"})
    body = {"inputs": [{"properties": {"email": "a@firm.example"}}]}
    with pytest.raises(requests.ConnectionError):
        portal.send("POST", f"{CONTACTS}/batch/create", body)
    assert [row["op"] for row in portal.admin.audit(portal.number)] == ["create"]
    again = portal.send("POST", f"{CONTACTS}/batch/create", body)
    assert again.status_code == 409
    assert portal.admin.calls(portal.number)["byStatus"] == {"0": 1, "409": 1}


def test_connection_dropped_before_execution(portal: Portal) -> None:
    """The connection closes without an answer, and nothing was made."""
    portal.admin.set_faults(portal.number, {"kind": "drop_before", "method": "POST"})
    with pytest.raises(requests.ConnectionError):
        portal.send("POST", CONTACTS, {"properties": {"firstname": "x"}})
    assert portal.admin.audit(portal.number) == []
    assert portal.send("GET", CONTACTS).status_code == 200


@pytest.mark.parametrize("status", [423, 477, 502, 503, 524])
def test_statuses_without_execution(portal: Portal, status: int) -> None:
    """A share of calls is answered with a status and not executed; Retry-After goes along when asked for."""
    portal.admin.set_faults(portal.number, {"kind": "status", "status": status, "times": 2, "retry_after": 7})
    for _ in range(2):
        answer = portal.send("POST", CONTACTS, {"properties": {"firstname": "x"}})
        assert (answer.status_code, answer.headers["retry-after"]) == (status, "7")
        assert answer.json()["correlationId"]
    assert portal.send("POST", CONTACTS, {"properties": {"firstname": "x"}}).status_code == 201
    assert len(portal.admin.audit(portal.number)) == 1


def test_the_wrong_data_centre_names_the_right_one(portal: Portal) -> None:
    """In a body without a category, and in a header."""
    portal.admin.set_faults(portal.number, {"kind": "status", "status": 488})
    answer = portal.send("GET", CONTACTS)
    assert (answer.status_code, answer.headers["x-hubspot-correct-hublet"]) == (488, "eu1")
    body = answer.json()
    assert {*body} == {"status", "message", "correlationId", "correctHublet"}
    assert body["correctHublet"] == "eu1"


def test_storm_of_429(portal: Portal) -> None:
    """Until a time every call is refused as over the limit."""
    until = int(time.time() * 1000) + 300
    portal.admin.set_faults(portal.number, {"kind": "storm", "until_ms": until, "retry_after": 3})
    reply = portal.send("GET", CONTACTS)
    body = reply.json()
    assert reply.headers["retry-after"] == "3"
    assert (body["errorType"], body["policyName"]) == ("RATE_LIMIT", "TEN_SECONDLY_ROLLING")
    time.sleep(0.35)
    assert portal.send("GET", CONTACTS).status_code == 200


def test_an_account_may_store_in_capitals(portal: Portal) -> None:
    """What is answered is what was stored."""
    portal.admin.settings(portal.number, capitals=["firstname"])
    made = portal.send("POST", CONTACTS, {"properties": {"firstname": "ann", "lastname": "lee"}}).json()
    assert (made["properties"]["firstname"], made["properties"]["lastname"]) == ("ANN", "lee")


def test_hang_after_commit(portal: Portal) -> None:
    """The call is executed and never answered; other calls go on."""
    portal.admin.set_faults(portal.number, {"kind": "hang", "times": 1, "method": "POST"})
    with pytest.raises(requests.ReadTimeout):
        portal.http.post(portal.server.url + CONTACTS, json={"properties": {"firstname": "x"}}, timeout=0.3)
    assert portal.send("GET", CONTACTS).json()["results"][0]["properties"]["firstname"] == "x"


def test_latency_and_malformed_answers(portal: Portal) -> None:
    """Calls can be slow, and an answer can be cut in half."""
    portal.admin.set_faults(
        portal.number, {"kind": "latency", "ms": 150, "times": 1}, {"kind": "malformed", "times": 1}
    )
    began = time.monotonic()
    answer = portal.send("GET", CONTACTS)
    assert time.monotonic() - began >= 0.15
    assert answer.status_code == 200
    with pytest.raises(requests.JSONDecodeError):
        answer.json()
    assert portal.send("GET", CONTACTS).json() == {"results": []}


def test_share_is_drawn_from_the_seed() -> None:
    """The same seed strikes the same calls, and a share strikes about that many."""
    rule = {"kind": "status", "share": 0.3}
    runs = [
        [bool(faults.strike(0, "GET", "/")) for _ in range(1000)]
        for faults in (Faults([rule], 7), Faults([rule], 7), Faults([rule], 8))
    ]
    assert runs[0] == runs[1] != runs[2]
    assert 230 < sum(runs[0]) < 370
