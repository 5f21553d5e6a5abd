"""A record that waits for the one it belongs to is woken, however the two steps fall among each other."""

import random
from collections.abc import Coroutine, Generator, Iterator, Sequence
from typing import Any, Final

import pytest

from services.matcher.matching.match import Match
from services.matcher.resolving.resolve import Resolve
from shared.config.setups import Setups
from shared.io.envelope import unwrap
from shared.io.links.requests import Slots
from shared.io.links.store import Store
from shared.io.memory import ManualClock, MemoryBroker, MemoryBus
from shared.io.ports import Inbound, Outbound
from shared.io.redis.memory import MemoryScripts
from shared.model.mapping import FieldMapping
from shared.model.records import LinkWrite, Report, Side, Version
from shared.model.syncs import AssociationMapping, Connection, Create, Sync, SyncSide
from shared.wire import topics
from shared.wire.messages import PhaseSet, RecordSeen, SetupDoc
from tests.simulator.apps import declare

_SYNCS: Final = {"people": ("a", "b"), "firms": ("c", "d")}
_SEEDS: Final = range(60)


class _Suspend:
    def __await__(self) -> Generator[None, None, None]:
        yield


async def _pause() -> None:
    await _Suspend()


class _Scene:
    """A person who belongs to a firm; of the firm, one side is known."""

    def __init__(self) -> None:
        self.setups = setups()
        self.broker = MemoryBroker(topics.catalogue(("ordered",)), partitions=1)
        self.clock = ManualClock()
        self.bus = MemoryBus(self.broker, pause=_pause)
        self.store = Store(MemoryScripts(_pause))
        self._read = 0
        for sync in _SYNCS:
            _finish(self.store.begin_rebuild(sync, "t", 1))
            _finish(self.store.finish_rebuild(sync, "t"))
        for connection in "abc":
            self.see(connection)
        while self.resolve():
            pass

    def see(self, connection: str, version: int = 1, company: str | None = None) -> None:
        """Let a record be seen and matched; those of a sync carry the same address, so that they find one another."""
        report = Report(
            connection=connection, object="contact", id=f"{connection}1", version=Version(order=version),
            links={"company": company} if connection in "ab" else {},
            fields={"email": f"{'p' if connection in 'ab' else 'f'}@x.example", "f": "x"}, created="1",
        )  # fmt: skip
        seen = RecordSeen(report=report, accepted_ms=1)
        key = f"{connection}/contact/{report.id}"
        _finish(self.bus.publish([Outbound(topic=topics.RECORDS, key=key, message=seen)]))
        inbound = unwrap(self._last(topics.RECORDS.name), {topics.RECORDS.name: topics.RECORDS})
        _finish(Match(self.store, self.bus, self.setups).handle([inbound]))

    def _last(self, topic: str) -> Any:
        return self.broker.fetch(topic, 0, self.broker.end_offsets(topic)[0] - 1, 1)[0]

    async def link_firm(self) -> None:
        """Let the firm's second record give itself to the pair of the first, and that pair take it."""
        for _ in range(2):
            for inbound in list(self.waiting()):
                await self.step([inbound])

    def waiting(self) -> Iterator[Inbound[Any]]:
        """Return the messages to pairs that nobody took yet."""
        for item in self.broker.fetch(topics.PAIRS.name, 0, self._read, 1000):
            self._read = item.offset + 1
            yield unwrap(item, {topics.PAIRS.name: topics.PAIRS})

    def step(self, batch: Sequence[Inbound[Any]]) -> Coroutine[Any, Any, Any]:
        """Begin a step of one worker."""
        return Resolve(self.store, self.bus, self.setups, self.clock).handle(batch)

    def resolve(self) -> bool:
        """Take everything that waits; False when nothing did."""
        batch = list(self.waiting())
        for inbound in batch:
            _finish(self.step([inbound]))
        return bool(batch)

    def company(self) -> dict[str, LinkWrite]:
        """Return the association that the person's pair writes on the right."""
        newest = {}
        for item in self.broker.fetch(topics.PAIR_STATE.name, 0, 0, 1000):
            pair = topics.PAIR_STATE.decode(item.value or b"", item.headers)
            newest[pair.pair] = pair
        return {
            label: record
            for pair in newest.values()
            if pair.sync == "people" and not pair.absorbed_by
            for pending in pair.pending.values()
            for label, record in pending.links.items()
        }


def setups() -> Setups:
    """Set up people, who belong to firms, and firms."""
    found = Setups({"ordered": declare("ordered")})
    docs = [
        (
            f"connection:{name}",
            SetupDoc(
                connection=Connection(
                    id=name, app="ordered", label=name, account=name, base_url="http://memory", auth="none",
                )
            ),
        )
        for name in "abcd"
    ]  # fmt: skip
    for sync, (left, right) in _SYNCS.items():
        made = Sync(
            id=sync,
            left=SyncSide(connection=left, object="contact"),
            right=SyncSide(connection=right, object="contact"),
            create=Create(to_left=False, to_right=False),
            mappings=tuple(FieldMapping(key=name, left=name, right=name, lens="text") for name in ("email", "f")),
            associations=(AssociationMapping(to="firms", label="company"),) if sync == "people" else (),
        )  # fmt: skip
        docs += [
            (f"sync:{sync}", SetupDoc(sync=made)),
            (f"phase:{sync}", SetupDoc(phase=PhaseSet(sync=sync, phase="live"))),
        ]
    for offset, (key, doc) in enumerate(docs):
        found.apply(offset, key, doc)
    return found


def _finish(work: Coroutine[Any, Any, Any]) -> Any:
    while True:
        try:
            work.send(None)
        except StopIteration as end:
            return end.value


def _among_each_other(rng: random.Random, works: list[Coroutine[Any, Any, Any]]) -> None:
    while works:
        work = rng.choice(works)
        try:
            work.send(None)
        except StopIteration:
            works.remove(work)


def _company_after_a_race(seed: int) -> dict[str, LinkWrite]:
    """Let the firm be linked while the person that belongs to it looks for it."""
    scene = _Scene()
    scene.see("a", 2, "c1")
    person = list(scene.waiting())
    scene.see("d")
    _among_each_other(random.Random(seed), [scene.step(person), scene.link_firm()])
    while scene.resolve():
        pass
    return scene.company()


@pytest.mark.parametrize("seed", _SEEDS)
def test_the_association_is_written_however_the_steps_fall(seed: int) -> None:
    assert _company_after_a_race(seed) == {"company": "d1"}


def test_looking_before_waiting_would_lose_the_wake(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Store.look

    async def look_then_wait(
        self: Store, items: Sequence[tuple[str, Side, str, tuple[str, str] | None]]
    ) -> list[tuple[str, Slots]]:
        found = await original(self, [(sync, side, record, None) for sync, side, record, _ in items])
        await original(self, items)
        return found

    monkeypatch.setattr(Store, "look", look_then_wait)
    assert any(_company_after_a_race(seed) != {"company": "d1"} for seed in _SEEDS)
