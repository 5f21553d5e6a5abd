"""What a pair knows of a record after an answer that showed only a part of it."""

from typing import Any, Final

import pytest

from services.matcher.resolving.outputs import as_report
from shared.engine.pairing import open_step
from shared.model.mapping import FieldMapping
from shared.model.pairs import Pair, PairEvent, SideState
from shared.model.records import Fields, Report, Version
from tests.engine.test_pairing import policy
from tests.services.environment import LEFT, SYNC

_WHOLE: Final[dict[str, str | None]] = {"email": "a@x.example", "f": "1", "g": "1"}


def _lives(end: SideState, *told: tuple[int, Fields], **more: Any) -> SideState:
    """Let a pair hear reports of its left record, each of a version and some fields."""
    rules = policy(mappings=tuple(FieldMapping(key=name, left=name, right=name) for name in _WHOLE))
    pair = Pair(sync=SYNC, pair="0" * 20, rev=1, L=end, R=end.model_copy(update={"id": "R1"}))
    for offset, (order, fields) in enumerate(told):
        report = Report(
            connection=LEFT, object="contact", id="L1", version=Version(order=order), fields=fields, **more
        )  # fmt: skip
        step = open_step(pair, rules)
        step.take([(offset, PairEvent(sync=SYNC, pair=pair.pair, kind="report", side="L", report=report))])
        pair = step.decide(None, {}, 1).pair
    assert pair.L is not None
    return pair.L


_KNOWN: Final = SideState(id="L1", version=Version(order=5), fields=_WHOLE)


@pytest.mark.parametrize(
    ("told", "partial"),
    [
        ([(6, {"f": "2"})], True),
        ([(5, {"f": "1"})], False),
        ([(6, {**_WHOLE, "f": "2"})], False),
        ([(6, {"f": "2"}), (6, {**_WHOLE, "f": "2"})], False),
        ([(6, {"f": "2"}), (7, {"g": "2"})], True),
        ([(6, {"f": "2"}), (7, {**_WHOLE, "g": "2"})], False),
        ([(6, {"f": "2"}), (5, _WHOLE)], True),
    ],
    ids=["a part", "a part of what is known", "all", "all, later", "two parts", "newer", "older"],
)
def test_a_part_moves_the_version_and_no_knowledge_of_the_whole(told: Any, partial: bool) -> None:  # noqa: FBT001 - a column of the table
    assert _lives(_KNOWN, *told).partial is partial


def test_what_else_changed_up_to_a_version_that_an_answer_told_is_looked_at_twice() -> None:
    """Nothing says which of the two came first: a second reading does."""
    end = _lives(_KNOWN, (6, {"f": "2"}), (6, {**_WHOLE, "f": "2", "g": "2"}))
    assert (bool(end.ask), end.fields["g"], end.partial) == (True, "1", True)


def test_a_record_is_handed_over_with_what_is_not_known_of_it() -> None:
    given = as_report(policy(), "L", _KNOWN.model_copy(update={"partial": True}))
    told = given.model_dump(include={"version", "fields", "partial"})
    end = _lives(_KNOWN.model_copy(update={"version": Version(order=4)}), (5, _WHOLE), partial=told["partial"])
    assert end.partial
