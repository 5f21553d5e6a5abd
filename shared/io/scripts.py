"""The Lua scripts of the links, and what runs them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TypeAlias, get_args

ScriptName: TypeAlias = Literal[
    "claim", "load", "component", "swap", "wait", "unwait", "scan", "epoch", "restore", "let_go"
]


def load_scripts() -> Mapping[ScriptName, str]:
    """Read the scripts, each with what they have in common before it."""
    folder = Path(__file__).parent / "lua"
    prelude = (folder / "prelude.lua").read_text()
    names: tuple[ScriptName, ...] = get_args(ScriptName)
    return {name: prelude + "\n" + (folder / f"{name}.lua").read_text() for name in names}


@dataclass(frozen=True, slots=True)
class Call:
    """One script call."""

    script: ScriptName
    sync: str
    args: Sequence[str | bytes]


class Scripts(Protocol):
    """Runs scripts on a Redis; results are nested lists of text."""

    async def run(self, calls: Sequence[Call]) -> list[list[list[str]]]:
        """Run all calls in one round trip; raises `NotReady` when Redis cannot be reached."""
        ...
