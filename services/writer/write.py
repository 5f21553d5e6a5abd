"""Write: send what pairs decided, in batches, and answer every write exactly as the app answered it.

The pending mark of the pair is the only journal: a command whose mark is gone is not sent, and a command that comes
twice runs the same procedure twice, which finds its own first effect.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from shared import topics
from shared.core.connector import AppError, Binding, Change, Exchange, Refused, Retry, Session, Stale, WriteResult
from shared.core.outcomes import Done, Drop, Outcome
from shared.core.pairs import Answer, Pair, PairEvent
from shared.core.records import Report
from shared.io.ports import Bus, Caller, Inbound, NotReady, Outbound
from shared.io.store import Loaded, Store
from shared.messages import PairAnswer, RecordSeen, WriteCommand
from shared.setups import Setups

_WAITS: Final[frozenset[Retry]] = frozenset({"busy", "outage", "auth"})
"""Classes of errors after which the write was not executed and may be decided anew."""

_ANSWERED: Final = frozenset({"older_settings", "place_taken"})
"""Why a write that its pair still waits for is not sent: the pair must hear of it, and decide anew."""

Command = Inbound[WriteCommand]


@dataclass(frozen=True, slots=True)
class _Group:
    """Writes that one call may carry."""

    connection: str
    object: str
    op: str
    share: str


class Write:
    """The handler of `writes.*`."""

    def __init__(self, store: Store, bus: Bus, setups: Setups, caller: Caller, *, wait_s: float = 5.0) -> None:
        self._store = store
        self._bus = bus
        self._setups = setups
        self._caller = caller
        self._wait_s = wait_s

    async def handle(self, batch: Sequence[Command]) -> list[Outcome]:
        """Execute the writes of the batch that still stand, answer them, and say what became of each command."""
        outcomes: dict[int, Outcome] = {}
        loaded = await self._store.load({(row.message.sync, row.message.pair) for row in batch})
        groups: dict[_Group, list[Command]] = {}
        out: list[Outbound] = []
        for inbound in batch:
            command = inbound.message
            verdict = self._verdict(command, loaded[command.sync, command.pair])
            if verdict is not None:
                outcomes[id(inbound)] = verdict
                if verdict.reason in _ANSWERED:
                    out.append(_answer(inbound, Answer(write=command.key, result="dropped")))
                continue
            share = "backfill" if inbound.topic.endswith(".backfill") else "live"
            groups.setdefault(_Group(command.connection, command.object, command.op, share), []).append(inbound)
        await self._bus.publish(out)
        for group, commands in groups.items():
            outcomes |= await self._run(group, commands)
        return [outcomes[id(inbound)] for inbound in batch]

    def _verdict(self, command: WriteCommand, loaded: Loaded) -> Drop | None:
        """Say why a command must not be sent; None when it stands."""
        policy = self._setups.policy(command.sync)
        if policy is None:
            return Drop("no_sync")
        if command.setup > policy.setup:
            raise NotReady(command.sync)  # this worker has not read the newest settings yet
        pair = Pair.model_validate_json(loaded.state) if loaded.state else None
        pending = pair.pending.get(command.side) if pair is not None else None
        if pending is None or pending.key != command.key:
            return Drop("not_pending")
        if command.setup < policy.setup or not policy.enabled:
            return Drop("older_settings")
        if command.op == "create" and not _place_kept(command, pair, loaded):
            return Drop("place_taken")
        return None

    async def _run(self, group: _Group, commands: Sequence[Command]) -> dict[int, Outcome]:
        """Execute the writes of one group: each call acknowledged by Kafka before the next is made."""
        binding = self._setups.binding(group.connection, group.object)
        outcomes: dict[int, Outcome] = {}
        stopped: AppError | None = None
        for chunk in _chunks(commands, binding.write_batch):
            if stopped is None:
                results, stopped = await self._send(group, binding, chunk)
            else:
                results = [_held(row, stopped) for row in chunk]
            await self._bus.publish([row for row, _ in results])
            outcomes |= {id(inbound): outcome for inbound, (_, outcome) in zip(chunk, results, strict=True)}
            if stopped is not None and stopped.retry not in _WAITS:
                stopped = None
        return outcomes

    async def _send(
        self, group: _Group, binding: Binding, chunk: Sequence[Command]
    ) -> tuple[list[tuple[Outbound, Outcome]], AppError | None]:
        """Make one call; halve the batch when the app refuses it whole, until the bad item stands alone."""
        call = _operation(binding, group.op)
        changes = [_change(row.message) for row in chunk]
        session = self._setups.session(group.connection)
        error: AppError | None = None
        for _ in range(2):  # an unknown outcome is found out by the same procedure, which looks before it writes
            try:
                results = await self._caller.run(
                    group.connection, call(session, changes), share=group.share, wait_s=self._wait_s
                )
            except AppError as caught:
                error = caught
                if not caught.unknown:
                    break
            else:
                by_key = {result.key: result for result in results}
                return [_told(row, by_key[row.message.key]) for row in chunk], None
        if error is None:
            raise RuntimeError("a call ended with neither results nor an error")
        if error.retry in _WAITS or error.unknown:
            return [_held(row, error) for row in chunk], error
        if len(chunk) == 1:
            return [_refused(chunk[0], _as_refused(chunk[0].message.key, error))], None
        half = len(chunk) // 2
        first, stopped = await self._send(group, binding, chunk[:half])
        if stopped is not None:
            return [*first, *(_held(row, stopped) for row in chunk[half:])], stopped
        second, stopped = await self._send(group, binding, chunk[half:])
        return [*first, *second], stopped


def _place_kept(command: WriteCommand, pair: Pair | None, loaded: Loaded) -> bool:
    """Tell whether a create may be sent: its place is kept for it, or holds what it made.

    A record may be seen before the create's own answer comes. The pair waits on, because the answer says what was
    sent; the procedure finds the record by its marker and makes no other.
    """
    slot = loaded.slots.of(command.side)
    end = pair.side(command.side) if pair is not None else None
    return slot == "*" or (end is not None and slot == f":{end.id}")


def _operation(binding: Binding, op: str) -> Callable[[Session, Sequence[Change]], Exchange[Sequence[WriteResult]]]:
    return {"create": binding.create_many, "update": binding.update_many, "archive": binding.archive_many}[op]


def _change(command: WriteCommand) -> Change:
    return Change(
        key=command.key,
        id=command.id,
        marker=command.marker,
        fields=command.fields,
        before=command.before,
        expected=command.expected,
        links=command.links,
    )


def _chunks(commands: Sequence[Command], most: int) -> Iterable[list[Command]]:
    """Cut into batches that never hold a record, or a write, twice; a second write to a record follows the first."""
    waiting = list(commands)
    while waiting:
        chunk: list[Command] = []
        left: list[Command] = []
        taken: set[str] = set()
        for row in waiting:
            name = row.message.id or row.message.marker
            if len(chunk) < most and name not in taken:
                chunk.append(row)
            else:
                left.append(row)
            taken.add(name)
        yield chunk
        waiting = left


def _told(inbound: Command, result: WriteResult) -> tuple[Outbound, Outcome]:
    """Spell a result as the message that answers the write."""
    command = inbound.message
    if isinstance(result, Refused):
        if result.retry in _WAITS:
            error = AppError(result.code, result.message, retry=result.retry)
            return _held(inbound, error)
        return _refused(inbound, result)
    if isinstance(result, Stale):
        return _with_record(inbound, result.report, Answer(write=command.key, result="stale")), Done("stale")
    answer = Answer(write=command.key, result="found" if result.found else "written")
    return _with_record(inbound, result.report, answer), Done(answer.result)


def _refused(inbound: Command, refused: Refused) -> tuple[Outbound, Outcome]:
    answer = Answer(
        write=inbound.message.key,
        result="refused",
        code=refused.code,
        message=refused.message,
        field=refused.field or "",
        retry=refused.retry,
        conflicting_id=refused.conflicting_id or "",
    )
    return _answer(inbound, answer), Done("refused")


def _as_refused(key: str, error: AppError) -> Refused:
    return Refused(
        key=key, code=error.code, message=error.message, retry=error.retry, conflicting_id=error.conflicting_id
    )


def _held(inbound: Command, error: AppError) -> tuple[Outbound, Outcome]:
    answer = Answer(
        write=inbound.message.key,
        result="held",
        code=error.code,
        message=error.message,
        retry=error.retry,
        retry_after_ms=int((error.retry_after_s or 0) * 1000),
    )
    return _answer(inbound, answer), Done("held")


def _answer(inbound: Command, answer: Answer) -> Outbound:
    command = inbound.message
    event = PairEvent(
        sync=command.sync,
        pair=command.pair,
        kind="answer",
        side=command.side,
        answer=answer,
        accepted_ms=command.accepted_ms,
    )
    return Outbound(topic=topics.PAIRS, key=command.pair, message=event, cause=inbound)


def _with_record(inbound: Command, report: Report, answer: Answer) -> Outbound:
    """Answer through `records`, so that match links a record that a create made before anybody else sees it."""
    command = inbound.message
    row = PairAnswer(sync=command.sync, pair=command.pair, side=command.side, answer=answer)
    seen = RecordSeen(report=report, origin="answer", answers=(row,), accepted_ms=command.accepted_ms)
    key = f"{report.connection}/{report.object}/{report.id}"
    return Outbound(topic=topics.RECORDS, key=key, message=seen, cause=inbound)
