"""Two pairs that gave their records to one another are found, and only they."""

from hypothesis import given
from hypothesis import strategies as st

from shared.io.links.lost import in_circles
from shared.model.pairs import Pair

_names = st.sampled_from("abcdefg")


def _given(to: dict[str, str]) -> dict[str, Pair]:
    return {name: Pair(sync="s", pair=name, absorbed_by=other) for name, other in to.items()}


def test_a_chain_is_no_circle() -> None:
    assert in_circles(_given({"a": "b", "b": "c"})) == []


def test_the_first_of_a_circle_takes_its_record_back() -> None:
    assert [pair.pair for pair in in_circles(_given({"d": "b", "b": "c", "c": "b"}))] == ["b"]


@given(st.dictionaries(_names, _names))
def test_without_the_pairs_that_were_found_every_chain_ends(to: dict[str, str]) -> None:
    for pair in in_circles(_given(to)):
        del to[pair.pair]
    for start in to:
        at, steps = start, 0
        while at in to:
            at, steps = to[at], steps + 1
            assert steps <= len(to)
