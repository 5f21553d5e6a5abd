"""What may happen between the moment in which a step is decided and the moment in which Redis takes it."""

from collections.abc import Callable, Sequence

from services.matcher.resolve import Resolve
from shared import topics
from shared.io.ports import run_blocking
from shared.io.scripts import Call, Scripts
from shared.io.store import Store
from tests.services.desk import RIGHT, report
from tests.services.matcher.test_outputs import Matcher


class _Before:
    """Redis, before whose first swap something happens."""

    def __init__(self, scripts: Scripts, happen: Callable[[], object]) -> None:
        self._scripts = scripts
        self._happen: Callable[[], object] | None = happen

    async def run(self, calls: Sequence[Call]) -> list[list[list[str]]]:
        if self._happen is not None and any(call.script == "swap" for call in calls):
            happen, self._happen = self._happen, None
            happen()
        return await self._scripts.run(calls)


def test_no_partner_is_created_beside_one_that_turned_up_since_the_decision() -> None:
    matcher = Matcher()
    matcher.see(report("h1", 1))
    partner = report("b1", 1, at=RIGHT, fields={"email": "h1@x.example"})
    desk = matcher.desk
    slow = _Before(desk.scripts, lambda: matcher.see(partner))
    matcher.resolve = Resolve(Store(slow), desk.bus, desk.setups, desk.clock)
    matcher.rest()
    assert desk.told(topics.writes("opaque")) == []
    pair = matcher.pair()
    assert pair.L is not None
    assert pair.R is not None
    assert (pair.L.id, pair.R.id) == ("h1", "b1")


def test_a_step_that_was_overtaken_steps_again_from_the_newer_state() -> None:
    matcher = Matcher()
    matcher.see(report("h1", 1, fields={"f": "first"}))
    matcher.rest()
    matcher.see(report("h1", 2, fields={"f": "second"}))
    (slow_batch,) = [matcher.waiting()]

    def overtake() -> None:
        matcher.see(report("h1", 3, fields={"f": "third"}))
        matcher.rest()

    desk = matcher.desk
    slow = Resolve(Store(_Before(desk.scripts, overtake)), desk.bus, desk.setups, desk.clock)
    run_blocking(slow.handle(slow_batch))
    pair = matcher.pair()
    assert pair.L is not None
    assert pair.L.fields["f"] == "third"
