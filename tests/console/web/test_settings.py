"""Users and tokens are managed by page, by API and at the command line, and secrets are shown once."""

import re

import pytest
import requests

from services.console.commands.parser import parser
from services.console.commands.people import lines
from services.console.use.problems import Problem
from shared import topics
from tests.console.web.visitor import Page, Visitor
from tests.services.console.window import PASSWORD, Window, caller_of, is_problem
from tests.services.desk import SYNC

NEW = "another long password"


@pytest.fixture(name="admin")
def _admin(window: Window) -> Visitor:
    """Offer a browser of an admin."""
    visitor = Visitor(window.address)
    visitor.http.cookies.set("syncline", window.sessions.cookie(window.sessions.begin(window.person("admin"))))
    return visitor


def secret_of(answer: requests.Response) -> str:
    """Return the secret that a page shows."""
    assert answer.status_code == 200, answer.text
    assert "This is shown once" in answer.text
    found = re.search(r'id="secret" value="([^"]+)"', answer.text)
    assert found is not None
    return found[1]


def with_token(window: Window, token: str, path: str = "health") -> int:
    return window.call("GET", path, headers={"Authorization": f"Bearer {token}"}).status_code


# Pages


def test_an_admin_invites_changes_resets_and_disables(window: Window, admin: Visitor) -> None:
    page = admin.open("/settings/users")
    assert "ann@x.example" in page.words
    refused = admin.send(page.form("/settings/users"), email="ann@x.example", role="viewer")
    assert refused.status_code == 422
    assert 'href="#email"' in refused.text
    answer = admin.send(page.form("/settings/users"), email="bob@x.example", name="<b>Bob</b>", role="editor")
    link = secret_of(answer)
    assert link.startswith(f"{window.address}/welcome?token=")
    assert "Invited" in admin.open("/settings/users").words
    bob = Visitor(window.address)
    bob.send(bob.open(link.removeprefix(window.address)).form("/welcome"), password=PASSWORD)
    page = admin.open("/settings/users")
    assert "<b>Bob</b>" in page.words, "a name is nothing but a name"
    user = window.access.accounts.people.by_email("bob@x.example")
    assert user is not None
    path = f"/settings/users/{user.id}"
    assert bob.open("/account").words.count("editor: ") == 1
    answer = admin.send(page.form(f"{path}/role"), role="operator")
    assert answer.headers["Location"].startswith("/settings/users?done=role")
    assert bob.open("/account").words.count("operator: ") == 1
    assert admin.send(page.form(f"{path}/role"), role="king").status_code == 422
    assert secret_of(admin.send(page.form(f"{path}/reset"))) != link
    assert bob.ask("/").status_code == 303
    admin.send(page.form(f"{path}/disable"))
    page = admin.open("/settings/users?done=disabled")
    assert "Disabled" in page.words
    assert "shut out" in page.words
    assert f"{path}/reset" not in [form.action for form in page.forms]
    admin.send(page.form(f"{path}/enable"))
    assert "Invitation ended" in admin.open("/settings/users").words
    me = window.access.accounts.people.by_email("ann@x.example")
    assert me is not None
    assert admin.send(page.form(f"/settings/users/{me.id}/disable")).status_code == 409


def test_a_token_is_shown_once_and_ends_when_it_is_revoked(window: Window, admin: Visitor) -> None:
    page = admin.open("/settings/tokens")
    refused = admin.send(page.form("/settings/tokens"), name=" ", role="viewer", days="30")
    assert refused.status_code == 422
    assert admin.send(page.form("/settings/tokens"), name="x", role="viewer", days="31").status_code == 422
    token = secret_of(admin.send(page.form("/settings/tokens"), name="backup", role="viewer", days="30"))
    assert with_token(window, token) == 200
    assert with_token(window, token, "users") == 403
    page = admin.open("/settings/tokens")
    assert token.split("_", 2)[2] not in page.answer.text
    assert "backup Works viewer ann@x.example" in page.words
    (made,) = window.access.accounts.people.tokens()
    raw = b"".join(row.raw or b"" for row in window.stored(topics.ACCESS))
    assert token.split("_", 2)[2].encode() not in raw, "a hash alone is stored"
    assert admin.send(page.form(f"/settings/tokens/{made.id}/revoke")).status_code == 303
    assert with_token(window, token) == 401


def test_another_password_keeps_this_browser_alone(window: Window, admin: Visitor) -> None:
    other = Visitor(window.address)
    other.http.cookies.update(admin.http.cookies)
    page = admin.open("/account")
    wrong = admin.send(page.form("/account/password"), old="guess", password=NEW)
    assert wrong.status_code == 422
    assert "This is not your password." in wrong.text
    assert admin.send(page.form("/account/password"), old=PASSWORD, password="short").status_code == 422
    assert admin.send(page.form("/account/password"), old=PASSWORD, password=NEW).status_code == 303
    assert admin.open("/account?done=password").headings == ["Your account"]
    assert other.ask("/").status_code == 303
    user = window.access.accounts.holds("ann@x.example", NEW)
    assert user is not None


def test_one_signs_out_everywhere(window: Window, admin: Visitor) -> None:
    other = Visitor(window.address)
    other.http.cookies.set("syncline", window.sessions.cookie(window.sessions.begin(window.person("admin"))))
    assert admin.send(admin.open("/account").form("/account/sign-out")).status_code == 303
    assert other.ask("/").status_code == admin.ask("/").status_code == 303


def test_the_installation_has_no_password(visitor: Visitor) -> None:
    page = visitor.open("/account")
    assert "/account/password" not in [form.action for form in page.forms]
    token = page.form("/look").fields["form_token"]
    answer = visitor.ask("/account/password", "POST", data={"form_token": token, "old": "", "password": NEW})
    assert answer.status_code == 409


# API


def test_the_api_does_the_same(window: Window) -> None:
    window.person("admin")
    made = window.call("POST", "users", json={"email": "Bob@x.example", "role": "operator", "name": "Bob"}).json()
    assert (made["email"], made["role"], made["state"]) == ("bob@x.example", "operator", "invited")
    bob = Visitor(window.address)
    assert bob.send(bob.open(made["path"]).form("/welcome"), password=PASSWORD).status_code == 303
    path = f"users/{made['id']}"
    assert window.call("PATCH", path, json={"role": "viewer"}).json()["role"] == "viewer"
    assert window.call("PATCH", path, json={"disabled": True}).json()["state"] == "disabled"
    assert is_problem(window.call("POST", f"{path}/reset"), 409)
    assert window.call("PATCH", path, json={"disabled": False}).json()["state"] == "active"
    assert "/welcome?token=" in window.call("POST", f"{path}/reset").json()["path"]
    assert {row["email"] for row in window.get("users")["users"]} == {"ann@x.example", "bob@x.example"}
    for body in ({"email": "bob"}, {"email": "bob@x.example"}, {"email": "c@x.example", "role": "king"}, {}):
        assert is_problem(window.call("POST", "users", json=body), 422)
    assert is_problem(window.call("PATCH", "users/nobody", json={}), 404)
    assert is_problem(window.call("DELETE", "tokens/nobody"), 404)


def test_a_token_may_no_more_than_its_role_and_its_owner(window: Window) -> None:
    owner = window.person("operator")
    by, tokens = caller_of(owner), window.access.tokens
    with pytest.raises(Problem, match="takes the role admin"):
        tokens.make(by, "too much", "admin", 1)
    _, secret = tokens.make(by, "resync", "operator", 1)
    asked = {"headers": {"Authorization": f"Bearer {secret}"}, "json": {"sync": SYNC}}
    assert window.call("POST", "jobs", **asked).status_code == 202
    made = window.call("POST", "tokens", headers=asked["headers"], json={"name": "mine", "role": "viewer"}).json()
    assert (made["owner"], made["role"]) == ("ann@x.example", "viewer")
    assert with_token(window, made["secret"]) == 200
    window.access.accounts.change(owner.id, role="viewer")
    assert window.call("POST", "jobs", **asked).status_code == 403
    assert with_token(window, secret) == 200
    window.access.accounts.change(owner.id, disabled=True)
    assert with_token(window, secret) == 401, "it ends with its owner"


def test_a_token_ends_in_its_time(window: Window) -> None:
    day, ever = (window.access.tokens.make(caller_of(window.person("viewer")), "t", "viewer", n)[1] for n in (1, 0))
    window.desk.clock.advance(topics.DAY_MS)
    assert with_token(window, day) == 401
    assert with_token(window, ever) == 200
    assert [row["ended"] for row in window.get("tokens")["tokens"]].count(True) == 1


def test_a_token_that_is_not_quite_one_is_none(window: Window) -> None:
    token = window.token("viewer")
    head, name, secret = token.split("_", 2)
    for bad in (
        token[:-1],
        f"{token}x",
        token.upper(),
        f"{head}_{token}",
        f"{head}_0{name}_{secret}",
        f"{head}_{name}_",
    ):
        assert with_token(window, bad) == 401, bad


def test_a_token_of_the_api_opens_no_page(window: Window, stranger: Visitor) -> None:
    """It would be an admin there, whatever its role."""
    assert stranger.sign_in(window.token("viewer")).status_code == 422
    assert stranger.ask("/", headers={"Authorization": f"Bearer {window.token('admin')}"}).status_code == 303


# Command line


def said(window: Window, *words: str) -> list[str]:
    return list(lines(window.access.accounts, parser().parse_args(words), "https://console.example"))


def test_commands_do_the_same(window: Window, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(window, "users") == ["there are no users"]
    (line,) = said(window, "users", "add", "Bob@x.example", "operator")
    where = re.fullmatch(r"bob@x.example is invited, .*: https://console.example(/welcome\?token=\S+)", line)
    assert where is not None
    visitor = Visitor(window.address)
    assert visitor.send(Page(visitor.ask(where[1])).form("/welcome"), password=PASSWORD).status_code == 303
    assert said(window, "users", "list") == ["bob@x.example  operator  active"]
    assert said(window, "users", "role", "bob@x.example", "editor") == ["bob@x.example is editor"]
    assert said(window, "users", "disable", "bob@x.example") == ["bob@x.example is disabled"]
    assert said(window, "users", "enable", "bob@x.example") == ["bob@x.example is enabled"]
    assert "/welcome?token=" in said(window, "users", "reset", "bob@x.example")[0]
    for words in (("role", "bob@x.example", "king"), ("reset", "eve@x.example")):
        with pytest.raises(Problem):
            said(window, "users", *words)
    assert said(window, "tokens") == ["there are no tokens"]
    (secret,) = said(window, "tokens", "add", "backup", "--role", "operator", "--days", "1")
    assert with_token(window, secret) == 200
    (made,) = window.access.accounts.people.tokens()
    assert made.id in capsys.readouterr().err
    assert said(window, "tokens", "list") == [f"{made.id}  backup  operator  installation"]
    assert said(window, "tokens", "revoke", made.id) == ["backup has ended"]
    assert with_token(window, secret) == 401
