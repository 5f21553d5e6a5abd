"""Spelling what an app said about a write as the message that answers it, and as the outcome of its command."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from shared.contract.calls import AppError
from shared.contract.writing import Refused, Stale, WriteResult
from shared.io.ports import Inbound, Outbound
from shared.model.ids import record_key
from shared.model.outcomes import Delay, Done, Drop, Later, Outcome
from shared.model.pairs import Answer, PairEvent
from shared.model.records import Life, Report, within_limit
from shared.model.words import Retry
from shared.wire import topics
from shared.wire.messages import Delayed, PairAnswer, RecordSeen, WriteCommand

WAITS: Final[frozenset[Retry]] = frozenset({"busy", "outage", "auth"})
"""Classes of errors after which the write was not executed and may be decided anew."""
MAYBE_SENT: Final = "maybe-sent"
"""Header of a command that comes again: how often it was sent without our learning what became of it."""
_ANSWERED: Final = frozenset({"older_settings", "newer_settings", "place_taken"})
"""Why a write that its pair still waits for is not sent: the pair must hear of it, and decide anew."""

Command: TypeAlias = Inbound[WriteCommand]
Result: TypeAlias = Literal["", "written", "found", "stale", "refused", "held", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteOutcome:
    """What became of one command."""

    command: Command
    outcome: Outcome
    message: Outbound | None = None
    """To be acknowledged by Kafka before the outcome counts."""
    result: Result = ""
    """How the app took the write; empty when it was not asked."""
    by_setup: bool = False
    """Refused for as long as something is set up as it is, such as the options of a field."""


def tries(command: Command) -> int:
    """Return how often a command was sent already without our learning what became of it."""
    stated = command.headers.get(MAYBE_SENT, "")
    return int(stated) if stated.isascii() and stated.isdigit() and len(stated) < 6 else 0


def not_sent(command: Command, drop: Drop) -> WriteOutcome:
    """Drop a command, and tell its pair where that still waits for it."""
    message = None
    if drop.reason in _ANSWERED:
        message = _answer(command, Answer(write=command.message.key, n=command.message.n, result="dropped"))
    return WriteOutcome(command=command, outcome=drop, message=message)


def not_yet(command: Command) -> WriteOutcome:
    """Bring a command again, untouched, because this batch has no time left for it."""
    return WriteOutcome(command=command, outcome=Later("no_time"))


def told(
    command: Command,
    result: WriteResult,
    *,
    alone: bool = False,
    identifiers: frozenset[str] = frozenset(),
    without: tuple[str, ...] = (),
) -> WriteOutcome:
    """Answer a write with what the app said about it.

    Args:
        command: The write.
        result: What the app said.
        alone: No other sync takes part in records of that object.
        identifiers: Fields that its sync knows such records by.
        without: Syncs that do not run here, whose fields nobody asked for.
    """
    key = command.message.key
    if isinstance(result, Refused):
        if result.retry in WAITS:
            return put_off(command, AppError(result.code, result.message, retry=result.retry))
        return _refused(command, result)
    if isinstance(result, Stale):
        answer = Answer(write=key, result="stale")
        return WriteOutcome(
            command=command,
            outcome=Done("stale"),
            message=_with_record(command, result.report, answer, without),
            result="stale",
        )
    named: Literal["found", "written"] = "found" if result.found else "written"
    answer = Answer(write=key, result=named)
    if alone and (command.message.op == "create" or not _tells_who(command, result.report, identifiers)):
        message = _answer(command, answer, result.report)
    else:
        message = _with_record(command, result.report, answer, without)
    return WriteOutcome(command=command, outcome=Done(named), message=message, result=named)


def _tells_who(command: Command, report: Report, identifiers: frozenset[str]) -> bool:
    """Check whether the answer to an update says anything that the links would want to know of its record."""
    same = report.id == command.message.id and report.life is Life.ALIVE and not report.aliases
    return not same or not identifiers.isdisjoint(report.fields)


def all_refused(commands: Sequence[Command], error: AppError) -> list[WriteOutcome]:
    """Publish that the app refuses each of these writes for the same reason."""
    return [_refused(command, refusal_of(command, error)) for command in commands]


def refusal_of(command: Command, error: AppError) -> Refused:
    """Return what an error of the app means for one write."""
    return Refused(
        key=command.message.key,
        code=error.code,
        message=error.message,
        retry=error.retry,
        conflicting_id=error.conflicting_id,
    )


def put_off(command: Command, error: AppError) -> WriteOutcome:
    """Answer a write that the app does not take now, so that its pair decides anew when it is time.

    One that may have been executed earlier keeps its pending mark instead: were that cleared, what we wrote would look
    like somebody's edit.
    """
    if tries(command):
        return WriteOutcome(command=command, outcome=Later("outcome_unknown", _delay(tries(command))), result="held")
    answer = Answer(
        write=command.message.key,
        n=command.message.n,
        result="held",
        code=error.code,
        message=error.message,
        retry=error.retry,
    )
    return WriteOutcome(command=command, outcome=Done("held"), message=_answer(command, answer), result="held")


def outcome_unknown(command: Command, now_ms: int) -> WriteOutcome:
    """Bring a write again that may have been executed; the same procedure looks before it writes."""
    number = tries(command) + 1
    delay = _delay(number)
    again = Delayed(
        topic=command.topic,
        key=command.key,
        raw_base64=base64.b64encode(command.raw).decode(),
        headers={**command.headers, MAYBE_SENT: str(number)},
        due_ms=now_ms + topics.DELAYS_MS[delay],
    )
    message = Outbound(topic=topics.LATER[delay], key=command.key, message=again, cause=command)
    return WriteOutcome(command=command, outcome=Done("outcome_unknown"), message=message, result="unknown")


def _delay(number: int) -> Delay:
    return "10s" if number <= 6 else "1m" if number <= 30 else "10m"


def _refused(command: Command, refused: Refused) -> WriteOutcome:
    answer = Answer(
        write=command.message.key,
        n=command.message.n,
        result="refused",
        code=refused.code,
        message=refused.message,
        field=refused.field or "",
        retry=refused.retry,
        conflicting_id=refused.conflicting_id or "",
    )
    return WriteOutcome(
        command=command,
        outcome=Done("refused"),
        message=_answer(command, answer),
        result="refused",
        by_setup=refused.retry == "setup",
    )


def _answer(command: Command, answer: Answer, report: Report | None = None) -> Outbound:
    """Answer the pair itself, which links a record that was *reported* as it steps: until then, a mark leads there."""
    write = command.message
    event = PairEvent(
        sync=write.sync,
        pair=write.pair,
        kind="answer" if report is None else "report",
        side=write.side,
        report=None if report is None else within_limit(report),
        answer=answer,
        origin="live" if report is None else "answer",
        accepted_ms=write.accepted_ms,
    )
    return Outbound(topic=topics.PAIRS, key=write.pair, message=event, cause=command)


def _with_record(command: Command, report: Report, answer: Answer, without: tuple[str, ...]) -> Outbound:
    """Answer through `records`, where match tells the links what the record is known by now, and every sync of it."""
    write = command.message
    row = PairAnswer(sync=write.sync, pair=write.pair, side=write.side, answer=answer)
    # Not even where the write's own sync has ceased to run meanwhile: nobody else has its answer.
    others = tuple(sync for sync in without if sync != write.sync)
    seen = RecordSeen(
        report=within_limit(report), origin="answer", answers=(row,), without=others, accepted_ms=write.accepted_ms
    )
    key = record_key(report.connection, report.object, report.id)
    return Outbound(topic=topics.RECORDS, key=key, message=seen, cause=command)
