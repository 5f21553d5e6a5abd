"""Primary associations, through the associations API version 4.

A contact may belong to many companies; only the primary one is synced. Setting it leaves the others alone, and
unsetting it takes away the primary label only. HubSpot may set one by itself, by the domain of an e-mail address.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from shared.apps.hubspot.batches import Item, send_batch
from shared.apps.hubspot.calls import after, ask, inputs, path, post, read_json, rows
from shared.apps.hubspot.objects import Kind, Link
from shared.apps.kit.batches import chunks
from shared.apps.kit.calls import get, inner
from shared.core.connector import Exchange, Refused, Session

READ: Final = 1_000
WRITE: Final = 100
"""HubSpot takes 2,000; the writer never has more than one batch of records."""

_NONE: Final = "NO_ASSOCIATIONS_FOUND"


def link_of(kind: Kind, label: str) -> Link | None:
    """Find an association by its label."""
    return next((link for link in kind.links if link.label == label), None)


def read_links(session: Session, kind: Kind, label: str, ids: Sequence[str]) -> Exchange[dict[str, str | None]]:
    """Give the primary associated record of each id, None where there is none.

    An id about which HubSpot says nothing is left out: not known is not unset.
    """
    link = link_of(kind, label)
    if link is None or not ids:
        return {}
    found: dict[str, str | None] = {}
    for chunk in chunks(ids, READ):
        request = post(_where(session, kind, link, "batch", "read"), inputs(chunk), safe=True)
        response = yield request
        body = read_json(request, response)
        for row in rows(body):
            record = str(inner(row, "from", "id"))
            primary = _primary(rows(row, "to"), link)
            cursor = after(row)
            while primary is None and cursor is not None:
                primary, cursor = yield from _read_on(session, kind, link, record, cursor)
            found[record] = primary
        for error in rows(body, "errors"):
            if _NONE in str(error.get("subCategory") or "") or error.get("category") == "OBJECT_NOT_FOUND":
                found.update(dict.fromkeys(_ids(error)))
    return {record: found[record] for record in ids if record in found}


def read_all_links(
    session: Session, kind: Kind, ids: Sequence[str], labels: Sequence[str]
) -> Exchange[dict[str, dict[str, str | None]]]:
    """Return the primary associated records of each id, by label: one call for 1,000 records and a label."""
    found: dict[str, dict[str, str | None]] = {}
    for label in labels:
        for record, other in (yield from read_links(session, kind, label, ids)).items():
            found.setdefault(record, {})[label] = other
    return found


def write_links(
    session: Session,
    kind: Kind,
    label: str,
    wanted: Mapping[str, str | None],
    current: Mapping[str, str | None],
) -> Exchange[dict[str, Refused]]:
    """Make each record's primary association what is *wanted*; *current* tells what it is.

    Returns the refusals by record id; all others are done.
    """
    link = link_of(kind, label)
    if link is None:
        return {
            record: Refused(key=record, code="read_only_field", message=f"{kind.object} has no association {label!r}")
            for record in wanted
        }
    sets = {record: other for record, other in wanted.items() if other and current.get(record) != other}
    unsets = {record: old for record in wanted if wanted[record] is None and (old := current.get(record))}
    refused: dict[str, Refused] = {}
    for chosen, verb, types in (
        (unsets, ("batch", "labels", "archive"), (link.primary,)),
        (sets, ("batch", "create"), (link.plain, link.primary)),
    ):
        items = [Item(record, _input(record, str(other), types)) for record, other in chosen.items()]
        for chunk in chunks(items, WRITE):
            done = yield from send_batch(_where(session, kind, link, *verb), chunk, _from)
            refused |= {x: answer for x, answer in done.items() if isinstance(answer, Refused)}
    return refused


def _where(session: Session, kind: Kind, link: Link, *parts: str) -> str:
    return path(session, "associations_path", kind.path, link.path, *parts)


def _input(record: str, other: str, types: Iterable[int]) -> dict[str, Any]:
    named = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": number} for number in types]
    return {"from": {"id": record}, "to": {"id": other}, "types": named}


def _from(row: Mapping[str, Any]) -> str:
    return str(inner(row, "from", "id") or row.get("fromObjectId") or "")


def _primary(ends: Iterable[Mapping[str, Any]], link: Link) -> str | None:
    for end in ends:
        if any(kind.get("typeId") == link.primary for kind in rows(end, "associationTypes")):
            return str(end.get("toObjectId"))
    return None


def _read_on(
    session: Session, kind: Kind, link: Link, record: str, cursor: str
) -> Exchange[tuple[str | None, str | None]]:
    """Look on where a record has more associations than a batch answer shows."""
    where = path(session, "record_associations_path", kind.path, record, "associations", link.path)
    body = yield from ask(get(where, limit="500", after=cursor))
    return _primary(rows(body), link), after(body)


def _ids(error: Mapping[str, Any]) -> list[str]:
    found = inner(error, "context", "fromObjectId") or inner(error, "context", "id") or []
    return [str(record) for record in found] if isinstance(found, list) else []
