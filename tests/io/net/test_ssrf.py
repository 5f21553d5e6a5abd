"""No call leaves for a private network unless it is allowed, whatever a name says the second time it is asked."""

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
import requests

from shared.io.net.ssrf import AddressGuard, BlockedAddress, GuardedAdapter


def _answering(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Have names resolve to these addresses, one list after the other, the last one for ever."""
    asked: list[str] = []

    real = socket.getaddrinfo

    def resolve(host: str, port: int, *more: Any, **options: Any) -> Any:
        if host.replace(".", "").isdigit():
            return real(host, port, *more, **options)
        found = answers[min(len(asked), len(answers) - 1)]
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return asked


PRIVATE = [
    "127.0.0.1",
    "10.1.2.3", "192.168.0.1", "172.16.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "::1",
    "fe80::1", "fc00::1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a00:1", "2002:a00:1::",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_refused(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    _answering(monkeypatch, [address])
    with pytest.raises(BlockedAddress, match="SYNCLINE_ALLOW_PRIVATE_ADDRESSES"):
        AddressGuard().resolve("crm.example", 443)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses_are_reached(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    _answering(monkeypatch, [address])
    assert AddressGuard().resolve("crm.example", 443) == [address]


def test_one_private_address_among_public_ones_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    _answering(monkeypatch, ["8.8.8.8", "10.0.0.1"])
    with pytest.raises(BlockedAddress):
        AddressGuard().resolve("crm.example", 443)


@pytest.mark.parametrize(
    ("allowed", "reached"),
    [
        ("erp.local", True), ("ERP.local", True), ("erp.local:8069", True), ("erp.local:80", False),
        ("10.0.0.0/8", True), ("10.2.0.0/16", False), ("other.local", False),
    ],
)  # fmt: skip
def test_what_is_allowed_by_name_or_network(monkeypatch: pytest.MonkeyPatch, allowed: str, *, reached: bool) -> None:
    _answering(monkeypatch, ["10.1.2.3"])
    guard = AddressGuard([allowed])
    if reached:
        assert guard.resolve("erp.local", 8069) == ["10.1.2.3"]
    else:
        with pytest.raises(BlockedAddress):
            guard.resolve("erp.local", 8069)


@pytest.fixture(name="port")
def _port() -> Iterator[int]:
    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
            pass

    server = HTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


def _get(guard: AddressGuard, url: str) -> int:
    with requests.Session() as session:
        session.trust_env = False
        session.mount("http://", GuardedAdapter(guard))
        return session.get(url, timeout=5).status_code


def test_the_connection_goes_to_the_address_that_was_checked(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    """A name that turns private after the check is asked once only, so there is no second answer to follow."""
    asked = _answering(monkeypatch, ["127.0.0.1"], ["203.0.113.9"])
    assert _get(AddressGuard([f"crm.example:{port}"]), f"http://crm.example:{port}/") == 204
    assert asked == ["crm.example"]


def test_an_address_in_the_url_is_checked_too(port: int) -> None:
    with pytest.raises(BlockedAddress):
        _get(AddressGuard(), f"http://127.0.0.1:{port}/")
    assert _get(AddressGuard([f"127.0.0.1:{port}"]), f"http://127.0.0.1:{port}/") == 204
