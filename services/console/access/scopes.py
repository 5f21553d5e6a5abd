"""What tokens with scopes may do: each scope opens what reads, or what changes something, in one area of the product.

Which addresses these are follows from the table in `roles.py`. A scope widens nothing: role and owner count besides.
"""

from collections.abc import Collection, Mapping
from typing import Final

from services.console.access.roles import AREAS, NEEDS, ROLES
from services.console.use.problems import Problem
from shared.wire.messages import Role

SCOPES: Final[Mapping[str, str]] = {
    "records:read": "Lists records, why each is as it is, and its history; follows changes; downloads exports.",
    "records:change": "Has records resynced; has lists exported, and deletes exports.",
    "jobs:read": "Lists jobs, how far each is, and what it led to, record by record.",
    "jobs:change": "Begins jobs such as resyncs; confirms, pauses, resumes and cancels them.",
    "connections:read": "Lists apps and connected accounts, with objects, feeds and limits.",
    "connections:change": "Connects, tests, pauses, renames and disconnects accounts, and enters their secrets.",
    "settings:read": "Lists syncs, alerts, the mail server, and for how long things are kept.",
    "settings:change": "Switches syncs on and off; changes alerts, the mail server, and for how long things are kept.",
    "health:read": "Shows how everything stands, now and over time; lists parked messages.",
    "health:change": "Replays and drops parked messages.",
    "people:read": "Shows whose token it is, tokens, and who did what; as an admin, users and sign-in, too.",
    "people:change": "Makes and revokes tokens, and changes the own account; as an admin, users and sign-in, too, and "
    "so lets in anybody, with any role.",
}
"""What each scope opens, as far as the role allows it."""
SCOPE_OF: Final[Mapping[str, str]] = {
    row: f"{area}:{'read' if row.startswith('GET ') else 'change'}"
    for area, rows in AREAS.items()
    if area is not None
    for row in rows
}
"""Which scope opens an address of the API, by method and address."""


def opens(scopes: Collection[str] | None, route: str) -> bool:
    """Check whether scopes open an address of the API; None are those of a token that is not limited."""
    return scopes is None or SCOPE_OF[route] in scopes


def check_scope(scopes: Collection[str] | None, route: str) -> None:
    """Refuse a token whose scopes do not open an address of the API; raises `Problem`."""
    if not opens(scopes, route):
        raise missing(SCOPE_OF[route], "This takes the scope {}, which this token lacks: use one that has it.")


def missing(scope: str, detail: str) -> Problem:
    """Return what is told of a scope that a token lacks, in words of RFC 6750, too.

    Args:
        scope: The scope.
        detail: A sentence, with `{}` for the scope.
    """
    headers = {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'}
    return Problem(403, "Scope missing", detail.format(scope), headers, members={"scope": scope})


def least_role(scope: str) -> Role:
    """Return the least role for which a scope opens anything."""
    needed = [NEEDS[row] for row, found in SCOPE_OF.items() if found == scope]
    return min((role for role in needed if role is not None), key=ROLES.index)
