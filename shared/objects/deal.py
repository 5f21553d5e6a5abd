"""Deals: nothing tells two of them to be the same, so that each is created on the other side."""

from collections.abc import Mapping
from typing import Final

from shared.core.matching import Identity, MatchSettings, Rule
from shared.core.records import FieldType, Value
from shared.objects.base import CanonicalField, ObjectType
from shared.rules import identifiers, match_rules

FIELDS: Final = (
    CanonicalField(name="name", type=FieldType.TEXT, label="Name"),
    CanonicalField(name="amount", type=FieldType.NUMBER, label="Amount"),
    CanonicalField(name="currency", type=FieldType.TEXT, label="Currency"),
    CanonicalField(name="close_date", type=FieldType.DATETIME, label="Close date"),
    CanonicalField(name="stage", type=FieldType.ENUM, label="Stage"),
    CanonicalField(name="pipeline", type=FieldType.ENUM, label="Pipeline"),
    CanonicalField(name="note", type=FieldType.TEXT, label="Note"),
    CanonicalField(name="owner", type=FieldType.OWNER, label="Owner"),
)


def identify(values: Mapping[str, Value | None], settings: MatchSettings) -> tuple[Identity, str]:
    """Return that nothing identifies a deal, and that it may enter all the same."""
    del values, settings
    return Identity(), ""


def keys(identity: Identity, settings: MatchSettings) -> tuple[str, ...]:
    """Return no index keys."""
    del identity, settings
    return ()


def rule(settings: MatchSettings) -> Rule:
    """Choose how deals are compared: never."""
    del settings
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
    identify=identify,
    keys=keys,
    rule=rule,
    label=label,
)
