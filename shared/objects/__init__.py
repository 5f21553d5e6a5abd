"""The types of records that can be synced, one file each: what an app's object holds follows one of them."""

from collections.abc import Mapping
from typing import Any, Final

from shared.objects.base import ObjectType
from shared.objects.company import COMPANY
from shared.objects.contact import CONTACT
from shared.objects.deal import DEAL
from shared.objects.lead import LEAD
from shared.objects.record import RECORD

OBJECTS: Final[Mapping[str, ObjectType[Any]]] = {row.name: row for row in (CONTACT, LEAD, COMPANY, DEAL, RECORD)}
MONEY: Final[Mapping[str, str]] = {
    field.name: field.currency for row in OBJECTS.values() for field in row.fields if field.currency
}
"""By the canonical fields that hold amounts, those that name their currencies."""

__all__ = ["MONEY", "OBJECTS", "ObjectType"]
