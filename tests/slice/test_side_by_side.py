"""This version and the next one share an installation while it is brought up to date: whoever gets a message takes it.

The next version writes one more field into every document and each part of it, its records in a version of their own,
half of its states in a newer form, and it runs a sync by a lens that only it knows.
"""

import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

import pytest

from deploy.local.hubspot import HubSpotServer
from services.ingest.hydrate import Hydrate
from services.matcher.matching.match import Match
from services.matcher.resolving.resolve import Resolve
from services.writer.write import Write
from shared.apps import APPS
from shared.apps.defaults import default_mappings
from shared.apps.hubspot import HUBSPOT
from shared.config.setups import Setups
from shared.io.handling import process
from shared.io.links.requests import Swap, Swapped
from shared.io.links.store import BUCKETS, Store
from shared.io.memory import MemoryBus, MemoryReader
from shared.io.ports import Outbound, run_blocking
from shared.model import pairs
from shared.model.mapping import FieldMapping
from shared.model.outcomes import NEWER_VERSION, NOT_RUN_HERE, Park
from shared.model.pairs import Pair
from shared.rules import lenses
from shared.wire import topics
from shared.wire.messages import SetupDoc
from tests.slice.harness import Polling, sync
from tests.slice.harness import _Caller as Caller

NEWS: Final = {"owner": ["ann", 1.5, None]}
_FIELDS: Final = HUBSPOT.objects["contact"].fields


def with_news(doc: Any) -> Any:
    """Add the next version's field to a state and its parts."""
    parts = {**doc, "news": NEWS}
    for side in ("L", "R"):
        if side in doc:
            parts[side] = {**doc[side], "news": NEWS}
    return parts


def newer_form(pair: str) -> bool:
    """Return which pairs the next version keeps in a form of its own."""
    return int(pair, 16) % 2 == 0


class NextStore(Store):
    """The links as the next version writes them."""

    def __init__(self, scripts: Any, *, forms: bool) -> None:
        super().__init__(scripts)
        self.forms = forms
        self.wrote: set[tuple[str, str]] = set()

    async def swap(self, items: Mapping[str, Sequence[Swap]]) -> dict[tuple[str, str], Swapped]:
        return await super().swap({name: [self._newer(name, swap) for swap in swaps] for name, swaps in items.items()})

    def _newer(self, name: str, swap: Swap) -> Swap:
        self.wrote.add((name, swap.pair))
        return replace(swap, state=newer_state(swap.state, forms=self.forms))


def newer_state(state: str, *, forms: bool) -> str:
    doc = with_news(json.loads(state))
    if forms and newer_form(doc["pair"]):
        doc["form"] = 2
    return json.dumps(doc)


class OwnStore(Store):
    """The links as this version writes them; notes what it stepped after the next version."""

    kept: int = 0

    async def swap(self, items: Mapping[str, Sequence[Swap]]) -> dict[tuple[str, str], Swapped]:
        self.kept += sum('"news"' in swap.state for swaps in items.values() for swap in swaps)
        return await super().swap(items)


class NextBus:
    """Publishes as the next version does."""

    def __init__(self, bus: MemoryBus, *, forms: bool) -> None:
        self._bus = bus
        self._forms = forms

    async def publish(self, messages: Sequence[Outbound]) -> Sequence[int]:
        return await self._bus.publish([self._newer(message) for message in messages])

    def _newer(self, message: Outbound) -> Outbound:
        raw = message.raw or (message.topic.encode(message.message) if message.message is not None else b"{}")
        if message.topic is topics.PAIR_STATE:
            state = newer_state(raw.decode(), forms=self._forms)
            version = json.loads(state).get("form", 1)
            return replace(message, topic=replace(message.topic, version=version), raw=state.encode())
        version = 2 if self._forms and message.topic is topics.RECORDS else message.topic.version
        return replace(
            message,
            topic=replace(message.topic, version=version),
            raw=json.dumps({**json.loads(raw), "news": NEWS}).encode(),
        )


class SideBySide(Polling):
    """Each batch falls to one of the two versions, as partitions do."""

    def __init__(self, server: HubSpotServer, seed: int, *, forms: bool) -> None:
        self.upgraded = False
        self.rng = random.Random(seed)
        super().__init__(server, [])
        self.own_store = OwnStore(self.store._scripts)
        self.store = self.own_store
        self.handlers = self._made(self.setups, self.store, self.bus)
        self.next_setups = Setups(APPS)
        self.next_store = NextStore(self.store._scripts, forms=forms)
        bus = NextBus(MemoryBus(self.broker, setups=lambda: self.setups.offset), forms=forms)
        self.next_handlers = self._made(self.next_setups, self.next_store, bus)
        for row in self.setups.connections():
            self.set_up("connection", row.id, SetupDoc(connection=row))

    def _made(self, setups: Setups, store: Store, bus: Any) -> dict[topics.Topic[Any], Any]:
        caller = Caller(self.drivers)
        write = Write(store, bus, setups, caller, clock=self.clock, metrics=self.metrics)
        return {
            topics.NOTICES: Hydrate(store, bus, setups, caller, self.clock).handle,
            topics.RECORDS: Match(store, bus, setups).handle,
            topics.PAIRS: Resolve(store, bus, setups, self.clock).handle,
            **{topics.writes(app, backfill=late): write.handle for app in APPS for late in (False, True)},
        }

    def set_up(self, kind: str, name: str, doc: SetupDoc | None) -> None:
        super().set_up(kind, name, doc)
        if hasattr(self, "next_setups"):
            with self.next_version():
                self.next_setups.apply(self.setups.offset, f"{kind}:{name}", doc)

    @contextmanager
    def next_version(self) -> Iterator[None]:
        """Be the next version for a while."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(pairs, "FORM", 2)
            patch.setitem(lenses.LENS, "future", lenses.LENS["text"])
            yield

    def step(self, *only: topics.Topic[Any]) -> bool:
        moved = False
        for topic, handle in self.handlers.items():
            batch = self.broker.items(topic.name, 0, self._at[topic.name], 100)
            if not batch or (only and topic not in only):
                continue
            moved = True
            self._at[topic.name] = batch[-1].offset + 1
            if self.upgraded or self.rng.random() < 0.5:
                with self.next_version():
                    outcomes = self._settle(batch, replace(topic, version=2), self.next_handlers[topic])
            else:
                outcomes = self._settle(batch, topic, handle)
            self.trail += [(topic.name, row.key, outcome) for row, outcome in zip(batch, outcomes, strict=True)]
            self.clock.advance(5)
        return moved

    def _settle(self, batch: Sequence[Any], topic: topics.Topic[Any], handle: Callable[..., Any]) -> Sequence[Any]:
        work = process(batch, {topic.name: topic}, handle, bus=self.bus, clock=self.clock, metrics=self.metrics)
        return run_blocking(work)

    def states(self, name: str) -> dict[str, Any]:
        """Return the states of a sync as they are stored."""
        rows = run_blocking(self.store.pairs_in(name, BUCKETS))
        loaded = run_blocking(self.store.load([(name, pair) for pair, _ in rows]))
        return {pair: json.loads(row.state) for (_, pair), row in loaded.items() if row.state}

    def journal(self) -> dict[str, Any]:
        """Return the newest state of each pair in the journal."""
        end = self.broker.end_offsets(topics.PAIR_STATE.name)[0]
        rows = self.broker.fetch(topics.PAIR_STATE.name, 0, 0, end)
        return {row.key: json.loads(row.value) for row in rows if row.value}


def future() -> FieldMapping:
    return FieldMapping(key="jobtitle", left="jobtitle", right="jobtitle", lens="future")


def world_of(server: HubSpotServer, seed: int, *, forms: bool) -> SideBySide:
    """Have two versions side by side, and settings that the next one wrote."""
    world = SideBySide(server, seed, forms=forms)
    own = [row for row in default_mappings(_FIELDS, _FIELDS) if row.key != "jobtitle"]
    world.add(sync("contacts", "contact", mappings=tuple(own)).model_copy(update={"news": NEWS}))
    email = next(row for row in own if row.key == "email")
    world.add(sync("newer", "contact", mappings=(email, future())))
    assert (list(world.setups.not_run()), world.next_setups.not_run()) == (["newer"], {})
    world.begin_feeds()
    return world


@pytest.mark.parametrize("forms", [False, True], ids=["more fields", "and newer versions"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_nothing_is_parked_or_lost_and_what_the_newer_version_wrote_stays(
    server: HubSpotServer,
    seed: int,
    forms: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """People edit on both sides meanwhile; when all workers are new, nothing waits any more."""
    world = world_of(server, seed, forms=forms)
    edit = world.admin.edit
    names = ("ann", "bob", "cid", "dan")
    left = {
        name: edit(
            7001, "create", "contacts", properties={"email": f"{name}@x.example", "city": "Oslo", "jobtitle": "A"}
        )
        for name in names
    }
    world.settle(later=25)
    for name in names[:2]:
        edit(7001, "update", "contacts", left[name], properties={"city": f"{name}ville", "jobtitle": "B"})
    world.settle(later=25)
    right = {row["properties"]["email"].split("@")[0]: id_ for id_, row in world.records("two", "contacts").items()}
    for name in set(names[2:]) & right.keys():
        edit(7002, "update", "contacts", right[name], properties={"city": f"{name}town"})
    world.settle(later=25)
    world.upgraded = True
    world.settle(later=400)

    found = {
        row["properties"]["email"].split("@")[0]: row["properties"] for row in world.records("two", "contacts").values()
    }
    assert {name: row["city"] for name, row in found.items()} == {
        "ann": "annville",
        "bob": "bobville",
        **{name: f"{name}town" if name in right else "Oslo" for name in names[2:]},
    }
    assert {name: row["jobtitle"] for name, row in found.items()} == {"ann": "B", "bob": "B", "cid": "A", "dan": "A"}
    theirs = {id_: row["properties"]["city"] for id_, row in world.records("one", "contacts").items()}
    assert theirs == {left[name]: row["city"] for name, row in found.items()}

    outcomes = [outcome for _, _, outcome in world.trail]
    assert not any(isinstance(outcome, Park) or outcome.reason == "no_sync" for outcome in outcomes)
    assert list(MemoryReader(world.broker, topics.PARKED).read_to_end()) == []
    assert NOT_RUN_HERE in outcomes
    assert (NEWER_VERSION in outcomes) is forms
    assert world.own_store.kept > 0, "this version stepped pairs that the next one had written"

    for name in ("contacts", "newer"):
        stored = world.states(name)
        assert len(stored) == len(names)
        for pair, doc in stored.items():
            assert doc["status"] == "in_sync"
            if (name, pair) in world.next_store.wrote:
                assert [part["news"] for part in (doc, doc["L"], doc["R"]) if "news" in doc] == [NEWS] * 3
                assert world.journal()[pair]["news"] == NEWS
    sync_of = world.setups.sync("contacts")
    assert sync_of is not None
    assert sync_of.model_extra == {"news": NEWS}
    assert Pair.model_config["extra"] == "allow"
