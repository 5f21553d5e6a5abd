"""Calls to HubSpot as values: paths, JSON in and out."""

import json
from collections.abc import Iterable, Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Any, Final

from shared.apps.hubspot.bodies import read_body
from shared.apps.hubspot.errors import refuse
from shared.apps.hubspot.objects import Kind
from shared.core.connector import AppError, Exchange, HttpRequest, HttpResponse, Session

PREFIXES: Final = {
    "objects_path": "/crm/v3/objects",
    "properties_path": "/crm/v3/properties",
    "owners_path": "/crm/v3/owners",
    "associations_path": "/crm/v4/associations",
    "record_associations_path": "/crm/v4/objects",
    "account_path": "/account-info/v3/details",
}
"""HubSpot serves the same calls under dated paths (``/crm/objects/2026-03``): a connection's options may name those."""

_JSON: Final = {"Content-Type": "application/json"}


def path(session: Session, prefix: str, *parts: str) -> str:
    """Give a path below one of the prefixes."""
    return "/".join((session.options.get(prefix) or PREFIXES[prefix], *parts))


def objects(session: Session, kind: Kind, *parts: str) -> str:
    """Give a path of the objects API."""
    return path(session, "objects_path", kind.path, *parts)


def get(where: str, **query: str) -> HttpRequest:
    """Build a read."""
    return HttpRequest(method="GET", path=where, query=query, safe=True)


def post(where: str, body: object, *, safe: bool = False, limit: str = "calls", **query: str) -> HttpRequest:
    """Build a POST with a JSON body; many of HubSpot's reads are POSTs, so *safe* is told."""
    raw = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
    return HttpRequest(method="POST", path=where, query=query, headers=_JSON, body=raw, safe=safe, limit=limit)


def ask(request: HttpRequest) -> Exchange[dict[str, Any]]:
    """Send a call that must succeed, and give the JSON object it answers (empty for 204)."""
    response = yield request
    return read_json(request, response)


def read_json(request: HttpRequest, response: HttpResponse) -> dict[str, Any]:
    """Give the JSON object of a 2xx answer.

    Raises:
        AppError: HubSpot refused, or something that is not HubSpot answered.
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


def rows(body: Mapping[str, Any], name: str = "results") -> list[dict[str, Any]]:
    """Give a list of objects out of an answer; empty where there is none."""
    found = body.get(name)
    return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []


def inner(body: Mapping[str, Any], *names: str) -> Any:
    """Follow keys through objects; None where they end."""
    value: Any = body
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def after(body: Mapping[str, Any]) -> str | None:
    """Give the cursor of the next page."""
    found = inner(body, "paging", "next", "after")
    return str(found) if found else None


def date_ms(response: HttpResponse) -> int:
    """Give HubSpot's clock as its answer tells it; 0 when it does not."""
    try:
        return int(parsedate_to_datetime(response.headers.get("date", "")).timestamp() * 1000)
    except (TypeError, ValueError):
        return 0


def inputs(ids: Iterable[str], **more: object) -> dict[str, Any]:
    """Build the body of a batch call that names ids."""
    return {**more, "inputs": [{"id": one} for one in ids]}


def chunks(items: Sequence[Any], size: int) -> Iterable[Sequence[Any]]:
    """Cut into pieces of at most *size*."""
    return (items[start : start + size] for start in range(0, len(items), size))
