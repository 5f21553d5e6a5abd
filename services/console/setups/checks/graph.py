"""The graph of accounts and objects that syncs join: it must have no circle."""

from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import TypeAlias

from services.console.setups.files import SetupError
from shared.model.records import Side, opposite
from shared.model.sides import BySide
from shared.model.syncs import Sync

_Node: TypeAlias = tuple[str, str]
"""Account and object type."""
AccountOf: TypeAlias = Callable[[str], str]
"""Names the account of a connection: two connections of one account are one place."""


def check(sync: Sync, others: Iterable[Sync], account_of: AccountOf) -> None:
    """Refuse a new sync whose ends are connected already: a change would go round, or arrive by two ways at once."""
    way = way_between(sync, others, account_of)
    if way is None:
        return
    if not way:
        raise SetupError(f"sync {sync.id!r} has the same account and object at both ends")
    raise SetupError(
        f"sync {sync.id!r}: its two ends are kept the same already by {', '.join(way)}; a change would come by two "
        "ways. Leave one of these syncs out."
    )


def way_between(sync: Sync, others: Iterable[Sync], account_of: AccountOf) -> list[str] | None:
    """Return the other syncs that lead from one end of a sync to the other; None when none do."""

    def node(one: Sync, side: Side) -> _Node:
        end = one.side(side)
        return account_of(end.connection), end.object

    start, goal = BySide.of(partial(node, sync))
    edges = [(one.id, BySide.of(partial(node, one))) for one in others if one.id != sync.id]
    ways: dict[_Node, list[str]] = {start: []}
    waiting = deque([start])
    while waiting:
        here = waiting.popleft()
        if here == goal:
            return ways[here]
        for name, ends in edges:
            for side, one in ends.items():
                other = ends[opposite(side)]
                if one == here and other not in ways:
                    ways[other] = [*ways[here], name]
                    waiting.append(other)
    return None
