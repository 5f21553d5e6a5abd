"""What a first sync or a resync finds makes way for live changes, with all that follows from it."""

from typing import Any

import pytest

from services.matcher.resolving.outputs import outputs
from services.matcher.yielding import is_backfill
from shared.io.ports import Inbound
from shared.model.pairs import Answer, Pair, PairEvent, Pending, SideState
from shared.model.records import Version
from shared.wire import topics
from shared.wire.messages import SetupDoc
from tests.services.environment import RIGHT, SYNC, Environment, people, report
from tests.services.matcher.test_outputs import Matcher

LIVE, BACKFILL = topics.writes("opaque"), topics.writes("opaque", backfill=True)


def writes(matcher: Matcher) -> tuple[int, int]:
    """Count the live writes and those that make way."""
    return len(matcher.env.told(LIVE)), len(matcher.env.told(BACKFILL))


def touch(matcher: Matcher, reason: str, **more: Any) -> None:
    matcher.tell(PairEvent(sync=SYNC, pair=matcher.pair().pair, kind="touch", reason=reason, **more))


def differing() -> Matcher:
    """Have a linked pair whose sides differ since a sync that was one-way is two-way."""
    matcher = Matcher()
    matcher.see(report("h1", 1, fields={"email": "ann@x.example", "f": "one"}))
    matcher.rest()
    pending = matcher.pair().pending["R"]
    made = report("b1", 1, at=RIGHT, fields={"email": "ann@x.example", "f": "one"})
    written = Answer(write=pending.key, result="written")
    matcher.tell(
        PairEvent(
            sync=SYNC, pair=matcher.pair().pair, kind="report", side="R", report=made, answer=written, origin="answer"
        )
    )
    matcher.rest()
    assert matcher.pair().status == "in_sync"
    return matcher


def edited_while_off(matcher: Matcher) -> None:
    """Have a sync that is off hear of an edit, and be switched on."""
    matcher.env.set_up("sync", SetupDoc(sync=people(enabled=False, version=2)), SYNC)
    matcher.see(report("h1", 2, fields={"email": "ann@x.example", "f": "two"}))
    matcher.rest()
    matcher.env.set_up("sync", SetupDoc(sync=people(version=3)), SYNC)


def test_a_resync_yields_to_live_changes() -> None:
    """The write that a touch of a resync leads to goes where live writes do not wait behind it."""
    env = Environment()
    ends = {side: SideState(id=side, version=Version(order=1)) for side in ("L", "R")}
    old = Pair(sync=SYNC, pair="0" * 20, rev=1, L=ends["L"], R=ends["R"])
    pending = {"R": Pending(key="k", op="update", fields={"f": "x"}, setup=1)}
    new = old.model_copy(update={"rev": 2, "pending": pending})
    event = PairEvent(sync=SYNC, pair=old.pair, kind="touch", reason="resync")
    cause = Inbound(topic="pairs", partition=0, offset=1, key=old.pair, message=event, raw=b"", headers={})
    out = outputs(new, old, env.policy, text="", again=True, poked=(), waiting=(), cause=cause, now_ms=1)
    assert [row.topic.name for row in out if row.topic.name.startswith("writes")] == ["writes.opaque.backfill"]


@pytest.mark.parametrize(("reason", "expected"), [("resync", (1, 1)), ("backfill", (1, 1)), ("retry", (2, 0))])
def test_what_a_person_chose_stays_live(reason: str, expected: tuple[int, int]) -> None:
    """An edit of the settings has all pairs looked at again, which nobody waits for."""
    matcher = differing()
    edited_while_off(matcher)
    touch(matcher, reason)
    matcher.rest()
    assert writes(matcher) == expected


def test_a_write_that_was_put_off_still_makes_way() -> None:
    """An app that is busy with a resync would else have all of it among the live changes."""
    matcher = differing()
    edited_while_off(matcher)
    touch(matcher, "resync")
    matcher.rest()
    pair = matcher.pair()
    held = Answer(write=pair.pending["R"].key, result="held", code="rate_limited", retry="busy")
    matcher.tell(PairEvent(sync=SYNC, pair=pair.pair, kind="answer", side="R", answer=held))
    matcher.rest()
    assert (matcher.pair().again, matcher.pair().yields) == ("10s", True)
    matcher.env.clock.advance(10_000)
    touch(matcher, "again")
    matcher.rest()
    assert writes(matcher) == (1, 2)


def test_a_live_edit_makes_a_pair_live_again() -> None:
    """A person who edits a record that a resync has in hand does not wait for the resync."""
    matcher = differing()
    edited_while_off(matcher)
    touch(matcher, "resync")
    matcher.rest()
    matcher.see(report("h1", 3, fields={"email": "ann@x.example", "f": "three"}))
    matcher.rest()
    assert not matcher.pair().yields
    pair = matcher.pair()
    stale = Answer(write=pair.pending["R"].key, result="stale")
    same = report("b1", 2, at=RIGHT, fields={"email": "ann@x.example", "f": "one"})
    matcher.tell(
        PairEvent(sync=SYNC, pair=pair.pair, kind="report", side="R", report=same, answer=stale, origin="answer")
    )
    matcher.rest()
    assert writes(matcher) == (2, 1)


def test_a_live_edit_does_not_wait_because_a_touch_of_a_resync_came_with_it() -> None:
    """Both are taken in one step, and the touch comes last."""
    matcher = differing()
    matcher.see(report("h1", 2, fields={"email": "ann@x.example", "f": "two"}))
    touch(matcher, "resync")
    matcher.step(matcher.waiting())
    assert writes(matcher) == (2, 0)


def test_a_resync_does_not_slow_down_what_is_live() -> None:
    """The live write is published again where it was, not behind the backfill."""
    matcher = differing()
    matcher.see(report("h1", 2, fields={"email": "ann@x.example", "f": "two"}))
    matcher.rest()
    touch(matcher, "resync")
    matcher.rest()
    assert writes(matcher) == (3, 0)
    assert not matcher.pair().yields


def test_who_is_woken_by_a_first_sync_makes_way_as_well() -> None:
    """A first sync of companies wakes the contacts that wait for them, which may be very many."""
    env = Environment()
    old = Pair(sync=SYNC, pair="0" * 20, rev=1)
    new = old.model_copy(update={"rev": 2, "woken": True})
    for reason, way in (("backfill", True), ("rematch", False)):
        event = PairEvent(sync=SYNC, pair=old.pair, kind="touch", reason=reason)
        cause = Inbound(topic="pairs", partition=0, offset=1, key=old.pair, message=event, raw=b"", headers={})
        out = outputs(
            new, old, env.policy, text="", again=False, poked=("2" * 20,), waiting=[("other", "1" * 20)],
            cause=cause, now_ms=1,
        )  # fmt: skip
        touches = [row.message for row in out if row.topic is topics.PAIRS]
        assert [is_backfill(row) for row in touches] == [way, way]
        assert [row.reason for row in touches if isinstance(row, PairEvent)][1] == "woken"
