"""What becomes of messages whose record has, or finds, its place in another pair."""

from collections.abc import Sequence
from typing import Final

from services.matcher.resolving.outputs import read_again
from services.matcher.resolving.work import Resolved
from shared.engine.survivors import SAME_RECORD
from shared.io.links.places import UNCHANGED_IDENTITY, place_of
from shared.io.links.requests import Swapped, spell_keys
from shared.io.ports import Inbound, Outbound
from shared.model.outcomes import Done, Drop, Outcome
from shared.model.pairs import PairEvent, SideState
from shared.model.records import Life, Report, Side
from shared.model.words import Did
from shared.wire import topics

_WEIGHED: Final = ("taken", "known", "stale_version")
"""Results of a report for which no second read was asked."""


def tell(decided: Resolved, now_ms: int) -> list[Outbound]:
    """Set the outcomes of a stepped pair's messages, and return what to publish for records without a place.

    The outcome of a redelivered message is not known any more, so its record is read again if the pair now disagrees
    with the message.
    """
    out: list[Outbound] = []
    work = decided.work
    taken = {id(event): result for event, result in decided.opened.step.results}
    for inbound in work.messages:
        result = taken.get(id(inbound.message), "redelivered")
        event = inbound.message
        outcome: Outcome = Done("stepped") if result in ("taken", "redelivered") else Drop(result)
        report = event.report
        if report is not None and event.side:
            elsewhere = result == "linked_elsewhere" or (
                result == "redelivered" and not _holds(decided, event.side, report)
            )
            homeless = elsewhere and report.life is Life.ALIVE
            if homeless or (_is_weighed(decided, event.side, result) and _set_back(decided, event.side, report)):
                out.append(read_again(work.policy, event.side, report.id, inbound, now_ms))
        work.outcomes.setdefault(id(inbound), outcome)
    return out + _replaced(decided, now_ms)


def _replaced(decided: Resolved, now_ms: int) -> list[Outbound]:
    """Read a record again if another one took its place in the pair: no other message may come for it.

    The stored state tells which, so that a redelivery asks again. What was merged away lives on in the other one.
    """
    work = decided.work
    return [
        read_again(work.policy, row.side, row.old, work.messages[-1], now_ms)
        for row in decided.pair.decisions()
        if row.did == Did.REPLACED and row.side is not None and row.note not in SAME_RECORD and isinstance(row.old, str)
    ]


def _is_weighed(decided: Resolved, side: Side, result: str) -> bool:
    """Check whether no second read of the record is under way."""
    end = decided.pair.side(side)
    return result in _WEIGHED or (result in ("asked_again", "redelivered") and end is not None and not end.ask)


def _holds(decided: Resolved, side: Side, report: Report) -> bool:
    end = decided.pair.side(side)
    return end is not None and end.id == report.id


def _set_back(decided: Resolved, side: Side, report: Report) -> bool:
    """Check whether the step may have overwritten newer values that a report put into Redis.

    A newer report with the same values may have been overwritten too, and only a claim can store those again.
    """
    now = decided.ends.get(side)
    if now is None or now.id != report.id:
        return False
    told = place_of(decided.work.policy.sides[side], report)
    if told.alive and now.alive and told.identity == UNCHANGED_IDENTITY:
        return False
    return (told.alive, spell_keys(told)) != (now.alive, spell_keys(now))


def holds_already(decided: Resolved, result: Swapped) -> bool:
    """Check whether the pair held the record before this step, although the links say that another one does."""
    before, now = _ends_at(decided, result)
    return before is not None and now is not None and before.id == now.id


def _ends_at(decided: Resolved, result: Swapped) -> tuple[SideState | None, SideState | None]:
    if result.side is None:
        raise ValueError("a record that another pair has stands on a side")
    return decided.old.side(result.side), decided.pair.side(result.side)


def pass_on(decided: Resolved, result: Swapped) -> list[Outbound]:
    """Send the messages that brought another pair's record to that pair; this one steps again without them.

    It keeps the record that it has: were it given away as well, nobody would hold it.
    """
    work, now = decided.work, _ends_at(decided, result)[1]
    passed = [
        inbound
        for inbound in work.messages
        if inbound.message.side == result.side
        and inbound.message.report is not None
        and now is not None
        and inbound.message.report.id == now.id
    ]
    if not passed:
        raise RuntimeError(f"{work.key[1]} of {work.key[0]} took a record that no message brought")
    out = forward(passed, result.owner, surplus=result.surplus)
    for inbound in passed:
        work.messages.remove(inbound)
        work.outcomes[id(inbound)] = Done("forwarded")
        event = inbound.message
        if event.answer is not None:  # the pair must not wait for it for ever
            dropped = event.model_copy(
                update={
                    "kind": "answer",
                    "report": None,
                    "answer": event.answer.model_copy(update={"result": "dropped"}),
                }
            )
            out.append(Outbound(topic=topics.PAIRS, key=work.key[1], message=dropped, cause=inbound))
    return out


def forward(messages: Sequence[Inbound[PairEvent]], owner: str, *, surplus: bool = False) -> list[Outbound]:
    """Pass messages on to the pair that holds the record now."""
    out = []
    for inbound in messages:
        event = inbound.message
        if event.kind != "report":
            continue
        moved = event.model_copy(update={"pair": owner, "answer": None, "surplus": surplus, "passed_on": True})
        out.append(Outbound(topic=topics.PAIRS, key=owner, message=moved, cause=inbound))
    return out
