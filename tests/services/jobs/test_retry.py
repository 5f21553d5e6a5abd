"""Looking again at pairs of some statuses."""

import pytest

from shared import topics
from tests.services.desk import Desk
from tests.services.jobs.shift import Shift, ask, pair


@pytest.mark.usefixtures("live")
def test_a_resync_of_some_statuses_reads_nothing_and_touches_those(desk: Desk, unbegun: Shift) -> None:
    """Pairs that are well are left alone, and nobody is called missing."""
    pair(desk, "p1", left="h0", right="b0")
    pair(desk, "p2", left="h1", right="b1", status="failing")
    pair(desk, "p3", left="h2", status="excluded")
    ask(desk, "resync", statuses=("failing", "excluded"))
    unbegun.until(unbegun.ended)
    assert desk.calls == []
    assert {row.pair for row in desk.told(topics.PAIRS)} == {"p2", "p3"}
    assert desk.told(topics.NOTICES) == []
    assert unbegun.phases() == ["matching", "done"]
