"""How everything stands: health now and over time, jobs, the activity log, and what can go wrong."""

from typing import Any, Final

from pydantic import Field

from services.console.rest.shapes.common import Page, Shown, examples
from services.console.rest.shapes.connections import CONNECTION, ConnectionRow
from shared.model.job_kinds import JobKind

_JOB: Final[dict[str, Any]] = {
    "id": "resync-contacts.1700000000000",
    "kind": "resync",
    "sync": "contacts",
    "statuses": ["failing"],
    "asked_at_ms": 1_700_000_000_000,
    "state": "running",
    "phase": "matching",
    "read": {},
    "totals": {},
    "touched": 120,
    "pairs": 400,
    "error": "",
    "at_ms": 1_700_000_004_000,
    "setup": 3,
    "result": "",
}
_COUNTS: Final[dict[str, Any]] = {"in_sync": 1200, "pending": 3, "failing": 2, "excluded": 40}
_SYNC: Final[dict[str, Any]] = {
    "id": "contacts",
    "enabled": True,
    "left": {"connection": "hubspot", "object": "contact"},
    "right": {"connection": "address-book", "object": "contact"},
    "direction": "two_way",
    "phase": "live",
    "not_run_here": "",
    "not_run_hint": "",
    "lacks": [],
    "counts": _COUNTS,
    "reasons": {"failing": {"too_long": 2}, "excluded": {"email_missing": 40}, "pending": {"queued": 3}},
    "last_settled_ms": 1_700_000_000_000,
    "oldest_pending_s": 1.5,
    "jobs": [_JOB],
}
_HEALTH: Final[dict[str, Any]] = {
    "ready": True,
    "connections": [CONNECTION],
    "syncs": [_SYNC],
    "feeds": [
        {
            "feed": "hubspot/contact/changed",
            "complete_to_ms": 1_700_000_000_000,
            "age_s": 2.0,
            "interval_s": 5.2,
            "calls": 4,
        }
    ],
    "parked": {"too_large": 1},
    "at_ms": 1_700_000_002_000,
    "problems": [
        {
            "kind": "records",
            "title": "2 records fail: text too long",
            "detail": "",
            "remedy": "Shorten the value.",
            "who": "owner of the record",
            "count": 2,
            "sync": "contacts",
            "reason": "too_long",
            "connection": "",
            "job": "",
        }
    ],
}


class JobRow(Shown):
    """Long work, and how far it is."""

    model_config = examples(_JOB)

    id: str
    kind: str = Field(description=f"One of {', '.join(f'`{kind}`' for kind in JobKind)}.")
    sync: str
    statuses: list[str]
    """Records of which statuses it looks at; all when empty."""
    category: str = ""
    """The reasons that it is narrowed to, where it is."""
    since: int = 0
    """The moment that it is narrowed to changes after, where it is."""
    q: str = ""
    """The text that it is narrowed by, where it is."""
    asked_at_ms: int
    state: str
    """`unconfirmed`, `waiting`, `running`, `paused`, `held`, `cancelling`, `done`, `failed` or `cancelled`."""
    held: bool = False
    """Whether it waits for its sync, which is off, to be on."""
    phase: str
    """What it does at the moment."""
    read: dict[str, int] = Field(default={})
    """Records read, by side."""
    totals: dict[str, int] = Field(default={})
    """How many there are to read, where that is known, by side."""
    touched: int = 0
    """Records looked at."""
    pairs: int | None = None
    """How many it looks at; null where nobody has counted."""
    error: str = ""
    at_ms: int = 0
    """When it told so."""
    setup: int = 0
    """Version of the sync's settings that it works under."""
    result: str = ""
    """What it has done, once it has ended."""


class JobList(Page):
    """One page of jobs, the newest first."""

    model_config = examples({"jobs": [_JOB], "total": {"number": 1, "exact": True}, "next": None})

    jobs: list[JobRow]


class JobsAsked(Shown):
    """The jobs that were asked for, one for each sync."""

    model_config = examples({"jobs": [_JOB], "left_out": ["deals"]})

    jobs: list[JobRow]
    left_out: list[str]
    """Syncs that have such records and are off: nothing of them is read or tried again until they are switched on."""


class SyncEnd(Shown):
    """One end of a sync."""

    connection: str
    """`id` of the connection."""
    object: str
    """`id` of the object there."""


class SyncStanding(Shown):
    """How one sync stands."""

    model_config = examples(_SYNC)

    id: str
    enabled: bool | None
    """Null where this version cannot run it."""
    left: SyncEnd | None
    """One end; null where this version cannot read what is set up."""
    right: SyncEnd | None
    """The other end."""
    direction: str | None
    """`two_way`, `to_left` or `to_right`: which way changes travel."""
    phase: str
    """`indexing`, `matching` or `live`: how far its first sync is."""
    not_run_here: str
    """Why this version does not run it; empty where it does."""
    not_run_hint: str
    """What to do then."""
    lacks: list[str]
    """What it carries and its accounts do not have any more, in sentences."""
    counts: dict[str, int]
    """Records by status."""
    reasons: dict[str, dict[str, int]]
    """Records by status and reason."""
    last_settled_ms: int
    oldest_pending_s: float
    """For how long the oldest pending record waits."""
    jobs: list[JobRow]


class SyncList(Page):
    """One page of syncs, in the order of their ids."""

    model_config = examples({"syncs": [_SYNC], "total": {"number": 1, "exact": True}, "next": None})

    syncs: list[SyncStanding]


class SwitchingOff(Shown):
    """What switching a sync off would mean."""

    records: int
    """Records that it keeps what it knows of."""
    waiting: int
    """Those of them that wait to be written."""
    needed_by: list[str]
    """Other syncs whose associations lead to its records."""
    meanwhile: list[str]
    """What holds while it is off, in sentences."""
    later: list[str]
    """What happens when it is switched on again, in sentences."""


class SyncShown(SyncStanding):
    """How one sync stands, and what switching it off would mean."""

    model_config = examples(
        {
            **_SYNC,
            "switching_off": {
                "records": 1245,
                "waiting": 3,
                "needed_by": ["deals"],
                "meanwhile": ["Nothing is read or written for this sync. The records in both apps stay as they are."],
                "later": ["All records of both apps are read, and what changed in between is caught up."],
            },
        }
    )

    switching_off: SwitchingOff | None
    """Null where it is not on."""


class FeedStanding(Shown):
    """How fresh a feed is."""

    feed: str
    """Connection, object and name."""
    complete_to_ms: int
    """The moment up to which it has told everything."""
    age_s: float | None
    """For how long it has told nothing; null where it never has."""
    interval_s: float | None
    """The time between the beginnings of its last two rounds."""
    calls: int = 0
    """Calls that a round takes, where that grows with the records that are linked."""


class TroubleRow(Shown):
    """One thing that is wrong."""

    kind: str
    title: str
    detail: str
    remedy: str
    """What to do."""
    who: str
    """Who acts; empty where nobody needs to."""
    count: int
    """How many records or messages it holds up."""
    sync: str
    reason: str
    connection: str
    job: str


class Health(Shown):
    """How everything stands."""

    model_config = examples(_HEALTH)

    ready: bool
    """Whether the journal was read to its end."""
    connections: list[ConnectionRow]
    syncs: list[SyncStanding]
    feeds: list[FeedStanding]
    parked: dict[str, int]
    """Parked messages by reason."""
    at_ms: int
    problems: list[TroubleRow]
    """What is wrong, the worst first."""


class Slot(Shown):
    """Some hours."""

    from_ms: int
    counts: dict[str, int]
    """Records by status at its end; empty where nobody looked."""
    failing: dict[str, int]
    """Failing records by category."""
    edits: int
    """Edits of people that were taken over."""
    writes: int
    """Writes to apps."""
    delay_p50_s: float | None
    """Half of all edits arrived within this time."""
    delay_p95_s: float | None
    """Nineteen of twenty edits arrived within this time."""
    writes_per_edit: float | None


class Series(Shown):
    """How everything stood over time."""

    model_config = examples(
        {
            "range": "24h",
            "sync": "contacts",
            "slot_ms": 3_600_000,
            "slots": [
                {
                    "from_ms": 1_699_999_200_000,
                    "counts": _COUNTS,
                    "failing": {"too_long": 2},
                    "edits": 40,
                    "writes": 41,
                    "delay_p50_s": 0.8,
                    "delay_p95_s": 3.2,
                    "writes_per_edit": 1.02,
                }
            ],
            "connections": {"hubspot": [{"running": 3600.0}]},
        }
    )

    range: str
    sync: str
    """The sync; empty for all."""
    slot_ms: int
    """How long a slot is; a day on which clocks change is longer or shorter."""
    slots: list[Slot]
    """In their order; the last one is not over."""
    connections: dict[str, list[dict[str, float]]]
    """By connection, slot by slot, for how many seconds it was in which state."""


class ActivityChange(Shown):
    """What was changed."""

    name: str
    before: str
    after: str


class ActivityRow(Shown):
    """What somebody did."""

    id: int
    """Its place on the topic `activity`."""
    at_ms: int
    who: str
    via: str
    """`page`, `api`, `command` or `process`."""
    what: str
    """What was done, such as `job.paused`."""
    about: str
    """What it was done to."""
    note: str
    changes: list[ActivityChange]


class ActivityList(Page):
    """One page of the activity log, the newest first."""

    model_config = examples(
        {
            "audit": [
                {
                    "id": 40,
                    "at_ms": 1_700_000_000_000,
                    "who": "ann@example.com",
                    "via": "api",
                    "what": "user.changed",
                    "about": "user:bob@example.com",
                    "note": "",
                    "changes": [{"name": "role", "before": "viewer", "after": "editor"}],
                }
            ],
            "total": None,
            "next": None,
        }
    )

    audit: list[ActivityRow]


class Category(Shown):
    """What can go wrong with a record."""

    code: str
    title: str
    who: str
    """Who acts."""
    retry: str
    """When it is tried again."""
    remedy: str
    """What to do."""


class Categories(Shown):
    """All that can go wrong with a record."""

    model_config = examples(
        {
            "categories": [
                {
                    "code": "too_long",
                    "title": "Text too long",
                    "who": "owner of the record",
                    "retry": "change",
                    "remedy": "Shorten the value.",
                }
            ]
        }
    )

    categories: list[Category]
