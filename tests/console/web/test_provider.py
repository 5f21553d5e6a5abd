"""People sign in by a provider of OpenID Connect, a real one; what proves nobody, or comes twice, is refused."""

import base64
import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from services.console.use.administration.single_sign_on import LIFE_MS, SingleSignOn
from services.console.use.problems import Problem
from shared.io.net.openid import OpenIdClient, TokenError
from shared.wire import topics
from tests.console.web.client import ConsoleClient
from tests.console.web.providing import ANN, arrive, go, user_of, wanted, who
from tests.services.console.harness import PASSWORD, ConsoleHarness, FollowedPeople
from tests.services.console.provider import ProviderServer


def test_a_person_signs_in_and_sees_what_was_asked_for(
    console: ConsoleHarness, sign_on: SingleSignOn, provider: ProviderServer, anonymous: ConsoleClient
) -> None:
    assert "Sign in with" not in anonymous.open("/sign-in").words
    sign_on.change(wanted(provider, title="Firm login"))
    page = anonymous.open("/records?q=x")
    assert "Sign in with Firm login" in page.words
    (link,) = [link for link in page.links if link.startswith("/sign-in/provider")]
    query = parse_qs(urlsplit(address := go(anonymous, link)).query)
    assert query["response_type"] == ["code"]
    assert query["scope"] == ["openid email profile"]
    assert query["code_challenge_method"] == ["S256"]
    assert query["redirect_uri"] == [f"{console.address}/sign-in/callback"]
    answer = anonymous.ask(provider.agree(address, "ann"))
    assert (answer.status_code, answer.headers["Location"].partition("&")[0]) == (303, "/records?q=x")
    assert who(anonymous) == "ann@x.example"
    user = user_of(console, provider)
    assert (user.email, user.name, user.role, user.issuer, user.subject) == (
        "ann@x.example", "Ann", "viewer", provider.url, "ann",
    )  # fmt: skip
    told = [row.message for row in console.stored(topics.ACTIVITY) if row.message is not None]
    (arrived,) = [row for row in told if row.what == "user.arrived"]
    assert (arrived.who, arrived.user, arrived.via) == ("ann@x.example", user.id, "page")
    before = len(console.stored(topics.ACCESS))
    assert arrive(ConsoleClient(console.address), provider).status_code == 303
    assert len(console.stored(topics.ACCESS)) == before, "who comes again changes nothing"
    raw = b"".join(row.raw or b"" for row in (*console.stored(topics.ACCESS), *console.stored(topics.ACTIVITY)))
    assert b"s3cret" not in raw


def test_a_person_is_issuer_and_subject_and_never_the_address(
    console: ConsoleHarness, sign_on: SingleSignOn, provider: ProviderServer, anonymous: ConsoleClient
) -> None:
    """Whoever has the provider write another one's address is still nobody but himself."""
    admin = console.person("admin")
    sign_on.change(wanted(provider))
    provider.person("eve", email=admin.email, email_verified=True)
    assert arrive(anonymous, provider, "eve").status_code == 303
    eve = user_of(console, provider, "eve")
    assert (eve.email, eve.role) == (admin.email, "viewer")
    assert eve.id != admin.id
    assert anonymous.ask("/settings/users").status_code == 403
    assert arrive(ConsoleClient(console.address), provider).status_code == 303
    assert len([row for row in console.access.accounts.people.users() if row.email == admin.email]) == 3
    assert console.access.accounts.people.by_email(admin.email) == admin, "the password is one of hers alone"
    assert console.access.sign_in("10.0.0.1", admin.email, PASSWORD) == admin
    with pytest.raises(Problem, match="has no password here"):
        console.access.accounts.reset(eve.id)
    provider.person("eve", email="other@x.example")
    assert arrive(anonymous, provider, "eve").status_code == 303
    assert user_of(console, provider, "eve").email == "other@x.example", "the same person, by another address"


def test_any_replica_takes_the_answer_and_only_one_does(
    console: ConsoleHarness,
    sign_on: SingleSignOn,
    provider: ProviderServer,
    anonymous: ConsoleClient,
    twin: tuple[ConsoleClient, FollowedPeople],
) -> None:
    other, followed = twin
    sign_on.change(wanted(provider))
    followed.settle()
    back = provider.agree(go(anonymous), "ann", redirect_uri=f"{console.address}/sign-in/callback")
    other.http.cookies.update(anonymous.http.cookies)
    assert other.ask(back).status_code == 303
    assert who(other) == "ann@x.example"
    again = anonymous.ask(back)
    assert again.status_code == 410
    assert "taken already" in again.text
    assert who(anonymous) == ""


# What is refused


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"aud": "another-client"}, "aud"),
        ({"aud": ["syncline", "another-client"]}, "azp"),
        ({"iss": "https://evil.example"}, "iss"),
        ({"exp": 1}, "expired"),
        ({"nonce": "of another sign-in"}, "nonce"),
        ({"iat": 99_999_999_999}, "issued in the future"),
        ({"at_hash": "AAAA"}, "at_hash"),
    ],
)
def test_a_token_that_does_not_hold_proves_nobody(
    console: ConsoleHarness, sign_on: SingleSignOn, provider: ProviderServer, claims: dict[str, Any], said: str
) -> None:
    sign_on.change(wanted(provider))
    provider.person("eve", **ANN, **claims)
    client = ConsoleClient(console.address)
    answer = arrive(client, provider, "eve")
    assert answer.status_code == 422, answer.text
    assert said in answer.text
    assert who(client) == ""
    assert console.access.accounts.people.users() == []


def test_an_answer_counts_once_in_its_browser_and_in_its_time(
    console: ConsoleHarness, sign_on: SingleSignOn, provider: ProviderServer, anonymous: ConsoleClient
) -> None:
    sign_on.change(wanted(provider))
    back = provider.agree(go(anonymous), "ann")
    victim = ConsoleClient(console.address)
    planted = victim.ask(back)
    assert planted.status_code == 422, "nobody is signed in as another one by a link"
    assert "no sign-in that began in this browser" in planted.text
    go(victim)
    assert victim.ask(back).status_code == 422
    changed = back.replace("state=v1", "state=v2")
    assert anonymous.ask(changed).status_code == 422
    copy = dict(anonymous.http.cookies)
    assert anonymous.ask(back).status_code == 303
    anonymous.http.cookies.update(copy)
    assert anonymous.ask(back).status_code == 410, "replayed"
    anonymous.http.cookies.clear()
    back = provider.agree(go(anonymous), "ann")
    console.env.clock.advance(LIFE_MS + 1)
    late = anonymous.ask(back)
    assert late.status_code == 410
    assert "ten minutes" in late.text


def test_a_nonce_that_was_changed_on_the_way_is_noticed(
    sign_on: SingleSignOn, provider: ProviderServer, anonymous: ConsoleClient
) -> None:
    sign_on.change(wanted(provider))
    answer = arrive(anonymous, provider, nonce="somebody else's")
    assert answer.status_code == 422
    assert "nonce" in answer.text


def test_a_code_of_another_sign_in_is_worth_nothing(
    console: ConsoleHarness, sign_on: SingleSignOn, provider: ProviderServer, anonymous: ConsoleClient
) -> None:
    """PKCE: whoever slips another one's code into an own sign-in lacks its verifier."""
    sign_on.change(wanted(provider))
    stolen = parse_qs(urlsplit(provider.agree(go(ConsoleClient(console.address)), "ann")).query)["code"][0]
    own = parse_qs(urlsplit(provider.agree(go(anonymous), "eve")).query)
    answer = anonymous.ask("/sign-in/callback", params={"state": own["state"][0], "code": stolen})
    assert answer.status_code == 422
    assert who(anonymous) == ""


def test_who_does_not_agree_is_told(sign_on: SingleSignOn, provider: ProviderServer, anonymous: ConsoleClient) -> None:
    sign_on.change(wanted(provider))
    state = parse_qs(urlsplit(go(anonymous)).query)["state"][0]
    answer = anonymous.ask("/sign-in/callback", params={"state": state, "error": "access_denied\r\nX: y<b>"})
    assert answer.status_code == 422
    assert "access_denied X: y&lt;b&gt;" in answer.text


def test_nobody_is_sent_elsewhere_after_it(
    sign_on: SingleSignOn, provider: ProviderServer, anonymous: ConsoleClient
) -> None:
    sign_on.change(wanted(provider))
    for evil in ("//evil.example", "https://evil.example", "/\\evil.example", "/x%0d%0aSet-Cookie: a=b"):
        back = provider.agree(go(anonymous, f"/sign-in/provider?next={evil}"), "ann")
        answer = anonymous.ask(back)
        assert (answer.status_code, answer.headers["Location"].partition("?")[0]) == (303, "/")


def test_a_key_that_was_changed_is_taken_and_an_old_one_is_not(
    console: ConsoleHarness, sign_on: SingleSignOn, provider: ProviderServer, anonymous: ConsoleClient
) -> None:
    sign_on.change(wanted(provider))
    assert arrive(anonymous, provider).status_code == 303
    keys = sign_on.calls._keys
    provider.stop()
    provider.start()
    provider.person("ann", **ANN)
    assert arrive(ConsoleClient(console.address), provider).status_code == 303, "the new key is asked for"
    assert sign_on.calls._keys != keys


def _part(value: Mapping[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_a_token_that_was_signed_by_somebody_else_proves_nobody(
    sign_on: SingleSignOn, provider: ProviderServer
) -> None:
    """Not by a key that is not the provider's, not by the secret that we know ourselves, and not by none at all."""
    about, calls = sign_on.calls.about(provider.url), sign_on.calls
    registered = OpenIdClient(issuer=provider.url, client_id="syncline", client_secret="s3cret" * 8)
    now = int(time.time())
    claims = {"iss": provider.url, "aud": "syncline", "sub": "ann", "iat": now, "exp": now + 60, "nonce": "n"}
    (public,) = provider.ask("GET", "/jwks").json()["keys"]
    own = RSAKey.generate_key(2048)
    forged = [
        jwt.encode({"alg": "RS256"}, claims, own),
        jwt.encode({"alg": "RS256", "kid": public.get("kid", "")}, claims, own),
        jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(registered.client_secret)),
        f"{_part({'alg': 'none'})}.{_part(claims)}.",
        "a.b.c",
        "",
    ]
    for token in forged:
        with pytest.raises(TokenError):
            calls._checked(calls._session(registered, about), registered, about, token, "n", "")


def test_who_tries_too_often_waits(sign_on: SingleSignOn, provider: ProviderServer, anonymous: ConsoleClient) -> None:
    sign_on.change(wanted(provider))
    answers = [anonymous.ask("/sign-in/callback?state=x&code=y").status_code for _ in range(22)]
    assert answers == [422] * 20 + [429] * 2
    assert anonymous.ask("/sign-in/provider").status_code == 429
