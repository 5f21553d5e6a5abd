"""Deals: nothing tells two of them to be the same, so that each is created on the other side."""

from collections.abc import Mapping
from typing import Final

from shared.engine.matching import Identity, Rule
from shared.model.records import FieldType, Value
from shared.objects.base import CanonicalField, ObjectType, TypeRules
from shared.rules import identifiers, match_rules

FIELDS: Final = (
    CanonicalField(name="name", type=FieldType.TEXT, label="Name"),
    CanonicalField(name="amount", type=FieldType.NUMBER, label="Amount", currency="currency"),
    CanonicalField(name="currency", type=FieldType.TEXT, label="Currency"),
    CanonicalField(name="close_date", type=FieldType.DATETIME, label="Close date"),
    CanonicalField(name="stage", type=FieldType.ENUM, label="Stage"),
    CanonicalField(name="pipeline", type=FieldType.ENUM, label="Pipeline"),
    CanonicalField(name="note", type=FieldType.TEXT, label="Note"),
    CanonicalField(name="owner", type=FieldType.OWNER, label="Owner"),
)


def identify(values: Mapping[str, Value | None], rules: TypeRules) -> tuple[Identity, str]:
    """Return that nothing identifies a deal, and that it may enter all the same."""
    del values, rules
    return Identity(), ""


def keys(identity: Identity, rules: TypeRules) -> tuple[str, ...]:
    """Return no index keys."""
    del identity, rules
    return ()


def matched_by(rules: TypeRules) -> Rule:
    """Choose how deals are compared: never."""
    del rules
    return match_rules.NONE


def label(values: Mapping[str, Value | None]) -> str:
    """Name the deal for people."""
    found = identifiers.texts(values.get("name"))
    return found[0] if found else ""


DEAL: Final = ObjectType(
    name="deal",
    title="Deals",
    fields=FIELDS,
    identifiers=(),
    rules=TypeRules,
    identify=identify,
    keys=keys,
    matched_by=matched_by,
    label=label,
    labels=("name",),
)
