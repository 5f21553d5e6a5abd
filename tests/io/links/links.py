"""The links of one sync for tests: on the in-memory Redis and on a real one, blocking and in an event loop."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from shared.io.links.requests import Claim, Claimed, Component, Loaded, Place, Restored, Slots, Swap, Swapped
from shared.io.links.store import Store
from shared.io.ports import run_blocking
from shared.io.redis.memory import MemoryScripts
from shared.model.records import Side

T = TypeVar("T")
SYNC = "s"
TTL_MS = 60_000
KINDS = ("memory", "blocking", "loop")
"""The in-memory Redis, then a real one through each of the two clients."""


@dataclass(kw_only=True)
class Links:
    """A store, called as plain functions on one sync."""

    store: Store
    run: Callable[[Coroutine[Any, Any, Any]], Any]
    contents: Callable[[], Mapping[str, Any]]
    flush: Callable[[], object]
    failover: Callable[[], object]
    """Go on on another Redis, which has all that this one has."""
    close: Callable[[], object] = field(default=lambda: None)
    sync: str = SYNC

    def dump(self) -> dict[str, Any]:
        """Return all that is stored: hashes as dicts, sets as sets, without who rebuilt and where."""
        return {
            key: set(value) if ":" in key and key.split("}")[1][0] in "hkw" else value
            for key, value in self.contents().items()
            if not key.endswith(("}e", "}l"))
        }

    def ready(self, token: str = "t") -> "Links":
        """Declare the links whole, as the end of a rebuild does."""
        assert self.run(self.store.begin_rebuild(self.sync, token, TTL_MS)) == "begun"
        assert self.run(self.store.finish_rebuild(self.sync, token))
        return self

    def claim(self, *claims: Claim) -> list[Claimed]:
        found: list[Claimed] = self.run(self.store.claim({self.sync: claims}))[self.sync]
        return found

    def load(self, pair: str) -> Loaded:
        loaded: Loaded = self.run(self.store.load([(self.sync, pair)]))[self.sync, pair]
        return loaded

    def slots(self, pair: str) -> tuple[str, str]:
        slots = self.load(pair).slots
        return slots.L, slots.R

    def component(self, ref: str) -> Component:
        side: Side = "L" if ref[0] == "L" else "R"
        key = (self.sync, side, ref[1:])
        component: Component = self.run(self.store.components([key]))[key]
        return component

    def members(self, ref: str) -> set[str]:
        """Name the records of a component."""
        return {member.side + member.id for member in self.component(ref).members}

    def swap(self, swap: Swap) -> Swapped:
        swapped: Swapped = self.run(self.store.swap({self.sync: [swap]}))[self.sync, swap.pair]
        return swapped

    def waiting(self, ref: str) -> set[tuple[str, ...]]:
        """Return which (sync, pair) wait for a record."""
        found: set[str] = self.dump().get("{" + self.sync + "}w:" + ref, set())
        return {tuple(waiting.split("\t")) for waiting in found}

    def look(self, ref: str, waiting: tuple[str, str] | None = None) -> tuple[str, Slots]:
        found: list[tuple[str, Slots]] = self.run(
            self.store.look([(self.sync, "L" if ref[0] == "L" else "R", ref[1:], waiting)])
        )
        return found[0]

    def unwait(self, ref: str, waiting: tuple[str, str]) -> None:
        self.run(self.store.unwait([(self.sync, "L" if ref[0] == "L" else "R", ref[1:], waiting)]))

    def let_go(self, ref: str, pair: str, rev: int, held: Place | None = None) -> None:
        side: Side = "L" if ref[0] == "L" else "R"
        self.run(self.store.let_go([(self.sync, side, ref[1:], pair, rev, held)]))

    def restore(self, *entries: Restored, token: str = "t") -> bool:
        return self.run(self.store.restore(self.sync, token, TTL_MS, entries)) is not None

    def keys_of(self, ref: str) -> set[str]:
        """Read from the index which keys lead to a record."""
        found: set[str] = set()
        prefix = "{" + self.sync + "}"
        for name, value in self.dump().items():
            if name.startswith(prefix + "i:"):
                found |= {key for key, refs in value.items() if ref in refs.split("\x1f")}
            elif name.startswith(prefix + "k:") and ref in value:
                found.add(name.removeprefix(prefix + "k:"))
        return found


def in_memory(scripts: MemoryScripts | None = None) -> Links:
    """Make links in this process."""
    scripts = scripts or MemoryScripts()
    return Links(
        store=Store(scripts), run=run_blocking, contents=scripts.dump, flush=scripts.flush,
        failover=lambda: scripts.failover(0),
    )  # fmt: skip


def on_redis(url: str, kind: str) -> Links:
    """Make links on a real Redis."""
    from shared.io.redis.client import AsyncScripts, BlockingScripts, connect, connect_async  # noqa: PLC0415 - for servers

    client: Any = connect(url)

    def contents() -> dict[str, Any]:
        read = {"string": client.get, "hash": client.hgetall, "set": client.smembers}
        return {key: read[client.type(key)](key) for key in client.keys("*")}

    if kind == "blocking":
        store, close = Store(BlockingScripts(client)), client.close
        run: Callable[[Coroutine[Any, Any, Any]], Any] = run_blocking
    else:
        runner, other = asyncio.Runner(), connect_async(url)
        store, run = Store(AsyncScripts(other)), runner.run

        def close() -> None:
            runner.run(other.aclose())
            runner.close()
            client.close()

    def failover() -> None:
        """Write another server's id where the epoch names this one's: the keys stand as a replica has them."""
        for key in client.keys("*}e"):
            client.set(key, "f" * 40 + ":" + client.get(key).partition(":")[2])

    return Links(store=store, run=run, contents=contents, flush=client.flushall, failover=failover, close=close)


def place(name: str, *keys: str, alive: bool = True, created: str = "", identity: str = "") -> Place:
    """Spell a record by its id and keys."""
    return Place(id=name, alive=alive, created=created, identity=identity, keys=keys)


def claim(ref: str, *keys: str, fresh: str = "", alive: bool = True, **more: Any) -> Claim:
    """Spell a claim of a record such as ``La``; it founds the pair ``pLa`` unless told otherwise."""
    of_place = {name: more.pop(name) for name in ("created", "identity") if name in more}
    return Claim(
        side="L" if ref[0] == "L" else "R",
        place=place(ref[1:], *keys, alive=alive, **of_place),
        fresh=fresh or f"p{ref}",
        **more,
    )


def swap(pair: str, expected: int, ends: Mapping[Side, Place] | None = None, **more: Any) -> Swap:
    """Spell a swap to the next revision."""
    return Swap(
        pair=pair, expected=expected, rev=expected + 1, state=f"{pair} at {expected + 1}", ends=ends or {}, **more
    )
