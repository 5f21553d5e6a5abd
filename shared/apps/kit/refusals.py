"""What refusals mean: statuses that mean the same everywhere, and the error that an answer stands for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from shared.apps.kit.bodies import read_object
from shared.apps.kit.calls import inner, wait_s
from shared.contract.calls import AppError, HttpRequest, HttpResponse
from shared.model.words import Retry


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusing:
    """How an app says in JSON why it refuses a call; called with one, it returns the error that stands for it."""

    app: str
    """What people call it."""
    told: Callable[[Mapping[str, Any]], Any] = lambda body: body
    """(body) -> the object that says what was wrong."""
    message: tuple[str, ...] = ("message",)
    """Names below which that holds a sentence."""
    code: tuple[str, ...] = ("code",)
    """Names below which it holds a code."""
    codes: Mapping[str, Meaning] = field(default_factory=dict)
    """What the app's own codes mean, where its status does not tell."""
    named: tuple[str, ...] = ("field",)
    """Names below which it names a field."""
    twin: tuple[str, ...] = ("id",)
    """Names below which it holds the id of the record that is in the way."""

    def __call__(self, request: HttpRequest, response: HttpResponse) -> AppError:
        """Return the error that an answer stands for."""
        told = self.told(read_object(response.body))
        said = inner(told, *self.message) or f"{self.app} answered {response.status} without a message"
        found = self.codes.get(str(inner(told, *self.code))) or meaning(response.status)
        made = error(request, response, found, str(said))
        twin = inner(told, *self.twin)
        made.conflicting_id = str(twin) if twin else None
        return made

    def field_of(self, response: HttpResponse) -> str | None:
        """Return the field that a refusal names."""
        found = inner(self.told(read_object(response.body)), *self.named)
        return str(found) if found else None
