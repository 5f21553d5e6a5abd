"""Companies: recognised by domain, address or name."""

from collections.abc import Mapping
from typing import Final

from shared.engine.matching import Identity, Rule
from shared.model.records import FieldType, Value
from shared.objects.base import CanonicalField, ObjectType, TypeRules
from shared.rules import identifiers, match_rules

FIELDS: Final = (
    CanonicalField(name="name", type=FieldType.TEXT, label="Name"),
    CanonicalField(name="domain", type=FieldType.DOMAIN, label="Domain"),
    CanonicalField(name="other_domains", type=FieldType.MULTI, label="Other domains"),
    CanonicalField(name="email", type=FieldType.EMAIL, label="E-mail"),
    CanonicalField(name="phone", type=FieldType.PHONE, label="Phone"),
    CanonicalField(name="website", type=FieldType.TEXT, label="Website"),
    CanonicalField(name="street", type=FieldType.TEXT, label="Street"),
    CanonicalField(name="city", type=FieldType.TEXT, label="City"),
    CanonicalField(name="region", type=FieldType.TEXT, label="State or region"),
    CanonicalField(name="postal_code", type=FieldType.TEXT, label="Postal code"),
    CanonicalField(name="country", type=FieldType.COUNTRY, label="Country"),
    CanonicalField(name="employees", type=FieldType.NUMBER, label="Employees"),
    CanonicalField(name="note", type=FieldType.TEXT, label="Note"),
    CanonicalField(name="owner", type=FieldType.OWNER, label="Owner"),
)


def identify(values: Mapping[str, Value | None], rules: TypeRules) -> tuple[Identity, str]:
    """Return what a company is recognised by."""
    del rules
    stated = [*identifiers.texts(values.get("domain"))]
    for text in identifiers.texts(values.get("other_domains")):
        stated += text.split(";")
    domains = tuple(dict.fromkeys(found for text in stated if (found := identifiers.domain(text)) is not None))
    addresses = tuple(found for text in identifiers.texts(values.get("email")) for found in identifiers.emails(text))
    names = identifiers.texts(values.get("name"))
    name = identifiers.company_name(names[0]) if names else None
    identity = Identity.model_construct(p=domains[0] if domains else "", s=domains, e=addresses, n=name or "", c=())
    return identity, "" if domains or addresses or name else "no_identifier"


def keys(identity: Identity, rules: TypeRules) -> tuple[str, ...]:
    """List the index keys."""
    del rules
    return match_rules.company_keys(identity)


def matched_by(rules: TypeRules) -> Rule:
    """Choose how companies are compared."""
    del rules
    return match_rules.COMPANIES


def label(values: Mapping[str, Value | None]) -> str:
    """Name the company for people."""
    found = [*identifiers.texts(values.get("name")), *identifiers.texts(values.get("domain"))]
    return found[0] if found else ""


COMPANY: Final = ObjectType(
    name="company",
    title="Companies",
    fields=FIELDS,
    identifiers=("name", "domain", "other_domains", "email"),
    rules=TypeRules,
    identify=identify,
    keys=keys,
    matched_by=matched_by,
    label=label,
)
