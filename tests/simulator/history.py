"""What the journal told in the course of a run."""

from collections import defaultdict
from collections.abc import Iterable

from shared.io.memory import MemoryBroker, MemoryReader
from shared.wire import topics

Node = tuple[str, str]
"""App and record."""


class History:
    """Who was paired with whom, and what should never have been decided."""

    def __init__(self, broker: MemoryBroker, merged: Iterable[tuple[Node, Node]]) -> None:
        self.partners: dict[Node, set[Node]] = defaultdict(set)
        self.wrong: list[str] = []
        self._root: dict[Node, Node] = {}
        held: set[tuple[str, str]] = set()
        known: set[tuple[str, str, str]] = set()
        """Creates that were decided before: Redis may be set back to where one of them was open."""
        newest: dict[str, int] = {}
        for stored in MemoryReader(broker, topics.PAIR_STATE).read_to_end():
            pair = stored.message
            if pair is None:
                continue
            ends = [(name, end.id) for name, end in (("a", pair.L), ("b", pair.R)) if end is not None]
            if len(ends) == 2:
                self.partners[ends[0]].add(ends[1])
                self.partners[ends[1]].add(ends[0])
                self._join(*ends)
            if pair.rev < newest.get(pair.pair, 0):
                continue  # whoever was cut off tells late what it decided before: a rebuild passes it over as well
            newest[pair.pair] = pair.rev
            creates = {(pair.pair, side, write.key) for side, write in pair.pending.items() if write.op == "create"}
            for _, side, _ in {row for row in creates - known if row[:2] in held}:
                self.wrong.append(f"{pair.pair} creates in {side}, where it had a record already")
            known |= creates
            held |= {(pair.pair, "L" if name == "a" else "R") for name, _ in ends}
        for old, new in merged:
            self._join(old, new)

    def family(self, name: str, record: str) -> set[Node]:
        """Return all records that this one may have its values from."""
        root = self._find((name, record))
        return {node for node in [*self._root, (name, record)] if self._find(node) == root}

    def _find(self, node: Node) -> Node:
        while self._root.get(node, node) != node:
            node = self._root[node]
        return node

    def _join(self, one: Node, other: Node) -> None:
        for node in (one, other):
            self._root.setdefault(node, node)
        self._root[self._find(one)] = self._find(other)
