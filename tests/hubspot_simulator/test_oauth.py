"""OAuth: consent, code, tokens, expiry, and what HubSpot's client makes of them."""

from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import hubspot
import pytest
import requests
from hubspot import oauth
from hubspot.crm import contacts
from hubspot.utils.oauth import get_auth_url

from deploy.local.hubspot import Clock, HubSpotServer
from shared.apps.hubspot import signing
from shared.contract.calls import Exchange, HttpResponse
from shared.contract.oauth import Code
from tests.hubspot_simulator.conftest import Portal, open_portal

BACK = "http://127.0.0.1:9/back"
SCOPES = ["oauth", "crm.objects.contacts.read"]


class Form(HTMLParser):
    """Reads the consent page as a browser would."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action = ""
        self.choices: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the form's address and the accounts offered."""
        found = dict(attrs)
        if tag == "form":
            self.action = found["action"] or ""
        if tag == "option":
            self.choices.append(found["value"] or "")


@pytest.fixture(name="portal")
def _portal() -> Iterator[Portal]:
    with HubSpotServer(clock=Clock()) as server, open_portal(server) as portal:
        yield portal


def _app(portal: Portal) -> dict[str, Any]:
    scopes = [*SCOPES, "crm.objects.contacts.write"]
    return portal.admin.call("POST", "apps", {"name": "Sync <&>", "redirect_uris": [BACK], "scopes": scopes})


def _authorize(portal: Portal, app: dict[str, Any], decision: str = "allow", **changes: str) -> requests.Response:
    address = get_auth_url(client_id=app["client_id"], redirect_uri=BACK, scope=tuple(SCOPES), state="s 1")
    query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()} | changes
    page = requests.get(f"{portal.server.url}/oauth/authorize?{urlencode(query)}", timeout=5)
    if page.status_code != 200:
        return page
    assert "Sync &lt;&amp;&gt;" in page.text
    form = Form(page.text)
    assert form.choices == [str(portal.number)]
    return requests.post(
        portal.server.url + form.action,
        data={"portal_id": form.choices[0], "decision": decision},
        allow_redirects=False,
        timeout=5,
    )


def _code(portal: Portal, app: dict[str, Any]) -> str:
    back = _authorize(portal, app)
    assert back.status_code == 302
    query = parse_qs(urlsplit(back.headers["location"]).query)
    assert query["state"] == ["s 1"]
    return query["code"][0]


def _tokens(portal: Portal) -> Any:
    client: Any = hubspot.HubSpot(host=portal.server.url)
    return client.oauth.tokens_api


def _exchange(portal: Portal, app: dict[str, Any], granted: str, **changes: str) -> Any:
    fields = {
        "grant_type": "authorization_code",
        "code": granted,
        "redirect_uri": BACK,
        "client_id": app["client_id"],
        "client_secret": app["client_secret"],
    }
    return _tokens(portal).create(**{**fields, **changes})


def test_consent_code_token_expiry_and_refresh(portal: Portal) -> None:
    """A person agrees, the code becomes a token that works for half an hour, and the refresh token gives another."""
    app = _app(portal)
    code = _code(portal, app)
    token = _exchange(portal, app, code)
    assert (token.token_type, token.expires_in) == ("bearer", 1800)

    client: Any = hubspot.HubSpot(access_token=token.access_token, host=portal.server.url)
    assert client.crm.contacts.basic_api.get_page().results == []
    with pytest.raises(contacts.ApiException) as scope:
        client.crm.contacts.basic_api.create(contacts.SimplePublicObjectInputForCreate(properties={}))
    assert (scope.value.status, "MISSING_SCOPES" in scope.value.body) == (403, True)

    about = client.oauth.access_tokens_api.get(token.access_token)
    assert (about.hub_id, about.scopes, about.app_id) == (portal.number, SCOPES, app["app_id"])
    assert 0 < about.expires_in <= 1800
    assert client.oauth.refresh_tokens_api.get(token.refresh_token).client_id == app["client_id"]

    portal.admin.call("POST", "clock", {"advanceMs": 1_800_001})
    with pytest.raises(contacts.ApiException) as expired:
        client.crm.contacts.basic_api.get_page()
    assert (expired.value.status, "EXPIRED_AUTHENTICATION" in expired.value.body) == (401, True)

    fresh = _tokens(portal).create(
        grant_type="refresh_token",
        refresh_token=token.refresh_token,
        client_id=app["client_id"],
        client_secret=app["client_secret"],
    )
    assert fresh.refresh_token == token.refresh_token
    assert fresh.access_token != token.access_token
    client = hubspot.HubSpot(access_token=fresh.access_token, host=portal.server.url)
    assert client.crm.contacts.basic_api.get_page().results == []


def _post(portal: Portal, app: dict[str, Any], step: str, **fields: str) -> requests.Response:
    """Ask under the dated path, with everything in the body."""
    client = {"client_id": app["client_id"], "client_secret": app["client_secret"]}
    return requests.post(f"{portal.server.url}/oauth/2026-03/token{step}", data={**client, **fields}, timeout=5)


def test_the_connector_signs_in_by_the_dated_paths(portal: Portal) -> None:
    """Code, renewal and end go by them, since HubSpot ends v1; no secret is in an address."""
    app = _app(portal)
    secrets = {"client_id": app["client_id"], "client_secret": app["client_secret"]}

    def driven(exchange: Exchange[Any]) -> Any:
        asked = next(exchange)
        paths.append(asked.path)
        answer = requests.request(
            asked.method, portal.server.url + asked.path, data=asked.body, headers=dict(asked.headers), timeout=5
        )
        with pytest.raises(StopIteration) as done:
            exchange.send(HttpResponse(status=answer.status_code, headers=dict(answer.headers), body=answer.content))
        return done.value.value

    paths: list[str] = []
    first = driven(signing.redeem(secrets, Code(code=_code(portal, app), redirect_uri=BACK)))
    secrets["refresh_token"] = first.refresh_token
    second = driven(signing.refresh(secrets))
    assert (second.refresh_token, second.lives_s, second.scopes) == (first.refresh_token, 1800, frozenset(SCOPES))
    assert second.access_token != first.access_token
    driven(signing.revoke(secrets))
    driven(signing.revoke(secrets))
    assert paths == ["/oauth/2026-03/token"] * 2 + ["/oauth/2026-03/token/revoke"] * 2


def test_a_token_is_introspected_by_its_own_app(portal: Portal) -> None:
    """What an access or refresh token stands for; of one that has ended, only that."""
    app = _app(portal)
    code = _code(portal, app)
    given = _post(portal, app, "", grant_type="authorization_code", code=code, redirect_uri=BACK).json()
    for use, extra in (("access_token", {"app_id": app["app_id"]}), ("refresh_token", {})):
        about = _post(portal, app, "/introspect", token=given[use], token_type_hint=use).json()
        known = {"active": True, "token_use": use, "hub_id": portal.number, "scopes": SCOPES, **extra}
        assert {name: about[name] for name in known} == known
        assert about["client_id"] == app["client_id"]
        assert 0 < about.get("expires_in", 1) <= 1800
    portal.admin.call("POST", "clock", {"advanceMs": 1_800_001})
    ended = _post(portal, app, "/introspect", token=given["access_token"])
    assert (ended.status_code, ended.json()) == (200, {"active": False})
    assert _post(portal, _app(portal), "/introspect", token=given["refresh_token"]).json() == {"active": False}
    refused = _post(portal, app, "/introspect", token=given["refresh_token"], client_secret="x")
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_client")


def test_codes_and_secrets_are_checked(portal: Portal) -> None:
    """A code works once, for its app, its secret and its address, for ten minutes."""
    app = _app(portal)
    code = _code(portal, app)
    for changes, status in (
        ({"client_secret": "x"}, "BAD_CLIENT_SECRET"),
        ({"client_id": "x"}, "BAD_CLIENT_ID"),
        ({"redirect_uri": BACK + "/other"}, "MISMATCH_REDIRECT_URI_AUTH_CODE"),
        ({"code": "x"}, "BAD_AUTH_CODE"),
    ):
        with pytest.raises(oauth.ApiException) as caught:
            _exchange(portal, app, code, **changes)
        assert (caught.value.status, status in caught.value.body) == (400, True)
    fields = {"grant_type": "password", "client_id": app["client_id"], "client_secret": app["client_secret"]}
    answer = requests.post(f"{portal.server.url}/oauth/v1/token", data=fields, timeout=5)
    assert (answer.status_code, answer.json()["status"]) == (400, "BAD_GRANT_TYPE")
    body = _post(portal, app, "", grant_type="refresh_token", refresh_token="x").json()
    words = {"status": "BAD_REFRESH_TOKEN", "error": "invalid_grant", "error_description": body["message"]}
    assert {name: body[name] for name in words} == words
    _exchange(portal, app, code)
    with pytest.raises(oauth.ApiException):
        _exchange(portal, app, code)
    late = _code(portal, app)
    portal.admin.call("POST", "clock", {"advanceMs": 600_001})
    with pytest.raises(oauth.ApiException):
        _exchange(portal, app, late)


def test_consent_refused_or_asked_wrongly(portal: Portal) -> None:
    """A refusal goes back with an error; a foreign address or an unknown scope never goes back at all."""
    app = _app(portal)
    back = _authorize(portal, app, "deny")
    assert parse_qs(urlsplit(back.headers["location"]).query)["error"] == ["access_denied"]
    for changes in (
        {"redirect_uri": "http://127.0.0.1:9/evil"},
        {"scope": "crm.objects.deals.write"},
        {"client_id": "x"},
    ):
        assert _authorize(portal, app, **changes).status_code == 400


def test_revoked_refresh_token(portal: Portal) -> None:
    """After the person removed the app no new token is given."""
    app = _app(portal)
    token = _exchange(portal, app, _code(portal, app))
    client: Any = hubspot.HubSpot(host=portal.server.url)
    client.oauth.refresh_tokens_api.archive(token.refresh_token)
    with pytest.raises(oauth.ApiException) as caught:
        _tokens(portal).create(
            grant_type="refresh_token",
            refresh_token=token.refresh_token,
            client_id=app["client_id"],
            client_secret=app["client_secret"],
        )
    assert "BAD_REFRESH_TOKEN" in caught.value.body


def test_token_expired_or_revoked_by_the_admin_api(portal: Portal) -> None:
    """A private token can be made to expire or vanish."""
    token = {"token": portal.token}
    portal.admin.call("POST", "expire", token)
    assert portal.send("GET", "/crm/v3/objects/contacts").json()["category"] == "EXPIRED_AUTHENTICATION"
    portal.admin.call("POST", "expire", {**token, "revoke": True})
    assert portal.send("GET", "/crm/v3/objects/contacts").json()["category"] == "INVALID_AUTHENTICATION"
