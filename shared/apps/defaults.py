"""The mappings that a new sync starts with: fields of both apps that hold the same canonical field."""

from collections.abc import Sequence

from shared.core.connector import FieldInfo
from shared.core.mapping import FieldMapping
from shared.rules.type_compat import fit


def default_mappings(left: Sequence[FieldInfo], right: Sequence[FieldInfo]) -> tuple[FieldMapping, ...]:
    """Pair fields by what they hold, in the ways that are open; fields between which none is are left out."""
    others = {info.canonical: info for info in right if info.canonical}
    found = []
    for info in left:
        other = others.get(info.canonical) if info.canonical else None
        if info.canonical is None or other is None:
            continue
        fits = fit(info, other)
        if fits.direction is None:
            continue
        found.append(
            FieldMapping(
                key=info.canonical,
                left=info.name,
                right=other.name,
                lens=fits.cell.lens,
                direction=fits.direction,
            )
        )
    return tuple(found)
