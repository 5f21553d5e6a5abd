"""Contacts: people, recognised by their e-mail addresses."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Final

from pydantic import Field

from shared.engine.matching import Identity, Rule
from shared.model.records import FieldType, Value
from shared.objects.base import CanonicalField, ObjectType, TypeRules
from shared.rules import identifiers, match_rules

FIELDS: Final = (
    CanonicalField(name="email", type=FieldType.EMAIL, label="E-mail"),
    CanonicalField(name="other_emails", type=FieldType.MULTI, label="Other e-mails"),
    CanonicalField(name="first_name", type=FieldType.NAME, label="First name"),
    CanonicalField(name="last_name", type=FieldType.NAME, label="Last name"),
    CanonicalField(name="phone", type=FieldType.PHONE, label="Phone"),
    CanonicalField(name="mobile", type=FieldType.PHONE, label="Mobile phone"),
    CanonicalField(name="job_title", type=FieldType.TEXT, label="Job title"),
    CanonicalField(name="company", type=FieldType.TEXT, label="Company"),
    CanonicalField(name="company_domain", type=FieldType.DOMAIN, label="Company domain"),
    CanonicalField(name="company_email", type=FieldType.EMAIL, label="Company e-mail"),
    CanonicalField(name="street", type=FieldType.TEXT, label="Street"),
    CanonicalField(name="city", type=FieldType.TEXT, label="City"),
    CanonicalField(name="region", type=FieldType.TEXT, label="State or region"),
    CanonicalField(name="postal_code", type=FieldType.TEXT, label="Postal code"),
    CanonicalField(name="country", type=FieldType.COUNTRY, label="Country"),
    CanonicalField(name="website", type=FieldType.TEXT, label="Website"),
    CanonicalField(name="birthday", type=FieldType.DATE, label="Birthday"),
    CanonicalField(name="note", type=FieldType.TEXT, label="Note"),
    CanonicalField(name="owner", type=FieldType.OWNER, label="Owner"),
)


class ContactRules(TypeRules):
    """What people decide about contacts."""

    email_required: bool = Field(default=True, examples=[False])
    """Leave people without a valid e-mail address out."""
    placeholder_emails: tuple[str, ...] = Field(default=(), examples=[["noemail@*"]])
    """Addresses that stand for "none", such as ``noemail@*``: they count as missing."""
    contact_company: bool = Field(default=True, examples=[False])
    """Match people without an e-mail address by name and company."""


def _first(value: Value | None) -> str:
    found = identifiers.texts(value)
    return found[0] if found else ""


def identify(values: Mapping[str, Value | None], rules: ContactRules) -> tuple[Identity, str]:
    """Return what a contact is recognised by, and whether it has a valid address; a placeholder is none."""

    def real(text: str) -> list[str]:
        return [one for one in identifiers.emails(text) if not _stands_for_none(one, rules)]

    stated = [*identifiers.texts(values.get("email")), *identifiers.texts(values.get("other_emails"))]
    addresses = tuple(dict.fromkeys(found for text in stated for found in real(text)))
    own = real(_first(values.get("email")))
    names = [identifiers.person_name(_first(values.get(name))) for name in ("first_name", "last_name")]
    parts = (
        ("c", identifiers.company_name(_first(values.get("company")))),
        ("d", identifiers.domain(_first(values.get("company_domain")))),
        ("e", identifiers.email(_first(values.get("company_email")))),
    )
    identity = Identity.model_construct(
        p=own[0] if own else addresses[0] if addresses else "",
        s=addresses,
        e=(),
        n=f"{names[0]}|{names[1]}" if names[0] and names[1] else "",
        c=tuple(f"{kind}:{part}" for kind, part in parts if part),
    )
    if addresses or not rules.email_required:
        return identity, ""
    wrong = any(text.strip() and not identifiers.emails(text) for text in stated)
    return identity, "email_invalid" if wrong else "email_missing"


def _stands_for_none(address: str, rules: ContactRules) -> bool:
    return any(fnmatchcase(address, pattern.lower()) for pattern in rules.placeholder_emails)


def keys(identity: Identity, rules: ContactRules) -> tuple[str, ...]:
    """List the index keys."""
    return match_rules.contact_keys(identity, with_company=rules.contact_company)


def matched_by(rules: ContactRules) -> Rule:
    """Choose how contacts are compared."""
    return match_rules.CONTACTS if rules.contact_company else match_rules.CONTACTS_BY_EMAIL


def label(values: Mapping[str, Value | None]) -> str:
    """Name the contact for people."""
    name = " ".join(part for field in ("first_name", "last_name") if (part := _first(values.get(field))))
    return name or _first(values.get("email"))


CONTACT: Final = ObjectType(
    name="contact",
    title="Contacts",
    fields=FIELDS,
    identifiers=("email", "other_emails", "first_name", "last_name", "company", "company_domain", "company_email"),
    rules=ContactRules,
    identify=identify,
    keys=keys,
    matched_by=matched_by,
    label=label,
)
