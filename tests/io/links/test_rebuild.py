"""A rebuild makes the same of the journal in whatever order it tells of several pairs."""

import itertools
from collections.abc import Iterable, Mapping, Sequence

import pytest

from shared.io.envelope import WAITED, Stored
from shared.io.links.rebuild import Rebuilder
from shared.io.links.requests import Slots, Swap
from shared.io.links.store import Store
from shared.io.memory import ManualClock, MemoryBroker, MemoryBus
from shared.io.ports import run_blocking
from shared.io.redis.memory import MemoryScripts
from shared.model.outcomes import NOT_RUN_HERE
from shared.model.pairs import Match, Pair, PairEvent, Recognised, SideState
from shared.model.records import Life, Report, Side, Version
from shared.wire import topics
from tests.simulator.settings import SYNC, set_up


def _state(pair: str, rev: int, **ends: str) -> Pair:
    sides: dict[str, SideState] = {
        side: SideState(id=record, version=Version(token="v"), fields={"email": "ada@x.example"})
        for side, record in ends.items()
    }
    return Pair(sync=SYNC, pair=pair, rev=rev, L=sides.get("L"), R=sides.get("R"))


_PLACES: tuple[tuple[Side, str], ...] = (("L", "a1"), ("R", "b2"), ("R", "b1"))
_LINKED = [_state("p", 1, L="a1", R="b1"), _state("p", 2, L="a1", R="b2")]
_TOUCH = PairEvent(sync=SYNC, pair="p", kind="touch", reason="again")
_OTHERS = PairEvent(sync=SYNC, pair="q", kind="touch", reason="again")
_FOUNDED = [_state("q", 1, R="b1"), _state("q", 2, R="b1")]


class _Journal:
    """Tells states in a given order, a name alone being a tombstone, and messages that no state tells yet."""

    def __init__(
        self, told: Sequence[Pair | str], unstepped: Sequence[PairEvent] = (), waiting: Sequence[PairEvent] = ()
    ) -> None:
        self._told = told
        self._unstepped = unstepped
        self._waiting = waiting

    def was_built(self, _sync: str) -> bool:
        return True

    def newer(self) -> frozenset[str]:
        return frozenset()

    def states(self) -> Iterable[Stored[Pair]]:
        for offset, told in enumerate(self._told):
            key, pair = (told, None) if isinstance(told, str) else (told.pair, told)
            yield Stored(partition=0, offset=offset, key=key, message=pair, raw=None, headers={})

    def waiting(self) -> Iterable[Stored[PairEvent]]:
        headers = {WAITED: NOT_RUN_HERE.reason}
        for offset, event in enumerate(self._waiting):
            yield Stored(partition=0, offset=offset, key=event.pair, message=event, raw=None, headers=headers)

    def unstepped(self) -> Iterable[Stored[PairEvent]]:
        for offset, event in enumerate(self._unstepped):
            yield Stored(partition=0, offset=offset, key=event.pair, message=event, raw=None, headers={})


class _PutOff(_Journal):
    """Has its messages put off to wait after `later.*` was read first."""

    def waiting(self) -> Iterable[Stored[PairEvent]]:
        yield from super().waiting()
        self._waiting, self._unstepped = self._unstepped, ()


def _orders() -> list[list[Pair]]:
    """List the ways in which the states of the two pairs can fall among each other."""
    orders = []
    for chosen in itertools.combinations(range(4), 2):
        linked, founded = iter(_LINKED), iter(_FOUNDED)
        orders.append([next(linked if place in chosen else founded) for place in range(4)])
    return orders


def _rebuilt(
    told: Sequence[Pair | str], unstepped: Sequence[PairEvent] = (), waiting: Sequence[PairEvent] = ()
) -> Store:
    return _rebuilt_from(_Journal(told, unstepped, waiting))


def _rebuilt_from(journal: _Journal) -> Store:
    store = Store(MemoryScripts())
    _rebuild(store, journal)
    return store


def _rebuild(store: Store, journal: _Journal) -> None:
    bus = MemoryBus(MemoryBroker(topics.catalogue(()), partitions=1))
    assert run_blocking(Rebuilder(store, bus, set_up(), journal, ManualClock()).rebuild_lost()) == [SYNC]


@pytest.mark.parametrize("told", _orders(), ids=lambda told: "".join(f"{pair.pair}{pair.rev}" for pair in told))
def test_a_record_that_left_for_a_pair_of_its_own_is_found_there(told: Sequence[Pair]) -> None:
    store = _rebuilt(told)
    found = run_blocking(store.look([(SYNC, side, record, None) for side, record in _PLACES]))
    assert found == [("p", Slots(":a1", ":b2")), ("p", Slots(":a1", ":b2")), ("q", Slots("", ":b1"))]


@pytest.mark.parametrize("life", [Life.ALIVE, Life.GONE])
def test_a_record_is_found_by_what_a_report_in_doubt_says_of_it(life: Life) -> None:
    """Its pair took that report, so that no message tells of the claim any more.

    A record that is held for gone is found as well: it may be there.
    """
    (linked, _) = _LINKED
    assert linked.R is not None
    known = Recognised(identity='{"p":"new@x.example"}', keys=("e:new@x.example",))
    doubting = linked.model_copy(
        update={"R": linked.R.model_copy(update={"ask": "t", "life": life}), "doubted": {"R": known}}
    )
    store = _rebuilt([doubting])
    (component,) = run_blocking(store.components([(SYNC, "R", "b1")])).values()
    assert [(row.id, row.identity) for row in component.members] == [("b1", known.identity)]
    assert run_blocking(store.look([(SYNC, "R", "b1", None)]))[0][1].R == ":b1"


def test_a_report_that_another_pair_passed_on_once_more_undoes_no_newer_claim() -> None:
    def event(email: str, accepted_ms: int, *, passed_on: bool) -> PairEvent:
        report = Report(connection="b", object="contact", id="b2", version=Version(token=email), fields={"mail": email})
        return PairEvent(
            sync=SYNC, pair="p", kind="report", side="R", report=report, accepted_ms=accepted_ms, passed_on=passed_on
        )  # fmt: skip

    old = event("old@x.example", 1, passed_on=True)
    store = _rebuilt([_LINKED[-1]], [old, event("new@x.example", 2, passed_on=False), old])
    (component,) = run_blocking(store.components([(SYNC, "R", "b2")])).values()
    assert ["new@x.example" in row.identity for row in component.members if row.id == "b2"] == [True]


def test_nothing_is_put_back_of_a_pair_that_was_deleted_with_its_sync() -> None:
    """The log tells of it until it is compacted, also when a sync of the same name is set up again."""
    linked, founded = _LINKED[-1], _FOUNDED[-1]
    store = _rebuilt([*_LINKED, "p", *_FOUNDED, "q", _state("q", 1, R="b1")])
    places: tuple[tuple[Side, str], ...] = (("L", "a1"), ("R", "b2"), ("R", "b1"))
    found = run_blocking(store.look([(SYNC, side, record, None) for side, record in places]))
    assert found == [("", Slots("", "")), ("", Slots("", "")), ("q", Slots("", ":b1"))]
    loaded = run_blocking(store.load([(SYNC, linked.pair), (SYNC, founded.pair)]))
    assert [bool(loaded[SYNC, pair].state) for pair in ("p", "q")] == [False, True]
    assert run_blocking(store.components([(SYNC, "L", "a1")]))[SYNC, "L", "a1"].members == ()


def test_a_rebuild_shows_that_it_lives_while_it_has_nothing_to_put_back() -> None:
    scripts = MemoryScripts()
    store = Store(scripts)
    assert run_blocking(store.begin_rebuild(SYNC, "one", 30_000)) == "begun"
    assert run_blocking(store.restore(SYNC, "one", 30_000, [])) == set()
    scripts.run_out()
    assert run_blocking(store.restore(SYNC, "one", 30_000, [])) is None


def test_what_a_message_claimed_that_waits_is_put_back_and_its_pair_tells_all_once_more() -> None:
    """Its sync did not run here for a while; a worker may have died before it told what it had decided."""
    said = Report(
        connection="a", object="contact", id="a1", version=Version(order=2), created="1",
        fields={"email": "new@x.example"},
    )  # fmt: skip
    waits = PairEvent(sync=SYNC, pair="p", kind="report", side="L", report=said)
    store = _rebuilt(_LINKED, waiting=[waits])
    (found,) = run_blocking(store.components([(SYNC, "L", "a1")])).values()
    assert ["new@x.example" in row.identity for row in found.members if row.id == "a1"] == [True]
    loaded = run_blocking(store.load([(SYNC, "p")]))
    assert Pair.read(loaded[SYNC, "p"].state) == _LINKED[-1].model_copy(update={"untold": True})


@pytest.mark.parametrize("at", [-1, 0, 3])
def test_a_pair_tells_all_once_more_whose_worker_took_a_message_and_died_before_it_was_committed(at: int) -> None:
    """The message may be put off to wait before it comes again, and newer ones be taken first."""
    told = _LINKED[-1].model_copy(update={"at": at})
    store = _rebuilt([told], [_TOUCH])
    loaded = run_blocking(store.load([(SYNC, "p")]))
    assert Pair.read(loaded[SYNC, "p"].state) == told.model_copy(update={"untold": at >= 0})


def test_a_message_is_found_that_is_put_off_to_wait_while_a_rebuild_looks_for_it() -> None:
    told = _LINKED[-1].model_copy(update={"at": 0})
    journal = _PutOff([told], [_TOUCH])
    loaded = run_blocking(_rebuilt_from(journal).load([(SYNC, "p")]))
    assert Pair.read(loaded[SYNC, "p"].state).untold


@pytest.mark.parametrize("told", [_LINKED[:1], []], ids=["an older state", "nothing"])
@pytest.mark.parametrize(
    ("comes", "noted"),
    [
        pytest.param({"waiting": [_TOUCH]}, 1, id="it waits"),
        pytest.param({"unstepped": [_TOUCH]}, 1, id="it was taken"),
        pytest.param({"unstepped": [_OTHERS, _TOUCH]}, 0, id="it is new"),
        pytest.param({}, 0, id="none comes"),
    ],
)
def test_a_state_that_redis_kept_and_the_journal_never_heard_of_is_told_as_well(
    told: Sequence[Pair], comes: Mapping[str, Sequence[PairEvent]], noted: int
) -> None:
    """A replica took over after a worker had stored what it decided, and died."""
    scripts, decided = MemoryScripts(), _LINKED[-1].model_copy(update={"at": 0, "rev": 5})
    store = Store(scripts)
    for number in range(3):
        scripts.failover(0)
        _rebuild(store, _Journal(told, **comes) if number else _Journal(told))
        if number == 0:
            swap = Swap(
                pair="p", expected=max((row.rev for row in told), default=0), rev=5, state=decided.text(), ends={}
            )
            assert run_blocking(store.swap({SYNC: [swap]}))[SYNC, "p"].what == "ok"
    (found,) = run_blocking(store.load([(SYNC, "p")])).values()
    assert Pair.read(found.state) == decided.model_copy(update={"untold": bool(noted)})
    assert found.state.count("untold") == noted, "it is noted once, however often Redis is lost"


def _said(email: str, order: int, accepted_ms: int, *, token: str = "", claimed_at: int = -1) -> PairEvent:
    version = Version(token=token) if token else Version(order=order)
    report = Report(connection="a", object="contact", id="a1", version=version, fields={"email": email})
    return PairEvent(
        sync=SYNC, pair="p", kind="report", side="L", report=report, claimed_at=claimed_at, accepted_ms=accepted_ms
    )  # fmt: skip


_CLAIMED_LAST = _said("new@x.example", 0, 1, token="b", claimed_at=8)
_CLAIMED_FIRST = _said("old@x.example", 0, 2, token="a", claimed_at=7)
"""A record that was read again is told with the change that it was first read for, be it read long after it."""


@pytest.mark.parametrize(
    ("known", "waiting", "expected"),
    [
        pytest.param(1, [_said("new@x.example", 3, 1), _said("old@x.example", 2, 2)], "new", id="by version"),
        pytest.param(1, [_said("old@x.example", 2, 1), _said("new@x.example", 3, 2)], "new", id="in their order"),
        pytest.param(3, [_said("old@x.example", 2, 1)], "ada", id="older than what the pair knows"),
        pytest.param(
            1, [_said("new@x.example", 0, 2, token="b"), _said("old@x.example", 0, 1, token="a")], "new", id="by time"
        ),
        pytest.param(1, [_CLAIMED_LAST, _CLAIMED_FIRST], "new", id="by claim"),
    ],
)
def test_of_messages_that_wait_the_newest_says_what_a_record_is_known_by(
    known: int, waiting: Sequence[PairEvent], expected: str
) -> None:
    """One that was put off a second time waits behind newer ones. Somebody could be created beside the record."""
    end = _LINKED[-1].L
    assert end is not None
    told = _LINKED[-1].model_copy(update={"L": end.model_copy(update={"version": Version(order=known)})})
    (found,) = run_blocking(_rebuilt([told], waiting=waiting).components([(SYNC, "L", "a1")])).values()
    assert [f"{expected}@x.example" in row.identity for row in found.members if row.id == "a1"] == [True]


@pytest.mark.parametrize(
    ("accepted_ms", "claims", "expected"),
    [
        pytest.param(1, (-1, -1), "new", id="accepted before it"),
        pytest.param(3, (-1, -1), "old", id="accepted after it"),
        pytest.param(3, (8, 7), "new", id="claimed before it"),
        pytest.param(1, (7, 8), "old", id="claimed after it, before the pair looked last"),
    ],
)
def test_a_message_that_waits_undoes_no_doubt_that_came_after_it(
    accepted_ms: int, claims: tuple[int, int], expected: str
) -> None:
    """The record is read again, and until then nobody may be created beside what it was shown to be last."""
    end = _LINKED[-1].L
    assert end is not None
    shown = Recognised(identity='{"p":"new@x.example"}', keys=("e:new@x.example",), claimed_at=claims[0])
    changes = {"L": end.model_copy(update={"ask": "t"}), "doubted": {"L": shown}, "seen_ms": 2}
    waits = _said("old@x.example", 0, accepted_ms, token="a", claimed_at=claims[1])
    store = _rebuilt([_LINKED[-1].model_copy(update=changes)], waiting=[waits])
    (found,) = run_blocking(store.components([(SYNC, "L", "a1")])).values()
    assert [f"{expected}@x.example" in row.identity for row in found.members if row.id == "a1"] == [True]


@pytest.mark.parametrize(("claimed_at", "expected"), [(7, "ada"), (9, "old")])
def test_a_message_that_waits_undoes_nothing_that_was_claimed_after_it(claimed_at: int, expected: str) -> None:
    """Where versions have no order, only the claims tell which of the two is newer."""
    end = _LINKED[-1].L
    assert end is not None
    told = _LINKED[-1].model_copy(update={"L": end.model_copy(update={"claimed_at": 8})})
    store = _rebuilt([told], waiting=[_said("old@x.example", 0, 9, token="a", claimed_at=claimed_at)])
    (found,) = run_blocking(store.components([(SYNC, "L", "a1")])).values()
    assert [f"{expected}@x.example" in row.identity for row in found.members if row.id == "a1"] == [True]


def _given(pair: str, email: str, order: int) -> PairEvent:
    match = Match(by="email", key=email, at_ms=order)
    return _said(email, order, order).model_copy(update={"pair": pair, "matched": match})


_TAKERS = [_state("p", 1, R="b1"), _state("q", 1, R="b2")]
_NEWEST = _given("p", "new@x.example", 6)
_OLD = _given("q", "old@x.example", 1)
_GIVER = Pair(
    sync=SYNC,
    pair="g",
    rev=1,
    L=SideState(id="a1", version=Version(order=6), fields={"email": "new@x.example"}),
    absorbed_by="p",
    seen_ms=6,
)


@pytest.mark.parametrize(
    ("told", "unstepped", "waiting"),
    [
        pytest.param(_TAKERS, [], [_OLD, _NEWEST], id="both wait"),
        pytest.param(_TAKERS, [], [_NEWEST, _OLD], id="in the other order"),
        pytest.param(_TAKERS, [_NEWEST], [_OLD], id="the old one waits"),
        pytest.param(
            [*_TAKERS, _GIVER], [_TOUCH.model_copy(update={"pair": "g"})], [_OLD], id="only the journal tells"
        ),
    ],
)
def test_a_record_that_was_given_twice_is_found_where_it_was_given_last(
    told: Sequence[Pair], unstepped: Sequence[PairEvent], waiting: Sequence[PairEvent]
) -> None:
    """Its taker could create somebody beside it, who is it."""
    store = _rebuilt(told, unstepped, waiting)
    assert run_blocking(store.look([(SYNC, "L", "a1", None)])) == [("p", Slots(":a1", ":b1"))]
    (found,) = run_blocking(store.components([(SYNC, "L", "a1")])).values()
    assert ["new@x.example" in row.identity for row in found.members if row.id == "a1"] == [True]
