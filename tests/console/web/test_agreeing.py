"""Connecting accounts by OAuth through the pages: credentials once, permissions before, what was granted after."""

from urllib.parse import parse_qs, urlsplit

import pytest

from services.console.setups import deleting
from services.console.setups.planning import renewed
from services.console.setups.plans import Current
from services.console.use.problems import Problem
from shared import topics
from shared.core.syncs import AppCredentials
from shared.io.redis_scripts import connect_by
from shared.messages import SetupDoc
from tests.console.web.visitor import Page, Visitor
from tests.services.console.agreeing import PORTALS, Vendor, enter, go
from tests.services.console.office import Office
from tests.services.console.window import TOKEN, is_problem


def connect(visitor: Visitor, vendor: Vendor, portal: int = PORTALS[0], **query: str) -> Page:
    """Connect an account through the pages, and return the last one."""
    return visitor.open(vendor.agree(go(visitor, **query), portal))


# Credentials


def test_credentials_are_entered_once_and_never_shown_again(office: Office, visitor: Visitor, vendor: Vendor) -> None:
    page = visitor.open("/apps/hubspot/credentials")
    assert f"Redirect URL {office.window.address}/oauth/callback" in page.words
    answer = enter(visitor, vendor)
    assert "The credentials are kept." in visitor.open(answer.headers["Location"]).words
    shown = visitor.open("/apps/hubspot/credentials")
    assert ("input", "value", vendor.app["client_id"]) in shown.attributes
    assert vendor.app["client_secret"] not in shown.answer.text
    row = office.service.setups.credentials("hubspot")
    assert row is not None
    assert vendor.app["client_secret"] not in row.model_dump_json()
    assert enter(visitor, vendor, client_secret="").status_code == 303, "the one that stands stays"
    assert office.service.setups.credentials("hubspot") is not row
    told = office.window.call("PUT", "apps/hubspot/credentials", json={"client_id": vendor.app["client_id"]})
    assert told.json() == {"app": "hubspot", "client_id": vendor.app["client_id"]}
    now = office.window.call("GET", "apps/hubspot/credentials")
    assert (now.json(), now.headers["ETag"]) == (told.json(), told.headers["ETag"])
    older = {"If-Match": f'"{shown.form("/apps/hubspot/credentials").fields["version"]}"'}
    body = {"client_id": vendor.app["client_id"]}
    is_problem(office.window.call("PUT", "apps/hubspot/credentials", json=body, headers=older), 412)
    assert office.window.call("PUT", "apps/hubspot/credentials", json=body, headers={"If-Match": "*"}).ok


def test_credentials_that_are_none_are_refused(office: Office, visitor: Visitor, vendor: Vendor) -> None:
    for changes, at in (({"client_id": " "}, "client_id"), ({"client_secret": ""}, "client_secret"),
                        ({"base_url": "ftp://x"}, "base_url")):  # fmt: skip
        answer = enter(visitor, vendor, **changes)
        assert answer.status_code == 422
        assert f"#{at}" in Page(answer).links
        assert vendor.app["client_secret"] not in answer.text
    assert office.service.setups.credentials("hubspot") is None
    is_problem(office.window.call("PUT", "apps/carddav/credentials", json={"client_id": "x"}), 404)


def test_a_new_secret_is_used_by_the_accounts_that_came_by_the_old_one(
    office: Office, visitor: Visitor, vendor: Vendor
) -> None:
    enter(visitor, vendor)
    connect(visitor, vendor)
    (row,) = office.service.setups.connections()
    enter(visitor, vendor, client_secret="another-secret")
    assert office.opened(row.id)["client_secret"] == "another-secret"
    assert office.opened(row.id)["refresh_token"]
    new = office.service.setups.connection(row.id)
    assert new.webhook_secret is not None
    assert office.vault.open(new.webhook_secret, connection=row.id, name="webhook_secret") == "another-secret"


def test_of_two_who_enter_at_once_the_first_counts(office: Office, visitor: Visitor, vendor: Vendor) -> None:
    enter(visitor, vendor)
    setups = office.service.setups
    row = setups.credentials("hubspot")
    assert row is not None
    setups.apply(99, "credentials:hubspot", SetupDoc(credentials=AppCredentials(app="hubspot", secrets={})))
    assert setups.credentials("hubspot") == row
    (change,) = renewed(Current.of(setups, office.service.jobs), 0)
    assert change.doc == SetupDoc(credentials=row.model_copy(update={"version": 2}))


# Before


def test_without_credentials_it_says_who_does_what(office: Office, visitor: Visitor) -> None:
    page = visitor.open("/apps/hubspot/connect")
    assert "An admin has something to do first" in page.words
    assert "/apps/hubspot/credentials" in page.links
    assert "/apps/hubspot/connect?auth=api_key" in page.links
    assert office.service.setups.connections() == []


def test_permissions_are_shown_with_reason_and_objects_before(visitor: Visitor, vendor: Vendor) -> None:
    """Only this page may send a form to the app, and it asks for what it shows."""
    enter(visitor, vendor)
    page = visitor.open("/apps/hubspot/connect?object=contact")
    assert "crm.objects.contacts.read yes" in page.words
    assert "To read contacts and to notice when they change." in page.words
    assert "crm.objects.companies.read" not in page.words
    policy = page.answer.headers["Content-Security-Policy"]
    assert f"form-action 'self' {vendor.server.url};" in policy
    address = go(visitor, object="contact")
    asked = parse_qs(urlsplit(address).query)
    assert "crm.objects.contacts.read" in asked["scope"][0].split()
    assert "crm.objects.contacts.write" in asked["optional_scope"][0].split()
    assert "companies" not in address
    assert vendor.app["client_secret"] not in address


# After


def test_an_account_is_connected(office: Office, visitor: Visitor, vendor: Vendor) -> None:
    enter(visitor, vendor)
    page = connect(visitor, vendor)
    assert page.headings == [f"HubSpot {PORTALS[0]}"]
    assert "The account is connected." in page.words
    assert "Connected" in page.words
    (row,) = office.service.setups.connections()
    assert (row.id, row.account, row.auth) == (f"hubspot-{PORTALS[0]}", str(PORTALS[0]), "oauth2_code")
    assert set(office.opened(row.id)) == {"client_id", "client_secret", "refresh_token"}
    assert row.scopes is not None
    calls = vendor.admin.call("GET", "token-calls")["calls"]
    assert [call["grant"] for call in calls] == ["authorization_code"], "the token that came with it is used"
    assert "It works" in visitor.open(visitor.send(page.form(f"/connections/{row.id}/test")).headers["Location"]).words
    second = connect(visitor, vendor, PORTALS[1], label="Subsidiary")
    assert second.headings == ["Subsidiary"]
    assert {one.id for one in office.service.setups.connections()} == {row.id, "subsidiary"}


def test_a_program_connects_an_account_that_somebody_agreed_to(
    office: Office, visitor: Visitor, vendor: Vendor
) -> None:
    """By an address of its own to come back to; the answer is its own alone, and counts once."""
    window = office.window
    asked = {"redirect": f"{window.address}/oauth/callback", "label": "By API"}
    assert "an admin does that" in is_problem(window.call("POST", "apps/hubspot/authorize", json=asked), 409)
    enter(visitor, vendor)
    begun = window.call("POST", "apps/hubspot/authorize", json=asked)
    back = parse_qs(urlsplit(vendor.agree(begun.json()["url"])).query)
    given = {name: back[name][0] for name in ("state", "code")}
    with pytest.raises(Problem, match="not the answer to a question"):
        window.installation.connections.agreeing.finish(given, "api:another token")
    made = window.call("POST", "connections/agreed", json=given)
    assert (made.status_code, made.json()["label"]) == (201, "By API")
    assert made.headers["ETag"] == window.call("GET", f"connections/{made.json()['id']}").headers["ETag"]
    assert "taken already" in is_problem(window.call("POST", "connections/agreed", json=given), 410)
    assert len(office.service.setups.connections()) == 1


def test_what_was_not_granted_is_told_and_limits_the_account(office: Office, visitor: Visitor, vendor: Vendor) -> None:
    vendor.admin.settings(PORTALS[0], withheld_scopes=["crm.objects.contacts.write"])
    enter(visitor, vendor)
    page = connect(visitor, vendor)
    assert "Limited" in page.words
    assert "not granted: crm.objects.contacts.write (contact). To create and update contacts" in page.words
    assert "crm.objects.contacts.write Not granted Contacts" in page.words
    assert "crm.objects.contacts.read Granted Contacts" in page.words
    (row,) = office.window.get("connections")["connections"]
    assert len(row["limited"]) == 1


def test_without_what_is_needed_nothing_is_connected(office: Office, visitor: Visitor, vendor: Vendor) -> None:
    vendor.admin.settings(PORTALS[0], withheld_scopes=["crm.objects.contacts.read"])
    enter(visitor, vendor)
    answer = visitor.ask(vendor.agree(go(visitor)))
    assert answer.status_code == 422
    assert "did not grant what is needed: crm.objects.contacts.read." in Page(answer).words
    assert office.service.setups.connections() == []


def test_a_person_who_does_not_agree_can_try_again(office: Office, visitor: Visitor, vendor: Vendor) -> None:
    enter(visitor, vendor)
    answer = visitor.ask(vendor.agree(go(visitor, object="contact"), decision="deny"))
    page = Page(answer)
    assert answer.status_code == 422
    assert "The account was not connected: The person did not agree." in page.words
    assert "/apps/hubspot/connect?object=contact" in page.links
    assert office.service.setups.connections() == []


def test_an_answer_counts_once_in_its_session_and_for_ten_minutes(
    office: Office, visitor: Visitor, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter(visitor, vendor)
    back = vendor.agree(go(visitor))
    other = Visitor(visitor.address)
    other.sign_in(TOKEN)
    assert "not the answer to a question that was asked in this session" in Page(other.ask(back)).words
    visitor.open(back)
    again = visitor.ask(back)
    assert (again.status_code, "taken already" in Page(again).words) == (410, True)
    forged = f"{back.rpartition('state=')[0]}state=guess"
    assert visitor.ask(forged).status_code == 422
    assert visitor.ask("/oauth/callback").status_code == 422
    late = vendor.agree(go(visitor), PORTALS[1])
    now = office.service.clock.now_ms()
    monkeypatch.setattr(office.service.clock, "now_ms", lambda: now + 600_001)
    assert "more than ten minutes" in Page(visitor.ask(late)).words
    assert len(office.service.setups.connections()) == 1
    stranger = Visitor(visitor.address)
    assert stranger.ask(late).headers["Location"].startswith("/sign-in?next=")


def test_an_account_that_is_connected_already_is_refused(office: Office, visitor: Visitor, vendor: Vendor) -> None:
    enter(visitor, vendor)
    connect(visitor, vendor)
    answer = visitor.ask(vendor.agree(go(visitor)))
    assert answer.status_code == 422
    assert "leads to the same account" in Page(answer).words
    assert len(office.service.setups.connections()) == 1


# Again


def test_a_revoked_account_is_connected_again(office: Office, visitor: Visitor, vendor: Vendor) -> None:
    """From the problem on the first page; its name and its id stay."""
    enter(visitor, vendor)
    connect(visitor, vendor, label="Europe")
    before = office.opened("europe")["refresh_token"]
    vendor.admin.call("POST", f"accounts/{PORTALS[0]}/revoke")
    visitor.send(visitor.open("/connections/europe").form("/connections/europe/test"))
    home = visitor.open("/")
    assert "Europe is paused: sign-in expired" in home.words
    assert "/connections/europe" in home.links
    page = visitor.open("/connections/europe")
    assert "/apps/hubspot/connect?connection=europe" in page.links
    done = connect(visitor, vendor, connection="europe")
    assert done.headings == ["Europe"]
    assert "The account is connected again" in done.words
    assert "paused" not in done.words
    row = office.service.setups.connection("europe")
    assert (row.label, row.account) == ("Europe", str(PORTALS[0]))
    assert office.opened("europe")["refresh_token"] != before
    assert "is paused" not in visitor.open("/").words


def test_disconnecting_revokes_the_sign_in_at_the_app(office: Office, visitor: Visitor, vendor: Vendor) -> None:
    """It is said before, what the app replaced last is revoked, and what stays is listed."""
    vendor.admin.settings(PORTALS[0], token_rotates=True)
    enter(visitor, vendor)
    connect(visitor, vendor)
    (row,) = office.service.setups.connections()
    connections = office.window.installation.connections
    with connect_by(office.service.settings) as client:
        client.delete(f"signin:{{{row.id}}}:token")  # as if half an hour had gone
    assert connections.test(row.id).works
    assert office.opened(row.id)["refresh_token"] not in vendor.refresh_tokens(), "HubSpot has replaced it"
    path = f"/connections/{row.id}"
    page = visitor.open(f"{path}/disconnect")
    assert "Erased The sign-in is revoked at HubSpot." in page.words
    assert "Syncline stays among the account's connected apps at HubSpot" in page.words
    assert "Webhooks that somebody set up at HubSpot go on" in page.words
    gone = visitor.send(page.form(f"{path}/disconnect"))
    assert "its sign-in is revoked at the app" in visitor.open(gone.headers["Location"]).words
    assert vendor.refresh_tokens() == [], "neither the first nor what came of it"
    deeds = [row.message for row in office.stored(topics.ACTIVITY) if row.message is not None]
    assert [row.note for row in deeds if row.what == "setup.deleted"] == ["The sign-in is revoked at HubSpot."]


def test_an_app_that_revokes_nothing_keeps_nobody(
    office: Office, visitor: Visitor, vendor: Vendor, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whether it refuses or is away; what it knows no longer is no failure."""
    enter(visitor, vendor)
    for portal in PORTALS:
        connect(visitor, vendor, portal)
    one, other = office.service.setups.connections()
    vendor.admin.call("POST", f"accounts/{PORTALS[0]}/revoke")
    told = office.window.call("DELETE", f"connections/{one.id}").json()
    assert told["revoked"] == "done"
    enter(visitor, vendor, client_secret="another-secret")
    code = deleting.run(office.service, "connection", other.id, read=lambda _: [])
    lines = capsys.readouterr().out.splitlines()
    assert (code, lines[0]) == (0, f"deleted connection {other.id}, and its secrets")
    assert lines[1].startswith("HubSpot could not be told to revoke the sign-in (HubSpot did not revoke it: ")
    assert "another-secret" not in lines[1]
    assert office.service.setups.connections() == []
    enter(visitor, vendor)
    connect(visitor, vendor, PORTALS[1])
    (row,) = office.service.setups.connections()
    setups, away = office.service.setups, {"base_url": "http://127.0.0.1:9", "version": row.version + 1}
    setups.apply(setups.offset + 1, f"connection:{row.id}", SetupDoc(connection=row.model_copy(update=away)))
    page = visitor.open(f"/connections/{row.id}/disconnect")
    gone = visitor.open(visitor.send(page.form(f"/connections/{row.id}/disconnect")).headers["Location"])
    assert "The app could not be told to revoke the sign-in" in gone.words


def test_another_account_cannot_take_the_place_of_one(office: Office, visitor: Visitor, vendor: Vendor) -> None:
    """Ids would point to strangers."""
    enter(visitor, vendor)
    connect(visitor, vendor, label="Europe")
    before = office.service.setups.connection("europe")
    answer = visitor.ask(vendor.agree(go(visitor, connection="europe"), PORTALS[1]))
    assert answer.status_code == 422
    assert f"leads to account '{PORTALS[1]}'" in Page(answer).words
    assert "Give the new account its own connection." in Page(answer).words
    assert office.service.setups.connection("europe") == before


def test_the_second_way_is_the_token_of_a_private_app(office: Office, visitor: Visitor, vendor: Vendor) -> None:
    enter(visitor, vendor)
    vendor.admin.call("POST", f"accounts/{PORTALS[0]}/tokens", {"token": "pat-one"})
    path = "/apps/hubspot/connect"
    form = visitor.open(f"{path}?auth=api_key").form(path)
    assert visitor.send(form, access_token="pat-wrong").status_code == 422
    answer = visitor.send(form, access_token="pat-one", label="By token")
    assert urlsplit(answer.headers["Location"]).path == "/connections/by-token"
    assert office.opened("by-token") == {"access_token": "pat-one"}
