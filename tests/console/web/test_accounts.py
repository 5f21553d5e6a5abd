"""Apps that can be connected, and the accounts that are: looked at, renamed, tested, paused, resumed, disconnected."""

from urllib.parse import urlsplit

import pytest
import requests

from services.console.commands.settings import accounts as account_commands
from shared.io.calls.tokens import Paused
from shared.settings import Settings
from shared.wire import topics
from shared.wire.messages import Cursor, SetupDoc
from tests.console.web.client import ConsoleClient, Page
from tests.console.web.examples import NASTY
from tests.services.console.harness import TOKEN, ConsoleHarness, is_problem
from tests.services.environment import LEFT, RIGHT, SYNC, connection, fails


def follow(client: ConsoleClient, answer: requests.Response) -> Page:
    """Go where a form leads."""
    assert answer.status_code == 303, answer.text
    return client.open(answer.headers["Location"])


def press(client: ConsoleClient, path: str, what: str, **fields: str) -> Page:
    """Press a button of a page."""
    return follow(client, client.send(client.open(path).form(f"{path}/{what}"), **fields))


# Looking


def test_apps_are_found_by_their_name_and_by_what_they_hold(console: ConsoleHarness, client: ConsoleClient) -> None:
    words = client.open("/apps").words
    assert words.index("Opaque 1 account") < words.index("Ordered 1 account")
    assert "Changes Asked for changes every 5 minutes" in words or "Changes Asked for changes every minute" in words
    assert "Sign-in No sign-in" in words
    assert "Ordered" not in client.open("/apps?q=opaque+contacts").text
    assert "No app matches" in client.open("/apps?q=deal").words
    assert [row["id"] for row in console.get("apps", q="CONTACT")["apps"]] == ["opaque", "ordered"]
    assert console.get("apps", q="deal")["apps"] == []


def test_an_app_shows_its_accounts_and_their_syncs(console: ConsoleHarness, client: ConsoleClient) -> None:
    page = client.open("/apps/ordered")
    assert f"{LEFT.title()} Connected" in page.words
    assert f"/syncs/{SYNC}" in page.links
    assert f"/connections/{LEFT}" in page.links
    assert f"/connections/{RIGHT}" not in page.links
    assert [row["id"] for row in console.get("apps/ordered")["connections"]] == [LEFT]
    client.open("/apps/nobody", 404)
    assert "there are: ordered, opaque" in is_problem(console.call("GET", "apps/nobody"), 404)


def test_an_account_says_what_it_is_and_who_uses_it(console: ConsoleHarness, client: ConsoleClient) -> None:
    words = client.open(f"/connections/{LEFT}").words
    assert "Known there as account-hub" in words
    assert "Address http://memory" in words
    assert f"{SYNC} Hub and back Book" in words
    told = console.get(f"connections/{LEFT}")
    assert (told["state"], told["disconnecting"]["used_by"]) == ("running", [SYNC])
    assert {row["id"] for row in console.get("connections")["connections"]} == {LEFT, RIGHT}


def test_a_refused_sign_in_leads_from_home_to_the_account(console: ConsoleHarness, client: ConsoleClient) -> None:
    console.paused[LEFT] = Paused(code="auth_expired", message="token revoked by ann", again_ms=1)
    assert f"/connections/{LEFT}" in client.open("/").links
    words = client.open(f"/connections/{LEFT}").words
    assert "This account is paused: sign-in expired token revoked by ann Reconnect the account" in words


# Renaming


def test_an_account_is_renamed(console: ConsoleHarness, client: ConsoleClient) -> None:
    path = f"/connections/{LEFT}"
    page = press(client, path, "rename", label=f"  {NASTY}  of   Europe ")
    assert page.headings == [f"{NASTY} of Europe"]
    assert "The account has its new name." in page.words
    row = console.env.setups.connection(LEFT)
    assert (row.label, row.version) == (f"{NASTY} of Europe", 2)
    assert console.call("PATCH", f"connections/{LEFT}", json={"label": "Hub"}).json()["label"] == "Hub"


@pytest.mark.parametrize("label", ["", "   ", "x" * 81])
def test_a_name_that_is_none_is_refused_at_its_field(
    console: ConsoleHarness, client: ConsoleClient, label: str
) -> None:
    path = f"/connections/{LEFT}"
    answer = client.send(client.open(path).form(f"{path}/rename"), label=label)
    assert answer.status_code == 422
    page = Page(answer)
    assert "#label" in page.links
    assert ("input", "aria-invalid", "true") in page.attributes
    assert console.env.setups.connection(LEFT).label == "Hub"
    assert console.call("PATCH", f"connections/{LEFT}", json={"label": label}).status_code == 422


def test_the_same_name_again_changes_nothing(console: ConsoleHarness) -> None:
    console.call("PATCH", f"connections/{LEFT}", json={"label": "Hub"})
    assert console.env.setups.connection(LEFT).version == 1
    assert console.env.told(topics.SETUPS) == []


# Testing


def test_an_account_is_asked_who_it_is(console: ConsoleHarness, client: ConsoleClient) -> None:
    console.env.set_up("connection", SetupDoc(connection=connection(LEFT, "ordered", account="1", version=2)), LEFT)
    assert "The account answered just now." in press(client, f"/connections/{LEFT}", "test").words
    assert console.call("POST", f"connections/{LEFT}/test").json() == {
        "works": True, "reason": "", "detail": "", "account": "memory",
    }  # fmt: skip


def test_an_account_that_does_not_answer_says_so(console: ConsoleHarness, client: ConsoleClient) -> None:
    console.env.answers["read"] = fails(code="auth_expired", message="no such token", retry="auth")
    page = press(client, f"/connections/{LEFT}", "test")
    assert "It does not work: sign-in expired Reconnect the account" in page.words
    told = console.call("POST", f"connections/{LEFT}/test").json()
    assert (told["works"], told["reason"], told["detail"]) == (False, "auth_expired", "no such token")


def test_an_account_that_became_another_one_does_not_work(console: ConsoleHarness) -> None:
    """Its records are strangers."""
    told = console.call("POST", f"connections/{LEFT}/test").json()
    assert (told["works"], told["account"]) == (False, "memory")
    assert "was made for account-hub" in told["detail"]


# Pausing


def test_an_account_is_paused_and_resumed(console: ConsoleHarness, client: ConsoleClient) -> None:
    """Home says so, and leads to the button that ends it."""
    path = f"/connections/{LEFT}"
    page = press(client, path, "pause")
    assert "Paused" in page.words
    assert "Somebody paused this account Resume the account; its syncs wait and lose nothing." in page.words
    assert console.env.setups.connection(LEFT).paused
    told = console.get("health")["problems"][0]
    assert (told["title"], told["who"], told["connection"]) == ("Hub is paused", "operator", LEFT)
    assert "Somebody paused the account." in client.open("/").words
    page = press(client, path, "resume")
    assert "Somebody paused" not in page.words
    row = console.env.setups.connection(LEFT)
    assert (row.paused, row.version) == (False, 3)
    for what, state in (("pause", "paused"), ("pause", "paused"), ("resume", "running")):
        assert console.call("POST", f"connections/{LEFT}/{what}").json()["state"] == state


def test_two_people_at_once_are_told(console: ConsoleHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    setups = console.env.setups
    row = setups.connection(LEFT)
    other = row.model_copy(update={"label": "Other", "version": 2})
    monkeypatch.setattr(console.installation.connections, "find", lambda _: row)
    console.env.set_up("connection", SetupDoc(connection=other), LEFT)
    assert "Somebody else changed this at the same moment" in is_problem(
        console.call("POST", f"connections/{LEFT}/pause"), 409
    )
    assert (setups.connection(LEFT).label, setups.connection(LEFT).paused) == ("Other", False)


def test_while_kafka_is_away_nothing_is_changed(console: ConsoleHarness) -> None:
    with console.env.kafka_away():
        assert console.call("POST", f"connections/{LEFT}/pause").headers["Retry-After"] == "1"
    assert not console.env.setups.connection(LEFT).paused


# Disconnecting


def test_an_account_that_a_sync_uses_stays(console: ConsoleHarness, client: ConsoleClient) -> None:
    page = client.open(f"/connections/{LEFT}/disconnect")
    assert "It cannot be disconnected yet" in page.words
    assert f"/syncs/{SYNC}" in page.links
    assert f"/connections/{LEFT}/disconnect" not in [form.action for form in page.forms]
    detail = is_problem(console.call("DELETE", f"connections/{LEFT}"), 409)
    assert detail == f"Connection 'hub' is used by {SYNC}: delete these syncs first."
    assert console.env.setups.connection(LEFT).version == 1


def test_disconnecting_says_first_what_is_left_behind(console: ConsoleHarness, client: ConsoleClient) -> None:
    console.env.set_up("connection", SetupDoc(connection=connection("spare", "ordered")), "spare")
    cursor = Cursor(connection="spare", object="contact", feed="changed", cursor="c")
    console.env.inbound(topics.CURSORS, ("spare/contact/changed", cursor))
    path = "/connections/spare"
    page = client.open(f"{path}/disconnect")
    assert "Left behind What Syncline added to Ordered stays there" in page.words
    assert "Records stay as they are" in page.words
    gone = follow(client, client.send(page.form(f"{path}/disconnect")))
    assert urlsplit(gone.answer.url).path == "/apps/ordered"
    assert "The account is disconnected, and its secrets are erased." in gone.words
    client.open(path, 404)
    assert console.env.told(topics.CURSORS)[-1] is None
    is_problem(console.call("DELETE", "connections/spare"), 404)


# The command line


@pytest.fixture(name="settings")
def _settings(console: ConsoleHarness) -> Settings:
    port = urlsplit(console.address).port
    return Settings(console_token=TOKEN, console_port=port)  # type: ignore[arg-type]  # a secret as text


def test_commands_do_what_the_pages_do(
    console: ConsoleHarness, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert account_commands.run_apps("opaque", settings=settings) == 0
    assert capsys.readouterr().out.startswith("opaque: Opaque (Contacts). Asked for changes every")
    assert account_commands.run(None, [], settings=settings) == 0
    assert "hub: Hub, account-hub, running\n" in capsys.readouterr().out
    assert account_commands.run("rename", [LEFT, "Hub of Europe"], settings=settings) == 0
    assert capsys.readouterr().out == "hub: Hub of Europe, account-hub, running\n"
    assert account_commands.run("pause", [LEFT], settings=settings) == 0
    assert capsys.readouterr().out == (
        "hub: Hub of Europe, account-hub, paused (account_paused). Resume the account; its syncs wait and lose "
        "nothing.\n"
    )
    assert account_commands.run("resume", [LEFT], settings=settings) == 0
    assert account_commands.run("show", [LEFT], settings=settings) == 0
    assert capsys.readouterr().out.endswith(f"used by {SYNC}\n")
    console.env.answers["read"] = fails(message="nobody there")
    assert account_commands.run("test", [LEFT], settings=settings) == 1
    assert capsys.readouterr().out == "it does not work (app_unavailable): nobody there\n"
    assert account_commands.run("test", [], settings=settings) == 1
    assert account_commands.run("show", ["nobody"], settings=settings) == 1
    assert "There is no connection 'nobody'" in capsys.readouterr().err


def test_an_unknown_reason_is_not_shown_from_the_address(client: ConsoleClient) -> None:
    """Nobody can write into a page by a link."""
    assert "evil" not in client.open(f"/connections/{LEFT}?tested=evil&done=evil").words
