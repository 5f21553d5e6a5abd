"""What an object type is: its canonical fields, and how its records are recognised."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from shared.core.matching import Identity, MatchSettings, Rule
from shared.core.records import FieldType, Value


@dataclass(frozen=True, slots=True, kw_only=True)
class CanonicalField:
    """A field that most apps have, under whatever name."""

    name: str
    type: FieldType
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectType:
    """One object type."""

    name: str
    title: str
    """Plural, for people."""
    fields: tuple[CanonicalField, ...]
    identifiers: tuple[str, ...]
    """Canonical fields that `identify` reads, where an app has them."""
    identify: Callable[[Mapping[str, Value | None], MatchSettings], tuple[Identity, str]]
    """Canonical values to identity, and why the record may not enter by itself (empty when it may). Whether the
    sync asks for an address is applied by the caller."""
    keys: Callable[[Identity, MatchSettings], tuple[str, ...]]
    rule: Callable[[MatchSettings], Rule]
    label: Callable[[Mapping[str, Value | None]], str]
    waivable: frozenset[str] = frozenset()
    """Reasons that the sync's "only with an e-mail address" setting switches off."""
