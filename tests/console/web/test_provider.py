"""People sign in by a provider of OpenID Connect, a real one; what proves nobody, or comes twice, is refused."""

import base64
import json
import re
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from services.console.commands.parser import parser
from services.console.commands.sign_in import lines
from services.console.use.callers import Caller
from services.console.use.problems import Problem, Refused
from services.console.use.single_sign_on import LIFE_MS, SingleSignOn, Wanted, person_id
from services.console.web.sessions import LASTS_MS
from shared import topics
from shared.io.openid import OpenId, OpenIdClient, ProviderError, TokenError, _understood
from shared.io.ssrf import AddressGuard
from shared.messages import User
from tests.console.web.visitor import Visitor
from tests.services.console.provider import ProviderServer
from tests.services.console.window import PASSWORD, FollowedPeople, Window, is_problem

ANN = {"email": "Ann@x.example", "email_verified": True, "name": "Ann", "groups": ["crm", "sales"]}


@pytest.fixture(name="sign_on")
def _sign_on(window: Window, provider: ProviderServer) -> SingleSignOn:
    """Offer a console that may call the provider, whose tokens end by the time that it is now."""
    window.desk.clock.advance(int(time.time() * 1000) - window.desk.clock.now_ms())
    single_sign_on = window.access.single_sign_on
    single_sign_on.calls = OpenId(
        AddressGuard([f"localhost:{provider.port}", f"127.0.0.1:{provider.port}"]), window.desk.clock
    )
    provider.person("ann", **ANN)
    return single_sign_on


def wanted(provider: ProviderServer, **changes: Any) -> Wanted:
    given = {"issuer": provider.url, "client_id": "syncline", "client_secret": "s3cret", "default_role": "viewer"}
    return Wanted(**{**given, **changes})


def go(visitor: Visitor, path: str = "/sign-in/provider") -> str:
    """Set out for the provider; return where the browser is sent."""
    answer = visitor.ask(path)
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"]


def arrive(visitor: Visitor, provider: ProviderServer, subject: str = "ann", **changes: str) -> Any:
    """Sign in by the provider, and return what the console answers."""
    return visitor.ask(provider.agree(go(visitor), subject, **changes))


def who(visitor: Visitor) -> str:
    """Return who is signed in."""
    answer = visitor.ask("/account")
    found = re.search("Signed in as ([^<]+)<", answer.text)
    return found[1] if found is not None and answer.status_code == 200 else ""


def user_of(window: Window, provider: ProviderServer, subject: str = "ann") -> User:
    return window.access.accounts.find(person_id(provider.url, subject))


# Signing in


def test_a_person_signs_in_and_sees_what_was_asked_for(
    window: Window, sign_on: SingleSignOn, provider: ProviderServer, stranger: Visitor
) -> None:
    assert "Sign in with" not in stranger.open("/sign-in").words
    sign_on.change(wanted(provider, title="Firm login"))
    page = stranger.open("/records?q=x")
    assert "Sign in with Firm login" in page.words
    (link,) = [link for link in page.links if link.startswith("/sign-in/provider")]
    query = parse_qs(urlsplit(address := go(stranger, link)).query)
    assert query["response_type"] == ["code"]
    assert query["scope"] == ["openid email profile"]
    assert query["code_challenge_method"] == ["S256"]
    assert query["redirect_uri"] == [f"{window.address}/sign-in/callback"]
    answer = stranger.ask(provider.agree(address, "ann"))
    assert (answer.status_code, answer.headers["Location"].partition("&")[0]) == (303, "/records?q=x")
    assert who(stranger) == "ann@x.example"
    user = user_of(window, provider)
    assert (user.email, user.name, user.role, user.issuer, user.subject) == (
        "ann@x.example", "Ann", "viewer", provider.url, "ann",
    )  # fmt: skip
    told = [row.message for row in window.stored(topics.ACTIVITY) if row.message is not None]
    (arrived,) = [row for row in told if row.what == "user.arrived"]
    assert (arrived.who, arrived.user, arrived.via) == ("ann@x.example", user.id, "page")
    before = len(window.stored(topics.ACCESS))
    assert arrive(Visitor(window.address), provider).status_code == 303
    assert len(window.stored(topics.ACCESS)) == before, "who comes again changes nothing"
    raw = b"".join(row.raw or b"" for row in (*window.stored(topics.ACCESS), *window.stored(topics.ACTIVITY)))
    assert b"s3cret" not in raw


def test_a_person_is_issuer_and_subject_and_never_the_address(
    window: Window, sign_on: SingleSignOn, provider: ProviderServer, stranger: Visitor
) -> None:
    """Whoever has the provider write another one's address is still nobody but himself."""
    admin = window.person("admin")
    sign_on.change(wanted(provider))
    provider.person("eve", email=admin.email, email_verified=True)
    assert arrive(stranger, provider, "eve").status_code == 303
    eve = user_of(window, provider, "eve")
    assert (eve.email, eve.role) == (admin.email, "viewer")
    assert eve.id != admin.id
    assert stranger.ask("/settings/users").status_code == 403
    assert arrive(Visitor(window.address), provider).status_code == 303
    assert len([row for row in window.access.accounts.people.users() if row.email == admin.email]) == 3
    assert window.access.accounts.people.by_email(admin.email) == admin, "the password is one of hers alone"
    assert window.access.sign_in("10.0.0.1", admin.email, PASSWORD) == admin
    with pytest.raises(Problem, match="has no password here"):
        window.access.accounts.reset(eve.id)
    provider.person("eve", email="other@x.example")
    assert arrive(stranger, provider, "eve").status_code == 303
    assert user_of(window, provider, "eve").email == "other@x.example", "the same person, by another address"


def test_any_replica_takes_the_answer_and_only_one_does(
    window: Window,
    sign_on: SingleSignOn,
    provider: ProviderServer,
    stranger: Visitor,
    twin: tuple[Visitor, FollowedPeople],
) -> None:
    other, followed = twin
    sign_on.change(wanted(provider))
    followed.settle()
    back = provider.agree(go(stranger), "ann", redirect_uri=f"{window.address}/sign-in/callback")
    other.http.cookies.update(stranger.http.cookies)
    assert other.ask(back).status_code == 303
    assert who(other) == "ann@x.example"
    again = stranger.ask(back)
    assert again.status_code == 410
    assert "taken already" in again.text
    assert who(stranger) == ""


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
    window: Window, sign_on: SingleSignOn, provider: ProviderServer, claims: dict[str, Any], said: str
) -> None:
    sign_on.change(wanted(provider))
    provider.person("eve", **ANN, **claims)
    visitor = Visitor(window.address)
    answer = arrive(visitor, provider, "eve")
    assert answer.status_code == 422, answer.text
    assert said in answer.text
    assert who(visitor) == ""
    assert window.access.accounts.people.users() == []


def test_an_answer_counts_once_in_its_browser_and_in_its_time(
    window: Window, sign_on: SingleSignOn, provider: ProviderServer, stranger: Visitor
) -> None:
    sign_on.change(wanted(provider))
    back = provider.agree(go(stranger), "ann")
    victim = Visitor(window.address)
    planted = victim.ask(back)
    assert planted.status_code == 422, "nobody is signed in as another one by a link"
    assert "no sign-in that began in this browser" in planted.text
    go(victim)
    assert victim.ask(back).status_code == 422
    changed = back.replace("state=v1", "state=v2")
    assert stranger.ask(changed).status_code == 422
    copy = dict(stranger.http.cookies)
    assert stranger.ask(back).status_code == 303
    stranger.http.cookies.update(copy)
    assert stranger.ask(back).status_code == 410, "replayed"
    stranger.http.cookies.clear()
    back = provider.agree(go(stranger), "ann")
    window.desk.clock.advance(LIFE_MS + 1)
    late = stranger.ask(back)
    assert late.status_code == 410
    assert "ten minutes" in late.text


def test_a_nonce_that_was_changed_on_the_way_is_noticed(
    sign_on: SingleSignOn, provider: ProviderServer, stranger: Visitor
) -> None:
    sign_on.change(wanted(provider))
    answer = arrive(stranger, provider, nonce="somebody else's")
    assert answer.status_code == 422
    assert "nonce" in answer.text


def test_a_code_of_another_sign_in_is_worth_nothing(
    window: Window, sign_on: SingleSignOn, provider: ProviderServer, stranger: Visitor
) -> None:
    """PKCE: whoever slips another one's code into an own sign-in lacks its verifier."""
    sign_on.change(wanted(provider))
    stolen = parse_qs(urlsplit(provider.agree(go(Visitor(window.address)), "ann")).query)["code"][0]
    own = parse_qs(urlsplit(provider.agree(go(stranger), "eve")).query)
    answer = stranger.ask("/sign-in/callback", params={"state": own["state"][0], "code": stolen})
    assert answer.status_code == 422
    assert who(stranger) == ""


def test_who_does_not_agree_is_told(sign_on: SingleSignOn, provider: ProviderServer, stranger: Visitor) -> None:
    sign_on.change(wanted(provider))
    state = parse_qs(urlsplit(go(stranger)).query)["state"][0]
    answer = stranger.ask("/sign-in/callback", params={"state": state, "error": "access_denied\r\nX: y<b>"})
    assert answer.status_code == 422
    assert "access_denied X: y&lt;b&gt;" in answer.text


def test_nobody_is_sent_elsewhere_after_it(sign_on: SingleSignOn, provider: ProviderServer, stranger: Visitor) -> None:
    sign_on.change(wanted(provider))
    for evil in ("//evil.example", "https://evil.example", "/\\evil.example", "/x%0d%0aSet-Cookie: a=b"):
        back = provider.agree(go(stranger, f"/sign-in/provider?next={evil}"), "ann")
        answer = stranger.ask(back)
        assert (answer.status_code, answer.headers["Location"].partition("?")[0]) == (303, "/")


def test_a_key_that_was_changed_is_taken_and_an_old_one_is_not(
    window: Window, sign_on: SingleSignOn, provider: ProviderServer, stranger: Visitor
) -> None:
    sign_on.change(wanted(provider))
    assert arrive(stranger, provider).status_code == 303
    keys = sign_on.calls._keys
    provider.stop()
    provider.start()
    provider.person("ann", **ANN)
    assert arrive(Visitor(window.address), provider).status_code == 303, "the new key is asked for"
    assert sign_on.calls._keys != keys


def _part(value: Mapping[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_a_token_that_was_signed_by_somebody_else_proves_nobody(
    sign_on: SingleSignOn, provider: ProviderServer
) -> None:
    """Not by a key that is not the provider's, not by the secret that we know ourselves, and not by none at all."""
    about, calls = sign_on.calls.about(provider.url), sign_on.calls
    client = OpenIdClient(issuer=provider.url, client_id="syncline", client_secret="s3cret" * 8)
    now = int(time.time())
    claims = {"iss": provider.url, "aud": "syncline", "sub": "ann", "iat": now, "exp": now + 60, "nonce": "n"}
    (public,) = provider.ask("GET", "/jwks").json()["keys"]
    own = RSAKey.generate_key(2048)
    forged = [
        jwt.encode({"alg": "RS256"}, claims, own),
        jwt.encode({"alg": "RS256", "kid": public.get("kid", "")}, claims, own),
        jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(client.client_secret)),
        f"{_part({'alg': 'none'})}.{_part(claims)}.",
        "a.b.c",
        "",
    ]
    for token in forged:
        with pytest.raises(TokenError):
            calls._checked(calls._session(client, about), client, about, token, "n", "")


def test_who_tries_too_often_waits(sign_on: SingleSignOn, provider: ProviderServer, stranger: Visitor) -> None:
    sign_on.change(wanted(provider))
    answers = [stranger.ask("/sign-in/callback?state=x&code=y").status_code for _ in range(22)]
    assert answers == [422] * 20 + [429] * 2
    assert stranger.ask("/sign-in/provider").status_code == 429


# Who may come in


def test_domains_roles_and_defaults_decide_who_comes_in(
    window: Window, sign_on: SingleSignOn, provider: ProviderServer
) -> None:
    def status(subject: str) -> int:
        return int(arrive(Visitor(window.address), provider, subject).status_code)

    roles = {"crm": "operator", "sales": "viewer"}
    sign_on.change(wanted(provider, claim="groups", roles=roles, default_role="", domains=["X.example"]))
    assert status("ann") == 303
    assert user_of(window, provider).role == "operator", "of two groups the one that may more"
    people: dict[str, tuple[dict[str, Any], int]] = {
        "unverified": ({**ANN, "email_verified": False}, 403),
        "elsewhere": ({**ANN, "email": "ann@y.example"}, 403),
        "below": ({**ANN, "email": "ann@evil.x.example"}, 403),
        "nobody": ({**ANN, "groups": ["others"]}, 403),
        "none": ({"email": "a@x.example", "email_verified": True}, 403),
        "one": ({**ANN, "groups": "sales"}, 303),
    }
    for subject, (claims, expected) in people.items():
        provider.person(subject, **claims)
        assert status(subject) == expected, subject
    assert {row.subject for row in window.access.accounts.people.users()} == {"ann", "one"}
    provider.person("ann", **{**ANN, "groups": ["sales"]})
    assert status("ann") == 303
    assert user_of(window, provider).role == "viewer", "the provider decides, at each sign-in"
    sign_on.change(wanted(provider, claim="realm_access.roles", roles={"boss": "admin"}, default_role="editor"))
    provider.person("boss", email="b@x.example", realm_access={"roles": ["boss"]})
    assert (status("boss"), status("nobody")) == (303, 303)
    assert user_of(window, provider, "boss").role == "admin"
    assert user_of(window, provider, "nobody").role == "editor"
    sign_on.change(wanted(provider))
    assert status("boss") == 303
    assert user_of(window, provider, "boss").role == "admin", "without a claim, what stands here stays"


def test_what_the_token_does_not_say_the_provider_is_asked_for(
    window: Window, sign_on: SingleSignOn, provider: ProviderServer, stranger: Visitor
) -> None:
    sign_on.change(wanted(provider, claim="groups", roles={"crm": "operator"}, default_role="", domains=["x.example"]))
    provider.person("kim", is_short=True, email="kim@x.example", email_verified=True, groups=["crm"])
    assert arrive(stranger, provider, "kim").status_code == 303
    kim = user_of(window, provider, "kim")
    assert (kim.email, kim.role) == ("kim@x.example", "operator")


def test_keys_that_nobody_understands_are_passed_over(provider: ProviderServer) -> None:
    (good,) = provider.ask("GET", "/jwks").json()["keys"]
    odd = [{"kty": "XYZ"}, {"kty": "OKP", "crv": "Nope", "x": "AA"}, {"kid": "x"}, "x", None, {**good, "use": "enc"}]
    assert len(_understood({"keys": [*odd, good]}).keys) == 1
    for none in ({"keys": odd}, {"keys": "x"}, {}):
        with pytest.raises(ProviderError, match="no key"):
            _understood(none)


def test_sessions_end_with_the_person_and_with_the_provider(
    window: Window, sign_on: SingleSignOn, provider: ProviderServer, stranger: Visitor,
    twin: tuple[Visitor, FollowedPeople],
) -> None:  # fmt: skip
    other, followed = twin
    sign_on.change(wanted(provider))
    arrive(stranger, provider)
    followed.settle()
    other.http.cookies.update(stranger.http.cookies)
    user, accounts = user_of(window, provider), window.access.accounts
    assert who(stranger) == who(other) == "ann@x.example"
    token = window.access.tokens.make(Caller(user.email, user.role, user=user.id), "t", "viewer", 1)[1]
    accounts.change(user.id, disabled=True)
    followed.settle()
    assert who(stranger) == who(other) == ""
    assert window.call("GET", "health", headers={"Authorization": f"Bearer {token}"}).status_code == 401
    assert arrive(stranger, provider).status_code == 403
    accounts.change(user.id, disabled=False)
    assert arrive(stranger, provider).status_code == 303
    window.desk.clock.advance(LASTS_MS // 2 + 1)
    assert who(stranger) == "ann@x.example"
    window.desk.clock.advance(LASTS_MS // 2)
    assert who(stranger) == "", "it is not renewed: the provider may have shut her out meanwhile"
    window.desk.clock.advance(int(time.time() * 1000) - window.desk.clock.now_ms())
    accounts.change(user.id, role="operator")
    sign_on.change(wanted(provider, client_id="renamed"))
    assert arrive(stranger, provider).status_code == 303
    other.http.cookies.update(stranger.http.cookies)
    sign_on.remove()
    followed.settle()
    assert who(stranger) == who(other) == ""
    assert accounts.state(user_of(window, provider)) == "provider_off"
    assert stranger.ask("/sign-in/provider").status_code == 404


def test_one_signs_out_here_and_then_there(sign_on: SingleSignOn, provider: ProviderServer, stranger: Visitor) -> None:
    sign_on.change(wanted(provider))
    arrive(stranger, provider)
    copy = stranger.http.cookies["syncline"]
    answer = stranger.send(stranger.open("/").form("/sign-out"))
    page = stranger.open(answer.headers["Location"])
    assert page.headings == ["Sign in"]
    (link,) = [link for link in page.links if link.startswith(provider.url)]
    assert link.startswith(f"{provider.url}/oauth2/end_session?client_id=syncline&post_logout_redirect_uri=http")
    stranger.http.cookies.set("syncline", copy)
    assert who(stranger) == ""


# Linking


def test_two_of_one_address_are_two_until_an_admin_links_them(
    window: Window, sign_on: SingleSignOn, provider: ProviderServer, stranger: Visitor
) -> None:
    admin = window.person("admin")
    ann = window.person("operator", "ann.old@x.example")
    sign_on.change(wanted(provider))
    arrive(stranger, provider)
    person = user_of(window, provider)
    token = window.access.tokens.make(Caller(person.email, person.role, user=person.id), "t", "viewer", 1)[1]
    visitor = Visitor(window.address)
    visitor.http.cookies.set("syncline", window.sessions.cookie(window.sessions.begin(admin)))
    path = f"/settings/users/{person.id}"
    answer = visitor.send(visitor.open("/settings/users").form(f"{path}/link"), to=ann.id)
    assert answer.headers["Location"].startswith("/settings/users?done=linked")
    page = visitor.open("/settings/users")
    assert "Is ann.old@x.example" in page.words
    assert who(stranger) == "", "what she was before has ended"
    assert arrive(stranger, provider).status_code == 303
    assert who(stranger) == "ann.old@x.example"
    assert stranger.ask("/records/x/resync", "POST", data={}).status_code == 403
    assert "operator" in stranger.open("/account").words
    window.access.accounts.change(ann.id, disabled=True)
    assert who(stranger) == ""
    assert arrive(stranger, provider).status_code == 403
    bearer = {"Authorization": f"Bearer {token}"}
    assert window.call("GET", "health", headers=bearer).status_code == 401, "her tokens end with her"
    window.access.accounts.change(ann.id, disabled=False)
    assert window.call("GET", "health", headers=bearer).status_code == 200
    assert arrive(stranger, provider).status_code == 303
    visitor.send(visitor.open("/settings/users").form(f"{path}/unlink"))
    assert who(stranger) == ""
    assert arrive(stranger, provider).status_code == 303
    assert who(stranger) == "ann@x.example"


def test_what_cannot_be_linked(window: Window, sign_on: SingleSignOn, provider: ProviderServer) -> None:
    local = window.person("viewer")
    sign_on.change(wanted(provider, default_role="admin"))
    for subject in ("ann", "eve"):
        assert arrive(Visitor(window.address), provider, subject).status_code == 303
    ann, eve = (user_of(window, provider, subject) for subject in ("ann", "eve"))
    for user, to, why in (
        (local.id, ann.id, "does not sign in by a provider"),
        (ann.id, ann.id, "the same user"),
        (ann.id, "nobody", "no user"),
        ("nobody", ann.id, "no user"),
    ):
        with pytest.raises(Problem, match=why):
            sign_on.link(user, to)
    sign_on.link(ann.id, eve.id)
    for user, to in ((eve.id, local.id), (ann.id, ann.id)):
        with pytest.raises(Problem):
            sign_on.link(user, to)
    sign_on.unlink(ann.id)
    with pytest.raises(Problem, match="is not linked"):
        sign_on.unlink(ann.id)
    window.access.accounts.change(eve.id, role="viewer")
    with pytest.raises(Problem, match="Nobody could manage users"):
        sign_on.link(ann.id, local.id)
    with pytest.raises(Problem, match="make somebody else an admin first"):
        window.access.accounts.change(ann.id, disabled=True)


# Setting it up


def test_a_provider_that_is_none_is_refused(sign_on: SingleSignOn, provider: ProviderServer) -> None:
    def wrong(**changes: Any) -> dict[str, str]:
        with pytest.raises(Refused) as caught:
            sign_on.change(wanted(provider, **changes))
        return caught.value.fields

    for issuer in ("", "login.example.com", "http://login.example.com", "https://u:p@x.example", "file:///etc/passwd"):
        assert "Write the provider's address" in wrong(issuer=issuer)["issuer"]
    assert "answered 404" in wrong(issuer=f"{provider.url}/elsewhere")["issuer"]
    assert "calls itself" in wrong(issuer=f"http://127.0.0.1:{provider.port}/..")["issuer"]
    provider.stop()
    assert "does not answer" in wrong()["issuer"]
    provider.start()
    assert set(wrong(client_id=" ")) == {"client_id"}
    assert set(wrong(default_role="")) == {"default_role"}
    assert set(wrong(default_role="king")) == {"default_role"}
    assert set(wrong(roles={"a": "admin"})) == {"claim"}
    assert set(wrong(claim="groups")) == {"roles"}
    assert set(wrong(claim="groups", roles={"a": "king"})) == {"roles"}
    assert set(wrong(domains=["x.example, y.example"])) == {"domains"}
    assert sign_on.provider is None


def test_an_internal_provider_must_be_allowed(window: Window, sign_on: SingleSignOn, provider: ProviderServer) -> None:
    sign_on.calls = OpenId(AddressGuard(), window.desk.clock)
    with pytest.raises(Refused, match="SYNCLINE_ALLOW_PRIVATE_ADDRESSES") as caught:
        sign_on.change(wanted(provider))
    assert "127.0.0.1" not in str(caught.value), "where a name leads is not for whoever types it"


def test_the_secret_goes_to_no_other_provider(sign_on: SingleSignOn, provider: ProviderServer) -> None:
    first = sign_on.change(wanted(provider))
    assert sign_on.change(wanted(provider, client_secret="", title="Firm")).client_secret == first.client_secret
    assert sign_on.change(wanted(provider, client_secret="", client_id="other")).client_secret == ""
    moved = first.model_copy(update={"issuer": f"http://127.0.0.1:{provider.port}"})
    with pytest.raises(Problem, match="belongs elsewhere"):
        sign_on._client(moved)


def test_page_api_and_command_do_the_same(
    window: Window, sign_on: SingleSignOn, provider: ProviderServer, visitor: Visitor, tmp_path: Any
) -> None:
    def command(*words: str) -> list[str]:
        given = parser().parse_args(["sign-in", *words])
        return list(lines(sign_on, window.access.accounts, given))

    with pytest.raises(Problem, match="none is set up"):
        command()
    form = visitor.open("/settings/sign-in").form("/settings/sign-in")
    fields = {"issuer": provider.url, "client_id": "syncline", "client_secret": "s3cret", "claim": "groups",
              "roles": "a = b = admin\n\ncrm=operator"}  # fmt: skip
    bad = visitor.send(form, **{**fields, "issuer": "x"})
    assert bad.status_code == 422
    assert 'href="#issuer"' in bad.text
    assert "s3cret" not in bad.text
    assert visitor.send(form, **fields).headers["Location"].startswith("/settings/sign-in?done=changed")
    told = window.get("sign-in-provider")
    assert (told["roles"], told["has_secret"]) == ({"a = b": "admin", "crm": "operator"}, True)
    assert "s3cret" not in str(told)
    (text,) = command("show")
    path = tmp_path / "provider.yaml"
    path.write_text(text)
    before = len(window.stored(topics.ACCESS))
    assert command("set", str(path)) == [f"people sign in by {provider.url}"]
    assert len(window.stored(topics.ACCESS)) == before, "what show prints is what stands"
    path.write_text("issuer: x\nnonsense: 1")
    with pytest.raises(Problem, match="nonsense"):
        command("set", str(path))
    put = window.call("PUT", "sign-in-provider", json={**wanted(provider).model_dump(mode="json"), "title": "Firm"})
    assert put.json()["title"] == "Firm"
    assert is_problem(window.call("PUT", "sign-in-provider", json={"issuer": "x", "client_id": "y"}), 422)
    ann = window.person("editor")
    assert arrive(Visitor(window.address), provider).status_code == 303
    person = user_of(window, provider)
    assert window.call("POST", f"users/{person.id}/link", json={"to": ann.id}).json()["linked_to"] == ann.id
    assert window.call("DELETE", f"users/{person.id}/link").json()["state"] == "active"
    assert command("link", person.id, ann.email)[0].endswith("is ann@x.example")
    assert command("unlink", person.id) == ["ann@x.example is a user alone again"]
    assert window.call("DELETE", "sign-in-provider").status_code == 204
    assert is_problem(window.call("GET", "sign-in-provider"), 404)
    sign_on.change(wanted(provider))
    assert visitor.send(visitor.open("/settings/sign-in").form("/settings/sign-in/remove")).status_code == 303
    sign_on.change(wanted(provider))
    assert command("remove") == ["nobody signs in by a provider any more"]
    told = [(row.message.what, row.message.via) for row in window.stored(topics.ACTIVITY) if row.message is not None]
    for one in (
        ("provider.changed", "page"), ("provider.changed", "api"), ("provider.removed", "api"),
        ("provider.removed", "page"), ("user.linked", "api"), ("user.unlinked", "api"),
    ):  # fmt: skip
        assert one in told
