"""Every Kafka topic, in one table: its key, who writes and reads it, how long it keeps, what one message says."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final, Generic, Literal, TypeVar

from pydantic import BaseModel, ValidationError

from shared.model.pairs import is_newer_word
from shared.wire import exports, messages
from shared.wire.access import Retention

M = TypeVar("M", bound=BaseModel)

DAY_MS: Final = 86_400_000
HISTORY_DAYS: Final = 90
HEALTH_DAYS: Final = 90
ACTIVITY_DAYS: Final = 365
EXPORTS_DAYS: Final = 1
RETENTION_KEY: Final = "retention:installation"
"""Where `access` holds what an admin has decided of all of these."""
HYDRATE_GROUP: Final = "hydrate"
"""Consumer group of ingest."""
MATCHER_GROUP: Final = "matcher"
"""Consumer group of match and resolve; snapshots and rebuilds read how far it has committed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """For how many days an installation keeps what it tells."""

    history_days: int = HISTORY_DAYS
    health_days: int = HEALTH_DAYS
    activity_days: int = ACTIVITY_DAYS
    exports_days: int = EXPORTS_DAYS

    def decided(self, retention: Retention | None) -> "Kept":
        """Return the days that count where an admin has decided some of them."""
        return self if retention is None else replace(self, **retention.model_dump(include=_KEPT, exclude_none=True))


_KEPT: Final = {"history_days", "health_days", "activity_days", "exports_days"}


class UnreadableMessage(Exception):  # noqa: N818 - a fact about the message; its handler parks it
    """The bytes are no message of a version that this consumer knows.

    One of a newer version waits for a worker of that version; any other is parked.
    """

    def __init__(self, reason: Literal["newer_version", "unknown_version", "malformed"], detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic(Generic[M]):
    """A topic and the only message type it carries."""

    name: str
    model: type[M]
    version: int
    key: str
    producers: tuple[str, ...]
    consumers: tuple[str, ...]
    cleanup: Literal["delete", "compact"]
    retention_ms: int
    partitions: int | None
    """None: as many as the setting says."""
    doc: str
    bundled: bool = False
    """Whether messages that one call publishes to one partition go as one."""
    oldest: Callable[[M], int] | None = None
    """Returns the oldest version whose readers take a message for what it says: it is written in that one. All are
    written in `version` where there is none."""

    def version_of(self, message: M | None) -> int:
        """Return the version in which a message is written."""
        return self.version if message is None or self.oldest is None else self.oldest(message)

    def encode(self, message: M) -> bytes:
        """Write the message as it goes on the wire."""
        return message.model_dump_json(exclude_defaults=True).encode()

    def decode(self, raw: bytes, headers: Mapping[str, str]) -> M:
        """Read a message from the wire; raises `UnreadableMessage`."""
        self.check(headers)
        try:
            return self.model.model_validate_json(raw)
        except ValidationError as error:
            raise UnreadableMessage(
                "newer_version" if is_newer_word(error) else "malformed", _summary(error)
            ) from error

    def check(self, headers: Mapping[str, str]) -> None:
        """Raise `UnreadableMessage` for a message of a version that is not read here."""
        stated = headers.get("ce_dataschema", str(self.version))
        if stated not in (str(self.version), str(self.version - 1)):
            newer = stated.isascii() and stated.isdigit() and len(stated) < 6 and int(stated) > self.version
            raise UnreadableMessage(
                "newer_version" if newer else "unknown_version",
                f"schema version {stated[:40]!r} on {self.name}; this worker reads {self.version}",
            )


def _summary(error: ValidationError) -> str:
    """Name the first fields that are wrong, without their values: a value may be personal data."""
    rows = error.errors(include_input=False, include_url=False)
    return "; ".join(f"{'.'.join(map(str, row['loc'])) or 'message'}: {row['msg']}" for row in rows[:3])


NOTICES: Final = Topic(
    name="notices",
    model=messages.Notice,
    version=1,
    key="connection/object/record",
    producers=("ingest", "matcher"),
    consumers=("ingest",),
    cleanup="delete",
    retention_ms=7 * DAY_MS,
    partitions=None,
    bundled=True,
    doc="Look at this record: changed, deleted, erased or merged. A hint, never data.",
)
RECORDS: Final = Topic(
    name="records",
    model=messages.RecordSeen,
    version=1,
    key="connection/object/record",
    producers=("ingest", "writer"),
    consumers=("matcher",),
    cleanup="delete",
    retention_ms=7 * DAY_MS,
    partitions=None,
    bundled=True,
    doc="The record as the app holds it now; the answer to a write where it is one.",
)
PAIRS: Final = Topic(
    name="pairs",
    model=messages.PairEvent,
    version=1,
    key="pair",
    producers=("matcher", "writer", "ingest", "console"),
    consumers=("matcher",),
    cleanup="delete",
    retention_ms=7 * DAY_MS,
    partitions=None,
    bundled=True,
    doc="A report of one side, an answer without a record, or a touch with its reason.",
)
PAIR_STATE: Final = Topic(
    name="pair-state",
    model=messages.Pair,
    version=1,
    key="pair",
    producers=("matcher",),
    consumers=("console", "matcher"),
    cleanup="compact",
    retention_ms=0,
    partitions=None,
    doc="The pair's whole state and status: the journal from which Redis and the console's views are rebuilt.",
)
HISTORY: Final = Topic(
    name="history",
    model=messages.HistoryBundle,
    version=1,
    key="pair (of a bundle: its first)",
    producers=("matcher",),
    consumers=("console",),
    cleanup="delete",
    retention_ms=HISTORY_DAYS * DAY_MS,
    partitions=None,
    doc="What steps decided, by pair and revision; values are sealed under a key that the pair's state holds. "
    "Kept for `SYNCLINE_HISTORY_DAYS`, or as an admin decides.",
)
SETUPS: Final = Topic(
    name="setups",
    model=messages.SetupDoc,
    version=2,
    oldest=messages.oldest_setups,
    key="kind:id",
    producers=("console", "ingest", "matcher", "writer"),
    consumers=("ingest", "matcher", "writer", "console"),
    cleanup="compact",
    retention_ms=0,
    partitions=1,
    doc="Connections, refresh tokens that rotated, people of the apps, objects that accounts have of their own, syncs "
    "and phases; no secret in the clear.",
)
JOBS: Final = Topic(
    name="jobs",
    model=messages.JobDoc,
    version=1,
    key="kind:job",
    producers=("console", "ingest"),
    consumers=("ingest", "console"),
    cleanup="compact",
    retention_ms=0,
    partitions=1,
    doc="Long work that was asked for, and how far it is; a job that has ended is removed 30 days later.",
)
ACCESS: Final = Topic(
    name="access",
    model=messages.AccessDoc,
    version=1,
    key="kind:id",
    producers=("console",),
    consumers=("console",),
    cleanup="compact",
    retention_ms=0,
    partitions=1,
    doc="Users of the console, their passwords (hashed and sealed), API tokens (hashed), sessions that ended, "
    "by which provider people sign in, by which server mail is sent, and alerts with how they stand.",
)
ACTIVITY: Final = Topic(
    name="activity",
    model=messages.Activity,
    version=1,
    key="kind:name of what it is about",
    producers=("console",),
    consumers=("console",),
    cleanup="delete",
    retention_ms=ACTIVITY_DAYS * DAY_MS,
    partitions=1,
    doc="Who did what, and when, with what changed by it. Kept for `SYNCLINE_ACTIVITY_DAYS`, or as an admin decides.",
)
CURSORS: Final = Topic(
    name="cursors",
    model=messages.Cursor,
    version=1,
    key="connection/object/feed",
    producers=("ingest", "writer"),
    consumers=("ingest", "console"),
    cleanup="compact",
    retention_ms=0,
    partitions=1,
    doc="Where each feed goes on; written only after Kafka has the notices it brought.",
)
PARKED: Final = Topic(
    name="parked",
    model=messages.Parked,
    version=1,
    key="original key",
    producers=("ingest", "matcher", "writer", "console"),
    consumers=("console",),
    cleanup="delete",
    retention_ms=90 * DAY_MS,
    partitions=1,
    doc="A message nobody could handle: original bytes, headers, reason.",
)
PARKED_DECISIONS: Final = Topic(
    name="parked-decisions",
    model=messages.ParkedDecision,
    version=1,
    key="offset on parked",
    producers=("console",),
    consumers=("console",),
    cleanup="delete",
    retention_ms=2 * PARKED.retention_ms,
    partitions=1,
    doc="A parked message was replayed or dropped, by whom and why; kept for longer than the message.",
)
HEALTH: Final = Topic(
    name="health",
    model=messages.HealthHour,
    version=1,
    key="kind/id/hour",
    producers=("console",),
    consumers=("console",),
    cleanup="delete",
    retention_ms=HEALTH_DAYS * DAY_MS,
    partitions=1,
    doc="How a sync or a connection stood in an hour that is over. Kept for `SYNCLINE_HEALTH_DAYS`, or as an admin "
    "decides.",
)
EXPORTS: Final = Topic(
    name="exports",
    model=exports.ExportDoc,
    version=1,
    key="kind:export",
    producers=("console",),
    consumers=("console",),
    cleanup="compact",
    retention_ms=0,
    partitions=1,
    doc="Lists that were asked for as files, and how far these are; removed when the file's time is over.",
)
EXPORT_CHUNKS: Final = Topic(
    name="export-chunks",
    model=exports.ExportChunk,
    version=1,
    key="export/number",
    producers=("console",),
    consumers=("console",),
    cleanup="delete",
    retention_ms=2 * DAY_MS,
    partitions=1,
    doc="Those files, in pieces that only the key in `exports` opens: once that is removed, nobody can read them.",
)


def _later(delay: str) -> Topic[messages.Delayed]:
    return Topic(
        name=f"later.{delay}",
        model=messages.Delayed,
        version=1,
        key="original key",
        producers=("ingest", "matcher", "writer"),
        consumers=("writer",),
        cleanup="delete",
        retention_ms=7 * DAY_MS,
        partitions=1,
        doc=f"A message to be published again after {delay}; the head is always due first.",
    )


LATER: Final = {delay: _later(delay) for delay in ("10s", "1m", "10m")}
DELAYS_MS: Final = {"10s": 10_000, "1m": 60_000, "10m": 600_000}


@lru_cache(maxsize=256)
def writes(app: str, *, backfill: bool = False) -> Topic[messages.WriteCommand]:
    """Return the topic of writes to one app: live ones, or the backfill that yields to them."""
    return Topic(
        name=f"writes.{app}.backfill" if backfill else f"writes.{app}",
        model=messages.WriteCommand,
        version=1,
        key="connection/object/record (a create: pair)",
        producers=("matcher",),
        consumers=("writer",),
        cleanup="delete",
        retention_ms=7 * DAY_MS,
        partitions=None,
        bundled=True,
        doc="One create, update or archive of one record: changed fields only, the version expected.",
    )


def kept_topics(kept: Kept) -> tuple[Topic[Any], ...]:
    """List the topics whose days are decided for an installation, with these days."""
    return (
        replace(HISTORY, retention_ms=kept.history_days * DAY_MS),
        replace(HEALTH, retention_ms=kept.health_days * DAY_MS),
        replace(ACTIVITY, retention_ms=kept.activity_days * DAY_MS),
        # A file that is made in the last moment of the day before can be downloaded as long as any other.
        replace(EXPORT_CHUNKS, retention_ms=(kept.exports_days + 1) * DAY_MS),
    )


def catalogue(apps: tuple[str, ...], kept: Kept | None = None) -> tuple[Topic[Any], ...]:
    """List every topic of an installation with these apps, which keeps what it tells of them for so many days."""
    history, health, activity, chunks = kept_topics(kept or Kept())
    per_app = tuple(writes(app, backfill=backfill) for app in apps for backfill in (False, True))
    return (
        NOTICES,
        RECORDS,
        PAIRS,
        PAIR_STATE,
        history,
        SETUPS,
        JOBS,
        ACCESS,
        activity,
        CURSORS,
        PARKED,
        PARKED_DECISIONS,
        health,
        EXPORTS,
        chunks,
        *LATER.values(),
        *per_app,
    )
