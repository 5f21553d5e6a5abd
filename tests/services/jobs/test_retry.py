"""Looking again at pairs of some statuses."""

from typing import Any

import pytest

from services.jobs.looking import is_asked_for
from shared.model.job_kinds import JobKind
from shared.model.pairs import Pair
from shared.model.syncs import Job
from shared.wire import topics
from tests.services.environment import SYNC, Environment
from tests.services.jobs.harness import JobsHarness, ask, pair


@pytest.mark.usefixtures("live")
def test_a_resync_of_some_statuses_reads_nothing_and_touches_those(env: Environment, unbegun: JobsHarness) -> None:
    """Pairs that are well are left alone, and nobody is called missing."""
    pair(env, "p1", left="h0", right="b0")
    pair(env, "p2", left="h1", right="b1", status="failing")
    pair(env, "p3", left="h2", status="excluded")
    ask(env, "resync", statuses=("failing", "excluded"))
    unbegun.until(unbegun.ended)
    assert env.calls == []
    assert {row.pair for row in env.told(topics.PAIRS)} == {"p2", "p3"}
    assert env.told(topics.NOTICES) == []
    assert unbegun.phases() == ["matching", "done"]


def test_a_resync_of_a_filter_looks_at_what_the_filter_chooses() -> None:
    """By reason, time and text, all at once."""
    job = Job(
        id="j", kind=JobKind.RESYNC, sync=SYNC, statuses=("failing",), reasons=("too_long",), since_ms=50,
        text="Änn LEE", asked_at_ms=1,
    )  # fmt: skip

    def fits(**changes: Any) -> bool:
        fields = {"status": "failing", "reason": "too_long", "changed_ms": 50, "label": "Ann Lee", **changes}
        return is_asked_for(Pair.model_validate({"sync": SYNC, "pair": "p", **fields}), job)

    assert fits()
    assert not fits(status="excluded")
    assert not fits(reason="invalid_value")
    assert not fits(changed_ms=49)
    assert not fits(label="Ann")
