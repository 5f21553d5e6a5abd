"""What a sync must not be, beyond what its form says: each refusal says what to write instead."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from shared.core.connector import Binding
from shared.core.mapping import FieldMapping
from shared.core.records import SIDES, Side
from shared.core.syncs import Sync
from shared.rules.lenses import LENS

_Node: TypeAlias = tuple[str, str]
"""Connection and object type."""


class SetupError(Exception):
    """The file cannot be applied; the message says where it is wrong, and what to write."""


def check_names(kind: str, names: Sequence[str]) -> None:
    """Refuse two entries of one name: only the last one would count."""
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise SetupError(f"the file names {kind} {', '.join(doubled)} more than once: give each an id of its own")


def check_sync(sync: Sync, bindings: Mapping[Side, Binding], others: Mapping[str, Sync]) -> None:
    """Refuse mappings, matching and associations that cannot work; *others* are all syncs but this one."""
    _check_mappings(sync.id, sync.mappings)
    for side in SIDES:
        _check_targets(sync, side)
    if sync.match.mode == "fields" and not (sync.match.left_field and sync.match.right_field):
        raise SetupError(f"sync {sync.id!r}: to match by fields, name match.left_field and match.right_field")
    for row in sync.associations:
        if row.to not in others:
            raise SetupError(f"sync {sync.id!r}: association {row.label!r} leads to {row.to!r}, which is no other sync")
        for side in SIDES:
            known = [association.label for association in bindings[side].associations]
            if row.label not in known:
                raise SetupError(
                    f"sync {sync.id!r}: {sync.side(side).connection!r} knows no association {row.label!r} of "
                    f"{sync.side(side).object!r}; there are: {', '.join(known) or 'none'}"
                )


def check_graph(sync: Sync, others: Iterable[Sync]) -> None:
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


def _check_mappings(sync: str, mappings: Sequence[FieldMapping]) -> None:
    for mapping in mappings:
        if mapping.lens not in LENS:
            known = ", ".join(LENS)
            raise SetupError(f"sync {sync!r}, mapping {mapping.key!r}: no lens {mapping.lens!r}; there are {known}")
    doubled = {row.key for row in mappings if sum(row.key == other.key for other in mappings) > 1}
    if doubled:
        raise SetupError(f"sync {sync!r}: several mappings have the key {', '.join(sorted(doubled))}")


def _check_targets(sync: Sync, side: Side) -> None:
    """Refuse two mappings that write one field: each would undo what the other wrote."""
    open_ = ("two_way", "to_left" if side == "L" else "to_right")
    written: dict[str, str] = {}
    for row in sync.mappings:
        if not row.on or row.direction not in open_ or sync.direction not in open_:
            continue
        name = row.left if side == "L" else row.right
        other = written.setdefault(name, row.key)
        if other != row.key:
            raise SetupError(
                f"sync {sync.id!r}: the mappings {other!r} and {row.key!r} both write {name!r} of "
                f"{sync.side(side).connection!r}; switch one off, or give it a direction"
            )
