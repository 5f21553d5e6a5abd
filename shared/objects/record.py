"""Records of no type that is known: nothing tells two of them to be the same, unless the sync names a field."""

from dataclasses import replace
from typing import Final

from shared.model.records import FieldType
from shared.objects.base import CanonicalField
from shared.objects.deal import DEAL

RECORD: Final = replace(
    DEAL,
    name="record",
    title="Records",
    fields=(CanonicalField(name="name", type=FieldType.TEXT, label="Name"),),
)
