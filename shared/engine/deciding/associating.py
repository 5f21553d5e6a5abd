"""What a pair's associations lead to: pairs of another sync, as far as both records of each are known and live."""

from shared.engine.draft import Draft
from shared.engine.merging import UNKNOWN, Flow, Held, Unknown
from shared.engine.policies import Neighbour, Neighbours
from shared.engine.refusals import is_narrowing, is_refused, mark
from shared.model.pairs import Awaited
from shared.model.records import SIDES, LinkChange, LinkWrite, Side, Value, ids_of, opposite
from shared.model.sides import BySide
from shared.model.words import Note


def doubt_links(draft: Draft, neighbours: Neighbours) -> None:
    """Ask for a record to be read again whose association names one that left: the app may name another one by now.

    Not when it was read for that reason: an app may go on naming what it no longer has.
    """
    linked_now = draft.was.L is None or draft.was.R is None
    for side in SIDES if linked_now else tuple(draft.old_links):
        end = draft.ends[side]
        if end is not None and not end.ask and any(
            neighbours.get((side, flow.names[side], record), Neighbour()).gone
            for flow in draft.policy.associations
            for record in ids_of(end.links.get(flow.names[side]))
        ):  # fmt: skip
            draft.ask(side)


def resolve_links(draft: Draft, neighbours: Neighbours, notes: dict[str, str] | None = None) -> None:
    """Find the pairs that the associations lead to, and note what is waited for.

    A record without a partner is outside: its association is neither carried nor removed.
    """
    waits: set[str] = set()
    for flow in draft.policy.associations:
        apart: set[str] = set()
        for side in SIDES:
            draft.linked[side, flow.key] = _pairs_of(draft, side, flow, neighbours, waits, apart, notes)
        for side in SIDES:
            # What left both sides with a partner that was deleted comes back with it as something new.
            base = draft.base[side].get(flow.key)
            if flow.many and apart and isinstance(base, tuple):
                draft.base[side][flow.key] = tuple(pair for pair in base if pair not in apart)
    if notes is not None:
        draft.waits = tuple(sorted(waits))


def _pairs_of(
    draft: Draft,
    side: Side,
    flow: Flow,
    neighbours: Neighbours,
    waits: set[str],
    apart: set[str],
    notes: dict[str, str] | None,
) -> Held:
    end, label = draft.ends[side], flow.names[side]
    if end is None or label not in end.links:
        return UNKNOWN
    found: list[str] = []
    for record in ids_of(end.links[label]):
        neighbour = neighbours.get((side, label, record), Neighbour())
        if neighbour.linked and flow.mutual and not carries(draft.was.pair, neighbour.pair):
            draft.outside.setdefault(flow.key, set()).add(side)
            continue
        if neighbour.linked:
            found.append(neighbour.pair)
            draft.partners[neighbour.pair] = BySide(neighbour.left, neighbour.right)
            continue
        apart.add(neighbour.pair)
        draft.outside.setdefault(flow.key, set()).add(side)
        waits.add(Awaited(flow.to, side, record).text())
        if notes is not None:
            notes[flow.key] = Note.OBJECT_SYNC_OFF if neighbour.off else Note.WAITING_PARENT
        if not flow.many:
            return UNKNOWN
    if flow.many:
        return tuple(sorted(set(found)))
    return found[0] if found else None


def carries(pair: str, other: str) -> bool:
    """Check whether a pair carries the associations of its records with those of another pair of its sync.

    Both see them. Were both to carry them, each could undo what somebody did between their steps.
    """
    return pair < other


def as_written(draft: Draft, side: Side, flow: Flow, wanted: Held) -> LinkWrite:
    """Return the write that makes a side's association lead to the records of the pairs that are wanted."""
    names = draft.partners
    if not flow.many:
        return names[wanted][side] if isinstance(wanted, str) else None
    held = draft.held(side, flow)
    before = set(held) if isinstance(held, tuple) else set()
    after = set(wanted) if isinstance(wanted, tuple) else set()
    return LinkChange(
        add=tuple(sorted(names[pair][side] for pair in after - before)),
        remove=tuple(sorted(names[pair][side] for pair in before - after)),
    )


def links_for(draft: Draft, side: Side, neighbours: Neighbours) -> tuple[dict[str, LinkWrite], dict[str, Value | None]]:
    """Return the associations with which the partner of a side's record is created, and the values they come from.

    There are none while it is narrowed down what the app refuses, or while the record is read again.
    """
    target, end = opposite(side), draft.ends[side]
    links: dict[str, LinkWrite] = {}
    source: dict[str, Value | None] = {}
    if not draft.policy.associations or is_narrowing(draft) or end is None or end.ask:
        return links, source
    resolve_links(draft, neighbours)
    for flow in draft.policy.associations:
        value, label = draft.held(side, flow), flow.names[target]
        if isinstance(value, Unknown) or not value or not flow.writes[target]:
            continue
        link = as_written(draft, target, flow, value)
        if label in draft.policy.sides[target].links and not is_refused(draft, flow.key, mark(link)):
            links[label], source[flow.key] = link, value
    return links, source
