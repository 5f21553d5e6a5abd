"""Calls that no account has signed: an address that sends nothing else is not listened to for a while."""

import pytest

from services.ingest import strangers
from services.ingest.strangers import FREE, KNOWN_MS, WITHIN_MS, Strangers
from shared.io.memory import ManualClock
from tests.services.ingest.webhook_server import WebhookServer, body, event


def _forged(server: WebhookServer) -> int:
    return server.call(body(event()), secret="a guess").status_code


def test_an_address_that_sends_only_forged_calls_waits_and_is_heard_again(server: WebhookServer) -> None:
    assert {_forged(server) for _ in range(FREE)} == {401}
    before = server.counted("other", "too_many")
    answer = server.call(body(event()))
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "60")
    assert answer.json() == {"detail": "too many calls that no account has signed"}
    assert (server.notices(), server.counted("other", "too_many")) == ([], before + 1)
    server.clock.advance(WITHIN_MS)
    assert server.call(body(event())).status_code == 200
    assert len(server.notices()) == 1


def test_an_address_from_which_an_app_called_is_always_heard(server: WebhookServer) -> None:
    """As that of a proxy, by which strangers come as well; a signature that is too old to be taken is an app's, too."""
    assert server.call(body(event()), version="v1").status_code == 401
    assert {_forged(server) for _ in range(2 * FREE)} == {401}
    assert server.call(body(event())).status_code == 200


def test_after_an_hour_without_a_genuine_call_an_address_is_as_any_other() -> None:
    clock = ManualClock()
    known = Strangers(clock)
    known.heard("a", genuine=True)
    clock.advance(KNOWN_MS - 1)
    for _ in range(FREE):
        known.heard("a", genuine=False)
    assert (known.wait_ms("a"), known.wait_ms("b")) == (0, 0)
    clock.advance(1)
    assert known.wait_ms("a") == WITHIN_MS - 1
    clock.advance(WITHIN_MS - 1)
    assert known.wait_ms("a") == 0
    for _ in range(FREE - 1):
        known.heard("a", genuine=False)
    assert known.wait_ms("a") == 0


def test_whoever_was_quiet_longest_is_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strangers, "_ADDRESSES", 2)
    known = Strangers(ManualClock())
    for _ in range(FREE):
        for address in ("a", "b"):
            known.heard(address, genuine=False)
    known.heard("a", genuine=False)
    known.heard("c", genuine=False)
    assert [known.wait_ms(address) for address in ("a", "b", "c")] == [WITHIN_MS, 0, 0]
