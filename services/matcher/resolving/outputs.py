"""What the matcher publishes for the state of a pair.

Outputs are a function of the new state (and of the old one, to leave out what was published before), so that a
redelivered message publishes again what a crash may have swallowed.
"""

import base64
from collections.abc import Sequence
from typing import Any, Literal

from services.matcher.yielding import is_backfill, is_open
from shared.engine.policies import Policy
from shared.engine.refusals import TAKEN
from shared.io.ports import Inbound, Outbound
from shared.model.ids import record_key
from shared.model.pairs import Pair, PairEvent, Pending, SideState
from shared.model.records import SIDES, Life, Report, Side
from shared.model.touches import Touch
from shared.model.words import Did
from shared.wire import topics
from shared.wire.messages import Delayed, Notice, WriteCommand


def outputs(
    new: Pair,
    old: Pair,
    policy: Policy,
    *,
    text: str,
    again: bool,
    poked: Sequence[str],
    waiting: Sequence[tuple[str, str]],
    cause: Inbound[Any],
    now_ms: int,
) -> list[Outbound]:
    """List what to publish for a pair that went from *old* to *new*; with *again*, all that is still open.

    *text* is the new state as it was stored.
    """
    makes_way = new.yields or (is_backfill(cause.message) and not is_open(old))
    out = [Outbound(topic=topics.PAIR_STATE, key=new.pair, message=new, raw=text.encode(), cause=cause)]
    if new.absorbed_by:
        out += _hand_over(new, policy, cause, makes_way=makes_way)
    for side in SIDES:
        pending = new.pending.get(side)
        if pending is not None and (again or old.pending.get(side) != pending):
            out.append(_write(new, side, pending, policy, cause, backfill=makes_way))
        end, before = new.side(side), old.side(side)
        if end is not None and end.ask and (again or before is None or before.ask != end.ask):
            out.append(_second_read(policy, side, end, cause, now_ms))
    for trace in new.decisions():
        problem = new.problems.get(trace.key)
        if trace.did == Did.REFUSED and trace.side and problem is not None and problem.code == TAKEN and problem.other:
            out.append(read_again(policy, trace.side, problem.other, cause, now_ms))
    if new.again:
        out.append(_touch_later(new, cause, now_ms))
    out += [_touch(new.sync, pair, Touch.BACKFILL if makes_way else Touch.REMATCH, cause) for pair in poked]
    if new.woken:
        out += [
            _touch(sync, pair, Touch.WOKEN, cause, origin="snapshot" if makes_way else "live") for sync, pair in waiting
        ]
    return out


def _hand_over(pair: Pair, policy: Policy, cause: Inbound[Any], *, makes_way: bool) -> list[Outbound]:
    """Report an absorbed pair's record to the pair that it belongs to now."""
    out = []
    for side in SIDES:
        end = pair.side(side)
        if end is None:
            continue
        report = as_report(policy, side, end)
        event = PairEvent(
            sync=pair.sync, pair=pair.absorbed_by, kind="report", side=side, report=report, matched=pair.match,
            origin="snapshot" if makes_way else "live", claimed_at=end.claimed_at, accepted_ms=_accepted(cause),
        )  # fmt: skip
        out.append(Outbound(topic=topics.PAIRS, key=pair.absorbed_by, message=event, cause=cause))
    return out


def _accepted(cause: Inbound[Any]) -> int:
    return cause.message.accepted_ms if isinstance(cause.message, PairEvent) else 0


def as_report(policy: Policy, side: Side, end: SideState) -> Report:
    """Return what is known of a side as a report."""
    return Report(
        connection=policy.sides[side].connection, object=policy.sides[side].object, id=end.id, version=end.version,
        life=end.life, merged_into=end.merged_into, fields=end.fields, created=end.created, links=end.links,
        partial=end.partial,
    )  # fmt: skip


def _write(
    pair: Pair, side: Side, pending: Pending, policy: Policy, cause: Inbound[Any], *, backfill: bool
) -> Outbound:
    target = policy.sides[side]
    end = pair.side(side)
    record = end.id if end is not None and pending.op == "update" else ""
    command = WriteCommand(
        sync=pair.sync, pair=pair.pair, side=side, connection=target.connection, object=target.object, op=pending.op,
        key=pending.key, n=pending.n, id=record, marker=pending.key if pending.op == "create" else "",
        fields=pending.fields, before=pending.before, expected=pending.expected, links=pending.links,
        setup=pending.setup, accepted_ms=pending.accepted_ms,
    )  # fmt: skip
    key = record_key(target.connection, target.object, record) if record else pair.pair
    return Outbound(topic=topics.writes(target.app, backfill=backfill), key=key, message=command, cause=cause)


def _second_read(policy: Policy, side: Side, end: SideState, cause: Inbound[Any], now_ms: int) -> Outbound:
    part = policy.sides[side]
    notice = Notice(
        connection=part.connection,
        object=part.object,
        id=end.id,
        kind="changed" if end.life is Life.ALIVE else "deleted",
        ask=end.ask,
        accepted_ms=_accepted(cause) or now_ms,
    )
    return Outbound(
        topic=topics.NOTICES, key=record_key(part.connection, part.object, end.id), message=notice, cause=cause
    )


def read_again(policy: Policy, side: Side, record: str, cause: Inbound[Any], now_ms: int) -> Outbound:
    """Ask for a record to be read."""
    part = policy.sides[side]
    notice = Notice(connection=part.connection, object=part.object, id=record, accepted_ms=now_ms)
    return Outbound(
        topic=topics.NOTICES, key=record_key(part.connection, part.object, record), message=notice, cause=cause
    )


def _touch(
    sync: str, pair: str, reason: Touch, cause: Inbound[Any], *, origin: Literal["live", "snapshot"] = "live"
) -> Outbound:
    event = PairEvent(sync=sync, pair=pair, kind="touch", reason=reason, origin=origin)
    return Outbound(topic=topics.PAIRS, key=pair, message=event, cause=cause)


def _touch_later(pair: Pair, cause: Inbound[Any], now_ms: int) -> Outbound:
    event = PairEvent(sync=pair.sync, pair=pair.pair, kind="touch", reason=Touch.AGAIN)
    delayed = Delayed(
        topic=topics.PAIRS.name, key=pair.pair, raw_base64=base64.b64encode(topics.PAIRS.encode(event)).decode(),
        due_ms=now_ms + topics.DELAYS_MS[pair.again],
    )  # fmt: skip
    return Outbound(topic=topics.LATER[pair.again], key=pair.pair, message=delayed, cause=cause)
