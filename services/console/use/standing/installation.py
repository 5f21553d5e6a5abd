"""One installation: how everything stands, why, and long work to be done."""

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import asdict
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema

from services.console.explain import explain, summary
from services.console.use.activity import Did
from services.console.use.asked import NUMBER, Flag
from services.console.use.asking import Asking
from services.console.use.connections.connections import Connections
from services.console.use.meant import Place
from services.console.use.problems import Problem
from services.console.use.publishing import publish
from services.console.use.reasons import acting
from services.console.use.rereading import notice_of
from services.console.use.standing.by_sync import syncs_of
from services.console.use.standing.calls import calls_about
from services.console.use.standing.events import Hub
from services.console.use.standing.exports import Exporting
from services.console.use.standing.fields import fields_of
from services.console.use.standing.jobs import Order, find, job_row, order
from services.console.use.standing.troubles import troubles
from services.console.use.syncs import is_off, no_sync
from services.console.views.past import steps_of
from services.console.views.projection import FOLLOWED, Views
from services.console.views.rows import SHOWN
from shared.config.jobs import JobRow, Jobs
from shared.config.setups import Setups
from shared.io.calls.budgets import Budgets, BudgetsUnavailable, account_of
from shared.io.calls.call_notes import CallNotes
from shared.io.calls.tokens import Paused
from shared.io.calls.webhook_refusals import Refusals
from shared.io.envelope import Stored
from shared.io.ports import Bus, Clock, NotReady, Outbound
from shared.io.redis.feed_notes import FeedNotes
from shared.model.ids import record_key
from shared.model.job_kinds import ASKED, JobKind
from shared.model.pairs import Pair, PairEvent
from shared.model.records import SIDES, Side
from shared.model.syncs import HALTED, Connection, Job
from shared.model.touches import Touch
from shared.rules.errors import CODES
from shared.wire import topics
from shared.wire.messages import JobDoc, Parked, Role

_OF_VIEWS: Final = frozenset(topic.name for topic in FOLLOWED if topic.partitions == 1)


def _may_be_asked(kind: JobKind) -> JobKind:
    if kind not in ASKED:
        raise ValueError(f"nobody asks for a {kind.called}: it begins by itself")
    return kind


_Asked: TypeAlias = Annotated[
    JobKind, AfterValidator(_may_be_asked), WithJsonSchema({"type": "string", "enum": [*ASKED]})
]


class JobRequest(BaseModel):
    """Long work to be done."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"sync": "contacts", "statuses": ["failing"]}]}
    )

    kind: _Asked = Field(
        default=JobKind.RESYNC,
        description=f"What to do: {', '.join(f'`{kind}` {kind.does}' for kind in ASKED)}.",
    )
    sync: str = Field(description="Of which sync.")
    statuses: tuple[Literal["in_sync", "pending", "failing", "excluded"], ...] = Field(
        default=(), description="Which pairs to look at again; all, and all records of both sides, when empty."
    )
    category: str = Field(default="", max_length=200, description="Only those with this reason of their status.")
    since: Annotated[int, Field(ge=0, le=2**53, description="Only those whose status has changed since."), NUMBER] = 0
    q: str = Field(default="", max_length=200, description="Only those that this text finds.")
    review: Flag = Field(default=False, description="Only count the pairs, and wait until somebody confirms the job.")


class Installation:
    """What is known of an installation, and what can be asked of it.

    Args:
        budgets: Tell which accounts are paused.
        ready: Tells whether the views have caught up with the journal once.
        refused: Tells whether a connection's sign-in was refused; raises `NotReady` when Redis is away.
        webhooks: Tells which calls of a connection's app were refused; raises `NotReady` when Redis is away.
        parked_from: Reads `parked` from an offset to its end; raises `BusUnavailable`.
        connections: What can be done with the accounts of apps.
        feed_notes: What workers note of each feed.
        call_notes: What workers note of calls about records.
        exports: Lists as files.
        states_from: Reads `pair-state` from offsets by partition to its end; raises `BusUnavailable`.
        asking: Asks apps while somebody waits.
    """

    def __init__(
        self,
        views: Views,
        setups: Setups,
        jobs: Jobs,
        bus: Bus,
        clock: Clock,
        *,
        budgets: Budgets,
        ready: Callable[[], bool],
        refused: Callable[[Connection], Paused | None],
        webhooks: Callable[[Connection], Refusals | None],
        parked_from: Callable[[int], Generator[Stored[Parked], None, None]],
        connections: Connections,
        feed_notes: FeedNotes,
        call_notes: CallNotes,
        exports: Exporting,
        states_from: Callable[[Mapping[int, int]], Iterator[Stored[Any]]],
        asking: Asking,
    ) -> None:
        self.views = views
        self.setups = setups
        self.jobs = jobs
        self.bus = bus
        self.clock = clock
        self.budgets = budgets
        self._ready = ready
        self.refused = refused
        self._webhooks = webhooks
        self.parked_from = parked_from
        self.connections = connections
        self.feed_notes = feed_notes
        self.call_notes = call_notes
        self.exports = exports
        self.asking = asking
        self.events = Hub(self, states_from)
        self.followed: dict[str, Callable[[], int]] = {
            topics.JOBS.name: lambda: self.jobs.offset,
            topics.SETUPS.name: lambda: self.setups.offset,
            topics.EXPORTS.name: lambda: self.exports.known.offset,
        }
        """Topics that are followed beside the views, and up to which offset."""

    def reached(self, topic: str) -> int | None:
        """Return up to which offset a topic of a single partition was taken here; None for one that is not followed."""
        if topic in self.followed:
            return self.followed[topic]()
        if topic not in _OF_VIEWS:
            return None
        return self.views.positions(topic).get(0, 0) - 1

    def health(self) -> dict[str, Any]:
        """Count pairs by sync and status, say how fresh everything is, and list what is wrong."""
        now = self.clock.now_ms()
        asked = self.setups.feeds_in_use()
        feeds = [
            {
                "feed": feed.name,
                "complete_to_ms": feed.complete_to_ms,
                "age_s": round(max(0, now - feed.complete_to_ms) / 1000, 1) if feed.complete_to_ms else None,
                "interval_s": round(feed.interval_s, 1) or None,
                **({"calls": feed.calls} if feed.calls else {}),
            }
            for feed in self.views.feeds()
            if feed.name in asked
        ]
        found = {
            "ready": self._ready(),
            "connections": [self.connection(row) for row in self.setups.connections()],
            "syncs": self.syncs(),
            "feeds": feeds,
            "parked": self.views.parked(),
            "at_ms": now,
        }
        return {**found, "problems": [asdict(row) for row in troubles(found)]}

    def syncs(self, connection: str = "", object_: str = "") -> list[dict[str, Any]]:
        """List how the syncs stand, all or those that have a connection or an object on one side."""
        known = (self.setups, self.views, self.jobs, self.clock)
        return list(syncs_of(*known, connection=connection, object_=object_))

    def sync(self, name: str) -> dict[str, Any]:
        """Show how one sync stands; raises a problem when there is none."""
        row = next((row for row in self.syncs() if row["id"] == name), None)
        if row is None:
            raise no_sync(name)
        return row

    def sync_shown(self, name: str) -> dict[str, Any]:
        """Show how one sync stands, and what switching it off would mean; raises a problem when there is none."""
        row, syncs = self.sync(name), self.connections.syncs
        return {**row, "switching_off": asdict(syncs.switching_off(name, row["counts"])) if row["enabled"] else None}

    def connection(self, row: Connection) -> dict[str, Any]:
        """Show whether a connection works: one line tells what holds up all of its records."""
        shown: dict[str, Any] = {"id": row.id, "app": row.app, "account": row.account, "label": row.label}
        limited = self.connections.limited(row)
        if limited:
            shown["limited"] = list(limited)
        if row.paused:
            return {**shown, "state": "paused", "reason": HALTED, "hint": _remedy(HALTED)}
        try:
            refused, paused = self.refused(row), self.budgets.paused(account_of(row))
            webhooks = self._webhooks(row)
        except (NotReady, BudgetsUnavailable):
            return {**shown, "state": "unknown"}
        if webhooks is not None and row.push:
            shown["webhooks_refused"] = {**asdict(webhooks), "hint": _remedy(webhooks.reason)}
        why: dict[str, Any]
        if refused is not None:
            why = {"reason": refused.code, "detail": refused.message}
        elif paused is not None:
            why = {"reason": paused.reason, "since_ms": paused.since_ms}
        else:
            return {**shown, "state": "running"}
        return {**shown, "state": "paused", **why, "hint": _remedy(why["reason"])}

    def row(self, pair: Pair) -> dict[str, Any]:
        """Show one pair as a row of a list."""
        return {
            "id": pair.pair,
            "sync": pair.sync,
            "label": pair.label,
            "status": pair.status,
            "reason": pair.reason,
            "summary": summary(pair, self.setups),
            "left": pair.L.id if pair.L else None,
            "right": pair.R.id if pair.R else None,
            "changed_ms": pair.changed_ms,
            "synced_ms": pair.synced_ms,
            "parked": next(iter(self._parked(pair)), None),
        }

    def _parked(self, pair: Pair) -> list[dict[str, Any]]:
        """List the parked messages to a pair, or of one of its records, the newest first."""
        sync, keys = self.setups.sync(pair.sync), [pair.pair]
        for side in SIDES:
            end = pair.side(side)
            if sync is not None and end is not None:
                part = sync.side(side)
                keys.append(record_key(part.connection, part.object, end.id))
        return self.views.parked_about(keys)

    def find(self, name: str) -> Pair:
        """Return a pair; raises a problem when there is none."""
        pair = self.views.pair(name)
        if pair is None:
            raise Problem(404, "No such record", f"There is no row {name!r}. Look it up by GET /api/v1/records?q=…")
        return pair

    def explain(self, pair: Pair, role: Role) -> dict[str, Any]:
        """Explain a pair to somebody of a role; one that gave its record away, by the pair that holds it now."""
        told, pair = self._told(pair, role)
        calls = calls_about(pair, self.setups, self.call_notes, role)
        fields = [asdict(row) for row in fields_of(pair, self.setups, role)]
        return {**told, "who": acting(pair), "fields": fields, **calls, "asked": None}

    def history(self, pair: Pair, role: Role) -> Any:
        """Return what was decided about a pair, in words for somebody of a role, the newest first."""
        return self._told(pair, role)[0]["history"]

    def _told(self, pair: Pair, role: Role) -> tuple[dict[str, Any], Pair]:
        for _ in range(8):
            owner = self.views.pair(pair.absorbed_by) if pair.absorbed_by else None
            if owner is None:
                break
            pair = owner
        return explain(pair, self.setups, self.steps(pair), self._parked(pair), self._label, role), pair

    def steps(self, pair: Pair) -> list[dict[str, Any]]:
        """List what was decided about a pair, the newest first."""
        return steps_of(pair, self.views.steps(pair.pair))

    def _label(self, sync: str, side: Side, record: str) -> str:
        found = self.views.holding(sync, side, record)
        return found.label if found is not None else ""

    def resync(self, name: str) -> Pair:
        """Ask for both records of a pair to be read again and what was refused to be tried again; returns the pair."""
        pair, now = self.find(name), self.clock.now_ms()
        sync = self.setups.sync(pair.sync)
        if sync is None:
            raise Problem(404, "No such sync", f"The sync {pair.sync!r} is not set up any more.")
        if not sync.enabled:
            raise is_off(sync.id)
        touch = PairEvent(sync=pair.sync, pair=pair.pair, kind="touch", reason=Touch.RETRY)
        out = [Outbound(topic=topics.PAIRS, key=pair.pair, message=touch)]
        for side in SIDES:
            end, part = pair.side(side), sync.side(side)
            if end is not None:
                out.append(notice_of(Place(part.connection, part.object, end.id), now))
        publish(self, out, Did(what="record.resynced", about=f"record:{pair.pair}", note=pair.label))
        return pair

    def all_jobs(self) -> list[dict[str, Any]]:
        """List all jobs and how far they are, the newest first."""
        return [job_row(row) for row in reversed(self.jobs.rows())]

    def job(self, name: str) -> dict[str, Any]:
        """Show one job; raises a problem when there is none."""
        return job_row(find(self.jobs, name))

    def order_job(self, name: str, what: Order) -> dict[str, Any]:
        """Confirm, pause, resume or cancel a job, and return it as it stands then."""
        return job_row(order(self, self.jobs, name, what))

    def add_job(self, wanted: JobRequest, key: str) -> dict[str, Any]:
        """Ask for a job; the same key asks for the same job; raises a problem where there is no sync, or it is off."""
        sync = self.setups.sync(wanted.sync)
        if sync is None:
            known = ", ".join(sync.id for sync in self.setups.syncs()) or "none"
            raise Problem(404, "No such sync", f"There is no sync {wanted.sync!r}; there are: {known}.")
        now = self.clock.now_ms()
        job = Job(
            id=f"{wanted.kind}-{wanted.sync}.{key or now}",  # neither part may hold a dot
            kind=wanted.kind,
            sync=wanted.sync,
            statuses=wanted.statuses or (SHOWN if wanted.category or wanted.since or wanted.q else ()),
            reasons=(wanted.category,) if wanted.category else (),
            since_ms=wanted.since,
            text=wanted.q,
            review=wanted.review,
            asked_at_ms=now,
        )
        for asked in self.jobs.rows():
            if asked.job.id == job.id:
                if _asked_for(asked.job) != _asked_for(job):
                    raise Problem(422, "Key used before", "That Idempotency-Key asked for other work: take a new one.")
                return job_row(asked)
        if not sync.enabled:
            raise is_off(sync.id)
        asks = Did(what="job.asked", about=f"sync:{job.sync}", changes=[("kind", "", job.kind),
                   ("statuses", "", ", ".join(job.statuses) or "all"), ("job", "", job.id)])  # fmt: skip
        publish(self, [Outbound(topic=topics.JOBS, key=f"job:{job.id}", message=JobDoc(job=job))], asks)
        return job_row(JobRow(job=job, progress=None))


def _asked_for(job: Job) -> tuple[object, ...]:
    return set(job.statuses), job.reasons, job.since_ms, job.text, job.review


def _remedy(reason: str) -> str:
    told = CODES.get(reason)
    return told.remedy if told else ""
