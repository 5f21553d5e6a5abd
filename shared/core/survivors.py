"""Which of several merged records lives on in the survivor: its pair keeps its partner, and the others' lose theirs."""

from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

from shared.core.matching import Identity
from shared.core.merging import UNKNOWN
from shared.core.pairs import Pair
from shared.core.policies import Policy
from shared.core.records import Report, Side

Evidence: TypeAlias = Literal["", "told", "identifier", "fields", "older"]
"""What says that a record won: the app's own word; its identifier is the survivor's; more of its values are; nothing
but that its link is older. Empty where nothing says so."""
SAME_RECORD: Final[frozenset[Evidence]] = frozenset(("told", "identifier", "fields"))
"""Evidence on which the survivor counts as the same record under a new id, so that bases and edits under way stand."""

Candidate: TypeAlias = tuple[str, Pair]
"""An old id, and the pair that holds its record."""


def winner_of(policy: Policy, side: Side, report: Report, candidates: Sequence[Candidate]) -> tuple[str, Evidence]:
    """Return the old id of the record that won a merge, and what says so; no id where there are no candidates.

    Ids say nothing about who won, nor does the order in which the app lists them.
    """
    if not candidates:
        return "", ""
    for old, _ in candidates:
        if old == report.winner:
            return old, "told"
    rated = sorted((_rate(policy, side, report, candidate) for candidate in candidates), reverse=True)
    best = rated[0]
    rest = rated[1:]
    old = best[3]
    if best[0] and not any(other[0] for other in rest):
        return old, "identifier"
    if best[:2] != rest[0][:2] if rest else best[1] > 0:
        return old, "fields"
    return old, "older" if rest else ""


def _rate(policy: Policy, side: Side, report: Report, candidate: Candidate) -> tuple[bool, int, int, str]:
    """Return whether the identifier agrees, how many mapped fields do, how old the link is, and the id."""
    old, pair = candidate
    end = pair.side(side)
    if end is None:
        return False, 0, 0, old
    part = policy.side(side)
    mine = Identity.model_validate_json(part.identify(end.fields).identity).p
    theirs = Identity.model_validate_json(part.identify(report.fields).identity).p
    names = {rule.field(side) for rule in policy.rules}
    agree = sum(
        1 for name in names if end.fields.get(name) is not None and end.fields[name] == report.fields.get(name, UNKNOWN)
    )
    linked_ms = pair.match.at_ms if pair.match is not None else 0
    return bool(mine) and mine == theirs, agree, -linked_ms, old
