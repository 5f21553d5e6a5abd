"""Records that lost their place in a pair."""

import pytest

from services.matcher.resolving.passing import forward, tell
from services.matcher.resolving.work import Opened, Resolved, Work
from shared.engine.pairing import Stepped, open_step
from shared.model.pairs import Decided, PairEvent, Trace
from shared.model.records import Report, Version
from shared.wire import topics
from shared.wire.messages import Notice
from tests.services.environment import SYNC
from tests.services.matcher.test_outputs import Matcher, linked


def _read_again(matcher: Matcher, note: str, *, again: bool) -> list[str]:
    """Return the records that are read again after another one took the place of b1, be it told once more."""
    policy = matcher.env.setups.policy(SYNC)
    assert policy is not None
    pair = matcher.pair()
    event = PairEvent(sync=SYNC, pair=pair.pair, kind="touch", reason="again")
    (message,) = matcher.env.inbound(topics.PAIRS, (pair.pair, event))
    log = (Trace(did="replaced", side="R", old="b1", new="b2", note=note),)
    decided = {"earlier": (Decided(rev=1, at_ms=1, log=log),), "log": ()} if again else {"log": log}
    taken = pair.model_copy(update=decided)
    work = Work(key=(SYNC, pair.pair), policy=policy, messages=[message])
    opened = Opened(work=work, old=pair, step=open_step(pair, policy), redelivered=again, again=again)
    resolved = Resolved(opened=opened, stepped=Stepped(taken, None, ()), text="", ends={})
    return [notice.id for outbound in tell(resolved, 5) if isinstance(notice := outbound.message, Notice)]


@pytest.mark.parametrize(("note", "again"), [("", ["b1"]), ("identifier", [])], ids=["another record", "a survivor"])
@pytest.mark.parametrize("redelivered", [False, True])
def test_a_record_whose_place_another_one_took_is_read_again(
    note: str,
    again: list[str],
    redelivered: bool,  # noqa: FBT001 - a case
) -> None:
    """It may live on alone; what was merged lives on in the other one."""
    assert _read_again(linked(), note, again=redelivered) == again


@pytest.mark.parametrize("surplus", [True, False])
def test_who_gets_a_report_passed_on_hears_whether_its_record_is_a_copy(surplus: bool) -> None:  # noqa: FBT001 - a case
    """A copy is nobody's partner: without that word its pair would look for one, and find none for ever."""
    report = Report(connection="b", object="contact", id="b9", version=Version(token="v1"))
    event = PairEvent(sync=SYNC, pair="p", kind="report", side="R", report=report, surplus=not surplus)
    (passed,) = forward(linked().env.inbound(topics.PAIRS, ("p", event)), "q", surplus=surplus)
    assert isinstance(passed.message, PairEvent)
    assert (passed.message.pair, passed.message.surplus) == ("q", surplus)
