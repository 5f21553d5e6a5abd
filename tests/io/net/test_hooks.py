"""Webhooks are called once a message, signed, past the guard, and what goes wrong is a sentence."""

import base64
import hashlib
import hmac
from collections.abc import Iterator
from typing import Any

import pytest

from shared.io.net.hooks import HookCall, HookError, headers_of, key_of, make_hook
from shared.settings import Settings
from tests.hook_server import HookServer, hook_server

_HOOK = make_hook(Settings(allow_private_addresses=("127.0.0.1",)))


@pytest.fixture(name="server")
def _server() -> Iterator[HookServer]:
    with hook_server() as server:
        yield server


def call(url: str, **more: Any) -> HookCall:
    return HookCall(**{"url": url, "id": "m1", "body": b"{}", "at_ms": 1_700_000_000_999, **more})


def test_a_call_is_signed_as_the_standard_has_it() -> None:
    """The example of the specification of Standard Webhooks, and its secret."""
    signed = call(
        "https://x.example", id="msg_p5jXN8AQM9LWM0D4loKWxJek", at_ms=1_614_265_330_000, body=b'{"test": 2432232314}',
        secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    )  # fmt: skip
    assert headers_of(signed)["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_server_can_check_whom_it_hears(server: HookServer) -> None:
    _HOOK(call(server.address, secret="sixteen letters!", body=b'{"a": 1}'))
    _HOOK(call(server.address))
    (headers, body), (unsigned, _) = server.calls
    digest = hmac.new(b"sixteen letters!", b"m1.1700000000." + body, hashlib.sha256).digest()
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == ("m1", "1700000000")
    assert headers["content-type"] == "application/json"
    assert "webhook-signature" not in unsigned


def test_what_is_said_to_be_base64_is() -> None:
    with pytest.raises(ValueError, match="not base64"):
        key_of("whsec_!")


def test_no_server_in_our_own_network_is_called(server: HookServer) -> None:
    with pytest.raises(HookError, match="does not lead to a public address"):
        make_hook(Settings())(call(server.address))
    assert server.calls == []


@pytest.mark.parametrize("status", [302, 400, 410, 500])
def test_what_is_not_taken_is_told_with_the_host_alone(server: HookServer, status: int) -> None:
    server.status, server.headers = status, {"Location": f"{server.address}/other"}
    with pytest.raises(HookError) as caught:
        _HOOK(call(server.address))
    assert str(caught.value) == f"{server.address[7:-5]} answered {status}"
    assert len(server.calls) == 1, "no redirect is followed"


def test_an_answer_that_breaks_off_is_none(server: HookServer) -> None:
    server.status, server.breaks = 200, True
    with pytest.raises(HookError, match="does not answer"):
        _HOOK(call(server.address))


def test_a_server_that_is_not_there_does_not_answer(server: HookServer) -> None:
    with pytest.raises(HookError, match=r"^127.0.0.1:1 does not answer$"):
        _HOOK(call("http://127.0.0.1:1/secret"))
    with pytest.raises(HookError, match="no secure connection"):
        _HOOK(call(f"https{server.address[4:]}"))
