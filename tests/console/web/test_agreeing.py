"""Connecting accounts by OAuth through the pages: credentials once, permissions before, what was granted after."""

from urllib.parse import parse_qs, urlsplit

import pytest

from services.console.setups.accounts import deleting
from services.console.setups.planning import renewed
from services.console.setups.plans import Current
from services.console.use.problems import Problem
from shared.io.redis.client import connect_by
from shared.model.syncs import AppCredentials
from shared.wire import topics
from shared.wire.messages import SetupDoc
from tests.console.web.client import ConsoleClient, Page
from tests.services.console.agreeing import PORTALS, Vendor, enter, go
from tests.services.console.connecting import ConnectingHarness
from tests.services.console.harness import TOKEN, is_problem


def connect(client: ConsoleClient, vendor: Vendor, portal: int = PORTALS[0], **query: str) -> Page:
    """Connect an account through the pages, and return the last one."""
    return client.open(vendor.agree(go(client, **query), portal))


# Credentials


def test_credentials_are_entered_once_and_never_shown_again(
    connecting: ConnectingHarness, client: ConsoleClient, vendor: Vendor
) -> None:
    page = client.open("/apps/hubspot/credentials")
    assert f"Redirect URL {connecting.console.address}/oauth/callback" in page.words
    answer = enter(client, vendor)
    assert "The credentials are kept." in client.open(answer.headers["Location"]).words
    shown = client.open("/apps/hubspot/credentials")
    assert ("input", "value", vendor.app["client_id"]) in shown.attributes
    assert vendor.app["client_secret"] not in shown.answer.text
    row = connecting.service.setups.credentials("hubspot")
    assert row is not None
    assert vendor.app["client_secret"] not in row.model_dump_json()
    assert enter(client, vendor, client_secret="").status_code == 303, "the one that stands stays"
    assert connecting.service.setups.credentials("hubspot") is not row
    told = connecting.console.call("PUT", "apps/hubspot/credentials", json={"client_id": vendor.app["client_id"]})
    assert told.json() == {"app": "hubspot", "client_id": vendor.app["client_id"]}
    now = connecting.console.call("GET", "apps/hubspot/credentials")
    assert (now.json(), now.headers["ETag"]) == (told.json(), told.headers["ETag"])
    older = {"If-Match": f'"{shown.form("/apps/hubspot/credentials").fields["version"]}"'}
    body = {"client_id": vendor.app["client_id"]}
    is_problem(connecting.console.call("PUT", "apps/hubspot/credentials", json=body, headers=older), 412)
    assert connecting.console.call("PUT", "apps/hubspot/credentials", json=body, headers={"If-Match": "*"}).ok


def test_credentials_that_are_none_are_refused(
    connecting: ConnectingHarness, client: ConsoleClient, vendor: Vendor
) -> None:
    for changes, at in (({"client_id": " "}, "client_id"), ({"client_secret": ""}, "client_secret"),
                        ({"base_url": "ftp://x"}, "base_url")):  # fmt: skip
        answer = enter(client, vendor, **changes)
        assert answer.status_code == 422
        assert f"#{at}" in Page(answer).links
        assert vendor.app["client_secret"] not in answer.text
    assert connecting.service.setups.credentials("hubspot") is None
    is_problem(connecting.console.call("PUT", "apps/carddav/credentials", json={"client_id": "x"}), 404)


def test_a_new_secret_is_used_by_the_accounts_that_came_by_the_old_one(
    connecting: ConnectingHarness, client: ConsoleClient, vendor: Vendor
) -> None:
    enter(client, vendor)
    connect(client, vendor)
    (row,) = connecting.service.setups.connections()
    enter(client, vendor, client_secret="another-secret")
    assert connecting.opened(row.id)["client_secret"] == "another-secret"
    assert connecting.opened(row.id)["refresh_token"]
    new = connecting.service.setups.connection(row.id)
    assert new.webhook_secret is not None
    assert connecting.vault.open(new.webhook_secret, connection=row.id, name="webhook_secret") == "another-secret"


def test_of_two_who_enter_at_once_the_first_counts(
    connecting: ConnectingHarness, client: ConsoleClient, vendor: Vendor
) -> None:
    enter(client, vendor)
    setups = connecting.service.setups
    row = setups.credentials("hubspot")
    assert row is not None
    setups.apply(99, "credentials:hubspot", SetupDoc(credentials=AppCredentials(app="hubspot", secrets={})))
    assert setups.credentials("hubspot") == row
    (change,) = renewed(Current.of(setups, connecting.service.jobs), 0)
    assert change.doc == SetupDoc(credentials=row.model_copy(update={"version": 2}))


# Before


def test_without_credentials_it_says_who_does_what(connecting: ConnectingHarness, client: ConsoleClient) -> None:
    page = client.open("/apps/hubspot/connect")
    assert "An admin has something to do first" in page.words
    assert "/apps/hubspot/credentials" in page.links
    assert "/apps/hubspot/connect?auth=api_key" in page.links
    assert connecting.service.setups.connections() == []


def test_permissions_are_shown_with_reason_and_objects_before(client: ConsoleClient, vendor: Vendor) -> None:
    """Only this page may send a form to the app, and it asks for what it shows."""
    enter(client, vendor)
    page = client.open("/apps/hubspot/connect?object=contact")
    assert "crm.objects.contacts.read yes" in page.words
    assert "To read contacts and to notice when they change." in page.words
    assert "crm.objects.companies.read" not in page.words
    policy = page.answer.headers["Content-Security-Policy"]
    assert f"form-action 'self' {vendor.server.url};" in policy
    address = go(client, object="contact")
    asked = parse_qs(urlsplit(address).query)
    assert "crm.objects.contacts.read" in asked["scope"][0].split()
    assert "crm.objects.contacts.write" in asked["optional_scope"][0].split()
    assert "companies" not in address
    assert vendor.app["client_secret"] not in address


# After


def test_an_account_is_connected(connecting: ConnectingHarness, client: ConsoleClient, vendor: Vendor) -> None:
    enter(client, vendor)
    page = connect(client, vendor)
    assert page.headings == [f"HubSpot {PORTALS[0]}"]
    assert "The account is connected." in page.words
    assert "Connected" in page.words
    (row,) = connecting.service.setups.connections()
    assert (row.id, row.account, row.auth) == (f"hubspot-{PORTALS[0]}", str(PORTALS[0]), "oauth2_code")
    assert set(connecting.opened(row.id)) == {"client_id", "client_secret", "refresh_token"}
    assert row.scopes is not None
    calls = vendor.admin.call("GET", "token-calls")["calls"]
    assert [call["grant"] for call in calls] == ["authorization_code"], "the token that came with it is used"
    assert "It works" in client.open(client.send(page.form(f"/connections/{row.id}/test")).headers["Location"]).words
    second = connect(client, vendor, PORTALS[1], label="Subsidiary")
    assert second.headings == ["Subsidiary"]
    assert {one.id for one in connecting.service.setups.connections()} == {row.id, "subsidiary"}


def test_a_program_connects_an_account_that_somebody_agreed_to(
    connecting: ConnectingHarness, client: ConsoleClient, vendor: Vendor
) -> None:
    """By an address of its own to come back to; the answer is its own alone, and counts once."""
    console = connecting.console
    asked = {"redirect": f"{console.address}/oauth/callback", "label": "By API"}
    assert "an admin does that" in is_problem(console.call("POST", "apps/hubspot/authorize", json=asked), 409)
    enter(client, vendor)
    begun = console.call("POST", "apps/hubspot/authorize", json=asked)
    back = parse_qs(urlsplit(vendor.agree(begun.json()["url"])).query)
    given = {name: back[name][0] for name in ("state", "code")}
    with pytest.raises(Problem, match="not the answer to a question"):
        console.installation.connections.agreeing.finish(given, "api:another token")
    made = console.call("POST", "connections/agreed", json=given)
    assert (made.status_code, made.json()["label"]) == (201, "By API")
    assert made.headers["ETag"] == console.call("GET", f"connections/{made.json()['id']}").headers["ETag"]
    assert "taken already" in is_problem(console.call("POST", "connections/agreed", json=given), 410)
    assert len(connecting.service.setups.connections()) == 1


def test_what_was_not_granted_is_told_and_limits_the_account(
    connecting: ConnectingHarness, client: ConsoleClient, vendor: Vendor
) -> None:
    vendor.admin.settings(PORTALS[0], withheld_scopes=["crm.objects.contacts.write"])
    enter(client, vendor)
    page = connect(client, vendor)
    assert "Limited" in page.words
    assert "not granted: crm.objects.contacts.write (contact). To create and update contacts" in page.words
    assert "crm.objects.contacts.write Not granted Contacts" in page.words
    assert "crm.objects.contacts.read Granted Contacts" in page.words
    (row,) = connecting.console.get("connections")["connections"]
    assert len(row["limited"]) == 1


def test_without_what_is_needed_nothing_is_connected(
    connecting: ConnectingHarness, client: ConsoleClient, vendor: Vendor
) -> None:
    vendor.admin.settings(PORTALS[0], withheld_scopes=["crm.objects.contacts.read"])
    enter(client, vendor)
    answer = client.ask(vendor.agree(go(client)))
    assert answer.status_code == 422
    assert "did not grant what is needed: crm.objects.contacts.read." in Page(answer).words
    assert connecting.service.setups.connections() == []


def test_a_person_who_does_not_agree_can_try_again(
    connecting: ConnectingHarness, client: ConsoleClient, vendor: Vendor
) -> None:
    enter(client, vendor)
    answer = client.ask(vendor.agree(go(client, object="contact"), decision="deny"))
    page = Page(answer)
    assert answer.status_code == 422
    assert "The account was not connected: The person did not agree." in page.words
    assert "/apps/hubspot/connect?object=contact" in page.links
    assert connecting.service.setups.connections() == []


def test_an_answer_counts_once_in_its_session_and_for_ten_minutes(
    connecting: ConnectingHarness, client: ConsoleClient, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter(client, vendor)
    back = vendor.agree(go(client))
    other = ConsoleClient(client.address)
    other.sign_in(TOKEN)
    assert "not the answer to a question that was asked in this session" in Page(other.ask(back)).words
    client.open(back)
    again = client.ask(back)
    assert (again.status_code, "taken already" in Page(again).words) == (410, True)
    forged = f"{back.rpartition('state=')[0]}state=guess"
    assert client.ask(forged).status_code == 422
    assert client.ask("/oauth/callback").status_code == 422
    late = vendor.agree(go(client), PORTALS[1])
    now = connecting.service.clock.now_ms()
    monkeypatch.setattr(connecting.service.clock, "now_ms", lambda: now + 600_001)
    assert "more than ten minutes" in Page(client.ask(late)).words
    assert len(connecting.service.setups.connections()) == 1
    anonymous = ConsoleClient(client.address)
    assert anonymous.ask(late).headers["Location"].startswith("/sign-in?next=")


def test_an_account_that_is_connected_already_is_refused(
    connecting: ConnectingHarness, client: ConsoleClient, vendor: Vendor
) -> None:
    enter(client, vendor)
    connect(client, vendor)
    answer = client.ask(vendor.agree(go(client)))
    assert answer.status_code == 422
    assert "leads to the same account" in Page(answer).words
    assert len(connecting.service.setups.connections()) == 1


# Again


def test_a_revoked_account_is_connected_again(
    connecting: ConnectingHarness, client: ConsoleClient, vendor: Vendor
) -> None:
    """From the problem on the first page; its name and its id stay."""
    enter(client, vendor)
    connect(client, vendor, label="Europe")
    before = connecting.opened("europe")["refresh_token"]
    vendor.admin.call("POST", f"accounts/{PORTALS[0]}/revoke")
    client.send(client.open("/connections/europe").form("/connections/europe/test"))
    home = client.open("/")
    assert "Europe is paused: sign-in expired" in home.words
    assert "/connections/europe" in home.links
    page = client.open("/connections/europe")
    assert "/apps/hubspot/connect?connection=europe" in page.links
    done = connect(client, vendor, connection="europe")
    assert done.headings == ["Europe"]
    assert "The account is connected again" in done.words
    assert "paused" not in done.words
    row = connecting.service.setups.connection("europe")
    assert (row.label, row.account) == ("Europe", str(PORTALS[0]))
    assert connecting.opened("europe")["refresh_token"] != before
    assert "is paused" not in client.open("/").words


def test_disconnecting_revokes_the_sign_in_at_the_app(
    connecting: ConnectingHarness, client: ConsoleClient, vendor: Vendor
) -> None:
    """It is said before, what the app replaced last is revoked, and what stays is listed."""
    vendor.admin.settings(PORTALS[0], token_rotates=True)
    enter(client, vendor)
    connect(client, vendor)
    (row,) = connecting.service.setups.connections()
    connections = connecting.console.installation.connections
    with connect_by(connecting.service.settings) as redis:
        redis.delete(f"signin:{{{row.id}}}:token")  # as if half an hour had gone
    assert connections.test(row.id).works
    assert connecting.opened(row.id)["refresh_token"] not in vendor.refresh_tokens(), "HubSpot has replaced it"
    path = f"/connections/{row.id}"
    page = client.open(f"{path}/disconnect")
    assert "Erased The sign-in is revoked at HubSpot." in page.words
    assert "Syncline stays among the account's connected apps at HubSpot" in page.words
    assert "Webhooks that somebody set up at HubSpot go on" in page.words
    gone = client.send(page.form(f"{path}/disconnect"))
    assert "its sign-in is revoked at the app" in client.open(gone.headers["Location"]).words
    assert vendor.refresh_tokens() == [], "neither the first nor what came of it"
    deeds = [row.message for row in connecting.stored(topics.ACTIVITY) if row.message is not None]
    assert [row.note for row in deeds if row.what == "setup.deleted"] == ["The sign-in is revoked at HubSpot."]


def test_an_app_that_revokes_nothing_keeps_nobody(
    connecting: ConnectingHarness, client: ConsoleClient, vendor: Vendor, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whether it refuses or is away; what it knows no longer is no failure."""
    enter(client, vendor)
    for portal in PORTALS:
        connect(client, vendor, portal)
    one, other = connecting.service.setups.connections()
    vendor.admin.call("POST", f"accounts/{PORTALS[0]}/revoke")
    told = connecting.console.call("DELETE", f"connections/{one.id}").json()
    assert told["revoked"] == "done"
    enter(client, vendor, client_secret="another-secret")
    code = deleting.run(connecting.service, "connection", other.id, read=lambda _: [])
    lines = capsys.readouterr().out.splitlines()
    assert (code, lines[0]) == (0, f"deleted connection {other.id}, and its secrets")
    assert lines[1].startswith("HubSpot could not be told to revoke the sign-in (HubSpot did not revoke it: ")
    assert "another-secret" not in lines[1]
    assert connecting.service.setups.connections() == []
    enter(client, vendor)
    connect(client, vendor, PORTALS[1])
    (row,) = connecting.service.setups.connections()
    setups, away = connecting.service.setups, {"base_url": "http://127.0.0.1:9", "version": row.version + 1}
    setups.apply(setups.offset + 1, f"connection:{row.id}", SetupDoc(connection=row.model_copy(update=away)))
    page = client.open(f"/connections/{row.id}/disconnect")
    gone = client.open(client.send(page.form(f"/connections/{row.id}/disconnect")).headers["Location"])
    assert "The app could not be told to revoke the sign-in" in gone.words


def test_another_account_cannot_take_the_place_of_one(
    connecting: ConnectingHarness, client: ConsoleClient, vendor: Vendor
) -> None:
    """Ids would point to strangers."""
    enter(client, vendor)
    connect(client, vendor, label="Europe")
    before = connecting.service.setups.connection("europe")
    answer = client.ask(vendor.agree(go(client, connection="europe"), PORTALS[1]))
    assert answer.status_code == 422
    assert f"leads to account '{PORTALS[1]}'" in Page(answer).words
    assert "Give the new account its own connection." in Page(answer).words
    assert connecting.service.setups.connection("europe") == before


def test_the_second_way_is_the_token_of_a_private_app(
    connecting: ConnectingHarness, client: ConsoleClient, vendor: Vendor
) -> None:
    enter(client, vendor)
    vendor.admin.call("POST", f"accounts/{PORTALS[0]}/tokens", {"token": "pat-one"})
    path = "/apps/hubspot/connect"
    form = client.open(f"{path}?auth=api_key").form(path)
    assert client.send(form, access_token="pat-wrong").status_code == 422
    answer = client.send(form, access_token="pat-one", label="By token")
    assert urlsplit(answer.headers["Location"]).path == "/connections/by-token"
    assert connecting.opened("by-token") == {"access_token": "pat-one"}
