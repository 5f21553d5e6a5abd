"""States that a newer version wrote: what it added is kept, and what cannot be read is left to it."""

import json
from typing import Any

import pytest

from services.ingest.known import TakenVersions
from services.jobs.looking import fits
from services.writer.write import Write
from shared.io.links.places import places
from shared.io.links.requests import Swap
from shared.io.ports import run_blocking
from shared.model.outcomes import NEWER_VERSION
from shared.model.pairs import Pair
from shared.model.records import Version
from shared.wire import topics
from shared.wire.messages import Notice
from tests.services.environment import LEFT, SYNC, report
from tests.services.matcher.test_outputs import Matcher


def stored(matcher: Matcher) -> Any:
    """Return the only pair's state as Redis has it."""
    name = matcher.pair().pair
    return json.loads(run_blocking(matcher.env.store.load([(SYNC, name)]))[SYNC, name].state)


def rewrite(matcher: Matcher, change: Any) -> None:
    """Have a newer worker write the state."""
    doc, pair = stored(matcher), matcher.pair()
    change(doc)
    swap = Swap(
        pair=pair.pair, expected=pair.rev, rev=pair.rev, state=json.dumps(doc), ends=places(matcher.env.policy, pair)
    )
    assert run_blocking(matcher.env.store.swap({SYNC: [swap]}))[SYNC, pair.pair].what == "ok"


def waiting_for_its_create() -> Matcher:
    matcher = Matcher()
    matcher.see(report("h1", 1))
    matcher.rest()
    return matcher


def test_a_step_keeps_what_a_newer_version_wrote() -> None:
    """In the state, in its sides, and in the write that waits: in Redis and in the journal."""
    matcher = waiting_for_its_create()

    def more(doc: Any) -> None:
        for part in (doc, doc["L"], doc["L"]["version"], doc["pending"]["R"]):
            part["owner"] = {"note": "new"}

    rewrite(matcher, more)
    matcher.see(report("h1", 2, fields={"email": "h1@x.example", "f": "new"}))
    matcher.rest()
    told = matcher.pair()
    for doc in (stored(matcher), json.loads(told.text())):
        assert [part.get("owner") for part in (doc, doc["L"], doc["pending"]["R"])] == [{"note": "new"}] * 3
        assert doc["L"]["version"] == {"order": 2}, "that is another version now"
    assert (told.L and told.L.fields["f"], told.rev > 1) == ("new", True)


def test_a_pair_that_gives_its_record_away_keeps_it_too() -> None:
    """An absorbed state stays in the journal."""
    matcher = waiting_for_its_create()
    rewrite(matcher, lambda doc: doc.update(owner="new"))
    matcher.see(report("b1", 1, at="book", fields={"email": "h1@x.example"}))
    matcher.rest()
    newest = {row.pair: row for row in matcher.env.told(topics.PAIR_STATE)}
    assert {"owner": "new"} in [row.model_extra for row in newest.values()]


def test_a_state_in_a_newer_form_holds_nobody_up() -> None:
    """Its messages wait for a worker that reads it; the others of the batch are stepped."""
    matcher = waiting_for_its_create()
    rewrite(matcher, lambda doc: doc.update(form=2))
    matcher.see(report("h1", 2))
    matcher.see(report("h2", 1))
    batch = matcher.waiting()
    outcomes = {
        row.message.report.id: outcome
        for row, outcome in zip(batch, run_blocking(matcher.resolve.handle(batch)), strict=True)
    }
    assert outcomes["h1"] == NEWER_VERSION
    assert outcomes["h2"].reason == "stepped"
    assert stored(matcher_with(matcher, "h1"))["form"] == 2


def matcher_with(matcher: Matcher, record: str) -> Matcher:
    """Look at the pair of one record alone."""
    pair = next(row for row in matcher.env.told(topics.PAIR_STATE) if row.L and row.L.id == record)
    matcher.pair = lambda: pair  # type: ignore[method-assign]  # of several
    return matcher


def test_the_writer_leaves_the_writes_of_such_a_pair_to_a_newer_one() -> None:
    """Whether it still waits for them cannot be told here."""
    matcher = waiting_for_its_create()
    rewrite(matcher, lambda doc: doc.update(form=2))
    env = matcher.env
    (command,) = env.told(topics.writes("opaque"))
    write = Write(env.store, env.bus, env.setups, env.caller, clock=env.clock, metrics=env.metrics)
    batch = env.inbound(topics.writes("opaque"), (command.pair, command))
    assert run_blocking(write.handle(batch)) == [NEWER_VERSION]
    assert env.calls == []


@pytest.mark.parametrize(("form", "known"), [(1, {0}), (2, set())])
def test_a_version_that_only_a_newer_worker_can_know_is_news(form: int, known: set[int]) -> None:
    """It is read once more; nobody ends because of it."""
    matcher = waiting_for_its_create()
    rewrite(matcher, lambda doc: doc.update(form=form))
    notice = Notice(connection=LEFT, object="contact", id="h1", version=Version(order=1))
    assert run_blocking(TakenVersions(matcher.env.store, matcher.env.setups).among([notice])) == known


def test_a_resync_of_some_statuses_touches_such_a_pair() -> None:
    """Whoever reads it says what it is."""
    matcher = waiting_for_its_create()
    state = json.dumps({**stored(matcher), "form": 2})
    assert fits(state, lambda pair: pair.status == "failing")
    assert not fits(matcher.pair().text(), lambda pair: pair.status == "failing")
    assert isinstance(matcher.pair(), Pair)
