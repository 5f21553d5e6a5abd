"""Who may do what: one table of addresses, the area of the product that each belongs to, and the least role it takes.

The API, the pages and their buttons ask it, and an address that it does not name cannot be served. What tokens with
scopes may follows from it in `scopes.py`.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final, Literal, TypeAlias

from services.console.use.problems import Problem
from shared.wire.messages import Role

Area: TypeAlias = Literal["records", "jobs", "connections", "settings", "health", "people"]
"""A part of the product, as scopes name it."""
ROLES: Final[tuple[Role, ...]] = ("viewer", "editor", "operator", "admin")
"""Each may do what those before it may."""
MEANINGS: Final[Mapping[Role, str]] = {
    "viewer": "sees everything but secrets",
    "editor": "edits what is synced, too",
    "operator": "resyncs, replays, confirms and cancels, too",
    "admin": "manages users, tokens, connections and settings, too",
}
AREAS: Final[Mapping[Area | None, Mapping[str, Role | None]]] = {
    None: {
        "GET /static/{name}": None,
        "GET /sign-in": None,
        "POST /sign-in": None,
        "GET /sign-in/link": None,
        "GET /sign-in/provider": None,
        "GET /sign-in/callback": None,
        "GET /first-admin": None,
        "POST /first-admin": None,
        "GET /welcome": None,
        "POST /welcome": None,
        "POST /sign-out": "viewer",
        "POST /look": "viewer",
        "GET /": "viewer",
        "GET /syncs/{name}": "viewer",
        "POST /syncs/{name}/resync": "operator",
        "GET /syncs/{name}/switch-off": "operator",
        "POST /syncs/{name}/switch-off": "operator",
        "POST /syncs/{name}/switch-on": "operator",
        "GET /jobs": "viewer",
        "GET /jobs/{name}": "viewer",
        "POST /jobs/{name}/{what}": "operator",
        "GET /records": "viewer",
        "POST /records/columns": "viewer",
        "POST /records/resync": "operator",
        "POST /records/read": "operator",
        "GET /records/{name}": "viewer",
        "POST /records/{name}/resync": "operator",
        "GET /exports": "viewer",
        "POST /exports": "viewer",
        "GET /exports/{name}/file": "viewer",
        "POST /exports/{name}/delete": "viewer",
        "GET /why": "viewer",
        "GET /objects": "viewer",
        "GET /health": "viewer",
        "GET /parked": "viewer",
        "POST /parked": "operator",
        "GET /activity": "viewer",
        "GET /account": "viewer",
        "POST /account/password": "viewer",
        "POST /account/zone": "viewer",
        "POST /account/sign-out": "viewer",
        "GET /settings/users": "admin",
        "POST /settings/users": "admin",
        "POST /settings/users/{name}/role": "admin",
        "POST /settings/users/{name}/disable": "admin",
        "POST /settings/users/{name}/enable": "admin",
        "POST /settings/users/{name}/reset": "admin",
        "POST /settings/users/{name}/link": "admin",
        "POST /settings/users/{name}/unlink": "admin",
        "GET /settings/sign-in": "admin",
        "POST /settings/sign-in": "admin",
        "POST /settings/sign-in/remove": "admin",
        "GET /settings/mail": "admin",
        "POST /settings/mail": "admin",
        "POST /settings/mail/test": "admin",
        "POST /settings/mail/remove": "admin",
        "GET /settings/alerts": "admin",
        "POST /settings/alerts": "admin",
        "GET /settings/alerts/{name}": "admin",
        "POST /settings/alerts/{name}": "admin",
        "POST /settings/alerts/{name}/test": "admin",
        "POST /settings/alerts/{name}/remove": "admin",
        "GET /settings/retention": "admin",
        "POST /settings/retention": "admin",
        "GET /settings/tokens": "viewer",
        "POST /settings/tokens": "viewer",
        "POST /settings/tokens/{name}/revoke": "viewer",
        "GET /set-up": "viewer",
        "GET /apps": "viewer",
        "GET /apps/{name}": "viewer",
        "GET /apps/{name}/connect": "admin",
        "GET /apps/{name}/credentials": "admin",
        "POST /apps/{name}/credentials": "admin",
        "POST /apps/{name}/authorize": "admin",
        "GET /oauth/callback": "admin",
        "POST /apps/{name}/connect": "admin",
        "GET /connections/{name}": "viewer",
        "GET /connections/{name}/objects": "viewer",
        "GET /connections/{name}/objects/{object}": "viewer",
        "GET /connections/{name}/feeds": "viewer",
        "GET /connections/{name}/limits": "viewer",
        "POST /connections/{name}/changes": "admin",
        "GET /connections/{name}/secrets": "admin",
        "POST /connections/{name}/secrets": "admin",
        "POST /connections/{name}/reach": "operator",
        "POST /connections/{name}/rename": "editor",
        "POST /connections/{name}/test": "operator",
        "POST /connections/{name}/pause": "operator",
        "POST /connections/{name}/resume": "operator",
        "GET /connections/{name}/disconnect": "admin",
        "POST /connections/{name}/disconnect": "admin",
    },
    "records": {
        "GET /api/v1/events": "viewer",
        "GET /api/v1/records": "viewer",
        "POST /api/v1/records/resync": "operator",
        "POST /api/v1/records/read": "operator",
        "GET /api/v1/records/{name}": "viewer",
        "GET /api/v1/records/{name}/explanation": "viewer",
        "GET /api/v1/records/{name}/history": "viewer",
        "POST /api/v1/records/{name}/resync": "operator",
        "GET /api/v1/explanations": "viewer",
        "GET /api/v1/exports": "viewer",
        "POST /api/v1/exports": "viewer",
        "GET /api/v1/exports/{name}": "viewer",
        "GET /api/v1/exports/{name}/file": "viewer",
        "DELETE /api/v1/exports/{name}": "viewer",
    },
    "jobs": {
        "GET /api/v1/jobs": "viewer",
        "GET /api/v1/jobs/{name}": "viewer",
        "GET /api/v1/jobs/{name}/rows": "viewer",
        "POST /api/v1/jobs": "operator",
        "POST /api/v1/jobs/{name}/{what}": "operator",
    },
    "connections": {
        "POST /api/v1/apps/{name}/authorize": "admin",
        "POST /api/v1/connections/agreed": "admin",
        "GET /api/v1/apps": "viewer",
        "GET /api/v1/apps/{name}": "viewer",
        "GET /api/v1/connections": "viewer",
        "POST /api/v1/connections": "admin",
        "POST /api/v1/apps/{name}/places": "admin",
        "GET /api/v1/apps/{name}/credentials": "admin",
        "PUT /api/v1/apps/{name}/credentials": "admin",
        "GET /api/v1/connections/{name}": "viewer",
        "GET /api/v1/connections/{name}/objects": "viewer",
        "GET /api/v1/connections/{name}/objects/{object}": "viewer",
        "GET /api/v1/connections/{name}/feeds": "viewer",
        "GET /api/v1/connections/{name}/limits": "viewer",
        "GET /api/v1/connections/{name}/changes": "viewer",
        "PUT /api/v1/connections/{name}/changes": "admin",
        "PUT /api/v1/connections/{name}/secrets": "admin",
        "POST /api/v1/connections/{name}/reach": "operator",
        "PATCH /api/v1/connections/{name}": "editor",
        "DELETE /api/v1/connections/{name}": "admin",
        "POST /api/v1/connections/{name}/test": "operator",
        "POST /api/v1/connections/{name}/pause": "operator",
        "POST /api/v1/connections/{name}/resume": "operator",
    },
    "settings": {
        "GET /api/v1/mail-server": "admin",
        "PUT /api/v1/mail-server": "admin",
        "DELETE /api/v1/mail-server": "admin",
        "POST /api/v1/mail-server/test": "admin",
        "GET /api/v1/alerts": "admin",
        "POST /api/v1/alerts": "admin",
        "GET /api/v1/alerts/{name}": "admin",
        "PUT /api/v1/alerts/{name}": "admin",
        "DELETE /api/v1/alerts/{name}": "admin",
        "POST /api/v1/alerts/{name}/test": "admin",
        "GET /api/v1/retention": "admin",
        "PUT /api/v1/retention": "admin",
        "GET /api/v1/syncs": "viewer",
        "GET /api/v1/syncs/{name}": "viewer",
        "POST /api/v1/syncs/{name}/switch-off": "operator",
        "POST /api/v1/syncs/{name}/switch-on": "operator",
    },
    "health": {
        "GET /api/v1/openapi.json": "viewer",
        "GET /api/v1/health": "viewer",
        "GET /api/v1/health/series": "viewer",
        "GET /api/v1/parked": "viewer",
        "POST /api/v1/parked/replay": "operator",
        "POST /api/v1/parked/drop": "operator",
        "POST /api/v1/parked/{name}/replay": "operator",
        "POST /api/v1/parked/{name}/drop": "operator",
        "GET /api/v1/error-categories": "viewer",
    },
    "people": {
        "GET /api/v1/audit": "viewer",
        "GET /api/v1/users": "admin",
        "POST /api/v1/users": "admin",
        "GET /api/v1/users/{name}": "admin",
        "PATCH /api/v1/users/{name}": "admin",
        "POST /api/v1/users/{name}/reset": "admin",
        "POST /api/v1/users/{name}/link": "admin",
        "DELETE /api/v1/users/{name}/link": "admin",
        "GET /api/v1/account": "viewer",
        "PUT /api/v1/account/password": "viewer",
        "DELETE /api/v1/account/sessions": "viewer",
        "GET /api/v1/account/preferences": "viewer",
        "PUT /api/v1/account/preferences": "viewer",
        "GET /api/v1/sign-in-provider": "admin",
        "PUT /api/v1/sign-in-provider": "admin",
        "DELETE /api/v1/sign-in-provider": "admin",
        "GET /api/v1/tokens": "viewer",
        "POST /api/v1/tokens": "viewer",
        "GET /api/v1/tokens/{name}": "viewer",
        "DELETE /api/v1/tokens/{name}": "viewer",
        "POST /api/v1/sign-in-links": "admin",
    },
}
"""By area, the least role that may do what is at a method and address; None for whoever is not signed in, too.

What is in no area is of pages, which open to sessions alone.
"""
NEEDS: Final[Mapping[str, Role | None]] = {row: role for rows in AREAS.values() for row, role in rows.items()}
"""The least role that may, by method and address; None for those who are not signed in, too."""


def reaches(role: Role, needed: Role) -> bool:
    """Check whether a role may do what another one may."""
    return ROLES.index(role) >= ROLES.index(needed)


def check_role(role: Role, needed: Role) -> None:
    """Refuse somebody whose role is not enough; raises `Problem`."""
    if not reaches(role, needed):
        raise Problem(403, "Not allowed", f"This takes the role {needed}; yours is {role}.")


def role_of(text: str) -> Role:
    """Return the role of a name; raises `Problem`."""
    for role in ROLES:
        if role == text:
            return role
    raise Problem(422, "Not understood", f"Choose one of the roles {', '.join(ROLES)}.")


@lru_cache(maxsize=1024)
def needed_at(method: str, path: str) -> Role | None:
    """Return the least role that an address with its names filled in takes; raises `KeyError` where there is none."""
    for row in NEEDS:
        verb, _, pattern = row.partition(" ")
        if verb == method and _leads_to(pattern, path):
            return NEEDS[row]
    raise KeyError(f"{method} {path}")


def methods_at(path: str) -> list[str]:
    """List the methods that an address with its names filled in takes; a word of ours there is no name."""
    rows = [row.partition(" ") for row in NEEDS]
    fit = [(pattern.count("{"), verb) for verb, _, pattern in rows if _leads_to(pattern, path)]
    least = min((names for names, _ in fit), default=0)
    return sorted({verb for names, verb in fit if names == least})


def _leads_to(pattern: str, path: str) -> bool:
    wanted, parts = pattern.split("/"), path.partition("?")[0].split("/")
    return len(wanted) == len(parts) and all(map(_fits, wanted, parts))


def _fits(wanted: str, part: str) -> bool:
    return wanted == part or (wanted.startswith("{") and part != "")
