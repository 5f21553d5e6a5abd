"""HubSpot's calls as a real server takes them: genuine ones become notices, all others are refused by name."""

import hashlib
from typing import Any

import pytest
import requests
from hubspot.utils.signature import Signature

from services.ingest.webhooks import MAX_BODY
from shared.model.fields import FoundObject
from shared.model.mapping import FieldMapping
from shared.model.syncs import Sync, SyncSide
from shared.wire.messages import ObjectFound, SetupDoc
from tests.services.ingest.webhook_server import PATH, PUBLIC, WebhookServer, body, event

# Who calls


@pytest.mark.parametrize("version", ["v1", "v2", "v3"])
def test_a_call_that_hubspot_signed_becomes_a_notice(server: WebhookServer, version: str) -> None:
    """Each version of the signature that is taken covers the octets that came, and the notice is in Kafka then."""
    server.set_up(oldest_signature=version)
    answer = server.call(body(event(), event("contact.creation", 8, name="Zoë")), version=version)
    assert (answer.status_code, answer.json()) == (200, {"detail": "2 accepted"})
    assert server.brief() == {("hub-a", "contact", "7", "changed"), ("hub-a", "contact", "8", "changed")}
    assert {row.occurred_ms for row in server.notices()} == {1_700_000_000_000}
    assert {row.accepted_ms for row in server.notices()} == {server.clock.now_ms()}


@pytest.mark.parametrize("version", ["v1", "v2", "v3"])
def test_a_forged_call_is_refused(server: WebhookServer, version: str) -> None:
    """Another secret, or no signature, gets 401 and leaves nothing, whatever is taken."""
    server.set_up(oldest_signature="v1")
    assert server.call(body(event()), secret="a guess", version=version).status_code == 401
    assert server.post(body(event()).encode(), {}).status_code == 401
    assert server.post(b"", {"X-HubSpot-Signature-v3": ""}).status_code == 401
    assert server.notices() == []


@pytest.mark.parametrize("text", ["é" * 44, "\xff\xfe", "AA==", "a" * 5000])
def test_a_signature_of_strange_octets_is_refused(server: WebhookServer, text: str) -> None:
    """What a forger writes into the header never becomes an error of ours."""
    at = str(server.clock.now_ms())
    raw = body(event()).encode()
    for name in ("X-HubSpot-Signature-v3", "X-HubSpot-Signature"):
        headers = {name: text.encode("latin-1"), "X-HubSpot-Request-Timestamp": at}
        assert server.post(raw, headers).status_code == 401  # type: ignore[arg-type]  # header octets


@pytest.mark.parametrize("stamp", ["", "now", "-1", "1e12", "٣", "9" * 400])
def test_a_timestamp_that_is_none_is_refused(server: WebhookServer, stamp: str) -> None:
    """Only plain digits are a time."""
    made = Signature.get_signature("first secret", body(event()), "v3", f"{PUBLIC}{PATH}", "POST", stamp)
    headers = {"X-HubSpot-Signature-v3": made, "X-HubSpot-Request-Timestamp": stamp.encode()}
    assert server.post(body(event()).encode(), headers).status_code == 401


@pytest.mark.parametrize(("age_ms", "status"), [(299_000, 200), (301_000, 401), (-299_000, 200), (-301_000, 401)])
def test_a_call_of_five_minutes_ago_is_refused(server: WebhookServer, age_ms: int, status: int) -> None:
    """A recorded call cannot be played back later, nor one be made for tomorrow."""
    assert server.call(body(event()), age_ms=age_ms).status_code == status


def test_a_changed_body_or_address_is_refused(server: WebhookServer) -> None:
    """The signature covers the octets, the path and the query."""
    at = str(server.clock.now_ms())
    signed = Signature.get_signature("first secret", body(event()), "v3", f"{PUBLIC}{PATH}?a=1", "POST", at)
    headers = {"X-HubSpot-Signature-v3": signed, "X-HubSpot-Request-Timestamp": at}
    assert server.post(body(event()).encode(), headers, "?a=1").status_code == 200
    assert server.post(body(event(record=8)).encode(), headers, "?a=1").status_code == 401
    assert server.post(body(event()).encode(), headers, "?a=2").status_code == 401
    assert server.post(body(event()).encode() + b" ", headers, "?a=1").status_code == 401


def test_version_3_signs_the_address_with_some_characters_decoded(server: WebhookServer) -> None:
    """HubSpot decodes `%3A` and its like before signing; an escape of any other character stays as it is."""
    at = str(server.clock.now_ms())

    def status(signed: str) -> int:
        made = Signature.get_signature("first secret", body(event()), "v3", f"{PUBLIC}{PATH}{signed}", "POST", at)
        headers = {"X-HubSpot-Signature-v3": made, "X-HubSpot-Request-Timestamp": at}
        return server.post(body(event()).encode(), headers, "?x=a%3Ab%20c").status_code

    assert status("?x=a:b%20c") == 200
    assert status("?x=a%3Ab%20c") == 401
    assert status("?x=a:b c") == 401


def test_octets_in_the_query_that_are_no_text_are_refused(server: WebhookServer) -> None:
    """A query that is not UTF-8 cannot have been signed; it is refused like any other forgery."""
    head = f"POST {PATH}?x=".encode() + b"\xff HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n[]"
    assert 400 <= server.raw(head) < 500


def test_the_secret_decides_whose_call_it_is(server: WebhookServer) -> None:
    """A portal's secret proves nothing about another portal; of two portals with one secret, the event tells which."""
    assert server.call(body(event(portal=22)), secret="second secret").json() == {"detail": "1 accepted"}
    assert server.call(body(event(portal=11)), secret="second secret").json() == {"detail": "0 accepted"}
    assert server.call(body(event("company.creation", portal=33))).json() == {"detail": "1 accepted"}
    assert server.brief() == {("hub-b", "contact", "7", "changed"), ("hub-c", "company", "7", "changed")}


def test_a_portal_or_an_object_that_no_sync_knows_is_passed_over(server: WebhookServer) -> None:
    """HubSpot would send the whole body again for a day if it were refused."""
    answer = server.call(
        body(event(portal=99), event("company.creation", portal=33), event("contact.creation", portal=33))
    )
    assert (answer.status_code, answer.json()) == (200, {"detail": "1 accepted"})


# What they say


def test_both_spellings_of_an_event_and_the_generic_form_are_read(server: WebhookServer) -> None:
    """`subscriptionType`, the older `eventType`, and `object.*` with the type in a field of its own."""
    old = {key: value for key, value in event(record=1).items() if key != "subscriptionType"}
    answer = server.call(
        body(
            {**old, "eventType": "contact.propertyChange"},
            event("object.propertyChange", 2, objectTypeId="0-1"),
            event("object.creation", "3", objectTypeId="0-2"),
            event("object.creation", 4, objectTypeId="0-999"),
            event("object.creation", 5),
            {**event(record=6), "subscriptionType": None, "eventType": "contact.creation"},
        )
    )
    assert answer.status_code == 200
    assert server.brief() == {
        ("hub-a", "contact", "1", "changed"),
        ("hub-a", "contact", "2", "changed"),
        ("hub-a", "company", "3", "changed"),
        ("hub-a", "contact", "6", "changed"),
    }


def test_a_custom_object_is_known_by_its_type_id_in_its_own_account(server: WebhookServer) -> None:
    """Each account has ids of its own; what another account calls so, or none, is passed over."""
    for number, (connection, id_) in enumerate((("hub-a", "2-7"), ("hub-b", "2-9")), 1):
        found = ObjectFound(connection=connection, object=FoundObject(name="p_car", id=id_))
        server.setups.apply(server.setups.offset + 1, f"object:{connection}/p_car", SetupDoc(object=found))
        assert len(server.setups.found()) == number
    cars = Sync(
        id="cars",
        left=SyncSide(connection="hub-a", object="p_car"),
        right=SyncSide(connection="hub-b", object="p_car"),
        mappings=(FieldMapping(key="plate", left="plate", right="plate"),),
    )
    server.setups.apply(server.setups.offset + 1, "sync:cars", SetupDoc(sync=cars))
    ends = {"fromObjectId": 5, "fromObjectTypeId": "2-7", "toObjectId": 6, "toObjectTypeId": "0-1"}
    answer = server.call(
        body(
            event("object.propertyChange", 1, objectTypeId="2-7"),
            event("object.deletion", 2, objectTypeId="2-7"),
            event("object.merge", 3, objectTypeId="2-7", newObjectId=9, primaryObjectId=3, mergedObjectIds=[4]),
            event("object.associationChange", None, **ends),
            event("object.propertyChange", 7, objectTypeId="2-9"),
            event("object.propertyChange", 8, objectTypeId="p_car"),
        )
    )
    assert (answer.status_code, answer.json()) == (200, {"detail": "7 accepted"})
    assert server.brief() == {
        ("hub-a", "p_car", "1", "changed"),
        ("hub-a", "p_car", "2", "deleted"),
        ("hub-a", "p_car", "9", "changed"),
        ("hub-a", "p_car", "3", "merged"),
        ("hub-a", "p_car", "4", "merged"),
        ("hub-a", "p_car", "5", "changed"),
        ("hub-a", "contact", "6", "changed"),
    }
    for key in ("sync:cars", "object:hub-a/p_car", "object:hub-b/p_car"):
        server.setups.apply(server.setups.offset + 1, key, None)


def test_a_merge_tells_the_survivor_and_those_that_ended_in_it(server: WebhookServer) -> None:
    """The new id has changed, the old ones were merged; each says who won, and which merge it is about."""
    server.call(body(event("contact.merge", 1, newObjectId=9, primaryObjectId=1, mergedObjectIds=[2, 9, 2])))
    assert server.brief() == {
        ("hub-a", "contact", "9", "changed"),
        ("hub-a", "contact", "1", "merged"),
        ("hub-a", "contact", "2", "merged"),
    }
    assert {(row.winner, row.into) for row in server.notices()} == {("1", "9")}


def test_deletes_of_every_kind_are_told(server: WebhookServer) -> None:
    """A privacy deletion shows in no list of HubSpot's: only this call tells it."""
    server.call(body(event("contact.deletion", 1), event("contact.privacyDeletion", 2), event("contact.restore", 3)))
    assert server.brief() == {
        ("hub-a", "contact", "1", "deleted"),
        ("hub-a", "contact", "2", "erased"),
        ("hub-a", "contact", "3", "changed"),
    }


def test_an_association_tells_of_both_its_ends(server: WebhookServer) -> None:
    """Whichever end the mapping reads it from, it is read again."""
    ends = {"fromObjectId": 1, "toObjectId": 2}
    server.call(body(event("contact.associationChange", None, associationType="CONTACT_TO_COMPANY", **ends)))
    assert server.brief() == {("hub-a", "contact", "1", "changed"), ("hub-a", "company", "2", "changed")}


@pytest.mark.parametrize("kind", ["contact.somethingNew", "deal.creation", "nonsense", "", ".", "contact.", "\ud800.x"])
def test_an_event_that_we_have_no_use_for_is_passed_over(server: WebhookServer, kind: str) -> None:
    """Among others it does no harm."""
    answer = server.call(body(event(kind), event()))
    assert (answer.status_code, answer.json()) == (200, {"detail": "1 accepted"})


def test_a_hundred_events_are_one_call_and_each_record_one_notice(server: WebhookServer) -> None:
    """Many events of one record become one look at it."""
    events = [event(record=1 + number % 40, propertyName=f"p{number}") for number in range(100)]
    assert server.call(body(*events)).json() == {"detail": "40 accepted"}


@pytest.mark.parametrize(
    "text",
    [
        "", "{}", "null", "1", '"x"', "[1]", "[[]]", "[null]", "[{}]", "[{", "[" * 10_000, "[" * 10_000 + "]" * 10_000,
        '{"a":' * 10_000, '[{"subscriptionType":1}]', body(event(record=None)), body(event(record="x")),
        body(event(record=-1)), body(event(record=1.5)), body(event(record=True)), body(event(record=10**20)),
        body(event(record="1" * 21)), body(event(record={"a": 1})), body(event(portal=None)), body(event(portal=[1])),
        body(event(occurredAt="now")), body(event(occurredAt=-1)), body(event(occurredAt=10**15)),
        body(event("contact.merge", mergedObjectIds=5)), body(event("contact.merge", mergedObjectIds=[{}])),
        '[{"subscriptionType":"contact.creation","portalId":11,"objectId":NaN}]',
        '[{"subscriptionType":"contact.creation","portalId":11,"objectId":' + "9" * 5000 + "}]",
    ],
)  # fmt: skip
def test_a_body_that_is_no_list_of_events_is_refused_with_a_sentence(server: WebhookServer, text: str) -> None:
    """Never an error of ours, which would look as if sending it again could help."""
    answer = server.call(text)
    assert answer.status_code == 400, answer.text
    assert answer.json()["detail"]
    assert server.notices() == []


@pytest.mark.parametrize(
    "bad",
    [
        event(record=None), event(record="x"), event(portal=None), event(occurredAt="now"), 7, None, {},
        event("contact.merge", mergedObjectIds=[{}]), event("contact.associationChange", associationType="a_to_b"),
        event(record=10**40), event(record="9" * 5000),
    ],
)  # fmt: skip
@pytest.mark.parametrize("first", [True, False])
def test_an_event_that_cannot_be_read_does_not_refuse_its_neighbours(
    server: WebhookServer, bad: Any, *, first: bool
) -> None:
    """They arrive, the answer names what was wrong, and HubSpot does not send the body again for a day."""
    good = event("contact.creation", 8)
    answer = server.call(body(bad, good) if first else body(good, bad))
    assert (answer.status_code, server.brief()) == (200, {("hub-a", "contact", "8", "changed")})
    assert answer.json()["detail"].startswith(f"1 accepted; event {0 if first else 1}")


def test_an_id_of_five_thousand_digits_does_not_refuse_its_neighbours(server: WebhookServer) -> None:
    """Python turns no such text into a number; the event is passed over like any other that cannot be read."""
    huge = body(event(), event(record=4711_4711)).replace("47114711", "9" * 5000)
    assert server.call(huge).status_code == 200
    assert server.brief() == {("hub-a", "contact", "7", "changed")}


def test_octets_that_are_no_text_are_refused(server: WebhookServer) -> None:
    """The signature is right, the body is not UTF-8."""
    server.set_up(oldest_signature="v1")
    raw = b'[{"subscriptionType":"contact.creation\xff"}]'
    made = hashlib.sha256(b"first secret" + raw).hexdigest()  # HubSpot's own code signs texts only
    answer = server.post(raw, {"X-HubSpot-Signature": made})
    assert (answer.status_code, answer.json()) == (400, {"detail": "the body is not UTF-8"})


def test_a_huge_body_is_not_read_to_its_end(server: WebhookServer) -> None:
    """The limit counts octets as they come, whatever length was announced."""
    assert server.call("[" + " " * MAX_BODY + "]").status_code == 413
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    part = b"%x\r\n" % (MAX_BODY // 2) + b" " * (MAX_BODY // 2) + b"\r\n"
    assert server.raw(head + part * 3) == 413
    assert server.notices() == []


def test_a_call_that_breaks_off_leaves_nothing(server: WebhookServer) -> None:
    """Half a body is no body, and the server lives on."""
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n[".encode()
    assert server.raw(head, finish=False) in (0, 400)
    assert server.notices() == []
    assert server.call(body(event())).status_code == 200


def test_other_paths_and_methods_are_not_there(server: WebhookServer) -> None:
    """One path for each app that sends webhooks, and nothing else."""
    with requests.Session() as http:
        http.trust_env = False
        assert http.get(f"{server.address}{PATH}", timeout=10).status_code == 405
        for path in ("/webhooks/carddav", "/webhooks/nobody", "/docs", "/openapi.json", "/"):
            assert http.post(f"{server.address}{path}", timeout=10).status_code == 404


# When Kafka is away


def test_without_kafka_the_sender_is_asked_to_come_again(server: WebhookServer) -> None:
    """2xx is said only when Kafka has the notice."""
    server.broker.available = False
    answer = server.call(body(event()))
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"
    server.broker.available = True
    assert server.notices() == []
    assert server.call(body(event())).status_code == 200
    assert server.brief() == {("hub-a", "contact", "7", "changed")}


# Accounts that are only asked


def test_an_account_that_is_only_asked_answers_and_leaves_aside(server: WebhookServer) -> None:
    """Refused calls would come again for a day; another account of the same secret goes on."""
    row = server.setups.connection("hub-a")
    told = SetupDoc(connection=row.model_copy(update={"push": False, "version": row.version + 1}))
    server.setups.apply(server.setups.offset + 1, "connection:hub-a", told)
    calls = body(event(), event("company.creation", 8, 33))
    assert server.call(calls).json() == {"detail": "1 accepted"}
    assert server.brief() == {("hub-c", "company", "8", "changed")}
    assert server.call(calls, version="v1").status_code == 200
    assert [name for name, _ in server.refused] == ["hub-c"]


def test_only_this_installation_can_answer_who_asks_by_the_public_address(server: WebhookServer) -> None:
    nonce = "n" * 32
    with requests.Session() as http:
        http.trust_env = False
        told = http.get(f"{server.address}{PATH}", params={"check": nonce}, timeout=20).json()
        assert server.vault.open(told["check"], connection="check", name="check") == nonce
        assert told["address"] == PUBLIC, "which signatures cover"
        for text in ("", "short", "x" * 81, "with space " * 3):
            answer = http.get(f"{server.address}{PATH}", params={"check": text}, timeout=20)
            assert answer.status_code == 405
            assert "check" not in answer.json()
