"""The object types that can be synced, one file each."""

from collections.abc import Mapping
from typing import Final

from shared.objects.base import ObjectType
from shared.objects.company import COMPANY
from shared.objects.contact import CONTACT
from shared.objects.deal import DEAL

OBJECTS: Final[Mapping[str, ObjectType]] = {row.name: row for row in (CONTACT, COMPANY, DEAL)}

__all__ = ["OBJECTS", "ObjectType"]
