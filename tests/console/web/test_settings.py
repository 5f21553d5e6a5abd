"""Users and tokens are managed by page, by API and at the command line, and secrets are shown once."""

import re

import pytest
import requests

from services.console.commands.parser import parser
from services.console.commands.settings.people import lines
from services.console.use.problems import Problem
from shared.wire import topics
from tests.console.web.client import ConsoleClient, Page
from tests.services.console.harness import PASSWORD, ConsoleHarness, caller_of, is_problem
from tests.services.environment import SYNC

NEW = "another long password"


@pytest.fixture(name="admin")
def _admin(console: ConsoleHarness) -> ConsoleClient:
    """Offer a browser of an admin."""
    client = ConsoleClient(console.address)
    client.http.cookies.set("syncline", console.sessions.cookie(console.sessions.begin(console.person("admin"))))
    return client


def secret_of(answer: requests.Response) -> str:
    """Return the secret that a page shows."""
    assert answer.status_code == 200, answer.text
    assert "This is shown once" in answer.text
    found = re.search(r'id="secret" value="([^"]+)"', answer.text)
    assert found is not None
    return found[1]


def with_token(console: ConsoleHarness, token: str, path: str = "health") -> int:
    return console.call("GET", path, headers={"Authorization": f"Bearer {token}"}).status_code


# Pages


def test_an_admin_invites_changes_resets_and_disables(console: ConsoleHarness, admin: ConsoleClient) -> None:
    page = admin.open("/settings/users")
    assert "ann@x.example" in page.words
    refused = admin.send(page.form("/settings/users"), email="ann@x.example", role="viewer")
    assert refused.status_code == 422
    assert 'href="#email"' in refused.text
    answer = admin.send(page.form("/settings/users"), email="bob@x.example", name="<b>Bob</b>", role="editor")
    link = secret_of(answer)
    assert link.startswith(f"{console.address}/welcome?token=")
    assert "Invited" in admin.open("/settings/users").words
    bob = ConsoleClient(console.address)
    bob.send(bob.open(link.removeprefix(console.address)).form("/welcome"), password=PASSWORD)
    page = admin.open("/settings/users")
    assert "<b>Bob</b>" in page.words, "a name is nothing but a name"
    user = console.access.accounts.people.by_email("bob@x.example")
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
    me = console.access.accounts.people.by_email("ann@x.example")
    assert me is not None
    assert admin.send(page.form(f"/settings/users/{me.id}/disable")).status_code == 409


def test_a_token_is_shown_once_and_ends_when_it_is_revoked(console: ConsoleHarness, admin: ConsoleClient) -> None:
    page = admin.open("/settings/tokens")
    refused = admin.send(page.form("/settings/tokens"), name=" ", role="viewer", days="30")
    assert refused.status_code == 422
    assert admin.send(page.form("/settings/tokens"), name="x", role="viewer", days="31").status_code == 422
    token = secret_of(admin.send(page.form("/settings/tokens"), name="backup", role="viewer", days="30"))
    assert with_token(console, token) == 200
    assert with_token(console, token, "users") == 403
    page = admin.open("/settings/tokens")
    assert token.split("_", 2)[2] not in page.answer.text
    assert "backup Works viewer ann@x.example" in page.words
    (made,) = console.access.accounts.people.tokens()
    raw = b"".join(row.raw or b"" for row in console.stored(topics.ACCESS))
    assert token.split("_", 2)[2].encode() not in raw, "a hash alone is stored"
    assert admin.send(page.form(f"/settings/tokens/{made.id}/revoke")).status_code == 303
    assert with_token(console, token) == 401


def test_another_password_keeps_this_browser_alone(console: ConsoleHarness, admin: ConsoleClient) -> None:
    other = ConsoleClient(console.address)
    other.http.cookies.update(admin.http.cookies)
    page = admin.open("/account")
    wrong = admin.send(page.form("/account/password"), old="guess", password=NEW)
    assert wrong.status_code == 422
    assert "This is not your password." in wrong.text
    assert admin.send(page.form("/account/password"), old=PASSWORD, password="short").status_code == 422
    assert admin.send(page.form("/account/password"), old=PASSWORD, password=NEW).status_code == 303
    assert admin.open("/account?done=password").headings == ["Your account"]
    assert other.ask("/").status_code == 303
    user = console.access.accounts.holds("ann@x.example", NEW)
    assert user is not None


def test_one_signs_out_everywhere(console: ConsoleHarness, admin: ConsoleClient) -> None:
    other = ConsoleClient(console.address)
    other.http.cookies.set("syncline", console.sessions.cookie(console.sessions.begin(console.person("admin"))))
    assert admin.send(admin.open("/account").form("/account/sign-out")).status_code == 303
    assert other.ask("/").status_code == admin.ask("/").status_code == 303


def test_the_installation_has_no_password(client: ConsoleClient) -> None:
    page = client.open("/account")
    assert "/account/password" not in [form.action for form in page.forms]
    token = page.form("/look").fields["form_token"]
    answer = client.ask("/account/password", "POST", data={"form_token": token, "old": "", "password": NEW})
    assert answer.status_code == 409


# API


def test_the_api_does_the_same(console: ConsoleHarness) -> None:
    console.person("admin")
    made = console.call("POST", "users", json={"email": "Bob@x.example", "role": "operator", "name": "Bob"}).json()
    assert (made["email"], made["role"], made["state"]) == ("bob@x.example", "operator", "invited")
    bob = ConsoleClient(console.address)
    assert bob.send(bob.open(made["path"]).form("/welcome"), password=PASSWORD).status_code == 303
    path = f"users/{made['id']}"
    assert console.call("PATCH", path, json={"role": "viewer"}).json()["role"] == "viewer"
    assert console.call("PATCH", path, json={"disabled": True}).json()["state"] == "disabled"
    assert is_problem(console.call("POST", f"{path}/reset"), 409)
    assert console.call("PATCH", path, json={"disabled": False}).json()["state"] == "active"
    assert "/welcome?token=" in console.call("POST", f"{path}/reset").json()["path"]
    assert {row["email"] for row in console.get("users")["users"]} == {"ann@x.example", "bob@x.example"}
    for body in ({"email": "bob"}, {"email": "bob@x.example"}, {"email": "c@x.example", "role": "king"}, {}):
        assert is_problem(console.call("POST", "users", json=body), 422)
    assert is_problem(console.call("PATCH", "users/nobody", json={}), 404)
    assert is_problem(console.call("DELETE", "tokens/nobody"), 404)


def test_a_token_may_no_more_than_its_role_and_its_owner(console: ConsoleHarness) -> None:
    owner = console.person("operator")
    by, tokens = caller_of(owner), console.access.tokens
    with pytest.raises(Problem, match="takes the role admin"):
        tokens.make(by, "too much", "admin", 1)
    _, secret = tokens.make(by, "resync", "operator", 1)
    asked = {"headers": {"Authorization": f"Bearer {secret}"}, "json": {"sync": SYNC}}
    assert console.call("POST", "jobs", **asked).status_code == 202
    made = console.call("POST", "tokens", headers=asked["headers"], json={"name": "mine", "role": "viewer"}).json()
    assert (made["owner"], made["role"]) == ("ann@x.example", "viewer")
    assert with_token(console, made["secret"]) == 200
    console.access.accounts.change(owner.id, role="viewer")
    assert console.call("POST", "jobs", **asked).status_code == 403
    assert with_token(console, secret) == 200
    console.access.accounts.change(owner.id, disabled=True)
    assert with_token(console, secret) == 401, "it ends with its owner"


def test_a_token_ends_in_its_time(console: ConsoleHarness) -> None:
    day, ever = (console.access.tokens.make(caller_of(console.person("viewer")), "t", "viewer", n)[1] for n in (1, 0))
    console.env.clock.advance(topics.DAY_MS)
    assert with_token(console, day) == 401
    assert with_token(console, ever) == 200
    assert [row["ended"] for row in console.get("tokens")["tokens"]].count(True) == 1


def test_a_token_that_is_not_quite_one_is_none(console: ConsoleHarness) -> None:
    token = console.token("viewer")
    head, name, secret = token.split("_", 2)
    for bad in (
        token[:-1],
        f"{token}x",
        token.upper(),
        f"{head}_{token}",
        f"{head}_0{name}_{secret}",
        f"{head}_{name}_",
    ):
        assert with_token(console, bad) == 401, bad


def test_a_token_of_the_api_opens_no_page(console: ConsoleHarness, anonymous: ConsoleClient) -> None:
    """It would be an admin there, whatever its role."""
    assert anonymous.sign_in(console.token("viewer")).status_code == 422
    assert anonymous.ask("/", headers={"Authorization": f"Bearer {console.token('admin')}"}).status_code == 303


# Command line


def said(console: ConsoleHarness, *words: str) -> list[str]:
    return list(lines(console.access.accounts, parser().parse_args(words), "https://console.example"))


def test_commands_do_the_same(console: ConsoleHarness, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(console, "users") == ["there are no users"]
    (line,) = said(console, "users", "add", "Bob@x.example", "operator")
    where = re.fullmatch(r"bob@x.example is invited, .*: https://console.example(/welcome\?token=\S+)", line)
    assert where is not None
    client = ConsoleClient(console.address)
    assert client.send(Page(client.ask(where[1])).form("/welcome"), password=PASSWORD).status_code == 303
    assert said(console, "users", "list") == ["bob@x.example  operator  active"]
    assert said(console, "users", "role", "bob@x.example", "editor") == ["bob@x.example is editor"]
    assert said(console, "users", "disable", "bob@x.example") == ["bob@x.example is disabled"]
    assert said(console, "users", "enable", "bob@x.example") == ["bob@x.example is enabled"]
    assert "/welcome?token=" in said(console, "users", "reset", "bob@x.example")[0]
    for words in (("role", "bob@x.example", "king"), ("reset", "eve@x.example")):
        with pytest.raises(Problem):
            said(console, "users", *words)
    assert said(console, "tokens") == ["there are no tokens"]
    (secret,) = said(console, "tokens", "add", "backup", "--role", "operator", "--days", "1")
    assert with_token(console, secret) == 200
    (made,) = console.access.accounts.people.tokens()
    assert made.id in capsys.readouterr().err
    assert said(console, "tokens", "list") == [f"{made.id}  backup  operator  installation"]
    assert said(console, "tokens", "revoke", made.id) == ["backup has ended"]
    assert with_token(console, secret) == 401
