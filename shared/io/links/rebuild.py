"""Put the links of syncs back after Redis lost them: from the journal, and from the claims it does not tell yet.

The journal alone is not enough: a record that match had claimed, but resolve had not stepped, would be forgotten and
could be created a second time. So the `pairs` messages beyond resolve's committed offsets are read as well.
"""

import base64
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Final, Protocol, TypeAlias, TypeVar

import structlog

from shared.config.setups import Setups
from shared.engine.policies import Policy
from shared.io.envelope import Received, Stored, is_late, stored_as, unwrap
from shared.io.links.places import place_of, places
from shared.io.links.requests import Place, Restored
from shared.io.links.store import Store, new_token
from shared.io.ports import Bus, Clock, Outbound
from shared.model.pairs import Pair, PairEvent
from shared.model.records import SIDES, Report, Side
from shared.model.touches import Touch
from shared.model.words import Status
from shared.wire import topics
from shared.wire.messages import Delayed, Rebuilt, SetupDoc
from shared.wire.topics import UnreadableMessage

T = TypeVar("T")
TTL_MS: Final = 30_000
"""Silence after which another worker may take a rebuild over."""
_CHUNK: Final = 200
_BEFORE_ALL: Final = -1
"""A place below all others."""
_TO_COME: Final = 1 << 53
"""A place beyond all others, as a double still holds it."""

_log = structlog.get_logger(__name__)


class Journal(Protocol):
    """Where a rebuild reads from."""

    def was_built(self, sync: str) -> bool:
        """Check whether the links of a sync may have been whole before; of a sync that is new nothing can be lost."""
        ...

    def states(self) -> Iterable[Stored[Pair]]:
        """Yield all of `pair-state`, in the order of each partition."""
        ...

    def waiting(self) -> Iterable[Stored[PairEvent]]:
        """Yield the messages to pairs that wait in `later.*`."""
        ...

    def unstepped(self) -> Iterable[Stored[PairEvent]]:
        """Yield `pairs` from resolve's committed offsets to the end."""
        ...

    def newer(self) -> frozenset[str]:
        """Return the syncs of which something was passed over that only a newer version can read."""
        ...


@dataclass(frozen=True, slots=True)
class _Claimed:
    """By which report a record was claimed."""

    order: int | None
    """Its version, where versions are numbers."""
    accepted_ms: int

    def is_before(self, other: "_Claimed") -> bool:
        """Check whether another report is newer; where no version tells, that of the change that was accepted later."""
        if self.order is not None and other.order is not None and self.order != other.order:
            return self.order < other.order
        return self.accepted_ms < other.accepted_ms


@dataclass(slots=True)
class _Lost:
    """One sync whose links are being put back."""

    policy: Policy
    token: str
    alive_ms: int
    """When it last gave a sign of life."""
    waiting: list[Restored] = field(default_factory=list)
    entries: int = 0
    given_up: bool = False
    """Redis was lost once more, or another worker does it."""
    open_pairs: dict[str, None] = field(default_factory=dict)
    given_away: dict[str, Pair] = field(default_factory=dict)
    lacking: set[str] = field(default_factory=set)
    giving: set[str] = field(default_factory=set)
    unsettled: dict[str, int] = field(default_factory=dict)
    """By pair, the place of its first message that nobody has committed, or one below all where that waited: it may
    have been taken, and newer ones may be handled before it comes again."""
    newest: dict[tuple[Side, str], "_Claimed"] = field(default_factory=dict)
    """The newest report for which a record was claimed, as far as it is known."""

    def note_unsettled(self, stored: Stored[PairEvent], pair: str) -> None:
        """Note a message to a pair that nobody has committed; one that waited has lost its place."""
        place = _BEFORE_ALL if is_late(stored.headers) else stored.place
        self.unsettled[pair] = min(place, self.unsettled.get(pair, place))

    def restorable(self, pair: Pair) -> Restored:
        """Encode a state for the links, and note what the others must know of it."""
        asked = any(end.ask for side in SIDES if (end := pair.side(side)) is not None)
        if pair.pending or pair.again or pair.waits or asked:
            self.open_pairs[pair.pair] = None
        else:
            self.open_pairs.pop(pair.pair, None)
        if pair.absorbed_by:
            self.given_away[pair.pair] = pair
        else:
            self.given_away.pop(pair.pair, None)
        return self.restored(pair)

    def restored(self, pair: Pair) -> Restored:
        """Return a state for the links."""
        if pair.pair in self.unsettled:
            self._note_newest(pair)
        return as_restored(self.policy, pair)

    def _note_newest(self, pair: Pair) -> None:
        """Note what a state tells of its records, as far as it can be compared with messages that waited.

        Of one in doubt, nothing is newer that was accepted before: it is read again, and that will tell.
        """
        for side in SIDES:
            end, in_doubt = pair.side(side), side in pair.doubted
            if end is not None and (in_doubt or end.version.order is not None):
                self.newest[side, end.id] = _Claimed(end.version.order, pair.seen_ms if in_doubt else 0)

    def removed(self, pair: str) -> Restored:
        """Forget a pair that was deleted with its sync, which may have been set up again since."""
        self.open_pairs.pop(pair, None)
        self.given_away.pop(pair, None)
        return Restored(pair=pair, rev=0, state="", kind="removed")

    def circles(self) -> Iterator[Restored]:
        """Yield pairs that take their records back, because all that they gave them to did the same."""
        for pair in in_circles(self.given_away):
            self.open_pairs[pair.pair] = None
            del self.given_away[pair.pair]
            own = {
                "absorbed_by": "", "status": Status.PENDING, "rev": pair.rev + 1, "log": (), "earlier": pair.decided(),
            }  # fmt: skip
            yield as_restored(self.policy, pair.model_copy(update=own))

    def claim(self, stored: Stored[PairEvent], event: PairEvent) -> Restored | None:
        """Encode what an unstepped message claims, and note whether its pair may still be giving itself away."""
        if event.pair in self.given_away:
            self.giving.add(event.pair)
        if event.report is None or event.side is None:
            return None
        # Resolve passes the messages of a pair that gave itself away on to whoever took its record.
        holder = _holder(event.pair, self.given_away)
        # One that waits has lost its place: it counts as still to come, until the pair has looked at it.
        place = _TO_COME if is_late(stored.headers) else stored.place
        return Restored(
            pair=holder,
            rev=place if holder == event.pair else -1,
            state="",
            kind="tail" if self._is_claim(event, event.side, event.report, late=is_late(stored.headers)) else "given",
            ends={event.side: place_of(self.policy.sides[event.side], event.report)},
            surplus=event.surplus,
            aliases=event.report.aliases,
        )

    def _is_claim(self, event: PairEvent, side: Side, report: Report, *, late: bool) -> bool:
        """Check whether a message tells of a claim: one that waited, or was passed on, may tell of an old one."""
        claimed, newest = _Claimed(report.version.order, event.accepted_ms), self.newest.get((side, report.id))
        older = newest is not None and claimed.is_before(newest)
        if event.matched is not None or (older and (late or event.passed_on)):
            return False
        if not older:
            self.newest[side, report.id] = claimed
        return True

    def handed_over(self) -> Iterator[Restored]:
        """Claim the records of pairs that gave themselves away for those who take them.

        The journal may tell that a record was given before anybody was told to take it, when the worker died in
        between; then the messages that it had taken come again. The others were taken long ago, and may have left.
        """
        for pair in (self.given_away[name] for name in sorted(self.giving)):
            ends = dict(places(self.policy, pair))
            yield Restored(pair=_holder(pair.pair, self.given_away), rev=-1, state="", kind="given", ends=ends)

    def untold(self) -> Iterator[Restored]:
        """Yield the pairs whose messages come again: what was decided of them may not have been published.

        Which states took them, only the links know: they may have kept one that the journal was never told.
        """
        for pair, place in self.unsettled.items():
            yield Restored(pair=pair, rev=place, state="", kind="untold")


_Syncs: TypeAlias = Mapping[str, _Lost]
_Entries: TypeAlias = Iterator[tuple[_Lost, Restored] | None]
"""What is to be put back, each with its sync; nothing for what was only read."""


class Rebuilder:
    """Rebuilds the links of syncs whose Redis was lost, all of them in one pass over the journal."""

    def __init__(self, store: Store, bus: Bus, setups: Setups, journal: Journal, clock: Clock) -> None:
        self._store = store
        self._bus = bus
        self._setups = setups
        self._journal = journal
        self._clock = clock
        self._left: set[str] = set()
        """Syncs that only a worker of a newer version can rebuild."""
        self.progress = ""
        """What is being rebuilt, and how far that is; empty when nothing is."""

    async def rebuild_lost(self) -> list[str]:
        """Rebuild every sync that needs it, and name those that are whole again."""
        lost: dict[str, _Lost] = {}
        done: list[str] = []
        for sync in self._setups.syncs():
            policy = self._setups.policy(sync.id)
            if policy is None or sync.id in self._left or await self._store.is_ready(sync.id) != "lost":
                continue
            begun = _Lost(policy=policy, token=new_token(), alive_ms=self._clock.now_ms())
            if await self._store.begin_rebuild(sync.id, begun.token, TTL_MS) != "begun":
                continue
            if self._journal.was_built(sync.id):
                lost[sync.id] = begun
            elif await self._make(begun):
                done.append(sync.id)
        try:
            return done + (await self._rebuild(lost) if lost else [])
        finally:
            self.progress = ""

    async def _make(self, new: _Lost) -> bool:
        """Declare the links of a new sync whole: nothing is read, and nobody waits for long.

        That they were made is told first: whoever finds them lost later must know that there is something to read.
        """
        await self._tell(new.policy.sync, (), 0)
        return await self._store.finish_rebuild(new.policy.sync, new.token)

    async def _rebuild(self, lost: _Syncs) -> list[str]:
        _log.warning("rebuild_begun", syncs=sorted(lost))
        passes: Sequence[Callable[[], _Entries]] = (
            lambda: self._restorable(lost),
            lambda: self._again(lost),
            lambda: self._claims(lost),
            lambda: ((row, entry) for row in lost.values() for entry in row.handed_over()),
            lambda: ((row, entry) for row in lost.values() for entry in row.untold()),
        )
        # Those that came are read first as well, for they may be put off to wait meanwhile.
        for stored in chain(self._journal.unstepped(), self._unhandled()):
            if stored.message is not None and stored.message.sync in lost:
                lost[stored.message.sync].note_unsettled(stored, stored.message.pair)
        for entries in passes:
            await self._restore(lost, entries())
            for name in self._journal.newer() & lost.keys():
                lost[name].given_up = True
                self._left.add(name)
                _log.warning("rebuild_left_to_newer", sync=name)
        done = []
        for name, row in lost.items():
            if row.given_up or not await self._store.finish_rebuild(name, row.token):
                continue
            await self._tell(name, list(row.open_pairs), self._clock.now_ms() if row.entries else 0)
            _log.warning("rebuild_ended", sync=name, entries=row.entries, open=len(row.open_pairs))
            done.append(name)
        return done

    async def _restore(self, lost: _Syncs, entries: _Entries) -> None:
        """Put entries back in chunks of one sync each, and show meanwhile that the others are alive as well."""
        number = 0
        for number, found in enumerate(entries, 1):
            if found is not None and not found[0].given_up:
                found[0].waiting.append(found[1])
                if len(found[0].waiting) >= _CHUNK:
                    await self._flush(found[0])
            if number % _CHUNK == 0:
                self._show(lost, number)
                await self._live(lost)
        self._show(lost, number)
        for row in lost.values():
            if row.waiting:
                await self._flush(row)

    def _show(self, lost: _Syncs, number: int) -> None:
        self.progress = f"the links of {', '.join(sorted(lost))} are being rebuilt: {number} messages read"

    async def _live(self, lost: _Syncs) -> None:
        for row in lost.values():
            if self._clock.now_ms() - row.alive_ms > TTL_MS // 6:
                await self._flush(row)

    async def _flush(self, row: _Lost) -> None:
        """Put back what waits; without entries it is a sign of life."""
        if row.given_up:
            return
        told, row.waiting = row.waiting, []
        row.entries += len(told)
        row.alive_ms = self._clock.now_ms()
        found = await self._store.restore(row.policy.sync, row.token, TTL_MS, told)
        if found is None:
            row.given_up = True
        else:
            row.lacking |= found

    def _restorable(self, lost: _Syncs) -> _Entries:
        for stored in self._journal.states():
            pair = stored.message
            if pair is None:  # a tombstone names no sync
                yield from ((row, row.removed(stored.key)) for row in lost.values())
                continue
            row = lost.get(pair.sync)
            yield (row, row.restorable(pair)) if row is not None else None
        for row in lost.values():
            yield from ((row, entry) for entry in row.circles())

    def _again(self, lost: _Syncs) -> _Entries:
        """Yield the states of some pairs once more, of which only the newest still counts.

        Their record was another pair's when they were read first, which let it go later: the journal tells what became
        of each pair in order, but not of one before another.
        """
        wanted = {name: row.lacking - row.given_away.keys() for name, row in lost.items()}
        for stored in self._journal.states() if any(wanted.values()) else ():
            pair = stored.message
            if pair is None:
                yield from ((row, row.removed(stored.key)) for name, row in lost.items() if stored.key in wanted[name])
                continue
            row = lost.get(pair.sync)
            yield (row, row.restored(pair)) if row is not None and pair.pair in wanted[pair.sync] else None

    def _claims(self, lost: _Syncs) -> _Entries:
        """Yield what the messages claim that were not stepped yet."""
        for stored in self._unhandled():
            event = stored.message
            row = lost.get(event.sync) if event is not None else None
            entry = row.claim(stored, event) if row is not None and event is not None else None
            yield (row, entry) if row is not None and entry is not None else None

    def _unhandled(self) -> Iterator[Stored[PairEvent]]:
        """Yield the messages that were not stepped yet, those first that wait and may join the others meanwhile."""
        return chain(self._journal.waiting(), self._journal.unstepped())

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
                        message=PairEvent(sync=sync, pair=pair, kind="touch", reason=Touch.REBUILT),
                    )
                    for pair in chunk
                ]
            )


def unpack(
    delayed: Iterable[Stored[Delayed]], unreadable: Callable[[Received, UnreadableMessage], None]
) -> Iterator[Stored[PairEvent]]:
    """Yield those of the delayed messages that are for pairs; what cannot be read is told to *unreadable*."""
    for stored in delayed:
        one = stored.message
        if one is None or one.topic != topics.PAIRS.name:
            continue
        item = Received(
            topic=one.topic, partition=stored.partition, offset=stored.offset, key=one.key,
            value=base64.b64decode(one.raw_base64), headers=one.headers,
        )  # fmt: skip
        try:
            event = unwrap(item, {one.topic: topics.PAIRS}).message
        except UnreadableMessage as error:
            unreadable(item, error)
            continue
        yield stored_as(item, event)


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
    """Encode a journal entry as the restore script takes it."""
    ends: dict[Side, Place] = dict(places(policy, pair))
    if not pair.absorbed_by:
        # A living record was seen that may be the newer one: nobody may be created beside it before it is read again.
        ends |= {
            side: replace(ends[side], alive=True, identity=known.identity, keys=known.keys)
            for side, known in pair.doubted.items()
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
