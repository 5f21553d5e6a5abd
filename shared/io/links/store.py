"""The links of every sync: which record belongs to which pair, who carries which key, and each pair's state.

Redis is a view of the `pair-state` journal that workers can search fast. All decisions that must be atomic are
scripts (`lua/`), and each of them first checks that this is the Redis on which the last rebuild ended; otherwise the
operation raises `NotReady` and has changed nothing.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

from shared.io.links import scripts as lua
from shared.io.links.requests import (
    SEP,
    Claim,
    Claimed,
    Component,
    LinkedRecord,
    Loaded,
    Place,
    Restored,
    Slots,
    Swap,
    Swapped,
)
from shared.io.links.scripts import Call, Scripts
from shared.io.ports import NotReady
from shared.model.records import Side
from shared.model.sides import read_side, side_and_name, with_side

_CHUNK = 200
"""Items one script call takes, so that Redis is never busy with one call for more than some milliseconds."""
_SCANNED: Final = 16
"""Buckets that one call lists: some four thousand pairs where a sync has a million."""
COMPONENT_LIMIT: Final = 50
"""Records that may share keys before their whole component is held as too common (semantics of matching)."""
_LIMIT: Final = lua.LimitArgs(str(COMPONENT_LIMIT))
BUCKETS: Final = tuple(f"{n:03x}" for n in range(4096))


class Store:
    """The links of all syncs."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    async def claim(self, items: Mapping[str, Sequence[Claim]]) -> dict[str, list[Claimed]]:
        """Find or make the pair of each record, by sync, in one round trip."""
        calls, syncs = [], []
        for sync, claims in items.items():
            for hold in (False, True):
                for chunk in _chunks([claim for claim in claims if claim.hold is hold]):
                    head = lua.HoldArgs("1" if hold else "0")
                    calls.append(lua.CLAIM.call(sync, head, [claim.args() for claim in chunk]))
                    syncs.append((sync, chunk))
        found: dict[int, Claimed] = {}
        for (sync, chunk), rows in zip(syncs, await self._run(calls), strict=True):
            del sync
            for claim, row in zip(chunk, rows, strict=True):
                found[id(claim)] = Claimed(row[0], row[1], row[2])  # type: ignore[arg-type]  # the script's own words
        return {sync: [found[id(claim)] for claim in claims] for sync, claims in items.items()}

    async def load(self, pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Loaded]:
        """Read states and slots, by (sync, pair), in one round trip."""
        by_sync = _by_sync(pairs)
        chunks = [(sync, chunk) for sync, names in by_sync.items() for chunk in _chunks(names)]
        calls = [lua.LOAD.call(sync, lua.NoArgs(), [lua.PairArgs(pair) for pair in chunk]) for sync, chunk in chunks]
        loaded = {}
        for (sync, chunk), rows in zip(chunks, await self._run(calls), strict=True):
            for pair, row in zip(chunk, rows, strict=True):
                loaded[sync, pair] = Loaded(row[0].partition("\t")[2], Slots(row[1], row[2]), row[3])
        return loaded

    async def components(self, records: Iterable[tuple[str, Side, str]]) -> dict[tuple[str, Side, str], Component]:
        """Read the key component of each (sync, side, record id), in one round trip."""
        by_sync = _by_sync((sync, side + record) for sync, side, record in records)
        chunks = [(sync, chunk) for sync, names in by_sync.items() for chunk in _chunks(names)]
        calls = [lua.COMPONENT.call(sync, _LIMIT, [lua.RefArgs(name) for name in chunk]) for sync, chunk in chunks]
        found: dict[tuple[str, Side, str], Component] = {}
        for (sync, chunk), rows in zip(chunks, await self._run(calls), strict=True):
            for name, row in zip(chunk, rows, strict=True):
                side, record = side_and_name(name)
                members = tuple(_member(member) for member in row[1:])
                found[sync, side, record] = Component(row[0], members)
        return found

    async def swap(self, items: Mapping[str, Sequence[Swap]]) -> dict[tuple[str, str], Swapped]:
        """Compare and set, by sync, in one round trip; at most one swap a pair."""
        calls, chunks = [], []
        for sync, swaps in items.items():
            for chunk in _chunks(swaps):
                calls.append(lua.SWAP.call(sync, _LIMIT, [swap.args() for swap in chunk]))
                chunks.append(chunk)
        done = {}
        for call, chunk, rows in zip(calls, chunks, await self._run(calls), strict=True):
            for swap, row in zip(chunk, rows, strict=True):
                done[call.sync, swap.pair] = _swapped(row)
        return done

    async def look(self, items: Sequence[tuple[str, Side, str, tuple[str, str] | None]]) -> list[tuple[str, Slots]]:
        """Look at the pair and slots of each (sync, side, record, waiting (sync, pair) or None).

        Whoever waits is registered in the same script when the record is not linked yet: looking first and registering
        afterwards would lose the wake of a link made in between.
        """
        by_sync: dict[str, list[int]] = {}
        for n, (sync, *_) in enumerate(items):
            by_sync.setdefault(sync, []).append(n)
        chunks = [(sync, chunk) for sync, numbers in by_sync.items() for chunk in _chunks(numbers)]
        calls = [lua.WAIT.call(sync, lua.NoArgs(), [_wait(*items[n][1:]) for n in chunk]) for sync, chunk in chunks]
        found: dict[int, tuple[str, Slots]] = {}
        for (_, chunk), rows in zip(chunks, await self._run(calls), strict=True):
            found.update((n, (row[0], Slots(row[1], row[2]))) for n, row in zip(chunk, rows, strict=True))
        return [found[n] for n in range(len(items))]

    async def unwait(self, items: Sequence[tuple[str, Side, str, tuple[str, str]]]) -> None:
        """Forget who waited for a record."""
        await self._run(
            [
                lua.UNWAIT.call(sync, lua.NoArgs(), [_wait(side, record, waiting)])
                for sync, side, record, waiting in items
            ]
        )

    async def let_go(self, items: Sequence[tuple[str, Side, str, str, int, Place | None]]) -> None:
        """Note that records have lost their place in their pair.

        Each comes as (sync, side, id, pair, revision, the living record that the pair holds there).
        """
        calls = []
        for sync, side, record, pair, rev, held in items:
            there, keys = (held.id, SEP.join(held.keys)) if held else ("", "")
            lost = lua.LetGoArgs(ref=with_side(side, record), pair=pair, rev=str(rev), held=there, keys=keys)
            calls.append(lua.LET_GO.call(sync, lua.NoArgs(), [lost]))
        await self._run(calls)

    async def pairs_in(self, sync: str, buckets: Sequence[str]) -> list[tuple[str, Slots]]:
        """List the pairs in some of the `BUCKETS`; all buckets together list every pair that existed throughout."""
        parts = [buckets[first : first + _SCANNED] for first in range(0, len(buckets), _SCANNED)]
        calls = [lua.SCAN.call(sync, lua.NoArgs(), [lua.BucketArgs(bucket) for bucket in part]) for part in parts]
        answers = await self._run(calls)
        return [(row[0], Slots(row[1], row[2])) for rows in answers for row in rows]

    async def check_epochs(self, epochs: Mapping[str, str]) -> None:
        """Make sure that the links, by sync, were not lost since an epoch was read; raises `NotReady` when they were.

        Whoever changed the links and then published calls this before the offsets are committed: a rebuild that ended
        in between did not know what was published, and only the same messages can tell the links once more.
        """
        syncs = list(epochs)
        calls = [lua.EPOCH.call(sync, lua.EpochArgs("look", "", "0")) for sync in syncs]
        for sync, rows in zip(syncs, await self._run(calls), strict=True):
            if rows[0][1] != epochs[sync]:
                raise NotReady(sync)

    async def is_ready(self, sync: str) -> Literal["ready", "lost", "busy"]:
        """Check whether the links are whole, lost, or being rebuilt."""
        return await self._epoch(sync, "look", "", 0)  # type: ignore[return-value]  # the script's own words

    async def begin_rebuild(self, sync: str, token: str, ttl_ms: int) -> Literal["begun", "busy", "ready"]:
        """Take the rebuild of a sync on, for *ttl_ms* until the next sign of life."""
        return await self._epoch(sync, "begin", token, ttl_ms)  # type: ignore[return-value]  # the script's own words

    async def restore(self, sync: str, token: str, ttl_ms: int, entries: Sequence[Restored]) -> set[str] | None:
        """Put entries back where they are newer; None when the rebuild was lost to another Redis or worker.

        Names the pairs that lack a record because another pair holds it, which may turn out to have let it go.
        """
        lacking: set[str] = set()
        for chunk in _chunks(entries) if entries else ((),):  # without entries it is a sign of life
            call = lua.RESTORE.call(sync, lua.RebuildArgs(token, str(ttl_ms)), [entry.args() for entry in chunk])
            answers = await self._scripts.run([call])
            if answers[0][0][0] != "ok":
                return None
            lacking.update(answers[0][0][1:])
        return lacking

    async def finish_rebuild(self, sync: str, token: str) -> bool:
        """Declare the links whole; False when the rebuild was lost."""
        return await self._epoch(sync, "finish", token, 0) == "finished"

    async def _epoch(self, sync: str, what: str, token: str, ttl_ms: int) -> str:
        answers = await self._scripts.run([lua.EPOCH.call(sync, lua.EpochArgs(what, token, str(ttl_ms)))])
        return answers[0][0][0]

    async def _run(self, calls: Sequence[Call]) -> list[list[list[str]]]:
        if not calls:
            return []
        answers = await self._scripts.run(calls)
        for call, rows in zip(calls, answers, strict=True):
            if rows and rows[0] and rows[0][0] == "notready":
                raise NotReady(call.sync)
        return answers


def new_token() -> str:
    """Name one attempt to rebuild."""
    return uuid.uuid4().hex


def _wait(side: Side, record: str, waiting: tuple[str, str] | None) -> lua.WaitArgs:
    return lua.WaitArgs(ref=with_side(side, record), waiting="\t".join(waiting) if waiting else "")


def _member(row: Sequence[str]) -> LinkedRecord:
    side, record = side_and_name(row[0])
    return LinkedRecord(side, record, row[1], row[2] == "s", row[3], row[4], Slots(row[5], row[6]))


def _swapped(row: Sequence[str]) -> Swapped:
    if row[0] == "taken":
        return Swapped("taken", side=read_side(row[1]), owner=row[2], surplus=row[3] == "s")
    if row[0] != "ok":
        return Swapped(row[0])  # type: ignore[arg-type]  # the script's own words
    gap = row.index("")
    waiting = []
    for text in dict.fromkeys(row[gap + 1 :]):
        sync, _, pair = text.partition("\t")
        waiting.append((sync, pair))
    return Swapped("ok", tuple(row[1:gap]), tuple(waiting))


def _by_sync(items: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    grouped: dict[str, dict[str, None]] = {}
    for sync, name in items:
        grouped.setdefault(sync, {})[name] = None
    return {sync: list(names) for sync, names in grouped.items()}


def _chunks(items: Sequence[Any]) -> Iterable[Sequence[Any]]:
    for start in range(0, len(items), _CHUNK):
        yield items[start : start + _CHUNK]
