"""A set that both sides change at once, from the reports to the answers, in whichever order these come."""

from typing import Any

import pytest

from shared.engine.pairing import open_step
from shared.model.pairs import Answer, PairEvent
from shared.model.records import SIDES, Report, Side, Version
from tests.engine.test_pairing import _AT, Lived, policy
from tests.services.environment import SYNC

_SET = {"lens": "set", "clears": "propagate"}


class _Sets(Lived):
    """A pair whose two records hold the members a and b."""

    def __init__(self, **mapping: Any) -> None:
        super().__init__(policy(mapping={**_SET, **mapping}), ("a", "b"), ("a", "b"))  # type: ignore[arg-type]  # texts there, sets here

    def choose(self, **chosen: str) -> None:
        """Let people choose other members on both sides before either is read."""
        events: list[tuple[int, PairEvent]] = []
        for side in SIDES:
            self.held[side] = tuple(chosen[side])  # type: ignore[assignment]
            self.version[side] += 1
            report = Report(
                connection=_AT[side], object="contact", id=f"{side}1", version=Version(order=self.version[side]),
                fields={"f": self.held[side]},
            )  # fmt: skip
            events.append(
                (self._offset, PairEvent(sync=SYNC, pair=self.pair.pair, kind="report", side=side, report=report))
            )
            self._offset += 1
        step = open_step(self.pair, self.policy)
        step.take(events)
        self.pair = step.decide(None, {}, self.clock.now_ms()).pair

    def wanted(self) -> dict[Side, str]:
        """Return what is on its way."""
        return {side: "".join(sorted(write.fields["f"] or ())) for side, write in self.pair.pending.items()}  # type: ignore[arg-type]

    def answer(self, side: Side, stored: str | None = None) -> None:
        """Have the write of a side done; its app may store something else."""
        write = self.pair.pending[side]
        self.held[side] = write.fields["f"] if stored is None else tuple(stored)  # type: ignore[assignment]
        self.see(side, Answer(write=write.key, result="written"))

    def stand(self) -> tuple[str, str]:
        """Return what both sides hold once nothing is on its way any more."""
        self.write()
        left, right = ("".join(sorted(self.held[side] or ())) for side in SIDES)
        return left, right


@pytest.mark.parametrize("order", [SIDES, SIDES[::-1]])
def test_both_sides_are_written_at_once_and_answered_in_any_order(order: tuple[Side, Side]) -> None:
    pair = _Sets()
    pair.choose(L="abc", R="ad")
    assert pair.wanted() == {"L": "acd", "R": "acd"}
    for side in order:
        pair.answer(side)
    assert (pair.stand(), pair.writes, pair.pair.status) == (("acd", "acd"), 0, "in_sync")


@pytest.mark.parametrize(("first", "second"), [SIDES, SIDES[::-1]])
def test_what_is_removed_again_while_the_other_side_is_not_answered_yet_is_removed(first: Side, second: Side) -> None:
    pair = _Sets()
    pair.choose(L="abc", R="abd")
    pair.answer(first)
    added = "d" if first == "L" else "c"
    pair.edit(first, tuple(sorted({*"abcd"} - {added})))  # type: ignore[arg-type]
    pair.answer(second)
    left = "".join(sorted({*"abcd"} - {added}))
    assert pair.stand() == (left, left)


@pytest.mark.parametrize("side", SIDES)
def test_a_member_that_an_app_does_not_take_is_not_sent_for_ever(side: Side) -> None:
    pair = _Sets()
    pair.choose(L="abc", R="abd")
    pair.answer("L" if side == "R" else "R")
    pair.answer(side, stored="ab" + ("d" if side == "R" else "c"))
    assert (pair.stand(), pair.writes) == (("abcd", "abd") if side == "R" else ("abc", "abcd"), 0)
    pair.edit("L", tuple("bcd"))  # type: ignore[arg-type]
    assert pair.stand() == (("bcd", "bd") if side == "R" else ("bcd", "bcd"))


@pytest.mark.parametrize("side", SIDES)
def test_a_refused_change_of_a_set_waits_while_the_other_sides_are_written(side: Side) -> None:
    other: Side = "R" if side == "L" else "L"
    pair = _Sets()
    pair.choose(L="abc", R="abd")
    refused: dict[str, Any] = {"result": "refused", "code": "option_unknown", "field": "f"}
    pair.event(kind="answer", side=side, answer=Answer(write=pair.pair.pending[side].key, **refused))
    pair.answer(other)
    assert (pair.stand(), pair.pair.reason) == (("abc", "abcd") if side == "L" else ("abcd", "abd"), "option_unknown")
    pair.edit(other, tuple("ab"))  # type: ignore[arg-type]
    assert (pair.stand(), pair.pair.status) == (("ab", "ab"), "in_sync")


@pytest.mark.parametrize("side", SIDES)
def test_a_write_of_a_set_that_the_version_before_decided_is_settled_as_it_does(side: Side) -> None:
    """It does not say what the bases gain, and goes to one side at a time."""
    pair = _Sets()
    pair.choose(**{"L": "ab", "R": "ab", side: "ad"})
    (target,) = pair.pair.pending
    old = pair.pair.pending[target].model_copy(update={"moves": {}})
    pair.pair = pair.pair.model_copy(update={"pending": {target: old}})
    pair.answer(target)
    assert (pair.stand(), pair.writes) == (("ad", "ad"), 0)
    assert (dict(pair.pair.base_l), dict(pair.pair.base_r)) == ({}, {})


def test_what_is_told_of_a_set_stays_told_while_its_write_is_unanswered() -> None:
    pair = _Sets(direction="to_right")
    pair.choose(L="abc", R="abd")
    assert (pair.wanted(), dict(pair.pair.notes)) == ({"R": "abcd"}, {"f": "drift"})
    pair.event(kind="touch", reason="again")
    assert (pair.wanted(), dict(pair.pair.notes)) == ({"R": "abcd"}, {"f": "drift"})
