"""Access to the API: nothing without the token, and never an error of ours for input of theirs."""

import base64
import re
import socket
from typing import Final
from urllib.parse import quote, urlsplit

import pytest
import requests

from services.console.access.roles import NEEDS
from shared.wire import topics
from tests.docs.api_reference import document
from tests.services.console.harness import TOKEN, ConsoleHarness, is_problem
from tests.services.environment import SYNC

ROUTES: Final = [
    (verb, path.removeprefix("/api/v1/"))
    for verb, path in (row.split(" ") for row in NEEDS)
    if path.startswith("/api/v1/")
]
"""That these are all there are is shown by `tests/console/web/test_roles.py`."""


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_nothing_is_told_without_the_token(console: ConsoleHarness, method: str, path: str) -> None:
    """Another one, none, or another way to sign in gets 401, and learns how."""
    for given in (None, "", "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}", TOKEN,
                  "Bearer é\xff"):  # fmt: skip
        headers = {} if given is None else {"Authorization": given.encode("latin-1")}
        with requests.Session() as http:
            http.trust_env = False
            body = {"sync": SYNC} if method in ("POST", "PATCH", "PUT") else None
            where = f"{console.address}/api/v1/{re.sub(r'{name}|{app}', 'x', path)}"
            # An answer without end would otherwise be read for ever, where somebody is answered who should not be.
            with http.request(method, where, headers=headers, timeout=20, json=body, stream=True) as answer:
                assert answer.status_code == 401
                is_problem(answer, 401)
                assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert console.env.told(topics.SETUPS) == console.env.told(topics.JOBS) == []


def test_the_description_is_served_as_it_is_written_down(console: ConsoleHarness) -> None:
    """With the token; what it says is checked in `tests/docs/test_api_reference.py`."""
    assert console.get("openapi.json") == document()


# Input


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("records?limit=0", 422), ("records?limit=501", 422), ("records?limit=x", 422), ("records?status=fine", 422),
        ("records?since=-1", 422), (f"records?since={10**30}", 422), ("records?since=1.5", 422),
        (f"records?q={'a' * 201}", 422), ("records?q=%FF%00%27", 200), ("records?sync=%00", 200),
        ("records?category=%F0%9F", 200), (f"records?q={quote(chr(0xd800), errors='surrogatepass')}", 200),
        ("records/nobody", 404), ("records/nobody/explanation", 404), ("records/%FF", 404), ("jobs/nobody", 404),
        ("explanations", 422), ("explanations?connection=hub&object=contact&record_id=nobody", 404),
        ("nothing", 404), ("", 404), ("records/a/b/c", 404),
    ],
)  # fmt: skip
def test_input_that_is_wrong_is_answered_with_what_is_wrong(console: ConsoleHarness, path: str, status: int) -> None:
    """4xx as a problem with a sentence; never 5xx."""
    answer = console.call("GET", path)
    if status == 200:
        assert (answer.status_code, answer.json()["records"]) == (200, [])
    else:
        assert is_problem(answer, status)


@pytest.mark.parametrize(
    "inner",
    ["", "x", "[]", "[1, 2]", '[-1, "a"]', f'[{10**30}, "a"]', '["a"]', '["a", "b", "c"]', '{"a": 1, "b": 2}',
     '"ab"', "null", "[1, null]", '[1, "\\ud800"]', "[" * 10_000, "\xff"],
)  # fmt: skip
def test_a_cursor_that_we_did_not_make_is_refused(console: ConsoleHarness, inner: str) -> None:
    """Whatever it holds once it is opened."""
    spelt = base64.urlsafe_b64encode(inner.encode("latin-1")).decode() or "="
    assert "next" in is_problem(console.call("GET", "records", params={"cursor": spelt}), 400)


@pytest.mark.parametrize("spelt", ["!", "a", "é", "W10", "=" * 50])
def test_a_cursor_that_cannot_be_opened_is_refused(console: ConsoleHarness, spelt: str) -> None:
    """It is no base64."""
    is_problem(console.call("GET", "records", params={"cursor": spelt}), 400)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422), (b"{", 422), (b"[]", 422), (b"null", 422), (b'{"sync": 1}', 422), (b'{"sync": "nobody"}', 404),
        (b'{"sync": "people", "kind": "first_sync"}', 422), (b'{"sync": "people", "statuses": ["closed"]}', 422),
        (b'{"sync": "people", "statuses": "failing"}', 422), (b'{"sync": "\\ud800"}', 404),
        (b'{"sync": "people", "x": 1}', 422),
        (b"\xff\xfe", 422), (b"[" * 10_000, 400), (b" " * 70_000, 413),
    ],
)  # fmt: skip
def test_a_job_that_cannot_be_understood_is_not_begun(console: ConsoleHarness, body: bytes, status: int) -> None:
    """Unknown words are refused, not passed over."""
    answer = console.call("POST", "jobs", data=body, headers={"Content-Type": "application/json"})
    assert is_problem(answer, status)
    assert console.env.told(topics.SETUPS) == console.env.told(topics.JOBS) == []


def test_a_body_without_end_is_refused_before_it_is_read(console: ConsoleHarness) -> None:
    """Nobody without the token can fill the memory."""
    parts = urlsplit(console.address)
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as line:
        line.sendall(b"POST /api/v1/jobs HTTP/1.1\r\nHost: [::1]\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n")
        assert line.recv(100).split()[1] == b"411"


@pytest.mark.parametrize(
    ("path", "allowed"),
    [("jobs", "GET, POST"), ("connections/hub", "DELETE, GET, PATCH"), ("sign-in-provider", "DELETE, GET, PUT")],
)
def test_a_method_that_a_path_does_not_take_is_told_all_that_it_takes(
    console: ConsoleHarness, path: str, allowed: str
) -> None:
    """Also where several routes share the path."""
    answer = console.call("TRACE", path)
    is_problem(answer, 405)
    assert answer.headers["Allow"] == allowed


@pytest.mark.parametrize("days", [True, "5", 5.5, None, [5]])
def test_what_is_no_number_is_not_taken_for_one(console: ConsoleHarness, days: object) -> None:
    answer = console.call("POST", "tokens", json={"name": "backup", "days": days})
    is_problem(answer, 422)
    assert set(answer.json()["fields"]) == {"days"}
    assert console.call("POST", "tokens", json={"name": "backup", "days": 5.0}).status_code == 201
