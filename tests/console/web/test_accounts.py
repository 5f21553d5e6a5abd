"""Apps that can be connected, and the accounts that are: looked at, renamed, tested, paused, resumed, disconnected."""

from urllib.parse import urlsplit

import pytest
import requests

from services.console.commands import accounts as account_commands
from shared import topics
from shared.io.tokens import Paused
from shared.messages import Cursor, SetupDoc
from shared.settings import Settings
from tests.console.web.examples import NASTY
from tests.console.web.visitor import Page, Visitor
from tests.services.console.window import TOKEN, Window, is_problem
from tests.services.desk import LEFT, RIGHT, SYNC, connection, fails


def follow(visitor: Visitor, answer: requests.Response) -> Page:
    """Go where a form leads."""
    assert answer.status_code == 303, answer.text
    return visitor.open(answer.headers["Location"])


def press(visitor: Visitor, path: str, what: str, **fields: str) -> Page:
    """Press a button of a page."""
    return follow(visitor, visitor.send(visitor.open(path).form(f"{path}/{what}"), **fields))


# Looking


def test_apps_are_found_by_their_name_and_by_what_they_hold(window: Window, visitor: Visitor) -> None:
    words = visitor.open("/apps").words
    assert words.index("Opaque 1 account") < words.index("Ordered 1 account")
    assert "Changes Asked for changes every 5 minutes" in words or "Changes Asked for changes every minute" in words
    assert "Sign-in No sign-in" in words
    assert "Ordered" not in visitor.open("/apps?q=opaque+contacts").text
    assert "No app matches" in visitor.open("/apps?q=deal").words
    assert [row["id"] for row in window.get("apps", q="CONTACT")["apps"]] == ["opaque", "ordered"]
    assert window.get("apps", q="deal")["apps"] == []


def test_an_app_shows_its_accounts_and_their_syncs(window: Window, visitor: Visitor) -> None:
    page = visitor.open("/apps/ordered")
    assert f"{LEFT.title()} Connected" in page.words
    assert f"/syncs/{SYNC}" in page.links
    assert f"/connections/{LEFT}" in page.links
    assert f"/connections/{RIGHT}" not in page.links
    assert [row["id"] for row in window.get("apps/ordered")["connections"]] == [LEFT]
    visitor.open("/apps/nobody", 404)
    assert "there are: ordered, opaque" in is_problem(window.call("GET", "apps/nobody"), 404)


def test_an_account_says_what_it_is_and_who_uses_it(window: Window, visitor: Visitor) -> None:
    words = visitor.open(f"/connections/{LEFT}").words
    assert "Known there as account-hub" in words
    assert "Address http://memory" in words
    assert f"{SYNC} Hub and back Book" in words
    told = window.get(f"connections/{LEFT}")
    assert (told["state"], told["disconnecting"]["used_by"]) == ("running", [SYNC])
    assert {row["id"] for row in window.get("connections")["connections"]} == {LEFT, RIGHT}


def test_a_refused_sign_in_leads_from_home_to_the_account(window: Window, visitor: Visitor) -> None:
    window.paused[LEFT] = Paused(code="auth_expired", message="token revoked by ann", again_ms=1)
    assert f"/connections/{LEFT}" in visitor.open("/").links
    words = visitor.open(f"/connections/{LEFT}").words
    assert "This account is paused: sign-in expired token revoked by ann Reconnect the account" in words


# Renaming


def test_an_account_is_renamed(window: Window, visitor: Visitor) -> None:
    path = f"/connections/{LEFT}"
    page = press(visitor, path, "rename", label=f"  {NASTY}  of   Europe ")
    assert page.headings == [f"{NASTY} of Europe"]
    assert "The account has its new name." in page.words
    row = window.desk.setups.connection(LEFT)
    assert (row.label, row.version) == (f"{NASTY} of Europe", 2)
    assert window.call("PATCH", f"connections/{LEFT}", json={"label": "Hub"}).json()["label"] == "Hub"


@pytest.mark.parametrize("label", ["", "   ", "x" * 81])
def test_a_name_that_is_none_is_refused_at_its_field(window: Window, visitor: Visitor, label: str) -> None:
    path = f"/connections/{LEFT}"
    answer = visitor.send(visitor.open(path).form(f"{path}/rename"), label=label)
    assert answer.status_code == 422
    page = Page(answer)
    assert "#label" in page.links
    assert ("input", "aria-invalid", "true") in page.attributes
    assert window.desk.setups.connection(LEFT).label == "Hub"
    assert window.call("PATCH", f"connections/{LEFT}", json={"label": label}).status_code == 422


def test_the_same_name_again_changes_nothing(window: Window) -> None:
    window.call("PATCH", f"connections/{LEFT}", json={"label": "Hub"})
    assert window.desk.setups.connection(LEFT).version == 1
    assert window.desk.told(topics.SETUPS) == []


# Testing


def test_an_account_is_asked_who_it_is(window: Window, visitor: Visitor) -> None:
    window.desk.set_up("connection", SetupDoc(connection=connection(LEFT, "ordered", account="1", version=2)), LEFT)
    assert "The account answered just now." in press(visitor, f"/connections/{LEFT}", "test").words
    assert window.call("POST", f"connections/{LEFT}/test").json() == {
        "works": True, "reason": "", "detail": "", "account": "memory",
    }  # fmt: skip


def test_an_account_that_does_not_answer_says_so(window: Window, visitor: Visitor) -> None:
    window.desk.answers["read"] = fails(code="auth_expired", message="no such token", retry="auth")
    page = press(visitor, f"/connections/{LEFT}", "test")
    assert "It does not work: sign-in expired Reconnect the account" in page.words
    told = window.call("POST", f"connections/{LEFT}/test").json()
    assert (told["works"], told["reason"], told["detail"]) == (False, "auth_expired", "no such token")


def test_an_account_that_became_another_one_does_not_work(window: Window) -> None:
    """Its records are strangers."""
    told = window.call("POST", f"connections/{LEFT}/test").json()
    assert (told["works"], told["account"]) == (False, "memory")
    assert "was made for account-hub" in told["detail"]


# Pausing


def test_an_account_is_paused_and_resumed(window: Window, visitor: Visitor) -> None:
    """Home says so, and leads to the button that ends it."""
    path = f"/connections/{LEFT}"
    page = press(visitor, path, "pause")
    assert "Paused" in page.words
    assert "Somebody paused this account Resume the account; its syncs wait and lose nothing." in page.words
    assert window.desk.setups.connection(LEFT).paused
    told = window.get("health")["problems"][0]
    assert (told["title"], told["who"], told["connection"]) == ("Hub is paused", "operator", LEFT)
    assert "Somebody paused the account." in visitor.open("/").words
    page = press(visitor, path, "resume")
    assert "Somebody paused" not in page.words
    row = window.desk.setups.connection(LEFT)
    assert (row.paused, row.version) == (False, 3)
    for what, state in (("pause", "paused"), ("pause", "paused"), ("resume", "running")):
        assert window.call("POST", f"connections/{LEFT}/{what}").json()["state"] == state


def test_two_people_at_once_are_told(window: Window, monkeypatch: pytest.MonkeyPatch) -> None:
    setups = window.desk.setups
    row = setups.connection(LEFT)
    other = row.model_copy(update={"label": "Other", "version": 2})
    monkeypatch.setattr(window.installation.connections, "find", lambda _: row)
    window.desk.set_up("connection", SetupDoc(connection=other), LEFT)
    assert "Somebody else changed this at the same moment" in is_problem(
        window.call("POST", f"connections/{LEFT}/pause"), 409
    )
    assert (setups.connection(LEFT).label, setups.connection(LEFT).paused) == ("Other", False)


def test_while_kafka_is_away_nothing_is_changed(window: Window) -> None:
    with window.desk.kafka_away():
        assert window.call("POST", f"connections/{LEFT}/pause").headers["Retry-After"] == "1"
    assert not window.desk.setups.connection(LEFT).paused


# Disconnecting


def test_an_account_that_a_sync_uses_stays(window: Window, visitor: Visitor) -> None:
    page = visitor.open(f"/connections/{LEFT}/disconnect")
    assert "It cannot be disconnected yet" in page.words
    assert f"/syncs/{SYNC}" in page.links
    assert f"/connections/{LEFT}/disconnect" not in [form.action for form in page.forms]
    detail = is_problem(window.call("DELETE", f"connections/{LEFT}"), 409)
    assert detail == f"Connection 'hub' is used by {SYNC}: delete these syncs first."
    assert window.desk.setups.connection(LEFT).version == 1


def test_disconnecting_says_first_what_is_left_behind(window: Window, visitor: Visitor) -> None:
    window.desk.set_up("connection", SetupDoc(connection=connection("spare", "ordered")), "spare")
    cursor = Cursor(connection="spare", object="contact", feed="changed", cursor="c")
    window.desk.inbound(topics.CURSORS, ("spare/contact/changed", cursor))
    path = "/connections/spare"
    page = visitor.open(f"{path}/disconnect")
    assert "Left behind What Syncline added to Ordered stays there" in page.words
    assert "Records stay as they are" in page.words
    gone = follow(visitor, visitor.send(page.form(f"{path}/disconnect")))
    assert urlsplit(gone.answer.url).path == "/apps/ordered"
    assert "The account is disconnected, and its secrets are erased." in gone.words
    visitor.open(path, 404)
    assert window.desk.told(topics.CURSORS)[-1] is None
    is_problem(window.call("DELETE", "connections/spare"), 404)


# The command line


@pytest.fixture(name="settings")
def _settings(window: Window) -> Settings:
    port = urlsplit(window.address).port
    return Settings(console_token=TOKEN, console_port=port)  # type: ignore[arg-type]  # a secret as text


def test_commands_do_what_the_pages_do(window: Window, settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
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
    window.desk.answers["read"] = fails(message="nobody there")
    assert account_commands.run("test", [LEFT], settings=settings) == 1
    assert capsys.readouterr().out == "it does not work (app_unavailable): nobody there\n"
    assert account_commands.run("test", [], settings=settings) == 1
    assert account_commands.run("show", ["nobody"], settings=settings) == 1
    assert "There is no connection 'nobody'" in capsys.readouterr().err


def test_an_unknown_reason_is_not_shown_from_the_address(visitor: Visitor) -> None:
    """Nobody can write into a page by a link."""
    assert "evil" not in visitor.open(f"/connections/{LEFT}?tested=evil&done=evil").words
