"""Calls as values: requests with JSON, what comes back of it, and what every answer tells beside its body."""

import json
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final, TypeAlias

from shared.apps.kit.bodies import read_body
from shared.contract.calls import AppError, Exchange, HttpRequest, HttpResponse, Method

Refuse: TypeAlias = Callable[[HttpRequest, HttpResponse], AppError]
"""(request, answer that is no success) -> the error that it stands for."""

_JSON: Final = {"Content-Type": "application/json"}


def get(where: str, **query: str) -> HttpRequest:
    """Build a read."""
    return HttpRequest(method="GET", path=where, query=query, safe=True)


def send(
    method: Method,
    where: str,
    body: object,
    *,
    safe: bool = False,
    limit: str = "calls",
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
) -> HttpRequest:
    """Build a call with a JSON body; *safe* says of a read that sending it twice does no harm."""
    raw = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
    return HttpRequest(
        method=method,
        path=where,
        query=query or {},
        headers={**_JSON, **(headers or {})},
        body=raw,
        safe=safe,
        limit=limit,
    )


def ask(request: HttpRequest, refuse: Refuse) -> Exchange[dict[str, Any]]:
    """Send a call that must succeed, and return the JSON object it answers (empty for 204)."""
    response = yield request
    return read_json(request, response, refuse)


def read_json(request: HttpRequest, response: HttpResponse, refuse: Refuse) -> dict[str, Any]:
    """Return the JSON object of a 2xx answer.

    Raises:
        AppError: the app refused, or something else than the app answered.
    """
    if not 200 <= response.status < 300:
        raise refuse(request, response)
    if response.status == 204:
        return {}
    body = read_body(response.body)
    if not isinstance(body, dict):
        message = f"the answer {response.status} to {request.method} {request.path} is no JSON object"
        raise AppError("app_unavailable", message, retry="outage", unknown=not request.safe, status=response.status)
    return body


def rows(body: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """Return a list of objects out of an answer; empty where there is none."""
    found = body.get(name)
    return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []


def inner(body: Mapping[str, Any], *names: str) -> Any:
    """Follow keys through objects; None where they end."""
    value: Any = body
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def date_ms(response: HttpResponse) -> int:
    """Return the app's clock as its answer tells it; 0 when it does not."""
    try:
        return int(parsedate_to_datetime(response.headers.get("date", "")).timestamp() * 1000)
    except (TypeError, ValueError):
        return 0


def wait_s(response: HttpResponse) -> float | None:
    """Return how many seconds the app asks to wait; None when it does not say, or names a date."""
    told = response.headers.get("retry-after", "")
    return float(told) if told.isascii() and told.isdigit() else None
