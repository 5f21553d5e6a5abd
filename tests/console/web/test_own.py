"""What programs do for whoever their token belongs to: who that is, the password, sessions, and columns of the list."""

from tests.console.web.test_roles import client_as
from tests.services.console.harness import PASSWORD, TOKEN, ConsoleHarness, caller_of, is_problem, pair


def bearer(console: ConsoleHarness) -> dict[str, str]:
    """Return what a token of a viewer is sent by."""
    made = console.access.tokens.make(caller_of(console.person("viewer")), "own", "viewer", 1)[1]
    return {"Authorization": f"Bearer {made}"}


def test_a_token_tells_whose_it_is_and_what_it_may(console: ConsoleHarness) -> None:
    headers = bearer(console)
    found = console.call("GET", "account", headers=headers).json()
    ann = console.access.accounts.people.by_email("ann@x.example")
    assert ann is not None
    assert (found["who"], found["role"], found["user"]) == ("own", "viewer", ann.id)
    assert found["token"] in headers["Authorization"]
    assert console.get("account") == {
        "who": "installation",
        "role": "admin",
        "user": None,
        "token": None,
        "scopes": None,
    }


def test_a_password_is_changed_by_whoever_knows_the_old_one(console: ConsoleHarness) -> None:
    """Sessions end by it, and the installation has none."""
    headers, client = bearer(console), client_as(console, "viewer")
    new = "ten blue bottles"
    wrong = console.call("PUT", "account/password", headers=headers, json={"old": new, "password": new})
    assert "not your password" in is_problem(wrong, 422)
    assert client.ask("/jobs").status_code == 200
    right = console.call("PUT", "account/password", headers=headers, json={"old": PASSWORD, "password": new})
    assert right.status_code == 204
    assert client.ask("/jobs").status_code == 303
    assert console.access.accounts.holds("ann@x.example", new) is not None
    is_problem(console.call("PUT", "account/password", json={"old": TOKEN, "password": new}), 404)


def test_all_own_sessions_end_and_no_others(console: ConsoleHarness) -> None:
    headers, client = bearer(console), client_as(console, "viewer")
    other = console.sessions.cookie(console.sessions.begin(None))
    assert console.call("DELETE", "account/sessions", headers=headers).status_code == 204
    assert client.ask("/jobs").status_code == 303
    assert console.sessions.read(other) is not None
    assert console.call("GET", "jobs", headers=headers).status_code == 200, "a token is no session"


def test_columns_are_kept_for_whoever_the_token_belongs_to(console: ConsoleHarness) -> None:
    """And the page shows them, in their order; no other console's version is overwritten."""
    console.show(pair("ann"))
    headers, client = bearer(console), client_as(console, "viewer")
    assert console.call("GET", "account/preferences", headers=headers).json()["columns"] is None
    wanted = {"columns": ["left", "status", "left"]}
    kept = console.call("PUT", "account/preferences", headers=headers, json=wanted)
    assert kept.json()["columns"] == ["left", "status"]
    words = client.open("/records").words
    assert "Ann h-ann In sync" in words
    stale = {**headers, "If-Match": '"0123456789abcdef"'}
    is_problem(console.call("PUT", "account/preferences", headers=stale, json={"columns": None}), 412)
    fresh = {**headers, "If-Match": kept.headers["ETag"]}
    assert console.call("PUT", "account/preferences", headers=fresh, json={"columns": None}).json()["columns"] is None
    is_problem(console.call("PUT", "account/preferences", headers=headers, json={"columns": ["nothing"]}), 422)
