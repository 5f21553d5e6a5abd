"""What can be done by page can be done by API, and the other way round; by a command, too, or it is said why not."""

import ast
import inspect
import textwrap
from argparse import ArgumentParser, _SubParsersAction
from collections import Counter
from collections.abc import Callable, Iterator
from types import ModuleType, SimpleNamespace
from typing import Any, Final, NamedTuple, get_args

from fastapi.routing import APIRoute

from services.console.access.roles import NEEDS, reaches
from services.console.commands.parser import parser
from services.console.rest.app import routes
from services.console.use.standing.records import Column
from services.console.web.app import PAGES
from services.console.web.screens.records import columns


class Deed(NamedTuple):
    """One thing that can be done."""

    pages: tuple[str, ...]
    api: tuple[str, ...]
    command: str
    """The command and its word; or why there is none, in brackets."""


DONE: Final = (
    Deed(("POST /syncs/{name}/resync",), ("POST /api/v1/jobs",), "resync"),
    Deed(("POST /jobs/{name}/{what}",), ("POST /api/v1/jobs/{name}/{what}",), "jobs cancel"),
    Deed(("POST /records/columns", "POST /account/zone"), ("PUT /api/v1/account/preferences",), "(of the pages)"),
    Deed(("POST /records/resync",), ("POST /api/v1/records/resync",), "resync"),
    Deed(("POST /records/read",), ("POST /api/v1/records/read",), "resync"),
    Deed(("POST /records/{name}/resync",), ("POST /api/v1/records/{name}/resync",), "resync"),
    Deed(("POST /exports",), ("POST /api/v1/exports",), "exports make"),
    Deed(("POST /exports/{name}/delete",), ("DELETE /api/v1/exports/{name}",), "exports delete"),
    Deed(("POST /parked",), ("POST /api/v1/parked/replay", "POST /api/v1/parked/{name}/replay"), "parked replay"),
    Deed(("POST /parked",), ("POST /api/v1/parked/drop", "POST /api/v1/parked/{name}/drop"), "parked drop"),
    Deed(("POST /account/password",), ("PUT /api/v1/account/password",), "(of a person, not of a terminal)"),
    Deed(("POST /account/sign-out",), ("DELETE /api/v1/account/sessions",), "(of a person, not of a terminal)"),
    Deed(("POST /settings/users",), ("POST /api/v1/users",), "users add"),
    Deed(("POST /settings/users/{name}/role",), ("PATCH /api/v1/users/{name}",), "users role"),
    Deed(("POST /settings/users/{name}/disable",), ("PATCH /api/v1/users/{name}",), "users disable"),
    Deed(("POST /settings/users/{name}/enable",), ("PATCH /api/v1/users/{name}",), "users enable"),
    Deed(("POST /settings/users/{name}/reset",), ("POST /api/v1/users/{name}/reset",), "users reset"),
    Deed(("POST /settings/users/{name}/link",), ("POST /api/v1/users/{name}/link",), "sign-in link"),
    Deed(("POST /settings/users/{name}/unlink",), ("DELETE /api/v1/users/{name}/link",), "sign-in unlink"),
    Deed(("POST /settings/sign-in",), ("PUT /api/v1/sign-in-provider",), "sign-in set"),
    Deed(("POST /settings/sign-in/remove",), ("DELETE /api/v1/sign-in-provider",), "sign-in remove"),
    Deed(("POST /settings/mail",), ("PUT /api/v1/mail-server",), "mail set"),
    Deed(("POST /settings/mail/test",), ("POST /api/v1/mail-server/test",), "mail test"),
    Deed(("POST /settings/mail/remove",), ("DELETE /api/v1/mail-server",), "mail remove"),
    Deed(("POST /settings/alerts",), ("POST /api/v1/alerts",), "alerts add"),
    Deed(("POST /settings/alerts/{name}",), ("PUT /api/v1/alerts/{name}",), "alerts change"),
    Deed(("POST /settings/alerts/{name}/test",), ("POST /api/v1/alerts/{name}/test",), "alerts test"),
    Deed(("POST /settings/alerts/{name}/remove",), ("DELETE /api/v1/alerts/{name}",), "alerts remove"),
    Deed(("POST /settings/retention",), ("PUT /api/v1/retention",), "retention"),
    Deed(("POST /settings/tokens",), ("POST /api/v1/tokens",), "tokens add"),
    Deed(("POST /settings/tokens/{name}/revoke",), ("DELETE /api/v1/tokens/{name}",), "tokens revoke"),
    Deed(("POST /apps/{name}/credentials",), ("PUT /api/v1/apps/{name}/credentials",), "credentials"),
    Deed(("POST /apps/{name}/authorize",), ("POST /api/v1/apps/{name}/authorize",), "authorize"),
    Deed(("GET /oauth/callback",), ("POST /api/v1/connections/agreed",), "authorize"),
    Deed(("POST /apps/{name}/connect",), ("POST /api/v1/connections",), "apply"),
    Deed(("POST /apps/{name}/connect",), ("POST /api/v1/apps/{name}/places",), "(its file names the place)"),
    Deed(("POST /connections/{name}/changes",), ("PUT /api/v1/connections/{name}/changes",), "apply"),
    Deed(("POST /connections/{name}/secrets",), ("PUT /api/v1/connections/{name}/secrets",), "secrets"),
    Deed(("POST /connections/{name}/reach",), ("POST /api/v1/connections/{name}/reach",), "connections reach"),
    Deed(("POST /connections/{name}/rename",), ("PATCH /api/v1/connections/{name}",), "connections rename"),
    Deed(("POST /connections/{name}/test",), ("POST /api/v1/connections/{name}/test",), "connections test"),
    Deed(("POST /syncs/{name}/switch-off",), ("POST /api/v1/syncs/{name}/switch-off",), "syncs switch-off"),
    Deed(("POST /syncs/{name}/switch-on",), ("POST /api/v1/syncs/{name}/switch-on",), "syncs switch-on"),
    Deed(("POST /connections/{name}/pause",), ("POST /api/v1/connections/{name}/pause",), "connections pause"),
    Deed(("POST /connections/{name}/resume",), ("POST /api/v1/connections/{name}/resume",), "connections resume"),
    Deed(("POST /connections/{name}/disconnect",), ("DELETE /api/v1/connections/{name}",), "delete"),
)
"""What can be done."""
OF_BROWSERS: Final = {
    "POST /sign-in": "begins the session of a browser; programs have tokens",
    "POST /sign-out": "ends the session of a browser",
    "POST /look": "kept in a cookie: how pages look in this browser",
    "POST /first-admin": "by a link that somebody was handed, before there is a token",
    "POST /welcome": "by a link that somebody was handed, who has no token yet",
    "POST /api/v1/sign-in-links": "makes a link that signs a browser in, for whoever has none that is signed in",
}
"""What only a browser needs, or only whoever has none, and why."""


def _changing(part: str) -> set[str]:
    return {row for row in NEEDS if not row.startswith("GET ") and (" /api/v1/" in row) is (part == "api")}


def test_what_can_be_done_by_page_can_be_done_by_api_and_the_other_way_round() -> None:
    """A new address that changes something has its other half named here, or the reason why there is none."""
    pages = {row for deed in DONE for row in deed.pages}
    api = {row for deed in DONE for row in deed.api}
    assert _changing("pages") == (pages - {"GET /oauth/callback"}) | {row for row in OF_BROWSERS if "/api/" not in row}
    assert _changing("api") == api | {row for row in OF_BROWSERS if "/api/" in row}
    assert not (pages | api) & set(OF_BROWSERS)
    assert pages | api <= set(NEEDS)


def test_both_ask_the_same_of_whoever_does_it_and_do_the_same() -> None:
    """One role, and a function of `use` that both call."""
    answers = _answers()
    for deed in DONE:
        rows = (*deed.pages, *deed.api)
        assert len({NEEDS[row] for row in rows}) == 1, deed
        called = [{name for name in _called(answers[row]) if name not in _EVERYWHERE} for row in rows]
        assert set.intersection(*called), deed


_EVERYWHERE: Final = frozenset(
    ("get", "form", "find", "row", "items", "strip", "connection", "app", "list", "tuple", "dict", "url", "frozenset")
)
"""Names that say nothing of what is done."""


def _answers() -> dict[str, Callable[..., Any]]:
    """Return what answers at each address."""
    found: dict[str, Callable[..., Any]] = {f"{page.method} {page.path}": page.answer for page in PAGES}
    nothing: Any = SimpleNamespace(accounts=None, tokens=None, mailing=None, alerts=None, keeping=None)
    for row in routes(nothing, nothing).routes:
        assert isinstance(row, APIRoute)
        found |= {f"{verb} {row.path}": row.endpoint for verb in row.methods or ()}
    return found


def _called(answer: Callable[..., Any], seen: frozenset[str] = frozenset()) -> Iterator[str]:
    """Yield the names of what a function calls, with that of functions of its own module which it calls."""
    module = inspect.getmodule(answer)
    assert isinstance(module, ModuleType)
    for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(answer)))):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        yield name
        beside = getattr(module, name, None)
        if inspect.isfunction(beside) and beside.__module__ == module.__name__ and name not in seen:
            yield from _called(beside, seen | {name})


def test_each_has_a_command_or_a_reason() -> None:
    known = {command: _words(one) for command, one in _commands(parser()).items()}
    for deed in DONE:
        command, _, word = deed.command.partition(" ")
        assert deed.command.startswith("(") or (command in known and (not word or word in known[command])), deed
    assert Counter(deed.command.startswith("(") for deed in DONE)[True] <= 4, "most have"


def _commands(of: ArgumentParser) -> dict[str, ArgumentParser]:
    return {
        name: one
        for action in of._actions
        if isinstance(action, _SubParsersAction)
        for name, one in action.choices.items()
    }


def _words(of: ArgumentParser) -> set[str]:
    """Return the words that a command takes behind its name."""
    return {str(word) for action in of._actions if not action.option_strings for word in action.choices or ()}


# Looking

SHOWN: Final = {
    "GET /": "health", "GET /syncs/{name}": "syncs/{name}", "GET /objects": "syncs", "GET /health": "health/series",
    "GET /jobs": "jobs", "GET /jobs/{name}": "jobs/{name}", "GET /records": "records",
    "GET /records/{name}": "records/{name}/explanation", "GET /why": "explanations", "GET /exports": "exports",
    "GET /exports/{name}/file": "exports/{name}/file", "GET /parked": "parked", "GET /activity": "audit",
    "GET /account": "account", "GET /settings/users": "users", "GET /settings/sign-in": "sign-in-provider",
    "GET /settings/mail": "mail-server", "GET /settings/alerts": "alerts",
    "GET /settings/alerts/{name}": "alerts/{name}", "GET /settings/retention": "retention",
    "GET /settings/tokens": "tokens", "GET /apps": "apps", "GET /apps/{name}": "apps/{name}",
    "GET /apps/{name}/connect": "apps/{name}", "GET /apps/{name}/credentials": "apps/{name}/credentials",
    "GET /connections/{name}": "connections/{name}", "GET /connections/{name}/feeds": "connections/{name}/feeds",
    "GET /connections/{name}/limits": "connections/{name}/limits", "GET /connections/{name}/secrets": "apps/{name}",
    "GET /connections/{name}/disconnect": "connections/{name}", "GET /syncs/{name}/switch-off": "syncs/{name}",
    "GET /connections/{name}/objects": "connections/{name}/objects",
    "GET /connections/{name}/objects/{object}": "connections/{name}/objects/{object}",
}  # fmt: skip
"""By page, the address of the API that tells the same."""
NOT_SHOWN: Final = {
    "GET /static/{name}": "of the pages", "GET /sign-in": "of a browser", "GET /sign-in/link": "of a browser",
    "GET /sign-in/provider": "of a browser", "GET /sign-in/callback": "of a browser",
    "GET /first-admin": "of a browser",
    "GET /welcome": "of a browser", "GET /oauth/callback": "changes something, see above",
    "GET /set-up": "leads through accounts to a file, which programs write themselves",
}  # fmt: skip
TOLD_BESIDES: Final = {
    "openapi.json": "of the API", "events": "pages look again by themselves",
    "error-categories": "each page that names one shows it", "exports/{name}": "a row of the page of files",
    "jobs/{name}/rows": "on the page of the job", "records/{name}": "a row of the list",
    "records/{name}/history": "on the page of the record",
    "connections": "on the page of each app", "connections/{name}/changes": "on the page of feeds",
    "users/{name}": "a row of the page of users", "tokens/{name}": "a row of the page of tokens",
    "account/preferences": "the list of records is as they say",
}  # fmt: skip


def test_what_is_shown_is_told_and_what_is_told_is_shown() -> None:
    looks = {row for row in NEEDS if row.startswith("GET ")}
    pages = {row for row in looks if " /api/v1/" not in row}
    told = {row.removeprefix("GET /api/v1/") for row in looks - pages}
    assert pages == set(SHOWN) | set(NOT_SHOWN)
    assert told == set(SHOWN.values()) | set(TOLD_BESIDES)
    for page, path in SHOWN.items():
        needed, told_to = NEEDS[page], NEEDS[f"GET /api/v1/{path}"]
        assert needed is not None, page
        assert told_to is not None, page
        assert reaches(needed, told_to), page


def test_the_api_knows_the_columns_of_the_list() -> None:
    assert get_args(Column) == columns.ALL
