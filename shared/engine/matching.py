"""Which records of the two sides are the same: a choice over a whole component of shared keys.

Records that share keys, directly or through others, form a component; `choose` gives each of its members a verdict.
The result depends neither on the order in which records were read nor on which side is called left.

Terminology: an *edge* is two records of opposite sides that an object's rule calls the same, with a *score*; a record
is *held* when it is linked already. Blocking (who shares a key) is the index's work, comparing is `Rule.compare`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from shared.model.mapping import MatchSettings
from shared.model.records import LEFT, RIGHT, Frozen, Side
from shared.model.sides import BySide

COMPONENT_LIMIT: Final = 50
"""Records in a component beyond which its key means nothing ("Test", "n/a")."""


class Identity(Frozen):
    """What matching needs to know of a record; short names, because Redis keeps one for each record."""

    p: str = ""
    """Primary identifier: an address, a SKU, a chosen key."""
    s: tuple[str, ...] = ()
    """All strong identifiers, the primary one among them: addresses, or domains."""
    e: tuple[str, ...] = ()
    """Addresses, where they identify besides what is in `s`."""
    n: str = ""
    """Name for comparing."""
    c: tuple[str, ...] = ()
    """What the name may be combined with: where a person works, say."""
    x: bool = False
    """Whether it may not enter the sync by itself, having no address, say: only a partner that may brings it in."""


Node: TypeAlias = tuple[Side, str]


@dataclass(frozen=True, slots=True)
class Edge:
    """Why two records may be the same."""

    score: float
    by: str
    """Kind of key: email, company, domain, name, sku, field."""
    keys: frozenset[str] = frozenset()
    """The strong values they share; empty when only names agree."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """How an object type's records are matched."""

    compare: Callable[[Identity, Identity], Edge | None]
    weak: float = 0.0
    """Edges of this score count only when unique on both sides, and never keep a record from being created."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A living record of the component."""

    side: Side
    id: str
    identity: Identity
    created: str = ""
    held: bool = False
    """Linked already."""
    creating: bool = False
    """Its partner's create is in flight: free to join from the other side, and a duplicate for its own."""
    enters: bool = True
    """It may enter the sync by itself."""

    @property
    def node(self) -> Node:
        """Name it within the component."""
        return self.side, self.id

    @property
    def age(self) -> tuple[bool, str, str]:
        """Sort by age: oldest first, unknown last, then by id."""
        return (not self.created, self.created, self.id)


@dataclass(frozen=True, slots=True)
class Link:
    """These two are the same."""

    partner: Node
    by: str
    key: str = ""


@dataclass(frozen=True, slots=True)
class Create:
    """Nobody on the other side is it."""

    alike: tuple[Node, ...] = ()
    """Records that may be it, although too little tells so to link them."""


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Its identifier is held by another record."""

    holder: Node
    key: str = ""


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """Several records may be it, and nothing tells which."""

    candidates: tuple[tuple[Node, float], ...]


@dataclass(frozen=True, slots=True)
class TooCommon:
    """So many records share its key that the key means nothing."""


Verdict: TypeAlias = Link | Create | Duplicate | Ambiguous | TooCommon


def choose(rule: Rule, members: Sequence[Member], settings: MatchSettings) -> dict[Node, Verdict]:
    """Return a verdict for every member that is not held."""
    if len(members) > COMPONENT_LIMIT:
        return {member.node: TooCommon() for member in members if not member.held}
    return _Choice(rule, members, settings).run()


class _Choice:
    """One run over one component."""

    def __init__(self, rule: Rule, members: Sequence[Member], settings: MatchSettings) -> None:
        self._rule = rule
        self._settings = settings
        self._members = {member.node: member for member in sorted(members, key=lambda member: member.node)}
        self._alike: dict[Node, tuple[Node, ...]] = {}
        self._edges = self._find_edges()
        self._busy = {node for node, member in self._members.items() if member.held}
        self._verdicts: dict[Node, Verdict] = {}

    def run(self) -> dict[Node, Verdict]:
        """Repeat until nothing changes, then let the rest be created."""
        changed = True
        while changed:
            changed = self._block() or self._link()
        self._create()
        return self._verdicts

    def _find_edges(self) -> dict[Node, dict[Node, Edge]]:
        lefts = [member for member in self._members.values() if member.side == LEFT]
        rights = [member for member in self._members.values() if member.side == RIGHT]
        edges: dict[Node, dict[Node, Edge]] = {node: {} for node in self._members}
        for left in lefts:
            for right in rights:
                edge = self._rule.compare(left.identity, right.identity)
                if edge is not None:
                    edges[left.node][right.node] = edge
                    edges[right.node][left.node] = edge
        clear = _without_unclear(edges, self._rule.weak)
        self._alike = {node: tuple(sorted(found.keys() - clear[node].keys())) for node, found in edges.items()}
        # Entry is judged before matching: a couple of which neither may enter is none.
        return {
            node: {other: edge for other, edge in found.items() if self._enters(node) or self._enters(other)}
            for node, found in clear.items()
        }

    def _enters(self, node: Node) -> bool:
        return self._members[node].enters

    def _block(self) -> bool:
        """Exclude free records whose best edges all lead to records that are taken."""
        changed = False
        for node in self._free():
            best = self._best(node, self._edges[node])
            if best and all(other in self._busy for other in best):
                holder = min(best, key=lambda other: self._members[other].age)
                edge = self._edges[node][holder]
                if edge.score == self._rule.weak:
                    self._verdicts[node] = Create((holder,))
                else:
                    self._verdicts[node] = Duplicate(holder, _key(edge))
                self._busy.add(node)
                changed = True
        return changed

    def _link(self) -> bool:
        """Decide each group of free records whose edges are the best of both their ends."""
        open_edges = {
            node: {other: edge for other, edge in self._edges[node].items() if other not in self._busy}
            for node in self._free()
        }
        kept = {
            (node, other)
            for node, edges in open_edges.items()
            for other in self._best(node, edges)
            if node[0] == LEFT and node in self._best(other, open_edges[other])
        }
        groups = _groups(kept)
        for group in groups:
            self._decide_group(group)
        return bool(groups)

    def _decide_group(self, group: Sequence[tuple[Node, Node]]) -> None:
        lefts = sorted({left for left, _ in group}, key=self._age)
        rights = sorted({right for _, right in group}, key=self._age)
        edges = [self._edges[left][right] for left, right in group]
        one_value = bool(edges[0].keys) and all(edge.keys == edges[0].keys for edge in edges)
        if len(lefts) + len(rights) > 2 and not one_value and self._settings.ambiguous == "hold":
            for node in (*lefts, *rights):
                others = self._edges[node]
                found = tuple(sorted(((other, edge.score) for other, edge in others.items()), key=lambda row: row[0]))
                self._verdicts[node] = Ambiguous(found)
                self._busy.add(node)
            return
        left, right = min(group, key=lambda pair: sorted(map(self._age, pair)))
        edge = self._edges[left][right]
        self._verdicts[left] = Link(right, edge.by, _key(edge))
        self._verdicts[right] = Link(left, edge.by, _key(edge))
        for node in (*lefts, *rights):
            if node not in (left, right):
                self._verdicts[node] = Duplicate(right if node[0] == LEFT else left, _key(edge))
            self._busy.add(node)

    def _create(self) -> None:
        """Mark the rest to be created, the oldest first: a younger record with the same identifier is its duplicate.

        A record that may not enter is not created, and makes no other one a duplicate; the caller gives the reason.
        """
        made: BySide[list[Member]] = BySide([], [])
        for member in self._members.values():
            if member.creating and member.node not in self._busy:
                made[member.side].append(member)
        for node in sorted(self._free(), key=self._age):
            member = self._members[node]
            holder = None if member.creating else self._same_as(member, made[member.side])
            if holder is None:
                self._verdicts[node] = Create(self._alike[node])
                if member.enters:
                    made[member.side].append(member)
            else:
                self._verdicts[node] = holder

    def _same_as(self, member: Member, made: Iterable[Member]) -> Duplicate | None:
        for other in made:
            edge = self._rule.compare(member.identity, other.identity)
            if edge is not None and edge.score != self._rule.weak and other.node != member.node:
                return Duplicate(other.node, _key(edge))
        return None

    def _free(self) -> list[Node]:
        return [node for node in self._members if node not in self._busy]

    def _age(self, node: Node) -> tuple[bool, str, str]:
        return self._members[node].age

    @staticmethod
    def _best(node: Node, edges: Mapping[Node, Edge]) -> set[Node]:
        del node
        top = max((edge.score for edge in edges.values()), default=0.0)
        return {other for other, edge in edges.items() if edge.score == top}


def _without_unclear(edges: dict[Node, dict[Node, Edge]], weak: float) -> dict[Node, dict[Node, Edge]]:
    """Drop weak edges that are not unique on both sides, or whose ends have a better one."""
    if not weak:
        return edges

    def alone(node: Node) -> bool:
        return len(edges[node]) == 1

    return {
        node: {other: edge for other, edge in found.items() if edge.score != weak or (alone(node) and alone(other))}
        for node, found in edges.items()
    }


def _groups(pairs: Iterable[tuple[Node, Node]]) -> list[list[tuple[Node, Node]]]:
    """Split edges into connected groups."""
    root: dict[Node, Node] = {}

    def find(node: Node) -> Node:
        while root.setdefault(node, node) != node:
            node = root[node]
        return node

    ordered = sorted(pairs)
    for left, right in ordered:
        root[find(left)] = find(right)
    groups: dict[Node, list[tuple[Node, Node]]] = {}
    for left, right in ordered:
        groups.setdefault(find(left), []).append((left, right))
    return list(groups.values())


def _key(edge: Edge) -> str:
    return min(edge.keys) if edge.keys else ""
