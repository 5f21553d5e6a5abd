"""The Lua scripts of the links, what each of them takes, and what runs them.

Redis hands a script its arguments as one list of texts. Which stands where is said here alone: the tuples below are
what the store fills in, and their names are what the scripts read, by the lines that `declared` puts before them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Generic, Literal, NamedTuple, Protocol, TypeAlias, TypeVar, get_type_hints

from shared.model.pairs import MOST_IN_BUNDLE

ScriptName: TypeAlias = Literal[
    "claim", "load", "component", "swap", "wait", "unwait", "scan", "epoch", "restore", "let_go"
]


class NoArgs(NamedTuple):
    """What a script takes that needs nothing of the kind."""


class PlaceArgs(NamedTuple):
    """A record as the links know it; without an id, there is none."""

    id: str = ""
    alive: str = "0"
    created: str = ""
    identity: str = ""
    """A "?" where the report does not tell all identifiers: then what is known stays."""
    keys: str = ""


class HoldArgs(NamedTuple):
    """How the records of a call are claimed."""

    hold: str
    """A "1" where the side's app carries no markers."""


class ClaimArgs(NamedTuple):
    """A record that asks for its pair."""

    side: str
    place: PlaceArgs
    marked: str
    aliases: str
    fresh: str


class PairArgs(NamedTuple):
    """A pair."""

    pair: str


class LimitArgs(NamedTuple):
    """How many records a component may have."""

    limit: str


class RefArgs(NamedTuple):
    """A record."""

    ref: str


class EndArgs(NamedTuple):
    """A record that a state holds."""

    id: str = ""
    alive: str = "0"
    created: str = ""
    identity: str = ""
    keys: str = ""
    stepped: str = ""
    """The keys that the reports of this step were claimed with; "*" when any keys may be replaced."""


class SwapArgs(NamedTuple):
    """A new state of a pair."""

    pair: str
    expected: str
    state: str
    """Its new revision and its text, with a tab between them."""
    L: EndArgs
    R: EndArgs
    create: str
    release: str
    give_to: str
    digest: str
    origin: str
    pokes: str
    freed: str
    woken: str
    """A "1" when who waits must hear of it."""


class WaitArgs(NamedTuple):
    """A record, and who waits for it."""

    ref: str
    waiting: str
    """Sync and pair with a tab between them; empty where nobody waits."""


class BucketArgs(NamedTuple):
    """Some of the pairs."""

    bucket: str


class EpochArgs(NamedTuple):
    """A step of an epoch, and for how many milliseconds it counts."""

    what: str
    token: str
    ms: str


class RebuildArgs(NamedTuple):
    """The rebuild that puts entries back, and how many milliseconds it may take until its next call."""

    token: str
    ms: str


class RestoreArgs(NamedTuple):
    """An entry to put back."""

    pair: str
    rev: str
    state: str
    kind: str
    L: PlaceArgs
    R: PlaceArgs
    aliases: str
    """Records that were merged into the one of a tail."""


class LetGoArgs(NamedTuple):
    """A record that has lost its place, and the living one that its pair holds there."""

    ref: str
    pair: str
    rev: str
    """The revision of the pair on which this was decided."""
    held: str
    keys: str


Head = TypeVar("Head", bound=tuple[str, ...])
Item = TypeVar("Item", bound=tuple[Any, ...])


@dataclass(frozen=True, slots=True)
class Call:
    """One script call."""

    script: ScriptName
    sync: str
    head: tuple[str, ...]
    items: Sequence[tuple[Any, ...]]

    def args(self) -> list[str]:
        """Return the arguments in the order in which Redis hands them over."""
        args = [*self.head]
        for item in self.items:
            for value in item:
                if isinstance(value, str):
                    args.append(value)
                else:
                    args += value
        return args


@dataclass(frozen=True, slots=True)
class Script(Generic[Head, Item]):
    """A script: what it takes once, and what it takes of each of its items."""

    name: ScriptName
    head: type[Head]
    item: type[Item]

    def call(self, sync: str, head: Head, items: Sequence[Item] = ()) -> Call:
        """Make a call of it for a sync."""
        return Call(self.name, sync, head, items)


CLAIM: Final = Script("claim", HoldArgs, ClaimArgs)
LOAD: Final = Script("load", NoArgs, PairArgs)
COMPONENT: Final = Script("component", LimitArgs, RefArgs)
SWAP: Final = Script("swap", LimitArgs, SwapArgs)
WAIT: Final = Script("wait", NoArgs, WaitArgs)
UNWAIT: Final = Script("unwait", NoArgs, WaitArgs)
SCAN: Final = Script("scan", NoArgs, BucketArgs)
EPOCH: Final = Script("epoch", EpochArgs, NoArgs)
RESTORE: Final = Script("restore", RebuildArgs, RestoreArgs)
LET_GO: Final = Script("let_go", NoArgs, LetGoArgs)
_ALL: Final[tuple[Script[Any, Any], ...]] = (
    CLAIM, LOAD, COMPONENT, SWAP, WAIT, UNWAIT, SCAN, EPOCH, RESTORE, LET_GO,
)  # fmt: skip


class Scripts(Protocol):
    """Runs scripts on a Redis; results are nested lists of text."""

    async def run(self, calls: Sequence[Call]) -> list[list[list[str]]]:
        """Run all calls in one round trip; raises `NotReady` when Redis cannot be reached."""
        ...


@lru_cache(maxsize=1)
def load_scripts() -> Mapping[ScriptName, str]:
    """Read the scripts, each with what they have in common and the names of its arguments before it."""
    folder = Path(__file__).parent / "lua"
    prelude = f"local MOST_IN_BUNDLE = {MOST_IN_BUNDLE}\n" + (folder / "prelude.lua").read_text()
    return {
        script.name: f"{prelude}\n{declared(script)}\n{(folder / f'{script.name}.lua').read_text()}" for script in _ALL
    }


def declared(script: Script[Any, Any]) -> str:
    """Return the Lua that names a script's arguments: those of its head as locals, those of an item by `items()`.

    All items of a call are one table, filled anew: that costs half of what a table each would.
    """
    head = [f"local {name} = ARGV[{at}]" for at, name in enumerate(get_type_hints(script.head), 1)]
    tables, fills, size = _filled(script.item, "item", 0)
    items = [
        "local function items()",
        f"  local at, last = {len(head) + 1 - size}, #ARGV",
        *(f"  local {name} = {{}}" for name in tables),
        *(f"  item.{name} = {name}" for name in tables[1:]),
        "  return function()",
        f"    at = at + {size}",
        "    if at > last then return end",
        *(f"    {fill}" for fill in fills),
        "    return item",
        "  end",
        "end",
    ]
    return "\n".join([*head, *(items if size else ())])


def _filled(kind: type[tuple[Any, ...]], table: str, at: int) -> tuple[list[str], list[str], int]:
    """Return the tables that an item takes, the Lua that fills them, and where the next item begins."""
    tables, fills = [table], []
    for name, hint in get_type_hints(kind).items():
        if hint is str:
            fills.append(f"{table}.{name} = ARGV[at + {at}]")
            at += 1
        else:
            inner, more, at = _filled(hint, name, at)
            tables += inner
            fills += more
    return tables, fills, at
