"""The properties every account starts with, one row each.

A row says what HubSpot's property settings page says: name, label, kind, and whether a value may be
written, must be unique, or comes from a list. Custom properties are added to an account at run time.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True, slots=True)
class Property:
    """One property of one object type, as the properties API describes it."""

    name: str
    label: str
    type: str = "string"
    """`string`, `number`, `date`, `datetime`, `enumeration` or `bool`."""
    field_type: str = "text"
    """How the form shows it; an `enumeration` shown as `checkbox` takes several options joined by `;`."""
    group: str
    options: tuple[tuple[str, str], ...] = ()
    """Pairs of value and label."""
    unique: bool = False
    read_only: bool = False
    external: str = ""
    """`OWNER` when the options are the account's owners, `PIPELINE` or `PIPELINE_STAGE` when the
    account's pipelines hold them."""
    description: str = ""
    hubspot_defined: bool = True
    hidden: bool = False
    display_order: int = -1
    created_ms: int = 0
    updated_ms: int = 0
    option_rows: tuple[dict[str, object], ...] = field(default=(), compare=False)
    """The options with every attribute, when they were given by the properties API."""


LIFECYCLE = (
    ("subscriber", "Subscriber"),
    ("lead", "Lead"),
    ("marketingqualifiedlead", "Marketing Qualified Lead"),
    ("salesqualifiedlead", "Sales Qualified Lead"),
    ("opportunity", "Opportunity"),
    ("customer", "Customer"),
    ("evangelist", "Evangelist"),
    ("other", "Other"),
)
"""In the order of progress: HubSpot moves a record only to the right by API."""

_INDUSTRIES = (
    ("ACCOUNTING", "Accounting"),
    ("AUTOMOTIVE", "Automotive"),
    ("COMPUTER_SOFTWARE", "Computer Software"),
    ("CONSTRUCTION", "Construction"),
    ("EDUCATION_MANAGEMENT", "Education Management"),
    ("FOOD_PRODUCTION", "Food Production"),
    ("LOGISTICS_AND_SUPPLY_CHAIN", "Logistics and Supply Chain"),
    ("MACHINERY", "Machinery"),
    ("RETAIL", "Retail"),
)


def _text(group: str, *rows: tuple[str, str]) -> tuple[Property, ...]:
    return tuple(Property(name=name, label=label, group=group) for name, label in rows)


def _of(group: str, type_: str, field_type: str, *rows: tuple[str, str]) -> tuple[Property, ...]:
    return tuple(
        Property(name=name, label=label, type=type_, field_type=field_type, group=group) for name, label in rows
    )


def _choice(
    group: str, name: str, label: str, options: tuple[tuple[str, str], ...], field_type: str = "select"
) -> Property:
    return Property(name=name, label=label, type="enumeration", field_type=field_type, group=group, options=options)


def _owner(group: str) -> Property:
    return Property(
        name="hubspot_owner_id", label="Owner", type="enumeration", field_type="select", group=group, external="OWNER"
    )


def _staged(group: str, names: tuple[str, str], stage: str) -> tuple[Property, ...]:
    return tuple(
        Property(name=name, label=label, type="enumeration", field_type="select", group=group, external=external)
        for name, label, external in zip(names, ("Pipeline", stage), ("PIPELINE", "PIPELINE_STAGE"), strict=True)
    )


def system(group: str, modified: str, created: str = "createdate") -> tuple[Property, ...]:
    """Return the properties HubSpot itself keeps on every record; `modified` names the time of the last change."""
    return (
        Property(
            name="hs_object_id", label="Record ID", type="number", field_type="number", group=group, read_only=True
        ),
        Property(name=created, label="Create Date", type="datetime", field_type="date", group=group, read_only=True),
        Property(name=modified, label="Last Modified", type="datetime", field_type="date", group=group, read_only=True),
        Property(
            name="hs_merged_object_ids",
            label="Merged record IDs",
            type="enumeration",
            field_type="checkbox",
            group=group,
            read_only=True,
        ),
    )


_C = "contactinformation"
CONTACT = (
    Property(name="email", label="Email", group=_C, unique=True),
    Property(
        name="hs_additional_emails",
        label="Additional email addresses",
        type="enumeration",
        field_type="checkbox",
        group=_C,
        read_only=True,
    ),
    *_text(
        _C,
        ("firstname", "First Name"),
        ("lastname", "Last Name"),
        ("salutation", "Salutation"),
        ("phone", "Phone Number"),
        ("mobilephone", "Mobile Phone Number"),
        ("fax", "Fax Number"),
        ("jobtitle", "Job Title"),
        ("company", "Company Name"),
        ("website", "Website URL"),
        ("address", "Street Address"),
        ("city", "City"),
        ("state", "State/Region"),
        ("zip", "Postal Code"),
        ("country", "Country/Region"),
        ("date_of_birth", "Date of birth"),
    ),
    *_of(_C, "string", "textarea", ("message", "Message")),
    *_of(_C, "datetime", "date", ("closedate", "Close Date")),
    *_of(_C, "bool", "booleancheckbox", ("hs_email_optout", "Unsubscribed from all email")),
    _choice(_C, "lifecyclestage", "Lifecycle Stage", LIFECYCLE, "radio"),
    _choice(
        _C,
        "hs_lead_status",
        "Lead Status",
        (("NEW", "New"), ("OPEN", "Open"), ("IN_PROGRESS", "In Progress"), ("CONNECTED", "Connected")),
        "radio",
    ),
    _owner(_C),
)

_Y = "companyinformation"
COMPANY = (
    *_text(
        _Y,
        ("name", "Company name"),
        ("domain", "Company Domain Name"),
        ("phone", "Phone Number"),
        ("website", "Website URL"),
        ("address", "Street Address"),
        ("address2", "Street Address 2"),
        ("city", "City"),
        ("state", "State/Region"),
        ("zip", "Postal Code"),
        ("country", "Country/Region"),
        ("founded_year", "Year Founded"),
        ("timezone", "Time Zone"),
    ),
    Property(
        name="hs_additional_domains",
        label="Additional Domains",
        type="enumeration",
        field_type="checkbox",
        group=_Y,
        read_only=True,
    ),
    *_of(_Y, "string", "textarea", ("description", "Description"), ("about_us", "About Us")),
    *_of(_Y, "number", "number", ("numberofemployees", "Number of Employees"), ("annualrevenue", "Annual Revenue")),
    *_of(_Y, "bool", "booleancheckbox", ("is_public", "Is Public")),
    _choice(_Y, "industry", "Industry", _INDUSTRIES),
    _choice(_Y, "type", "Type", (("PROSPECT", "Prospect"), ("PARTNER", "Partner"), ("VENDOR", "Vendor"))),
    _choice(_Y, "lifecyclestage", "Lifecycle Stage", LIFECYCLE, "radio"),
    _owner(_Y),
)

_D = "dealinformation"
DEAL = (
    *_text(_D, ("dealname", "Deal Name"), ("deal_currency_code", "Currency")),
    *_of(_D, "number", "number", ("amount", "Amount")),
    *_of(_D, "datetime", "date", ("closedate", "Close Date")),
    *_of(_D, "string", "textarea", ("description", "Deal Description")),
    *_staged(_D, ("pipeline", "dealstage"), "Deal Stage"),
    _owner(_D),
)

_T = "ticketinformation"
TICKET = (
    *_text(_T, ("subject", "Ticket name")),
    *_of(_T, "string", "textarea", ("content", "Ticket description")),
    *_staged(_T, ("hs_pipeline", "hs_pipeline_stage"), "Ticket status"),
    _choice(_T, "hs_ticket_priority", "Priority", (("LOW", "Low"), ("MEDIUM", "Medium"), ("HIGH", "High"))),
    _owner(_T),
)

_P = "productinformation"
PRODUCT = (
    *_text(_P, ("name", "Name"), ("hs_sku", "SKU")),
    *_of(_P, "string", "textarea", ("description", "Product description")),
    *_of(_P, "number", "number", ("price", "Unit price"), ("hs_cost_of_goods_sold", "Unit cost")),
)

_L = "lineiteminformation"
LINE_ITEM = (
    *_text(_L, ("name", "Name"), ("hs_product_id", "Product ID"), ("hs_sku", "SKU")),
    *_of(_L, "number", "number", ("price", "Unit price"), ("quantity", "Quantity"), ("amount", "Net price")),
)

_I = "invoiceinformation"
INVOICE = (
    *_text(_I, ("hs_title", "Title"), ("hs_number", "Number"), ("hs_currency", "Currency")),
    *_of(_I, "number", "number", ("hs_amount_billed", "Amount billed")),
    *_of(_I, "datetime", "date", ("hs_invoice_date", "Invoice date"), ("hs_due_date", "Due date")),
    _choice(
        _I,
        "hs_invoice_status",
        "Status",
        (("draft", "Draft"), ("open", "Open"), ("paid", "Paid"), ("voided", "Voided")),
    ),
)


def activity(group: str, *rows: tuple[str, str]) -> tuple[Property, ...]:
    """Return the properties of an activity: its time, its owner and the texts named."""
    return (
        *_of(group, "datetime", "date", ("hs_timestamp", "Activity date")),
        *_of(group, "string", "textarea", *rows),
        _owner(group),
    )
