"""Pairs that are remembered by the text of their state."""

from services.matcher.resolving.states import StateCache
from shared.model.pairs import Pair

ONE, TWO, THREE = (Pair(sync="s", pair=name) for name in ("one", "two", "three"))


def test_a_state_that_comes_back_unchanged_is_not_parsed_again() -> None:
    """Once: the next step makes another one of it."""
    cache = StateCache(2)
    cache.keep(ONE.text(), ONE)
    assert cache.read(ONE.text()) is ONE
    parsed = cache.read(ONE.text())
    assert parsed == ONE
    assert parsed is not ONE


def test_a_state_that_differs_is_parsed() -> None:
    """Whoever changed it: what is remembered of the pair is not what it is now."""
    cache = StateCache(2)
    cache.keep(ONE.text(), ONE)
    changed = ONE.model_copy(update={"rev": 5})
    assert cache.read(changed.text()) == changed


def test_the_oldest_are_forgotten() -> None:
    """Memory is bounded."""
    cache = StateCache(2)
    for pair in (ONE, TWO, THREE):
        cache.keep(pair.text(), pair)
    assert cache.read(THREE.text()) is THREE
    assert cache.read(TWO.text()) is TWO
    assert cache.read(ONE.text()) is not ONE
