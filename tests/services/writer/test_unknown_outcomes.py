"""Writes whose answer nobody heard: the mark stays, and the same procedure looks first."""

import base64
from typing import Any

import pytest

from services.writer.answers import MAYBE_SENT
from shared.io.ports import run_blocking
from shared.model.outcomes import Done, Later
from shared.wire import topics
from shared.wire.messages import WriteCommand
from tests.services.environment import LEFT, fails, with_binding
from tests.services.writer.harness import WriterHarness


def lost(harness: WriterHarness, what: str = "update", times: int = 99) -> None:
    """Have the app do its work and lose its answers."""
    serve, left = harness.serve(what), [times]

    def answer(at: str, items: Any) -> Any:
        found = serve(at, items)
        if left[0]:
            left[0] -= 1
            return fails(message="no answer", unknown=True)(at, items)
        return found

    harness.env.answers[what] = answer


def again(harness: WriterHarness) -> list[Any]:
    """Return the commands that wait to come again, as they will come."""
    found = []
    for row in harness.env.told(topics.LATER["10s"]):
        write = WriteCommand.model_validate_json(base64.b64decode(row.raw_base64))
        found += harness.env.inbound(topics.writes("ordered"), (row.key, write), headers=row.headers)
    return found


def test_a_lost_answer_is_looked_for_at_once(harness: WriterHarness) -> None:
    """The second try finds what the first one did."""
    lost(harness, "create", 1)
    assert harness.handle(harness.create("p1")) == [Done("found")]
    assert len(harness.apps[LEFT].rows) == 1


def test_a_write_whose_outcome_stays_unknown_keeps_its_mark_and_comes_again(harness: WriterHarness) -> None:
    """Nothing is answered: were the mark cleared, our own value would look like somebody's edit."""
    lost(harness)
    write = harness.update("p1", f="x")
    assert harness.handle(write) == [Done("outcome_unknown")]
    assert harness.results() == {}
    (row,) = harness.env.told(topics.LATER["10s"])
    assert (row.headers[MAYBE_SENT], row.due_ms) == ("1", harness.env.clock.now_ms() + 10_000)
    assert row.topic == topics.writes("ordered").name
    harness.env.answers["update"] = harness.serve("update")
    (outcome,) = run_blocking(harness.write.handle(again(harness)))
    assert outcome in (Done("written"), Done("stale"))
    assert harness.apps[LEFT].writes == 1


def test_a_write_of_unknown_outcome_is_not_answered_as_held(harness: WriterHarness) -> None:
    """The app is away now, but perhaps it took the write before."""
    lost(harness)
    harness.handle(harness.update("p1"))
    harness.env.answers["update"] = fails()
    assert run_blocking(harness.write.handle(again(harness))) == [Later("outcome_unknown", "10s")]
    assert harness.results() == {}


def test_an_unknown_try_followed_by_a_refusal_stays_unknown(harness: WriterHarness) -> None:
    """The refusal may be about what the first try made."""
    errors = [fails(message="no answer", unknown=True), fails(code="rate_limited", retry="busy")]

    def answer(at: str, items: Any) -> Any:
        return errors.pop(0)(at, items)

    harness.env.answers["update"] = answer
    assert harness.handle(harness.update("p1")) == [Done("outcome_unknown")]
    assert harness.results() == {}


@pytest.mark.parametrize(("tried", "delay"), [(5, "10s"), (6, "1m"), (29, "1m"), (30, "10m"), (500, "10m")])
def test_it_comes_again_less_and_less_often(harness: WriterHarness, tried: int, delay: str) -> None:
    """Ten seconds, a minute, ten minutes; and never is it given up."""
    lost(harness)
    batch = harness.inbound(harness.update("p1"), maybe_sent=str(tried))
    assert run_blocking(harness.write.handle(batch)) == [Done("outcome_unknown")]
    (row,) = harness.env.told(topics.LATER[delay])
    assert row.headers[MAYBE_SENT] == str(tried + 1)


def test_an_unknown_outcome_halts_nobody_else(harness: WriterHarness) -> None:
    """Only what was certainly not sent stops the connection."""
    with_binding(harness.env, LEFT, write_batch=1)
    rows = [harness.update(f"p{number}") for number in range(3)]
    serve = harness.serve("update")
    gone = fails(message="no answer", unknown=True)
    harness.env.answers["update"] = lambda at, items: (
        gone(at, items) if items[0]["id"] == rows[0].id else serve(at, items)
    )
    assert harness.handle(*rows) == [Done("outcome_unknown"), Done("written"), Done("written")]
