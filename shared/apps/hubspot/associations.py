"""Associations, through the associations API version 4; which ones a custom object has is asked there, too.

A contact may belong to many companies; only the primary one is synced. Setting it leaves the others alone, and
unsetting it takes away the primary label only. HubSpot may set one by itself, by the domain of an e-mail address.

Where HubSpot knows no primary, as between deals and contacts, all unlabelled associations are synced. Which of them
come and go is written one by one; an association under another label stays.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from shared.apps.hubspot.batches import Item, send_batch
from shared.apps.hubspot.calls import after, ask, inputs, path, post, read_json, rows
from shared.apps.hubspot.objects import DEFINED, Kind, Link, LinkType
from shared.apps.kit.batches import chunks
from shared.apps.kit.calls import get, inner
from shared.contract.calls import Exchange, Session
from shared.contract.writing import Refused
from shared.model.records import Linked, LinkWrite, ids_of, linked_after

READ: Final = 1_000
WRITE: Final = 100
"""HubSpot takes 2,000; the writer never has more than one batch of records."""

_NONE: Final = "NO_ASSOCIATIONS_FOUND"


def link_of(kind: Kind, label: str) -> Link | None:
    """Find an association by its label."""
    return next((link for link in kind.links if link.label == label), None)


def read_links(session: Session, kind: Kind, label: str, ids: Sequence[str]) -> Exchange[dict[str, Linked]]:
    """Return what an association of each id leads to.

    An id about which HubSpot says nothing is left out: not known is not unset.
    """
    link = link_of(kind, label)
    if link is None or not ids:
        return {}
    found: dict[str, Linked] = {}
    for chunk in chunks(ids, READ):
        request = post(_where(session, kind, link, "batch", "read"), inputs(chunk), safe=True)
        response = yield request
        body = read_json(request, response)
        for row in rows(body):
            record = str(inner(row, "from", "id"))
            ends, cursor = _ends(rows(row, "to"), link), after(row)
            while cursor is not None and not (link.single and ends):
                more, cursor = yield from _read_on(session, kind, link, record, cursor)
                ends += more
            found[record] = _as_linked(ends, link)
        for error in rows(body, "errors"):
            if _NONE in str(error.get("subCategory") or "") or error.get("category") == "OBJECT_NOT_FOUND":
                found.update(dict.fromkeys(_ids(error), _as_linked([], link)))
    return {record: found[record] for record in ids if record in found}


def read_all_links(
    session: Session, kind: Kind, ids: Sequence[str], labels: Sequence[str]
) -> Exchange[dict[str, dict[str, Linked]]]:
    """Return what the associations of each id lead to, by label: one call for 1,000 records and a label."""
    found: dict[str, dict[str, Linked]] = {}
    for label in labels:
        for record, other in (yield from read_links(session, kind, label, ids)).items():
            found.setdefault(record, {})[label] = other
    return found


def write_links(
    session: Session, kind: Kind, label: str, wanted: Mapping[str, LinkWrite], current: Mapping[str, Linked]
) -> Exchange[dict[str, Refused]]:
    """Write an association of each record; *current* tells what it leads to.

    Returns the refusals by record id; all others are done.
    """
    link = link_of(kind, label)
    if link is None:
        return {
            record: Refused(key=record, code="read_only_field", message=f"{kind.object} has no association {label!r}")
            for record in wanted
        }
    sets: list[Item] = []
    unsets: list[Item] = []
    for record, write in wanted.items():
        before = set(ids_of(current.get(record)))
        after_ = set(ids_of(linked_after(current.get(record), write)))
        # A new primary one takes the label from the one before; of several, each comes and goes by itself.
        gone = () if link.moves and after_ else before - after_
        sets += [_item(record, other, link.types) for other in sorted(after_ - before)]
        unsets += [_item(record, other, link.types[-1:]) for other in sorted(gone)]
    refused: dict[str, Refused] = {}
    for items, verb in ((unsets, ("batch", "labels", "archive")), (sets, ("batch", "create"))):
        for chunk in chunks(items, WRITE):
            done = yield from send_batch(_where(session, kind, link, *verb), chunk, _from)
            refused |= {x.partition("/")[0]: one for x, one in done.items() if isinstance(one, Refused)}
    return refused


def _where(session: Session, kind: Kind, link: Link, *parts: str) -> str:
    return path(session, "associations_path", kind.path, link.path, *parts)


def _item(record: str, other: str, types: Iterable[LinkType]) -> Item:
    named = [{"associationCategory": type_.category, "associationTypeId": type_.number} for type_ in types]
    return Item(f"{record}/{other}", {"from": {"id": record}, "to": {"id": other}, "types": named})


def _from(row: Mapping[str, Any]) -> str:
    ends = (inner(row, name, "id") or row.get(f"{name}ObjectId") or "" for name in ("from", "to"))
    return "/".join(map(str, ends))


def _ends(ends: Iterable[Mapping[str, Any]], link: Link) -> list[str]:
    """List the records at the other end that have the type of association which is synced."""
    wanted = link.types[-1]
    return [
        str(end.get("toObjectId"))
        for end in ends
        if any((kind.get("typeId"), kind.get("category", DEFINED)) == wanted for kind in rows(end, "associationTypes"))
    ]


def _as_linked(ends: Sequence[str], link: Link) -> Linked:
    if not link.single:
        return tuple(sorted(set(ends)))
    return ends[0] if ends else None


def _read_on(
    session: Session, kind: Kind, link: Link, record: str, cursor: str
) -> Exchange[tuple[list[str], str | None]]:
    """Look on where a record has more associations than a batch answer shows."""
    where = path(session, "record_associations_path", kind.path, record, "associations", link.path)
    body = yield from ask(get(where, limit="500", after=cursor))
    return _ends(rows(body), link), after(body)


def _ids(error: Mapping[str, Any]) -> list[str]:
    found = inner(error, "context", "fromObjectId") or inner(error, "context", "id") or []
    return [str(record) for record in found] if isinstance(found, list) else []
