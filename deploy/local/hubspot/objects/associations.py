"""The associations API, version 4: which records belong together, and under which label."""

from typing import Any

from deploy.local.hubspot.errors import ApiError, bad_request, invalid_input, not_found
from deploy.local.hubspot.http import Answer, Call, batch, need_text, paged
from deploy.local.hubspot.objects import records
from deploy.local.hubspot.objects.catalogue import AssociationType, ObjectType
from deploy.local.hubspot.store import Record

READ_BATCH, WRITE_BATCH = 1_000, 2_000


def list_page(call: Call) -> Answer:
    """GET the records of one type associated with a record."""
    source, target = _ends(call)
    record = records.find_live(call.account.store.tables[source], call.params["id"])
    limit = call.number("limit", 500, top=500)
    start = call.text("after")
    if start and not start.isdigit():
        raise bad_request(f"after must be the paging.next.after of an earlier answer, not {start!r}")
    ends = sorted(call.account.store.linked(source, record.id, target).items(), key=lambda end: int(end[0]))
    rest = [end for end in ends if int(end[0]) > int(start or 0)]
    page = rest[:limit]
    results = [_end(call, *end) for end in page]
    return Answer(200, paged(results, page[-1][0] if len(rest) > limit else None))


def put_default(call: Call) -> Answer:
    """PUT the plain association between two records."""
    source, target = _ends(call)
    one, other = _pair(call, source, call.params["id"], target, call.params["toId"])
    return batch(call, _associate_plainly(call, source, one, target, other), [])


def put(call: Call) -> Answer:
    """PUT association types between two records."""
    source, target = _ends(call)
    if not isinstance(call.body, list):
        raise invalid_input("the body must be a list of association types")
    numbers = _type_ids(call, call.body, source, target)
    one, other = _pair(call, source, call.params["id"], target, call.params["toId"])
    records.link(call.account, source, one.id, target, other.id, numbers, call.author)
    return Answer(201, _labelled(call, source, one, target, other))


def delete(call: Call) -> Answer:
    """DELETE every association between two records."""
    source, target = _ends(call)
    records.unlink(call.account, source, call.params["id"], target, call.params["toId"], None, call.author)
    return Answer(204)


def batch_read(call: Call) -> Answer:
    """POST up to 1,000 ids to read their associations; those without any are named in `errors` of a 207."""
    source, target = _ends(call)
    results: list[dict[str, Any]] = []
    errors: list[dict[str, Any]] = []
    for row in call.inputs(READ_BATCH):
        key = need_text(row, "id")
        ends = call.account.store.linked(source, key, target)
        if ends:
            results.append({"from": {"id": key}, "to": [_end(call, *end) for end in ends.items()]})
        else:
            one, many = _kind(call, source).singular, _kind(call, target).singular
            error = ApiError(
                404,
                "OBJECT_NOT_FOUND",
                f"No {many} is associated with {one} {key}.",
                context={"fromObjectId": [key], "fromObjectType": [one], "toObjectType": [many]},
            )
            errors.append({**error.item(), "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND"})
    return batch(call, results, errors)


def batch_create(call: Call) -> Answer:
    """POST up to 2,000 associations with their types."""
    source, target = _ends(call)
    results: list[dict[str, Any]] = []
    errors: list[dict[str, Any]] = []
    plans = []
    for row in call.inputs(WRITE_BATCH):
        one, other = _ids(row)
        plans.append((one, other, _type_ids(call, row.get("types"), source, target)))
    for one_id, other_id, numbers in plans:
        try:
            first, second = _pair(call, source, one_id, target, other_id)
        except ApiError as error:
            errors.append(error.item({"fromObjectId": [one_id], "toObjectId": [other_id]}))
            continue
        try:
            records.link(call.account, source, first.id, target, second.id, numbers, call.author)
        except ApiError as error:
            errors.append(error.item({"fromObjectId": [one_id], "toObjectId": [other_id]}))
            continue
        results.append(_labelled(call, source, first, target, second))
    return batch(call, results, errors, done=201)


def batch_default(call: Call) -> Answer:
    """POST up to 2,000 pairs of records to associate plainly."""
    source, target = _ends(call)
    results: list[dict[str, Any]] = []
    errors: list[dict[str, Any]] = []
    for one_id, other_id in [_ids(row) for row in call.inputs(WRITE_BATCH)]:
        try:
            one, other = _pair(call, source, one_id, target, other_id)
        except ApiError as error:
            errors.append(error.item({"fromObjectId": [one_id], "toObjectId": [other_id]}))
            continue
        results += _associate_plainly(call, source, one, target, other)
    return batch(call, results, errors)


def batch_archive(call: Call) -> Answer:
    """POST up to 2,000 records whose associations with the named others end."""
    source, target = _ends(call)
    for row in call.inputs(WRITE_BATCH):
        if not isinstance(row.get("from"), dict) or not isinstance(row.get("to"), list):
            raise invalid_input("an input is {from: {id}, to: [{id}, ...]}")
        for end in row["to"]:
            ids = need_text(row["from"], "id"), need_text(end, "id")
            records.unlink(call.account, source, ids[0], target, ids[1], None, call.author)
    return Answer(204)


def batch_archive_labels(call: Call) -> Answer:
    """POST up to 2,000 associations of which the named types end."""
    source, target = _ends(call)
    for row in call.inputs(WRITE_BATCH):
        one, other = _ids(row)
        numbers = _type_ids(call, row.get("types"), source, target)
        records.unlink(call.account, source, one, target, other, numbers, call.author)
    return Answer(204)


def _ends(call: Call) -> tuple[str, str]:
    return call.kind("type").name, call.kind("toType").name


def _ids(row: dict[str, Any]) -> tuple[str, str]:
    if not isinstance(row.get("from"), dict) or not isinstance(row.get("to"), dict):
        raise invalid_input("an input needs from: {id} and to: {id}")
    return need_text(row["from"], "id"), need_text(row["to"], "id")


def _type_ids(call: Call, specs: object, source: str, target: str) -> list[int]:
    if not isinstance(specs, list) or not specs:
        raise invalid_input("types must be a list of {associationCategory, associationTypeId}")
    types, numbers = call.account.associations, list[int]()
    for spec in specs:
        named = spec if isinstance(spec, dict) else {}
        row = types.named(named.get("associationCategory"), named.get("associationTypeId"), source, target)
        if row is None:
            known = [f"{one.category} {one.number}" for one in types.between(source, target)]
            raise bad_request(
                f"{spec!r} is no association type from {source} to {target}; there are {', '.join(known) or 'none'}"
            )
        numbers.append(row.type_id)
    return numbers


def _kind(call: Call, name: str) -> ObjectType:
    return call.account.store.tables[name].kind


def _pair(call: Call, source: str, one: str, target: str, other: str) -> tuple[Record, Record]:
    if not call.account.associations.between(source, target):
        raise bad_request(f"{source} and {target} cannot be associated here")
    found = []
    for name, key in ((source, one), (target, other)):
        record = call.account.store.tables[name].find(key)
        if record is None or record.archived_at:
            raise not_found(f"{_kind(call, name).singular.upper()}={key} is not valid")
        found.append(record)
    return found[0], found[1]


def _associate_plainly(call: Call, source: str, one: Record, target: str, other: Record) -> list[dict[str, Any]]:
    plain = call.account.associations.between(source, target)[0]
    back = call.account.associations.rows[plain.mirror]
    records.link(call.account, source, one.id, target, other.id, [plain.type_id], call.author)
    return [
        {
            "from": {"id": a},
            "to": {"id": b},
            "associationSpec": {"associationCategory": row.category, "associationTypeId": row.number},
        }
        for a, b, row in ((one.id, other.id, plain), (other.id, one.id, back))
    ]


def _labelled(call: Call, source: str, one: Record, target: str, other: Record) -> dict[str, Any]:
    types = call.account.store.linked(source, one.id, target).get(other.id, set())
    shown = [call.account.associations.rows[number].label for number in sorted(types)]
    return {
        "fromObjectTypeId": _kind(call, source).type_id,
        "fromObjectId": int(one.id),
        "toObjectTypeId": _kind(call, target).type_id,
        "toObjectId": int(other.id),
        "labels": [label for label in shown if label],
    }


def _end(call: Call, other: str, types: set[int]) -> dict[str, Any]:
    rows: list[AssociationType] = [call.account.associations.rows[number] for number in sorted(types)]
    return {
        "toObjectId": int(other),
        "associationTypes": [{"category": row.category, "typeId": row.number, "label": row.label} for row in rows],
    }
