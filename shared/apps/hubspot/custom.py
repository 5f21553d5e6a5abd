"""The custom objects of an account: their fields, and what their records may be associated with.

The schemas name the object types at the other ends. Which types of associations there are is asked for each two object
types, and how many records they may lead to once for the account. Only objects that can be synced are asked about.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from shared.apps.hubspot.account import field_of
from shared.apps.hubspot.calls import ask, path, read_json, rows
from shared.apps.hubspot.objects import CUSTOM, DEFINED, KINDS, LinkType, spelled
from shared.apps.kit.calls import get, inner
from shared.contract.calls import Exchange, HttpRequest, Session
from shared.model.fields import FoundAssociation, FoundObject

_HIDDEN: Final = (403, 404)
"""Answers that mean: this account, or this token, is not shown it."""


def find(session: Session) -> Exchange[Sequence[FoundObject]]:
    """List the custom objects of the account. A name is its own for good; the type id tells one from a later one."""
    body = yield from ask(get(path(session, "schemas_path"), archived="false"))
    schemas = [row for row in rows(body) if not row.get("archived")]
    objects = [_found(row) for row in schemas]
    names = {one.id: (one.name, one.id) for one in objects} | {x.type_id: (x.object, x.path) for x in KINDS}
    ends = {one.id: _ends(row, one.id, names) for one, row in zip(objects, schemas, strict=True)}
    if not any(ends.values()):
        return objects
    limits = yield from _limits(session)
    found: list[FoundObject] = []
    for one in objects:
        associations: list[FoundAssociation] = []
        for end in ends[one.id]:
            associations += yield from _associations(session, one.id, names[end], limits)
        found.append(one.model_copy(update={"associations": tuple(associations)}))
    return found


def _found(row: Mapping[str, Any]) -> FoundObject:
    name, primary = str(row.get("name")), row.get("primaryDisplayProperty")
    required = row.get("requiredProperties") or []
    fields = [field_of(one, None) for one in rows(row, "properties")]
    return FoundObject(
        name=f"{CUSTOM}{name}",
        label=str(inner(row, "labels", "plural") or name),
        id=str(row.get("objectTypeId") or f"2-{row.get('id')}"),
        fields=tuple(
            info.model_copy(
                update={
                    "canonical": "name" if info.name == primary else None,
                    "required": info.name in required,
                }
            )
            for info in fields
        ),
    )


def _ends(schema: Mapping[str, Any], own: str, known: Mapping[str, object]) -> list[str]:
    """List the types of objects that a schema knows associations with, and that can be synced."""
    told = [(str(row.get("fromObjectTypeId")), str(row.get("toObjectTypeId"))) for row in rows(schema, "associations")]
    ends = [to if from_ == own else from_ for from_, to in told]
    return [one for one in dict.fromkeys(ends) if one in known]


def _associations(
    session: Session, own: str, end: tuple[str, str], limits: Mapping[LinkType, int]
) -> Exchange[list[FoundAssociation]]:
    """Return the associations of one object type with another; none where the other one is hidden from us.

    Within one object, both records show the plain one where there is no other that could be its way back.
    """
    to, to_path = end
    types = [
        (LinkType(int(row["typeId"]), str(row.get("category") or DEFINED)), row.get("label"))
        for row in (yield from _shown(get(path(session, "associations_path", own, to_path, "labels"))))
        if isinstance(row.get("typeId"), int)
    ]
    unnamed = [type_ for type_, label in types if not label]
    if not unnamed:
        return []
    plain, mutual = unnamed[0], to_path == own and len(unnamed) == 1
    ids: tuple[str, ...] = (spelled(plain),)
    found = {to: FoundAssociation(name=to, to=to, to_id=to_path, ids=ids, max_links=limits.get(plain), mutual=mutual)}
    for type_, label in sorted((type_, str(label)) for type_, label in types if label):
        name = f"{to}.{re.sub(r'[^a-z0-9]+', '_', label.lower()).strip('_')}"
        if name.endswith(".") or name in found:
            name = f"{name}{type_.number}"
        ids = (spelled(plain), spelled(type_))
        found[name] = FoundAssociation(name=name, to=to, to_id=to_path, ids=ids, max_links=limits.get(type_))
    return list(found.values())


def _limits(session: Session) -> Exchange[dict[LinkType, int]]:
    """Return how many records associations may lead to, where the account has limits of its own."""
    found = yield from _shown(get(path(session, "association_limits_path", "all")))
    return {
        LinkType(int(row["typeId"]), str(row.get("category") or DEFINED)): int(row["userEnforcedMaxToObjectIds"])
        for row in found
        if isinstance(row.get("typeId"), int) and isinstance(row.get("userEnforcedMaxToObjectIds"), int)
    }


def _shown(request: HttpRequest) -> Exchange[list[dict[str, Any]]]:
    """Ask for a list; what is hidden from us has no rows."""
    response = yield request
    return [] if response.status in _HIDDEN else rows(read_json(request, response))
