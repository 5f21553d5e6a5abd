"""Who may do what: every address with every role, on ids that exist and on ids that do not, is as the table says."""

import re
from collections.abc import Collection, Mapping
from functools import cache
from typing import Any, Final

import pytest
import requests
from fastapi.routing import APIRoute
from jsonschema_rs import Draft202012Validator

from services.console.access.roles import MEANINGS, NEEDS, ROLES, needed_at, reaches
from services.console.rest.app import make_app, routes
from services.console.use.administration.alerts import Wanted
from services.console.use.callers import Caller
from services.console.use.standing.records import Filter
from services.console.web.app import PAGES
from shared.wire.messages import Role
from tests.console.web.client import ConsoleClient, Page
from tests.console.web.examples import LOOKS, show_everything
from tests.docs.api_reference import document
from tests.docs.described import validator
from tests.services.console.harness import PASSWORD, ConsoleHarness, caller_of

_DOCUMENT: Final = document()
_ALERT: Final = {"name": "Another", "kind": "failing", "mail": "ann@x.example"}
_BODIES: Final[dict[str, dict[str, Any]]] = {
    "POST /syncs/{name}/resync": {"what": "failing"},
    "POST /account/password": {"old": PASSWORD, "password": PASSWORD},
    "POST /account/zone": {"zone": "Europe/Rome"},
    "POST /settings/users": {"email": "new@x.example", "role": "viewer"},
    "POST /settings/users/{name}/role": {"role": "editor"},
    "POST /settings/tokens": {"name": "backup", "role": "viewer", "days": "30"},
    "POST /api/v1/jobs": {"sync": "people"},
    "POST /records/read": {"connection": "hub", "object": "contact", "record": "h-new"},
    "POST /api/v1/records/read": {"connection": "hub", "object": "contact", "record_id": "h-new"},
    "POST /exports": {"format": "csv"},
    "POST /api/v1/exports": {"format": "xlsx"},
    "POST /api/v1/users": {"email": "newer@x.example"},
    "PATCH /api/v1/users/{name}": {"role": "editor"},
    "POST /api/v1/users/{name}/link": {"to": "nobody"},
    "POST /settings/mail": {
        "host": "127.0.0.1",
        "port": "1",
        "security": "none",
        "sender": "a@x.example",
        "console_url": "https://console.example",
    },
    "POST /settings/mail/test": {"to": "ann@x.example"},
    "PUT /api/v1/mail-server": {"host": "127.0.0.1", "sender": "a@x.example", "console_url": "https://c.example"},
    "POST /api/v1/mail-server/test": {"to": "ann@x.example"},
    "POST /settings/alerts": _ALERT,
    "POST /settings/alerts/{name}": _ALERT,
    "POST /api/v1/alerts": _ALERT | {"mail": ["ann@x.example"]},
    "PUT /api/v1/alerts/{name}": _ALERT | {"mail": ["ann@x.example"]},
    "POST /settings/retention": {"history_days": "30"},
    "PUT /api/v1/retention": {"activity_days": 30},
    "PUT /api/v1/sign-in-provider": {"issuer": "https://127.0.0.1", "client_id": "x", "default_role": "viewer"},
    "POST /api/v1/tokens": {"name": "backup"},
    "PUT /api/v1/account/password": {"old": PASSWORD, "password": PASSWORD},
    "PUT /api/v1/account/preferences": {"columns": ["left", "status"]},
    "POST /api/v1/apps/{name}/authorize": {"redirect": "https://tools.example/callback"},
    "POST /api/v1/connections/agreed": {"state": "x", "code": "y"},
    "POST /parked": {"what": "replay-all"},
    "POST /connections/{name}/rename": {"label": "Another"},
    "PATCH /api/v1/connections/{name}": {"label": "Another"},
    "POST /connections/{name}/changes": {"push": "poll", "interval": "60"},
    "PUT /api/v1/connections/{name}/secrets": {"secrets": {"password": "x"}},
    "PUT /api/v1/connections/{name}/changes": {"push": False, "interval_s": 60},
    "PUT /api/v1/apps/{name}/credentials": {"client_id": "x"},
    "POST /api/v1/connections": {"app": "ordered", "auth": "none"},
    "POST /api/v1/apps/{name}/places": {"auth": "none", "base_url": "http://memory"},
    "POST /api/v1/parked/replay": {"messages": [1]},
    "POST /api/v1/parked/drop": {"messages": [1], "why": "known"},
    "POST /api/v1/parked/{name}/drop": {"why": "known"},
}
"""What an address is sent, so that only who asks can be wrong."""
REFUSED: Final = (
    "POST /api/v1/jobs/{name}/{what}", "POST /jobs/{name}/{what}", "GET /api/v1/explanations",
    "POST /connections/{name}/disconnect", "DELETE /api/v1/connections/{name}",
    "POST /apps/{name}/connect", "POST /api/v1/connections",
    "POST /api/v1/apps/{name}/authorize", "POST /api/v1/connections/agreed",
    "GET /connections/{name}/secrets", "POST /connections/{name}/secrets", "PUT /api/v1/connections/{name}/secrets",
    "POST /connections/{name}/reach", "POST /api/v1/connections/{name}/reach",
    "GET /apps/{name}/credentials", "POST /apps/{name}/credentials", "POST /apps/{name}/authorize",
    "PUT /api/v1/apps/{name}/credentials", "GET /api/v1/apps/{name}/credentials", "GET /oauth/callback",
    "POST /settings/users/{name}/link", "POST /settings/users/{name}/unlink", "POST /settings/sign-in",
    "POST /settings/sign-in/remove", "POST /api/v1/users/{name}/link", "DELETE /api/v1/users/{name}/link",
    "POST /settings/mail/test", "GET /api/v1/mail-server", "POST /api/v1/mail-server/test",
    "POST /settings/alerts/{name}/test", "POST /api/v1/alerts/{name}/test",
    "GET /api/v1/sign-in-provider", "PUT /api/v1/sign-in-provider", "DELETE /api/v1/sign-in-provider",
)  # fmt: skip
"""What is refused to everybody: the example's job has ended, its account is used, no address is given, no app of it has
a page on which people agree, nobody signs in by a provider, and no mail is sent."""


ENDLESS: Final = "GET /api/v1/events"
"""Its answer does not end by itself."""


def filled(path: str, names: Mapping[str, str] | None = None) -> str:
    """Put names into an address: of what there is where that is given, or of what there is not."""
    for kind, name in (names or {}).items():
        path = re.sub(rf"/{kind}/{{(?!what)\w+}}", f"/{kind}/{name}", path)
    return re.sub(r"{\w+}", "nobody", path.replace("{what}", "cancel"))


def names_of(console: ConsoleHarness, role: Role) -> dict[str, str]:
    """Return a name of everything that there is; the token is one of whoever has the role."""
    own = console.access.tokens.make(caller_of(console.person(role)), "own", "viewer", 1)[0]
    return {
        "syncs": "people",
        "records": "bob",
        "jobs": "resync-people.everything",
        "parked": "1",
        "exports": export_of(console, role),
        "users": console.person("viewer", "known@x.example").id,
        "tokens": own.id,
        "alerts": alert_of(console),
        "apps": "ordered",
        "connections": "hub",
        "objects": "contact",
    }


def alert_of(console: ConsoleHarness) -> str:
    """Return an alert; the same one when asked for again."""
    alerts = console.access.alerts
    found = [row for row in alerts.rows() if row["kind"] == "failing"] or [
        alerts.row(alerts.add(Wanted(name="Own", kind="failing", mail=("ann@x.example",))))
    ]
    return str(found[0]["id"])


def export_of(console: ConsoleHarness, role: Role) -> str:
    """Return a file that is ready, which somebody with a role has asked for."""
    name = console.installation.exports.ask(caller_of(console.person(role)), Filter(), "csv", "own")["id"]
    console.make_files()
    return str(name)


def client_as(console: ConsoleHarness, role: Role) -> ConsoleClient:
    """Return a browser of somebody with a role."""
    client, sessions = ConsoleClient(console.address), console.sessions
    client.http.cookies.set("syncline", sessions.cookie(sessions.begin(console.person(role))))
    return client


@pytest.fixture(name="shown")
def _shown(console: ConsoleHarness) -> ConsoleHarness:
    show_everything(console)
    return console


def test_the_table_names_every_address_and_no_other(console: ConsoleHarness) -> None:
    access = console.access
    api = (*make_app(console.installation, access).routes, *routes(console.installation, access).routes)
    served = {f"{row.method} {row.path}" for row in PAGES} | {"GET /static/{name}"}
    served |= {f"{verb} {row.path}" for row in api if isinstance(row, APIRoute) for verb in row.methods or ()}
    assert served == set(NEEDS)
    assert tuple(MEANINGS) == ROLES


def test_an_address_is_found_with_its_names_filled_in() -> None:
    for row, needed in NEEDS.items():
        verb, _, path = row.partition(" ")
        assert needed_at(verb, filled(path)) == needed, row
    assert needed_at("POST", "/records/a%2Fb/resync?x=1") == "operator"
    for path in ("/records//resync", "/records/a/b/resync", "/nowhere"):
        with pytest.raises(KeyError):
            needed_at("POST", path)


def ask(
    console: ConsoleHarness,
    row: str,
    role: Role,
    names: Mapping[str, str] | None,
    scopes: Collection[str] | None = None,
) -> requests.Response:
    """Ask at an address as somebody with a role; of the API, by a token with scopes where these are given."""
    verb, _, pattern = row.partition(" ")
    path, body = filled(pattern, names), _BODIES.get(row, {})
    if path.startswith("/api/"):
        more: dict[str, Any] = {"json": body} if verb in ("POST", "PATCH", "PUT") else {}
        more |= {"stream": True} if row == ENDLESS else {}
        bearer = console.access.tokens.make(caller_of(console.person(role)), "for this call", role, 1, scopes)[1]
        answer = console.call(
            verb, path.removeprefix("/api/v1/"), headers={"Authorization": f"Bearer {bearer}"}, **more
        )
        if row == ENDLESS and answer.status_code == 200:
            answer.close()
        return answer
    sessions = console.sessions
    session = sessions.begin(console.person(role))
    client = ConsoleClient(console.address)
    client.http.cookies.set("syncline", sessions.cookie(session))
    data = {"data": {"form_token": sessions.form_token(session), **body}} if verb == "POST" else {}
    return client.ask(path, verb, **data)


def is_described(row: str, answer: requests.Response) -> None:
    """Check that an answer of the API is one that its description names, and holds nothing besides."""
    kinds = described_at(row, answer.status_code)
    if answer.status_code == 204:
        assert (answer.content, kinds) == (b"", {})
        return
    kind = answer.headers["Content-Type"].partition(";")[0]
    assert kind in kinds, row
    schema = kinds[kind]
    if schema is not None:
        schema.validate(answer.json())


@cache
def described_at(row: str, status: int) -> dict[str, Draft202012Validator | None]:
    """Return what an address may answer with a status: what checks it, by its media type; None of what is no JSON."""
    verb, _, path = row.partition(" ")
    described = _DOCUMENT["paths"][path.replace("{name}", "{id}")][verb.lower()]["responses"][str(status)]
    if "$ref" in described:
        described = _DOCUMENT["components"]["responses"][described["$ref"].rpartition("/")[2]]
    return {
        kind: validator(_DOCUMENT, content["schema"]) if kind.endswith("json") else None
        for kind, content in described.get("content", {}).items()
    }


@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
@pytest.mark.parametrize("role", ROLES)
def test_every_address_takes_exactly_its_role(
    shown: ConsoleHarness,
    role: Role,
    known: bool,  # noqa: FBT001 - a column of the table
) -> None:
    for row, needed in NEEDS.items():
        if needed is None:
            continue
        names = names_of(shown, role) if known else None
        answer = ask(shown, row, role, names)
        if " /api/v1/" in row and row != "GET /api/v1/openapi.json":
            is_described(row, answer)
        assert (answer.status_code == 403) is not reaches(role, needed), (row, answer.status_code, answer.text)
        if answer.status_code == 403:
            assert f"takes the role {needed}; yours is {role}" in answer.text, row
        elif known and row not in REFUSED:
            assert answer.status_code < 400, (row, answer.text)
        elif not known:
            assert answer.status_code in (200, 201, 202, 204, 303, 404, 422), (row, answer.text)


@pytest.mark.parametrize("role", ROLES)
def test_nobody_is_offered_what_would_be_refused(shown: ConsoleHarness, role: Role) -> None:
    client, offered = client_as(shown, role), set[str]()
    for path in LOOKS:
        if path.startswith("/sign-in"):
            continue
        for form in Page(client.ask(path)).forms:
            if form.method == "post":
                needed = needed_at("POST", form.action)
                assert needed is None or reaches(role, needed), (path, form.action)
                offered.add(form.action)
    assert {"/records/bob/resync", "/syncs/people/resync"} <= offered or not reaches(role, "operator")


@pytest.mark.parametrize("role", ROLES)
def test_of_anothers_tokens_admins_alone_know(shown: ConsoleHarness, role: Role) -> None:
    """By page and by API; and a token of the installation sees no other one of it."""
    eve, installation = caller_of(shown.person("viewer", "eve@x.example")), Caller("installation", "admin")
    made = [shown.access.tokens.make(by, f"of {by.who}", "viewer", 1)[0] for by in (eve, installation) * 2]
    own = shown.access.tokens.make(Caller("installation", role), "machine", role, 1)[1]
    by_token = shown.call("GET", "tokens", headers={"Authorization": f"Bearer {own}"}).json()["tokens"]
    names = {"machine", *(row.name for row in made)}
    assert {row["name"] for row in by_token} == (names if role == "admin" else {"machine"})
    page = client_as(shown, role).open("/settings/tokens")
    assert ("of eve@x.example" in page.words) is (role == "admin")
    rows = ["DELETE /api/v1/tokens/{name}"] * 2 + ["POST /settings/tokens/{name}/revoke"] * 2
    for token, row in zip(made, rows, strict=True):
        answer = ask(shown, row, role, {"tokens": token.id})
        assert (answer.status_code == 404) is (role != "admin"), row
        assert (shown.access.accounts.people.token(token.id) is None) is (role == "admin")
