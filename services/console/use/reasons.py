"""What the reason of a status means: a title, what to do, and who acts."""

from dataclasses import dataclass

from shared.model.pairs import Pair
from shared.model.words import Status, Wait
from shared.rules.errors import CODES, EXCLUDED
from shared.rules.searching import title_of

_OWNER = "owner of the record"


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason, in words for people."""

    title: str
    remedy: str = ""
    who: str = ""
    """Who acts; empty where nobody needs to."""


def reason_of(status: str, code: str) -> Reason:
    """Return what the reason of a status means; one that only a newer version knows is shown by its name."""
    title = title_of(status, code) or code or "No reason given"
    if status == Status.PENDING and code in frozenset(Wait):
        return Reason(title)
    if status == Status.EXCLUDED and code in EXCLUDED:
        return Reason(title, EXCLUDED[code].hint)
    row = CODES.get(code)
    return Reason(title) if row is None else Reason(title, row.remedy, "" if row.who == "nobody" else row.who)


def acting(pair: Pair) -> str:
    """Return who has to act on a pair; empty where nobody needs to."""
    if pair.status is not Status.FAILING:
        return ""
    codes = [problem.code for _, problem in sorted(pair.problems.items())]
    return reason_of(Status.FAILING, codes[0] if codes else pair.reason).who
