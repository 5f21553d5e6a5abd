"""What the links hold, compared with what a rebuild makes of the journal."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.simulator.world import World


def check_rebuild(world: "World") -> None:
    """Assert that Redis holds after a rebuild what it held before, once everything has come to rest."""
    before = _meaning(world.scripts.dump())
    world.scripts.flush()
    world.grants.lost(world.scripts.dump())
    world.rebuild()
    after = _meaning(world.scripts.dump())
    wrong = [f"{name}: {before.get(name)!r} became {after.get(name)!r}" for name in sorted({*before, *after})
             if before.get(name) != after.get(name)]  # fmt: skip
    assert not wrong, f"a rebuild changes {len(wrong)} entries: {'; '.join(wrong[:6])}"


def _meaning(dump: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what a rebuild need not know: who rebuilt, who waits, and records whose place another one took.

    A place that is kept for a create that was given up is as free as an empty one. Where the last message of a pair was
    not committed yet, a rebuild notes that the pair's next step tells all once more. It does no harm, and that step may
    never come.
    """
    slots: dict[tuple[str, str], str] = {}
    for key, value in dump.items():
        sync, name = key.split("}", 1)
        if name.startswith("c:"):
            slots |= {(sync, pair): row.replace("*", "") for pair, row in value.items() if row.replace("*", "") != "\t"}
    told: dict[str, Any] = {f"{sync} places of {pair}": row for (sync, pair), row in slots.items()}
    for key, value in dump.items():
        sync, name = key.split("}", 1)
        if name.startswith("p:"):
            told[key] = value.replace(',"untold":true', "")
        elif name.startswith("r:"):
            for ref, row in value.items():
                pair, flags, created, identity, keys = row.split("\t")
                seat = slots.get((sync, pair), "\t").split("\t")["LR".index(ref[0])]
                if seat[1:] == ref[1:]:
                    told[f"{sync} record {ref}"] = (pair, flags.replace("x", ""), created, identity, keys)
        elif name.startswith("i:"):
            told |= {f"{sync} key {one}": sorted(refs.split("\x1f")) for one, refs in value.items()}
    return told
