"""A state that is read in part says the same as one that is read whole."""

from pathlib import Path
from typing import Final

import pytest

from shared.model.pairs import FORM, Awaited, NewerState, Pair, Pending, SideState, Standing
from shared.model.records import SIDES, Side, Version

_EXAMPLES: Final = Path(__file__).parents[1] / "examples" / "pair-state"


def _pending(n: int) -> Pending:
    return Pending(key="k", op="update", setup=1, n=n, fields={"pending": "L"})


@pytest.mark.parametrize(
    "text",
    [
        *(path.read_text() for path in sorted(_EXAMPLES.glob("v1/*.json"))),
        Pair(sync="s", pair="p").text(),
        Pair(sync="s", pair="p", L=SideState(id="1", version=Version(order=1)), pending={"R": _pending(0)}).text(),
        Pair(sync="s", pair="p", R=SideState(id="2", version=Version(order=1)), pending={"L": _pending(7)}).text(),
    ],
)
def test_both_ways_of_reading_agree(text: str) -> None:
    whole, part = Pair.read(text), Standing.read(text)
    for side in SIDES:
        end, pending = whole.side(side), whole.pending.get(side)
        assert part.record(side) == (end.id if end is not None else "")
        assert (side in part.pending) == (pending is not None)
        if pending is not None:
            assert part.waits_for(side, pending.key, pending.n)
            assert not part.waits_for(side, pending.key, pending.n + 1)
            assert not part.waits_for(side, f"{pending.key}2", pending.n)


def test_a_state_of_a_newer_form_is_left_to_a_newer_worker() -> None:
    with pytest.raises(NewerState):
        Standing.read(Pair(sync="s", pair="p", form=FORM + 1).text())


@pytest.mark.parametrize("side", SIDES)
def test_who_is_waited_for_is_read_as_states_hold_it(side: Side) -> None:
    """Ids of records may hold what stands between the parts."""
    awaited = Awaited("firms", side, "cards/ann.vcf")
    assert awaited.text() == f"firms/{side}/cards/ann.vcf"
    assert Awaited.read(awaited.text()) == awaited
