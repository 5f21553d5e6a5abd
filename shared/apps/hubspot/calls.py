"""Calls to HubSpot as values: its paths, its pages, and how it names records."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from shared.apps.hubspot.errors import refuse
from shared.apps.hubspot.objects import Kind
from shared.apps.kit import calls as kit
from shared.apps.kit.calls import inner, send
from shared.contract.calls import Exchange, HttpRequest, HttpResponse, Session

PREFIXES: Final = {
    "objects_path": "/crm/v3/objects",
    "properties_path": "/crm/v3/properties",
    "schemas_path": "/crm-object-schemas/v3/schemas",
    "pipelines_path": "/crm/v3/pipelines",
    "owners_path": "/crm/v3/owners",
    "associations_path": "/crm/v4/associations",
    "record_associations_path": "/crm/v4/objects",
    "association_limits_path": "/crm/v4/associations/definitions/configurations",
    "account_path": "/account-info/v3/details",
}
"""HubSpot serves the same calls under dated paths (``/crm/objects/2026-03``): a connection's options may name those."""


def path(session: Session, prefix: str, *parts: str) -> str:
    """Return a path below one of the prefixes."""
    return "/".join((session.options.get(prefix) or PREFIXES[prefix], *parts))


def objects(session: Session, kind: Kind, *parts: str) -> str:
    """Return a path of the objects API."""
    return path(session, "objects_path", kind.path, *parts)


def post(where: str, body: object, *, safe: bool = False, limit: str = "calls", **query: str) -> HttpRequest:
    """Build a POST; many of HubSpot's reads are POSTs, so *safe* is told."""
    return send("POST", where, body, safe=safe, limit=limit, query=query)


def ask(request: HttpRequest) -> Exchange[dict[str, Any]]:
    """Send a call that must succeed, and return the JSON object it answers (empty for 204)."""
    return (yield from kit.ask(request, refuse))


def read_json(request: HttpRequest, response: HttpResponse) -> dict[str, Any]:
    """Return the JSON object of a 2xx answer; raises `AppError`."""
    return kit.read_json(request, response, refuse)


def rows(body: Mapping[str, Any], name: str = "results") -> list[dict[str, Any]]:
    """Return a list of objects out of an answer; empty where there is none."""
    return kit.rows(body, name)


def after(body: Mapping[str, Any]) -> str | None:
    """Return the cursor of the next page."""
    found = inner(body, "paging", "next", "after")
    return str(found) if found else None


def inputs(ids: Iterable[str], **more: object) -> dict[str, Any]:
    """Build the body of a batch call that names ids."""
    return {**more, "inputs": [{"id": one} for one in ids]}
