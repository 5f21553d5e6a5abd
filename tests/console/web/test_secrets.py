"""What an account signs in with, entered anew by page, API and command while the account stays."""

import io
import sys

import pytest

from services.console.commands.settings import accounts
from shared.settings import Settings
from tests.console.web.client import ConsoleClient, Page
from tests.services.console.agreeing import PORTALS, Vendor, enter, go
from tests.services.console.connecting import ConnectingHarness
from tests.services.console.harness import TOKEN, is_problem

PATH = "/connections/hub"


@pytest.fixture(name="vendor")
def _vendor(vendor: Vendor) -> Vendor:
    """Offer the simulator with two tokens for each account."""
    for portal in PORTALS:
        for token in ("old", "new"):
            vendor.admin.call("POST", f"accounts/{portal}/tokens", {"token": f"pat-{token}-{portal}"})
    return vendor


@pytest.fixture(name="hub")
def _hub(connecting: ConnectingHarness, vendor: Vendor) -> ConnectingHarness:
    """Offer a console with an account that was connected by a token."""
    given = {"app": "hubspot", "auth": "api_key", "label": "Hub", "base_url": vendor.server.url,
             "secrets": {"access_token": f"pat-old-{PORTALS[0]}"}}  # fmt: skip
    answer = connecting.console.call("POST", "connections", json=given)
    assert answer.status_code == 201, answer.text
    return connecting


def write(client: ConsoleClient, **fields: str) -> Page:
    """Fill the form in, and follow where it leads."""
    answer = client.send(client.open(f"{PATH}/secrets").form(f"{PATH}/secrets"), **fields)
    return client.open(answer.headers["Location"]) if answer.status_code == 303 else Page(answer)


def test_a_new_token_is_used_and_the_account_stays(hub: ConnectingHarness, client: ConsoleClient) -> None:
    assert f"{PATH}/secrets" in client.open(PATH).links
    before = hub.service.setups.connection("hub")
    page = write(client, access_token=f"pat-new-{PORTALS[0]}")
    assert "The account signs in by what was entered." in page.words
    row = hub.service.setups.connection("hub")
    assert hub.opened("hub") == {"access_token": f"pat-new-{PORTALS[0]}"}
    assert (row.account, row.label, row.version) == (before.account, "Hub", before.version + 1)
    assert "pat-new" not in page.answer.text + client.open(f"{PATH}/secrets").answer.text


def test_what_does_not_work_or_is_another_account_changes_nothing(
    hub: ConnectingHarness, client: ConsoleClient
) -> None:
    before = hub.service.setups.connection("hub")
    page = write(client, access_token="pat-of-nobody")
    assert page.answer.status_code == 422
    assert "#access_token" in page.links
    page = write(client, access_token=f"pat-new-{PORTALS[1]}")
    assert "was made for" in page.words, page.words
    page = write(client)
    assert "Write it, please." in page.words
    assert "#access_token" in write(client, access_token="x" * 2001).links
    assert hub.service.setups.connection("hub") == before
    detail = is_problem(hub.console.call("PUT", "connections/hub/secrets", json={"secrets": {"password": "x"}}), 422)
    assert "signs in by access_token" in detail


def test_a_paused_account_is_asked_and_stays_paused(hub: ConnectingHarness) -> None:
    assert hub.console.call("POST", "connections/hub/pause").status_code == 200
    path, new = "connections/hub/secrets", f"pat-new-{PORTALS[0]}"
    is_problem(hub.console.call("PUT", path, json={"secrets": {"access_token": "pat-of-nobody"}}), 422)
    told = hub.console.call("PUT", path, json={"secrets": {"access_token": new}}).json()
    assert told["state"] == "paused"
    assert hub.opened("hub") == {"access_token": new}


def test_the_secret_of_webhooks_is_entered_alone(hub: ConnectingHarness, client: ConsoleClient) -> None:
    assert "the secret that signs them is not known" in client.open(f"{PATH}/feeds").words
    write(client, webhook_secret=" a b ")
    row = hub.service.setups.connection("hub")
    assert row.webhook_secret is not None
    assert hub.vault.open(row.webhook_secret, connection="hub", name="webhook_secret") == " a b "
    assert hub.opened("hub") == {"access_token": f"pat-old-{PORTALS[0]}"}
    assert "The app has not called yet." in client.open(f"{PATH}/feeds").words


def test_who_signs_in_at_the_app_is_told_to_reconnect(
    connecting: ConnectingHarness, client: ConsoleClient, vendor: Vendor
) -> None:
    enter(client, vendor)
    client.open(vendor.agree(go(client)))
    (row,) = connecting.service.setups.connections()
    assert f"/connections/{row.id}/secrets" not in client.open(f"/connections/{row.id}").links
    assert "Reconnect it instead." in client.open(f"/connections/{row.id}/secrets", 409).words
    path = f"connections/{row.id}/secrets"
    is_problem(connecting.console.call("PUT", path, json={"secrets": {"client_secret": "x"}}), 422)


def test_commands_read_secrets_from_the_standard_input(
    hub: ConnectingHarness, vendor: Vendor, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Arguments of a command are seen by others on its machine."""
    port = int(hub.console.address.rpartition(":")[2])
    settings = Settings(console_token=TOKEN, console_port=port)  # type: ignore[arg-type]  # a secret as text
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"pat-new-{PORTALS[0]}\nhook\n"))
    assert accounts.run_secrets("hub", ["access_token", "webhook_secret"], settings) == 0
    assert capsys.readouterr().out == f"hub: Hub, {PORTALS[0]}, running\n"
    assert hub.opened("hub") == {"access_token": f"pat-new-{PORTALS[0]}"}
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{vendor.app['client_secret']}\n"))
    options = [f"authorize_url={vendor.server.url}/oauth/authorize"]
    assert accounts.run_credentials("hubspot", vendor.app["client_id"], vendor.server.url, options, settings) == 0
    assert capsys.readouterr().out == f"hubspot: known by {vendor.app['client_id']}\n"
    known = hub.service.setups.credentials("hubspot")
    assert known is not None
    assert (known.base_url, known.options) == (vendor.server.url, {"authorize_url": options[0].partition("=")[2]})
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n"))
    assert accounts.run_credentials("carddav", "x", settings=settings) == 1
    assert "no page on which people agree" in capsys.readouterr().err
