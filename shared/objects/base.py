"""What a type of records is: its canonical fields, its rules, and how its records are recognised."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import ValidationError

from shared.engine.matching import Identity, Rule
from shared.model.earlier import RULES
from shared.model.records import FieldType, Frozen, Value


class TypeRules(Frozen):
    """What people decide about the records of a type, besides what they decide about every sync."""


R = TypeVar("R", bound=TypeRules)


@dataclass(frozen=True, slots=True, kw_only=True)
class CanonicalField:
    """A field that most apps have, under whatever name."""

    name: str
    type: FieldType
    label: str
    currency: str = ""
    """Of an amount, the canonical field that names its currency."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectType(Generic[R]):
    """A type of records, whichever object of an app holds them."""

    name: str
    title: str
    """Plural, for people."""
    fields: tuple[CanonicalField, ...]
    identifiers: tuple[str, ...]
    """Canonical fields that `identify` reads, where an app has them."""
    rules: type[R]
    """What people decide about its records."""
    identify: Callable[[Mapping[str, Value | None], R], tuple[Identity, str]]
    """Canonical values to identity, and why the record may not enter by itself (empty when it may)."""
    keys: Callable[[Identity, R], tuple[str, ...]]
    """The identity's keys in the index."""
    matched_by: Callable[[R], Rule]
    label: Callable[[Mapping[str, Value | None]], str]
    """Canonical values to what people call the record."""
    labels: tuple[str, ...] = ()
    """Canonical fields that `label` reads besides the identifiers."""

    @property
    def roles(self) -> tuple[str, ...]:
        """Return the canonical fields that a record is recognised and named by: any field may be given such a role."""
        return (*self.identifiers, *self.labels)

    def read_rules(self, given: Mapping[str, object]) -> R:
        """Read rules as settings hold them; raises ValueError with a sentence when they are none of this type.

        What earlier versions took at every sync, whether it meant anything there or not, is passed over.
        """
        own = {name: value for name, value in given.items() if name in self.rules.model_fields or name not in RULES}
        try:
            return self.rules.model_validate(own, extra="forbid")
        except ValidationError as error:
            wrong = error.errors(include_input=False, include_url=False)
            strange = [str(row["loc"][0]) for row in wrong if row["type"] == "extra_forbidden"]
            if strange:
                known = ", ".join(self.rules.model_fields) or "none"
                raise ValueError(f"{self.name} has no rule {', '.join(strange)}; there are {known}") from None
            told = "; ".join(f"{'.'.join(map(str, row['loc']))}: {row['msg']}" for row in wrong)
            raise ValueError(f"a rule of {self.name} is not right: {told}") from None
