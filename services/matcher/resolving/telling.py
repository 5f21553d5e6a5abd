"""The history of pairs: what their steps decided, sealed by pair, and bundled by batch for the topic `history`.

It is a function of the stored state, as all outputs are: a message that comes twice publishes the same steps again,
under the revisions that they had, and whoever reads them drops the doubles.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from shared.io import erasable
from shared.io.envelope import MAX_MESSAGE_BYTES
from shared.io.ports import Inbound, Outbound
from shared.model.pairs import Decided, Pair, Trace
from shared.wire import topics
from shared.wire.messages import HistoryBundle, HistoryStep

BUNDLE_BYTES: Final = MAX_MESSAGE_BYTES // 8
"""About the size at which a bundle is full; a step that is larger goes alone."""
_STEP_BYTES: Final = 200
_DECISION_BYTES: Final = 80


@dataclass(frozen=True, slots=True)
class Told:
    """A step that has to be published, and the message that caused it."""

    step: HistoryStep
    cause: Inbound[Any]

    @property
    def size(self) -> int:
        """Estimate its bytes."""
        notes = sum(len(row.note) + _DECISION_BYTES for row in self.step.decisions)
        return _STEP_BYTES + notes + len(self.step.sealed)


def steps_of(pair: Pair) -> list[HistoryStep]:
    """List the steps of a pair's history that its state has yet to publish."""
    return [_step(pair, decided) for decided in pair.decided()]


def bundled(told: Sequence[Told]) -> list[Outbound]:
    """Put steps into as few messages as keep each pair's steps in their order.

    Pairs whose messages came from one partition share one of `history` as well, so any of them may name the bundle.
    """
    parts: dict[int, list[Told]] = {}
    for one in told:
        parts.setdefault(one.cause.partition, []).append(one)
    return [_bundle(rows) for part in parts.values() for rows in _bundles(part)]


def _bundle(rows: Sequence[Told]) -> Outbound:
    bundle = HistoryBundle(steps=tuple(one.step for one in rows))
    return Outbound(topic=topics.HISTORY, key=rows[0].step.pair, message=bundle, cause=rows[0].cause)


def _bundles(rows: Iterable[Told]) -> list[list[Told]]:
    found: list[list[Told]] = []
    size = BUNDLE_BYTES
    for one in rows:
        size += one.size
        if size > BUNDLE_BYTES:
            found.append([])
            size = one.size
        found[-1].append(one)
    return found


def _step(pair: Pair, decided: Decided) -> HistoryStep:
    values = [_values(trace) for trace in decided.log]
    told = bool(pair.seal) and any(values)
    name = erasable.place(pair.pair, decided.rev)
    return HistoryStep(
        sync=pair.sync, pair=pair.pair, rev=decided.rev, at_ms=decided.at_ms, cause=decided.cause,
        decisions=tuple(trace.without_values() for trace in decided.log),
        sealed=erasable.seal(pair.seal, name, json.dumps(values, ensure_ascii=False)) if told else "",
    )  # fmt: skip


def _values(trace: Trace) -> dict[str, Any]:
    """Return the values of a decision; of a sensitive field, only whether there was one."""
    values = trace.model_dump(mode="json", include={"old", "new", "lost"}, exclude_none=True)
    return dict.fromkeys(values, True) if trace.sensitive else values
