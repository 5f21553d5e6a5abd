"""The objects API: read, list and write records one by one and in batches, merge them, delete them for privacy."""

from collections.abc import Iterable, Mapping
from typing import Any

from deploy.local.hubspot.errors import ApiError, bad_request, invalid_input, not_found
from deploy.local.hubspot.http import Answer, Call, batch, cursor, need_text, object_type, paged
from deploy.local.hubspot.objects import records
from deploy.local.hubspot.objects.values import iso
from deploy.local.hubspot.store import Record, Table

BATCH = 100


def show(record: Record, names: Iterable[str]) -> dict[str, Any]:
    """Return a record as answers carry it; a property without a value is null."""
    props = record.props
    body: dict[str, Any] = {
        "id": record.id,
        "properties": {name: props.get(name) for name in names},
        "createdAt": record.created_iso,
        "updatedAt": record.updated_iso,
        "archived": record.archived_at > 0,
    }
    if record.archived_at:
        body["archivedAt"] = iso(record.archived_at)
    return body


def wanted(call: Call, table: Table, asked: Iterable[str]) -> list[str]:
    """Return the properties an answer carries: those asked for (unknown ones are left out), and HubSpot's own three."""
    known = call.account.properties[table.kind.name]
    names = [name.lower() for name in asked]
    chosen = [name for name in names or table.kind.defaults if name in known]
    return list(dict.fromkeys((*chosen, table.kind.created, "hs_object_id", table.kind.modified)))


def written(table: Table, record: Record) -> dict[str, Any]:
    """Return a record as the answer to a write carries it: everything it holds."""
    held = [name for name, value in record.props.items() if value]
    return show(record, dict.fromkeys((*held, table.kind.created, "hs_object_id", table.kind.modified)))


def list_page(call: Call) -> Answer:
    """GET the records of a type in the order of their ids."""
    table = call.table()
    limit = call.number("limit", 10, top=100)
    archived = call.flag("archived")
    names = wanted(call, table, call.names("properties"))
    found, more = table.page(cursor(call.text("after")), limit, archived=archived)
    others = [object_type(name, call.account).name for name in call.names("associations")]
    results = [_with_associations(call, table, record, names, others) for record in found]
    return Answer(200, paged(results, found[-1].id if more else None))


def read(call: Call) -> Answer:
    """GET one record by id, by the id it had before a merge, or by a unique property."""
    table = call.table()
    record = records.find(table, call.params["id"], call.text("idProperty"))
    if record is None or (record.archived_at > 0) != call.flag("archived"):
        raise not_found()
    names = wanted(call, table, call.names("properties"))
    others = [object_type(name, call.account).name for name in call.names("associations")]
    return Answer(200, _with_associations(call, table, record, names, others))


def create(call: Call) -> Answer:
    """POST one record, with associations if wanted."""
    table = call.table()
    body = call.mapping()
    changes = records.check(call.account, table, body.get("properties", {}), None)
    records.require(table, changes)
    links = _planned_links(call, table, body)
    record = records.create(call.account, table, changes, call.author)
    _link_all(call, table, record, links)
    return Answer(201, written(table, record))


def update(call: Call) -> Answer:
    """PATCH one record; the id it had before a merge still works."""
    table = call.table()
    record = records.find_live(table, call.params["id"], call.text("idProperty"))
    changes = records.check(call.account, table, call.mapping().get("properties"), record)
    return Answer(200, written(table, records.update(call.account, table, record, changes, call.author)))


def archive(call: Call) -> Answer:
    """DELETE one record into the bin; doing it again changes nothing."""
    table = call.table()
    record = records.find(table, call.params["id"])
    if record is None:
        raise not_found()
    records.archive(call.account, table, record, call.author)
    return Answer(204)


def batch_read(call: Call) -> Answer:
    """POST up to 100 ids to read; what is not there is named in `errors` of a 207."""
    table = call.table()
    body = call.mapping()
    inputs = call.inputs(BATCH)
    id_property = body.get("idProperty") or ""
    archived = call.flag("archived")
    if body.get("propertiesWithHistory"):
        raise bad_request("propertiesWithHistory is not offered here; read the audit log of the simulator")
    names = wanted(call, table, _strings(body.get("properties") or [], "properties"))
    found: dict[str, Record] = {}
    missing: list[str] = []
    for row in inputs:
        key = need_text(row, "id")
        record = records.find(table, key, id_property)
        if record is None or (record.archived_at > 0) != archived:
            missing.append(key)
        else:
            found[record.id] = record
    return batch(call, [show(record, names) for record in found.values()], _missing(table, missing))


def batch_create(call: Call) -> Answer:
    """POST up to 100 new records.

    When every input carries an `objectWriteTraceId`, each goes its own way and a 207 names those that failed;
    otherwise one unfit input fails them all.
    """
    table = call.table()
    inputs = call.inputs(BATCH)
    if _traced(inputs):
        return _each(call, table, inputs, _create_one, done=201)
    checked: list[tuple[dict[str, str], list[Any]]] = []
    taken: dict[tuple[str, str], int] = {}
    for number, row in enumerate(inputs):
        changes = records.check(call.account, table, row.get("properties"), None)
        records.require(table, changes)
        _refuse_repeats(table, changes, number, taken)
        checked.append((changes, _planned_links(call, table, row)))
    results: list[dict[str, Any]] = []
    for changes, links in checked:
        record = records.create(call.account, table, changes, call.author)
        _link_all(call, table, record, links)
        results.append(written(table, record))
    return batch(call, results, [], done=201)


def batch_update(call: Call) -> Answer:
    """POST up to 100 changes; ids that are not there, and ids that a merge retired, are named in `errors` of a 207."""
    table = call.table()
    inputs = call.inputs(BATCH)
    _refuse_same_ids(inputs)
    if _traced(inputs):
        return _each(call, table, inputs, _update_one)
    checked: list[tuple[Record, dict[str, str]]] = []
    missing: list[str] = []
    taken: dict[tuple[str, str], int] = {}
    for number, row in enumerate(inputs):
        record = _own_record(table, row)
        if record is None:
            missing.append(need_text(row, "id"))
            continue
        changes = records.check(call.account, table, row.get("properties"), record)
        _refuse_repeats(table, changes, number, taken)
        checked.append((record, changes))
    results = [
        written(table, records.update(call.account, table, record, changes, call.author)) for record, changes in checked
    ]
    return batch(call, results, _missing(table, missing))


def batch_upsert(call: Call) -> Answer:
    """POST up to 100 records to create or update by a unique property; each goes its own way."""
    table = call.table()
    inputs = call.inputs(BATCH)
    names = {row.get("idProperty") or call.text("idProperty") for row in inputs}
    if len(names) != 1:
        raise bad_request("All inputs of one upsert must name the same idProperty")
    if not names <= set(table.unique):
        raise bad_request(
            f"Upsert needs an idProperty that is unique for {table.kind.name}: {', '.join(table.unique) or 'none is'}",
            code="INVALID_UNIQUE_PROPERTY",
        )
    _refuse_same_ids(inputs)
    name = names.pop()

    def one(call: Call, table: Table, row: Mapping[str, Any]) -> dict[str, Any]:
        return _upsert_one(call, table, row, name)

    return _each(call, table, inputs, one)


def batch_archive(call: Call) -> Answer:
    """POST up to 100 ids to archive; ids that are not there are passed over."""
    table = call.table()
    for row in call.inputs(BATCH):
        record = table.records.get(need_text(row, "id"))
        if record is not None:
            records.archive(call.account, table, record, call.author)
    return Answer(204)


def merge(call: Call) -> Answer:
    """POST two ids to become one new record."""
    table = call.table()
    body = call.mapping()
    ids = need_text(body, "primaryObjectId"), need_text(body, "objectIdToMerge")
    winner, loser = records.find_live(table, ids[0]), records.find_live(table, ids[1])
    return Answer(200, written(table, records.merge(call.account, table, winner, loser, call.author)))


def gdpr_delete(call: Call) -> Answer:
    """POST a contact to delete for good."""
    table = call.table()
    if table.kind.name != "contacts":
        raise bad_request(f"Privacy deletion is for contacts, not for {table.kind.name}")
    body = call.mapping()
    record = records.find(table, need_text(body, "objectId"), body.get("idProperty") or "")
    if record is not None:
        records.privacy_delete(call.account, table, record, call.author)
    return Answer(204)


def _with_associations(call: Call, table: Table, record: Record, names: list[str], others: list[str]) -> dict[str, Any]:
    body = show(record, names)
    for other in others:
        ends = call.account.store.linked(table.kind.name, record.id, other)
        if ends:
            body.setdefault("associations", {})[other] = {
                "results": [
                    {"id": number, "type": _wire_name(call, type_id)}
                    for number, types in ends.items()
                    for type_id in sorted(types)
                ]
            }
    return body


def _wire_name(call: Call, type_id: int) -> str:
    """Return what the older block calls an association: there the bare `contact_to_company` is the primary one."""
    types, tables = call.account.associations, call.account.store.tables
    row = types.rows[type_id]
    name = f"{tables[row.source].kind.singular}_to_{tables[row.target].kind.singular}"
    has_primary = any(one.primary for one in types.between(row.source, row.target))
    return f"{name}_unlabeled" if has_primary and not row.primary else name


def _strings(value: object, name: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise invalid_input(f"{name} must be a list of strings")
    return value


def _traced(inputs: list[dict[str, Any]]) -> bool:
    return all(row.get("objectWriteTraceId") for row in inputs)


def _missing(table: Table, ids: list[str]) -> list[dict[str, Any]]:
    if not ids:
        return []
    message = (
        f"Could not get some {table.kind.singular.upper()} objects, they may be deleted or not exist. "
        "Check that ids are valid."
    )
    return [ApiError(404, "OBJECT_NOT_FOUND", message, context={"ids": ids}).item()]


def _refuse_same_ids(inputs: list[dict[str, Any]]) -> None:
    ids = [need_text(row, "id") for row in inputs]
    repeated = sorted({one for one in ids if ids.count(one) > 1}) if len(set(ids)) < len(ids) else []
    if repeated:
        raise bad_request(f"Duplicate IDs found in batch input: [{', '.join(repeated)}]. IDs must be unique")


def _refuse_repeats(table: Table, changes: dict[str, str], number: int, taken: dict[tuple[str, str], int]) -> None:
    """Refuse two inputs of one call that claim the same unique value."""
    for name in table.unique:
        value = changes.get(name)
        if value and taken.setdefault((name, value), number) != number:
            raise ApiError(409, "CONFLICT", f"Duplicate {name} {value} found in batch input")


def _own_record(table: Table, row: Mapping[str, Any]) -> Record | None:
    key, id_property = need_text(dict(row), "id"), row.get("idProperty") or ""
    record = records.find(table, key, id_property) if id_property else table.records.get(key)
    return None if record is None or record.archived_at else record


def _each(call: Call, table: Table, inputs: list[dict[str, Any]], one: Any, *, done: int = 200) -> Answer:
    results: list[dict[str, Any]] = []
    errors: list[dict[str, Any]] = []
    for row in inputs:
        trace = row.get("objectWriteTraceId")
        try:
            result = one(call, table, row)
        except ApiError as error:
            context = {"objectWriteTraceId": [str(trace)]} if trace else {}
            if row.get("id"):
                context["ids"] = [str(row["id"])]
            errors.append(error.item(context))
        else:
            results.append({**result, "objectWriteTraceId": trace} if trace else result)
    return batch(call, results, errors, done=done)


def _create_one(call: Call, table: Table, row: Mapping[str, Any]) -> dict[str, Any]:
    changes = records.check(call.account, table, row.get("properties"), None)
    records.require(table, changes)
    links = _planned_links(call, table, row)
    record = records.create(call.account, table, changes, call.author)
    _link_all(call, table, record, links)
    return written(table, record)


def _update_one(call: Call, table: Table, row: Mapping[str, Any]) -> dict[str, Any]:
    record = _own_record(table, row)
    if record is None:
        raise not_found("resource not found")
    changes = records.check(call.account, table, row.get("properties"), record)
    return written(table, records.update(call.account, table, record, changes, call.author))


def _upsert_one(call: Call, table: Table, row: Mapping[str, Any], name: str) -> dict[str, Any]:
    key = need_text(dict(row), "id")
    given = row.get("properties")
    if not isinstance(given, Mapping):
        raise invalid_input("properties must be an object of property names and string values")
    record = records.find(table, key, name)
    raw = {name: key, **given} if record is None else given
    changes = records.check(call.account, table, raw, record)
    if record is None:
        records.require(table, changes)
        return {**written(table, records.create(call.account, table, changes, call.author)), "new": True}
    return {**written(table, records.update(call.account, table, record, changes, call.author)), "new": False}


def _planned_links(call: Call, table: Table, body: Mapping[str, Any]) -> list[tuple[str, str, list[int]]]:
    plans: list[tuple[str, str, list[int]]] = []
    for row in body.get("associations") or []:
        if not isinstance(row, dict) or not isinstance(row.get("to"), dict) or not isinstance(row.get("types"), list):
            raise invalid_input("associations must be a list of {to: {id}, types: [...]}")
        other = need_text(row["to"], "id")
        named = [
            (spec.get("associationCategory"), spec.get("associationTypeId"))
            for spec in row["types"]
            if isinstance(spec, dict)
        ]
        own = [one for one in call.account.associations.rows.values() if one.source == table.kind.name]
        kinds = [one for one in own if (one.category, one.number) in named]
        targets = {one.target for one in kinds}
        if len(kinds) != len(row["types"]) or len(targets) != 1:
            raise bad_request(f"Association types {named} do not start at {table.kind.name}")
        target = targets.pop()
        record = call.account.store.tables[target].find(other)
        if record is None or record.archived_at:
            raise bad_request(f"No {target} record {other} to associate with")
        plans.append((target, record.id, [one.type_id for one in kinds]))
    return plans


def _link_all(call: Call, table: Table, record: Record, plans: list[tuple[str, str, list[int]]]) -> None:
    for target, other, numbers in plans:
        records.link(call.account, table.kind.name, record.id, target, other, numbers, call.author)
