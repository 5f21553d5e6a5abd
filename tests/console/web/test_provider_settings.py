"""A provider is set up by page, API and command; one that is none is refused."""

from typing import Any

import pytest

from services.console.commands.parser import parser
from services.console.commands.settings.sign_in import lines
from services.console.use.administration.single_sign_on import SingleSignOn
from services.console.use.problems import Problem, Refused
from shared.io.net.openid import OpenId
from shared.io.net.ssrf import AddressGuard
from shared.wire import topics
from tests.console.web.client import ConsoleClient
from tests.console.web.providing import arrive, user_of, wanted
from tests.services.console.harness import ConsoleHarness, is_problem
from tests.services.console.provider import ProviderServer


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


def test_an_internal_provider_must_be_allowed(
    console: ConsoleHarness, sign_on: SingleSignOn, provider: ProviderServer
) -> None:
    sign_on.calls = OpenId(AddressGuard(), console.env.clock)
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
    console: ConsoleHarness, sign_on: SingleSignOn, provider: ProviderServer, client: ConsoleClient, tmp_path: Any
) -> None:
    def command(*words: str) -> list[str]:
        given = parser().parse_args(["sign-in", *words])
        return list(lines(sign_on, console.access.accounts, given))

    with pytest.raises(Problem, match="none is set up"):
        command()
    form = client.open("/settings/sign-in").form("/settings/sign-in")
    fields = {"issuer": provider.url, "client_id": "syncline", "client_secret": "s3cret", "claim": "groups",
              "roles": "a = b = admin\n\ncrm=operator"}  # fmt: skip
    bad = client.send(form, **{**fields, "issuer": "x"})
    assert bad.status_code == 422
    assert 'href="#issuer"' in bad.text
    assert "s3cret" not in bad.text
    assert client.send(form, **fields).headers["Location"].startswith("/settings/sign-in?done=changed")
    told = console.get("sign-in-provider")
    assert (told["roles"], told["has_secret"]) == ({"a = b": "admin", "crm": "operator"}, True)
    assert "s3cret" not in str(told)
    (text,) = command("show")
    path = tmp_path / "provider.yaml"
    path.write_text(text)
    before = len(console.stored(topics.ACCESS))
    assert command("set", str(path)) == [f"people sign in by {provider.url}"]
    assert len(console.stored(topics.ACCESS)) == before, "what show prints is what stands"
    path.write_text("issuer: x\nnonsense: 1")
    with pytest.raises(Problem, match="nonsense"):
        command("set", str(path))
    put = console.call("PUT", "sign-in-provider", json={**wanted(provider).model_dump(mode="json"), "title": "Firm"})
    assert put.json()["title"] == "Firm"
    assert is_problem(console.call("PUT", "sign-in-provider", json={"issuer": "x", "client_id": "y"}), 422)
    ann = console.person("editor")
    assert arrive(ConsoleClient(console.address), provider).status_code == 303
    person = user_of(console, provider)
    assert console.call("POST", f"users/{person.id}/link", json={"to": ann.id}).json()["linked_to"] == ann.id
    assert console.call("DELETE", f"users/{person.id}/link").json()["state"] == "active"
    assert command("link", person.id, ann.email)[0].endswith("is ann@x.example")
    assert command("unlink", person.id) == ["ann@x.example is a user alone again"]
    assert console.call("DELETE", "sign-in-provider").status_code == 204
    assert is_problem(console.call("GET", "sign-in-provider"), 404)
    sign_on.change(wanted(provider))
    assert client.send(client.open("/settings/sign-in").form("/settings/sign-in/remove")).status_code == 303
    sign_on.change(wanted(provider))
    assert command("remove") == ["nobody signs in by a provider any more"]
    told = [(row.message.what, row.message.via) for row in console.stored(topics.ACTIVITY) if row.message is not None]
    for one in (
        ("provider.changed", "page"), ("provider.changed", "api"), ("provider.removed", "api"),
        ("provider.removed", "page"), ("user.linked", "api"), ("user.unlinked", "api"),
    ):  # fmt: skip
        assert one in told
