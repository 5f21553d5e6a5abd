"""Which associations an account knows: their labels, and how many records each may lead to."""

from typing import Any

from deploy.local.hubspot.account import Account
from deploy.local.hubspot.errors import bad_request, invalid_input
from deploy.local.hubspot.http import Answer, Call, batch, need_text, object_type
from deploy.local.hubspot.objects.catalogue import AssociationType


def labels(call: Call) -> Answer:
    """GET the association types from one object type to another."""
    found = call.account.associations.between(call.kind("type").name, call.kind("toType").name)
    return Answer(200, {"results": [_label(row) for row in found]})


def add_label(call: Call) -> Answer:
    """POST a label of users' own between two object types."""
    body, types = call.mapping(), call.account.associations
    need_text(body, "name")
    label, inverse = need_text(body, "label"), body.get("inverseLabel") or ""
    made = types.label(call.kind("type").name, call.kind("toType").name, label, str(inverse))
    call.world.save()
    return Answer(200, {"results": [_label(made), _label(types.rows[made.mirror])]})


def limits(call: Call) -> Answer:
    """GET every association type of the account that has a limit of its own."""
    types = call.account.associations
    return Answer(200, {"results": [_limit(types.rows[one], most) for one, most in types.limits.items()]})


def add_limits(call: Call) -> Answer:
    """POST limits of association types from one object type to another."""
    source, target = call.kind("type").name, call.kind("toType").name
    types, found = call.account.associations, []
    for row in call.inputs(100):
        kind, most = types.named(row.get("category"), row.get("typeId"), source, target), row.get("maxToObjectIds")
        if kind is None or not isinstance(most, int) or most < 1:
            raise bad_request(f"{row!r} is no limit of an association from {source} to {target}")
        types.limits[kind.type_id] = most
        found.append(_limit(kind, most))
    call.world.save()
    return batch(call, found, [])


def associate(call: Call) -> Answer:
    """POST that the records of a custom object may be associated with those of another object type."""
    body = call.mapping()
    if not isinstance(body.get("name", ""), str):
        raise invalid_input("name must be a string")
    ends = [object_type(need_text(body, name), call.account) for name in ("fromObjectTypeId", "toObjectTypeId")]
    if call.kind("type") not in ends:
        raise bad_request(f"an association of {call.params['type']} must begin or end there")
    made = call.account.associations.associate(ends[0].name, ends[1].name)
    call.world.save()
    return Answer(201, show(call.account, made))


def show(account: Account, row: AssociationType) -> dict[str, Any]:
    """Return an association as the schemas API describes it."""
    one, other = (account.store.tables[name].kind for name in (row.source, row.target))
    return {
        "id": str(row.number),
        "fromObjectTypeId": one.type_id,
        "toObjectTypeId": other.type_id,
        "name": f"{one.singular}_to_{other.singular}",
    }


def _label(row: AssociationType) -> dict[str, Any]:
    return {"category": row.category, "typeId": row.number, "label": row.label}


def _limit(row: AssociationType, most: int) -> dict[str, Any]:
    return {**_label(row), "userEnforcedMaxToObjectIds": most}
