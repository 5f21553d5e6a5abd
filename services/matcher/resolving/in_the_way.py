"""Asking the pair whose record holds an identifier that another pair's record was refused for."""

from collections.abc import Iterable
from typing import TypeAlias

from services.matcher.resolving.work import Key, Resolved
from shared.engine.refusals import TAKEN
from shared.io.links.store import Store
from shared.io.ports import Outbound
from shared.model.pairs import PairEvent
from shared.model.records import Side
from shared.model.touches import Touch
from shared.model.words import Did
from shared.wire import topics

_Look: TypeAlias = tuple[str, Side, str, Key | None]


async def ask_to_give_up(store: Store, decided: Iterable[Resolved]) -> list[Outbound]:
    """Return a message to each pair whose record stands in the way of a write that was refused in this step.

    It gives the value up if its source has done so: two records that swap their identifiers would wait for each other
    for ever.
    """
    asked: list[_Look] = []
    events: list[tuple[Resolved, PairEvent]] = []
    for one in decided:
        if not one.work.outcomes:
            continue
        pair = one.pair
        for trace in pair.decisions():
            problem = pair.problems.get(trace.key)
            taken = problem is not None and problem.code == TAKEN and problem.other
            if trace.did == Did.REFUSED and trace.side and taken and trace.new is not None:
                event = PairEvent(
                    sync=pair.sync, pair="", kind="touch", side=trace.side, reason=Touch.GIVE_UP,
                    wanted={trace.key: trace.new},
                )  # fmt: skip
                asked.append((pair.sync, trace.side, taken, None))
                events.append((one, event))
    if not asked:
        return []
    out = []
    for (one, event), (holder, _) in zip(events, await store.look(asked), strict=True):
        if holder and holder != one.work.key[1]:
            told = event.model_copy(update={"pair": holder})
            out.append(Outbound(topic=topics.PAIRS, key=holder, message=told, cause=one.work.messages[-1]))
    return out
