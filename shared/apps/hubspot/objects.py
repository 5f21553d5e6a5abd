"""The object types of HubSpot that can be synced, one row each. A new type is a new row.

Record ids are unique within a type only. Contacts tell their last change in ``lastmodifieddate``, every other type in
``hs_lastmodifieddate``; asking for the other name finds nothing, without an error.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from shared.contract.app import Association
from shared.model.fields import FieldInfo, FoundObject, Option
from shared.model.records import FieldType

MARKER: Final = "syncline_id"
"""Our own unique property: it holds the create id."""
CUSTOM: Final = "p_"
"""What the names of custom objects begin with here: HubSpot itself may come to have an object of any other name."""
MERGED: Final = "hs_merged_object_ids"
CREATED: Final = "createdate"
LONGEST: Final = 65_536
"""Characters that a property of texts takes."""
_TEXTS: Final = frozenset(
    {FieldType.TEXT, FieldType.NAME, FieldType.EMAIL, FieldType.PHONE, FieldType.COUNTRY, FieldType.DOMAIN}
)


DEFINED: Final = "HUBSPOT_DEFINED"
"""The category of HubSpot's own types of associations."""


class LinkType(NamedTuple):
    """What HubSpot names a type of association by: numbers of different categories overlap."""

    number: int
    category: str = DEFINED


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """An association."""

    label: str
    to: str
    """Object type at the other end."""
    path: str
    """The other end as paths spell it."""
    types: tuple[LinkType, ...]
    """What is written: the unlabelled association, which each other one comes with, and perhaps one under a label. The
    last one is what makes an association one of ours."""
    most: int | None = None
    """How many records it may lead to; None for any number."""
    moves: bool = False
    """Whether HubSpot takes a record's label away by itself when another one gets it."""
    mutual: bool = False
    """Whether both of its records, of one object, show it by the same type."""

    @property
    def single(self) -> bool:
        """Check whether it leads to one record at most."""
        return self.most == 1


class Stages(NamedTuple):
    """The properties that hold where a record stands; their options are the account's pipelines, and the stages."""

    pipeline: str
    stage: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One object type."""

    object: str
    path: str
    """As paths spell it."""
    type_id: str
    modified: str
    """The property that holds the time of the last change."""
    group: str
    """The property group that our marker is put in."""
    fields: tuple[FieldInfo, ...]
    links: tuple[Link, ...] = ()
    required_any: tuple[tuple[str, ...], ...] = ()
    stages: Stages | None = None
    """Where its records move through the stages of pipelines."""
    types: Mapping[str, FieldType] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "types", {info.name: info.type for info in self.fields})

    @property
    def system(self) -> tuple[str, ...]:
        """Return the properties that every reading asks for."""
        return (MARKER, self.modified, CREATED, MERGED)

    @property
    def address(self) -> str:
        """Return the property by which one record is read, as by its id, that is an e-mail address; empty for none."""
        return next((info.name for info in self.fields if info.unique and info.type is FieldType.EMAIL), "")

    @property
    def associations(self) -> tuple[Association, ...]:
        """Declare the links."""
        return tuple(Association(label=x.label, to=x.to, max_links=x.most, mutual=x.mutual) for x in self.links)


def _field(
    name: str,
    type_: FieldType,
    label: str,
    canonical: str | None = None,
    *,
    writable: bool = True,
    unique: bool = False,
    required: bool = False,
    options: tuple[Option, ...] = (),
) -> FieldInfo:
    return FieldInfo(
        name=name,
        type=type_,
        label=label,
        canonical=canonical,
        options=options,
        creatable=writable,
        updatable=writable,
        unique=unique,
        required=required,
        max_length=LONGEST if type_ in _TEXTS else None,
    )


_STAGES: Final = tuple(
    Option(value=value, label=label)
    for value, label in (
        ("subscriber", "Subscriber"),
        ("lead", "Lead"),
        ("marketingqualifiedlead", "Marketing Qualified Lead"),
        ("salesqualifiedlead", "Sales Qualified Lead"),
        ("opportunity", "Opportunity"),
        ("customer", "Customer"),
        ("evangelist", "Evangelist"),
        ("other", "Other"),
    )
)

_SYSTEM: Final = (
    _field("hs_object_id", FieldType.NUMBER, "Record ID", writable=False),
    _field(CREATED, FieldType.DATETIME, "Create date", writable=False),
    _field(MERGED, FieldType.MULTI, "Merged record IDs", writable=False),
)


def _primary_company(plain: int, primary: int) -> Link:
    types = (LinkType(plain), LinkType(primary))
    return Link(label="company", to="company", path="companies", types=types, most=1, moves=True)


def _each_other(object_: str, path: str, plain: int) -> Link:
    return Link(label=path, to=object_, path=path, types=(LinkType(plain),), mutual=True)


CONTACT: Final = Kind(
    object="contact",
    path="contacts",
    type_id="0-1",
    modified="lastmodifieddate",
    group="contactinformation",
    fields=(
        _field("email", FieldType.EMAIL, "Email", "email", unique=True),
        _field("hs_additional_emails", FieldType.MULTI, "Additional emails", "other_emails", writable=False),
        _field("firstname", FieldType.NAME, "First name", "first_name"),
        _field("lastname", FieldType.NAME, "Last name", "last_name"),
        _field("salutation", FieldType.TEXT, "Salutation"),
        _field("phone", FieldType.PHONE, "Phone number", "phone"),
        _field("mobilephone", FieldType.PHONE, "Mobile phone number", "mobile"),
        _field("fax", FieldType.PHONE, "Fax number"),
        _field("jobtitle", FieldType.TEXT, "Job title", "job_title"),
        _field("company", FieldType.TEXT, "Company name", "company"),
        _field("website", FieldType.TEXT, "Website URL", "website"),
        _field("address", FieldType.TEXT, "Street address", "street"),
        _field("city", FieldType.TEXT, "City", "city"),
        _field("state", FieldType.TEXT, "State/Region", "region"),
        _field("zip", FieldType.TEXT, "Postal code", "postal_code"),
        _field("country", FieldType.COUNTRY, "Country/Region", "country"),
        _field("date_of_birth", FieldType.TEXT, "Date of birth", "birthday"),
        _field("message", FieldType.TEXT, "Message", "note"),
        _field("closedate", FieldType.DATETIME, "Close date"),
        _field("lifecyclestage", FieldType.ENUM, "Lifecycle stage", options=_STAGES),
        _field("hs_lead_status", FieldType.ENUM, "Lead status"),
        _field("hubspot_owner_id", FieldType.OWNER, "Owner", "owner"),
        _field("lastmodifieddate", FieldType.DATETIME, "Last modified", writable=False),
        *_SYSTEM,
    ),
    links=(_primary_company(279, 1), _each_other("contact", "contacts", 449)),
)

COMPANY: Final = Kind(
    object="company",
    path="companies",
    type_id="0-2",
    modified="hs_lastmodifieddate",
    group="companyinformation",
    fields=(
        _field("name", FieldType.TEXT, "Company name", "name"),
        _field("domain", FieldType.DOMAIN, "Company domain name", "domain"),
        _field("hs_additional_domains", FieldType.MULTI, "Additional domains", "other_domains", writable=False),
        _field("phone", FieldType.PHONE, "Phone number", "phone"),
        _field("website", FieldType.TEXT, "Website URL", "website"),
        _field("address", FieldType.TEXT, "Street address", "street"),
        _field("address2", FieldType.TEXT, "Street address 2"),
        _field("city", FieldType.TEXT, "City", "city"),
        _field("state", FieldType.TEXT, "State/Region", "region"),
        _field("zip", FieldType.TEXT, "Postal code", "postal_code"),
        _field("country", FieldType.COUNTRY, "Country/Region", "country"),
        _field("description", FieldType.TEXT, "Description", "note"),
        _field("about_us", FieldType.TEXT, "About us"),
        _field("founded_year", FieldType.TEXT, "Year founded"),
        _field("timezone", FieldType.TEXT, "Time zone"),
        _field("numberofemployees", FieldType.NUMBER, "Number of employees", "employees"),
        _field("annualrevenue", FieldType.NUMBER, "Annual revenue"),
        _field("is_public", FieldType.BOOL, "Is public"),
        _field("industry", FieldType.ENUM, "Industry"),
        _field("type", FieldType.ENUM, "Type"),
        _field("lifecyclestage", FieldType.ENUM, "Lifecycle stage", options=_STAGES),
        _field("hubspot_owner_id", FieldType.OWNER, "Owner", "owner"),
        _field("hs_lastmodifieddate", FieldType.DATETIME, "Last modified", writable=False),
        *_SYSTEM,
    ),
    links=(
        Link(label="parent", to="company", path="companies", types=(LinkType(14),), most=1),
        _each_other("company", "companies", 450),
    ),
    required_any=(("name", "domain"),),
)

DEAL: Final = Kind(
    object="deal",
    path="deals",
    type_id="0-3",
    modified="hs_lastmodifieddate",
    group="dealinformation",
    fields=(
        _field("dealname", FieldType.TEXT, "Deal name", "name", required=True),
        _field("amount", FieldType.NUMBER, "Amount", "amount"),
        _field("deal_currency_code", FieldType.TEXT, "Currency", "currency"),
        _field("closedate", FieldType.DATETIME, "Close date", "close_date"),
        _field("dealstage", FieldType.ENUM, "Deal stage", "stage", required=True),
        _field("pipeline", FieldType.ENUM, "Pipeline", "pipeline", required=True),
        _field("description", FieldType.TEXT, "Deal description", "note"),
        _field("hubspot_owner_id", FieldType.OWNER, "Owner", "owner"),
        _field("hs_lastmodifieddate", FieldType.DATETIME, "Last modified", writable=False),
        *_SYSTEM,
    ),
    links=(
        _primary_company(341, 5),
        Link(label="contacts", to="contact", path="contacts", types=(LinkType(3),)),
        _each_other("deal", "deals", 451),
    ),
    stages=Stages("pipeline", "dealstage"),
)


def custom(found: FoundObject) -> Kind:
    """Return a custom object of an account as the object type that it is."""
    return Kind(
        object=found.name,
        path=found.id,
        type_id=found.id,
        modified="hs_lastmodifieddate",
        group=f"{found.name.removeprefix(CUSTOM)}_information",
        fields=found.fields,
        links=tuple(
            Link(
                label=x.name,
                to=x.to,
                path=x.to_id,
                types=tuple(map(_link_type, x.ids)),
                most=x.max_links,
                mutual=x.mutual,
            )
            for x in found.associations
        ),
    )


def spelled(type_: LinkType) -> str:
    """Write a type of association as settings keep it."""
    return f"{type_.category} {type_.number}"


def _link_type(spelt: str) -> LinkType:
    category, _, number = spelt.partition(" ")
    return LinkType(int(number), category)


KINDS: Final = (CONTACT, COMPANY, DEAL)
