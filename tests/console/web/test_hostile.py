"""Whatever is written into an address or a form is data: no fault of ours, no script, no header, no other place."""

import re
from typing import Final
from urllib.parse import quote, unquote, urlsplit

import pytest
import requests

from services.console.access.roles import NEEDS
from services.console.web.app import PAGES
from tests.console.web.client import ConsoleClient, Page
from tests.console.web.examples import show_everything
from tests.console.web.test_roles import ENDLESS, client_as
from tests.services.console.harness import ConsoleHarness

NASTY: Final = (
    "%00",
    "..%2f..%5c..%2f%252e%252e%252fetc%252fpasswd",
    quote("\"'><script>alert(1)</script><img src=x onerror=alert(1)>", safe=""),
    "x%0d%0aSet-Cookie:%20planted=1%0d%0aLocation:%20https://evil.example",
    "%ff%fe%f0%9f",
    quote("//evil.example", safe=""),
    "javascript:alert(1)",
    "9" * 400,
)
"""No text, a folder above, a script, a header, no UTF-8, another site, a script as an address, a number too long."""
PARAMETERS: Final = (
    "q", "sync", "status", "category", "period", "since", "cursor", "columns", "next", "done", "tested", "sort",
    "asked", "panel", "told", "change", "token", "object", "connection", "left", "right", "state", "code", "error",
    "range", "what", "before", "limit", "record_id", "out", "page", "reason", "topic",
)  # fmt: skip
"""Names that some address reads, and some that none does."""


def check(answer: requests.Response, what: str) -> None:
    """Check that an answer is no fault of ours, and holds nothing that a browser would do."""
    assert answer.status_code < 500, (what, answer.text)
    assert "planted" not in answer.cookies, what
    assert "root:" not in answer.text, what
    place = urlsplit(answer.headers.get("Location", "/"))
    assert (place.scheme, place.netloc) == ("", ""), what
    assert answer.headers["X-Content-Type-Options"] == "nosniff", what
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"], what
    if not answer.headers.get("Content-Type", "").startswith("text/html"):
        return
    assert "<script>alert" not in answer.text, what
    for tag, name, value in Page(answer).attributes:
        assert not name.startswith("on"), (what, tag, name)
        assert tag != "img" or value != "x", what
        assert name not in ("href", "src", "action") or not re.match(r"\s*(javascript|https?://evil|//)", value), what


def filled(pattern: str, text: str) -> str:
    """Put a text into an address wherever it takes a name."""
    return re.sub(r"{what}", "cancel", re.sub(r"{name}", text, pattern))


@pytest.fixture(name="admin")
def _admin(console: ConsoleHarness) -> ConsoleClient:
    """Offer somebody who may do everything, where there is something of everything."""
    show_everything(console)
    return client_as(console, "admin")


def form_token(console: ConsoleHarness, client: ConsoleClient) -> str:
    session = console.sessions.read(client.http.cookies["syncline"])
    assert session is not None
    return console.sessions.form_token(session)


def test_a_name_in_an_address_is_nothing_but_a_name(console: ConsoleHarness, admin: ConsoleClient) -> None:
    """Of every address of pages and API that takes one."""
    data = {"form_token": form_token(console, admin)}
    for text in NASTY:
        for row in NEEDS:
            verb, _, pattern = row.partition(" ")
            if "{name}" not in pattern:
                continue
            path = filled(pattern, text)
            if pattern.startswith("/api/"):
                check(console.call(verb, path.removeprefix("/api/v1/"), data=b"" if verb == "GET" else b"{}"), row)
            else:
                check(admin.ask(path, verb, data=data if verb == "POST" else None), row)


def test_what_an_address_asks_for_is_nothing_but_text(
    console: ConsoleHarness, admin: ConsoleClient, anonymous: ConsoleClient
) -> None:
    """With every parameter at once, and the list of records with each alone; and before signing in."""
    for text in NASTY:
        every = "&".join(f"{name}={text}" for name in PARAMETERS)
        for row, needed in NEEDS.items():
            verb, _, pattern = row.partition(" ")
            path = f"{filled(pattern, 'people')}?{every}"
            if verb == "GET" and row != ENDLESS:
                answer = console.call("GET", path[8:]) if path.startswith("/api/v1/") else admin.ask(path)
                check(answer, row)
                if needed is None:
                    check(anonymous.ask(path), row)
        for name in PARAMETERS[:9]:
            check(admin.ask(f"/records?{name}={text}"), name)
            check(console.call("GET", f"records?{name}={text}"), name)


def test_what_a_form_holds_is_nothing_but_text(console: ConsoleHarness, admin: ConsoleClient) -> None:
    """Every form, with every field that some form has."""
    names = (
        *PARAMETERS, "email", "password", "old", "name", "role", "days", "label", "theme", "keys", "to", "issuer",
        "client_id", "client_secret", "title", "scopes", "domains", "claim", "roles", "default_role", "base_url",
        "kind", "about", "over", "minutes", "mail", "url", "secret",
    )  # fmt: skip
    given = form_token(console, admin)
    for text in NASTY:
        for page in PAGES:
            if page.method == "POST" and not page.path.endswith("/sign-out"):
                fields = {name: unquote(text) for name in names if name != "token" or page.path != "/sign-in"}
                check(admin.ask(filled(page.path, "people"), "POST", data={**fields, "form_token": given}), page.path)


def test_a_session_opens_no_api_and_a_token_no_page(console: ConsoleHarness, client: ConsoleClient) -> None:
    """So no other site's page can call the API with somebody's cookie: it would need no form token there."""
    for row in NEEDS:
        verb, _, pattern = row.partition(" ")
        if pattern.startswith("/api/"):
            assert client.ask(filled(pattern, "people"), verb).status_code == 401, row
    bearer = {"Authorization": f"Bearer {console.token('admin')}"}
    assert ConsoleClient(console.address).ask("/settings/users", headers=bearer).status_code == 303
