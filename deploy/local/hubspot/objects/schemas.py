"""The schemas API: which custom objects an account has, and making and removing them."""

import re
from typing import Any

from deploy.local.hubspot.account import Account
from deploy.local.hubspot.errors import ApiError, bad_request, invalid_input, not_found
from deploy.local.hubspot.http import Answer, Call, need_text, object_type
from deploy.local.hubspot.objects import association_schema, properties
from deploy.local.hubspot.objects.catalogue import BY_SPELLING, ObjectType, custom, group_of
from deploy.local.hubspot.objects.values import iso

MOST = 10
"""Custom objects that one account may have."""
_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_]{0,49}\Z")


def list_all(call: Call) -> Answer:
    """GET every custom object."""
    if call.flag("archived"):
        return Answer(200, {"results": []})
    return Answer(200, {"results": [show(call.account, kind) for kind in call.account.custom.values()]})


def read(call: Call) -> Answer:
    """GET one custom object by its type id or its fully qualified name."""
    return Answer(200, show(call.account, _known(call)))


def create(call: Call) -> Answer:
    """POST a new custom object with its first properties."""
    kind = define(call.account, call.mapping(), call.now)
    call.world.save()
    return Answer(201, show(call.account, kind))


def archive(call: Call) -> Answer:
    """DELETE a custom object, which must have no records left."""
    remove(call.account, _known(call))
    call.world.save()
    return Answer(204)


def show(account: Account, kind: ObjectType) -> dict[str, Any]:
    """Return a custom object as the API describes it."""
    about = account.schemas[kind.name]
    return {
        "id": kind.type_id.partition("-")[2],
        "objectTypeId": kind.type_id,
        "name": about["name"],
        "fullyQualifiedName": kind.name,
        "labels": about["labels"],
        "primaryDisplayProperty": about["primaryDisplayProperty"],
        "secondaryDisplayProperties": about.get("secondaryDisplayProperties", []),
        "requiredProperties": about["requiredProperties"],
        "searchableProperties": about.get("searchableProperties", []),
        "properties": [properties.show(prop) for prop in account.properties[kind.name].values()],
        "associations": [
            association_schema.show(account, row)
            for row in account.associations.rows.values()
            if row.plain == row.type_id and kind.name in (row.source, row.target)
        ],
        "portalId": account.portal_id,
        "metaType": "PORTAL_SPECIFIC",
        "archived": False,
        "createdAt": iso(about["created_ms"]),
        "updatedAt": iso(about["created_ms"]),
    }


def define(account: Account, body: dict[str, Any], now: int) -> ObjectType:
    """Add a custom object to an account, from the API's description of it.

    Raises:
        ApiError: 400 when the description is unfit, 409 when the name is taken.
    """
    name, labels = need_text(body, "name"), body.get("labels")
    if not _NAME.match(name):
        raise bad_request(f"Object name {name!r} must be letters, digits and _, and start with a letter")
    if not isinstance(labels, dict) or not labels.get("singular") or not labels.get("plural"):
        raise invalid_input("labels must have a singular and a plural")
    if name in BY_SPELLING or any(about["name"] == name for about in account.schemas.values()):
        raise ApiError(409, "OBJECT_ALREADY_EXISTS", f"An object type named '{name}' already exists.")
    if len(account.schemas) >= MOST:
        raise bad_request(f"This account may have at most {MOST} custom objects")
    rows = body.get("properties")
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise invalid_input("properties must be a list of objects that is not empty")
    named = [need_text(row, "name") for row in rows]
    primary, required = need_text(body, "primaryDisplayProperty"), body.get("requiredProperties") or []
    wanted = [primary, *required, *body.get("searchableProperties", []), *body.get("secondaryDisplayProperties", [])]
    strange = sorted({one for one in wanted if one not in named})
    if strange:
        raise bad_request(f"The schema names properties that it does not have: {', '.join(strange)}")
    others = [object_type(one, account).name for one in body.get("associatedObjects") or []]
    about = {key: value for key, value in body.items() if key != "properties"}
    about |= {"requiredProperties": required, "created_ms": now, "number": account.next_schema()}
    kind = account.add_custom(custom(account.portal_id, about), about)
    group = group_of(name)
    try:
        for row in rows:
            properties.define(
                account, kind.name, {"groupName": group, "type": "string", "fieldType": "text", **row}, now
            )
    except ApiError:
        account.remove_custom(kind.name)
        raise
    for other in others:
        account.associations.associate(kind.name, other)
    return kind


def remove(account: Account, kind: ObjectType) -> None:
    """Remove a custom object of an account; raises ApiError while it has records."""
    if any(account.store.tables[kind.name].live()):
        raise bad_request(f"{kind.name} still has records; delete them first")
    account.remove_custom(kind.name)


def _known(call: Call) -> ObjectType:
    spelling = call.params["type"]
    for kind in call.account.custom.values():
        if spelling in (kind.name, kind.type_id):
            return kind
    raise not_found(f"Unable to find a schema for {spelling}")
