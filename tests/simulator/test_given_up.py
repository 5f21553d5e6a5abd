"""A write that was given up may have arrived all the same: what it wrote is nobody's edit."""

from shared.core.draft import UNSURE_MOST
from shared.core.pairing import open_step
from shared.core.pairs import Answer, Pair, PairEvent
from shared.core.records import Report, Side, Version
from tests.simulator.world import CALM, SYNC, World

_NAMES: dict[Side, str] = {"L": "a", "R": "b"}


class _Lived:
    """One pair, and the events that come by."""

    def __init__(self) -> None:
        world = World(0, CALM)
        world.first_sync()
        policy = world.setups.policy(SYNC)
        assert policy is not None
        self._policy = policy
        self._offset = 0
        self.pair = Pair(sync=SYNC, pair="0" * 20)
        self.report("L", 1, "old")
        self.report("R", 1, "old")

    def report(self, side: Side, version: int, g: str, answer: Answer | None = None) -> None:
        told = Version(order=version) if side == "L" else Version(token=f"v{version}")
        report = Report(
            connection=_NAMES[side], object="contact", id=f"{_NAMES[side]}1", version=told, fields={"g": g},
        )  # fmt: skip
        end = self.pair.side(side)
        asks = (end.ask,) if end is not None and end.ask else ()
        self._event(
            PairEvent(sync=SYNC, pair=self.pair.pair, kind="report", side=side, report=report, asks=asks, answer=answer)
        )

    def believed(self, side: Side, version: int, g: str) -> None:
        """Report twice: the second reading is the one that is asked for."""
        self.report(side, version, g)
        self.report(side, version, g)

    def held(self, side: Side) -> None:
        answer = Answer(write=self.pair.pending[side].key, result="held", retry="outage")
        self._event(PairEvent(sync=SYNC, pair=self.pair.pair, kind="answer", side=side, answer=answer))

    def refused(self, side: Side) -> None:
        answer = Answer(write=self.pair.pending[side].key, result="refused", code="invalid_value", message="broken")
        self._event(PairEvent(sync=SYNC, pair=self.pair.pair, kind="answer", side=side, answer=answer))

    def touch(self) -> None:
        self._event(PairEvent(sync=SYNC, pair=self.pair.pair, kind="touch", reason="again"))

    def _event(self, event: PairEvent) -> None:
        step = open_step(self.pair, self._policy)
        step.take([(self._offset, event)])
        self._offset += 1
        self.pair = step.decide(None, {}, self._offset).pair


def test_the_value_of_a_write_that_was_held_does_not_come_back_over_a_newer_edit() -> None:
    lived = _Lived()
    lived.believed("R", 2, "first")
    assert lived.pair.pending["L"].fields == {"g": "first"}
    lived.report("R", 3, "second")
    lived.held("L")
    lived.report("R", 3, "second")
    lived.report("L", 2, "first")
    assert set(lived.pair.pending) == {"L"}
    assert lived.pair.pending["L"].fields == {"g": "second"}


def test_an_edit_after_a_write_that_was_held_is_an_edit() -> None:
    lived = _Lived()
    lived.believed("R", 2, "first")
    lived.held("L")
    lived.report("L", 2, "mine")
    lived.touch()
    assert lived.pair.pending["R"].fields == {"g": "mine"}


def test_a_value_that_arrived_and_is_put_back_later_is_an_edit() -> None:
    lived = _Lived()
    lived.believed("R", 2, "first")
    lived.held("L")
    lived.report("L", 2, "first")
    lived.report("L", 3, "mine")
    lived.report("R", 3, "mine", Answer(write=lived.pair.pending["R"].key, result="written"))
    lived.report("L", 4, "first")
    assert lived.pair.pending["R"].fields == {"g": "first"}


def test_a_stale_answer_that_is_not_believed_yet_leaves_the_write_in_doubt() -> None:
    lived = _Lived()
    lived.report("L", 2, "first")
    lived.report("L", 3, "second")
    lived.report("R", 2, "first", Answer(write=lived.pair.pending["R"].key, result="stale"))
    lived.report("R", 2, "first")
    assert {side: write.fields for side, write in lived.pair.pending.items()} == {"R": {"g": "second"}}


def test_doubts_end_with_the_next_answer_and_do_not_pile_up() -> None:
    lived = _Lived()
    for n in range(UNSURE_MOST + 2):
        lived.believed("R", 2 + n, f"edit {n}")
        lived.touch()
        lived.held("L")
        lived.touch()
        lived.held("L")
    assert len(lived.pair.unsure["L"]) == UNSURE_MOST
    lived.touch()
    lived.report("L", 2, f"edit {UNSURE_MOST + 1}", Answer(write=lived.pair.pending["L"].key, result="written"))
    assert not lived.pair.unsure


def test_what_a_record_refused_is_written_when_the_record_has_changed() -> None:
    """Not before: a second look at the same record, or at the pair, sends nothing."""
    lived = _Lived()
    lived.believed("R", 2, "first")
    lived.refused("L")
    lived.touch()
    lived.report("L", 1, "old")
    assert dict(lived.pair.pending) == {}
    assert (lived.pair.status, lived.pair.reason) == ("failing", "invalid_value")
    lived.report("L", 2, "old")
    assert lived.pair.pending["L"].fields == {"g": "first"}
