"""Records: rows of lists, and why each is as it is."""

from typing import Any, Final

from pydantic import ConfigDict, Field

from services.console.rest.shapes.common import Given, Page, Shown, examples
from services.console.rest.shapes.parked import ParkedRow
from services.console.use.records.unseen import Found
from shared.model.records import Side

_ROW: Final[dict[str, Any]] = {
    "id": "contacts~4c1f",
    "sync": "contacts",
    "label": "Ann Lee",
    "status": "failing",
    "reason": "too_long",
    "summary": "Not synced: text too long.",
    "left": "501",
    "right": "ann-lee.vcf",
    "changed_ms": 1_700_000_090_000,
    "synced_ms": 1_700_000_000_000,
    "parked": None,
}
_LED: Final = {
    **_ROW,
    "decided_ms": 1_700_000_090_000,
    "decisions": ["Title is written to Address book.", "Address book refused the write: text too long."],
}
_STEP: Final[dict[str, Any]] = {
    "rev": 7,
    "at": "2023-11-14T22:14:50.000+00:00",
    "cause": "report",
    "decisions": ["Address book refused the write: text too long."],
}
_EXPLANATION: Final[dict[str, Any]] = {
    "id": "contacts~4c1f",
    "sync": "contacts",
    "label": "Ann Lee",
    "status": "failing",
    "reason": "too_long",
    "summary": "Not synced: text too long.",
    "why": ["Linked because their email is the same: ann@example.com.", "Text too long (title): at most 40."],
    "hint": "Shorten the value.",
    "sides": {
        "L": {
            "connection": "hubspot",
            "record": "501",
            "url": "https://app.hubspot.com/contacts/1/record/0-1/501",
            "life": "alive",
            "fields": {"email": "ann@example.com", "jobtitle": "Head of everything that has to do with the north"},
            "settled": {"email": "ann@example.com"},
            "links": {},
        },
        "R": None,
    },
    "pending": [],
    "history": [_STEP],
    "who": "owner of the record",
    "fields": [
        {
            "key": "title",
            "way": "both ways",
            "left": {"name": "Job title", "value": "Head of everything", "known": True, "agreed": None},
            "right": {"name": "TITLE", "value": "", "known": False, "agreed": None},
            "happens": "refused",
            "sentence": "Address book refused it: at most 40.",
        }
    ],
    "calls": [
        {
            "at": "2023-11-14T22:14:49.000+00:00",
            "side": "R",
            "connection": "book",
            "method": "PUT",
            "path": "/ann/contacts/4c1f.vcf",
            "status": 403,
            "took_ms": 41,
            "said": "TITLE is too long",
        }
    ],
    "calls_known": True,
    "asked": None,
}
_UNSEEN: Final[dict[str, Any]] = {
    **_EXPLANATION,
    "id": "",
    "label": "Bob Ray",
    "status": "unseen",
    "reason": "email_missing",
    "summary": "HubSpot has contact 502, and it takes no part in sync contacts by itself: no e-mail address.",
    "why": ["Whether it has a partner in Address book is looked up when it is read."],
    "hint": "Add an e-mail address, or untick 'Sync only contacts with an email address'.",
    "sides": {
        "L": {
            "connection": "hubspot",
            "record": "502",
            "url": "https://app.hubspot.com/contacts/1/record/0-1/502",
            "life": "alive",
            "fields": {"email": None, "firstname": "Bob", "lastname": "Ray"},
            "settled": {},
            "links": {},
        },
        "R": None,
    },
    "history": [],
    "who": "",
    "fields": [],
    "calls": [],
    "asked": {
        "connection": "hubspot",
        "object": "contact",
        "record": "502",
        "url": "https://app.hubspot.com/contacts/1/record/0-1/502",
        "life": "alive",
        "at": "2023-11-14T22:14:50.000+00:00",
        "found": "excluded",
        "merged_into": "",
        "can_be_read": True,
        "values": [{"name": "email", "label": "Email", "value": ""}],
    },
}


class RecordRow(Shown):
    """One record of both apps as a row of a list."""

    model_config = examples(_ROW)

    id: str
    sync: str
    """The sync that it takes part in."""
    label: str
    """What people call it."""
    status: str
    """`in_sync`, `pending`, `failing` or `excluded`; `hidden`, `closed` or `absorbed` for what no list shows."""
    reason: str
    """Why it has this status, such as an error category; empty where there is nothing to say."""
    summary: str
    """How it stands, in one sentence."""
    left: str | None
    """Its id in the left app; null while there is none."""
    right: str | None
    """Its id in the right app; null while there is none."""
    changed_ms: int
    """When its status changed last."""
    synced_ms: int
    """When both sides were last settled; 0 for never."""
    parked: ParkedRow | None
    """The last message about it that nobody could handle."""


class RecordList(Page):
    """One page of records, the newest change first."""

    model_config = examples({"records": [_ROW], "total": {"number": 1, "exact": True}, "next": None})

    records: list[RecordRow]


class JobRecord(RecordRow):
    """What a job led to for one record, and how the record stands now."""

    model_config = examples(_LED)

    decided_ms: int
    """When something was decided because of the job last."""
    decisions: list[str]
    """What was decided because of it, a sentence each, without values."""


class JobRecordList(Page):
    """One page of what a job led to, in an order that stays."""

    model_config = examples({"rows": [_LED], "total": None, "next": None})

    rows: list[JobRecord]


class SideShown(Shown):
    """The record of one side."""

    connection: str
    record: str
    """Its id in the app."""
    url: str
    """Where the app shows it; empty where that is not known."""
    life: str
    """`alive`, `deleted`, or another word of its life."""
    fields: dict[str, Any]
    """What it holds, as far as that is known; of sensitive fields, a viewer is told only that they hold something."""
    settled: dict[str, Any]
    """What it held when both sides were last settled."""
    links: dict[str, Any]
    """The records that it is associated with."""


class PendingWrite(Shown):
    """A write that is on its way."""

    side: Side
    op: str
    """`create` or `update`."""
    fields: dict[str, Any]
    """What it writes."""
    sentence: str


class Step(Shown):
    """What was decided at once."""

    rev: int
    """Counts the steps of a record."""
    at: str
    """When, in UTC."""
    cause: str
    """What led to it."""
    decisions: list[str]
    """A sentence for each decision."""


class FieldCell(Shown):
    """A field on one side."""

    name: str
    """What people call the field."""
    value: str
    known: bool
    """Whether it is known what the field holds; an empty value is then an empty field."""
    agreed: str | None
    """What it held when both sides were last settled, where that is something else."""


class FieldShown(Shown):
    """A mapping with its two fields."""

    key: str
    """The mapping's key."""
    way: str
    """Which way values go, in words."""
    left: FieldCell
    right: FieldCell
    happens: str
    """`agree`, `written`, `refused`, `differs`, `off`, `alone` or `unknown`."""
    sentence: str
    """What there is to say besides."""


class CallShown(Shown):
    """One call to an app."""

    at: str
    """When, in UTC."""
    side: Side
    connection: str
    method: str
    path: str
    status: int
    """What the app answered; 0 where no answer came."""
    took_ms: int
    said: str
    """The app's own words of what it refused, without secrets, or what kept it from answering; empty otherwise."""


class ValueShown(Shown):
    """A field, and what it holds."""

    name: str
    label: str
    """What people call the field."""
    value: str
    """Empty where it holds nothing."""


class AskedShown(Shown):
    """What an app said of a record that no sync has seen, when it was asked for this explanation."""

    connection: str
    object: str
    record: str
    """Its id; empty where it was not the id by which the app was asked."""
    url: str
    """Where the app shows it; empty where that is not known."""
    life: str
    """`alive`, or another word of its life; empty where it is not known."""
    at: str
    """When, in UTC."""
    found: Found
    """What came of it."""
    merged_into: str
    """The record into which it was merged."""
    can_be_read: bool
    """Whether its sync takes it up when `POST /api/v1/records/read` has it read."""
    values: list[ValueShown]
    """What decides about it."""


class RecordNamed(Given):
    """A record of an account."""

    model_config = ConfigDict(
        extra="forbid",
        use_attribute_docstrings=True,
        json_schema_extra={"examples": [{"connection": "hubspot", "object": "contact", "record_id": "502"}]},
    )

    connection: str = Field(max_length=200)
    """The account that it is in."""
    object: str = Field(max_length=200)
    """Its object type, such as `contact`."""
    record_id: str = Field(max_length=1000)
    """Its id in the app."""


class RecordAsked(Shown):
    """A record that is read now, as if its app had told of it."""

    model_config = examples({"connection": "hubspot", "object": "contact", "record": "502"})

    connection: str
    object: str
    record: str


class Explanation(Shown):
    """Why a record is as it is."""

    model_config = examples(_EXPLANATION, _UNSEEN)

    id: str
    """Empty where no sync has seen it."""
    sync: str
    """Empty where no sync uses its object."""
    label: str
    status: str
    """As in lists; `unseen` where no sync has seen it, and its app was asked."""
    reason: str
    summary: str
    """How it stands, in one sentence."""
    why: list[str]
    """The reasons, in their order."""
    hint: str
    """What to do; empty where nothing is to be done."""
    sides: dict[Side, SideShown | None]
    """Both records; null where there is none."""
    pending: list[PendingWrite]
    """Writes that are on their way."""
    history: list[Step]
    """What was decided, the newest first."""
    who: str
    """Who acts; empty where nobody needs to."""
    fields: list[FieldShown]
    """Both records field by field."""
    calls: list[CallShown]
    """The last calls about both records, the newest first; of each account the last few hundred calls are kept, for a
    week at most."""
    calls_known: bool
    """False while Redis, which keeps them, does not answer."""
    asked: AskedShown | None
    """What its app said when it was asked for this explanation; null of a record that a sync has seen."""


class Explanations(Shown):
    """Why a record of an app is as it is, in each sync that it takes part in."""

    model_config = examples({"explanations": [_EXPLANATION]}, {"explanations": [_UNSEEN]})

    explanations: list[Explanation] = Field(min_length=1)


class History(Shown):
    """What was decided about a record."""

    model_config = examples({"history": [_STEP]})

    history: list[Step]
    """The newest first."""
