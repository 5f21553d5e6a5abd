"""Records: rows of lists, and why each is as it is."""

from typing import Any, Final, Literal

from pydantic import Field

from services.console.rest.shapes.common import Page, Shown, examples
from services.console.rest.shapes.parked import ParkedRow

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

    side: Literal["L", "R"]
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
    side: Literal["L", "R"]
    connection: str
    method: str
    path: str
    status: int
    """What the app answered; 0 where no answer came."""
    took_ms: int
    said: str
    """The app's own words of what it refused, without secrets, or what kept it from answering; empty otherwise."""


class Explanation(Shown):
    """Why a record is as it is."""

    model_config = examples(_EXPLANATION)

    id: str
    sync: str
    label: str
    status: str
    """As in lists."""
    reason: str
    summary: str
    """How it stands, in one sentence."""
    why: list[str]
    """The reasons, in their order."""
    hint: str
    """What to do; empty where nothing is to be done."""
    sides: dict[Literal["L", "R"], SideShown | None]
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


class Explanations(Shown):
    """Why a record of an app is as it is, in each sync that it takes part in."""

    model_config = examples({"explanations": [_EXPLANATION]})

    explanations: list[Explanation] = Field(min_length=1)


class History(Shown):
    """What was decided about a record."""

    model_config = examples({"history": [_STEP]})

    history: list[Step]
    """The newest first."""
