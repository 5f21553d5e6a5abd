"""Write: send what pairs decided, in batches, and answer every write exactly as the app answered it.

The pending mark of the pair is the only journal: a command whose mark is gone is not sent, and a command that comes
twice runs the same procedure twice, which finds its own first effect.
"""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias

from services.writer.answers import (
    WAITS,
    Command,
    WriteOutcome,
    all_refused,
    not_sent,
    not_yet,
    outcome_unknown,
    put_off,
    refusal_of,
    told,
)
from services.writer.doubles import find_doubles
from services.writer.plan import Call, Target, calls, change, lanes, live_creates, target_of, waves
from shared.config.running import Running
from shared.config.setups import Setups, UnknownSetup
from shared.contract.app import Binding
from shared.contract.calls import AppError, Exchange, Session
from shared.contract.writing import Change, Refused, WriteResult, Written
from shared.io.envelope import setups_seen
from shared.io.links.requests import Loaded
from shared.io.links.store import Store
from shared.io.ports import Bus, Caller, Clock, NotReady, Outbound, Together, one_by_one
from shared.metrics import Metrics
from shared.model.fields import label_of
from shared.model.outcomes import NEWER_VERSION, NOT_RUN_HERE, Drop, Outcome
from shared.model.pairs import NewerState, Standing
from shared.wire import topics
from shared.wire.messages import REFUSED, Cursor, WriteCommand

_WHOLE: Final = frozenset({401, 403})
"""Statuses that concern the connection: halving the batch would only find each item refused for the same reason."""

_QUIET_MS: Final = 10_000
"""Between two notes that an app refuses something because of how it is set up."""

Work: TypeAlias = Callable[[], Coroutine[Any, Any, list[WriteOutcome]]]


@dataclass(slots=True)
class _Run:
    """One batch under way."""

    until_ms: int
    stopped: dict[str, AppError] = field(default_factory=dict)
    """Connections that take no more calls for now, and why."""
    refused: dict[str, Refused] = field(default_factory=dict)
    """Creates that are not sent, by their keys."""


class Write:
    """The handler of `writes.*`.

    Args:
        store: The links, asked whether a write still stands.
        bus: Where answers go.
        setups: The current settings.
        caller: Runs exchanges, within the budget of their account.
        clock: Wall clock.
        metrics: Where writes are counted.
        together: How calls that may run at the same time are run.
        stop: Tells that the process ends: what was not begun is left for later.
        wait_s: Seconds a call may wait for its account's budget.
        hold_s: Seconds after which no further call of a batch is begun.
    """

    def __init__(
        self,
        store: Store,
        bus: Bus,
        setups: Setups,
        caller: Caller,
        *,
        clock: Clock,
        metrics: Metrics,
        together: Together = one_by_one,
        stop: Callable[[], bool] = lambda: False,
        wait_s: float = 5.0,
        hold_s: float = 8.0,
    ) -> None:
        self._store = store
        self._bus = bus
        self._setups = setups
        self._caller = caller
        self._clock = clock
        self._metrics = metrics
        self._together = together
        self._stop = stop
        self._wait_s = wait_s
        self._hold_s = hold_s
        self._refused_ms: dict[str, int] = {}

    async def handle(self, batch: Sequence[Command]) -> list[Outcome]:
        """Execute the writes of the batch that still stand, answer them, and say what became of each command."""
        now = self._clock.now_ms()
        run = _Run(until_ms=now + int(self._hold_s * 1000))
        outcomes: dict[int, Outcome] = {}
        once: dict[str, Command] = {}
        for command in batch:
            if once.setdefault(command.message.key, command) is not command:
                outcomes[id(command)] = Drop("twice")
        known: list[Command] = []
        strangers: list[Command] = []
        not_run = self._setups.running.not_run
        for command in once.values():
            if command.message.sync in not_run:
                outcomes[id(command)] = NOT_RUN_HERE
                continue
            (known if self._is_set_up(command.message) else strangers).append(command)
        done: list[WriteOutcome] = []
        if strangers:  # no call can be planned for them
            _, done = await self._sift(strangers)
            await self._publish(done)
        for wave in waves(known):
            planned = calls(wave, self._most)
            await self._together([self._look(*creates, run) for creates in live_creates(planned)])
            works = [self._work(lane, run) for lane in lanes(planned, self._width)]
            done += [row for rows in await self._together(works) for row in rows]
        outcomes |= {id(row.command): row.outcome for row in done}
        return [outcomes[id(command)] for command in batch]

    # Whether a write still stands

    async def _sift(self, commands: Sequence[Command]) -> tuple[list[Command], list[WriteOutcome]]:
        """Divide commands into those that still stand and those that must not be sent."""
        loaded = await self._store.load({(row.message.sync, row.message.pair) for row in commands})
        standing: list[Command] = []
        dropped: list[WriteOutcome] = []
        running = self._setups.running
        for command in commands:
            if command.message.sync in running.not_run:
                dropped.append(WriteOutcome(command=command, outcome=NOT_RUN_HERE))
                continue
            try:
                drop = self._verdict(command, running, loaded[command.message.sync, command.message.pair])
            except NewerState:
                dropped.append(WriteOutcome(command=command, outcome=NEWER_VERSION))
                continue
            if drop is None:
                standing.append(command)
            else:
                dropped.append(not_sent(command, drop))
        return standing, dropped

    def _verdict(self, command: Command, running: Running, loaded: Loaded) -> Drop | None:
        """Return why a command must not be sent; None when it stands."""
        write = command.message
        policy = running.policies.get(write.sync)
        if (policy is None or write.setup > policy.setup) and self._behind(command):
            raise NotReady(write.sync)
        if policy is None or not self._is_set_up(write):
            return Drop("no_sync")
        state = Standing.read(loaded.state) if loaded.state else Standing()
        if not state.waits_for(write.side, write.key, write.n):
            return Drop("not_pending")
        if write.setup > policy.setup:
            return Drop("newer_settings")  # of a sync that was deleted, and set up again under its name
        if write.setup < policy.setup or not policy.enabled:
            return Drop("older_settings")
        if write.op == "create" and not _place_kept(write, state, loaded):
            return Drop("place_taken")
        return None

    def _behind(self, command: Command) -> bool:
        """Check whether the sender knew newer settings than this worker has read."""
        seen = setups_seen(command.headers)
        return seen > self._setups.offset or (seen < 0 and self._setups.policy(command.message.sync) is not None)

    def _is_set_up(self, write: WriteCommand) -> bool:
        try:
            self._setups.binding(write.connection, write.object)
        except UnknownSetup:
            return False
        return True

    # Calls

    def _most(self, target: Target) -> int:
        return self._setups.binding(target.connection, target.object).write_batch

    def _width(self, target: Target) -> int:
        """Return how many calls an account takes at once; backfill leaves one of them to live writes."""
        most = self._setups.app_of(target.connection).max_parallel
        return most - 1 if target.share == "backfill" else most

    def _work(self, lane: Sequence[Call], run: _Run) -> Work:
        async def work() -> list[WriteOutcome]:
            done: list[WriteOutcome] = []
            for call in lane:
                rows = await self._call(call, run)
                await self._publish(rows)
                done += rows
            return done

        return work

    def _look(self, target: Target, commands: Sequence[Command], run: _Run) -> Work:
        async def look() -> list[WriteOutcome]:
            """Learn which of the records that are to be created are there already."""
            if self._stop():
                return []  # none of them will be sent
            try:
                found = await find_doubles(self._setups, self._caller, target, commands, wait_s=self._wait_s)
            except AppError as error:
                if error.retry in WAITS:
                    run.stopped[target.connection] = error
                    return []
                found = {row.message.key: refusal_of(row, error) for row in commands}
            run.refused |= found
            return []

        return look

    async def _call(self, call: Call, run: _Run) -> list[WriteOutcome]:
        """Make one call of the writes that still stand, unless its account stopped or the batch has no time left."""
        error = run.stopped.get(call.target.connection)
        if error is not None:
            return [put_off(command, error) for command in call.commands]
        if self._clock.now_ms() >= run.until_ms or self._stop():
            return [not_yet(command) for command in call.commands]
        # Looked at as late as this, because a record may be found for the place of a create, and a newer edit may
        # replace an update, while the batch is under way.
        standing, dropped = await self._sift(call.commands)
        refused = [told(row, run.refused[row.message.key]) for row in standing if row.message.key in run.refused]
        left = tuple(row for row in standing if row.message.key not in run.refused)
        if not left:
            return [*dropped, *refused]
        binding = self._setups.binding(call.target.connection, call.target.object)
        return [*dropped, *refused, *await self._send(replace(call, commands=left), binding, run)]

    async def _send(self, call: Call, binding: Binding, run: _Run) -> list[WriteOutcome]:
        """Send a call; halve it when the app refuses it whole, until the bad item stands alone."""
        running = self._setups.running
        results, error, unknown = await self._attempt(call, binding, run)
        if error is None:
            by_key = {result.key: result for result in results}
            sides = running.sides_of(call.target.connection, binding.object)
            identifiers = frozenset[str]().union(*(policy.sides[side].identifiers for policy, side in sides))
            without = running.foreign_syncs(call.target.connection, binding.object)
            return [
                told(
                    row,
                    self._whole(row.message, by_key[row.message.key], binding, running),
                    alone=len(sides) == 1,
                    identifiers=identifiers,
                    without=without,
                )
                for row in call.commands
            ]
        if error.retry in WAITS and not error.unknown:
            run.stopped[call.target.connection] = error
        if unknown:
            now = self._clock.now_ms()
            return [outcome_unknown(command, now) for command in call.commands]
        if error.retry in WAITS:
            return [put_off(command, error) for command in call.commands]
        if len(call.commands) == 1 or error.status in _WHOLE:
            return all_refused(call.commands, error)
        half = len(call.commands) // 2
        done = await self._call(replace(call, commands=call.commands[:half]), run)
        return done + await self._call(replace(call, commands=call.commands[half:]), run)

    def _whole(self, write: WriteCommand, result: WriteResult, binding: Binding, running: Running) -> WriteResult:
        """Return a new record with all fields that syncs keep: what an app that tells all did not tell is empty."""
        if not isinstance(result, Written) or write.op != "create" or result.found or binding.create_answer != "whole":
            return result
        told = result.report.fields
        kept = running.fields_of(write.connection, write.object)
        fields = {name: told.get(name) for name in kept if name in told or not label_of(name)}
        return replace(result, report=result.report.model_copy(update={"fields": fields}))

    async def _attempt(
        self, call: Call, binding: Binding, run: _Run
    ) -> tuple[Sequence[WriteResult], AppError | None, bool]:
        """Run the procedure, once more where its outcome is unknown: it looks before it writes.

        Gives the results; or the last error, and whether any try of it may have been executed.
        """
        session = self._setups.session(call.target.connection)
        changes = [change(command.message) for command in call.commands]
        error: AppError | None = None
        for _ in range(2):
            left_s = (run.until_ms - self._clock.now_ms()) / 1000
            if error is not None and (not error.unknown or left_s <= 0 or self._stop()):
                break
            try:
                results = await self._caller.run(
                    call.target.connection,
                    _operation(binding, call.target)(session, changes),
                    share=call.target.share,
                    wait_s=max(0.0, min(self._wait_s, left_s)),
                    about=[row.message.id or row.message.pair for row in call.commands],
                )
            except AppError as caught:
                unknown = caught.unknown or (error is not None and error.unknown)
                error = caught
            else:
                return results, None, False
        return (), error, unknown

    # Answers

    async def _publish(self, rows: Sequence[WriteOutcome]) -> None:
        """Publish answers, and count them once Kafka has acknowledged them."""
        messages = [row.message for row in rows if row.message is not None]
        messages += self._to_look_at([row.command for row in rows if row.by_setup])
        if messages:
            await self._bus.publish(messages)
        for row in rows:
            if row.result:
                self._count(row)

    def _to_look_at(self, commands: Sequence[Command]) -> list[Outbound]:
        """Ask for a look at the fields of objects whose app refused something because of how it is set up."""
        now, found = self._clock.now_ms(), []
        for write in (command.message for command in commands):
            place = f"{write.connection}/{write.object}/{REFUSED}"
            if now - self._refused_ms.get(place, -_QUIET_MS) >= _QUIET_MS:
                self._refused_ms[place] = now
                told = Cursor(connection=write.connection, object=write.object, feed=REFUSED, cursor="", at_ms=now)
                found.append(Outbound(topic=topics.CURSORS, key=place, message=told))
        return found

    def _count(self, row: WriteOutcome) -> None:
        write = row.command.message
        self._metrics.count("writes_total", connection=write.connection, op=write.op, result=row.result)
        live = target_of(row.command).share == "live"
        if live and write.accepted_ms and row.result in ("written", "found"):
            delay_s = max(0, self._clock.now_ms() - write.accepted_ms) / 1000
            self._metrics.observe("change_delay_seconds", delay_s, connection=write.connection)


def _place_kept(command: WriteCommand, state: Standing, loaded: Loaded) -> bool:
    """Check whether a create may be sent: its place is kept for it, or holds what it made.

    A record may be seen before the create's own answer comes. The pair waits on, because the answer says what was
    sent; the procedure finds the record by its marker and makes no other.
    """
    slot, record = loaded.slots.of(command.side), state.record(command.side)
    return slot == "*" or (bool(record) and slot == f":{record}")


def _operation(
    binding: Binding, target: Target
) -> Callable[[Session, Sequence[Change]], Exchange[Sequence[WriteResult]]]:
    return {"create": binding.create_many, "update": binding.update_many, "archive": binding.archive_many}[target.op]
