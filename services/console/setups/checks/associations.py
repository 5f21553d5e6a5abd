"""What a file says of associations, checked against what both apps know, and against the syncs that they lead to."""

from collections.abc import Iterator, Mapping

from services.console.setups.files import SetupError, SyncFile
from shared.contract.app import Association, Binding
from shared.model.records import SIDES, Side
from shared.model.sides import SPOKEN, BySide
from shared.model.syncs import AssociationMapping, SyncSettings


def check(wanted: SyncFile, bindings: BySide[Binding], others: Mapping[str, SyncSettings]) -> None:
    """Check that a sync's associations are known to both apps and lead to the records of the syncs that they name.

    Args:
        wanted: The sync.
        bindings: How the apps hold its objects.
        others: The syncs there will be, by name.

    Raises:
        SetupError: one of them could never be carried; the sentence says what to write.
    """
    doubled = {row.label for row in wanted.associations if sum(row.label == x.label for x in wanted.associations) > 1}
    if doubled:
        raise SetupError(f"sync {wanted.id!r}: several associations are called {', '.join(sorted(doubled))}")
    for row in wanted.associations:
        left, right = (_known(wanted, row, side, bindings[side]) for side in SIDES)
        if (left.max_links == 1) != (right.max_links == 1):
            one, many = ("left", "right") if left.max_links == 1 else ("right", "left")
            raise SetupError(
                f"sync {wanted.id!r}: association {row.label!r} leads to one record in the {one} account, and to any "
                f"number in the {many} one: set the same limit in both accounts, or leave the association out"
            )
        if row.policy != "inherit" and left.max_links != 1:
            raise SetupError(
                f"sync {wanted.id!r}: association {row.label!r} leads to any number of records, and what both sides "
                "change in it is merged, so no side has to win: leave out policy"
            )
        if row.to in others:
            _check_ends(wanted, row, BySide(left, right), others[row.to])
        if row.to == wanted.id and left.max_links != 1:
            _check_mutual(wanted, row, left, right)


def hints(sync: SyncSettings, others: Mapping[str, SyncSettings]) -> Iterator[str]:
    """Yield what may not be meant about the associations of a sync."""
    for row in sync.associations:
        other = others.get(row.to) if row.to != sync.id else None
        back = [x.label for x in other.associations if x.to == sync.id] if other is not None else []
        if back:
            yield (
                f"sync {sync.id!r}: association {row.label!r} leads to {row.to}, whose association {', '.join(back)} "
                "leads back. If both are one association seen from its two ends, carry it from one end only"
            )


def _known(wanted: SyncFile, row: AssociationMapping, side: Side, binding: Binding) -> Association:
    found = next((one for one in binding.associations if one.label == row.named(side)), None)
    if found is None:
        end = wanted.side(side)
        known = ", ".join(one.label for one in binding.associations)
        raise SetupError(
            f"sync {wanted.id!r}: {end.object} of connection {end.connection!r} has no association "
            f"{row.named(side)!r}; there are {known or 'none'}"
        )
    return found


def _check_mutual(wanted: SyncFile, row: AssociationMapping, left: Association, right: Association) -> None:
    """Check that an association within one object is shown by both of its records, in both accounts."""
    said = f"sync {wanted.id!r}: association {row.label!r} leads to any number of records of the same sync"
    if not (left.mutual and right.mutual):
        raise SetupError(
            f"{said}, under a label that may read otherwise at its other end: there, those without a label are "
            "carried, and those that lead to a single record, such as a parent"
        )
    if row.clears != "propagate":
        # Each of its two records is emptied at another moment: to keep the last one would be to keep any one.
        raise SetupError(f"{said}, so what is removed on one side is removed on the other: write clears: propagate")


def _check_ends(wanted: SyncFile, row: AssociationMapping, ends: BySide[Association], target: SyncSettings) -> None:
    """Check that an association leads to the records that the other sync keeps the same."""
    for side in SIDES:
        own, other = wanted.side(side), target.side(side)
        if (own.connection, ends[side].to) != (other.connection, other.object):
            raise SetupError(
                f"sync {wanted.id!r}: association {row.named(side)!r} leads to {ends[side].to} of connection "
                f"{own.connection!r}, and the {SPOKEN[side]} end of sync {row.to!r} is "
                f"{other.object} of connection {other.connection!r}: name the sync of these records, with the same "
                "connection on the same side"
            )
