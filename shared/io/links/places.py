"""Encode reports and pairs as the links keep them."""

from typing import Final

from shared.engine.policies import Policy, SidePolicy
from shared.io.links.requests import Claim, Place
from shared.model.ids import pair_id, read_marker
from shared.model.pairs import Pair
from shared.model.records import SIDES, Life, Report, Side

UNCHANGED_IDENTITY: Final = "?"
"""Tells the claim script that the report does not say all identifiers, so that what it knows stays."""


def as_claim(policy: Policy, side: Side, report: Report) -> Claim:
    """Encode a report as a claim for its pair."""
    part = policy.sides[side]
    marked = read_marker(report.marker, policy.sync)
    return Claim(
        side=side,
        place=place_of(part, report),
        marked=marked[0] if marked is not None and marked[1] == side else "",
        aliases=report.aliases,
        fresh=pair_id(policy.sync, side, report.id),
        hold=not part.carries_markers,
    )


def place_of(part: SidePolicy, report: Report) -> Place:
    """Encode a report as the links keep it."""
    alive = report.life is Life.ALIVE
    if not part.identifiers <= report.fields.keys():
        return Place(id=report.id, alive=alive, created=report.created, identity=UNCHANGED_IDENTITY)
    identified = part.identify(report.fields)
    return Place(id=report.id, alive=alive, created=report.created, identity=identified.identity, keys=identified.keys)


def places(policy: Policy, pair: Pair) -> dict[Side, Place]:
    """Encode a pair's records as the links keep them."""
    ends: dict[Side, Place] = {}
    for side in SIDES:
        end = pair.side(side)
        if end is None:
            continue
        identified = policy.sides[side].identify(end.fields)
        ends[side] = Place(
            id=end.id,
            alive=end.life is Life.ALIVE,
            created=end.created,
            identity=identified.identity,
            keys=identified.keys,
        )
    return ends
