"""Put the links of syncs back after Redis lost them: from the journal, and from the claims it does not tell yet.

The journal alone is not enough: a record that match had claimed, but resolve had not stepped, would be forgotten and
could be created a second time. So the `pairs` messages beyond resolve's committed offsets are read as well.
"""

import base64
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Final, Protocol, TypeAlias, TypeVar

import structlog

from shared.config.setups import Setups
from shared.io.envelope import Received, Stored, stored_as, unwrap
from shared.io.links.lost import Lost
from shared.io.links.requests import Restored
from shared.io.links.store import Store, new_token
from shared.io.ports import Bus, Clock, Outbound
from shared.model.pairs import Pair, PairEvent
from shared.model.touches import Touch
from shared.wire import topics
from shared.wire.messages import Delayed, Rebuilt, SetupDoc
from shared.wire.topics import UnreadableMessage

T = TypeVar("T")
TTL_MS: Final = 30_000
"""Silence after which another worker may take a rebuild over."""
_CHUNK: Final = 200

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


_Syncs: TypeAlias = Mapping[str, Lost]
_Entries: TypeAlias = Iterator[tuple[Lost, Restored] | None]
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
        lost: dict[str, Lost] = {}
        done: list[str] = []
        for sync in self._setups.syncs():
            policy = self._setups.policy(sync.id)
            if policy is None or sync.id in self._left or await self._store.is_ready(sync.id) != "lost":
                continue
            begun = Lost(policy=policy, token=new_token(), alive_ms=self._clock.now_ms())
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

    async def _make(self, new: Lost) -> bool:
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
                lost[stored.message.sync].note_unsettled(stored, stored.message)
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

    async def _flush(self, row: Lost) -> None:
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


def _chunks(items: Iterable[T]) -> Iterator[list[T]]:
    chunk: list[T] = []
    for item in items:
        chunk.append(item)
        if len(chunk) >= _CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
