"""What travels on each topic, versioned. A consumer accepts its own version and the one before."""

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from pydantic import Field

from shared.contract.feeds import HintKind
from shared.contract.people import People
from shared.model.fields import FoundObject
from shared.model.pairs import Answer, Pair, PairEvent, Trace
from shared.model.records import Fields, Frozen, LinkWrite, Report, Side, Version
from shared.model.syncs import AppCredentials, Connection, Job, Phase, Sync
from shared.wire.access import (
    AccessDoc,
    ApiToken,
    Ended,
    Invitation,
    Password,
    PersonLink,
    Preferences,
    Role,
    ScopedToken,
    Seen,
    SignInProvider,
    User,
)

Origin: TypeAlias = Literal["live", "snapshot", "answer"]
JobPhase: TypeAlias = Literal["reading", "indexing", "matching", "done", "failed", "cancelled"]
"""The step that a job is at, or how it ended."""
Via: TypeAlias = Literal["page", "api", "command", "process"]
"""By which way somebody did something."""


class Notice(Frozen):
    """Look at this record: a hint, never data."""

    connection: str
    object: str
    id: str
    kind: HintKind = "changed"
    version: Version | None = None
    """The version that the app says it has now, where the source tells."""
    ask: str = ""
    """Set when a pair asks for a second read; the record that answers carries it back."""
    winner: str = ""
    """Of a merge: the old id of the record that lives on, where the source tells."""
    into: str = ""
    """Of a merge: the id of the record that it made, where the source tells. It may have been merged since."""
    occurred_ms: int = 0
    accepted_ms: int = 0
    """When we learned of it, for freshness."""


class RecordSeen(Frozen):
    """The record as the app holds it now, or the record as the app answered our write."""

    report: Report
    origin: Origin = "live"
    asks: tuple[str, ...] = ()
    """The second reads that this one answers."""
    answers: tuple["PairAnswer", ...] = ()
    without: tuple[str, ...] = ()
    """Syncs whose fields were not asked for, because they do not run where the record was read: somebody else reads it
    for them."""
    accepted_ms: int = 0


class PairAnswer(Frozen):
    """Which pair's write a record answers."""

    sync: str
    pair: str
    side: Side
    answer: Answer


class WriteCommand(Frozen):
    """One create, update or archive of one record: changed fields only."""

    sync: str
    pair: str
    side: Side
    connection: str
    object: str
    op: Literal["create", "update", "archive"]
    key: str
    """The write's id, compared with the pair's pending mark before it is sent."""
    n: int = 0
    """Number of the decision, which tells two tries of one create apart."""
    id: str = ""
    marker: str = ""
    fields: Fields = Field(default_factory=dict)
    before: Fields = Field(default_factory=dict)
    expected: Version | None = None
    links: Mapping[str, LinkWrite] = Field(default_factory=dict)
    setup: int
    """Settings version it was decided under."""
    accepted_ms: int = 0


class HistoryStep(Frozen):
    """What one step of a pair decided. Of two with one pair and revision, either tells all."""

    sync: str
    pair: str
    rev: int
    """The pair's revision that the step led to."""
    at_ms: int = 0
    cause: str = ""
    """The trace of the message that it is said to come from."""
    decisions: tuple[Trace, ...] = ()
    """Without the values."""
    sealed: str = ""
    """The values of the decisions, under the key that the pair's state holds: unreadable once that is forgotten."""


class HistoryBundle(Frozen):
    """What steps of several pairs decided, which one batch of the matcher took."""

    steps: tuple[HistoryStep, ...]


class PhaseSet(Frozen):
    """How far a sync's first sync is."""

    sync: str
    phase: Phase


class JobProgress(Frozen):
    """How far a job is."""

    job: str
    phase: JobPhase
    read: Mapping[str, int] = Field(default_factory=dict)
    """Records read, by side."""
    totals: Mapping[str, int] = Field(default_factory=dict)
    touched: int = 0
    """Pairs looked at."""
    pairs: int | None = None
    """How many it looks at; None where nobody has counted."""
    error: str = ""
    at_ms: int = 0
    barrier: Mapping[str, int] = Field(default_factory=dict)
    """Partition of `records` (as text) to the offset that match must pass."""
    cursors: Mapping[str, str] = Field(default_factory=dict)
    """Where each side's listing goes on after a restart."""
    setup: int = 0
    """Settings version that the listing was begun under."""
    term: int = 0
    """Counts the workers that have claimed the job, one after another."""
    runner: str = ""
    """The worker that claimed it last."""
    since: Mapping[str, int] = Field(default_factory=dict)
    """Partition of `records` (as text) to its end when the listing began: what was listed stands from there on."""
    places: Mapping[str, int] = Field(default_factory=dict)
    """Where each walk over a sync's pairs goes on, in buckets."""
    result: str = ""
    """What the job has done, once it has ended."""


class JobOrder(Frozen):
    """What people want of a job; it stands until its tombstone."""

    job: str
    at_ms: int


class Rebuilt(Frozen):
    """Redis was rebuilt for this sync: feeds go back by one hour. At 0 it was made for the first time."""

    sync: str
    at_ms: int


class Rotated(Frozen):
    """The refresh token that an app gave in exchange for the one before: a connection's newest."""

    connection: str
    grant: str
    """Names the refresh token, among the connection's own secrets, that it descends from: one that a person entered
    anew has descendants of its own."""
    refresh_token: str
    """Sealed."""
    at_ms: int = 0


class ObjectFound(Frozen):
    """An object that an account has of its own, as it was last found there."""

    connection: str
    object: FoundObject
    gone: str = ""
    """Why the account has it no longer; empty while it has."""
    at_ms: int = 0


class SetupDoc(Frozen):
    """One document on the `setups` topic; exactly one part is set. A tombstone removes it."""

    connection: Connection | None = None
    sync: Sync | None = None
    phase: PhaseSet | None = None
    job: Job | None = None
    progress: JobProgress | None = None
    """Where the version before keeps jobs, until one that has the `jobs` topic takes them over."""
    rebuilt: Rebuilt | None = None
    rotated: Rotated | None = None
    people: People | None = None
    object: ObjectFound | None = None
    credentials: AppCredentials | None = None
    read_to: int | None = None
    """Up to which offset its author had read: it does not count where something came under its key since."""


def oldest_setups(doc: SetupDoc) -> int:
    """Return the oldest version of `setups` whose readers take a document for what it says."""
    return 2 if doc.sync is not None and doc.sync.is_new_to_earlier else 1


class JobDoc(Frozen):
    """One document on the `jobs` topic; exactly one part is set. A tombstone removes it."""

    job: Job | None = None
    progress: JobProgress | None = None
    confirmed: JobOrder | None = None
    paused: JobOrder | None = None
    cancelled: JobOrder | None = None


class ActivityChange(Frozen):
    """One value that somebody changed."""

    name: str
    before: str = ""
    after: str = ""


class Activity(Frozen):
    """What somebody did, told together with the change itself; no secret is in it."""

    at_ms: int
    who: str
    """As people know him: an address, or the name of a token."""
    user: str = ""
    token: str = ""
    via: Via = "process"
    what: str
    about: str = ""
    """Kind and name of what it is about."""
    changes: tuple[ActivityChange, ...] = ()
    note: str = ""


REFUSED: Final = "refused"
"""The cursor of no feed: its time says when an app last refused something that a change of its fields may end."""


class Cursor(Frozen):
    """Where a feed goes on."""

    connection: str
    object: str
    feed: str
    cursor: str
    complete_to_ms: int = 0
    at_ms: int = 0
    interval_s: float = 0.0
    """The time between the beginnings of the feed's last two rounds; 0 where there were none."""
    calls: int = 0
    """Calls that its last round took, where that grows with the records that are linked."""
    rebuilt_ms: int = 0
    """The rebuild of Redis that the feed has looked back for."""


class Parked(Frozen):
    """A message that nobody could handle, with its original bytes."""

    topic: str
    partition: int
    offset: int
    key: str
    raw_base64: str
    headers: Mapping[str, str] = Field(default_factory=dict)
    reason: str
    detail: str = ""
    at_ms: int = 0


class ParkedDecision(Frozen):
    """What a person decided of a parked message."""

    at: int
    """Its offset on `parked`."""
    parked_ms: int
    """When it was parked: with the offset, this names it also where the topic was made anew."""
    what: Literal["replayed", "dropped"]
    topic: str
    key: str
    reason: str
    """Why it was parked."""
    why: str = ""
    """Why it was dropped."""
    who: str = ""
    at_ms: int = 0


class HealthHour(Frozen):
    """How a sync or a connection stood in one hour that is over."""

    name: str
    """`sync/` or `connection/`, and its id."""
    hour_ms: int
    covered_s: float = 0.0
    """For how long in that hour whoever tells it has looked."""
    counts: Mapping[str, int] = Field(default_factory=dict)
    """Records by status at the end of the hour; empty where nobody looked then."""
    failing: Mapping[str, int] = Field(default_factory=dict)
    """Those that failed, by category."""
    edits: int = 0
    """Steps that decided to write something."""
    writes: int = 0
    """Writes that were answered."""
    delays: Mapping[str, int] = Field(default_factory=dict)
    """Milliseconds from learning of a change until its pair was in sync, rounded up, to how many took so long."""
    states: Mapping[str, float] = Field(default_factory=dict)
    """Seconds by state of a connection."""


class Delayed(Frozen):
    """A message to be published again."""

    topic: str
    key: str
    raw_base64: str
    headers: Mapping[str, str] = Field(default_factory=dict)
    due_ms: int


RecordSeen.model_rebuild()

__all__ = [
    "AccessDoc",
    "Activity",
    "ActivityChange",
    "ApiToken",
    "Cursor",
    "Delayed",
    "Ended",
    "HealthHour",
    "HistoryBundle",
    "HistoryStep",
    "Invitation",
    "JobDoc",
    "JobOrder",
    "JobPhase",
    "JobProgress",
    "Notice",
    "ObjectFound",
    "Origin",
    "Pair",
    "PairAnswer",
    "PairEvent",
    "Parked",
    "ParkedDecision",
    "Password",
    "PersonLink",
    "PhaseSet",
    "Preferences",
    "Rebuilt",
    "RecordSeen",
    "Role",
    "Rotated",
    "ScopedToken",
    "Seen",
    "SetupDoc",
    "SignInProvider",
    "User",
    "Via",
    "WriteCommand",
    "oldest_setups",
]
