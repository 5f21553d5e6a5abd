"""Whether an app can reach us: each thing that may be in the way has a name of its own."""

import datetime as dt
import ipaddress
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from shared.io.net import public_address
from shared.io.net.public_address import Step, check, is_local


@contextmanager
def served(
    status: int = 200, *, echo: bool = True, tls: Path | None = None, own: str = "", key: str = "sealed"
) -> Iterator[str]:
    """Serve what answers each call with a status, what it was asked with, and the address that it takes for its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = parse_qs(urlsplit(self.path).query).get("check", [""])[0]
            told = {"check": f"{key} {asked}", **({"address": own} if own else {})}
            body = json.dumps(told if echo else ["not ours"]).encode()
            self.send_response(status)
            self.send_header("Location", "https://elsewhere.example/")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(name="certificate")
def _certificate(tmp_path: Path) -> Path:
    """Offer a certificate, with its key, that nobody vouches for."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
    day, now = dt.timedelta(days=1), dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - day, now + day)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "certificate.pem"
    encoding = serialization.Encoding.PEM
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(private + made.public_bytes(encoding))
    return path


def found(url: str, *, local: bool = True, ca_file: str = "") -> Step:
    """Check an address that has to answer with what it was asked, sealed."""
    return check(url, "/webhooks/x", "nonce", lambda text: text == "sealed nonce", local=local, ca_file=ca_file).step


def test_our_own_answer_is_known() -> None:
    with served() as url:
        assert found(url) == "works"
        assert found(f"{url}/") == "works"


@pytest.mark.parametrize(("status", "echo", "step"), [(200, False, "another"), (404, False, "another"),
                                                      (302, True, "redirected")])  # fmt: skip
def test_another_answer_is_told(status: int, echo: bool, step: Step) -> None:  # noqa: FBT001 - a row of the table
    with served(status, echo=echo) as url:
        assert found(url) == step


def test_ingest_with_another_key_is_not_taken_for_something_else() -> None:
    with served(key="other") as url:
        assert found(url) == "other_key"


def test_ingest_that_takes_another_address_for_its_own_is_told() -> None:
    """Apps' signatures cover the address; a slash at its end makes no other one."""
    with served(own="https://inside.example/" + "x" * 300) as url:
        told = check(url, "/webhooks/x", "nonce", lambda text: text == "sealed nonce", local=True)
        assert (told.step, told.detail.startswith("https://inside.example/x"), len(told.detail)) == (
            "other_address", True, 200,
        )  # fmt: skip
    with served(own="placeholder") as url:
        assert found(url) == "other_address"


def test_nobody_who_answers_is_told() -> None:
    with served() as url:
        pass
    assert found(url) == "refused"


def test_one_who_never_answers_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(public_address, "_PATIENCE_S", 0.05)
    silent = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    assert found(f"http://127.0.0.1:{silent.server_port}") == "no_answer"
    silent.server_close()


def test_a_certificate_that_nobody_vouches_for_is_told(certificate: Path) -> None:
    with served(tls=certificate) as url:
        assert found(url) == "not_secure"
        assert found(url, ca_file=str(certificate)) == "works"


@pytest.mark.parametrize(
    ("url", "step"),
    [
        ("", "no_url"),
        ("sync.example.com", "no_url"),
        ("ftp://sync.example.com", "no_url"),
        ("https://127.0.0.1:1", "only_here"),
        ("https://[::1]:1", "only_here"),
        ("https://10.1.2.3:1", "only_inside"),
        ("https://100.64.0.1:1", "only_inside"),
        ("http://8.8.8.8:1", "not_https"),
        ("https://no-such-name.invalid", "no_name"),
    ],
)
def test_what_an_app_on_the_internet_cannot_reach_is_not_even_called(url: str, step: Step) -> None:
    assert found(url, local=False) == step


def test_an_app_of_this_network_may_be_called_back_there() -> None:
    assert is_local("http://127.0.0.1:8701")
    assert is_local("https://10.1.2.3")
    assert not is_local("https://8.8.8.8")
    assert not is_local("https://no-such-name.invalid")
    assert not is_local("")
