"""Put the links of a sync back after Redis lost them: from the journal, and from the claims it does not tell yet.

The journal alone is not enough: a record that match had claimed, but resolve had not stepped, would be forgotten and
could be created a second time. So the `pairs` messages beyond resolve's committed offsets are read as well.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final, Protocol, TypeVar

import structlog

from shared import topics
from shared.core.pairs import Pair, PairEvent
from shared.core.policies import Policy
from shared.core.records import SIDES, Side
from shared.io.envelope import Stored
from shared.io.links import Place, Restored
from shared.io.places import place_of, places
from shared.io.ports import Bus, Clock, Outbound
from shared.io.store import Store, new_token
from shared.messages import Rebuilt, SetupDoc
from shared.setups import Setups

T = TypeVar("T")
TTL_MS: Final = 30_000
"""Silence after which another worker may take a rebuild over."""
_CHUNK: Final = 200

_log = structlog.get_logger(__name__)


class Journal(Protocol):
    """Where a rebuild reads from."""

    def states(self) -> Iterable[Stored[Pair]]:
        """Yield all of `pair-state`, in the order of each partition."""
        ...

    def unstepped(self) -> Iterable[Stored[PairEvent]]:
        """Yield `pairs` from resolve's committed offsets to the end."""
        ...


class Rebuilder:
    """Rebuilds the links of syncs whose Redis was lost."""

    def __init__(self, store: Store, bus: Bus, setups: Setups, journal: Journal, clock: Clock) -> None:
        self._store = store
        self._bus = bus
        self._setups = setups
        self._journal = journal
        self._clock = clock

    async def rebuild_lost(self) -> list[str]:
        """Rebuild every sync that needs it, and name those that are whole again."""
        done = []
        for sync in self._setups.syncs():
            policy = self._setups.policy(sync.id)
            if policy is not None and await self._store.is_ready(sync.id) == "lost" and await self.rebuild(policy):
                done.append(sync.id)
        return done

    async def rebuild(self, policy: Policy) -> bool:
        """Rebuild one sync; False when another worker does it, or Redis was lost once more meanwhile."""
        token = new_token()
        if await self._store.begin_rebuild(policy.sync, token, TTL_MS) != "begun":
            return False
        _log.warning("rebuild_begun", sync=policy.sync)
        open_pairs: dict[str, None] = {}
        entries = 0
        given_away: dict[str, Pair] = {}
        lacking: set[str] = set()
        giving: set[str] = set()
        passes: Sequence[Callable[[], Iterator[Restored | None]]] = (
            lambda: self._restorable(policy, open_pairs, given_away),
            lambda: self._again(policy, lacking - given_away.keys()),
            lambda: self._claims(policy, given_away, giving),
            lambda: _handed_over(policy, given_away, giving),
        )
        for restored in passes:
            for chunk in _chunks(restored()):
                told = [entry for entry in chunk if entry is not None]
                entries += len(told)
                found = await self._store.restore(policy.sync, token, TTL_MS, told)
                if found is None:
                    return False
                lacking |= found
        if not await self._store.finish_rebuild(policy.sync, token):
            return False
        # Of a sync that is new nothing can be lost.
        await self._tell(policy.sync, list(open_pairs), self._clock.now_ms() if entries else 0)
        _log.warning("rebuild_ended", sync=policy.sync, entries=entries, open=len(open_pairs))
        return True

    def _restorable(
        self, policy: Policy, open_pairs: dict[str, None], given_away: dict[str, Pair]
    ) -> Iterator[Restored]:
        for stored in self._journal.states():
            pair = stored.message
            if pair is None or pair.sync != policy.sync:
                continue
            asked = any(end.ask for side in SIDES if (end := pair.side(side)) is not None)
            if pair.pending or pair.again or pair.waits or asked:
                open_pairs[pair.pair] = None
            else:
                open_pairs.pop(pair.pair, None)
            if pair.absorbed_by:
                given_away[pair.pair] = pair
            else:
                given_away.pop(pair.pair, None)
            yield as_restored(policy, pair)
        for pair in in_circles(given_away):
            open_pairs[pair.pair] = None
            del given_away[pair.pair]
            yield as_restored(
                policy, pair.model_copy(update={"absorbed_by": "", "status": "pending", "rev": pair.rev + 1})
            )

    def _again(self, policy: Policy, pairs: set[str]) -> Iterator[Restored | None]:
        """Yield the states of some pairs once more, of which only the newest still counts.

        Their record was another pair's when they were read first, which let it go later: the journal tells what became
        of each pair in order, but not of one before another.
        """
        for stored in self._journal.states() if pairs else ():
            pair = stored.message
            yield as_restored(policy, pair) if pair is not None and pair.pair in pairs else None

    def _claims(self, policy: Policy, given_away: Mapping[str, Pair], giving: set[str]) -> Iterator[Restored]:
        """Yield what the unstepped messages claim, and note which pairs may still be giving themselves away."""
        for stored in self._journal.unstepped():
            event = stored.message
            if event is not None and event.pair in given_away:
                giving.add(event.pair)
            if event is None or event.sync != policy.sync or event.report is None or event.side is None:
                continue
            place = place_of(policy.side(event.side), event.report)
            # Resolve passes the messages of a pair that gave itself away on to whoever took its record.
            holder = _holder(event.pair, given_away)
            offset = stored.offset if holder == event.pair else -1
            yield Restored(
                pair=holder,
                rev=offset,
                state="",
                kind="tail" if event.matched is None else "given",
                ends={event.side: place},
                surplus=event.surplus,
                aliases=event.report.aliases,
            )

    async def _tell(self, sync: str, open_pairs: Sequence[str], at_ms: int) -> None:
        """Send feeds back by an hour, and let pairs with something open, or waiting for somebody, look again."""
        doc = SetupDoc(rebuilt=Rebuilt(sync=sync, at_ms=at_ms))
        await self._bus.publish([Outbound(topic=topics.SETUPS, key=f"rebuilt:{sync}", message=doc)])
        for chunk in _chunks(open_pairs):
            await self._bus.publish(
                [
                    Outbound(
                        topic=topics.PAIRS,
                        key=pair,
                        message=PairEvent(sync=sync, pair=pair, kind="touch", reason="rebuilt"),
                    )
                    for pair in chunk
                ]
            )


def _handed_over(policy: Policy, given_away: Mapping[str, Pair], giving: Iterable[str]) -> Iterator[Restored]:
    """Claim the records of pairs that gave themselves away for those who take them.

    The journal may tell that a record was given before anybody was told to take it, when the worker died in between;
    then the messages that it had taken come again. The others were taken long ago, and may have left since.
    """
    for pair in (given_away[name] for name in sorted(giving)):
        yield Restored(
            pair=_holder(pair.pair, given_away), rev=-1, state="", kind="given", ends=dict(places(policy, pair))
        )


def _holder(pair: str, given_away: Mapping[str, Pair]) -> str:
    while pair in given_away:
        pair = given_away[pair].absorbed_by
    return pair


def in_circles(given_away: Mapping[str, Pair]) -> list[Pair]:
    """Find one pair of each circle of pairs that gave their records to one another.

    Redis may forget that a pair gave itself away after Kafka was told, and the receiver may then give itself back.
    Nobody would hold either record: the first of them, by id, takes its own back, and is matched again.
    """
    done: set[str] = set()
    found: list[Pair] = []
    for start in sorted(given_away):
        path: list[str] = []
        at = start
        while at in given_away and at not in done:
            done.add(at)
            path.append(at)
            at = given_away[at].absorbed_by
        if at in path:
            found.append(given_away[min(path[path.index(at) :])])
    return found


def as_restored(policy: Policy, pair: Pair) -> Restored:
    """Spell a journal entry as the restore script takes it."""
    ends: dict[Side, Place] = dict(places(policy, pair))
    if not pair.absorbed_by:
        ends |= {
            side: replace(ends[side], identity=known.identity, keys=known.keys) for side, known in pair.doubted.items()
        }
        for side in SIDES:
            pending = pair.pending.get(side)
            if pair.side(side) is None and pending is not None and pending.op == "create":
                ends[side] = Place(id="*", alive=True)
    kind = "absorbed" if pair.absorbed_by else "full" if pair.L is not None and pair.R is not None else "half"
    surplus = pair.match is not None and pair.match.by == "surplus"
    return Restored(pair=pair.pair, rev=pair.rev, state=pair.text(), kind=kind, ends=ends, surplus=surplus)  # type: ignore[arg-type]  # one of three words


def _chunks(items: Iterable[T]) -> Iterator[list[T]]:
    chunk: list[T] = []
    for item in items:
        chunk.append(item)
        if len(chunk) >= _CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
