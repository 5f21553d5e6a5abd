"""How an account's changes are learned: told by the app or only asked for, and whether the app can reach us."""

import pytest

from services.console.commands.settings import accounts
from services.ingest.noting import Noting
from services.ingest.webhooks import Webhooks, make_app
from shared.apps import APPS
from shared.io.calls.webhook_refusals import Refusals
from shared.io.redis.feed_notes import WEBHOOK, FeedNote
from shared.metrics import Metrics
from shared.model.syncs import Connection
from shared.settings import Settings
from shared.wire.messages import SetupDoc
from tests.console.web.client import ConsoleClient, Page
from tests.services.console.agreeing import Vendor, enter, go
from tests.services.console.connecting import ConnectingHarness
from tests.services.console.harness import TOKEN, ConsoleHarness, is_problem
from tests.services.environment import LEFT, serving

PATH = "/connections/hs"


@pytest.fixture(name="hubspot_account")
def _hubspot_account(console: ConsoleHarness) -> Connection:
    """Set up an account whose app calls by itself."""
    env = console.env
    env.setups.apps = {**env.setups.apps, "hubspot": APPS["hubspot"]}
    row = Connection(id="hs", app="hubspot", account="1", base_url="http://x", auth="api_key", webhook_secret="s")
    env.set_up("connection", SetupDoc(connection=row), "hs")
    return row


def test_the_way_is_chosen_on_the_page_and_said_in_words(
    console: ConsoleHarness, client: ConsoleClient, hubspot_account: Connection
) -> None:
    del hubspot_account
    words = client.open(f"{PATH}/feeds").words
    assert "The app tells them at once, and is asked for changes every minute besides." in words
    assert "The app has not called yet." in words
    assert "Address to enter at the app: http://127.0.0.1:8701/webhooks/hubspot" in words
    page = client.open(f"{PATH}/feeds")
    answer = client.send(page.form(f"{PATH}/changes"), push="poll", interval="300")
    page = client.open(answer.headers["Location"])
    assert "Done The app is asked for changes every 5 minutes." in page.words
    assert "Calls of the app are answered, and left aside." in page.words
    assert f"{PATH}/reach" not in [form.action for form in page.forms]
    row = console.env.setups.connection("hs")
    assert (row.push, row.poll_interval_s, row.version) == (False, 300.0, 2)
    assert "Changes The app is asked for changes every 5 minutes" in client.open(PATH).words


def test_an_interval_that_is_none_is_refused_at_its_field(
    console: ConsoleHarness, client: ConsoleClient, hubspot_account: Connection
) -> None:
    for text in ("", "soon", "0.1", "86401", "nan", "inf"):
        answer = client.send(client.open(f"{PATH}/feeds").form(f"{PATH}/changes"), interval=text)
        assert answer.status_code == 422, text
        assert "#interval" in Page(answer).links
    assert console.env.setups.connection("hs") == hubspot_account
    is_problem(console.call("PUT", "connections/hs/changes", json={"push": True, "interval_s": 0.1}), 422)


def test_an_app_that_does_not_call_can_only_be_asked(console: ConsoleHarness, client: ConsoleClient) -> None:
    page = client.open(f"/connections/{LEFT}/feeds")
    assert "The app is asked for changes every minute." in page.words
    assert ("select", "name", "push") not in page.attributes
    client.send(page.form(f"/connections/{LEFT}/changes"), interval="30")
    row = console.env.setups.connection(LEFT)
    assert (row.push, row.poll_interval_s) == (False, 30.0)
    assert "does not call by itself" in is_problem(
        console.call("PUT", f"connections/{LEFT}/changes", json={"push": True, "interval_s": 60}), 422
    )
    assert "does not call by itself" in is_problem(console.call("POST", f"connections/{LEFT}/reach"), 409)


def test_without_its_secret_no_call_is_taken(
    console: ConsoleHarness, client: ConsoleClient, hubspot_account: Connection
) -> None:
    row = hubspot_account.model_copy(update={"webhook_secret": None, "version": 2})
    console.env.set_up("connection", SetupDoc(connection=row), "hs")
    words = client.open(f"{PATH}/feeds").words
    assert "The app is asked for changes every minute." in words
    assert "the secret that signs them is not known" in words


def test_refused_calls_of_an_account_that_takes_none_are_no_problem(
    console: ConsoleHarness, hubspot_account: Connection
) -> None:
    console.refused["hs"] = Refusals(reason="old_signature", calls=3, since_ms=5, last_ms=9)
    assert "webhooks_refused" in console.get("connections/hs")
    console.call("PUT", "connections/hs/changes", json={"push": False, "interval_s": 60})
    assert "webhooks_refused" not in console.get("connections/hs")
    assert hubspot_account.push


def test_commands_choose_the_same(
    console: ConsoleHarness, hubspot_account: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    del hubspot_account
    port = int(console.address.rpartition(":")[2])
    settings = Settings(console_token=TOKEN, console_port=port)  # type: ignore[arg-type]  # a secret as text
    assert accounts.run("poll", ["hs"], settings=settings) == 0
    assert capsys.readouterr().out == "the app is asked every 60 s\n"
    assert not console.env.setups.connection("hs").push
    assert accounts.run("push", ["hs"], settings=settings) == 0
    assert capsys.readouterr().out == "the app tells changes, and is asked every 60 s\n"


# While connecting, and reaching


def test_the_way_is_chosen_while_an_account_is_connected(
    connecting: ConnectingHarness, client: ConsoleClient, vendor: Vendor
) -> None:
    """By agreement and by token; an account that is only asked needs neither secret nor address."""
    enter(client, vendor)
    client.open(vendor.agree(go(client, push="poll")))
    (row,) = connecting.service.setups.connections()
    assert (row.push, row.webhook_secret is not None) == (False, True)
    token = vendor.admin.add_account(9103, token="pat-9103", settings={})
    assert token
    page = client.open("/apps/hubspot/connect?auth=api_key")
    answer = client.send(page.form("/apps/hubspot/connect"), access_token="pat-9103", webhook_secret=" s 1 ",
                          push="push", label="Third")  # fmt: skip
    assert answer.status_code == 303, answer.text
    third = connecting.service.setups.connection("third")
    assert third.push
    assert third.webhook_secret is not None
    assert connecting.vault.open(third.webhook_secret, connection="third", name="webhook_secret") == " s 1 "


def test_the_public_address_is_called_and_what_is_in_the_way_is_said(
    connecting: ConnectingHarness, client: ConsoleClient, vendor: Vendor, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the real web server of ingest, which alone can answer; another installation's key is not taken for ours."""
    enter(client, vendor)
    client.open(vendor.agree(go(client)))
    (row,) = connecting.service.setups.connections()
    service, path = connecting.service, f"/connections/{row.id}"
    installation = connecting.console.installation
    webhooks = Webhooks(
        service.setups, connecting.vault, service.bus, service.clock, metrics=Metrics(), public_url="http://x",
        refused=lambda *_: None, noting=Noting(installation.feed_notes, service.clock),
    )  # fmt: skip
    with serving(make_app(webhooks, APPS)) as address:
        service.settings = service.settings.model_copy(update={"public_url": f"{address}/"})
        webhooks._public_url = address
        answer = client.send(client.open(f"{path}/feeds").form(f"{path}/reach"))
        assert "The public address leads here" in client.open(answer.headers["Location"]).words
        installation.feed_notes.note(row.id, WEBHOOK, FeedNote(event_ms=5))
        told = connecting.console.call("POST", f"connections/{row.id}/reach").json()
        assert (told["works"], told["last_webhook_ms"]) == (True, 5)
        assert told["url"] == f"{address}/webhooks/hubspot"
        webhooks._public_url = "https://inside.example"
        told = connecting.console.call("POST", f"connections/{row.id}/reach").json()
        assert (told["works"], told["step"], told["detail"]) == (False, "other_address", "https://inside.example")
        page = client.open(client.send(client.open(f"{path}/feeds").form(f"{path}/reach")).headers["Location"])
        assert "Ingest takes another address for its own Set SYNCLINE_PUBLIC_URL of ingest and console" in page.words
        assert "What failed says: https://inside.example." in page.words, "as the API tells it"
        webhooks._vault = type(connecting.vault)([b"o" * 32])
        told = connecting.console.call("POST", f"connections/{row.id}/reach").json()
        assert (told["works"], told["step"]) == (False, "other_key")
    service.settings = service.settings.model_copy(update={"public_url": connecting.console.address})
    told = connecting.console.call("POST", f"connections/{row.id}/reach").json()
    assert (told["works"], told["step"], told["detail"]) == (False, "another", "404"), "the console is another process"
    service.settings = service.settings.model_copy(update={"public_url": address})
    answer = client.send(client.open(f"{path}/feeds").form(f"{path}/reach"))
    words = client.open(answer.headers["Location"]).words
    assert "Nothing answers at the public address Start ingest" in words
    assert "nowhere" not in client.open(f"{path}/feeds?reached=nowhere").words
    client.open(f"{path}/feeds?reached=another&said=call+this+number", status=410)
    port = int(connecting.console.address.rpartition(":")[2])
    settings = Settings(console_token=TOKEN, console_port=port)  # type: ignore[arg-type]  # a secret as text
    assert accounts.run("reach", [row.id], settings=settings) == 1
    assert "/webhooks/hubspot: nothing answers at the public address. Start ingest" in capsys.readouterr().out
