"""Who may do what: every address with every role, on ids that exist and on ids that do not, is as the table says."""

import re
from collections.abc import Mapping
from typing import Any, Final

import pytest
import requests
from fastapi.routing import APIRoute

from services.console.api import make_app, routes
from services.console.roles import MEANINGS, NEEDS, ROLES, needed_at, reaches
from services.console.web.app import PAGES
from shared.messages import Role
from tests.console.web.examples import LOOKS, show_everything
from tests.console.web.visitor import Page, Visitor
from tests.services.console.window import Window

_KNOWN: Final = {
    "/syncs/{name}": "people",
    "/records/{name}": "bob",
    "/parked/{name}": "1",
    "/jobs/{name}": "resync-people.everything",
}
_BODIES: Final[Mapping[str, Any]] = {
    "POST /api/v1/jobs": {"sync": "people"}, "POST /syncs/{name}/resync": {"what": "failing"},
    "POST /parked": {"what": "replay-all"}, "POST /api/v1/parked/replay": {"messages": [1]},
    "POST /api/v1/parked/drop": {"messages": [1], "why": "known"}, "POST /api/v1/parked/{name}/drop": {"why": "known"},
}  # fmt: skip
"""What an address is sent, so that only who asks can be wrong."""
_ENDED: Final = "POST /api/v1/jobs/{name}/{what}"
"""What the example's job refuses, for it has ended."""


def filled(path: str, *, known: bool) -> str:
    """Put names into an address: of what there is, or of what there is not."""
    for pattern, name in _KNOWN.items():
        if known:
            path = path.replace(pattern, pattern.replace("{name}", name))
    return re.sub(r"{\w+}", "nobody", path.replace("{what}", "cancel"))


def visitor_as(window: Window, role: Role) -> Visitor:
    """Return a browser of somebody with a role."""
    visitor, sessions = Visitor(window.address), window.sessions
    visitor.http.cookies.set("syncline", sessions.cookie(sessions.begin(window.person(role))))
    return visitor


@pytest.fixture(name="shown")
def _shown(window: Window) -> Window:
    show_everything(window)
    return window


def test_the_table_names_every_address_and_no_other(window: Window) -> None:
    access = window.access
    api = (*make_app(window.installation, access).routes, *routes(window.installation, access).routes)
    served = {f"{row.method} {row.path}" for row in PAGES} | {"GET /static/{name}"}
    served |= {f"{verb} {row.path}" for row in api if isinstance(row, APIRoute) for verb in row.methods or ()}
    assert served == set(NEEDS)
    assert tuple(MEANINGS) == ROLES


def test_an_address_is_found_with_its_names_filled_in() -> None:
    for row, needed in NEEDS.items():
        verb, _, path = row.partition(" ")
        assert needed_at(verb, filled(path, known=False)) == needed, row
    assert needed_at("POST", "/records/a%2Fb/resync?x=1") == "operator"
    for path in ("/records//resync", "/records/a/b/resync", "/nowhere"):
        with pytest.raises(KeyError):
            needed_at("POST", path)


def ask(window: Window, row: str, role: Role, *, known: bool) -> requests.Response:
    """Ask at an address as somebody with a role."""
    verb, _, pattern = row.partition(" ")
    path, body = filled(pattern, known=known), _BODIES.get(row, {})
    if path.startswith("/api/"):
        more = {"json": body} if verb == "POST" else {}
        headers = {"Authorization": f"Bearer {window.token(role)}"}
        return window.call(verb, path.removeprefix("/api/v1/"), headers=headers, **more)
    sessions = window.sessions
    session = sessions.begin(window.person(role))
    visitor = Visitor(window.address)
    visitor.http.cookies.set("syncline", sessions.cookie(session))
    data = {"data": {"form_token": sessions.form_token(session), **body}} if verb == "POST" else {}
    return visitor.ask(path, verb, **data)


@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
@pytest.mark.parametrize("role", ROLES)
def test_every_address_takes_exactly_its_role(
    shown: Window,
    role: Role,
    known: bool,  # noqa: FBT001 - a column of the table
) -> None:
    for row, needed in NEEDS.items():
        if needed is None:
            continue
        answer = ask(shown, row, role, known=known)
        assert (answer.status_code == 403) is not reaches(role, needed), (row, answer.status_code, answer.text)
        if answer.status_code == 403:
            assert f"takes the role {needed}; yours is {role}" in answer.text, row
        elif known and row not in (_ENDED, "GET /api/v1/explanations"):
            assert answer.status_code < 400, (row, answer.text)
        elif not known:
            assert answer.status_code in (200, 201, 202, 303, 404, 422), (row, answer.text)


@pytest.mark.parametrize("role", ROLES)
def test_nobody_is_offered_what_would_be_refused(shown: Window, role: Role) -> None:
    visitor, offered = visitor_as(shown, role), set[str]()
    for path in LOOKS:
        if path.startswith("/sign-in"):
            continue
        for form in Page(visitor.ask(path)).forms:
            if form.method == "post":
                needed = needed_at("POST", form.action)
                assert needed is None or reaches(role, needed), (path, form.action)
                offered.add(form.action)
    assert {"/records/bob/resync", "/syncs/people/resync"} <= offered or not reaches(role, "operator")
