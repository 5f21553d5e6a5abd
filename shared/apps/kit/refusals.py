"""What refusals mean: statuses that mean the same everywhere, and the error that an answer stands for."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from shared.apps.kit.calls import wait_s
from shared.core.connector import AppError, HttpRequest, HttpResponse, Retry


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What a refusal stands for; an app's own rows begin with this."""

    code: str
    """A row of `shared.rules.errors`."""
    retry: Retry
    wait_s: float | None = None
    """How long to wait when the answer does not say."""


_STATUSES: Final[tuple[tuple[Callable[[int], bool], Meaning], ...]] = (
    (lambda status: status == 401, Meaning(code="auth_expired", retry="auth")),
    (lambda status: status == 403, Meaning(code="permission_denied", retry="setup")),
    (lambda status: status in (404, 410), Meaning(code="not_readable", retry="setup")),
    (lambda status: status == 409, Meaning(code="duplicate_in_target", retry="edit")),
    (lambda status: status in (413, 414), Meaning(code="too_long", retry="edit")),
    (lambda status: status == 423, Meaning(code="record_locked", retry="busy", wait_s=2)),
    (lambda status: status == 429, Meaning(code="rate_limited", retry="busy", wait_s=1)),
    (lambda status: status in (400, 422), Meaning(code="invalid_value", retry="edit")),
    (lambda _status: True, Meaning(code="app_unavailable", retry="outage")),
)


def meaning(status: int) -> Meaning:
    """Return what a status means where an app says no more; 0 for an answer without one."""
    return next(found for fits, found in _STATUSES if fits(status))


def error(request: HttpRequest, response: HttpResponse, found: Meaning, said: str) -> AppError:
    """Return the error that an answer stands for; a failing app may have carried the call out."""
    told = wait_s(response)
    return AppError(
        found.code,
        said,
        retry=found.retry,
        retry_after_s=found.wait_s if told is None else told,
        unknown=not request.safe and not 300 <= response.status < 500,
        status=response.status,
    )
