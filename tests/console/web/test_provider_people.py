"""Who may sign in by a provider, with which role and for how long, and how two users become one."""

import time
from typing import Any

import pytest

from services.console.use.administration.single_sign_on import SingleSignOn
from services.console.use.callers import Caller
from services.console.use.problems import Problem
from services.console.web.sessions import LASTS_MS
from shared.io.net.openid import ProviderError, _understood
from tests.console.web.client import ConsoleClient
from tests.console.web.providing import ANN, arrive, user_of, wanted, who
from tests.services.console.harness import ConsoleHarness, FollowedPeople
from tests.services.console.provider import ProviderServer


def test_domains_roles_and_defaults_decide_who_comes_in(
    console: ConsoleHarness, sign_on: SingleSignOn, provider: ProviderServer
) -> None:
    def status(subject: str) -> int:
        return int(arrive(ConsoleClient(console.address), provider, subject).status_code)

    roles = {"crm": "operator", "sales": "viewer"}
    sign_on.change(wanted(provider, claim="groups", roles=roles, default_role="", domains=["X.example"]))
    assert status("ann") == 303
    assert user_of(console, provider).role == "operator", "of two groups the one that may more"
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
    assert {row.subject for row in console.access.accounts.people.users()} == {"ann", "one"}
    provider.person("ann", **{**ANN, "groups": ["sales"]})
    assert status("ann") == 303
    assert user_of(console, provider).role == "viewer", "the provider decides, at each sign-in"
    sign_on.change(wanted(provider, claim="realm_access.roles", roles={"boss": "admin"}, default_role="editor"))
    provider.person("boss", email="b@x.example", realm_access={"roles": ["boss"]})
    assert (status("boss"), status("nobody")) == (303, 303)
    assert user_of(console, provider, "boss").role == "admin"
    assert user_of(console, provider, "nobody").role == "editor"
    sign_on.change(wanted(provider))
    assert status("boss") == 303
    assert user_of(console, provider, "boss").role == "admin", "without a claim, what stands here stays"


def test_what_the_token_does_not_say_the_provider_is_asked_for(
    console: ConsoleHarness, sign_on: SingleSignOn, provider: ProviderServer, anonymous: ConsoleClient
) -> None:
    sign_on.change(wanted(provider, claim="groups", roles={"crm": "operator"}, default_role="", domains=["x.example"]))
    provider.person("kim", is_short=True, email="kim@x.example", email_verified=True, groups=["crm"])
    assert arrive(anonymous, provider, "kim").status_code == 303
    kim = user_of(console, provider, "kim")
    assert (kim.email, kim.role) == ("kim@x.example", "operator")


def test_keys_that_nobody_understands_are_passed_over(provider: ProviderServer) -> None:
    (good,) = provider.ask("GET", "/jwks").json()["keys"]
    odd = [{"kty": "XYZ"}, {"kty": "OKP", "crv": "Nope", "x": "AA"}, {"kid": "x"}, "x", None, {**good, "use": "enc"}]
    assert len(_understood({"keys": [*odd, good]}).keys) == 1
    for none in ({"keys": odd}, {"keys": "x"}, {}):
        with pytest.raises(ProviderError, match="no key"):
            _understood(none)


def test_sessions_end_with_the_person_and_with_the_provider(
    console: ConsoleHarness, sign_on: SingleSignOn, provider: ProviderServer, anonymous: ConsoleClient,
    twin: tuple[ConsoleClient, FollowedPeople],
) -> None:  # fmt: skip
    other, followed = twin
    sign_on.change(wanted(provider))
    arrive(anonymous, provider)
    followed.settle()
    other.http.cookies.update(anonymous.http.cookies)
    user, accounts = user_of(console, provider), console.access.accounts
    assert who(anonymous) == who(other) == "ann@x.example"
    token = console.access.tokens.make(Caller(user.email, user.role, user=user.id), "t", "viewer", 1)[1]
    accounts.change(user.id, disabled=True)
    followed.settle()
    assert who(anonymous) == who(other) == ""
    assert console.call("GET", "health", headers={"Authorization": f"Bearer {token}"}).status_code == 401
    assert arrive(anonymous, provider).status_code == 403
    accounts.change(user.id, disabled=False)
    assert arrive(anonymous, provider).status_code == 303
    console.env.clock.advance(LASTS_MS // 2 + 1)
    assert who(anonymous) == "ann@x.example"
    console.env.clock.advance(LASTS_MS // 2)
    assert who(anonymous) == "", "it is not renewed: the provider may have shut her out meanwhile"
    console.env.clock.advance(int(time.time() * 1000) - console.env.clock.now_ms())
    accounts.change(user.id, role="operator")
    sign_on.change(wanted(provider, client_id="renamed"))
    assert arrive(anonymous, provider).status_code == 303
    other.http.cookies.update(anonymous.http.cookies)
    sign_on.remove()
    followed.settle()
    assert who(anonymous) == who(other) == ""
    assert accounts.state(user_of(console, provider)) == "provider_off"
    assert anonymous.ask("/sign-in/provider").status_code == 404


def test_one_signs_out_here_and_then_there(
    sign_on: SingleSignOn, provider: ProviderServer, anonymous: ConsoleClient
) -> None:
    sign_on.change(wanted(provider))
    arrive(anonymous, provider)
    copy = anonymous.http.cookies["syncline"]
    answer = anonymous.send(anonymous.open("/").form("/sign-out"))
    page = anonymous.open(answer.headers["Location"])
    assert page.headings == ["Sign in"]
    (link,) = [link for link in page.links if link.startswith(provider.url)]
    assert link.startswith(f"{provider.url}/oauth2/end_session?client_id=syncline&post_logout_redirect_uri=http")
    anonymous.http.cookies.set("syncline", copy)
    assert who(anonymous) == ""


def test_two_of_one_address_are_two_until_an_admin_links_them(
    console: ConsoleHarness, sign_on: SingleSignOn, provider: ProviderServer, anonymous: ConsoleClient
) -> None:
    admin = console.person("admin")
    ann = console.person("operator", "ann.old@x.example")
    sign_on.change(wanted(provider))
    arrive(anonymous, provider)
    person = user_of(console, provider)
    token = console.access.tokens.make(Caller(person.email, person.role, user=person.id), "t", "viewer", 1)[1]
    client = ConsoleClient(console.address)
    client.http.cookies.set("syncline", console.sessions.cookie(console.sessions.begin(admin)))
    path = f"/settings/users/{person.id}"
    answer = client.send(client.open("/settings/users").form(f"{path}/link"), to=ann.id)
    assert answer.headers["Location"].startswith("/settings/users?done=linked")
    page = client.open("/settings/users")
    assert "Is ann.old@x.example" in page.words
    assert who(anonymous) == "", "what she was before has ended"
    assert arrive(anonymous, provider).status_code == 303
    assert who(anonymous) == "ann.old@x.example"
    assert anonymous.ask("/records/x/resync", "POST", data={}).status_code == 403
    assert "operator" in anonymous.open("/account").words
    console.access.accounts.change(ann.id, disabled=True)
    assert who(anonymous) == ""
    assert arrive(anonymous, provider).status_code == 403
    bearer = {"Authorization": f"Bearer {token}"}
    assert console.call("GET", "health", headers=bearer).status_code == 401, "her tokens end with her"
    console.access.accounts.change(ann.id, disabled=False)
    assert console.call("GET", "health", headers=bearer).status_code == 200
    assert arrive(anonymous, provider).status_code == 303
    client.send(client.open("/settings/users").form(f"{path}/unlink"))
    assert who(anonymous) == ""
    assert arrive(anonymous, provider).status_code == 303
    assert who(anonymous) == "ann@x.example"


def test_what_cannot_be_linked(console: ConsoleHarness, sign_on: SingleSignOn, provider: ProviderServer) -> None:
    local = console.person("viewer")
    sign_on.change(wanted(provider, default_role="admin"))
    for subject in ("ann", "eve"):
        assert arrive(ConsoleClient(console.address), provider, subject).status_code == 303
    ann, eve = (user_of(console, provider, subject) for subject in ("ann", "eve"))
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
    console.access.accounts.change(eve.id, role="viewer")
    with pytest.raises(Problem, match="Nobody could manage users"):
        sign_on.link(ann.id, local.id)
    with pytest.raises(Problem, match="make somebody else an admin first"):
        console.access.accounts.change(ann.id, disabled=True)
