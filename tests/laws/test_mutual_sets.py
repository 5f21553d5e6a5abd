"""Laws of associations within one object, which both of their records show: one of the two pairs carries each."""

import operator
from collections.abc import Sequence
from itertools import combinations
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from shared.engine.deciding import associating
from shared.engine.merging import Flow, Held, Keep, MergedSet, Settle, merge
from shared.model.fields import link_name
from shared.model.records import SIDES, Side, Value
from shared.model.sides import BySide
from shared.rules.identifiers import texts

_PAIRS: Final = "abcd"
_EDGES: Final = tuple("".join(edge) for edge in combinations(_PAIRS, 2))
_GRAPH: Final = st.frozensets(st.sampled_from(_EDGES))
_FLOW: Final = Flow(
    key=link_name("friends"), names=BySide("friends", "friends"),
    get=lambda value: value, put=lambda value, _old: value,
    same=operator.eq, members=texts, clears="propagate", to="people", mutual=True,
)  # fmt: skip
_ACTS: Final = st.lists(
    st.one_of(st.sampled_from(_PAIRS), st.tuples(st.sampled_from(SIDES), st.sampled_from(_EDGES))), max_size=12
)
"""A pair that steps, or an association that somebody begins or ends on a side."""


class _World:
    """Pairs of one sync, what their records show on both sides, and what each pair has settled."""

    def __init__(self, graph: frozenset[str]) -> None:
        self.graph: dict[Side, set[str]] = {side: set(graph) for side in SIDES}
        self.base: dict[str, BySide[Held]] = {pair: BySide(*(self._carried(pair, "L"),) * 2) for pair in _PAIRS}
        self.writes: list[tuple[Side, str]] = []

    def _carried(self, pair: str, side: Side) -> tuple[str, ...]:
        others = (edge.replace(pair, "") for edge in sorted(self.graph[side]) if pair in edge)
        return tuple(other for other in others if associating.carries(pair, other))

    def step(self, pair: str) -> None:
        """Have a pair decide what its records show, and have its writes done."""
        held = BySide.of(lambda side: self._carried(pair, side))
        decision = merge(_FLOW, held, self.base[pair])
        match decision:
            case Settle(bases):
                self.base[pair] = bases
            case MergedSet():
                self.base[pair] = decision.bases
                for send in decision.sends:
                    self._write(pair, send.side, held[send.side], send.value)
                    assert send.moves is not None
                    for side, change in send.moves.items():
                        base = change.on(_FLOW.members_of(self.base[pair][side]))
                        self.base[pair] = self.base[pair].replaced(side, base)
            case Keep():
                pass
            case _:
                raise AssertionError(f"no decision about a set: {decision}")

    def _write(self, pair: str, side: Side, before: Value, after: Value | None) -> None:
        for other in {*texts(before)} ^ {*texts(after)}:
            edge = "".join(sorted((pair, other)))
            self.graph[side] ^= {edge}
            self.writes.append((side, edge))

    def act(self, acts: Sequence[str | tuple[Side, str]]) -> set[str]:
        """Let pairs step and people act, and return what people touched."""
        touched = set()
        for one in acts:
            if isinstance(one, tuple):
                self.graph[one[0]] ^= {one[1]}
                touched.add(one[1])
            else:
                self.step(one)
        return touched

    def rest(self, order: Sequence[str]) -> None:
        """Have every pair look at its records once more, which is all that any of them needs."""
        for pair in order:
            self.step(pair)


@given(was=_GRAPH, left=_GRAPH, right=_GRAPH, order=st.permutations(_PAIRS))
def test_what_both_sides_changed_is_merged_and_written_once(
    was: frozenset[str], left: frozenset[str], right: frozenset[str], order: Sequence[str]
) -> None:
    world = _World(was)
    world.graph = {"L": set(left), "R": set(right)}
    world.rest(order)
    wanted = (was & left & right) | (left - was) | (right - was)
    assert world.graph == {"L": wanted, "R": wanted}
    assert len(world.writes) == len(left ^ wanted) + len(right ^ wanted)
    world.writes.clear()
    world.rest(order)
    assert world.writes == []


@given(was=_GRAPH, acts=_ACTS, order=st.permutations(_PAIRS))
def test_whenever_the_two_pairs_of_an_association_look_nobodys_change_is_undone(
    was: frozenset[str], acts: list[str | tuple[Side, str]], order: Sequence[str]
) -> None:
    """Each write follows on one thing that somebody did, and nothing is written that nobody touched."""
    world = _World(was)
    touched = world.act(acts)
    world.rest(order)
    assert world.graph["L"] == world.graph["R"]
    assert world.graph["L"] ^ was <= touched
    done = sum(isinstance(one, tuple) for one in acts)
    assert len(world.writes) <= done


@given(was=_GRAPH, edge=st.sampled_from(_EDGES), side=st.sampled_from(SIDES), order=st.permutations(_PAIRS))
def test_what_is_taken_back_on_the_other_side_before_the_other_pair_looks_stays_so(
    was: frozenset[str], edge: str, side: Side, order: Sequence[str]
) -> None:
    """One of its two pairs has carried it; the other one sees it on one side alone, as if it were to be carried."""
    world = _World(was)
    world.act([(side, edge), edge[0]])
    other: Side = "R" if side == "L" else "L"
    world.act([(other, edge), edge[1]])
    world.rest(order)
    assert world.graph == {"L": {*was}, "R": {*was}}
