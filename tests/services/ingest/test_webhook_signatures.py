"""Which versions of HubSpot's signatures are taken."""

import pytest
from hubspot.utils.signature import Signature

from tests.services.ingest.webhook_server import WebhookServer, body, event


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_version_3_alone_counts_by_default(server: WebhookServer, version: str) -> None:
    """An older signature names no time, so whoever has seen a call could send it again: refused, counted, told."""
    before = server.counted("hub-a", "old_signature")
    answer = server.call(body(event()), version=version)
    assert (answer.status_code, server.notices()) == (401, [])
    assert "oldest_signature" in answer.json()["detail"]
    assert server.refused == [("hub-a", "old_signature"), ("hub-c", "old_signature")]
    assert server.counted("hub-a", "old_signature") == before + 1


@pytest.mark.parametrize(
    ("oldest", "taken"), [("v3", {"v3"}), ("v2", {"v3", "v2"}), ("v1", {"v3", "v2", "v1"}), ("v0", {"v3"})]
)
def test_older_signatures_are_taken_where_the_connection_says_so(
    server: WebhookServer, oldest: str, taken: set[str]
) -> None:
    """Version 2 covers the address and version 1 does not, so that one can be taken without the other."""
    server.set_up(oldest_signature=oldest)
    answers = {version: server.call(body(event()), version=version).status_code for version in ("v1", "v2", "v3")}
    assert answers == {version: 200 if version in taken else 401 for version in answers}


def test_an_older_signature_beside_a_wrong_one_of_version_3_proves_nothing(server: WebhookServer) -> None:
    """Otherwise a call of yesterday could be sent again with one header more."""
    server.set_up(oldest_signature="v1")
    raw = body(event())
    made = Signature.get_signature("first secret", raw, "v1")
    at = str(server.clock.now_ms())
    headers = {"X-HubSpot-Signature": made, "X-HubSpot-Signature-v3": "AA==", "X-HubSpot-Request-Timestamp": at}
    assert server.post(raw.encode(), headers).status_code == 401


def test_a_stranger_leaves_no_note_at_any_connection(server: WebhookServer) -> None:
    """Only calls that the app itself signed are told at its connection."""
    assert server.call(body(event()), version="v1", secret="a guess").status_code == 401
    assert server.refused == []


def test_a_refusal_that_cannot_be_noted_is_one_all_the_same(server: WebhookServer) -> None:
    """Redis may be away."""
    server.redis_away = True
    assert server.call(body(event()), version="v1").status_code == 401
    assert server.refused == []
