"""What the simulator makes of the journal."""

from shared.io.memory import MemoryBroker, MemoryBus
from shared.io.ports import Outbound, run_blocking
from shared.model.pairs import Pair, Pending, SideState
from shared.model.records import Version
from shared.wire import topics
from tests.simulator.history import History
from tests.simulator.settings import SYNC

_CREATE = Pending(key="k", op="create", setup=1)


def _told(*states: Pair) -> History:
    broker = MemoryBroker(topics.catalogue(()), partitions=1)
    bus = MemoryBus(broker)
    run_blocking(bus.publish([Outbound(topic=topics.PAIR_STATE, key=state.pair, message=state) for state in states]))
    return History(broker, ())


def _linked(rev: int) -> Pair:
    ends = {side: SideState(id=f"{side}1", version=Version()) for side in ("L", "R")}
    return Pair(sync=SYNC, pair="p", rev=rev, L=ends["L"], R=ends["R"])


def test_a_create_where_a_record_was_is_wrong() -> None:
    assert _told(_linked(1), Pair(sync=SYNC, pair="p", rev=2, pending={"R": _CREATE})).wrong


def test_a_create_that_was_decided_before_the_record_was_linked_is_not_although_it_is_told_late() -> None:
    assert not _told(_linked(2), Pair(sync=SYNC, pair="p", rev=1, pending={"R": _CREATE})).wrong


def test_a_create_that_is_open_once_more_is_not() -> None:
    """Redis was lost, and the journal told late that the create was answered: its answer is taken again."""
    opened = Pair(sync=SYNC, pair="p", rev=1, pending={"R": _CREATE})
    assert not _told(opened, _linked(2), opened.model_copy(update={"rev": 3})).wrong
