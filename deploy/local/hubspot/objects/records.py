"""What can be done to records, whoever does it: the API on behalf of an app, or a person in the admin API.

Each function checks everything first and commits last, so a refusal leaves no trace.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deploy.local.hubspot.account import Account
from deploy.local.hubspot.errors import ApiError, bad_request, invalid_input, invalid_values, not_found
from deploy.local.hubspot.objects.fields import Property
from deploy.local.hubspot.objects.values import MAX_LENGTH, ValueRefusedError, normalise
from deploy.local.hubspot.store import Record, Table, keys

_FREE_MAIL = frozenset({"gmail.com", "yahoo.com", "outlook.com", "hotmail.com", "icloud.com"})
"""Domains of mail providers: HubSpot never takes them for a company's."""


@dataclass(frozen=True, slots=True)
class Author:
    """Who writes, when, in which call."""

    kind: str
    """`app`, `person` or `load`."""
    name: str
    now: int
    """Epoch ms."""
    call: str


def check(account: Account, table: Table, raw: object, current: Record | None) -> dict[str, str]:
    """Return the properties that a write would change, in their stored form.

    Raises:
        ApiError: 400 naming every unfit property, 409 for an e-mail that another contact has, 400 for another
            unique value that is taken.
    """
    if not isinstance(raw, Mapping):
        raise invalid_input("properties must be an object of property names and string values")
    known = account.properties[table.kind.name]
    held: Mapping[str, str] = current.props if current else {}
    changes: dict[str, str] = {}
    problems: list[tuple[str, str, str]] = []
    for name, value in raw.items():
        prop = known.get(name)
        if prop is None:
            problems.append((name, "PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist'))
            continue
        try:
            text = _stored(account, name, prop, value, held.get(name))
        except ValueRefusedError as problem:
            problems.append((name, problem.code, problem.message))
            continue
        if text != held.get(name, ""):
            changes[name] = text
    problems += account.pipelines.unfit(table.kind.name, held, changes)
    if problems:
        raise invalid_values(problems)
    for name in table.unique:
        if changes.get(name):
            _claim(table, name, changes[name], current)
    return changes


def _stored(account: Account, name: str, prop: Property, value: object, held: str | None) -> str:
    """Return a value in its stored form; a plain text is the most frequent and the quickest."""
    plain = prop.type == "string" and not prop.unique and not prop.read_only and type(value) is str
    if plain and isinstance(value, str) and len(value) <= MAX_LENGTH:
        text = value
    else:
        text = normalise(prop, value, held, account.active_owners())
    return text.upper() if name in account.settings.capitals else text


def _claim(table: Table, name: str, value: str, current: Record | None) -> None:
    holder = table.holders(name, value)
    if holder is None or (current is not None and holder == current.id):
        return
    if name == "email":
        raise ApiError(409, "CONFLICT", f"Contact already exists. Existing ID: {holder}")
    target = current.id if current else "the new record"
    message = (
        f"Cannot set PropertyValueCoordinates{{objectTypeId={table.kind.type_id}, propertyName={name}, "
        f"value={value}}} on {target}. {holder} already has that value."
    )
    raise bad_request(message, code="CONFLICTING_UNIQUE_VALUE", name=name)


def require(table: Table, props: Mapping[str, str]) -> None:
    """Refuse a new record that lacks what its type demands."""
    for group in table.kind.required:
        if not any(props.get(name) for name in group):
            missing = " or ".join(group)
            message = f"Error creating {table.kind.singular.upper()}. Some required properties were not set."
            raise bad_request(f"{message} Set {missing}.", code="MISSING_REQUIRED_PROPERTY", name=group[0])


def create(account: Account, table: Table, props: dict[str, str], author: Author) -> Record:
    """Create a record from checked properties."""
    record_id = str(table.next_id)
    props = {name: value for name, value in props.items() if value}
    account.commit(_entry(account, table, author, "create", record_id, {}, props))
    record = table.records[record_id]
    if account.settings.auto_associate and table.kind.name == "contacts":
        _associate_by_domain(account, record, author)
    return record


def update(account: Account, table: Table, record: Record, changes: dict[str, str], author: Author) -> Record:
    """Write checked changes; when there is none, the record and its times stay as they are."""
    before = {name: record.props.get(name, "") for name in changes}
    op = "update" if changes else "noop"
    account.commit(_entry(account, table, author, op, record.id, before, changes, record))
    return table.records[record.id]


def archive(account: Account, table: Table, record: Record, author: Author) -> None:
    """Put a record into the bin; one that is there already stays."""
    if not record.archived_at:
        account.commit(_entry(account, table, author, "archive", record.id, dict(record.props), {}, record))


def restore(account: Account, table: Table, record: Record, author: Author) -> Record:
    """Take a record out of the bin.

    Raises:
        ApiError: 409 when another record took one of its unique values meanwhile.
    """
    if record.archived_at:
        live = Record(record.id, record.props, record.created, record.updated, "", "")
        for name in table.unique:
            for value in keys(name, live):
                _claim(table, name, value, record)
        account.commit(_entry(account, table, author, "restore", record.id, {}, dict(record.props), record))
    return table.records[record.id]


def merge(account: Account, table: Table, winner: Record, loser: Record, author: Author) -> Record:
    """Make one new record of two: the winner's values, the loser's where the winner has none; both ids retire."""
    if winner.id == loser.id:
        raise bad_request(f"Cannot merge {table.kind.singular} {winner.id} with itself")
    system = {"hs_object_id", table.kind.created, table.kind.modified}
    props = {name: value for name, value in loser.props.items() if value and name not in system}
    props.update({name: value for name, value in winner.props.items() if value and name not in system})
    if table.kind.name == "contacts":
        emails = list(dict.fromkeys([*keys("email", winner), *keys("email", loser)]))
        extra = [email for email in emails if email != props.get("email")]
        if extra:
            props["hs_additional_emails"] = ";".join(extra)
    retired = [
        old
        for record in (winner, loser)
        for old in (*filter(None, record.props.get("hs_merged_object_ids", "").split(";")), record.id)
    ]
    # In an order that says nothing about who won: no documentation states one.
    props["hs_merged_object_ids"] = ";".join(sorted(retired, key=lambda old: old[::-1]))
    record_id = str(table.next_id)
    entry = _entry(account, table, author, "merge", record_id, {}, props, winner, loser)
    entry["merged"] = [winner.id, loser.id]
    entry["created"] = min(winner.created, loser.created)
    account.commit(entry)
    return table.records[record_id]


def privacy_delete(account: Account, table: Table, record: Record, author: Author) -> None:
    """Delete a contact for good."""
    account.commit(_entry(account, table, author, "privacy", record.id, dict(record.props), {}, record))


def link(
    account: Account, source: str, record_id: str, target: str, other: str, types: Sequence[int], author: Author
) -> list[int]:
    """Associate two records, and return the type ids that hold afterwards from the first to the second.

    A primary association, or one with a label, brings the plain one with it; a primary one takes the place of an
    earlier one.

    Raises:
        ApiError: 400 when an end has as many associations already as the account allows.
    """
    rows = [account.associations.rows[number] for number in types]
    wanted = list(dict.fromkeys(number for row in rows for number in (row.plain, row.type_id)))
    first = account.settings.first_company_primary and (source, target) == ("contacts", "companies")
    if first and not _primaries(account, source, record_id, target):
        wanted = list(dict.fromkeys((*wanted, 1)))
    if any(account.associations.rows[number].primary for number in wanted):
        _demote(account, source, record_id, target, other, author)
    held = account.store.linked(source, record_id, target).get(other, set())
    fresh = [number for number in wanted if number not in held]
    _check_limits(account, (source, record_id, target, other), fresh)
    if fresh:
        _commit_link(account, "link", (source, record_id, target, other), fresh, author)
    return sorted(account.store.linked(source, record_id, target).get(other, set()))


def unlink(
    account: Account, source: str, record_id: str, target: str, other: str, types: Sequence[int] | None, author: Author
) -> None:
    """Take association types off two records; None takes all, and taking the plain one takes all others with it."""
    held = account.store.linked(source, record_id, target).get(other, set())
    gone = set(held) if types is None else held & set(types)
    if any(account.associations.rows[number].plain == number for number in gone):
        gone = set(held)
    if gone:
        _commit_link(account, "unlink", (source, record_id, target, other), sorted(gone), author)


def find(table: Table, key: str, id_property: str = "") -> Record | None:
    """Return the live or archived record of an id, or of a unique property's value.

    Raises:
        ApiError: 400 when the property is not unique.
    """
    if not id_property or id_property == "hs_object_id":
        return table.find(key)
    if id_property not in table.unique:
        raise bad_request(
            f"{id_property} is not a unique property of {table.kind.name}; name a property with hasUniqueValue",
            code="INVALID_UNIQUE_PROPERTY",
            name=id_property,
        )
    holder = table.holders(id_property, key)
    return table.records.get(holder) if holder else None


def find_live(table: Table, key: str, id_property: str = "") -> Record:
    """Return the record, or raise the 404."""
    record = find(table, key, id_property)
    if record is None or record.archived_at:
        raise not_found()
    return record


def _entry(
    account: Account,
    table: Table,
    author: Author,
    op: str,
    record_id: str,
    before: dict[str, str],
    after: dict[str, str],
    *touched: Record,
) -> dict[str, Any]:
    return {
        "at": account.store.stamp(author.now, *touched),
        "call": author.call,
        "by": [author.kind, author.name],
        "op": op,
        "type": table.kind.name,
        "id": record_id,
        "before": before,
        "after": after,
    }


def _commit_link(account: Account, op: str, ends: tuple[str, str, str, str], types: list[int], author: Author) -> None:
    source, record_id, target, other = ends
    account.commit(
        {
            "at": account.store.stamp(author.now),
            "call": author.call,
            "by": [author.kind, author.name],
            "op": op,
            "type": source,
            "id": record_id,
            "to_type": target,
            "to": other,
            "types": types,
        }
    )


def _check_limits(account: Account, ends: tuple[str, str, str, str], types: Sequence[int]) -> None:
    source, record_id, target, other = ends
    types_of = account.associations
    for type_id in types:
        for number, one, from_, to in (
            (type_id, record_id, source, target),
            (types_of.rows[type_id].mirror, other, target, source),
        ):
            held = [kinds for kinds in account.store.linked(from_, one, to).values() if number in kinds]
            if len(held) >= types_of.limits.get(number, len(held) + 1):
                raise bad_request(f"The association limit from {from_} {one} to {to} is {types_of.limits[number]}")


def _primaries(account: Account, source: str, record_id: str, target: str) -> list[tuple[str, int]]:
    return [
        (other, number)
        for other, types in account.store.linked(source, record_id, target).items()
        for number in types
        if account.associations.rows[number].primary
    ]


def _demote(account: Account, source: str, record_id: str, target: str, keep: str, author: Author) -> None:
    """Take the primary label off the others: a contact has one primary company, a company many primary contacts."""
    if target == "companies":
        for other, number in _primaries(account, source, record_id, target):
            if other != keep:
                _commit_link(account, "unlink", (source, record_id, target, other), [number], author)
    else:
        for other, number in _primaries(account, target, keep, source):
            if other != record_id:
                _commit_link(account, "unlink", (target, keep, source, other), [number], author)


def _associate_by_domain(account: Account, contact: Record, author: Author) -> None:
    domain = contact.props.get("email", "").rpartition("@")[2]
    if not domain or domain in _FREE_MAIL:
        return
    robot = Author("system", "company insights", author.now, author.call)
    for company in account.store.tables["companies"].live():
        if company.props.get("domain", "").lower() == domain:
            link(account, "contacts", contact.id, "companies", company.id, [1], robot)
            return
