"""Asks the feeds of every connection what changed, and turns it into notices.

A feed belongs to the worker that owns its connection's partition of `notices`. Its cursor moves only when Kafka has
the notices that it brought.

When Redis was rebuilt, each feed looks back by an hour: a change of the last moments may be known to nobody any more.
Where a cursor names no time, everything is read again instead.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from services.ingest.feeds.cursors import Cursors
from services.ingest.feeds.link_rounds import LinkRounds
from services.ingest.known import TakenVersions
from services.ingest.notices import addressed, as_notice
from services.ingest.noting import Noting
from services.ingest.seen import SeenVersions
from shared import logs
from shared.config.jobs import Jobs, State
from shared.config.setups import Setups, UnknownSetup
from shared.contract.calls import AppError
from shared.contract.feeds import Feed, FeedExpired, Hint, LinkFeed
from shared.io.ports import Bus, BusUnavailable, Caller, Clock, NotReady, Outbound, run_blocking
from shared.metrics import Metrics
from shared.model.job_kinds import JobKind
from shared.model.syncs import Job
from shared.wire import topics
from shared.wire.messages import Cursor, JobDoc, Notice

_TICK_S: Final = 0.25
_PARALLEL: Final = 64
_PER_CONNECTION: Final = 2
"""Feeds of one connection that are asked at once: an app that does not answer holds up its own feeds alone."""
_LONGEST_PAUSE_S: Final = 300.0
_FIRST_PAUSE_S: Final = 2.0
_REST: Final = 1.0
"""How many times as long as its round a feed rests whose round was longer than its interval."""
_REST_IN_JOBS: Final = 4.0
"""The same while a first sync or resync of its connection runs. Each round begins by reading again what changed shortly
before it: where a job fills the app, that is most of its calls, and the job needs them."""
_LONGEST_REST_S: Final = 120.0
_PAUSED_S: Final = 60.0
"""How often a connection whose sign-in was refused is looked at; most looks cost no call (`shared.io.calls.tokens`)."""
_LOOK_BACK_MS: Final = 3_600_000
"""How far a feed looks back after a rebuild of Redis."""
_ENOUGH: Final[Mapping[Literal["rebuilt", "expired"], tuple[State, ...]]] = {
    "rebuilt": ("waiting", "running"),
    "expired": ("waiting",),
}
"""How a job that reads everything may stand so that none is asked for besides, by why. What one that runs has read
stands in Kafka, whatever Redis lost; but what changed since it was read, a feed that expired never told.
"""
_WENT_WELL: Final = ("done", "expired")
_log = logs.get(__name__)


@dataclass(slots=True)
class _State:
    """One feed under way."""

    due: float = 0.0
    busy: bool = False
    failures: int = 0
    told: str = ""
    """Why it waits, as the log has it."""
    began: float | None = None
    interval_s: float = 0.0
    """The time between the beginnings of its last two rounds; 0 before the second."""


@dataclass(frozen=True, slots=True)
class _Poll:
    connection: str
    object: str
    feed: Feed
    interval_s: float

    @property
    def key(self) -> str:
        return Cursors.key(self.connection, self.object, self.feed.name)

    @property
    def name(self) -> str:
        """Its name within its connection."""
        return f"{self.object}/{self.feed.name}"


@dataclass(frozen=True, slots=True)
class _LinkPoll:
    connection: str
    object: str
    feed: LinkFeed
    interval_s: float

    @property
    def key(self) -> str:
        return Cursors.key(self.connection, self.object, self.feed.name)

    @property
    def name(self) -> str:
        """Its name within its connection."""
        return f"{self.object}/{self.feed.name}"


_AnyPoll: TypeAlias = _Poll | _LinkPoll


@dataclass(slots=True, kw_only=True)
class Feeds:
    """Polls in the thread that calls `run`, several feeds at once.

    Args:
        links: Ask apps in turn what the linked records are associated with.
        owns: Tells whether this worker looks after a connection.
        noting: Has the console know how each feed stands.
    """

    setups: Setups
    jobs: Jobs
    caller: Caller
    bus: Bus
    clock: Clock
    metrics: Metrics
    cursors: Cursors
    known: TakenVersions
    links: LinkRounds
    owns: Callable[[str], bool]
    noting: Noting
    _states: dict[str, _State] = field(default_factory=dict)
    _seen: SeenVersions = field(default_factory=SeenVersions)

    def run(self, stop: threading.Event) -> None:
        """Poll what is due until *stop* is set."""
        pool = ThreadPoolExecutor(_PARALLEL, thread_name_prefix="feed")
        while not stop.wait(_TICK_S):
            now = time.monotonic()
            polls = [(poll, self._states.setdefault(poll.key, _State())) for poll in self._polls()]
            asked = Counter(poll.connection for poll, state in polls if state.busy)
            for poll, state in polls:
                if not state.busy and now >= state.due and asked[poll.connection] < _PER_CONNECTION:
                    asked[poll.connection] += 1
                    state.busy = True
                    pool.submit(self._guarded, poll, state)
        pool.shutdown(wait=False, cancel_futures=True)

    def _polls(self) -> list[_AnyPoll]:
        found: list[_AnyPoll] = []
        for connection, object_ in self.setups.objects_in_use():
            if not self.owns(connection):
                continue
            try:
                row, binding = self.setups.connection(connection), self.setups.binding(connection, object_)
            except UnknownSetup:
                continue  # removed at this very moment
            found += [
                _Poll(connection, object_, feed, row.asked_every_s(feed.interval_s))
                for feed in binding.feeds
                if not self.cursors.is_foreign(Cursors.key(connection, object_, feed.name))
            ]
            if binding.link_feed is not None and self.setups.associations_in_use(connection, object_):
                interval_s = max(row.poll_interval_s, self.links.interval_s(connection, object_))
                found.append(_LinkPoll(connection, object_, binding.link_feed, interval_s))
        return found

    def _guarded(self, poll: _AnyPoll, state: _State) -> None:
        reason, pause = "failed", _LONGEST_PAUSE_S
        try:
            try:
                reason, pause = self._once(poll, state)
            except Exception:  # noqa: BLE001 - a feed that fails in a new way must not stop the others; it is tried again
                pause = _pause(poll, state)
                _log.exception("feed_failed", feed=poll.key, seconds=round(pause, 1))
            failed = "" if reason in _WENT_WELL else reason
            self.noting.ended(poll.connection, poll.name, reason=failed, asked_s=poll.interval_s, rest_s=pause)
        finally:
            self.metrics.count("feed_polls_total", connection=poll.connection, feed=poll.feed.name, reason=reason)
            state.due = time.monotonic() + pause
            state.busy = False

    def _once(self, poll: _AnyPoll, state: _State) -> tuple[str, float]:
        """Poll until the feed has no more, and return how it ended and the seconds until the next poll."""
        began = time.monotonic()
        state.interval_s = began - state.began if state.began is not None else 0.0
        state.began = began
        try:
            reason = self._all_pages(poll, state)
        except (AppError, BusUnavailable, NotReady) as error:
            pause = _pause(poll, state)
            if isinstance(error, AppError) and error.retry == "busy":
                pause = max(0.2, min(pause, error.retry_after_s or 1.0))
            if isinstance(error, AppError) and error.retry == "auth":
                pause = min(pause, _PAUSED_S)
            code = error.code if isinstance(error, AppError) else "bus_unavailable"
            if state.told != code:  # tried again and again, told once
                _log.warning("feed_waits", feed=poll.key, reason=code, detail=str(error))
            state.told = code
            self._show_age(poll)
            return code, pause
        if state.told:
            _log.info("feed_waits_over", feed=poll.key)
        state.failures, state.told = 0, ""
        return reason, self._rest(poll, time.monotonic() - began)

    def _rest(self, poll: _AnyPoll, took: float) -> float:
        """Return how long a feed rests after a round: its interval counts from beginning to beginning."""
        if self._in_job(poll.connection):
            return max(poll.interval_s, min(_REST_IN_JOBS * took, _LONGEST_REST_S))
        return poll.interval_s - took if took < poll.interval_s else min(_REST * took, _LONGEST_REST_S)

    def _in_job(self, connection: str) -> bool:
        """Check whether a first sync or resync of a connection runs, or waits to."""
        for row in self.jobs.rows():
            sync = self.setups.sync(row.job.sync)
            if sync is not None and row.is_open and connection in (sync.left.connection, sync.right.connection):
                return True
        return False

    def _all_pages(self, poll: _AnyPoll, state: _State) -> str:
        """Poll while more waits and the feed is ours; a feed that does not know its cursor any more begins anew."""
        if isinstance(poll, _LinkPoll):
            while self._ask_links(poll, state.interval_s) and self.owns(poll.connection):
                state.failures = 0
            return "done"
        try:
            while self.poll(poll, state.interval_s) and self.owns(poll.connection):
                state.failures = 0
        except FeedExpired as error:
            _log.warning("feed_expired", feed=poll.key, detail=str(error))
            self._start_anew(poll)
            return "expired"
        return "done"

    def poll(self, poll: _Poll, interval_s: float = 0.0) -> bool:
        """Poll once; True when another page is waiting already.

        Args:
            poll: What to ask.
            interval_s: How often that is done now, for those who want to know; 0 where that is not known.
        """
        rebuilt = self._rebuilt(poll)
        known = self.cursors.get(poll.key)
        if known is not None and known.rebuilt_ms < max(rebuilt.values(), default=0):
            known = self._look_back(poll, known, rebuilt)
        exchange = poll.feed.poll(self.setups.session(poll.connection), known.cursor if known else None)
        page = run_blocking(self.caller.run(poll.connection, exchange, wait_s=2.0))
        news = self._seen.unseen(poll.key, page.hints)
        run_blocking(self.bus.publish(self._unknown(self._notices(poll, news))))
        self._seen.remember(poll.key, news)
        complete = page.complete_to_ms or (known.complete_to_ms if known else 0)
        if known is None or page.cursor != known.cursor or complete > known.complete_to_ms + 60_000:
            saved = self._cursor(poll, page.cursor, complete, rebuilt)
            self.cursors.save(saved.model_copy(update={"interval_s": round(interval_s, 3)}))
        self._show_age(poll, complete)
        self.noting.page(poll.connection, poll.name, cursor=page.cursor, events=len(news), more=page.more)
        return page.more

    def _ask_links(self, poll: _LinkPoll, interval_s: float) -> bool:
        """Ask about one batch of linked records; True when another one is waiting already."""
        step = self.links.step(poll.connection, poll.object, poll.feed)
        if not step.more:
            done = self._cursor(poll, "", step.began_ms, self._rebuilt(poll))
            self.cursors.save(done.model_copy(update={"interval_s": round(interval_s, 3), "calls": step.calls}))
            self._show_age(poll, step.began_ms)
        self.noting.page(poll.connection, poll.name, cursor="", events=step.told, more=step.more)
        return step.more

    def _notices(self, poll: _Poll, hints: Sequence[Hint]) -> list[Notice]:
        now_ms = self.clock.now_ms()
        return [as_notice(hint, poll.connection, poll.object, now_ms) for hint in hints]

    def _unknown(self, notices: Sequence[Notice]) -> list[Outbound]:
        """Address the notices of what is not known already: most of a busy feed are echoes of our own writes."""
        try:
            known = run_blocking(self.known.among(notices))
        except NotReady:
            known = set()  # the hydrator looks once more, when the links are there
        return [addressed(notice) for number, notice in enumerate(notices) if number not in known]

    def _rebuilt(self, poll: _AnyPoll) -> dict[str, int]:
        """Return when Redis was last rebuilt for each sync that the feed serves."""
        return {
            policy.sync: self.setups.rebuilt_ms(policy.sync)
            for policy, _ in self.setups.sides_of(poll.connection, poll.object)
        }

    def _look_back(self, poll: _Poll, known: Cursor, rebuilt: Mapping[str, int]) -> Cursor:
        """Move a feed back, or ask for a full reading; return the stored cursor where it goes on."""
        cursor = known.cursor
        if poll.feed.rewind is not None:
            cursor = poll.feed.rewind(cursor, _LOOK_BACK_MS)
        else:
            lost = {sync: at for sync, at in rebuilt.items() if at > known.rebuilt_ms}
            self._read_again("rebuilt", lost)
        self._seen.forget(poll.key)
        _log.info("feed_looks_back", feed=poll.key)
        moved = self._cursor(poll, cursor, known.complete_to_ms, rebuilt)
        self.cursors.save(moved)
        return moved

    def _cursor(self, poll: _AnyPoll, cursor: str, complete_to_ms: int, rebuilt: Mapping[str, int]) -> Cursor:
        return Cursor(
            connection=poll.connection,
            object=poll.object,
            feed=poll.feed.name,
            cursor=cursor,
            complete_to_ms=complete_to_ms,
            at_ms=self.clock.now_ms(),
            rebuilt_ms=max(rebuilt.values(), default=0),
        )

    def _start_anew(self, poll: _Poll) -> None:
        """Begin the feed now, and have everything read again: what it would have told is lost."""
        rebuilt = self._rebuilt(poll)
        exchange = poll.feed.poll(self.setups.session(poll.connection), None)
        page = run_blocking(self.caller.run(poll.connection, exchange, wait_s=2.0))
        self._read_again("expired", dict.fromkeys(rebuilt, self.clock.now_ms()))
        self.cursors.save(self._cursor(poll, page.cursor, page.complete_to_ms, rebuilt))

    def _read_again(self, why: Literal["rebuilt", "expired"], syncs: Mapping[str, int]) -> None:
        """Ask for all records of syncs to be looked at, unless a job that will do is there.

        The time beside each sync tells one such job from another.
        """
        now_ms, enough = self.clock.now_ms(), _ENOUGH[why]
        there = {row.job.sync for row in self.jobs.rows() if row.job.reads_all and row.state in enough}
        jobs = [
            Job(id=f"{why}-{sync}-{at}", kind=JobKind.RESYNC, sync=sync, asked_at_ms=now_ms)
            for sync, at in syncs.items()
            if sync not in there
        ]
        run_blocking(
            self.bus.publish(
                [Outbound(topic=topics.JOBS, key=f"job:{job.id}", message=JobDoc(job=job)) for job in jobs]
            )
        )

    def _show_age(self, poll: _AnyPoll, complete_to_ms: int = 0) -> None:
        """Show how old a change may be that the feed has not told yet; its app's clock counts, where it tells one."""
        if not complete_to_ms:
            known = self.cursors.get(poll.key)
            complete_to_ms = known.complete_to_ms if known else 0
        if complete_to_ms:
            age = max(0, self.clock.now_ms() - complete_to_ms) / 1000
            self.metrics.set("feed_age_seconds", age, connection=poll.connection, feed=poll.feed.name)


def _pause(poll: _AnyPoll, state: _State) -> float:
    """Return how long a feed that failed once more is left alone."""
    state.failures += 1
    doubled: float = _FIRST_PAUSE_S * 2 ** min(state.failures, 8)
    return min(_LONGEST_PAUSE_S, max(poll.interval_s, doubled))
