"""A write that was given up may have arrived all the same: what it wrote is nobody's edit."""

from collections.abc import Callable

import pytest

from shared.engine.draft import UNSURE_MOST
from shared.model.pairs import Answer
from shared.model.records import Life, Report, Side, Version
from tests.simulator.lived import CONNECTIONS, Lived, live_policy


class _Edited(Lived):
    """A pair in sync, one of whose fields is edited."""

    def __init__(self) -> None:
        super().__init__(live_policy())
        self.report("L", 1, "old")
        self.report("R", 1, "old")

    def leave(self, side: Side, version: int, answer: Answer | None = None) -> None:
        """Report a record as gone, twice."""
        self.report(side, version, "old", answer, life=Life.GONE)
        self.report(side, version, "old", life=Life.GONE)

    def report(
        self, side: Side, version: int, g: str, answer: Answer | None = None, *, life: Life = Life.ALIVE
    ) -> None:
        told = Version(order=version) if side == "L" else Version(token=f"v{version}")
        name = CONNECTIONS[side]
        report = Report(connection=name, object="contact", id=f"{name}1", version=told, fields={"g": g}, life=life)
        end = self.pair.side(side)
        asks = (end.ask,) if end is not None and end.ask else ()
        self.take(self.event("report", side, report=report, asks=asks, answer=answer))

    def believed(self, side: Side, version: int, g: str) -> None:
        """Report twice: the second reading is the one that is asked for."""
        self.report(side, version, g)
        self.report(side, version, g)

    def held(self, side: Side) -> None:
        self.answer(side, "held", retry="outage")

    def refused(self, side: Side) -> None:
        self.answer(side, "refused", code="invalid_value", message="broken")


def test_the_value_of_a_write_that_was_held_does_not_come_back_over_a_newer_edit() -> None:
    lived = _Edited()
    lived.believed("R", 2, "first")
    assert lived.pair.pending["L"].fields == {"g": "first"}
    lived.report("R", 3, "second")
    lived.held("L")
    lived.report("R", 3, "second")
    lived.report("L", 2, "first")
    assert set(lived.pair.pending) == {"L"}
    assert lived.pair.pending["L"].fields == {"g": "second"}


def test_an_edit_after_a_write_that_was_held_is_an_edit() -> None:
    lived = _Edited()
    lived.believed("R", 2, "first")
    lived.held("L")
    lived.report("L", 2, "mine")
    lived.touch("again")
    assert lived.pair.pending["R"].fields == {"g": "mine"}


def test_a_value_that_arrived_and_is_put_back_later_is_an_edit() -> None:
    lived = _Edited()
    lived.believed("R", 2, "first")
    lived.held("L")
    lived.report("L", 2, "first")
    lived.report("L", 3, "mine")
    lived.report("R", 3, "mine", Answer(write=lived.pair.pending["R"].key, result="written"))
    lived.report("L", 4, "first")
    assert lived.pair.pending["R"].fields == {"g": "first"}


def test_a_stale_answer_that_is_not_believed_yet_leaves_the_write_in_doubt() -> None:
    lived = _Edited()
    lived.report("L", 2, "first")
    lived.report("L", 3, "second")
    lived.report("R", 2, "first", Answer(write=lived.pair.pending["R"].key, result="stale"))
    lived.report("R", 2, "first")
    assert {side: write.fields for side, write in lived.pair.pending.items()} == {"R": {"g": "second"}}


def _gone(lived: _Edited) -> None:
    lived.leave("L", 2)


def _stale(lived: _Edited) -> None:
    lived.leave("L", 2, Answer(write=lived.pair.pending["L"].key, result="stale"))


def _refused(lived: _Edited) -> None:
    lived.refused("L")


@pytest.mark.parametrize("give_up", [_gone, _stale, _refused])
def test_what_a_copy_of_a_write_that_was_given_up_writes_later_is_nobodys_edit(
    give_up: Callable[[_Edited], None],
) -> None:
    """A command may come twice, and the second be executed when the record is again as the write expected it."""
    lived = _Edited()
    lived.believed("R", 2, "first")
    give_up(lived)
    lived.believed("R", 3, "second")
    lived.report("L", 3, "old")
    assert lived.pair.pending["L"].fields == {"g": "second"}
    lived.report("L", 4, "first", Answer(write=lived.pair.pending["L"].key, result="stale"))
    assert {side: write.fields for side, write in lived.pair.pending.items()} == {"L": {"g": "second"}}


def test_doubts_end_with_the_next_answer_and_do_not_pile_up() -> None:
    lived = _Edited()
    for n in range(UNSURE_MOST + 2):
        lived.believed("R", 2 + n, f"edit {n}")
        lived.touch("again")
        lived.held("L")
        lived.touch("again")
        lived.held("L")
    assert len(lived.pair.unsure["L"]) == UNSURE_MOST
    lived.touch("again")
    lived.report("L", 2, f"edit {UNSURE_MOST + 1}", Answer(write=lived.pair.pending["L"].key, result="written"))
    assert not lived.pair.unsure


def test_what_a_record_refused_is_written_when_the_record_has_changed() -> None:
    """Not before: a second look at the same record, or at the pair, sends nothing."""
    lived = _Edited()
    lived.believed("R", 2, "first")
    lived.refused("L")
    lived.touch("again")
    lived.report("L", 1, "old")
    assert dict(lived.pair.pending) == {}
    assert (lived.pair.status, lived.pair.reason) == ("failing", "invalid_value")
    lived.report("L", 2, "old")
    assert lived.pair.pending["L"].fields == {"g": "first"}
