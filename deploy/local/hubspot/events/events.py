"""Which webhook events an entry makes, for which subscriptions.

Rules that bite a receiver: a create also reports every property it set; a merge reports the losers as deleted and
no property at all; a primary association comes as two messages, the plain one and the primary one, from each end;
a privacy deletion comes with a plain deletion; the time of the last change is never reported as a property.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from deploy.local.hubspot.objects.catalogue import BY_SPELLING, ObjectType
from deploy.local.hubspot.settings import Settings
from deploy.local.hubspot.store import Entry, Store

ACTIONS = ("creation", "deletion", "merge", "restore", "propertyChange", "associationChange", "privacyDeletion")
_REDACTED = "REDACTED"
_GENERIC_ALONE = frozenset({"fromObjectTypeId", "toObjectTypeId"})
"""What an associationChange says in its generic form alone."""


@dataclass(slots=True, kw_only=True)
class Subscription:
    """One row of what an app wants to hear of."""

    id: int
    type: str
    """Object type, plural."""
    action: str
    property_name: str = ""
    """For `propertyChange`: the property, or blank for all of them."""
    active: bool = True


@dataclass(slots=True, kw_only=True)
class Hook:
    """Where one app wants the events of one account."""

    app_id: int
    url: str
    secret: str
    signature: str = "v3"
    """`v1`, `v2` or `v3`."""
    public_url: str = ""
    """What the sender believes the address is, when a proxy shows another one; signed instead of `url`."""
    redact: list[str] = field(default_factory=list)
    """Properties whose values arrive as REDACTED."""
    subscriptions: list[Subscription] = field(default_factory=list)


def parse_subscription(
    number: int, event_type: str, property_name: str = "", object_type: str = "", custom: Iterable[ObjectType] = ()
) -> Subscription:
    """Return the subscription of `contact.propertyChange`, or of `object.creation` with an object type.

    Args:
        number: The subscription's id.
        event_type: What is subscribed to.
        property_name: The property whose changes are told; blank for all.
        object_type: Of the generic form, the object type.
        custom: The account's own object types; only its private apps are told of these, in the generic form.

    Raises:
        ValueError: no such event exists.
    """
    prefix, _, action = event_type.partition(".")
    spelling = object_type if prefix == "object" else prefix
    kind = BY_SPELLING.get(spelling) or next((one for one in custom if spelling in (one.name, one.type_id)), None)
    if kind is None or action not in ACTIONS or (prefix != "object" and not kind.webhook_types):
        raise ValueError(
            f"unknown webhook event {event_type!r} (object type {object_type!r}); "
            f"use contact.creation, or object.creation with objectTypeId; actions: {', '.join(ACTIONS)}"
        )
    if action == "privacyDeletion" and kind.name != "contacts":
        raise ValueError("only contacts have a privacyDeletion event")
    if action == "associationChange" and kind.name == "products":
        raise ValueError("products have no associationChange event")
    return Subscription(id=number, type=kind.name, action=action, property_name=property_name)


def events_of(
    entry: Entry, store: Store, hooks: list[Hook], portal_id: int, settings: Settings
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield pairs of app id and event."""
    facts = list(_facts(entry, store))
    if not facts:
        return
    source, source_id = _source(entry["by"])
    for hook in hooks:
        for ordinal, (kind, action, body) in enumerate(facts):
            for subscription in hook.subscriptions:
                if not _wants(subscription, kind, action, body):
                    continue
                generic = settings.webhook_generic or not kind.webhook_types
                if action == "associationChange" and not generic and "associationType" not in body:
                    continue  # the classic form tells of associations with HubSpot's own objects alone
                event = {
                    **(body if generic else {name: body[name] for name in body.keys() - _GENERIC_ALONE}),
                    "changeSource": source,
                    "sourceId": source_id,
                    "eventId": _event_id(entry["seq"], ordinal),
                    "subscriptionId": subscription.id,
                    "portalId": portal_id,
                    "appId": hook.app_id,
                    "occurredAt": entry["at"],
                    "attemptNumber": 0,
                }
                if body.get("propertyName") in hook.redact:
                    event["propertyValue"] = _REDACTED
                event[settings.webhook_event_type_key] = f"{'object' if generic else kind.singular}.{action}"
                if generic and action != "associationChange":
                    event["objectTypeId"] = kind.type_id
                yield hook.app_id, event


def _wants(subscription: Subscription, kind: ObjectType, action: str, body: dict[str, Any]) -> bool:
    return (
        subscription.active
        and subscription.type == kind.name
        and subscription.action == action
        and (action != "propertyChange" or subscription.property_name in ("", body["propertyName"]))
    )


def _event_id(seq: int, ordinal: int) -> int:
    """Return an id that differs within one change and comes round again later: HubSpot's are not unique either."""
    return 100_000 + (seq * 64 + ordinal) % 5_000_000


def _source(by: list[str]) -> tuple[str, str]:
    kind, name = by
    if kind == "person":
        return "CRM_UI", f"userId:{name}"
    return ("INTEGRATION", name) if kind == "app" else ("AUTOMATION_PLATFORM", name)


def _facts(entry: Entry, store: Store) -> Iterator[tuple[ObjectType, str, dict[str, Any]]]:
    op = entry["op"]
    kind = store.tables[entry["type"]].kind
    if op in ("link", "unlink"):
        yield from _link_facts(entry, store, removed=op == "unlink")
        return
    this = {"objectId": int(entry["id"])}
    if op == "create":
        yield kind, "creation", {**this, "changeFlag": "CREATED"}
    elif op == "archive":
        yield kind, "deletion", {**this, "changeFlag": "DELETED"}
    elif op == "restore":
        yield kind, "restore", {**this, "changeFlag": "RESTORED"}
    elif op == "privacy":
        yield kind, "privacyDeletion", {**this, "changeFlag": "DELETED"}
        yield kind, "deletion", {**this, "changeFlag": "DELETED"}
    elif op == "merge":
        winner, losers = int(entry["merged"][0]), [int(old) for old in entry["merged"][1:]]
        moved = len(store.tables[kind.name].records[entry["id"]].props)
        yield (
            kind,
            "merge",
            {
                "objectId": winner,
                "primaryObjectId": winner,
                "mergedObjectIds": losers,
                "newObjectId": int(entry["id"]),
                "numberOfPropertiesMoved": moved,
                "changeFlag": "MERGED",
            },
        )
        for loser in (winner, *losers):
            yield kind, "deletion", {"objectId": loser, "changeFlag": "DELETED"}
    if op in ("create", "update"):
        for name, value in entry["after"].items():
            yield kind, "propertyChange", {**this, "propertyName": name, "propertyValue": value}


def _link_facts(entry: Entry, store: Store, *, removed: bool) -> Iterator[tuple[ObjectType, str, dict[str, Any]]]:
    for type_id in entry["types"]:
        there = store.associations[type_id]
        for row, one, other in (
            (there, entry["id"], entry["to"]),
            (store.associations[there.mirror], entry["to"], entry["id"]),
        ):
            source, target = store.tables[row.source].kind, store.tables[row.target].kind
            # What HubSpot calls an association of a custom object here is not known; its type ids say all there is.
            named = source.name in BY_SPELLING and target.name in BY_SPELLING
            yield (
                source,
                "associationChange",
                {
                    **({"associationType": f"{source.singular}_to_{target.singular}".upper()} if named else {}),
                    "fromObjectId": int(one),
                    "fromObjectTypeId": source.type_id,
                    "toObjectId": int(other),
                    "toObjectTypeId": target.type_id,
                    "associationRemoved": removed,
                    "isPrimaryAssociation": row.primary,
                    "associationTypeId": row.number,
                    "associationCategory": row.category,
                },
            )
