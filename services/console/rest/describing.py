"""The OpenAPI document of the API: its routes as they are declared, with what holds for all of them."""

from collections.abc import Iterator, Mapping
from http import HTTPMethod
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from services.console.access.rates import COSTS
from services.console.access.roles import NEEDS, ROLES
from services.console.access.scopes import SCOPE_OF, SCOPES
from services.console.rest.shapes.common import Problem, Shown
from services.console.rest.versions import CHANGED, READ
from services.console.use.changes import HEADER

TAGS: Final[Mapping[str, str]] = {
    "records": "Every record that takes part: lists, why each is as it is, and resyncs.",
    "standing": "How everything stands, now and over time.",
    "syncs": "What is synced: shown, switched off and on.",
    "events": "What changes, as it happens.",
    "jobs": "Long work: asked for, followed, confirmed, paused, resumed and cancelled.",
    "exports": "Lists as files: asked for, followed, downloaded and deleted.",
    "parked": "Messages that nobody could handle: replayed or dropped.",
    "connections": "Apps that can be connected, and the accounts that are.",
    "access": "Users, tokens, and links to sign in.",
    "alerts": "What admins are told of when it goes wrong, by mail and webhook.",
    "activity": "Who did what, and when.",
}
"""What routes are about, in the order of the document."""
_SCOPES: Final = "\n".join(f"- `{scope}`: {text}" for scope, text in SCOPES.items())
DESCRIPTION: Final = f"""\
How everything stands, why, and what can be done about it.

**Sign-in.** Each request carries a token: one that was made under *Settings > API tokens*, or the installation's own.
A token may do what its role may, and each route says which role it takes: {", ".join(f"`{role}`" for role in ROLES)}.

**Scopes.** A token may be limited to scopes: then it may do of that only what they open. Each route names the scope
that opens it (`x-scope`); `change` does not open what `read` does. Whoever lacks it is refused with 403 and
`urn:syncline:problem:scope-missing`, and `scope` says which it is. A token with scopes makes no tokens with others.

{_SCOPES}

**Lists** come in pages: `limit` rows at most, `total` where it is known, and `next`, which is the `cursor` of the
next page and null at the end. Rows that come or go meanwhile move no other row to another page. Each row has an `id`,
which is what paths take.

**Moments** end in `_ms` and are epoch milliseconds; durations end in `_s` and are seconds.

**What is wrong** is said as RFC 9457 has it, as `application/problem+json`. `type` is for programs: the title in
small letters behind `urn:syncline:problem:`. `detail` is one sentence for people; `fields` has one for each field,
where it is about fields.

**Limits.** A token may make so many calls a minute, at all consoles together (`SYNCLINE_CONSOLE_CALLS_PER_MINUTE`). A
route that is dear counts as several calls (`x-calls`). `RateLimit-Policy` tells how many (`q`) in how many seconds
(`w`); `RateLimit` tells how many are left (`r`), and when all are there again (`t`). More are refused with 429.

**Several consoles** may answer. What a request has changed is in the header `{HEADER}` of its answer. A request that
sends this header is answered when the change counts where it is answered, and with 503 when that takes too long.

**Versions.** What can be changed has an `ETag` where it is read: another one as soon as somebody has changed it, and
the same whatever else becomes of it, such as when a user was at work last. A change that carries it as `If-Match` is
refused with 412 where somebody else was faster; `*` takes any. `If-None-Match` asks whether anything was changed.

A route that takes an `Idempotency-Key` does its work once for each key, so that a request without an answer can be
sent again.
"""
_MEANINGS: Final[Mapping[int, str]] = {
    400: "What was sent cannot be read, or `cursor` is of another list.",
    401: "The token is missing, wrong or has ended.",
    403: "The token's role is not enough, or it lacks a scope.",
    404: "There is nothing of this name.",
    409: "It cannot be done as things stand.",
    410: "What it named is gone.",
    411: "The body has no length.",
    412: "Somebody else has changed it since `If-Match` was read.",
    413: "The body is too large.",
    416: "The part that was asked for is beyond the end.",
    421: "The console is called by a name that is not its own.",
    422: "A parameter or field is wrong.",
    429: "Too many calls, or too many wrong tokens from this address: wait as `Retry-After` says.",
    503: "Kafka, Redis or an account is away, or a change does not count here yet: try again as `Retry-After` says.",
}
_HEADERS: Final[Mapping[int, tuple[str, str]]] = {
    401: ("WWW-Authenticate", "`Bearer`."),
    403: ("WWW-Authenticate", '`Bearer error="insufficient_scope"`, and the scope, where one is missing.'),
    429: ("Retry-After", "Seconds."),
    503: ("Retry-After", "Seconds."),
}
_ETAG: Final[Mapping[str, Any]] = {"description": "Its version.", "schema": {"type": "string"}}
_WITHOUT: Final = frozenset(("DELETE /api/v1/connections/{name}", "DELETE /api/v1/tokens/{name}"))
"""Routes after which there is nothing that could have a version."""
_ALL: Final = (401, 403, 421, 422, 429, 503)
"""What every route may answer."""
_LINKS: Final[Mapping[str, tuple[str, ...]]] = {
    "invite_user": ("change_user", "reset_user"),
    "add_alert": ("get_alert", "change_alert", "test_alert", "remove_alert"),
    "make_token": ("revoke_token",),
    "connect": ("get_connection", "rename_connection", "pause_connection", "resume_connection", "test_connection",
                "disconnect"),
    "add_job": ("get_job", "order_job"),
    "export_records": ("get_export", "download_export", "delete_export"),
}  # fmt: skip
"""Routes that make something, and those that take its `id`."""


class Route(APIRoute):
    """A route whose answer has what was found, without what its model would add."""

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **{**more, "response_model_exclude_unset": True})


def may(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe the problems that a route may answer with besides those of all routes."""
    return {status: {"description": _MEANINGS[status]} for status in statuses}


def describe(web: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document of the API; it is made once."""
    if web.openapi_schema is None:
        web.openapi_schema = _described(web)
    return web.openapi_schema


def _described(web: FastAPI) -> dict[str, Any]:
    found = get_openapi(
        title=web.title,
        version=web.version,
        openapi_version="3.1.0",
        description=DESCRIPTION,
        routes=web.routes,
        tags=[{"name": name, "description": text} for name, text in TAGS.items()],
        servers=[{"url": "/", "description": "The console."}],
    )
    schemas = found["components"]["schemas"]
    schemas["Problem"] = Problem.model_json_schema()
    for model in _models(Shown):
        extra = model.model_config.get("json_schema_extra")
        if model.__name__ in schemas and isinstance(extra, dict):
            # What FastAPI has written of them lacks every null.
            schemas[model.__name__]["examples"] = extra["examples"]
    found["components"]["responses"] = {f"Problem{status}": _problem(status) for status in _MEANINGS}
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    for method, path, route in _routes(found):
        _complete(method, path, route)
    found["paths"] = {_public(path): methods for path, methods in found["paths"].items()}
    by_name = {route["operationId"]: route for _, _, route in _routes(found)}
    for _, _, route in _routes(found):
        made = next((status for status in ("201", "202") if status in route["responses"]), "")
        links = _LINKS.get(route["operationId"], ())
        if links:
            route["responses"][made]["links"] = {
                name: {
                    "operationId": name,
                    "parameters": {"id": "$response.body#/id"},
                    "description": by_name[name]["summary"],
                }
                for name in links
            }
    return found


def _complete(method: str, path: str, route: dict[str, Any]) -> None:
    """Add to a route what follows from its method, its path and its role."""
    answers, parameters = route["responses"], route.get("parameters", ())
    for row in parameters:
        if row["in"] == "path" and row["name"] == "name":
            row["name"] = "id"
    statuses = [*_ALL]
    if "{name}" in path:
        statuses.append(404)
    if "requestBody" in route:
        statuses += [400, 411, 413]
    if any(row["name"] == "cursor" for row in parameters):
        statuses.append(400)
    wrong = {*map(str, statuses), *(status for status in answers if status >= "400")}
    answers |= {status: {"$ref": f"#/components/responses/Problem{status}"} for status in wrong}
    route["responses"] = dict(sorted(answers.items()))
    needed = NEEDS[f"{method.upper()} {path}"]
    route["x-role"] = needed
    route["x-scope"] = SCOPE_OF[f"{method.upper()} {path}"]
    route["x-calls"] = COSTS.get(f"{method.upper()} {path}", 1)
    takes = f"Takes the role `{needed}`, and of a token with scopes `{route['x-scope']}`."
    route["description"] = f"{route.get('description', '')}\n\n{takes}".strip()
    _add_versions(f"{method.upper()} {path}", route)
    if method != HTTPMethod.GET.lower():
        for status, answer in route["responses"].items():
            if status < "300":
                answer.setdefault("headers", {})[HEADER] = {
                    "description": "What was changed.",
                    "schema": {"type": "string"},
                }


def _add_versions(name: str, route: dict[str, Any]) -> None:
    """Add to a route what it tells and takes of versions."""
    if name in READ:
        told = "The version that was read: where it still stands, nothing is sent."
        route.setdefault("parameters", []).append(_header("If-None-Match", told))
        route["responses"]["304"] = {"description": "Nothing was changed.", "headers": {"ETag": _ETAG}}
    if name in CHANGED:
        told = "The version that was read: where another one stands, nothing is changed."
        route.setdefault("parameters", []).append(_header("If-Match", told))
        route["responses"]["412"] = {"$ref": "#/components/responses/Problem412"}
    for status in ("200", "201"):
        if status in route["responses"] and name in READ | CHANGED - _WITHOUT:
            route["responses"][status].setdefault("headers", {})["ETag"] = _ETAG
    route["responses"] = dict(sorted(route["responses"].items()))


def _header(name: str, text: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": False, "description": text, "schema": {"type": "string"}}


def _public(path: str) -> str:
    """Return a path as the document has it: what we call a name there is the `id` of rows."""
    return path.replace("{name}", "{id}")


def _models(root: type[Shown]) -> Iterator[type[Shown]]:
    """Yield all models below one."""
    for model in root.__subclasses__():
        yield model
        yield from _models(model)


def _problem(status: int) -> dict[str, Any]:
    found: dict[str, Any] = {
        "description": _MEANINGS[status],
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    if status in _HEADERS:
        name, text = _HEADERS[status]
        found["headers"] = {name: {"description": text, "schema": {"type": "string"}}}
    return found


def _routes(found: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in found["paths"].items():
        for method, route in methods.items():
            yield method, path, route
