"""What HubSpot tells about an account: who it is, its owners and its properties; and what we add to it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from shared.apps.hubspot.calls import after, ask, path, post, read_json, rows
from shared.apps.hubspot.errors import refuse
from shared.apps.hubspot.objects import LONGEST, MARKER, Kind
from shared.apps.hubspot.pipelines import with_stages
from shared.apps.kit.calls import get, inner
from shared.contract.calls import AppError, Exchange, Session
from shared.contract.sign_in import AccountInfo, Owner
from shared.model.fields import FieldInfo, Option
from shared.model.records import FieldType

_TYPES: Final[Mapping[str, FieldType]] = {
    "string": FieldType.TEXT,
    "number": FieldType.NUMBER,
    "date": FieldType.DATE,
    "datetime": FieldType.DATETIME,
    "bool": FieldType.BOOL,
    "enumeration": FieldType.ENUM,
}
_FIELD_TYPES: Final[Mapping[str, FieldType]] = {
    "phonenumber": FieldType.PHONE,
    "booleancheckbox": FieldType.BOOL,
    "checkbox": FieldType.MULTI,
}


def account(session: Session) -> Exchange[AccountInfo]:
    """Name the account: its portal."""
    body = yield from ask(get(path(session, "account_path")))
    portal = body.get("portalId")
    if portal is None:
        raise AppError("app_unavailable", "HubSpot's account details name no portalId", retry="outage")
    return AccountInfo(
        id=str(portal),
        name=f"HubSpot {portal}",
        zone=str(body.get("timeZone") or "UTC"),
        currency=str(body.get("companyCurrency") or ""),
    )


def owners(session: Session) -> Exchange[Sequence[Owner]]:
    """List the owners: the active ones, then those who left. An owner's id is not the id of their user."""
    found: list[Owner] = []
    for archived in ("false", "true"):
        query = {"limit": "500", "archived": archived}
        while True:
            body = yield from ask(get(path(session, "owners_path"), **query))
            found += [
                Owner(id=str(row.get("id")), email=str(row.get("email") or "").lower(), active=archived == "false")
                for row in rows(body)
            ]
            cursor = after(body)
            if cursor is None:
                break
            query["after"] = cursor
    return found


def discover(session: Session, kind: Kind) -> Exchange[Sequence[FieldInfo]]:
    """List the properties of an object type, those that hold a stage with the stages of the account."""
    body = yield from ask(get(path(session, "properties_path", kind.path), archived="false"))
    known = {info.name: info for info in kind.fields}
    found = [field_of(row, known.get(str(row.get("name")))) for row in rows(body)]
    return (yield from with_stages(session, kind, found))


def field_of(row: Mapping[str, Any], known: FieldInfo | None) -> FieldInfo:
    """Return what a property is, by its description and by what is known of it besides."""
    owner = row.get("referencedObjectType") == "OWNER"
    wire_type, shown_as = str(row.get("type")), str(row.get("fieldType"))
    told = FieldType.OWNER if owner else _FIELD_TYPES.get(shown_as) or _TYPES.get(wire_type, FieldType.TEXT)
    # HubSpot says "string" of texts that we know more about, such as names and countries.
    type_ = known.type if known is not None and told is FieldType.TEXT else told
    writable = not inner(row, "modificationMetadata", "readOnlyValue") and not row.get("calculated")
    options = tuple(
        Option(value=str(option.get("value")), label=str(option.get("label") or option.get("value")))
        for option in rows(row, "options")
    )
    return FieldInfo(
        name=str(row.get("name")),
        type=type_,
        label=str(row.get("label") or row.get("name")),
        canonical=known.canonical if known else None,
        options=() if owner else options,
        creatable=writable,
        updatable=writable,
        required=bool(known and known.required),
        unique=bool(row.get("hasUniqueValue")) or bool(known and known.unique),
        sensitive=str(row.get("dataSensitivity") or "non_sensitive") != "non_sensitive",
        max_length=LONGEST if wire_type == "string" else None,
    )


def prepare(session: Session, kind: Kind) -> Exchange[None]:
    """Create our unique property where it is missing.

    Raises:
        AppError: a property of this name is there, but is not unique, so it cannot hold our marker.
    """
    where = path(session, "properties_path", kind.path)
    if (yield from _marker_is_there(session, kind)):
        return
    body = {
        "name": MARKER,
        "label": "Syncline ID",
        "description": "Names the record to Syncline, which created it. Do not edit.",
        "groupName": kind.group,
        "type": "string",
        "fieldType": "text",
        "hasUniqueValue": True,
        "formField": False,
        "hidden": True,
    }
    request = post(where, body)
    response = yield request
    if response.status != 409:  # somebody else has just created it
        read_json(request, response)
    elif not (yield from _marker_is_there(session, kind)):
        raise refuse(request, response)


def _marker_is_there(session: Session, kind: Kind) -> Exchange[bool]:
    request = get(path(session, "properties_path", kind.path, MARKER))
    response = yield request
    if response.status == 404:
        return False
    if not read_json(request, response).get("hasUniqueValue"):
        message = f"the property {MARKER} of {kind.path} is not unique: archive it in HubSpot's settings, and try again"
        raise AppError("permission_denied", message, retry="setup")
    return True
