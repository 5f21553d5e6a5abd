"""Resolve: bring each pair that has messages one step further.

Load, step, compare-and-set, publish, and only then let the offsets be committed. The order is the promise: what was
decided is in the store before anybody hears of it, and is published again from there when a crash comes in between.
Before the commit the store is asked whether it is still the one that was set: it may have been lost and rebuilt.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from pydantic import ValidationError

from services.matcher.counterparts import counterpart_of
from services.matcher.in_the_way import ask_to_give_up
from services.matcher.late import in_doubt, note_untold
from services.matcher.outputs import outputs
from services.matcher.passing import forward, holds_already, pass_on, tell
from services.matcher.states import StateCache
from services.matcher.telling import Told, bundled, steps_of
from services.matcher.work import Key, Work, as_swap, living, must_match_again, origin_of
from services.matcher.yielding import cause_of, yields
from shared import topics
from shared.core.draft import next_rev
from shared.core.outcomes import NEWER_VERSION, NOT_RUN_HERE, Done, Drop, Outcome, Park
from shared.core.pairing import open_step
from shared.core.pairs import NewerState, Pair, PairEvent
from shared.core.policies import Neighbour
from shared.core.records import SIDES, Side, ids_of
from shared.core.touches import effects_of
from shared.core.words import Status
from shared.io.envelope import is_late, trace_id
from shared.io.erasable import new_key
from shared.io.links import Loaded, Place, Swap, Swapped
from shared.io.ports import Bus, Clock, Inbound, NotReady, Outbound
from shared.io.store import Store
from shared.metrics import Metrics
from shared.running import Running
from shared.setups import Setups

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
        """Step every pair of the batch, and say what became of each message."""
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
            await self._gather(works, epochs)
            out: list[Outbound] = []
            told: list[Told] = []
            ready = [work for work in works if self._decide(work, out, told)]
            swapped = await self._swap(ready)
            losers = []
            for work in ready:
                result = swapped[work.key]
                if result.what == "ok":
                    out += self._publishable(work, result)
                    told += _told(work)
                    out += tell(work, self._clock.now_ms())
                elif result.what == "taken":
                    if not holds_already(work, result):
                        out += pass_on(work, result)
                        losers += [work] if work.messages else []
                        continue
                    out += forward(work.messages, result.owner, surplus=result.surplus)
                    await self._give_up(work, result)
                elif result.what == "occupied":
                    # The partner's own report is on its way to this pair; it decides.
                    work.finish(Drop("partner_on_its_way"))
                else:
                    losers.append(work)
            await self._let_go(ready)
            out += await ask_to_give_up(self._store, ready)
            await self._publish([*out, *bundled(told)])
            self._count(told)
            await self._stop_waiting(ready)
            works = losers
        if works:
            raise NotReady(works[0].key[0])

    def _count(self, told: Iterable[Told]) -> None:
        if self._metrics is None:
            return
        found = Counter((one.step.sync, row.did, row.by) for one in told for row in one.step.decisions)
        for (sync, did, by), number in found.items():
            self._metrics.count("decisions_total", number, sync=sync, did=did, by=by)

    # Gather

    async def _gather(self, works: Iterable[Work], epochs: dict[str, str]) -> None:
        works = list(works)
        loaded = await self._store.load(work.key for work in works)
        for work in works:
            epochs.setdefault(work.key[0], loaded[work.key].epoch)
            self._open(work, loaded[work.key])
        matching = [work for work in works if work.step is not None and work.step.wants_match]
        if matching:
            origins = {work.key: origin_of(work) for work in matching}
            found = await self._store.components((key[0], side, record) for key, (side, record) in origins.items())
            for work in matching:
                side, record = origins[work.key]
                work.component = found[work.key[0], side, record]
                end = work.step.draft.ends[side] if work.step is not None else None
                if end is not None:
                    work.counterpart = counterpart_of(work.policy, side, end, work.key[1], work.component)
        await self._look_at_neighbours(works)

    def _open(self, work: Work, loaded: Loaded) -> None:
        work.step = work.stepped = work.component = work.counterpart = None
        work.slots, work.text = loaded.slots, loaded.state
        sync, pair = work.key
        try:
            work.old = self._states.read(loaded.state) if loaded.state else Pair(sync=sync, pair=pair)
        except NewerState:
            work.finish(NEWER_VERSION)
            return
        except ValidationError as error:
            work.finish(Park("unreadable_state", str(error.errors(include_input=False)[:3])))
            return
        if work.old.absorbed_by:
            return
        place = work.old.place
        fresh = [(message.place, message.message) for message in work.messages if message.place > place]
        if not loaded.state and all(event.kind != "report" for _, event in fresh):
            work.finish(Drop("no_state"))
            return
        if work.policy.setup < work.old.setup:
            raise NotReady(sync)  # this worker has not read the newest settings yet
        late = any(is_late(message.headers) for message in work.messages)  # under an offset that says nothing of before
        work.redelivered = len(fresh) < len(work.messages) or late or work.old.untold
        work.again = work.redelivered or any(effects_of(event.reason).republishes for _, event in fresh)
        work.step = open_step(work.old, work.policy, {side: living(work.slots.of(side)) for side in SIDES})
        work.step.take(fresh)
        work.step.draft.yields = yields(work.old, (event for _, event in fresh))
        work.step.draft.cause = trace_id(cause_of(work.messages).headers)
        work.step.draft.seal = work.old.seal or new_key()

    async def _look_at_neighbours(self, works: Sequence[Work]) -> None:
        """Find the other ends of associations, registering first who waits for them."""
        items: list[tuple[str, Side, str, Key | None]] = []
        owners: list[tuple[Work, Side, str, str, bool]] = []
        ready: dict[str, bool] = {}
        running = self._setups.running
        for work in works:
            if work.step is None:
                continue
            for flow in work.policy.associations:
                if flow.to not in ready:
                    ready[flow.to] = flow.to in running.policies or await self._runs_elsewhere(flow.to, running)
                target = running.policies.get(flow.to)
                off = target is not None and not target.enabled
                for side in SIDES:
                    end, label = work.step.draft.ends[side], flow.field(side)
                    for record in ids_of(end.links.get(label)) if end is not None else ():
                        if not ready[flow.to]:
                            work.neighbours[side, label, record] = Neighbour(off=True)
                            continue
                        items.append((flow.to, side, record, work.key))
                        owners.append((work, side, label, record, off))
        if not items:
            return
        for (work, side, label, record, off), (pair, slots) in zip(owners, await self._store.look(items), strict=True):
            work.neighbours[side, label, record] = Neighbour(
                pair=pair, left=living(slots.L), right=living(slots.R), off=off,
                gone=slots.of(side) not in ("", "*", f":{record}"),
            )  # fmt: skip

    async def _runs_elsewhere(self, sync: str, running: Running) -> bool:
        """Check whether a newer version runs a sync that does not run here: its links are all that is needed of it."""
        return sync in running.not_run and await self._store.is_ready(sync) == "ready"

    # Decide

    def _decide(self, work: Work, out: list[Outbound], told: list[Told]) -> bool:
        """Decide a pair; False when there is nothing to set."""
        if work.old is not None and work.old.absorbed_by:
            # What it knew comes before what came since, and says how the two were matched.
            out += outputs(
                work.old, work.old, work.policy, text=work.text, again=False, poked=(), waiting=(),
                cause=cause_of(work.messages), now_ms=self._clock.now_ms(),
            )  # fmt: skip
            out += forward(work.messages, work.old.absorbed_by)
            told += _told(work)
            work.finish(Done("forwarded"))
            return False
        if work.step is None:
            return False
        work.stepped = work.step.decide(
            work.counterpart, work.neighbours, self._clock.now_ms(), redelivered=work.redelivered
        )
        return True

    # Apply

    async def _swap(self, works: Sequence[Work]) -> dict[Key, Swapped]:
        swaps: dict[str, list[Swap]] = {}
        for work in works:
            swaps.setdefault(work.key[0], []).append(as_swap(work))
        return await self._store.swap(swaps) if swaps else {}

    def _publishable(self, work: Work, result: Swapped) -> list[Outbound]:
        if work.stepped is None or work.old is None:
            raise ValueError("only a decided pair can be published")
        self._states.keep(work.text, work.stepped.pair)
        poked = (*result.poked, work.key[1]) if must_match_again(work) else result.poked
        return outputs(
            work.stepped.pair, work.old, work.policy, text=work.text, again=work.again, poked=poked,
            waiting=result.waiting, cause=cause_of(work.messages), now_ms=self._clock.now_ms(),
        )  # fmt: skip

    async def _publish(self, out: Sequence[Outbound]) -> None:
        if out:
            await self._bus.publish(out)

    async def _stop_waiting(self, works: Sequence[Work]) -> None:
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

    async def _let_go(self, works: Sequence[Work]) -> None:
        """Give up records that lost their place, before they are read again."""
        lost = [
            (work.key[0], event.side, event.report.id, work.key[1], work.stepped.pair.rev, _held(work, event.side))
            for work in works
            if work.stepped is not None and work.step is not None and work.outcomes
            for event, result in work.step.results
            if result == "linked_elsewhere" and event.side and event.report
        ]
        if lost:
            await self._store.let_go(lost)

    async def _give_up(self, work: Work, result: Swapped) -> None:
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
                "status": Status.ABSORBED,
                "pending": {},
                "pokes": (),
                "log": (),
                "earlier": work.old.decided() if work.redelivered else (),
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
        state = Outbound(topic=topics.PAIR_STATE, key=closed.pair, message=closed, cause=work.messages[-1])
        await self._publish([state, *bundled([Told(step, work.messages[-1]) for step in steps_of(closed)])])
        work.finish(Done("forwarded"))


def _told(work: Work) -> list[Told]:
    """List the steps of its history that a pair's state has to tell."""
    pair = work.stepped.pair if work.stepped is not None else work.old
    return [Told(step, cause_of(work.messages)) for step in steps_of(pair)] if pair is not None else []


def _held(work: Work, side: Side) -> Place | None:
    """Return the living record that a stepped pair holds on a side, as its swap told it to the links."""
    end = work.ends.get(side)
    return end if end is not None and end.alive else None
