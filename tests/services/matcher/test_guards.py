"""What may happen between the moment in which a step is decided and the moment in which Redis takes it."""

from collections.abc import Callable, Sequence

from services.matcher.resolving.resolve import Resolve
from shared.io.links.scripts import Call, Scripts
from shared.io.links.store import Store
from shared.io.ports import run_blocking
from shared.model.pairs import PairEvent
from shared.wire import topics
from shared.wire.messages import RecordSeen
from tests.services.environment import LEFT, RIGHT, SYNC, report
from tests.services.matcher.test_outputs import Matcher, linked


class Before:
    """Redis, before whose first run of a script something happens."""

    def __init__(self, script: str, scripts: Scripts, happen: Callable[[], object]) -> None:
        self._script = script
        self._scripts = scripts
        self._happen: Callable[[], object] | None = happen

    async def run(self, calls: Sequence[Call]) -> list[list[list[str]]]:
        if self._happen is not None and any(call.script == self._script for call in calls):
            happen, self._happen = self._happen, None
            happen()
        return await self._scripts.run(calls)


def test_no_partner_is_created_beside_one_that_turned_up_since_the_decision() -> None:
    matcher = Matcher()
    matcher.see(report("h1", 1))
    partner = report("b1", 1, at=RIGHT, fields={"email": "h1@x.example"})
    env = matcher.env
    slow = Before("swap", env.scripts, lambda: matcher.see(partner))
    matcher.resolve = Resolve(Store(slow), env.bus, env.setups, env.clock)
    matcher.rest()
    assert env.told(topics.writes("opaque")) == []
    pair = matcher.pair()
    assert pair.L is not None
    assert pair.R is not None
    assert (pair.L.id, pair.R.id) == ("h1", "b1")


def test_a_bundle_may_end_in_a_later_batch() -> None:
    """Of two messages to one pair in it, the second is none that came again."""
    matcher = linked()
    seen = [
        (f"{LEFT}/contact/h1", RecordSeen(report=report("h1", version, fields={"f": text}), accepted_ms=1))
        for version, text in ((2, "second"), (3, "third"))
    ]
    run_blocking(matcher.match.handle(matcher.env.inbound(topics.RECORDS, *seen)))
    first, second = matcher.waiting()
    assert (first.offset, first.index, second.index) == (second.offset, 0, 1)
    for message in (first, second, second):
        matcher.step([message])
    pair = matcher.pair()
    assert pair.L is not None
    assert (pair.L.fields["f"], pair.at, pair.item) == ("third", second.offset, 1)


def test_a_step_that_was_overtaken_steps_again_from_the_newer_state() -> None:
    matcher = Matcher()
    matcher.see(report("h1", 1, fields={"f": "first"}))
    matcher.rest()
    matcher.see(report("h1", 2, fields={"f": "second"}))
    (slow_batch,) = [matcher.waiting()]

    def overtake() -> None:
        matcher.see(report("h1", 3, fields={"f": "third"}))
        matcher.rest()

    env = matcher.env
    slow = Resolve(Store(Before("swap", env.scripts, overtake)), env.bus, env.setups, env.clock)
    run_blocking(slow.handle(slow_batch))
    pair = matcher.pair()
    assert pair.L is not None
    assert pair.L.fields["f"] == "third"


def test_no_partner_is_created_by_an_identity_that_a_newer_report_replaced() -> None:
    """Nobody has searched yet for a record with the new address."""
    matcher = Matcher()
    matcher.see(report("h1", 1, fields={"email": "old@x.example"}))
    matcher.see(report("h1", 2, fields={"email": "new@x.example"}))
    older, newer = matcher.waiting()
    matcher.step([older])
    assert matcher.env.told(topics.writes("opaque")) == []
    matcher.step([newer])
    assert [row.fields["email"] for row in matcher.env.told(topics.writes("opaque"))] == ["new@x.example"]


def test_a_step_leaves_the_identity_that_a_newer_report_has_set() -> None:
    matcher = Matcher()
    matcher.see(report("h1", 1, fields={"email": "old@x.example"}))
    matcher.rest()
    pair = matcher.pair().pair
    matcher.see(report("h1", 2, fields={"email": "new@x.example"}))
    (on_its_way,) = matcher.waiting()
    matcher.tell(PairEvent(sync=SYNC, pair=pair, kind="touch", reason="again"))
    matcher.rest()
    (found,) = run_blocking(matcher.env.store.components([(SYNC, "L", "h1")])).values()
    assert ["new@x.example" in row.identity for row in found.members] == [True]
    matcher.step([on_its_way])


def test_a_record_that_carries_our_marker_is_its_pair_s_whatever_it_holds() -> None:
    matcher = Matcher()
    matcher.see(report("h1", 1))
    matcher.rest()
    pending = matcher.pair().pending["R"]
    matcher.see(report("b1", 1, at=RIGHT, fields={"email": "edited@x.example"}, marker=pending.key))
    matcher.rest()
    assert matcher.pair().L is not None
    assert [row.pair for row in matcher.env.told(topics.PAIR_STATE)] == [matcher.pair().pair] * 2


def test_of_two_states_without_an_order_neither_is_believed_before_a_second_read() -> None:
    matcher = linked()
    matcher.see(report("b1", 2, at=RIGHT, fields={"email": "ann@x.example", "f": "new"}))
    matcher.rest()
    pair = matcher.pair()
    assert pair.R is not None
    assert (pair.R.fields["f"], bool(pair.R.ask)) == ("old", True)
