"""Who may speak to the console: under its own name, with few wrong tokens; and a browser is told what this is."""

import pytest
import requests

from services.console.access.authentication import FREE_AT_ADDRESS, network
from services.console.access.guard import is_ours
from shared.io.redis.attempts import LONGEST_WAIT_MS
from tests.services.console.harness import ConsoleHarness, is_problem


def ask(console: ConsoleHarness, path: str, **headers: str) -> requests.Response:
    with requests.Session() as http:
        http.trust_env = False
        return http.get(f"{console.address}{path}", headers=headers, timeout=20)


def test_a_browser_is_told_what_this_is(console: ConsoleHarness) -> None:
    answer = ask(console, "/", Accept="text/html")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "<h1>Sign in</h1>" in answer.text
    assert "SYNCLINE_CONSOLE_TOKEN" in answer.text


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8702", "localhost.evil.example", "127.0.0.1.evil.example"]
)
def test_another_name_is_refused_also_with_the_token(console: ConsoleHarness, host: str) -> None:
    """A page elsewhere can have its own name lead to this address."""
    assert host in is_problem(console.call("GET", "health", headers={"Host": host}), 421)
    assert ask(console, "/", Host=host).status_code == 421


def test_names_of_our_own_are_taken() -> None:
    for host in ("localhost", "LOCALHOST:8702", "127.0.0.1:8702", "[::1]:8702", "10.1.2.3", "sync.firm.example."):
        assert is_ours(host, ("Sync.firm.example",)), host
    for host in ("", "sync.firm.example.evil.example", "x"):
        assert not is_ours(host, ("sync.firm.example",)), host


def test_after_many_wrong_tokens_a_client_is_not_heard_for_a_while(console: ConsoleHarness) -> None:
    for _ in range(FREE_AT_ADDRESS):
        assert ask(console, "/api/v1/health").status_code == 401, "no token is no wrong one"
    assert console.call("GET", "health").status_code == 200
    for _ in range(FREE_AT_ADDRESS):
        assert ask(console, "/api/v1/health", Authorization="Bearer guess").status_code == 401
    refused = console.call("GET", "health")
    assert "wrong tries" in is_problem(refused, 429)
    assert 0 < int(refused.headers["Retry-After"]) <= LONGEST_WAIT_MS // 1000
    console.env.clock.advance(LONGEST_WAIT_MS)
    assert console.call("GET", "health").status_code == 200


def test_who_counts_as_one_address() -> None:
    assert network("10.1.2.3") == network("::ffff:10.1.2.3") == "10.1.2.3"
    assert network("2001:db8:1:2::3") == network("2001:db8:1:2:ffff::9") != network("2001:db8:1:3::3")
    assert network("fe80::1%eth0") == "fe80::"
    assert network("testclient") == network("") == "unknown"
