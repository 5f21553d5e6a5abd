"""The object types the simulator serves, and the associations between them, as rows.

A new object type is one row of `OBJECT_TYPES` and its properties in `fields.py`.
"""

from dataclasses import dataclass
from typing import Any

from deploy.local.hubspot.objects import fields
from deploy.local.hubspot.objects.fields import Property


@dataclass(frozen=True, kw_only=True, slots=True)
class ObjectType:
    """One object type: how it is spelt in paths, events and ids, and what a record must carry."""

    name: str
    """Plural, as in paths."""
    singular: str
    """As in webhook events and association names."""
    type_id: str
    properties: tuple[Property, ...]
    defaults: tuple[str, ...]
    """What an answer carries when the call names no properties."""
    required: tuple[tuple[str, ...], ...] = ()
    """On create, at least one property of each group."""
    searchable: tuple[str, ...] = ()
    """What the free-text `query` of a search looks into."""
    modified: str = "hs_lastmodifieddate"
    created: str = "createdate"
    read_scope: str
    write_scope: str
    webhook_types: bool = True
    """Whether the classic `contact.creation` event names exist; other types have the `object.*` form alone."""


def custom(portal: int, about: dict[str, Any]) -> ObjectType:
    """Return the object type of an account's own that a schema describes."""
    name, modified, created = f"p{portal}_{about['name']}", "hs_lastmodifieddate", "hs_createdate"
    return ObjectType(
        name=name,
        singular=name,
        type_id=f"2-{about['number']}",
        properties=fields.system(group_of(about["name"]), modified, created),
        defaults=(about["primaryDisplayProperty"],),
        required=tuple((one,) for one in about["requiredProperties"]),
        searchable=tuple(about.get("searchableProperties", ())),
        modified=modified,
        created=created,
        read_scope="crm.objects.custom.read",
        write_scope="crm.objects.custom.write",
        webhook_types=False,
    )


def group_of(name: str) -> str:
    """Name the group that the properties of a custom object are put in."""
    return f"{name}_information"


def _row(
    name: str,
    singular: str,
    type_id: str,
    properties: tuple[Property, ...],
    defaults: str,
    required: str = "",
    *,
    searchable: str = "",
    scope: str = "",
    modified: str = "hs_lastmodifieddate",
    webhook_types: bool = True,
) -> ObjectType:
    group = properties[0].group
    read, write = (scope, scope) if scope else (f"crm.objects.{name}.read", f"crm.objects.{name}.write")
    return ObjectType(
        name=name,
        singular=singular,
        type_id=type_id,
        properties=(*properties, *fields.system(group, modified)),
        defaults=tuple(defaults.split()),
        required=tuple(tuple(part.split("|")) for part in required.split()),
        searchable=tuple(searchable.split()),
        modified=modified,
        read_scope=read,
        write_scope=write,
        webhook_types=webhook_types,
    )


def _activity(name: str, singular: str, type_id: str, required: str, *rows: tuple[str, str]) -> ObjectType:
    return _row(
        name,
        singular,
        type_id,
        fields.activity(f"{singular}information", *rows),
        "hs_timestamp",
        required,
        webhook_types=False,
    )


OBJECT_TYPES = (
    _row(
        "contacts",
        "contact",
        "0-1",
        fields.CONTACT,
        "email firstname lastname",
        searchable="firstname lastname email phone company",
        modified="lastmodifieddate",
    ),
    _row(
        "companies",
        "company",
        "0-2",
        fields.COMPANY,
        "domain name",
        "domain|name",
        searchable="website phone name domain",
    ),
    _row(
        "deals",
        "deal",
        "0-3",
        fields.DEAL,
        "amount closedate dealname dealstage pipeline",
        "dealname dealstage pipeline",
        searchable="dealname pipeline dealstage description",
    ),
    _row(
        "tickets",
        "ticket",
        "0-5",
        fields.TICKET,
        "content hs_pipeline hs_pipeline_stage hs_ticket_priority subject",
        "subject hs_pipeline hs_pipeline_stage",
        searchable="subject content",
        scope="tickets",
    ),
    _row(
        "products",
        "product",
        "0-7",
        fields.PRODUCT,
        "description name price",
        "name",
        searchable="name",
        scope="e-commerce",
    ),
    _row("line_items", "line_item", "0-8", fields.LINE_ITEM, "amount quantity hs_product_id", scope="e-commerce"),
    _row("invoices", "invoice", "0-53", fields.INVOICE, "hs_title hs_number", "hs_currency", webhook_types=False),
    _activity("calls", "call", "0-48", "hs_timestamp", ("hs_call_title", "Title"), ("hs_call_body", "Notes")),
    _activity(
        "emails",
        "email",
        "0-49",
        "hs_timestamp hs_email_direction",
        ("hs_email_subject", "Subject"),
        ("hs_email_text", "Text"),
        ("hs_email_direction", "Direction"),
    ),
    _activity(
        "meetings", "meeting", "0-47", "hs_timestamp", ("hs_meeting_title", "Title"), ("hs_meeting_body", "Body")
    ),
    _activity("notes", "note", "0-46", "hs_timestamp", ("hs_note_body", "Body")),
    _activity("tasks", "task", "0-27", "hs_timestamp", ("hs_task_subject", "Subject"), ("hs_task_body", "Body")),
)

BY_SPELLING: dict[str, ObjectType] = {
    spelling: row for row in OBJECT_TYPES for spelling in (row.name, row.singular, row.type_id)
}
"""Paths may spell a type by its plural, its singular or its type id."""


HUBSPOT_DEFINED = "HUBSPOT_DEFINED"
USER_DEFINED = "USER_DEFINED"
_USERS = 1_000_000
"""Added to the numbers of association types that an account defines, to keep them apart here from HubSpot's own."""


def user_defined(number: int) -> int:
    """Return the `type_id` of an account's own association type."""
    return _USERS + number


@dataclass(frozen=True, kw_only=True, slots=True)
class AssociationType:
    """One direction of one association between two object types."""

    type_id: int
    """Names it within an account; calls name it by `category` and `number`."""
    source: str
    target: str
    primary: bool
    mirror: int
    """The type id of the same association seen from the other end."""
    plain: int
    """The unlabelled association that a primary one, or one with a label, implies."""
    name: str | None = None
    """A label that the account gave it."""
    category: str = HUBSPOT_DEFINED

    @property
    def number(self) -> int:
        """Return its number within its category."""
        return self.type_id if self.category == HUBSPOT_DEFINED else self.type_id - _USERS

    @property
    def label(self) -> str | None:
        """Return what HubSpot shows; the plain association has no label."""
        return "Primary" if self.primary else self.name


_PAIRS = (
    # source, target, plain there, plain back, primary there, primary back
    ("contacts", "companies", 279, 280, 1, 2),
    ("deals", "contacts", 3, 4, 0, 0),
    ("deals", "companies", 341, 342, 5, 6),
    ("tickets", "contacts", 16, 15, 0, 0),
    ("tickets", "companies", 339, 340, 26, 25),
    ("contacts", "invoices", 178, 177, 0, 0),
    ("companies", "invoices", 180, 179, 0, 0),
    ("deals", "invoices", 176, 175, 0, 0),
    ("deals", "line_items", 19, 20, 0, 0),
    *(
        (source, target, number, number + 1, 0, 0)
        for source, numbers in (
            ("contacts", (193, 197, 199, 201, 203)),
            ("companies", (181, 185, 187, 189, 191)),
            ("deals", (205, 209, 211, 213, 215)),
            ("tickets", (219, 223, 225, 227, 229)),
        )
        for target, number in zip(("calls", "emails", "meetings", "notes", "tasks"), numbers, strict=True)
    ),
)


def _association_rows() -> tuple[AssociationType, ...]:
    rows: list[AssociationType] = []
    for source, target, there, back, primary_there, primary_back in _PAIRS:
        for a, b, plain, mirror, first, first_mirror in (
            (source, target, there, back, primary_there, primary_back),
            (target, source, back, there, primary_back, primary_there),
        ):
            rows.append(AssociationType(type_id=plain, source=a, target=b, primary=False, mirror=mirror, plain=plain))
            if first:
                rows.append(
                    AssociationType(type_id=first, source=a, target=b, primary=True, mirror=first_mirror, plain=plain)
                )
    for number, one in ((449, "contacts"), (450, "companies"), (451, "deals"), (452, "tickets")):
        rows.append(AssociationType(type_id=number, source=one, target=one, primary=False, mirror=number, plain=number))
    for number, mirror, name in ((14, 13, "Parent Company"), (13, 14, "Child Company")):
        rows.append(
            AssociationType(
                type_id=number,
                source="companies",
                target="companies",
                primary=False,
                mirror=mirror,
                plain=number,
                name=name,
            )
        )
    return tuple(rows)


ASSOCIATION_TYPES = _association_rows()
ASSOCIATIONS_BY_ID = {row.type_id: row for row in ASSOCIATION_TYPES}
