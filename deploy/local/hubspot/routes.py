"""Every call of the API, a row each: method, path, handler, the class it is counted under, and the scope it needs."""

import re
from dataclasses import dataclass
from typing import Literal

from deploy.local.hubspot import directory
from deploy.local.hubspot.http import Handler
from deploy.local.hubspot.objects import (
    association_schema,
    associations,
    objects,
    pipelines,
    properties,
    schemas,
    search,
)
from deploy.local.hubspot.objects.catalogue import BY_SPELLING

Access = Literal[
    "read", "write", "schema_read", "schema_write", "custom_schema_read", "custom_schema_write", "owners", "none"
]


@dataclass(frozen=True, slots=True)
class Route:
    """One call."""

    method: str
    version: str
    """`v3` or `v4`; the dated versions serve every call."""
    pattern: str
    """Path below `/crm/<version>/`, or the whole path when the version is blank; `{x}` stands for one segment."""
    handler: Handler
    group: str
    """The class of calls it is counted under."""
    access: Access


ROUTES = (
    Route("POST", "v3", "objects/{type}/batch/read", objects.batch_read, "batch_read", "read"),
    Route("POST", "v3", "objects/{type}/batch/create", objects.batch_create, "batch_create", "write"),
    Route("POST", "v3", "objects/{type}/batch/update", objects.batch_update, "batch_update", "write"),
    Route("POST", "v3", "objects/{type}/batch/upsert", objects.batch_upsert, "batch_upsert", "write"),
    Route("POST", "v3", "objects/{type}/batch/archive", objects.batch_archive, "batch_archive", "write"),
    Route("POST", "v3", "objects/{type}/search", search.search, "search", "read"),
    Route("POST", "v3", "objects/{type}/merge", objects.merge, "merge", "write"),
    Route("POST", "v3", "objects/{type}/gdpr-delete", objects.gdpr_delete, "gdpr_delete", "write"),
    Route("GET", "v3", "objects/{type}", objects.list_page, "list", "read"),
    Route("POST", "v3", "objects/{type}", objects.create, "create", "write"),
    Route("GET", "v3", "objects/{type}/{id}", objects.read, "read", "read"),
    Route("PATCH", "v3", "objects/{type}/{id}", objects.update, "update", "write"),
    Route("DELETE", "v3", "objects/{type}/{id}", objects.archive, "archive", "write"),
    Route("GET", "v4", "objects/{type}/{id}/associations/{toType}", associations.list_page, "associations", "read"),
    Route(
        "PUT",
        "v4",
        "objects/{type}/{id}/associations/default/{toType}/{toId}",
        associations.put_default,
        "associate",
        "write",
    ),
    Route("PUT", "v4", "objects/{type}/{id}/associations/{toType}/{toId}", associations.put, "associate", "write"),
    Route(
        "DELETE", "v4", "objects/{type}/{id}/associations/{toType}/{toId}", associations.delete, "associate", "write"
    ),
    Route("POST", "v4", "associations/{type}/{toType}/batch/read", associations.batch_read, "associations", "read"),
    Route("POST", "v4", "associations/{type}/{toType}/batch/create", associations.batch_create, "associate", "write"),
    Route(
        "POST",
        "v4",
        "associations/{type}/{toType}/batch/associate/default",
        associations.batch_default,
        "associate",
        "write",
    ),
    Route("POST", "v4", "associations/{type}/{toType}/batch/archive", associations.batch_archive, "associate", "write"),
    Route(
        "POST",
        "v4",
        "associations/{type}/{toType}/batch/labels/archive",
        associations.batch_archive_labels,
        "associate",
        "write",
    ),
    Route("GET", "v4", "associations/{type}/{toType}/labels", association_schema.labels, "associations", "read"),
    Route("POST", "v4", "associations/{type}/{toType}/labels", association_schema.add_label, "associations", "write"),
    Route(
        "GET", "v4", "associations/definitions/configurations/all", association_schema.limits, "associations", "none"
    ),
    Route(
        "POST",
        "v4",
        "associations/definitions/configurations/{type}/{toType}/batch/create",
        association_schema.add_limits,
        "associations",
        "write",
    ),
    Route("GET", "v3", "properties/{type}", properties.list_all, "properties", "schema_read"),
    Route("POST", "v3", "properties/{type}", properties.create, "properties", "schema_write"),
    Route("POST", "v3", "properties/{type}/batch/read", properties.batch_read, "properties", "schema_read"),
    Route("POST", "v3", "properties/{type}/batch/create", properties.batch_create, "properties", "schema_write"),
    Route("GET", "v3", "properties/{type}/groups", properties.list_groups, "properties", "schema_read"),
    Route("POST", "v3", "properties/{type}/groups", properties.create_group, "properties", "schema_write"),
    Route("GET", "v3", "properties/{type}/groups/{name}", properties.read_group, "properties", "schema_read"),
    Route("GET", "v3", "properties/{type}/{name}", properties.read, "properties", "schema_read"),
    Route("PATCH", "v3", "properties/{type}/{name}", properties.update, "properties", "schema_write"),
    Route("DELETE", "v3", "properties/{type}/{name}", properties.archive, "properties", "schema_write"),
    Route("GET", "v3", "pipelines/{type}", pipelines.list_all, "pipelines", "read"),
    Route("GET", "v3", "pipelines/{type}/{id}", pipelines.read, "pipelines", "read"),
    Route("GET", "", "crm-object-schemas/v3/schemas", schemas.list_all, "schemas", "custom_schema_read"),
    Route("POST", "", "crm-object-schemas/v3/schemas", schemas.create, "schemas", "custom_schema_write"),
    Route("GET", "", "crm-object-schemas/v3/schemas/{type}", schemas.read, "schemas", "custom_schema_read"),
    Route(
        "POST",
        "",
        "crm-object-schemas/v3/schemas/{type}/associations",
        association_schema.associate,
        "schemas",
        "custom_schema_write",
    ),
    Route("DELETE", "", "crm-object-schemas/v3/schemas/{type}", schemas.archive, "schemas", "custom_schema_write"),
    Route("GET", "v3", "owners", directory.owners, "owners", "owners"),
    Route("GET", "v3", "owners/{id}", directory.owner, "owners", "owners"),
    Route("GET", "", "account-info/v3/details", directory.account_details, "account", "none"),
)

_VERSIONED = re.compile(r"/crm/(v3|v4)/(.+)")
_DATED = re.compile(r"/crm/(objects|properties|pipelines|owners|associations)/20\d\d-(?:0[1-9]|1[0-2])((?:/.*)?)")
_BY_SHAPE: dict[tuple[str, int], list[tuple[tuple[str, ...], Route]]] = {}
for _route in ROUTES:
    _segments = tuple(_route.pattern.split("/"))
    _BY_SHAPE.setdefault((_route.method, len(_segments)), []).append((_segments, _route))


def match(method: str, path: str) -> tuple[Route, dict[str, str]] | None:
    """Return the route of a call with its path parameters; None when there is no such call."""
    version, rest = "", path.strip("/")
    if versioned := _VERSIONED.fullmatch(path):
        version, rest = versioned.group(1), versioned.group(2).rstrip("/")
    elif dated := _DATED.fullmatch(path):
        version, rest = "dated", (dated.group(1) + dated.group(2)).rstrip("/")
    segments = rest.split("/")
    for pattern, route in _BY_SHAPE.get((method, len(segments)), ()):
        if version not in (route.version, "dated") or (version == "dated" and not route.version):
            continue
        params: dict[str, str] = {}
        for expected, segment in zip(pattern, segments, strict=True):
            if expected[0] == "{":
                params[expected[1:-1]] = segment
            elif expected != segment:
                break
        else:
            return route, params
    return None


def scopes(route: Route, params: dict[str, str]) -> tuple[str, ...]:
    """Return the scopes of which the token must have one; none when any token will do."""
    verb = route.access.rpartition("_")[2]
    fixed: dict[Access, tuple[str, ...]] = {"owners": ("crm.objects.owners.read",), "none": ()}
    if route.access in fixed:
        return fixed[route.access]
    spelling = params.get("type", "")
    kind = BY_SPELLING.get(spelling)
    if route.access.startswith("custom_") or (kind is None and re.match(r"2-|p\d+_", spelling)):
        return _custom_scopes(route.access, verb)
    if kind is None:
        return ()
    if route.access == "read":
        return (kind.read_scope,)
    if route.access == "write":
        return (kind.write_scope,)
    return (f"crm.schemas.{kind.name}.{verb}", kind.read_scope if verb == "read" else kind.write_scope)


def _custom_scopes(access: Access, verb: str) -> tuple[str, ...]:
    """Return the scopes for custom objects, which all share them."""
    if access.startswith("custom_"):
        return (f"crm.schemas.custom.{verb}",)
    what = "schemas" if access.startswith("schema_") else "objects"
    return tuple(dict.fromkeys((f"crm.{what}.custom.{verb}", f"crm.objects.custom.{verb}")))
