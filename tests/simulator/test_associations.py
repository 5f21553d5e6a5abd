"""Associations have no version: what an answer says of one is looked at again before it is decided upon."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from shared.engine.policies import Neighbour, Neighbours
from shared.model.pairs import Answer
from shared.model.records import SIDES, LinkChange, Linked, Report, Side, Version
from shared.rules.identifiers import texts
from tests.simulator.lived import CONNECTIONS, Lived, association
from tests.simulator.test_waiting import setups


class _Associated(Lived):
    """One person whose version never moves, whatever firm is associated; of firm n the records are ln and rn."""

    def __init__(self) -> None:
        policy = setups().policy("people")
        assert policy is not None
        super().__init__(policy)
        self.gone = False
        """Whether the firms have left, or were merged."""
        for side in SIDES:
            self.report(side, "1")

    def report(self, side: Side, firm: str, *, answers: str = "", asked: bool = False) -> None:
        """Let a record be read, or a write be answered with it."""
        end = self.pair.side(side)
        report = Report(
            connection=CONNECTIONS[side], object="contact", id=f"{CONNECTIONS[side]}1", version=Version(order=1),
            fields={"email": "p@x.example", "f": "x"}, links={"company": f"{side.lower()}{firm}"},
        )  # fmt: skip
        answer = Answer(write=answers, result="written") if answers else None
        asks = (end.ask,) if asked and end is not None and end.ask else ()
        self.take(self.event("report", side, report=report, answer=answer, asks=asks))

    def neighbours(self, ends: Mapping[Side, object]) -> Neighbours:
        found = {}
        for side in SIDES:
            links = getattr(ends[side], "links", {})
            if links.get("company"):
                firm, gone = links["company"][1:], self.gone
                found[side, "company", links["company"]] = Neighbour(
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

    def firms(self) -> tuple[Linked, ...]:
        return tuple(end.links.get("company") for side in SIDES if (end := self.pair.side(side)) is not None)


def test_a_changed_association_is_written_once() -> None:
    """The answer shows the association under the version that is known already: it is no older state coming back."""
    lived = _Associated()
    lived.report("L", "2")
    lived.report("L", "2", asked=True)
    assert lived.pair.pending["R"].links == {"company": "r2"}
    writes = lived.pair.n
    lived.settle()
    assert lived.firms() == ("l2", "r2")
    assert (lived.pair.n, lived.pair.status, dict(lived.pair.pending)) == (writes, "in_sync", {})


def test_an_association_that_is_changed_while_ours_is_written_travels() -> None:
    """It was seen before the answer came, so the answer tells an older state, and only a second read shows that."""
    lived = _Associated()
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
    lived = _Associated()
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
    lived = _Associated()
    lived.touch(reason)
    assert lived.asks() == ("", "")
    lived.gone = True
    lived.touch(reason)
    assert all(lived.asks())
    for side in SIDES:
        lived.report(side, "1", asked=True)
    assert lived.asks() == ("", ""), "an app may go on naming what it no longer has"
    lived.touch("again")
    assert lived.asks() == ("", "")


def test_a_report_that_names_a_record_that_left_is_asked_for_again() -> None:
    lived = _Associated()
    lived.report("L", "2")
    lived.gone = True
    lived.report("L", "2", asked=True)
    lived.report("L", "2")
    assert lived.asks()[0]
    lived.gone = False
    lived.report("L", "3", asked=True)
    assert lived.pair.pending["R"].links == {"company": "r3"}


def test_two_people_whose_firm_left_before_they_were_linked_are_read_again() -> None:
    lived = _Associated()
    lived.pair = lived.pair.model_copy(update={"R": None})
    lived.gone = True
    lived.report("R", "1", asked=True)
    assert all(lived.asks())


class _Liked(Lived):
    """A person who likes firms; of firm n the records are ln and rn, or ln alone."""

    def __init__(self) -> None:
        policy = setups().policy("people")
        assert policy is not None
        super().__init__(replace(policy, associations=(association("clubs", "firms", members=texts),)))
        self.alone = ""
        """Firms without a partner."""
        for side in SIDES:
            self.like(side, "1")

    def like(self, side: Side, firms: str, *, answers: str = "") -> None:
        """Let a record be read until it is believed, or a write be answered with it."""
        report = Report(
            connection=CONNECTIONS[side], object="contact", id=f"{CONNECTIONS[side]}1", version=Version(order=1),
            fields={"email": "p@x.example", "f": "x"}, links={"clubs": tuple(f"{side.lower()}{one}" for one in firms)},
        )  # fmt: skip
        answer = Answer(write=answers, result="written") if answers else None
        self.take(self.event("report", side, report=report, answer=answer))
        end = self.pair.side(side)
        if end is not None and end.ask:
            self.take(self.event("report", side, report=report, asks=(end.ask,)))

    def neighbours(self, ends: Mapping[Side, object]) -> Neighbours:
        """Return what is known of the firms."""
        del ends
        return {
            (side, "clubs", f"{side.lower()}{firm}"): Neighbour(
                pair=f"f{firm}", left=f"l{firm}", right="" if firm in self.alone else f"r{firm}"
            )
            for side in SIDES
            for firm in "123"
        }

    def note(self) -> str:
        """Return what is told of the firms."""
        return self.pair.notes.get("@clubs", "")


def test_a_set_that_leads_to_a_record_without_a_partner_alone_was_not_emptied() -> None:
    """Else its last member would stay on the other side for good, where only a set that is empty is kept."""
    lived = _Liked()
    lived.alone = "2"
    lived.like("L", "2")
    assert lived.pair.pending["R"].links == {"clubs": LinkChange(remove=("r1",))}
    lived.like("R", "", answers=lived.pair.pending["R"].key)
    assert (dict(lived.pair.pending), lived.note()) == ({}, "waiting_parent")
    lived.alone = ""
    lived.touch("woken")
    lived.like("L", "2")
    assert lived.pair.pending["R"].links == {"clubs": LinkChange(add=("r2",))}


def test_what_a_set_keeps_is_told_although_a_record_without_a_partner_came_and_was_linked() -> None:
    lived = _Liked()
    lived.like("L", "")
    assert (dict(lived.pair.pending), lived.note()) == ({}, "kept_clear")
    lived.alone = "2"
    lived.like("L", "2")
    assert lived.note() == "kept_clear"
    lived.alone = ""
    lived.touch("woken")
    lived.like("L", "2")
    lived.like("R", "12", answers=lived.pair.pending["R"].key)
    assert (dict(lived.pair.pending), lived.note()) == ({}, "kept_clear")
    lived.like("R", "2")
    assert (dict(lived.pair.pending), lived.note()) == ({}, "")
