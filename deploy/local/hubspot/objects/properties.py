"""The properties API: which properties an object type has, and making more of them."""

import re
from dataclasses import asdict, replace
from typing import Any

from deploy.local.hubspot.account import Account
from deploy.local.hubspot.errors import ApiError, bad_request, not_found
from deploy.local.hubspot.http import Answer, Call, batch, need_text
from deploy.local.hubspot.objects.fields import Property
from deploy.local.hubspot.objects.values import iso

FIELD_TYPES = {
    "string": ("text", "textarea", "html", "file", "phonenumber"),
    "number": ("number",),
    "date": ("date",),
    "datetime": ("date",),
    "enumeration": ("select", "radio", "checkbox", "booleancheckbox"),
    "bool": ("booleancheckbox",),
}
_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}\Z")


def show(prop: Property) -> dict[str, Any]:
    """Return a property as the API describes it."""
    options = prop.option_rows or tuple(
        {"label": label, "value": value, "displayOrder": number, "hidden": False, "description": ""}
        for number, (value, label) in enumerate(prop.options)
    )
    if prop.type == "bool" and not options:
        options = tuple(
            {"label": label, "value": value, "displayOrder": number, "hidden": False}
            for number, (value, label) in enumerate((("true", "Yes"), ("false", "No")))
        )
    body: dict[str, Any] = {
        "createdAt": iso(prop.created_ms),
        "updatedAt": iso(prop.updated_ms),
        "name": prop.name,
        "label": prop.label,
        "type": prop.type,
        "fieldType": prop.field_type,
        "description": prop.description,
        "groupName": prop.group,
        "options": list(options),
        "displayOrder": prop.display_order,
        "calculated": False,
        "externalOptions": bool(prop.external),
        "archived": False,
        "hasUniqueValue": prop.unique,
        "hidden": prop.hidden,
        "hubspotDefined": prop.hubspot_defined,
        "formField": not prop.read_only,
        "modificationMetadata": {
            "archivable": not prop.hubspot_defined,
            "readOnlyDefinition": prop.hubspot_defined,
            "readOnlyOptions": prop.hubspot_defined,
            "readOnlyValue": prop.read_only,
        },
    }
    if prop.external:
        body["referencedObjectType"] = prop.external
    return body


def list_all(call: Call) -> Answer:
    """GET every property of an object type."""
    if call.flag("archived"):
        return Answer(200, {"results": []})
    known = call.account.properties[call.kind().name]
    return Answer(200, {"results": [show(prop) for prop in known.values()]})


def read(call: Call) -> Answer:
    """GET one property."""
    return Answer(200, show(_known(call, call.params["name"])))


def create(call: Call) -> Answer:
    """POST a new property."""
    prop = define(call.account, call.kind().name, call.mapping(), call.now)
    call.world.save()
    return Answer(201, show(prop))


def update(call: Call) -> Answer:
    """PATCH a property's label, group, description or options."""
    prop = _known(call, call.params["name"])
    body = call.mapping()
    if prop.hubspot_defined and not set(body) <= {"label", "description", "hidden", "displayOrder"}:
        raise bad_request(f"{prop.name} is defined by HubSpot; only its label, description and place can change")
    merged = {**_as_body(prop), **body, "name": prop.name}
    new = replace(
        _build(call.account, call.kind().name, merged, call.now),
        created_ms=prop.created_ms,
        unique=prop.unique,
        read_only=prop.read_only,
        external=prop.external,
        hubspot_defined=prop.hubspot_defined,
    )
    call.account.set_property(call.kind().name, new)
    call.world.save()
    return Answer(200, show(new))


def archive(call: Call) -> Answer:
    """DELETE a custom property."""
    prop = _known(call, call.params["name"])
    if prop.hubspot_defined:
        raise bad_request(f"{prop.name} is defined by HubSpot and cannot be archived")
    call.account.remove_property(call.kind().name, prop.name)
    call.world.save()
    return Answer(204)


def batch_read(call: Call) -> Answer:
    """POST names of properties to read."""
    known = call.account.properties[call.kind().name]
    names = [need_text(row, "name") for row in call.inputs(100)]
    missing = [name for name in names if name not in known]
    errors = []
    if missing:
        message = f"Property does not exist: {', '.join(missing)}"
        errors.append(ApiError(404, "OBJECT_NOT_FOUND", message, context={"name": missing}).item())
    return batch(call, [show(known[name]) for name in names if name in known], errors)


def batch_create(call: Call) -> Answer:
    """POST several new properties; one unfit input fails them all."""
    kind = call.kind().name
    inputs = call.inputs(100)
    for row in inputs:
        _build(call.account, kind, row, call.now)
    results = [show(define(call.account, kind, row, call.now)) for row in inputs]
    call.world.save()
    return batch(call, results, [], done=201)


def list_groups(call: Call) -> Answer:
    """GET the groups of an object type's properties."""
    return Answer(200, {"results": list(call.account.groups[call.kind().name].values())})


def create_group(call: Call) -> Answer:
    """POST a new group."""
    body = call.mapping()
    name = need_text(body, "name")
    groups = call.account.groups[call.kind().name]
    if name in groups:
        raise ApiError(409, "OBJECT_ALREADY_EXISTS", f"The property group named '{name}' already exists.")
    groups[name] = {
        "name": name,
        "label": need_text(body, "label"),
        "displayOrder": body.get("displayOrder", -1),
        "archived": False,
    }
    call.world.save()
    return Answer(201, groups[name])


def read_group(call: Call) -> Answer:
    """GET one group."""
    group = call.account.groups[call.kind().name].get(call.params["name"])
    if group is None:
        raise not_found(f"No property group {call.params['name']}")
    return Answer(200, group)


def define(account: Account, kind: str, body: dict[str, Any], now: int) -> Property:
    """Add a property to an object type of an account, from the API's description of it.

    Raises:
        ApiError: 400 when the description is unfit, 409 when the name is taken.
    """
    prop = _build(account, kind, body, now)
    if prop.name in account.properties[kind]:
        raise ApiError(
            409,
            "OBJECT_ALREADY_EXISTS",
            f"Property '{prop.name}' already exists.",
            errors=[{"message": "already exists", "code": "PROPERTY_EXISTS"}],
        )
    account.set_property(kind, prop)
    return prop


def _known(call: Call, name: str) -> Property:
    prop = call.account.properties[call.kind().name].get(name)
    if prop is None:
        raise not_found(f"Property '{name}' does not exist")
    return prop


def _as_body(prop: Property) -> dict[str, Any]:
    row = asdict(prop)
    return {
        "label": prop.label,
        "type": prop.type,
        "fieldType": prop.field_type,
        "groupName": prop.group,
        "description": prop.description,
        "hidden": prop.hidden,
        "displayOrder": prop.display_order,
        "options": list(row["option_rows"]) or [{"value": value, "label": label} for value, label in prop.options],
    }


def _build(account: Account, kind: str, body: dict[str, Any], now: int) -> Property:
    name, type_, field_type = need_text(body, "name"), need_text(body, "type"), need_text(body, "fieldType")
    if not _NAME.match(name):
        raise bad_request(f"Property name {name!r} must be lower-case letters, digits and _, and start with a letter")
    if field_type not in FIELD_TYPES.get(type_, ()):
        raise bad_request(f"type {type_!r} cannot be shown as fieldType {field_type!r}")
    group = need_text(body, "groupName")
    if group not in account.groups[kind]:
        raise bad_request(f"Property group {group!r} does not exist for {kind}")
    options = body.get("options") or []
    if not isinstance(options, list) or not all(isinstance(row, dict) for row in options):
        raise bad_request("options must be a list of {label, value}")
    if type_ == "enumeration" and not options and not body.get("externalOptions"):
        raise bad_request(f"{name} is an enumeration and needs options")
    unique = bool(body.get("hasUniqueValue"))
    if unique and type_ not in ("string", "number"):
        raise bad_request(f"{name}: only text and number properties can have unique values")
    return Property(
        name=name,
        label=need_text(body, "label"),
        type=type_,
        field_type=field_type,
        group=group,
        options=tuple((need_text(row, "value"), need_text(row, "label")) for row in options),
        option_rows=tuple(options),
        unique=unique,
        external=body.get("referencedObjectType") or "",
        description=body.get("description") or "",
        hidden=bool(body.get("hidden")),
        display_order=body.get("displayOrder", -1),
        hubspot_defined=False,
        created_ms=now,
        updated_ms=now,
    )
