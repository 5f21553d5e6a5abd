"""What a claim told the links stays until its own report has come by."""

from collections.abc import Sequence
from typing import Any

from services.matcher.match import Match
from services.matcher.resolve import Resolve
from shared import topics
from shared.core.records import Life
from shared.io.ports import run_blocking
from shared.messages import RecordSeen
from tests.services.desk import SYNC, Desk, report


def _claim(desk: Desk, *reports: Any) -> Sequence[Any]:
    """Claim records as match does, and return what it told their pairs."""
    before = len(desk.told(topics.PAIRS))
    batch = desk.inbound(topics.RECORDS, *(("hub/contact/1", RecordSeen(report=row)) for row in reports))
    run_blocking(Match(desk.store, desk.bus, desk.setups).handle(batch))
    return desk.told(topics.PAIRS)[before:]


def _step(desk: Desk, event: Any) -> None:
    batch = desk.inbound(topics.PAIRS, (event.pair, event))
    run_blocking(Resolve(desk.store, desk.bus, desk.setups, desk.clock).handle(batch))


def _slot(desk: Desk) -> str:
    ((_, slots),) = run_blocking(desk.store.look([(SYNC, "L", "1", None)]))
    return slots.L


def test_the_answer_to_a_part_does_not_bring_a_deleted_record_back() -> None:
    """It tells no identifiers, so it was claimed with those that the links had."""
    desk = Desk()
    for event in _claim(desk, report("1", 1)):
        _step(desk, event)
    part = report("1", 2).model_copy(update={"fields": {"f": "2"}})
    answered, deleted = _claim(desk, part, report("1", 3, life=Life.ARCHIVED))
    assert _slot(desk) == "-1"
    _step(desk, answered)
    assert _slot(desk) == "-1"
    _step(desk, deleted)
    assert _slot(desk) == "-1"
