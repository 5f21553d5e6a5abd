"""Refusals, shaped as HubSpot shapes them."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

SCOPES_PAGE = "https://developers.hubspot.com/scopes"


class ApiError(Exception):
    """A call that HubSpot refuses: a status and the envelope around the reason."""

    def __init__(
        self,
        status: int,
        category: str,
        message: str,
        *,
        errors: Sequence[Mapping[str, Any]] = (),
        context: Mapping[str, list[str]] | None = None,
        extra: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.category = category
        self.message = message
        self.errors = list(errors)
        self.context = dict(context or {})
        self.extra = dict(extra or {})
        self.headers = dict(headers or {})

    def envelope(self, correlation_id: str) -> dict[str, Any]:
        """Return the body of the answer."""
        body: dict[str, Any] = {"status": "error", "message": self.message, "correlationId": correlation_id}
        if self.context:
            body["context"] = self.context
        if self.errors:
            body["errors"] = self.errors
        if self.category:
            body["category"] = self.category
        body.update(self.extra)
        return body

    def item(self, context: Mapping[str, list[str]] | None = None) -> dict[str, Any]:
        """Return this refusal as one entry of a multi-status answer."""
        body: dict[str, Any] = {
            "status": "error",
            "category": self.category,
            "message": self.message,
            "context": {**self.context, **(context or {})},
        }
        if self.errors:
            body["errors"] = self.errors
        return body


def bad_request(message: str, *, category: str = "VALIDATION_ERROR", code: str = "", name: str = "") -> ApiError:
    """Return a 400; `code` and `name` add the detail HubSpot gives for one faulty field."""
    errors = [{"message": message, "code": code, "context": {"propertyName": [name]}}] if code else []
    return ApiError(400, category, message, errors=errors)


def invalid_input(message: str) -> ApiError:
    """Return the 400 for a body that is not of the call's form."""
    return ApiError(400, "VALIDATION_ERROR", f"Invalid input JSON: {message}")


def invalid_values(problems: Sequence[tuple[str, str, str]]) -> ApiError:
    """Return the 400 for property values: triples of property name, code and message."""
    results = [
        {"isValid": False, "message": message, "error": code, "name": name, "localizedErrorMessage": message}
        for name, code, message in problems
    ]
    return ApiError(
        400,
        "VALIDATION_ERROR",
        f"Property values were not valid: {orjson.dumps(results).decode()}",
        errors=[
            {"message": message, "code": code, "context": {"propertyName": [name]}} for name, code, message in problems
        ],
    )


def not_found(message: str = "resource not found") -> ApiError:
    """Return the 404 for a record, property or page that is not there."""
    return ApiError(404, "OBJECT_NOT_FOUND", message)


def missing_scopes(scopes: Sequence[str]) -> ApiError:
    """Return the 403 that names the scopes the token lacks."""
    return ApiError(
        403,
        "MISSING_SCOPES",
        "This app hasn't been granted all required scopes to make this call. "
        f"Read more about required scopes here: {SCOPES_PAGE}.",
        errors=[
            {
                "message": "One or more of the following scopes are required.",
                "context": {"requiredGranularScopes": list(scopes)},
            }
        ],
        extra={"links": {"scopes": SCOPES_PAGE}},
    )


def rate_limited(policy: str, message: str, request_id: str, headers: Mapping[str, str]) -> ApiError:
    """Return the 429 of one rate limit policy."""
    return ApiError(
        429,
        "RATE_LIMITS",
        message,
        extra={"errorType": "RATE_LIMIT", "policyName": policy, "requestId": request_id},
        headers=headers,
    )


def wrong_hublet(portal_id: int, hublet: str) -> ApiError:
    """Return the 488 of a data centre that does not have the account; it has no category."""
    return ApiError(
        488,
        "",
        f"Hub {portal_id} is unknown to this Hublet, but it appears to exist in Hublet {hublet}",
        extra={"correctHublet": hublet},
        headers={"x-hubspot-correct-hublet": hublet},
    )
