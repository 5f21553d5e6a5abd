"""Calls to apps over real sockets: signed, guarded, budgeted, and honest about what may have been executed."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from shared.apps import APPS
from shared.contract.app import App
from shared.contract.calls import AppError, Exchange, HttpRequest, HttpResponse
from shared.contract.demands import Limit
from shared.contract.oauth import Tokens
from shared.contract.sign_in import Auth
from shared.io.calls import caller as http_module
from shared.io.calls.call_notes import MemoryCallNotes, RedisCallNotes
from shared.io.calls.caller import HttpCaller, quotas
from shared.io.calls.vault import Vault
from shared.io.ports import run_blocking
from shared.io.redis.client import connect
from shared.metrics import Metrics
from shared.model.syncs import Connection
from tests.io.process.installation import Installation

Reply = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Server:
    """A server whose next answers are given as functions; 200 after that."""

    port: int = 0
    replies: list[Reply] = field(default_factory=list)
    seen: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)


@pytest.fixture(name="server")
def _server() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _any(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            state.seen.append((self.command, self.path, {name.lower(): value for name, value in self.headers.items()}))
            (state.replies.pop(0) if state.replies else status(200))(self)

        do_GET = do_POST = do_PUT = _any  # noqa: N815 - the standard library's names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as above
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


def status(code: int, body: bytes = b"{}", **headers: str) -> Reply:
    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        for name, value in {"content-length": str(len(body)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return reply


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True


def silent(handler: BaseHTTPRequestHandler) -> None:
    time.sleep(1.0)
    handler.close_connection = True


def _refresh(_secrets: Any) -> Exchange[Any]:
    response = yield HttpRequest(method="POST", path="/token", safe=True, limit="token")
    if response.status != 200:
        raise AppError("auth_expired", "refused", retry="auth")
    return Tokens(access_token="new", lives_s=3600)


def _app(*, amount: int = 100) -> App:
    def account(_: Any) -> Exchange[Any]:
        yield from ()
        return None

    def bearer(secrets: Any) -> dict[str, str]:
        return {"Authorization": f"Bearer {secrets['access_token']}"}

    return App(
        key="crm", title="CRM", docs_url="", tested_versions=(), base_url=None, objects={}, account=account,
        auth=(
            Auth(kind="api_key", secrets=("access_token",), headers=bearer),
            Auth(kind="oauth2_code", secrets=("refresh_token",), headers=bearer, refresh=_refresh),
        ),
        limits=(Limit(name="calls", kind="rolling", scope="account", amount=amount, window_s=10),),
        max_parallel=4,
    )  # fmt: skip


@dataclass
class Calls:
    """A caller of one connection."""

    caller: HttpCaller
    metrics: Metrics
    notes: MemoryCallNotes

    def send(self, *requests: HttpRequest, wait_s: float = 0.0, about: Sequence[str] = ()) -> list[HttpResponse]:
        def exchange() -> Exchange[list[HttpResponse]]:
            found: list[HttpResponse] = []
            for request in requests:
                response = yield request
                found += [response]
            return found

        return run_blocking(self.caller.run("c", exchange(), wait_s=wait_s, about=about))

    def refused(self, *requests: HttpRequest, about: Sequence[str] = ()) -> AppError:
        with pytest.raises(AppError) as caught:
            self.send(*requests, about=about)
        return caught.value


def calls_to(
    server: Server, *, auth: str = "api_key", amount: int = 100, allowed: bool = True, **secrets: str
) -> Calls:
    installation = Installation([f"127.0.0.1:{server.port}"] if allowed else [], {"crm": _app(amount=amount)})
    installation.connect(
        app="crm",
        base_url=f"http://127.0.0.1:{server.port}",
        auth=auth,
        secrets={"access_token": "old"} | secrets if auth == "api_key" else {"refresh_token": "r"} | secrets,
    )
    process = installation.process()
    return Calls(process.caller, process.metrics, installation.notes)


READ = HttpRequest(method="GET", path="/x")
WRITE = HttpRequest(method="POST", path="/x", body=b"{}")


def test_a_call_is_signed_and_answered(server: Server) -> None:
    server.replies.append(status(201, b"hello", ETag="7"))
    (answer,) = calls_to(server).send(HttpRequest(method="GET", path="/a b", query={"q": "ü"}))
    assert (answer.status, answer.body, answer.headers["etag"]) == (201, b"hello", "7")
    method, path, headers = server.seen[0]
    assert (method, path, headers["authorization"]) == ("GET", "/a%20b?q=%C3%BC", "Bearer old")


def test_redirects_are_not_followed(server: Server) -> None:
    server.replies.append(status(302, Location="http://169.254.169.254/"))
    assert calls_to(server).send(READ)[0].status == 302
    assert len(server.seen) == 1


def test_another_host_is_refused(server: Server) -> None:
    error = calls_to(server).refused(HttpRequest(method="GET", path="http://evil.example/x"))
    assert (error.code, error.retry, server.seen) == ("permission_denied", "setup", [])


def test_a_private_address_is_refused(server: Server) -> None:
    error = calls_to(server, allowed=False).refused(READ)
    assert (error.code, error.retry) == ("permission_denied", "setup")
    assert "SYNCLINE_ALLOW_PRIVATE_ADDRESSES" in error.message
    assert server.seen == []


@pytest.mark.parametrize("reply", [hang_up, silent])
def test_a_write_whose_answer_is_lost_may_have_been_executed(
    server: Server, reply: Reply, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_module, "READ_S", 0.3)
    server.replies.append(reply)
    error = calls_to(server).refused(WRITE)
    assert (error.code, error.retry, error.unknown) == ("app_unavailable", "outage", True)
    assert len(server.seen) == 1, "it is not sent again"


def test_a_read_on_a_connection_that_died_is_sent_once_more(server: Server) -> None:
    calls = calls_to(server)
    server.replies += [status(200), hang_up, status(200)]
    assert [answer.status for answer in calls.send(READ, READ)] == [200, 200]
    assert len(server.seen) == 3
    server.replies += [hang_up, hang_up]
    error = calls.refused(READ)
    assert not error.unknown, "a read changes nothing"


def test_nobody_listens(server: Server) -> None:
    calls = calls_to(Server(port=9))
    error = calls.refused(WRITE)
    assert (error.code, error.unknown) == ("app_unavailable", False)
    assert server.seen == []


def test_an_outage_after_a_change_of_the_same_exchange_is_unknown(server: Server) -> None:
    server.replies += [status(200), status(503)]
    assert calls_to(server).refused(WRITE, READ).unknown
    server.replies += [status(200), status(503)]
    assert not calls_to(server).refused(READ, READ).unknown


def test_calls_about_records_are_noted_with_the_apps_words_and_without_secrets(server: Server) -> None:
    calls = calls_to(server, access_token="pat-7f3e9")
    calls.send(READ)
    server.replies += [
        status(200, b'{"name": "Ann"}'),
        status(207, b'{"results": [{"name": "Ann"}], "errors": [{"message": "8 is gone"}]}'),
        status(200, b'{"said": "errors"}'),
    ]
    calls.send(READ, WRITE, READ, about=["7", "8"])
    said = b'no: pat-7f3e9 and {"refresh_token": "r9", "api_key":"k"} and password=secret&x=1 of Ann'
    server.replies += [status(200), status(403, said), hang_up]
    calls.send(READ, WRITE, about=["9"])
    calls.refused(WRITE, about=["10"])
    found = calls.notes.about("c", ("7", "9", "10", "11"), 9)
    assert [(note.method, note.path, note.status, note.said) for note in found] == [
        ("POST", "/x", 0, f"127.0.0.1:{server.port} broke off"),
        ("POST", "/x", 403, 'no: ••• and {"refresh_token": "•••", "api_key":"•••"} and password=•••&x=1 of Ann'),
        ("GET", "/x", 200, ""),
        ("GET", "/x", 200, ""),
        ("POST", "/x", 207, '[{"message": "8 is gone"}]'),
        ("GET", "/x", 200, ""),
    ]
    assert calls.notes.about("c", ("8",), 1)[0].about == ("7", "8")
    assert calls.notes.about("d", ("7",), 9) == []


def test_a_call_that_cannot_be_noted_is_as_good_as_any(server: Server) -> None:
    calls = calls_to(server)
    calls.caller._notes = RedisCallNotes(connect("redis://127.0.0.1:9/0"))
    (answer,) = calls.send(READ, about=["7"])
    assert answer.status == 200


def test_slow_down_pauses_the_account(server: Server) -> None:
    calls = calls_to(server)
    server.replies.append(status(429, Retry_After="3"))
    error = calls.refused(READ)
    assert (error.code, error.retry, error.retry_after_s, error.unknown) == ("rate_limited", "busy", 3.0, False)
    assert calls.metrics.value("own_429_total", connection="c") == 1
    error = calls.refused(READ)
    assert (error.code, len(server.seen)) == ("rate_limited", 1)
    assert error.retry_after_s is not None
    assert 2 < error.retry_after_s <= 3


def test_an_outage_pauses_and_one_call_probes(server: Server) -> None:
    calls = calls_to(server)
    server.replies.append(status(503))
    assert calls.refused(READ).retry == "outage"
    assert calls.refused(READ).code == "app_unavailable"
    assert len(server.seen) == 1
    assert calls.send(READ, wait_s=3.0)[0].status == 200


def test_a_spent_budget_is_told(server: Server) -> None:
    calls = calls_to(server, amount=2)
    calls.send(READ, READ)
    error = calls.refused(READ)
    assert (error.code, error.retry, error.unknown, len(server.seen)) == ("budget_spent", "busy", False, 2)
    assert error.retry_after_s is not None
    assert error.retry_after_s > 5
    assert calls.refused(WRITE).unknown is False, "it was not sent"


def test_an_answer_without_end_is_cut_off(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_module, "MAX_BODY", 1000)
    server.replies += [status(200, b"x" * 5000)]
    error = calls_to(server).refused(READ)
    assert (error.code, error.retry, error.smaller, len(server.seen)) == ("too_long", "edit", True, 1)


def test_a_token_is_got_first_and_a_refused_one_is_not_got_again(server: Server) -> None:
    """A 401 right after a renewal is no reason for another: it is told, and the connection pauses."""
    calls = calls_to(server, auth="oauth2_code")
    server.replies += [status(200), status(401)]
    assert calls.send(WRITE)[0].status == 401
    assert [(path, headers.get("authorization")) for _, path, headers in server.seen] == [
        ("/token", None), ("/x", "Bearer new"),
    ]  # fmt: skip


def test_a_connection_without_its_secret_says_what_to_do(server: Server) -> None:
    calls = calls_to(server)
    calls.caller.sign_ins._vault = Vault()
    error = calls.refused(READ)
    assert (error.code, error.retry) == ("auth_expired", "auth")
    assert "SYNCLINE_KEY_FILE" in error.message


def test_quotas_follow_the_connection() -> None:
    row = Connection(id="c", app="crm", label="", account="1", base_url="http://x", auth="none", limits={"calls": 7})
    assert [quota.amount for quota in quotas(_app(), row, "calls")] == [7]
    assert quotas(_app(), row, "other") == ()


def test_a_sign_in_can_have_quotas_of_its_own() -> None:
    """HubSpot gives public apps fewer calls than private ones; what a person set goes before both."""

    def calls(auth: str, **limits: int) -> int:
        row = Connection(id="c", app="hubspot", label="", account="1", base_url="http://x", auth=auth, limits=limits)
        return next(quota.amount for quota in quotas(APPS["hubspot"], row, "calls") if quota.name == "calls")

    assert (calls("api_key"), calls("oauth2_code"), calls("oauth2_code", calls=50)) == (190, 110, 50)
