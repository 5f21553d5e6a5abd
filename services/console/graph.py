"""The graph of connections and objects that syncs join: it must have no circle."""

from collections import deque
from collections.abc import Iterable
from typing import TypeAlias

from services.console.files import SetupError
from shared.core.records import Side
from shared.core.syncs import Sync

_Node: TypeAlias = tuple[str, str]
"""Connection and object type."""


def check(sync: Sync, others: Iterable[Sync]) -> None:
    """Refuse a new sync whose ends are connected already: a change would go round, or arrive by two ways at once."""
    way = _way(_node(sync, "L"), _node(sync, "R"), others)
    if way is None:
        return
    if not way:
        raise SetupError(f"sync {sync.id!r} has the same connection and object at both ends")
    raise SetupError(
        f"sync {sync.id!r}: its two ends are kept the same already by {', '.join(way)}; a change would come by two "
        "ways. Leave one of these syncs out."
    )


def _way(start: _Node, goal: _Node, syncs: Iterable[Sync]) -> list[str] | None:
    """Give the syncs that lead from one end to another; None when none do."""
    edges = [(sync.id, _node(sync, "L"), _node(sync, "R")) for sync in syncs]
    ways: dict[_Node, list[str]] = {start: []}
    waiting = deque([start])
    while waiting:
        node = waiting.popleft()
        if node == goal:
            return ways[node]
        for name, left, right in edges:
            for here, there in ((left, right), (right, left)):
                if here == node and there not in ways:
                    ways[there] = [*ways[node], name]
                    waiting.append(there)
    return None


def _node(sync: Sync, side: Side) -> _Node:
    end = sync.side(side)
    return end.connection, end.object
