"""Finds the partner of a half pair among all records that share keys with it."""

from shared.config.compiling import read_identity
from shared.engine.matching import Ambiguous, Create, Duplicate, Link, Member, TooCommon, choose
from shared.engine.policies import Counterpart, Policy
from shared.io.links.requests import Component, LinkedRecord
from shared.model.pairs import SideState
from shared.model.records import Side, opposite
from shared.model.sides import with_side


def counterpart_of(policy: Policy, side: Side, end: SideState, pair: str, component: Component) -> Counterpart | None:  # noqa: PLR0911 - one decision table, read from top to bottom
    """Return what matching found; None while the pair's other record, or a newer report of its own, is on its way.

    Match only if Redis and the pair agree on the record's identity: otherwise a partner would be created from old
    values, without a search for the new ones.
    """
    by_node = {(row.side, row.id): row for row in component.members if not row.surplus}
    own = by_node.get((side, end.id))
    if own is None or own.pair != pair or not recognised_as(policy, side, end, own):
        return None
    if own.slots.of(opposite(side)).startswith((":", "-")):
        return None
    members = [_member(row, own, policy) for row in by_node.values()]
    if len(members) == 1:
        return Counterpart(what="create")
    verdict = choose(policy.match, members, policy.match_settings)[side, end.id]
    match verdict:
        case Link(partner, by, key):
            row = by_node[partner]
            return Counterpart(what="join", pair=row.pair, by=by, key=key)
        case Duplicate(holder, key):
            return Counterpart(what="duplicate", pair=by_node[holder].pair, others=(with_side(*holder),), key=key)
        case Ambiguous(candidates):
            best = sorted(candidates, key=lambda row: -row[1])
            return Counterpart(what="ambiguous", others=tuple(with_side(*node) for node, _ in best))
        case TooCommon():
            return Counterpart(what="common", detail=f"{len(members)} records or more share one identifier")
        case Create(alike):
            return Counterpart(what="create", others=tuple(with_side(*node) for node in alike))


def recognised_as(policy: Policy, side: Side, end: SideState, row: LinkedRecord) -> bool:
    """Check whether Redis and the pair agree on the identity of a living record."""
    return row.slots.of(side) == f":{end.id}" and row.identity == policy.sides[side].identify(end.fields).identity


def _member(row: LinkedRecord, own: LinkedRecord, policy: Policy) -> Member:
    other, identity = row.slots.of(opposite(row.side)), read_identity(row.identity)
    return Member(
        side=row.side,
        id=row.id,
        identity=identity,
        enters=policy.sides[row.side].enters and not identity.x,
        created=row.created,
        held=other.startswith(":"),  # a partner that is gone leaves its place to a living record
        creating=other == "*" and row is not own,
    )
