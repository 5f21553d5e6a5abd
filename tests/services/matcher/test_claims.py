"""What a claim told the links stays until its own report has come by."""

from collections.abc import Sequence
from typing import Any

from services.matcher.matching.match import Match
from services.matcher.resolving.resolve import Resolve
from shared.io.ports import run_blocking
from shared.model.records import Life
from shared.wire import topics
from shared.wire.messages import RecordSeen
from tests.services.environment import SYNC, Environment, report


def _claim(env: Environment, *reports: Any) -> Sequence[Any]:
    """Claim records as match does, and return what it told their pairs."""
    before = len(env.told(topics.PAIRS))
    batch = env.inbound(topics.RECORDS, *(("hub/contact/1", RecordSeen(report=row)) for row in reports))
    run_blocking(Match(env.store, env.bus, env.setups).handle(batch))
    return env.told(topics.PAIRS)[before:]


def _step(env: Environment, event: Any) -> None:
    batch = env.inbound(topics.PAIRS, (event.pair, event))
    run_blocking(Resolve(env.store, env.bus, env.setups, env.clock).handle(batch))


def _slot(env: Environment) -> str:
    ((_, slots),) = run_blocking(env.store.look([(SYNC, "L", "1", None)]))
    return slots.L


def test_the_answer_to_a_part_does_not_bring_a_deleted_record_back() -> None:
    """It tells no identifiers, so it was claimed with those that the links had."""
    env = Environment()
    for event in _claim(env, report("1", 1)):
        _step(env, event)
    part = report("1", 2).model_copy(update={"fields": {"f": "2"}})
    answered, deleted = _claim(env, part, report("1", 3, life=Life.ARCHIVED))
    assert _slot(env) == "-1"
    _step(env, answered)
    assert _slot(env) == "-1"
    _step(env, deleted)
    assert _slot(env) == "-1"


def test_a_pair_is_told_which_of_two_claims_of_a_record_was_the_later_one() -> None:
    env = Environment()
    first, second = _claim(env, report("1", 1), report("1", 2))
    (third,) = _claim(env, report("1", 3))
    assert -1 < first.claimed_at < second.claimed_at
    assert third.claimed_at > -1
