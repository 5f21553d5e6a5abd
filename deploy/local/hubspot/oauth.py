"""OAuth: the consent page, codes, tokens, and what a token says about itself.

Tokens are asked for, looked at and revoked under a dated path, and everything secret is in the body. HubSpot serves the
older ``/oauth/v1`` beside it until 16 February 2027, and so does this: HubSpot's own client calls nothing else.
"""

import html
from urllib.parse import urlencode

from deploy.local.hubspot.errors import ApiError, missing_scopes
from deploy.local.hubspot.http import Answer
from deploy.local.hubspot.world import App, Grant, World

CODE_LIFE_MS = 10 * 60_000
_STANDARD = {
    "BAD_AUTH_CODE": "invalid_grant", "BAD_REFRESH_TOKEN": "invalid_grant",
    "MISMATCH_REDIRECT_URI_AUTH_CODE": "invalid_grant", "BAD_GRANT_TYPE": "unsupported_grant_type",
    "BAD_CLIENT_ID": "invalid_client", "BAD_CLIENT_SECRET": "invalid_client", "BAD_SCOPES": "invalid_scope",
}  # fmt: skip
"""By HubSpot's word, that of RFC 6749 for the same refusal."""

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Connect {name}</title></head>
<body><main><h1>Connect {name} to HubSpot</h1>
<p>{name} asks for:</p><ul>{scopes}</ul>
<form method="post" action="/oauth/authorize?{query}">
<label>Account <select name="portal_id">{accounts}</select></label>
<button type="submit" name="decision" value="allow">Connect app</button>
<button type="submit" name="decision" value="deny">Cancel</button>
</form></main></body></html>
"""


def _problem(status: str, message: str) -> ApiError:
    words = {"status": status, "error": _STANDARD.get(status, "invalid_request"), "error_description": message}
    return ApiError(400, "", message, extra=words)


def _by_client(world: World, client_id: str) -> App:
    for app in world.apps.values():
        if app.client_id == client_id and not app.private:
            return app
    raise _problem("BAD_CLIENT_ID", "missing or unknown client id")


def _by_secret(world: World, form: dict[str, str]) -> App:
    app = _by_client(world, form.get("client_id", ""))
    if form.get("client_secret") != app.client_secret:
        raise _problem("BAD_CLIENT_SECRET", "missing or invalid client secret")
    return app


def _asked(world: World, query: dict[str, str]) -> tuple[App, list[str]]:
    app = _by_client(world, query.get("client_id", ""))
    if query.get("redirect_uri", "") not in app.redirect_uris:
        raise _problem(
            "BAD_REDIRECT_URI", "the redirect_uri is not one of the app's; register it with the app before connecting"
        )
    scopes = query.get("scope", "").split()
    unknown = [scope for scope in scopes if scope not in app.scopes]
    if unknown or not scopes:
        raise _problem("BAD_SCOPES", f"scopes not configured for this app: {' '.join(unknown) or '(none asked)'}")
    optional = [scope for scope in query.get("optional_scope", "").split() if scope in app.scopes]
    return app, list(dict.fromkeys((*scopes, *optional)))


def consent_page(world: World, query: dict[str, str]) -> Answer:
    """GET the page on which a person picks an account and agrees."""
    app, scopes = _asked(world, query)
    return Answer(
        200,
        _PAGE.format(
            name=html.escape(app.name),
            scopes="".join(f"<li>{html.escape(scope)}</li>" for scope in scopes),
            query=html.escape(urlencode(query)),
            accounts="".join(
                f'<option value="{number}">{html.escape(account.settings.name or str(number))}</option>'
                for number, account in world.accounts.items()
            ),
        ),
        html=True,
    )


def consent(world: World, query: dict[str, str], form: dict[str, str]) -> Answer:
    """POST the decision: the browser is sent back with a code, or with `error=access_denied`."""
    app, scopes = _asked(world, query)
    back: dict[str, str] = {}
    if form.get("decision") == "deny":
        back["error"] = "access_denied"
        back["error_description"] = "The person did not agree"
    else:
        portal = form.get("portal_id", "")
        if not portal.isdigit() or int(portal) not in world.accounts:
            raise _problem("BAD_PORTAL", f"there is no account {portal!r}")
        back["code"] = world.grant(
            kind="code",
            portal_id=int(portal),
            app_id=app.app_id,
            scopes=[one for one in scopes if one not in world.accounts[int(portal)].settings.withheld_scopes],
            user_id=70_001,
            user=f"admin@{portal}.example",
            expires_ms=world.clock() + CODE_LIFE_MS,
            redirect_uri=query["redirect_uri"],
        ).token
    if "state" in query:
        back["state"] = query["state"]
    joint = "&" if "?" in query["redirect_uri"] else "?"
    return Answer(302, location=f"{query['redirect_uri']}{joint}{urlencode(back)}")


def token(world: World, form: dict[str, str]) -> Answer:
    """POST a code or a refresh token for an access token; each call is noted."""
    call = {"at": world.clock(), "client": form.get("client_id", ""), "grant": form.get("grant_type", "")}
    try:
        answer = _token(world, form)
    except ApiError as error:
        world.token_calls.append({**call, "status": error.status})
        raise
    world.token_calls.append({**call, "status": answer.status})
    return answer


def _token(world: World, form: dict[str, str]) -> Answer:
    app = _by_secret(world, form)
    kind = form.get("grant_type")
    if kind == "authorization_code":
        code = world.grants.get(form.get("code", ""))
        if code is None or code.kind != "code" or code.app_id != app.app_id or code.expires_ms <= world.clock():
            raise _problem("BAD_AUTH_CODE", "missing or unknown auth code")
        if form.get("redirect_uri") != code.redirect_uri:
            raise _problem("MISMATCH_REDIRECT_URI_AUTH_CODE", "missing or incorrect redirect uri")
        del world.grants[code.token]
        refresh = world.grant(kind="refresh", **_person(code))
    elif kind == "refresh_token":
        found = world.grants.get(form.get("refresh_token", ""))
        if found is None or found.kind != "refresh" or found.app_id != app.app_id:
            raise _problem("BAD_REFRESH_TOKEN", "missing or invalid refresh token")
        refresh = found
        if world.accounts[found.portal_id].settings.token_rotates:
            del world.grants[found.token]
            refresh = world.grant(kind="refresh", **_person(found))
    else:
        raise _problem("BAD_GRANT_TYPE", "grant_type must be authorization_code or refresh_token")
    ttl = world.accounts[refresh.portal_id].settings.token_ttl_s
    access = world.grant(kind="access", expires_ms=world.clock() + ttl * 1000, **_person(refresh))
    return Answer(
        200,
        {
            "token_type": "bearer",
            "refresh_token": refresh.token,
            "access_token": access.token,
            "expires_in": ttl,
            "hub_id": refresh.portal_id,
            "scopes": refresh.scopes,
        },
    )


def _person(grant: Grant) -> dict[str, object]:
    return {
        "portal_id": grant.portal_id,
        "app_id": grant.app_id,
        "scopes": grant.scopes,
        "user_id": grant.user_id,
        "user": grant.user,
    }


def token_info(world: World, kind: str, value: str) -> Answer:
    """GET what an access or refresh token stands for."""
    grant = world.grants.get(value)
    if grant is None or grant.kind != kind or _ended(world, grant):
        raise ApiError(404, "OBJECT_NOT_FOUND", f"The {kind} token is unknown or has expired")
    return Answer(200, _about(world, grant))


def introspect(world: World, form: dict[str, str]) -> Answer:
    """POST a token of any kind to learn what it stands for; one that counts no more is `active: false` and no error."""
    app = _by_secret(world, form)
    grant = world.grants.get(form.get("token", ""))
    if grant is None or grant.kind == "code" or grant.app_id != app.app_id or _ended(world, grant):
        return Answer(200, {"active": False})
    about = {**_about(world, grant), "client_id": app.client_id}
    return Answer(200, {**about, "active": True, "token_use": f"{grant.kind}_token"})


def _ended(world: World, grant: Grant) -> bool:
    return bool(grant.expires_ms) and grant.expires_ms <= world.clock()


def _about(world: World, grant: Grant) -> dict[str, object]:
    body: dict[str, object] = {
        "token": grant.token,
        "user": grant.user or f"admin@{grant.portal_id}.example",
        "hub_domain": f"{grant.portal_id}.example",
        "scopes": grant.scopes,
        "hub_id": grant.portal_id,
        "user_id": grant.user_id,
        "token_type": grant.kind,
    }
    if grant.kind == "access":
        body["app_id"] = grant.app_id
        body["expires_in"] = (grant.expires_ms - world.clock()) // 1000 if grant.expires_ms else 1800
    else:
        body["client_id"] = world.apps[grant.app_id].client_id
    return body


def revoke(world: World, value: str) -> Answer:
    """DELETE a refresh token: it can no longer be redeemed; access tokens live out their time."""
    grant = world.grants.get(value)
    if grant is None or grant.kind != "refresh":
        raise ApiError(404, "OBJECT_NOT_FOUND", "The refresh token is unknown")
    del world.grants[value]
    world.save()
    return Answer(204)


def revoke_by_form(world: World, form: dict[str, str]) -> Answer:
    """POST a refresh token to revoke, as `client_id` and `client_secret` may that it was given to."""
    app = _by_secret(world, form)
    grant = world.grants.get(form.get("token", ""))
    if form.get("token_type_hint", "refresh_token") != "refresh_token":
        raise _problem("BAD_TOKEN_TYPE", "only refresh tokens can be revoked")
    if grant is None or grant.kind != "refresh" or grant.app_id != app.app_id:
        raise _problem("BAD_REFRESH_TOKEN", "missing or invalid refresh token")
    del world.grants[grant.token]
    world.save()
    return Answer(204)


def authenticate(world: World, header: str, scopes: tuple[str, ...]) -> Grant:
    """Return the grant behind an Authorization header.

    Raises:
        ApiError: 401 without a good token, 403 when it has none of the scopes.
    """
    scheme, _, value = header.partition(" ")
    if scheme.lower() != "bearer" or not value:
        raise ApiError(
            401,
            "INVALID_AUTHENTICATION",
            "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find more "
            "details at https://developers.hubspot.com/docs/methods/auth/oauth-overview",
        )
    grant = world.grants.get(value)
    if grant is None or grant.kind != "access":
        raise ApiError(401, "INVALID_AUTHENTICATION", "The access token is unknown or was revoked.")
    late = world.clock() - grant.expires_ms
    if grant.expires_ms and late >= 0:
        raise ApiError(
            401,
            "EXPIRED_AUTHENTICATION",
            f"The OAuth token used to make this call expired {late // 1000} second(s) ago.",
        )
    if scopes and not any(scope in grant.scopes for scope in scopes):
        raise missing_scopes(scopes)
    return grant
