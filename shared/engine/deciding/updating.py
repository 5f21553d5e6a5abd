"""What is wanted on the sides of a linked pair becomes at most one write a side."""

from collections.abc import Mapping
from typing import Final

from shared.engine.deciding.associating import as_written
from shared.engine.draft import Draft
from shared.engine.merging import Flow, Send, Unknown
from shared.engine.refusals import Links, Parts, is_refused, mark, one_part
from shared.model.ids import update_id
from shared.model.pairs import Pending, Problem, Trace
from shared.model.records import SIDES, LinkWrite, Side, Value, linked_after, opposite
from shared.model.sides import BySide, with_side
from shared.model.words import Code, Did

FLAP_WRITES: Final = 5
"""Writes of one field within `FLAP_MS` beyond which it is frozen: two programs are fighting over it."""
FLAP_MS: Final = 600_000


def update(draft: Draft, wants: BySide[Mapping[str, Send]], now_ms: int) -> bool:
    """Decide the writes of what is wanted, by side and flow, and return whether any of them has to wait."""
    flows = {flow.key: flow for flow in (*draft.policy.rules, *draft.policy.associations)}
    refused = BySide.of(lambda side: _refused_of(draft, side, wants[side], flows))
    for side in SIDES:
        if side not in draft.pending and not _holds_back(draft, side):
            _update(draft, side, wants[side], flows, refused, now_ms)
    return any(wants[side] and _holds_back(draft, side) for side in SIDES)


def _holds_back(draft: Draft, side: Side) -> bool:
    """Check whether a write has to wait: for its next try, or for a reading that tells which version it follows on.

    Without an order of versions, a write that expects the one before an edit is refused, its answer raises the same
    question anew, and the writes could overtake the readings for ever.
    """
    end = draft.ends[side]
    in_doubt = end is not None and bool(end.ask) and not draft.policy.sides[side].ordered
    return in_doubt or bool(draft.again and draft.tries)


def _refused_of(draft: Draft, side: Side, wants: Mapping[str, Send], flows: Mapping[str, Flow]) -> frozenset[str]:
    """List the flows of which just what is wanted on a side was refused before."""
    found = {key: _as_sent(draft, side, flows[key], send) for key, send in wants.items() if key in draft.problems}
    return frozenset(key for key, sent in found.items() if is_refused(draft, key, mark(sent)))


def _as_sent(draft: Draft, side: Side, flow: Flow, send: Send) -> object:
    return as_written(draft, side, flow, send.value) if flow.to else send.value


def _update(
    draft: Draft,
    side: Side,
    wants: Mapping[str, Send],
    flows: Mapping[str, Flow],
    refused: BySide[frozenset[str]],
    now_ms: int,
) -> None:
    """Turn what is wanted on a side into its one pending write."""
    end = draft.ends[side]
    if end is None:
        return
    fields: dict[str, Value | None] = {}
    links: dict[str, LinkWrite] = {}
    for key, send in wants.items():
        flow = flows[key]
        if key in refused[side] or _flaps(draft, key, side, now_ms):
            continue
        # What was refused has to wait until the other pair has what it needs. Of a set, the other side may refuse what
        # this one changed, and take it no better for what is written here.
        if key not in draft.wanted.get(side, {}) and key not in refused[opposite(side)]:
            draft.problems.pop(key, None)
        if flow.to:
            links[flow.names[side]] = as_written(draft, side, flow, send.value)
        else:
            fields |= flow.as_fields(side, send.value, end.fields)
    fields, links = one_part(draft, side, fields, links)
    if not fields and not links:
        return
    going = {key: send for key, send in wants.items() if _goes(flows[key], side, fields, links)}
    before = {name: value for name in fields if not isinstance(value := draft.value(side, name), Unknown)}
    draft.n += 1
    key = update_id(draft.was.pair, side, end.version, fields, links, draft.n)
    draft.pending[side] = Pending(
        key=key, op="update", fields=fields, source={key: send.source for key, send in going.items()}, links=links,
        bases={key: send.base for key, send in going.items() if flows[key].many},
        moves={key: (moves.left, moves.right) for key, send in going.items() if (moves := send.moves) is not None},
        before=before, expected=end.version, setup=draft.policy.setup, n=draft.n, accepted_ms=draft.accepted_ms,
    )  # fmt: skip
    for rule_key, send in going.items():
        flow, name = flows[rule_key], flows[rule_key].names[side]
        draft.recent[with_side(side, rule_key)] = (*_lately(draft, rule_key, side, now_ms), now_ms)
        draft.edits += 1 if send.edit else 0
        held = end.links.get(name) if flow.to else flow.held_in(side, end.fields)
        old: Value | None = None if isinstance(held, Unknown) else held
        new: Value | None = linked_after(end.links.get(name), links[name]) if flow.to else send.value
        draft.trace.append(Trace(did=Did.WRITE, key=rule_key, side=side, old=old, new=new, lost=send.lost, by=send.by))


def _goes(flow: Flow, side: Side, fields: Parts, links: Links) -> bool:
    return flow.names[side] in (links if flow.to else fields)


def _lately(draft: Draft, key: str, side: Side, now_ms: int) -> tuple[int, ...]:
    return tuple(at for at in draft.recent.get(with_side(side, key), ()) if now_ms - at < FLAP_MS)


def _flaps(draft: Draft, key: str, side: Side, now_ms: int) -> bool:
    """Check whether a field was written too often lately, and freeze it."""
    if (problem := draft.problems.get(key)) is not None and problem.code == Code.FLAPPING:
        return True  # of a set, what goes the other way is frozen as well
    if len(_lately(draft, key, side, now_ms)) < FLAP_WRITES:
        return False
    other = len(_lately(draft, key, opposite(side), now_ms))
    if other < FLAP_WRITES - 1:
        return False  # one busy person on one side is no loop
    draft.problems[key] = Problem(code=Code.FLAPPING, message=f"written {FLAP_WRITES} times in 10 minutes", field=key)
    return True
