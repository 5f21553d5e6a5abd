"""Which of several merged records lives on in the survivor: its pair keeps its partner, and the others' lose theirs."""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

from shared.engine.matching import Identity
from shared.engine.merging import Unknown
from shared.engine.policies import Policy
from shared.model.pairs import Pair
from shared.model.records import Report, Side

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
    best, rest = rated[0], rated[1:]
    if best.identifier and not any(other.identifier for other in rest):
        return best.old, "identifier"
    if rest and best.contradicts == rest[0].contradicts and best.holds and not rest[0].holds:
        return best.old, "identifier"
    if rest and (best.contradicts, best.agrees) != (rest[0].contradicts, rest[0].agrees):
        return best.old, "fields"
    return best.old, "older" if rest else "identifier" if best.identifier else ""


class _Rated(NamedTuple):
    """How well an old record fits the survivor; the greatest fits best."""

    identifier: bool
    """Its identifier is the survivor's, or it had none: a merge fills what is empty, and keeps the winner's values."""
    contradicts: int
    """Minus the number of fields in which it held another value."""
    holds: bool
    """It has the survivor's identifier itself. Of two that contradict nothing, the one without may have lent values to
    the other, so how many of its values stand tells nothing."""
    agrees: int
    age_ms: int
    """Minus the time of its link."""
    old: str


def _rate(policy: Policy, side: Side, report: Report, candidate: Candidate) -> _Rated:
    old, pair = candidate
    end = pair.side(side)
    if end is None:
        return _Rated(identifier=False, contradicts=0, holds=False, agrees=0, age_ms=0, old=old)
    identify = policy.sides[side].identify
    mine, theirs = (Identity.model_validate_json(identify(row.fields).identity).p for row in (end, report))
    settled = pair.base(side)
    agrees = contradicts = 0
    for rule in policy.rules:
        held = settled[rule.key] if rule.key in settled else rule.held_in(side, end.fields)
        if held is not None and not isinstance(held, Unknown):
            same = rule.held_in(side, report.fields) == held
            agrees += same
            contradicts += not same
    linked_ms = pair.match.at_ms if pair.match is not None else 0
    return _Rated(
        identifier=not mine or mine == theirs, contradicts=-contradicts, holds=bool(mine) and mine == theirs,
        agrees=agrees, age_ms=-linked_ms, old=old,
    )  # fmt: skip
