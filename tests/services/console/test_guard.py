"""Who may speak to the console: under its own name, with few wrong tokens; and a browser is told what this is."""

import pytest
import requests

from services.console.guard import MOST_WRONG, WINDOW_MS, WrongTokens, is_ours
from tests.services.console.window import Window, is_problem


def ask(window: Window, path: str, **headers: str) -> requests.Response:
    with requests.Session() as http:
        http.trust_env = False
        return http.get(f"{window.address}{path}", headers=headers, timeout=20)


def test_a_browser_is_told_what_this_is(window: Window) -> None:
    answer = ask(window, "/", Accept="text/html")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "<h1>Sign in</h1>" in answer.text
    assert "SYNCLINE_CONSOLE_TOKEN" in answer.text


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8702", "localhost.evil.example", "127.0.0.1.evil.example"]
)
def test_another_name_is_refused_also_with_the_token(window: Window, host: str) -> None:
    """A page elsewhere can have its own name lead to this address."""
    assert host in is_problem(window.call("GET", "health", headers={"Host": host}), 421)
    assert ask(window, "/", Host=host).status_code == 421


def test_names_of_our_own_are_taken() -> None:
    for host in ("localhost", "LOCALHOST:8702", "127.0.0.1:8702", "[::1]:8702", "10.1.2.3", "sync.firm.example."):
        assert is_ours(host, ("Sync.firm.example",)), host
    for host in ("", "sync.firm.example.evil.example", "x"):
        assert not is_ours(host, ("sync.firm.example",)), host


def test_after_many_wrong_tokens_a_client_is_not_heard_for_a_while(window: Window) -> None:
    for _ in range(MOST_WRONG):
        assert ask(window, "/api/v1/health").status_code == 401, "no token is no wrong one"
    assert window.call("GET", "health").status_code == 200
    for _ in range(MOST_WRONG):
        assert ask(window, "/api/v1/health", Authorization="Bearer guess").status_code == 401
    refused = window.call("GET", "health")
    assert "wrong tokens" in is_problem(refused, 429)
    assert 0 < int(refused.headers["Retry-After"]) <= WINDOW_MS // 1000
    window.desk.clock.advance(WINDOW_MS)
    assert window.call("GET", "health").status_code == 200


def test_one_client_costs_another_nothing_and_strangers_cost_no_memory() -> None:
    wrong = WrongTokens()
    for _ in range(MOST_WRONG):
        wrong.note("10.0.0.1", 1000)
    assert wrong.wait_s("10.0.0.1", 1000) == 60
    assert wrong.wait_s("10.0.0.2", 1000) == 0
    assert wrong.wait_s("10.0.0.1", 61_000) == 0
    for number in range(5000):
        wrong.note(f"c{number}", 2000)
    assert len(wrong._wrong) <= 1000
