"""Whether the topic `history` tells what was decided: each decision of each state that was set, once."""

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from shared.io.erasable import Unsealable, place, unseal
from shared.io.memory import MemoryReader
from shared.model.fields import label_of
from shared.model.pairs import Pair
from shared.model.records import SIDES, Fields, linked_after
from shared.wire import topics
from shared.wire.messages import HistoryStep
from tests.simulator.objects import MONEY, OBJECTS, named

if TYPE_CHECKING:
    from tests.simulator.world import World

Step: TypeAlias = tuple[str, int]
"""Pair and revision."""
Rows: TypeAlias = list[dict[str, Any]]


def check_history(world: "World") -> None:
    """Assert that nothing is missing, nothing is told that was not decided, and no decision is told as two."""
    told = _told(world)
    expected: dict[Step, Rows] = {}
    writes: dict[Step, Rows] = {}
    keys: dict[str, set[str]] = defaultdict(set)
    states: dict[Step, Pair] = {}
    for followed, text in world.grants.states:
        state = Pair.read(text)
        at = state.pair, state.rev
        if followed == state.rev:
            assert state == states[at].model_copy(update={"untold": True}), f"{state.pair} changes under one revision"
            continue
        states[at] = state
        expected[at] = [row.model_dump(mode="json", exclude_defaults=True) for row in state.log]
        writes[at] = _begun(state, states.get((state.pair, followed)))
        keys[state.pair] |= {state.seal} - {""}
    for at, step in told.items():
        assert at in expected, f"the history tells a step of {at[0]} that was never set"
        rows = _opened(step, keys[at[0]])
        assert rows == expected[at], f"the history tells {rows} of {at[0]}, not {expected[at]}"
    for at, begun in writes.items():
        if at in world.grants.forgotten and at not in told:
            continue
        found = [row for row in _opened(told[at], keys[at[0]]) if row["did"] == "write"] if at in told else []
        assert sorted(map(_of_write, found)) == sorted(map(_of_write, begun)), (
            f"the history of {at[0]} tells {found} where {begun} were decided"
        )
    missing = {at for at, rows in expected.items() if rows} - told.keys() - world.grants.forgotten
    assert not missing, f"the history lacks what was decided of {min(missing)[0]}"


def _told(world: "World") -> dict[Step, HistoryStep]:
    """Return the steps that the history tells, without doubles, which must be the same."""
    found: dict[Step, HistoryStep] = {}
    for stored in MemoryReader(world.broker, topics.HISTORY).read_to_end():
        for step in stored.message.steps if stored.message is not None else ():
            first = found.setdefault((step.pair, step.rev), step)
            assert first == step, f"the history tells one step of {step.pair} in two ways"
    return found


def _begun(state: Pair, before: Pair | None) -> Rows:
    """List the updates that a state asks for and the one before did not."""
    found = []
    object_ = next(row.name for row in OBJECTS.values() if row.sync == state.sync)
    for side, account in zip(SIDES, "ab", strict=True):
        pending = state.pending.get(side)
        if pending is None or pending.op != "update" or (before is not None and before.pending.get(side) == pending):
            continue
        held = state.side(side)
        for key in pending.source:
            label = label_of(key)
            if label:
                old: Any = held.links.get(label) if held is not None else None
                new: Any = linked_after(old, pending.links[label])
            else:
                name = named(account, object_, key)
                names = MONEY if key == MONEY[0] and pending.fields[name] is not None else (name,)
                old, new = (_as_value(fields, names) for fields in (pending.before, pending.fields))
            found.append({"side": side, "key": key, "old": _as_json(old), "new": _as_json(new)})
    return found


def _as_value(fields: Fields, names: Sequence[str]) -> Any:
    """Return what fields hold as one value: an amount with its currency, where there is an amount."""
    if len(names) == 1 or fields.get(names[0]) is None:
        return fields.get(names[0])
    return [fields.get(name) for name in names]


def _as_json(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _of_write(row: dict[str, Any]) -> list[str]:
    return [str(row.get(name)) for name in ("side", "key", "old", "new")]


def _opened(step: HistoryStep, keys: set[str]) -> Rows:
    """Spell what a step tells, opened with one of the keys that its pair ever had."""
    values: Any = [{} for _ in step.decisions]
    if step.sealed:
        found = [text for key in keys if (text := _unsealed(step, key)) is not None]
        assert found, f"no state of {step.pair} holds the key to its history"
        values = json.loads(found[0])
    return [
        {**row.model_dump(mode="json", exclude_defaults=True), **held}
        for row, held in zip(step.decisions, values, strict=True)
    ]


def _unsealed(step: HistoryStep, key: str) -> str | None:
    try:
        return unseal(key, place(step.pair, step.rev), step.sealed)
    except Unsealable:
        return None
