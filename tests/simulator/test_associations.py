"""Associations have no version: what an answer says of one is looked at again before it is decided upon."""

from collections.abc import Mapping

import pytest

from shared.core.pairing import open_step
from shared.core.pairs import Answer, Pair, PairEvent
from shared.core.policies import Neighbour, Neighbours
from shared.core.records import SIDES, Report, Side, Version
from tests.simulator.test_waiting import setups

_NAMES: dict[Side, str] = {"L": "a", "R": "b"}


class _Lived:
    """One person whose version never moves, whatever firm is associated; of firm n the records are ln and rn."""

    def __init__(self) -> None:
        policy = setups().policy("people")
        assert policy is not None
        self._policy = policy
        self._offset = 0
        self.pair = Pair(sync="people", pair="0" * 20)
        for side in SIDES:
            self.report(side, "1")

    def report(self, side: Side, firm: str, *, answers: str = "", asked: bool = False, gone: bool = False) -> None:
        """Let a record be read, or a write be answered with it."""
        end = self.pair.side(side)
        report = Report(
            connection=_NAMES[side], object="contact", id=f"{_NAMES[side]}1", version=Version(order=1),
            fields={"email": "p@x.example", "f": "x"}, links={"company": f"{side.lower()}{firm}"},
        )  # fmt: skip
        event = PairEvent(
            sync="people", pair=self.pair.pair, kind="report", side=side, report=report,
            answer=Answer(write=answers, result="written") if answers else None,
            asks=(end.ask,) if asked and end is not None and end.ask else (),
        )  # fmt: skip
        self._take(event, gone=gone)

    def touch(self, reason: str, *, gone: bool) -> None:
        """Let the pair look again, after the firms left or were merged, or not."""
        self._take(PairEvent(sync="people", pair=self.pair.pair, kind="touch", reason=reason), gone=gone)

    def _take(self, event: PairEvent, *, gone: bool) -> None:
        step = open_step(self.pair, self._policy)
        step.take([(self._offset, event)])
        self._offset += 1
        self.pair = step.decide(None, self._neighbours(step.draft.ends, gone=gone), self._offset).pair

    @staticmethod
    def _neighbours(ends: Mapping[Side, object], *, gone: bool) -> Neighbours:
        found = {}
        for side in SIDES:
            links = getattr(ends[side], "links", {})
            if links.get("company"):
                firm = links["company"][1:]
                found[side, "company"] = Neighbour(
                    pair=f"f{firm}", left="" if gone else f"l{firm}", right="" if gone else f"r{firm}", gone=gone
                )  # fmt: skip
        return found

    def settle(self) -> None:
        """Answer every write as it was meant, and every second read with what was written."""
        for _ in range(5):
            for side in SIDES:
                pending, end = self.pair.pending.get(side), self.pair.side(side)
                if pending is not None:
                    self.report(side, str(pending.links["company"])[1:], answers=pending.key)
                elif end is not None and end.ask:
                    self.report(side, str(end.links["company"])[1:], asked=True)

    def asks(self) -> tuple[str, ...]:
        return tuple(end.ask for side in SIDES if (end := self.pair.side(side)) is not None)

    def firms(self) -> tuple[str | None, ...]:
        return tuple(end.links.get("company") for side in SIDES if (end := self.pair.side(side)) is not None)


def test_a_changed_association_is_written_once() -> None:
    """The answer shows the association under the version that is known already: it is no older state coming back."""
    lived = _Lived()
    lived.report("L", "2")
    lived.report("L", "2", asked=True)
    assert lived.pair.pending["R"].links == {"company": "r2"}
    writes = lived.pair.n
    lived.settle()
    assert lived.firms() == ("l2", "r2")
    assert (lived.pair.n, lived.pair.status, dict(lived.pair.pending)) == (writes, "in_sync", {})


def test_an_association_that_is_changed_while_ours_is_written_travels() -> None:
    """It was seen before the answer came, so the answer tells an older state, and only a second read shows that."""
    lived = _Lived()
    lived.report("L", "2")
    lived.report("L", "2", asked=True)
    write = lived.pair.pending["R"].key
    lived.report("R", "3")
    lived.report("R", "3", asked=True)
    lived.report("R", "2", answers=write)
    assert dict(lived.pair.pending) == {}, "nothing is decided while it is doubted"
    lived.report("R", "3", asked=True)
    assert lived.pair.pending["L"].links == {"company": "l3"}
    lived.settle()
    assert lived.firms() == ("l3", "r3")
    assert dict(lived.pair.pending) == {}


def test_what_an_answer_did_not_tell_is_believed_when_it_is_read_first() -> None:
    """The answer to a create says nothing of associations; to learn of them is no reason to read a second time."""
    lived = _Lived()
    left = lived.pair.L
    assert left is not None
    lived.pair = lived.pair.model_copy(update={"L": left.model_copy(update={"links": {}})})
    lived.report("L", "1")
    assert lived.firms() == ("l1", "r1")
    assert lived.pair.L is not None
    assert lived.pair.L.ask == ""


@pytest.mark.parametrize("reason", ["woken", "rebuilt"])
def test_who_belongs_to_a_record_that_left_is_read_again_once(reason: str) -> None:
    """The app may name another one by now, without the person's version having moved."""
    lived = _Lived()
    lived.touch(reason, gone=False)
    assert lived.asks() == ("", "")
    lived.touch(reason, gone=True)
    assert all(lived.asks())
    for side in SIDES:
        lived.report(side, "1", asked=True, gone=True)
    assert lived.asks() == ("", ""), "an app may go on naming what it no longer has"
    lived.touch("again", gone=True)
    assert lived.asks() == ("", "")


def test_a_report_that_names_a_record_that_left_is_asked_for_again() -> None:
    lived = _Lived()
    lived.report("L", "2")
    lived.report("L", "2", asked=True, gone=True)
    lived.report("L", "2", gone=True)
    assert lived.asks()[0]
    lived.report("L", "3", asked=True)
    assert lived.pair.pending["R"].links == {"company": "r3"}


def test_two_people_whose_firm_left_before_they_were_linked_are_read_again() -> None:
    lived = _Lived()
    lived.pair = lived.pair.model_copy(update={"R": None})
    lived.report("R", "1", asked=True, gone=True)
    assert all(lived.asks())
