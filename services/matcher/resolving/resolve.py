"""Resolve: bring each pair that has messages one step further.

Load, step, compare-and-set, publish, and only then let the offsets be committed. The order is the promise: what was
decided is in the store before anybody hears of it, and is published again from there when a crash comes in between.
Before the commit the store is asked whether it is still the one that was set: it may have been lost and rebuilt.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from pydantic import ValidationError

from services.matcher.matching.counterparts import counterpart_of
from services.matcher.resolving.in_the_way import ask_to_give_up
from services.matcher.resolving.late import in_doubt, note_untold
from services.matcher.resolving.outputs import outputs
from services.matcher.resolving.passing import forward, holds_already, pass_on, tell
from services.matcher.resolving.states import StateCache
from services.matcher.resolving.telling import Told, bundled, steps_of
from services.matcher.resolving.work import Absorbed, Key, Opened, Resolved, Work, as_swap, living, must_match_again
from services.matcher.yielding import cause_of, yields
from shared.config.running import Running
from shared.config.setups import Setups
from shared.engine.draft import next_rev
from shared.engine.pairing import open_step
from shared.engine.policies import Neighbour
from shared.io.envelope import is_late, trace_id
from shared.io.erasable import new_key
from shared.io.links.places import places
from shared.io.links.requests import Loaded, Place, Swap, Swapped
from shared.io.links.store import Store
from shared.io.ports import Bus, Clock, Inbound, NotReady, Outbound
from shared.metrics import Metrics
from shared.model.outcomes import NEWER_VERSION, NOT_RUN_HERE, Done, Drop, Outcome, Park
from shared.model.pairs import Awaited, NewerState, Pair, PairEvent
from shared.model.records import SIDES, Side, ids_of
from shared.model.touches import effects_of
from shared.model.words import Status
from shared.wire import topics

ATTEMPTS: Final = 4
"""Loads and steps of one pair before the partition stops: somebody else keeps changing it."""
STATES_KEPT: Final = 2000
"""Pairs whose states are remembered: more than have a write under way at a time, at some ten kilobytes each."""


class Resolve:
    """The handler of `pairs`."""

    def __init__(self, store: Store, bus: Bus, setups: Setups, clock: Clock, *, metrics: Metrics | None = None) -> None:
        self._store = store
        self._bus = bus
        self._setups = setups
        self._clock = clock
        self._metrics = metrics
        self._states = StateCache(STATES_KEPT)

    async def handle(self, batch: Sequence[Inbound[PairEvent]]) -> list[Outcome]:
        """Step every pair of the batch, and return the outcome of each message."""
        works: dict[Key, Work] = {}
        outcomes: dict[int, Outcome] = {}
        running = self._setups.running
        batch = [in_doubt(inbound) for inbound in batch]
        waiting = []
        for inbound in batch:
            event = inbound.message
            policy = running.policies.get(event.sync)
            if policy is None:
                waits = event.sync in running.not_run
                outcomes[id(inbound)] = NOT_RUN_HERE if waits else Drop("no_sync")
                waiting += [inbound] if waits else []
                continue
            key = (event.sync, event.pair)
            works.setdefault(key, Work(key=key, policy=policy, messages=[])).messages.append(inbound)
        if waiting:
            await note_untold(self._store, waiting)
        epochs: dict[str, str] = {}
        await self._settle(list(works.values()), epochs)
        newer = [row for work in works.values() for row in work.messages if work.outcomes.get(id(row)) == NEWER_VERSION]
        if newer:
            await note_untold(self._store, newer)
        await self._store.check_epochs(epochs)
        for work in works.values():
            outcomes.update(work.outcomes)
        return [outcomes[id(inbound)] for inbound in batch]

    async def _settle(self, works: list[Work], epochs: dict[str, str]) -> None:
        """Step, compare and set; losers load and step again."""
        for _ in range(ATTEMPTS):
            if not works:
                return
            opened, absorbed = await self._open_all(works, epochs)
            out, told = self._forwarded(absorbed)
            decided = [self._decide(one) for one in opened]
            swapped = await self._swap(decided)
            losers = []
            for one in decided:
                work, result = one.work, swapped[one.work.key]
                if result.what == "ok":
                    out += self._publishable(one, result)
                    told += told_of(one.pair, work)
                    out += tell(one, self._clock.now_ms())
                elif result.what == "taken":
                    if not holds_already(one, result):
                        out += pass_on(one, result)
                        losers += [work] if work.messages else []
                        continue
                    out += forward(work.messages, result.owner, surplus=result.surplus)
                    await self._give_up(one, result)
                elif result.what == "occupied":
                    # The partner's own report is on its way to this pair; it decides.
                    work.finish(Drop("partner_on_its_way"))
                else:
                    losers.append(work)
            await self._let_go(decided)
            out += await ask_to_give_up(self._store, decided)
            await self._publish([*out, *bundled(told)])
            self._count(told)
            await self._stop_waiting(decided)
            works = losers
        if works:
            raise NotReady(works[0].key[0])

    def _count(self, told: Iterable[Told]) -> None:
        if self._metrics is None:
            return
        found = Counter((one.step.sync, row.did, row.by) for one in told for row in one.step.decisions)
        for (sync, did, by), number in found.items():
            self._metrics.count("decisions_total", number, sync=sync, did=did, by=by)

    # Open

    async def _open_all(self, works: list[Work], epochs: dict[str, str]) -> tuple[list[Opened], list[Absorbed]]:
        """Load pairs, apply their messages to their steps, and read what deciding them needs."""
        loaded = await self._store.load(work.key for work in works)
        opened: list[Opened] = []
        absorbed: list[Absorbed] = []
        for work in works:
            epochs.setdefault(work.key[0], loaded[work.key].epoch)
            one = self._open(work, loaded[work.key])
            if isinstance(one, Opened):
                opened.append(one)
            elif one is not None:
                absorbed.append(one)
        await self._look_for_partners([one for one in opened if one.step.wants_match])
        await self._look_at_neighbours(opened)
        return opened, absorbed

    def _open(self, work: Work, loaded: Loaded) -> Opened | Absorbed | None:
        """Begin the step of a pair; None where none can be made, which the outcomes of its messages show."""
        sync, pair = work.key
        try:
            old = self._states.read(loaded.state) if loaded.state else Pair(sync=sync, pair=pair)
        except NewerState:
            work.finish(NEWER_VERSION)
            return None
        except ValidationError as error:
            work.finish(Park("unreadable_state", str(error.errors(include_input=False)[:3])))
            return None
        if old.absorbed_by:
            return Absorbed(work, old, loaded.state)
        fresh = [(message.place, message.message) for message in work.messages if message.place > old.place]
        if not loaded.state and all(event.kind != "report" for _, event in fresh):
            work.finish(Drop("no_state"))
            return None
        if work.policy.setup < old.setup:
            raise NotReady(sync)  # this worker has not read the newest settings yet
        late = any(is_late(message.headers) for message in work.messages)  # in a place that says nothing of before
        redelivered = len(fresh) < len(work.messages) or late or old.untold
        step = open_step(old, work.policy, {side: living(loaded.slots.of(side)) for side in SIDES})
        step.take(fresh)
        step.draft.yields = yields(old, (event for _, event in fresh))
        step.draft.cause = trace_id(cause_of(work.messages).headers)
        step.draft.seal = old.seal or new_key()
        again = redelivered or any(effects_of(event.reason).republishes for _, event in fresh)
        return Opened(work=work, old=old, step=step, redelivered=redelivered, again=again)

    async def _look_for_partners(self, opened: Sequence[Opened]) -> None:
        """Match the pairs that have one record so far."""
        if not opened:
            return
        found = await self._store.components((one.work.key[0], *one.origin) for one in opened)
        for one in opened:
            (sync, pair), (side, record) = one.work.key, one.origin
            one.component = found[sync, side, record]
            end = one.step.draft.ends[side]
            if end is not None:
                one.counterpart = counterpart_of(one.work.policy, side, end, pair, one.component)

    async def _look_at_neighbours(self, opened: Sequence[Opened]) -> None:
        """Find the other ends of associations, after registering the pairs that wait for them."""
        items: list[tuple[str, Side, str, Key | None]] = []
        owners: list[tuple[Opened, Side, str, str, bool]] = []
        ready: dict[str, bool] = {}
        running = self._setups.running
        for one in opened:
            for flow in one.work.policy.associations:
                if flow.to not in ready:
                    ready[flow.to] = flow.to in running.policies or await self._runs_elsewhere(flow.to, running)
                target = running.policies.get(flow.to)
                off = target is not None and not target.enabled
                for side in SIDES:
                    end, label = one.step.draft.ends[side], flow.names[side]
                    for record in ids_of(end.links.get(label)) if end is not None else ():
                        if not ready[flow.to]:
                            one.neighbours[side, label, record] = Neighbour(off=True)
                            continue
                        items.append((flow.to, side, record, one.work.key))
                        owners.append((one, side, label, record, off))
        if not items:
            return
        for (one, side, label, record, off), (pair, slots) in zip(owners, await self._store.look(items), strict=True):
            one.neighbours[side, label, record] = Neighbour(
                pair=pair, left=living(slots.L), right=living(slots.R), off=off,
                gone=slots.of(side) not in ("", "*", f":{record}"),
            )  # fmt: skip

    async def _runs_elsewhere(self, sync: str, running: Running) -> bool:
        """Check whether a newer version runs a sync that does not run here: its links are all that is needed of it."""
        return sync in running.not_run and await self._store.is_ready(sync) == "ready"

    # Decide

    def _decide(self, opened: Opened) -> Resolved:
        stepped = opened.step.decide(
            opened.counterpart, opened.neighbours, self._clock.now_ms(), redelivered=opened.redelivered
        )
        text, ends = stepped.pair.text(), places(opened.work.policy, stepped.pair)
        return Resolved(opened=opened, stepped=stepped, text=text, ends=ends)

    def _forwarded(self, absorbed: Iterable[Absorbed]) -> tuple[list[Outbound], list[Told]]:
        """List what to publish of pairs whose record moved, and of the messages that came for them."""
        out: list[Outbound] = []
        told: list[Told] = []
        for one in absorbed:
            work, pair = one.work, one.pair
            # What it knew comes before what came since, and says how the two were matched.
            out += outputs(
                pair, pair, work.policy, text=one.text, again=False, poked=(), waiting=(),
                cause=cause_of(work.messages), now_ms=self._clock.now_ms(),
            )  # fmt: skip
            out += forward(work.messages, pair.absorbed_by)
            told += told_of(pair, work)
            work.finish(Done("forwarded"))
        return out, told

    # Apply

    async def _swap(self, decided: Sequence[Resolved]) -> dict[Key, Swapped]:
        swaps: dict[str, list[Swap]] = {}
        for one in decided:
            swaps.setdefault(one.work.key[0], []).append(as_swap(one))
        return await self._store.swap(swaps) if swaps else {}

    def _publishable(self, decided: Resolved, result: Swapped) -> list[Outbound]:
        work = decided.work
        self._states.keep(decided.text, decided.pair)
        poked = (*result.poked, work.key[1]) if must_match_again(decided) else result.poked
        return outputs(
            decided.pair, decided.old, work.policy, text=decided.text, again=decided.opened.again, poked=poked,
            waiting=result.waiting, cause=cause_of(work.messages), now_ms=self._clock.now_ms(),
        )  # fmt: skip

    async def _publish(self, out: Sequence[Outbound]) -> None:
        if out:
            await self._bus.publish(out)

    async def _stop_waiting(self, decided: Iterable[Resolved]) -> None:
        """Forget waits that are over."""
        over: list[tuple[str, Side, str, Key]] = []
        for one in decided:
            for wait in set(one.old.waits) - set(one.pair.waits) if one.work.outcomes else ():
                awaited = Awaited.read(wait)
                if self._setups.policy(awaited.sync) is None:
                    continue  # it has no links in which anybody could wait
                over.append((*awaited, one.work.key))
        if over:
            await self._store.unwait(over)

    async def _let_go(self, decided: Iterable[Resolved]) -> None:
        """Give up records that lost their place, before they are read again."""
        lost = [
            (one.work.key[0], event.side, event.report.id, one.work.key[1], one.pair.rev, _held(one, event.side))
            for one in decided
            if one.work.outcomes
            for event, result in one.opened.step.results
            if result == "linked_elsewhere" and event.side and event.report
        ]
        if lost:
            await self._store.let_go(lost)

    async def _give_up(self, decided: Resolved, result: Swapped) -> None:
        """Close a pair whose record turned out to belong to another one."""
        work, old = decided.work, decided.old
        if old.rev == 0:
            work.finish(Done("forwarded"))
            return
        if old.L is not None and old.R is not None:
            raise RuntimeError(f"two linked pairs hold one record: {old.pair} and {result.owner} of {work.key[0]}")
        closed = old.model_copy(
            update={
                "rev": next_rev(old, self._clock.now_ms()),
                "absorbed_by": result.owner,
                "status": Status.ABSORBED,
                "pending": {},
                "pokes": (),
                "log": (),
                "earlier": old.decided() if decided.opened.redelivered else (),
            }
        )
        swap = Swap(
            pair=closed.pair,
            expected=old.rev,
            rev=closed.rev,
            state=closed.text(),
            ends={},
        )
        answer = (await self._store.swap({closed.sync: [swap]}))[work.key]
        if answer.what != "ok":
            raise NotReady(closed.sync)
        state = Outbound(topic=topics.PAIR_STATE, key=closed.pair, message=closed, cause=work.messages[-1])
        await self._publish([state, *bundled([Told(step, work.messages[-1]) for step in steps_of(closed)])])
        work.finish(Done("forwarded"))


def told_of(pair: Pair, work: Work) -> list[Told]:
    """List the steps of its history that a pair's state has yet to publish."""
    return [Told(step, cause_of(work.messages)) for step in steps_of(pair)]


def _held(decided: Resolved, side: Side) -> Place | None:
    """Return the living record that a decided pair holds on a side, as its swap stored it in Redis."""
    end = decided.ends.get(side)
    return end if end is not None and end.alive else None
