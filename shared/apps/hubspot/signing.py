"""Signing in to HubSpot: private apps by a fixed token, public apps by OAuth.

HubSpot's OAuth takes no PKCE challenge, and today keeps the refresh token when it is used; one that it replaced would
be taken over all the same. An access token lives for 30 minutes, or for whatever ``expires_in`` says.
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from shared.apps.hubspot.calls import read_json
from shared.apps.hubspot.errors import refuse
from shared.apps.kit.bodies import read_body
from shared.contract.calls import AppError, Exchange, HttpRequest, HttpResponse, Session
from shared.contract.oauth import Asked, Code, Tokens

TOKEN_PATH: Final = "/oauth/2026-03/token"  # noqa: S105 - a path
REVOKE_PATH: Final = f"{TOKEN_PATH}/revoke"
"""Both take what is secret in their body. HubSpot ends ``/oauth/v1``, which has it in paths, on 16 February 2027."""
_UNKNOWN: Final = ("BAD_REFRESH_TOKEN", "BAD_TOKEN")
PAGE: Final = "https://app.hubspot.com/oauth/authorize"


def page(session: Session, asked: Asked) -> str:
    """Return the address on which a person chooses an account and agrees."""
    query = {
        "client_id": asked.client_id,
        "redirect_uri": asked.redirect_uri,
        "scope": " ".join(asked.required),
        "state": asked.state,
    }
    if asked.optional:
        query["optional_scope"] = " ".join(asked.optional)
    return f"{session.options.get('authorize_url') or PAGE}?{urlencode(query)}"


def redeem(secrets: Mapping[str, str], code: Code) -> Exchange[Tokens]:
    """Turn the code of an agreement into tokens."""
    form = {"grant_type": "authorization_code", "code": code.code, "redirect_uri": code.redirect_uri}
    tokens = yield from _tokens(secrets, form, "HubSpot refused the code", safe=False)
    if not tokens.refresh_token:
        raise AppError("app_unavailable", "HubSpot's token answer has no refresh_token", retry="outage")
    return tokens


def refresh(secrets: Mapping[str, str]) -> Exchange[Tokens]:
    """Get a new access token."""
    form = {"grant_type": "refresh_token", "refresh_token": secrets["refresh_token"]}
    return (yield from _tokens(secrets, form, "HubSpot refused to refresh the sign-in", safe=True))


def revoke(secrets: Mapping[str, str]) -> Exchange[None]:
    """Take back a refresh token; one that HubSpot knows no longer is no error."""
    form = {"token_type_hint": "refresh_token", "token": secrets["refresh_token"]}
    request = _request(REVOKE_PATH, secrets, form, safe=True)
    response = yield request
    if response.status >= 300 and _status(response) not in _UNKNOWN:
        said = _without(refuse(request, response).message, (*secrets.values(), *form.values()))
        raise AppError("permission_denied", f"HubSpot did not revoke it: {said}", retry="never", status=response.status)


def _request(path: str, secrets: Mapping[str, str], form: Mapping[str, str], *, safe: bool) -> HttpRequest:
    client = {"client_id": secrets["client_id"], "client_secret": secrets["client_secret"]}
    return HttpRequest(
        method="POST",
        path=path,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        body=urlencode({**client, **form}).encode(),
        safe=safe,
        limit="token",
    )


def _tokens(secrets: Mapping[str, str], form: Mapping[str, str], refused: str, *, safe: bool) -> Exchange[Tokens]:
    """Ask the token endpoint; what it says in an error never holds what was sent to it."""
    request = _request(TOKEN_PATH, secrets, form, safe=safe)
    response = yield request
    if response.status in (400, 401, 403):
        client = (secrets["client_id"], secrets["client_secret"])
        said = _without(refuse(request, response).message, (*client, *form.values()))
        status = _status(response)
        raise AppError(
            "auth_expired", f"{refused}: {said}{f' ({status})' if status else ''}", retry="auth", status=response.status
        )
    body = read_json(request, response)
    lives_s = body.get("expires_in")
    if not isinstance(body.get("access_token"), str) or not isinstance(lives_s, int):
        raise AppError("app_unavailable", "HubSpot's token answer has no access_token or expires_in", retry="outage")
    return Tokens(
        access_token=str(body["access_token"]),
        lives_s=lives_s,
        refresh_token=str(body.get("refresh_token") or ""),
        scopes=_scopes(body),
    )


def _scopes(body: Mapping[str, Any]) -> frozenset[str] | None:
    """Read what was granted: a list, or the words of RFC 6749."""
    found = body.get("scopes", body.get("scope"))
    if isinstance(found, str):
        return frozenset(found.split())
    return frozenset(str(scope) for scope in found) if isinstance(found, list) else None


def _status(response: HttpResponse) -> str:
    """Return the word by which HubSpot's token endpoint names its refusal, such as BAD_REFRESH_TOKEN."""
    body = read_body(response.body)
    status = body.get("status") if isinstance(body, dict) else None
    return status if isinstance(status, str) and status.isupper() and len(status) < 60 else ""


def _without(text: str, secrets: tuple[str, ...]) -> str:
    for secret in secrets:
        text = text.replace(secret, "***") if len(secret) > 5 else text
    return text
