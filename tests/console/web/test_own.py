"""What programs do for whoever their token belongs to: who that is, the password, sessions, and columns of the list."""

from tests.console.web.test_roles import visitor_as
from tests.services.console.window import PASSWORD, TOKEN, Window, caller_of, is_problem, pair


def bearer(window: Window) -> dict[str, str]:
    """Return what a token of a viewer is sent by."""
    made = window.access.tokens.make(caller_of(window.person("viewer")), "own", "viewer", 1)[1]
    return {"Authorization": f"Bearer {made}"}


def test_a_token_tells_whose_it_is_and_what_it_may(window: Window) -> None:
    headers = bearer(window)
    found = window.call("GET", "account", headers=headers).json()
    ann = window.access.accounts.people.by_email("ann@x.example")
    assert ann is not None
    assert (found["who"], found["role"], found["user"]) == ("own", "viewer", ann.id)
    assert found["token"] in headers["Authorization"]
    assert window.get("account") == {"who": "installation", "role": "admin", "user": None, "token": None}


def test_a_password_is_changed_by_whoever_knows_the_old_one(window: Window) -> None:
    """Sessions end by it, and the installation has none."""
    headers, visitor = bearer(window), visitor_as(window, "viewer")
    new = "ten blue bottles"
    wrong = window.call("PUT", "account/password", headers=headers, json={"old": new, "password": new})
    assert "not your password" in is_problem(wrong, 422)
    assert visitor.ask("/jobs").status_code == 200
    right = window.call("PUT", "account/password", headers=headers, json={"old": PASSWORD, "password": new})
    assert right.status_code == 204
    assert visitor.ask("/jobs").status_code == 303
    assert window.access.accounts.holds("ann@x.example", new) is not None
    is_problem(window.call("PUT", "account/password", json={"old": TOKEN, "password": new}), 404)


def test_all_own_sessions_end_and_no_others(window: Window) -> None:
    headers, visitor = bearer(window), visitor_as(window, "viewer")
    other = window.sessions.cookie(window.sessions.begin(None))
    assert window.call("DELETE", "account/sessions", headers=headers).status_code == 204
    assert visitor.ask("/jobs").status_code == 303
    assert window.sessions.read(other) is not None
    assert window.call("GET", "jobs", headers=headers).status_code == 200, "a token is no session"


def test_columns_are_kept_for_whoever_the_token_belongs_to(window: Window) -> None:
    """And the page shows them, in their order; no other console's version is overwritten."""
    window.show(pair("ann"))
    headers, visitor = bearer(window), visitor_as(window, "viewer")
    assert window.call("GET", "account/preferences", headers=headers).json()["columns"] is None
    wanted = {"columns": ["left", "status", "left"]}
    kept = window.call("PUT", "account/preferences", headers=headers, json=wanted)
    assert kept.json()["columns"] == ["left", "status"]
    words = visitor.open("/records").words
    assert "Ann h-ann In sync" in words
    stale = {**headers, "If-Match": '"0123456789abcdef"'}
    is_problem(window.call("PUT", "account/preferences", headers=stale, json={"columns": None}), 412)
    fresh = {**headers, "If-Match": kept.headers["ETag"]}
    assert window.call("PUT", "account/preferences", headers=fresh, json={"columns": None}).json()["columns"] is None
    is_problem(window.call("PUT", "account/preferences", headers=headers, json={"columns": ["nothing"]}), 422)
