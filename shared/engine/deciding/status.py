"""How a pair stands, as people see it: its status, the reason, and what waits."""

from collections.abc import Mapping
from typing import Final

from shared.engine.draft import Draft
from shared.engine.refusals import about
from shared.model.words import Code, Status, Wait

HELD_MS: Final = 86_400_000
"""How long a write may wait for its app before a person is told that it fails."""
_HELD: Final[Mapping[str, str]] = {
    Wait.WAITING_LIMIT: Code.RATE_LIMITED,
    Wait.APP_UNAVAILABLE: Code.APP_UNAVAILABLE,
    Wait.CONNECTION_PAUSED: Code.AUTH_EXPIRED,
}
"""Why a write waits, and what is told once it has waited for `HELD_MS`."""


def set_status(
    draft: Draft, status: Status, reason: str = "", detail: str = "", *, others: tuple[str, ...] = ()
) -> None:
    """Set how a pair stands, why, and which other records that is about."""
    draft.status = status
    draft.reason, draft.detail, draft.others = reason, detail, others


def set_waiting(draft: Draft, now_ms: int) -> None:
    """Set the status of a pair whose write is on its way, or has to wait for its app.

    The reason stays while the write is tried again, so that the age of the wait is told, and not that of its last try.
    """
    if not draft.tries:
        return set_status(draft, Status.PENDING, Wait.QUEUED)
    draft.held_ms = draft.held_ms or now_ms
    if draft.reason == Wait.ACCOUNT_PAUSED:  # however long: whoever paused it knows
        return set_status(draft, Status.PENDING, Wait.ACCOUNT_PAUSED, draft.detail)
    known = draft.reason in _HELD or draft.reason in _HELD.values()
    reason = draft.reason if known else Wait.QUEUED
    if known and now_ms - draft.held_ms >= HELD_MS:
        return set_status(draft, Status.FAILING, _HELD.get(reason, reason), draft.detail)
    return set_status(draft, Status.PENDING, reason, draft.detail)


def set_linked(draft: Draft, now_ms: int, *, waiting: bool) -> None:
    """Set the status of a pair whose two records live; *waiting* tells that a write has not even been decided."""
    if draft.problems:
        _, problem = next(iter(sorted(draft.problems.items())))
        return set_status(draft, Status.FAILING, problem.code, about(problem))
    if waiting or (draft.pending and draft.tries):
        return set_waiting(draft, now_ms)
    if draft.pending and draft.was.synced_ms == 0:
        return set_status(draft, Status.PENDING, Wait.QUEUED)
    if not draft.pending:
        draft.tries = 0
    return set_status(draft, Status.IN_SYNC)
