"""One pass over the journal restores all syncs that were lost, and one that is new waits for no pass at all."""

from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from services.matcher.rebuilding import KafkaJournal
from shared.config.setups import Setups
from shared.io.envelope import Received, Stored
from shared.io.links.rebuild import TTL_MS, Rebuilder
from shared.io.links.requests import Restored, Slots
from shared.io.links.store import Store
from shared.io.memory import ManualClock, MemoryBroker, MemoryBus, MemoryReader
from shared.io.ports import run_blocking
from shared.io.redis.memory import MemoryScripts
from shared.model.pairs import Pair, PairEvent, SideState
from shared.model.records import Version
from shared.settings import load
from shared.wire import topics
from shared.wire.messages import Rebuilt, SetupDoc
from shared.wire.topics import UnreadableMessage
from tests.simulator.settings import FIRMS, SYNC, set_up


def state(sync: str, pair: str, record: str, **more: Any) -> Pair:
    end = SideState(id=record, version=Version(token="v"), fields={"email": f"{record}@x.example"})
    return Pair(sync=sync, pair=pair, rev=1, L=end, **more)


class Journal:
    """Tells states, and how often it was asked for them."""

    def __init__(self, told: Sequence[Pair], clock: ManualClock, *, built: bool = True) -> None:
        self.told = told
        self.built = built
        self.passes = 0
        self.left: frozenset[str] = frozenset()
        self.step_ms = 0
        self._clock = clock

    def was_built(self, _sync: str) -> bool:
        return self.built

    def newer(self) -> frozenset[str]:
        return self.left

    def states(self) -> Iterable[Stored[Pair]]:
        self.passes += 1
        for offset, pair in enumerate(self.told):
            self._clock.advance(self.step_ms)
            yield Stored(partition=0, offset=offset, key=pair.pair, message=pair, raw=None, headers={})

    def waiting(self) -> Iterable[Stored[PairEvent]]:
        return ()

    def unstepped(self) -> Iterable[Stored[PairEvent]]:
        return ()


class Spy(Store):
    """Links that note who gave signs of life."""

    restored: list[tuple[str, int]]

    async def restore(self, sync: str, token: str, ttl_ms: int, entries: Sequence[Restored]) -> set[str] | None:
        self.restored.append((sync, len(entries)))
        return await super().restore(sync, token, ttl_ms, entries)


class World:
    def __init__(self, *told: Pair, built: bool = True) -> None:
        self.clock = ManualClock()
        self.broker = MemoryBroker(topics.catalogue(()), partitions=1)
        self.store = Spy(MemoryScripts())
        self.store.restored = []
        self.journal = Journal(told, self.clock, built=built)
        bus = MemoryBus(self.broker)
        self.rebuilder = Rebuilder(self.store, bus, set_up(firms=True), self.journal, self.clock)

    def rebuild(self) -> list[str]:
        return sorted(run_blocking(self.rebuilder.rebuild_lost()))

    def told(self) -> list[tuple[str, int]]:
        found = MemoryReader(self.broker, topics.SETUPS).read_to_end()
        docs = [row.message.rebuilt for row in found if row.message is not None]
        return sorted((doc.sync, doc.at_ms) for doc in docs if doc is not None)


def test_one_pass_restores_all_that_were_lost() -> None:
    """With fifteen syncs, fifteen passes over the states of all of them took minutes."""
    world = World(state(SYNC, "p", "a1"), state(FIRMS, "q", "f1"), state("gone", "r", "x1"))
    assert world.rebuild() == sorted((SYNC, FIRMS))
    assert world.journal.passes == 1
    asked = [(SYNC, "L", "a1", None), (FIRMS, "L", "f1", None), (SYNC, "L", "f1", None)]
    found = run_blocking(world.store.look(asked))  # type: ignore[arg-type]  # a side
    assert found == [("p", Slots(":a1", "")), ("q", Slots(":f1", "")), ("", Slots("", ""))]
    assert {(name, at > 0) for name, at in world.told()} == {(SYNC, True), (FIRMS, True)}
    assert world.rebuilder.progress == ""


def test_a_new_sync_reads_nothing_and_holds_nobody_up() -> None:
    """It has no pairs yet, however many the others have."""
    world = World(*(state(SYNC, f"p{number}", f"a{number}") for number in range(9)), built=False)
    assert world.rebuild() == sorted((SYNC, FIRMS))
    assert world.journal.passes == 0
    assert world.told() == [(FIRMS, 0), (SYNC, 0)]


def test_that_links_were_made_is_told_before_they_can_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were it told afterwards, a crash in between would let whoever comes after a loss take the sync for new."""
    world = World(built=False)

    async def dies(*_given: Any) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(world.store, "finish_rebuild", dies)
    with pytest.raises(KeyboardInterrupt):
        world.rebuild()
    assert [at for _, at in world.told()] == [0]


def test_a_sync_that_is_passed_over_for_long_shows_that_it_lives() -> None:
    """Another worker would take it over else, and read everything once more."""
    world = World(*(state(SYNC, f"p{number}", f"a{number}") for number in range(1000)))
    world.journal.step_ms = TTL_MS // 500
    assert world.rebuild() == sorted((SYNC, FIRMS))
    signs = [number for name, number in world.store.restored if name == FIRMS]
    assert len(signs) >= 1000 * world.journal.step_ms // TTL_MS * 2
    assert set(signs) == {0}


def test_how_far_it_is_can_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits for a start sees that it goes on."""
    world = World(*(state(SYNC, f"p{number}", f"a{number}") for number in range(700)))
    seen: list[str] = []
    live = world.rebuilder._live

    async def look(lost: Any) -> None:
        seen.append(world.rebuilder.progress)
        await live(lost)

    monkeypatch.setattr(world.rebuilder, "_live", look)
    world.rebuild()
    assert len(set(seen)) == 3
    assert "600 messages read" in seen[-1]


def test_a_sync_with_states_that_only_a_newer_version_can_read_is_left_to_it() -> None:
    """Were it declared whole without them, their records could be created a second time; the others do not wait."""
    world = World(state(SYNC, "p", "a1"))
    world.journal.left = frozenset({FIRMS})
    assert world.rebuild() == [SYNC]
    assert run_blocking(world.store.is_ready(FIRMS)) == "busy"
    assert world.rebuild() == []
    assert world.journal.passes == 1


def test_the_journal_tells_what_it_passed_over_and_raises_what_nobody_can_read() -> None:
    """Of which sync a newer state is can be read in any version."""
    journal = KafkaJournal(load(), Setups())

    def item(value: bytes) -> Received:
        return Received(topic="pair-state", partition=0, offset=0, key="p", value=value)

    journal._pass_over(item(b'{"sync": "s", "pair": {"new": 1}}'), UnreadableMessage("newer_version", "2"))
    assert journal.newer() == {"s"}
    for reason, value in (("malformed", b'{"sync": "s"}'), ("newer_version", b"{}")):
        with pytest.raises(UnreadableMessage):
            journal._pass_over(item(value), UnreadableMessage(reason, "x"))  # type: ignore[arg-type]  # one of the reasons


def test_a_claim_that_nobody_can_read_holds_no_rebuild_up() -> None:
    """One of a newer version leaves its sync to that; one that names no sync may wait in `later.*` for ever."""
    journal = KafkaJournal(load(), Setups())
    for value in (b"{}", b"no json", b'{"sync": "s"}'):
        item = Received(topic="pairs", partition=0, offset=0, key="p", value=value)
        journal._leave_to_resolve(item, UnreadableMessage("newer_version", "2"))
    assert journal.newer() == {"s"}


@pytest.mark.parametrize(("end", "known", "was"), [(5, 0, False), (6, 0, True), (5, 1, True)])
def test_a_sync_is_new_only_where_all_settings_are_read(
    monkeypatch: pytest.MonkeyPatch,
    end: int,
    known: int,
    was: object,
) -> None:
    """That its links were made may be among those that are not."""
    setups = Setups()
    setups.apply(4, "rebuilt:s", SetupDoc(rebuilt=Rebuilt(sync="s", at_ms=0)) if known else None)
    journal = KafkaJournal(load(), setups)
    monkeypatch.setattr(journal._offsets, "end_offsets", lambda _topic: {0: end})
    assert journal.was_built("s") is was
