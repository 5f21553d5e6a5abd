"""What HubSpot's refusals mean, row by row; the first row that fits counts, else the status alone.

Every field of its error envelope is optional, and one refusal may be an answer of its own or one entry of a
multi-status answer: rows look at the status where there is one, at the category, and at the codes and the message.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from shared.apps.hubspot.objects import KINDS
from shared.apps.kit.bodies import read_body
from shared.apps.kit.calls import wait_s
from shared.apps.kit.refusals import Meaning, meaning
from shared.contract.calls import AppError, HttpRequest, HttpResponse

_EXISTING: Final = re.compile(r"Existing ID:\s*(\d+)")
_HOLDER: Final = re.compile(r"(\d+) already has that value")
_NAMED: Final = re.compile(r"(?:propertyName=|Property \\?\"|\\?\"name\\?\":\s*\\?\")([A-Za-z0-9_]+)")
_STAGED: Final = frozenset(name for kind in KINDS if kind.stages for name in kind.stages)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A refusal, read."""

    status: int
    """0 for one entry of a multi-status answer."""
    category: str
    codes: frozenset[str]
    message: str
    """What a person is told: the sentences about the values where there are some, else the one about the call."""
    text: str
    """All that was said."""
    field: str | None
    policy: str
    hublet: str
    """The data centre that the account is in, where the call went to another one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row(Meaning):
    """One kind of refusal."""

    fits: Callable[[Refusal], bool]


def _status(*statuses: int) -> Callable[[Refusal], bool]:
    return lambda refusal: refusal.status in statuses


def _category(*names: str) -> Callable[[Refusal], bool]:
    return lambda refusal: refusal.category in names


def _code(*names: str) -> Callable[[Refusal], bool]:
    return lambda refusal: bool(refusal.codes & {*names})


def _says(*patterns: str) -> Callable[[Refusal], bool]:
    found = re.compile("|".join(patterns), re.IGNORECASE)
    return lambda refusal: bool(found.search(refusal.text))


def _limit(policy: str) -> Callable[[Refusal], bool]:
    return lambda refusal: refusal.status == 429 and policy in refusal.policy


def _any(*tests: Callable[[Refusal], bool]) -> Callable[[Refusal], bool]:
    return lambda refusal: any(test(refusal) for test in tests)


ROWS: Final = (
    Row(fits=lambda refusal: refusal.status == 488 or bool(refusal.hublet), code="wrong_data_centre", retry="auth"),
    Row(fits=_any(_status(401), _category("EXPIRED_AUTHENTICATION")), code="auth_expired", retry="auth"),
    Row(fits=_says("BAD_REFRESH_TOKEN", "refresh token"), code="auth_expired", retry="auth"),
    Row(fits=_category("MISSING_SCOPES"), code="scope_missing", retry="auth"),
    Row(fits=_limit("DAILY"), code="rate_limited", retry="busy", wait_s=900),
    Row(fits=_limit("TEN_SECONDLY"), code="rate_limited", retry="busy", wait_s=10),
    Row(fits=_any(_status(429), _category("RATE_LIMITS")), code="rate_limited", retry="busy", wait_s=1),
    Row(fits=_status(423), code="record_locked", retry="busy", wait_s=2),
    Row(fits=_status(477), code="app_unavailable", retry="outage", wait_s=3_600),
    Row(fits=lambda refusal: refusal.status >= 500, code="app_unavailable", retry="outage"),
    Row(
        fits=_any(_says("already exists", "already has that value"), _code("CONFLICTING_UNIQUE_VALUE")),
        code="duplicate_in_target",
        retry="edit",
    ),
    Row(
        fits=_any(_code("MISSING_REQUIRED_PROPERTY"), _says("required propert")),
        code="required_missing",
        retry="edit",
    ),
    Row(fits=_any(_code("PROPERTY_VALUE_TOO_LONG"), _says("too long")), code="too_long", retry="edit"),
    Row(
        fits=_any(_code("READ_ONLY_VALUE", "READ_ONLY_PROPERTY"), _says("read.only")),
        code="read_only_field",
        retry="setup",
    ),
    Row(fits=_code("INVALID_OPTION", "INVALID_OWNER_ID"), code="option_unknown", retry="setup"),
    Row(fits=_code("INVALID_INTEGER", "INVALID_LONG", "INVALID_DATE"), code="type_mismatch", retry="edit"),
    Row(fits=_code("INVALID_EMAIL", "INVALID_VALUE"), code="invalid_value", retry="edit"),
    # A custom object that was removed, or that this user may not see: none of its records is told to be gone.
    Row(fits=_says("Unable to infer object type"), code="permission_denied", retry="setup"),
    # A property that is hidden from this user is one that does not exist, as far as HubSpot tells.
    Row(fits=_code("PROPERTY_DOESNT_EXIST"), code="permission_denied", retry="setup"),
    Row(
        fits=_any(_category("OBJECT_LIMIT_EXCEEDED"), _says("association.*limit", "limit.*association")),
        code="association_limit",
        retry="edit",
    ),
    Row(fits=_category("CONFLICT"), code="duplicate_in_target", retry="edit"),
    Row(fits=_category("FORBIDDEN"), code="permission_denied", retry="setup"),
    Row(fits=_category("OBJECT_NOT_FOUND"), code="not_readable", retry="setup"),
    # No documentation says how a stage of another pipeline is refused.
    Row(
        fits=lambda refusal: refusal.category == "VALIDATION_ERROR" and refusal.field in _STAGED,
        code="option_unknown",
        retry="setup",
    ),
    Row(
        fits=lambda refusal: refusal.status < 400 and refusal.category == "VALIDATION_ERROR",
        code="invalid_value",
        retry="edit",
    ),
)


def read_refusal(body: object, status: int = 0) -> Refusal:
    """Read an error envelope, or one entry of ``errors`` of a multi-status answer."""
    envelope = body if isinstance(body, Mapping) else {}
    details = [row for row in _list(envelope.get("errors")) if isinstance(row, Mapping)]
    message = str(envelope.get("message") or "")
    told = list(dict.fromkeys(str(row["message"]) for row in details if row.get("message")))
    codes = {str(row[name]) for row in details for name in ("code", "subCategory") if row.get(name)}
    codes |= {str(envelope[name]) for name in ("errorType", "subCategory") if envelope.get(name)}
    hublet = str(envelope.get("correctHublet") or "")
    sentence = " ".join(told) or message or f"HubSpot answered {status} without a message"
    return Refusal(
        status=status,
        category=str(envelope.get("category") or ""),
        codes=frozenset(codes),
        message=f"HubSpot keeps this account in its data centre {hublet}: {sentence}" if hublet else sentence,
        text=" ".join((message, *told)),
        field=_field(details, message),
        policy=str(envelope.get("policyName") or ""),
        hublet=hublet,
    )


def as_error(refusal: Refusal, *, retry_after_s: float | None = None, unknown: bool = False) -> AppError:
    """Return the error that a refusal stands for."""
    row = next((row for row in ROWS if row.fits(refusal)), None) or meaning(refusal.status)
    holder = _EXISTING.search(refusal.text) or _HOLDER.search(refusal.text)
    return AppError(
        row.code,
        refusal.message,
        retry=row.retry,
        retry_after_s=row.wait_s if retry_after_s is None else max(retry_after_s, 2 if refusal.status == 423 else 0),
        unknown=unknown,
        conflicting_id=holder[1] if holder else None,
        status=refusal.status or None,
    )


def refuse(request: HttpRequest, response: HttpResponse) -> AppError:
    """Return the error that an answer stands for; a failing server may have carried the call out."""
    body = read_body(response.body)
    return as_error(
        read_refusal(body, response.status),
        retry_after_s=wait_s(response),
        unknown=not request.safe and (response.status >= 500 or response.status < 400),
    )


def _field(details: Iterable[Mapping[str, Any]], message: str) -> str | None:
    for row in details:
        context = row.get("context")
        names = _list(context.get("propertyName")) if isinstance(context, Mapping) else []
        if names:
            return str(names[0])
    found = _NAMED.search(message)
    return found[1] if found else None


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
