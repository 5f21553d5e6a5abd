"""What people do in HubSpot's own pages, and loading many records at once: neither is limited or struck by faults."""

from typing import Any

from deploy.local.hubspot import dataset
from deploy.local.hubspot.account import Account
from deploy.local.hubspot.errors import ApiError, bad_request, not_found
from deploy.local.hubspot.http import need_text, object_type
from deploy.local.hubspot.objects import records
from deploy.local.hubspot.objects.records import Author
from deploy.local.hubspot.store import Record, Table

OPERATIONS = ("create", "update", "archive", "restore", "merge", "privacy", "link", "unlink")


def apply(account: Account, row: dict[str, Any], now: int, call: str) -> dict[str, Any]:
    """Make one edit as a person, and return the id it left behind.

    Args:
        account: where.
        row: `op` (one of `OPERATIONS`), `type`, and as the operation needs: `id`, `properties`, `other` (the record
            merged into or linked), `toType`, `types` (association type ids; the plain one when absent), `user`.
        now: epoch ms.
        call: id for the audit log.

    Raises:
        ApiError: the edit is not possible, with the same words the API uses.
    """
    op = row.get("op")
    if op not in OPERATIONS:
        raise bad_request(f"op {op!r} is unknown; use one of {', '.join(OPERATIONS)}")
    author = Author("person", str(row.get("user", "1")), now, call)
    table = account.store.tables[object_type(need_text(row, "type"), account).name]
    if op == "create":
        props = records.check(account, table, row.get("properties", {}), None)
        records.require(table, props)
        return _left(records.create(account, table, props, author))
    record = table.find(need_text(row, "id"))
    if record is None:
        raise not_found(f"there is no {table.kind.singular} {row['id']}")
    if op == "update":
        changes = records.check(account, table, row.get("properties", {}), record)
        return _left(records.update(account, table, record, changes, author))
    if op == "restore":
        return _left(records.restore(account, table, record, author))
    if op == "merge":
        other = records.find_live(table, need_text(row, "other"))
        return _left(records.merge(account, table, record, other, author))
    if op in ("link", "unlink"):
        return _link(account, row, table, record, author)
    if op == "archive":
        records.archive(account, table, record, author)
    else:
        records.privacy_delete(account, table, record, author)
    return {"id": record.id}


def _left(record: Record) -> dict[str, Any]:
    return {"id": record.id, "updatedAt": record.updated}


def _link(account: Account, row: dict[str, Any], table: Table, record: Record, author: Author) -> dict[str, Any]:
    target = object_type(need_text(row, "toType"), account).name
    allowed = [one.type_id for one in account.associations.between(table.kind.name, target)]
    types = row.get("types") or (allowed[:1] if row["op"] == "link" else None)
    if not allowed or any(number not in allowed for number in types or ()):
        raise bad_request(f"{types} are no association types from {table.kind.name} to {target}")
    other = records.find_live(account.store.tables[target], need_text(row, "other"))
    if row["op"] == "link":
        records.link(account, table.kind.name, record.id, target, other.id, types or [], author)
    else:
        records.unlink(account, table.kind.name, record.id, target, other.id, types, author)
    return {"id": record.id}


def load(account: Account, body: dict[str, Any], now: int) -> dict[str, Any]:
    """Load many records without webhooks, audit or limits, and return their ids in the order given.

    Args:
        account: where.
        body: object types with lists of properties, and `links`: `{"type", "index", "toType", "toIndex", "types"}` by
            place in those lists; or `dataset`: `{"seed", "contacts", "companies"}` for made-up ones.
        now: epoch ms.

    Raises:
        ApiError: a record is unfit; those before it are loaded.
    """
    author = Author("load", "load", now, "load")
    if "dataset" in body:
        wanted = body["dataset"]
        made = dataset.make(int(wanted.get("seed", 0)), int(wanted.get("contacts", 0)), int(wanted.get("companies", 0)))
        body = made.as_load()
    ids: dict[str, list[str]] = {}
    for name, rows in body.items():
        if name == "links":
            continue
        table = account.store.tables[object_type(name, account).name]
        made_ids = ids.setdefault(table.kind.name, [])
        for number, row in enumerate(rows):
            try:
                props = records.check(account, table, row, None)
                records.require(table, props)
            except ApiError as error:
                raise bad_request(f"{name}[{number}]: {error.message}") from error
            made_ids.append(records.create(account, table, props, author).id)
    for row in body.get("links", ()):
        source, target = (object_type(row[end], account).name for end in ("type", "toType"))
        types = row.get("types") or [account.associations.between(source, target)[0].type_id]
        records.link(account, source, ids[source][row["index"]], target, ids[target][row["toIndex"]], types, author)
    return {"ids": ids}
