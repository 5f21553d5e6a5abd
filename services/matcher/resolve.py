"""Resolve: bring each pair that has messages one step further.

Load, step, compare-and-set, publish, and only then let the offsets be committed. The order is the promise: what was
decided is in the store before anybody hears of it, and is published again from there when a crash comes in between.
Before the commit the store is asked whether it is still the one that was set: it may have been lost and rebuilt.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from pydantic import ValidationError

from services.matcher.counterparts import counterpart_of, recognised_as
from services.matcher.outputs import outputs, read_again
from services.matcher.states import StateCache
from shared import topics
from shared.core.draft import next_rev
from shared.core.outcomes import Done, Drop, Outcome, Park
from shared.core.pairing import Step, Stepped, open_step
from shared.core.pairs import Pair, PairEvent, SideState
from shared.core.policies import Counterpart, Neighbour, Neighbours, Policy
from shared.core.records import SIDES, Life, Side
from shared.io.links import Component, Loaded, Place, Slots, Swap, Swapped, ref, spell_keys
from shared.io.places import UNCHANGED_IDENTITY, place_of, places
from shared.io.ports import Bus, Clock, Inbound, NotReady, Outbound
from shared.io.store import Store
from shared.setups import Setups

ATTEMPTS: Final = 4
"""Loads and steps of one pair before the partition stops: somebody else keeps changing it."""
STATES_KEPT: Final = 8192
"""Pairs whose states are remembered: more than have a write under way at a time."""
_REEMIT: Final = ("resync", "again", "rebuilt", "retry")
"""Reasons of a touch that publish open writes again."""

Key = tuple[str, str]


@dataclass(slots=True)
class _Work:
    """One pair of the batch."""

    key: Key
    policy: Policy
    messages: list[Inbound[PairEvent]]
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    old: Pair | None = None
    slots: Slots = field(default_factory=Slots)
    step: Step | None = None
    stepped: Stepped | None = None
    text: str = ""
    """The state as it is stored: as loaded, then as stepped."""
    component: Component | None = None
    counterpart: Counterpart | None = None
    neighbours: Neighbours = field(default_factory=dict)
    again: bool = False
    redelivered: bool = False

    def finish(self, outcome: Outcome) -> None:
        for message in self.messages:
            self.outcomes.setdefault(id(message), outcome)


class Resolve:
    """The handler of `pairs`."""

    def __init__(self, store: Store, bus: Bus, setups: Setups, clock: Clock) -> None:
        self._store = store
        self._bus = bus
        self._setups = setups
        self._clock = clock
        self._states = StateCache(STATES_KEPT)

    async def handle(self, batch: Sequence[Inbound[PairEvent]]) -> list[Outcome]:
        """Step every pair of the batch, and say what became of each message."""
        works: dict[Key, _Work] = {}
        outcomes: dict[int, Outcome] = {}
        for inbound in batch:
            event = inbound.message
            policy = self._setups.policy(event.sync)
            if policy is None:
                outcomes[id(inbound)] = Drop("no_sync")
                continue
            key = (event.sync, event.pair)
            works.setdefault(key, _Work(key=key, policy=policy, messages=[])).messages.append(inbound)
        epochs: dict[str, str] = {}
        await self._settle(list(works.values()), epochs)
        await self._store.check_epochs(epochs)
        for work in works.values():
            outcomes.update(work.outcomes)
        return [outcomes[id(inbound)] for inbound in batch]

    async def _settle(self, works: list[_Work], epochs: dict[str, str]) -> None:
        """Step, compare and set; losers load and step again."""
        for _ in range(ATTEMPTS):
            if not works:
                return
            await self._gather(works, epochs)
            out: list[Outbound] = []
            ready = [work for work in works if self._decide(work, out)]
            swapped = await self._swap(ready)
            losers = []
            for work in ready:
                result = swapped[work.key]
                if result.what == "ok":
                    out += self._publishable(work, result)
                    out += _tell(work, self._clock.now_ms())
                elif result.what == "taken":
                    if not _holds_already(work, result):
                        out += _pass_on(work, result)
                        losers += [work] if work.messages else []
                        continue
                    out += _forward(work.messages, result.owner)
                    await self._give_up(work, result)
                elif result.what == "occupied":
                    # The partner's own report is on its way to this pair; it decides.
                    work.finish(Drop("partner_on_its_way"))
                else:
                    losers.append(work)
            await self._let_go(ready)
            await self._publish(out)
            await self._stop_waiting(ready)
            works = losers
        if works:
            raise NotReady(works[0].key[0])

    # Gather

    async def _gather(self, works: Iterable[_Work], epochs: dict[str, str]) -> None:
        works = list(works)
        loaded = await self._store.load(work.key for work in works)
        for work in works:
            epochs.setdefault(work.key[0], loaded[work.key].epoch)
            self._open(work, loaded[work.key])
        matching = [work for work in works if work.step is not None and work.step.wants_match]
        if matching:
            origins = {work.key: _origin(work) for work in matching}
            found = await self._store.components((key[0], side, record) for key, (side, record) in origins.items())
            for work in matching:
                side, record = origins[work.key]
                work.component = found[work.key[0], side, record]
                end = work.step.draft.ends[side] if work.step is not None else None
                if end is not None:
                    work.counterpart = counterpart_of(work.policy, side, end, work.key[1], work.component)
        await self._look_at_neighbours(works)

    def _open(self, work: _Work, loaded: Loaded) -> None:
        work.step = work.stepped = work.component = work.counterpart = None
        work.slots, work.text = loaded.slots, loaded.state
        sync, pair = work.key
        try:
            work.old = self._states.read(loaded.state) if loaded.state else Pair(sync=sync, pair=pair)
        except ValidationError as error:
            work.finish(Park("unreadable_state", str(error.errors(include_input=False)[:3])))
            return
        if work.old.absorbed_by:
            return
        at = work.old.at
        fresh = [(message.offset, message.message) for message in work.messages if message.offset > at]
        if not loaded.state and all(event.kind != "report" for _, event in fresh):
            work.finish(Drop("no_state"))
            return
        if work.policy.setup < work.old.setup:
            raise NotReady(sync)  # this worker has not read the newest settings yet
        work.redelivered = len(fresh) < len(work.messages)
        work.again = work.redelivered or any(event.kind == "touch" and event.reason in _REEMIT for _, event in fresh)
        work.step = open_step(work.old, work.policy, {side: _living(work.slots.of(side)) for side in SIDES})
        work.step.take(fresh)

    async def _look_at_neighbours(self, works: Sequence[_Work]) -> None:
        """Find the other ends of associations, registering first who waits for them."""
        items: list[tuple[str, Side, str, Key | None]] = []
        owners: list[tuple[_Work, Side, str, bool]] = []
        for work in works:
            if work.step is None or not work.policy.associations:
                continue
            for rule in work.policy.associations:
                for side in SIDES:
                    end = work.step.draft.ends[side]
                    record = end.links.get(rule.label) if end is not None else None
                    if not record:
                        continue
                    target = self._setups.policy(rule.to)
                    if target is None:
                        work.neighbours[side, rule.label] = Neighbour(off=True)
                        continue
                    items.append((rule.to, side, record, work.key))
                    owners.append((work, side, rule.label, not target.enabled))
        if not items:
            return
        for (work, side, label, off), (pair, slots) in zip(owners, await self._store.look(items), strict=True):
            work.neighbours[side, label] = Neighbour(pair=pair, left=_living(slots.L), right=_living(slots.R), off=off)

    # Decide

    def _decide(self, work: _Work, out: list[Outbound]) -> bool:
        """Decide a pair; False when there is nothing to set."""
        if work.old is not None and work.old.absorbed_by:
            # What it knew comes before what came since, and says how the two were matched.
            out += outputs(
                work.old, work.old, work.policy, text=work.text, again=False, poked=(), waiting=(),
                cause=work.messages[-1], now_ms=self._clock.now_ms(),
            )  # fmt: skip
            out += _forward(work.messages, work.old.absorbed_by)
            work.finish(Done("forwarded"))
            return False
        if work.step is None:
            return False
        work.stepped = work.step.decide(
            work.counterpart, work.neighbours, self._clock.now_ms(), redelivered=work.redelivered
        )
        return True

    # Apply

    async def _swap(self, works: Sequence[_Work]) -> dict[Key, Swapped]:
        swaps: dict[str, list[Swap]] = {}
        for work in works:
            swaps.setdefault(work.key[0], []).append(_as_swap(work))
        return await self._store.swap(swaps) if swaps else {}

    def _publishable(self, work: _Work, result: Swapped) -> list[Outbound]:
        if work.stepped is None or work.old is None:
            raise ValueError("only a decided pair can be published")
        self._states.keep(work.text, work.stepped.pair)
        poked = (*result.poked, work.key[1]) if _must_match_again(work) else result.poked
        return outputs(
            work.stepped.pair, work.old, work.policy, text=work.text, again=work.again, poked=poked,
            waiting=result.waiting, cause=work.messages[-1], now_ms=self._clock.now_ms(),
        )  # fmt: skip

    async def _publish(self, out: Sequence[Outbound]) -> None:
        if out:
            await self._bus.publish(out)

    async def _stop_waiting(self, works: Sequence[_Work]) -> None:
        """Forget waits that are over."""
        over: list[tuple[str, Side, str, Key]] = []
        for work in works:
            if work.stepped is not None and work.old is not None and work.outcomes:
                for wait in set(work.old.waits) - set(work.stepped.pair.waits):
                    sync, side, record = wait.split("/", 2)
                    if self._setups.policy(sync) is None:
                        continue  # it has no links in which anybody could wait
                    over.append((sync, "L" if side == "L" else "R", record, work.key))
        if over:
            await self._store.unwait(over)

    async def _let_go(self, works: Sequence[_Work]) -> None:
        """Give up records that lost their place, before they are read again."""
        lost = [
            (work.key[0], event.side, event.report.id, work.key[1], work.stepped.pair.rev)
            for work in works
            if work.stepped is not None and work.step is not None and work.outcomes
            for event, result in work.step.results
            if result == "linked_elsewhere" and event.side and event.report
        ]
        if lost:
            await self._store.let_go(lost)

    async def _give_up(self, work: _Work, result: Swapped) -> None:
        """Close a pair whose record turned out to belong to another one."""
        if work.old is None or work.old.rev == 0:
            work.finish(Done("forwarded"))
            return
        if work.old.L is not None and work.old.R is not None:
            raise RuntimeError(f"two linked pairs hold one record: {work.old.pair} and {result.owner} of {work.key[0]}")
        closed = work.old.model_copy(
            update={
                "rev": next_rev(work.old, self._clock.now_ms()),
                "absorbed_by": result.owner,
                "status": "absorbed",
                "pending": {},
                "pokes": (),
            }
        )
        swap = Swap(
            pair=closed.pair,
            expected=work.old.rev,
            rev=closed.rev,
            state=closed.text(),
            ends={},
        )
        answer = (await self._store.swap({closed.sync: [swap]}))[work.key]
        if answer.what != "ok":
            raise NotReady(closed.sync)
        await self._publish(
            [Outbound(topic=topics.PAIR_STATE, key=closed.pair, message=closed, cause=work.messages[-1])]
        )
        work.finish(Done("forwarded"))


def _tell(work: _Work, now_ms: int) -> list[Outbound]:
    """Say what became of each message of a pair that was stepped; a living record without a place is read again."""
    out: list[Outbound] = []
    taken = {id(event): result for event, result in work.step.results} if work.step is not None else {}
    for inbound in work.messages:
        result = taken.get(id(inbound.message), "redelivered")
        event = inbound.message
        outcome: Outcome = Done("stepped") if result in ("taken", "redelivered") else Drop(result)
        report = event.report
        if result == "linked_elsewhere" and event.side and report is not None and report.life is Life.ALIVE:
            out.append(read_again(work.policy, event.side, report.id, inbound, now_ms))
        work.outcomes.setdefault(id(inbound), outcome)
    return out


def _origin(work: _Work) -> tuple[Side, str]:
    if work.step is None:
        raise ValueError("a pair without a step has no origin")
    for side in SIDES:
        end = work.step.draft.ends[side]
        if end is not None:
            return side, end.id
    raise ValueError("a pair that wants a match has a record")


def _living(slot: str) -> str:
    return slot[1:] if slot.startswith(":") else ""


def _as_swap(work: _Work) -> Swap:
    stepped, old = work.stepped, work.old
    if stepped is None or old is None:
        raise ValueError("only a decided pair can be set")
    pair = stepped.pair
    work.text = pair.text()
    bound = stepped.create is not None or bool(pair.absorbed_by)
    origin = _origin(work) if bound else None
    return Swap(
        pair=pair.pair,
        expected=old.rev,
        rev=pair.rev,
        state=work.text,
        ends=places(work.policy, pair),
        create=stepped.create,
        release=stepped.release,
        give_to=pair.absorbed_by,
        digest=work.component.digest if bound and work.component is not None else "",
        origin=ref(*origin) if origin else "",
        pokes=pair.pokes,
        freed=pair.freed,
        stepped=_stepped_keys(work, pair) if old.setup in (0, pair.setup) else None,
    )


def _stepped_keys(work: _Work, pair: Pair) -> dict[Side, tuple[str, ...]]:
    """Give the keys with which the links may still hold the pair's records only because of this step's messages."""
    found: dict[Side, tuple[str, ...]] = {}
    for side in SIDES:
        end = pair.side(side)
        claimed = [spell_keys(place) for place in _places_brought(work, side, end.id)] if end is not None else []
        found[side] = tuple(dict.fromkeys(claimed))
    return found


def _places_brought(work: _Work, side: Side, record: str) -> list[Place]:
    """Give the places that this step's reports of a record were claimed with, but for those still in doubt."""
    part, doubted = work.policy.side(side), set()
    end = work.stepped.pair.side(side) if work.stepped is not None else None
    if work.step is not None and end is not None and end.ask:
        known = {id(event): result for event, result in work.step.results}
        doubted = {id(x) for x in work.messages if known.get(id(x.message), "asked_again") == "asked_again"}
    brought = []
    for inbound in work.messages:
        report = inbound.message.report
        if id(inbound) in doubted or inbound.message.matched is not None:
            continue  # who handed a record over tells what it knew, perhaps once more: no claim of that stands
        if report is not None and inbound.message.side == side and report.id == record:
            brought.append(place_of(part, report))
    return brought


def _must_match_again(work: _Work) -> bool:
    """Tell whether the links recognised the record by a report that this step did not believe; now they are right."""
    if work.component is None or work.counterpart is not None or work.stepped is None:
        return False
    side, record = _origin(work)
    end = work.stepped.pair.side(side)
    own = next((row for row in work.component.members if (row.side, row.id) == (side, record)), None)
    if end is None or own is None or own.pair != work.key[1] or recognised_as(work.policy, side, end, own):
        return False
    alive = own.slots.of(side).startswith(":")
    return any(
        place.alive is alive and (not alive or place.identity in (own.identity, UNCHANGED_IDENTITY))
        for place in _places_brought(work, side, record)
    )


def _holds_already(work: _Work, result: Swapped) -> bool:
    """Tell whether the pair held the record before this step, although the links say that another one does."""
    before, now = _ends_at(work, result)
    return before is not None and now is not None and before.id == now.id


def _ends_at(work: _Work, result: Swapped) -> tuple[SideState | None, SideState | None]:
    if result.side is None or work.old is None or work.stepped is None:
        raise ValueError("only a decided pair can find its record taken")
    return work.old.side(result.side), work.stepped.pair.side(result.side)


def _pass_on(work: _Work, result: Swapped) -> list[Outbound]:
    """Send the messages that brought another pair's record to that pair; this one steps again without them.

    It keeps the record that it has: were it given away as well, nobody would hold it.
    """
    now = _ends_at(work, result)[1]
    passed = [
        inbound
        for inbound in work.messages
        if inbound.message.side == result.side
        and inbound.message.report is not None
        and now is not None
        and inbound.message.report.id == now.id
    ]
    if not passed:
        raise RuntimeError(f"{work.key[1]} of {work.key[0]} took a record that no message brought")
    out = _forward(passed, result.owner)
    for inbound in passed:
        work.messages.remove(inbound)
        work.outcomes[id(inbound)] = Done("forwarded")
        event = inbound.message
        if event.answer is not None:  # the pair must not wait for it for ever
            dropped = event.model_copy(
                update={
                    "kind": "answer",
                    "report": None,
                    "answer": event.answer.model_copy(update={"result": "dropped"}),
                }
            )
            out.append(Outbound(topic=topics.PAIRS, key=work.key[1], message=dropped, cause=inbound))
    return out


def _forward(messages: Sequence[Inbound[PairEvent]], owner: str) -> list[Outbound]:
    """Pass messages on to the pair that holds the record now."""
    out = []
    for inbound in messages:
        event = inbound.message
        if event.kind != "report":
            continue
        moved = event.model_copy(update={"pair": owner, "answer": None, "surplus": False})
        out.append(Outbound(topic=topics.PAIRS, key=owner, message=moved, cause=inbound))
    return out
