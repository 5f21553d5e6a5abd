"""The objects of an account, and what is known of their fields."""

from typing import Any, Final

from services.console.rest.shapes.common import Shown, examples

_CARS: Final[dict[str, Any]] = {
    "id": "p_car",
    "title": "Cars",
    "own": True,
    "type": "record",
    "type_title": "Records",
    "usable": True,
    "in_the_way": [],
    "notes": ["It can only be read. Not granted: crm.objects.custom.write."],
    "syncs": ["cars"],
}


class ObjectShown(Shown):
    """An object of an account."""

    id: str
    """What settings call it."""
    title: str
    """What people call it there."""
    own: bool
    """Whether only this account has it; otherwise each account of its app does."""
    type: str
    """The type whose rules its records follow, where a sync names none; empty when the object is gone."""
    type_title: str
    """What people call records of this type."""
    usable: bool
    """Whether a sync can use it."""
    in_the_way: list[str]
    """Why not, in sentences."""
    notes: list[str]
    """What to know besides."""
    syncs: list[str]
    """Syncs that use it."""


class ObjectsShown(Shown):
    """The objects of an account."""

    model_config = examples(
        {
            "connection": "hubspot",
            "at_ms": 1_700_000_000_000,
            "asked_ms": 1_700_000_000_000,
            "detail": "",
            "objects": [_CARS],
        }
    )

    connection: str
    at_ms: int
    asked_ms: int
    """When the account was asked; an answer counts for a minute."""
    detail: str
    """Why it could not be asked, so that this is what is known from before; empty when it answered."""
    objects: list[ObjectShown]


class RoleShown(Shown):
    """A part that a field plays: what records are recognised or named by."""

    role: str
    """What settings call it."""
    title: str
    sync: str
    """The sync that gives it this role; empty for its usual one."""


class FieldShown(Shown):
    """A field of an object."""

    name: str
    """What settings call it."""
    label: str
    """What people call it there."""
    type: str
    roles: list[RoleShown]
    ways: str
    """Which way its values can go, in words; empty for none."""
    required: bool
    """Whether a record is not created without it."""
    unique: bool
    sensitive: bool
    options: int
    """How many choices it has."""


class AssociationShown(Shown):
    """An association of an object."""

    label: str
    """What settings call it."""
    to: str
    """The object at the other end."""
    to_title: str
    most: int | None
    """How many records it may lead to; null for any number."""
    syncs: list[str]
    """Syncs that carry it."""


class ObjectFields(ObjectShown):
    """An object of an account with its fields and associations."""

    model_config = examples(
        {
            **_CARS,
            "connection": "hubspot",
            "at_ms": 1_700_000_000_000,
            "asked_ms": 1_700_000_000_000,
            "detail": "",
            "fields": [
                {
                    "name": "plate",
                    "label": "Plate",
                    "type": "text",
                    "roles": [{"role": "name", "title": "Name", "sync": ""}],
                    "ways": "both",
                    "required": True,
                    "unique": False,
                    "sensitive": False,
                    "options": 0,
                }
            ],
            "associations": [
                {"label": "contact", "to": "contact", "to_title": "Contacts", "most": None, "syncs": ["cars"]}
            ],
        }
    )

    connection: str
    at_ms: int
    asked_ms: int
    """When the account was asked for its fields; an answer counts for a minute."""
    detail: str
    """Why it could not be asked, so that this is what is known from before; empty when it answered."""
    fields: list[FieldShown]
    """Those that play a part first, then those that are required."""
    associations: list[AssociationShown]
