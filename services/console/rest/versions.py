"""Versions of what the API changes: answers carry them as `ETag`, and requests as `If-Match` and `If-None-Match`."""

from typing import Final

from fastapi import Request, Response

from services.console.use.problems import Problem
from services.console.use.versions import tags_in

READ: Final = frozenset(
    (
        "GET /api/v1/connections/{name}",
        "GET /api/v1/connections/{name}/changes",
        "GET /api/v1/apps/{name}/credentials",
        "GET /api/v1/users/{name}",
        "GET /api/v1/tokens/{name}",
        "GET /api/v1/account/preferences",
        "GET /api/v1/alerts/{name}",
        "GET /api/v1/mail-server",
        "GET /api/v1/retention",
        "GET /api/v1/sign-in-provider",
    )
)
"""Routes whose answers have a version."""
CHANGED: Final = frozenset(
    (
        "PATCH /api/v1/connections/{name}",
        "DELETE /api/v1/connections/{name}",
        "PUT /api/v1/connections/{name}/changes",
        "PUT /api/v1/connections/{name}/secrets",
        "PUT /api/v1/apps/{name}/credentials",
        "PATCH /api/v1/users/{name}",
        "POST /api/v1/users/{name}/link",
        "DELETE /api/v1/users/{name}/link",
        "DELETE /api/v1/tokens/{name}",
        "PUT /api/v1/account/preferences",
        "PUT /api/v1/alerts/{name}",
        "DELETE /api/v1/alerts/{name}",
        "PUT /api/v1/mail-server",
        "PUT /api/v1/retention",
        "DELETE /api/v1/mail-server",
        "PUT /api/v1/sign-in-provider",
        "DELETE /api/v1/sign-in-provider",
    )
)
"""Routes that change what has a version, and take the one that was seen."""
_ANY: Final = "*"


def tell_version(answer: Response, version: str) -> None:
    """Add the version of what is answered."""
    answer.headers["ETag"] = f'"{version}"'


def seen_by(request: Request) -> frozenset[str] | None:
    """Return which versions a request has seen of what it changes; None where it does not say, or takes any."""
    header = request.headers.get("if-match")
    return None if header is None or header.strip() == _ANY else tags_in(header)


def check_takes_versions(request: Request, route: str) -> None:
    """Refuse `If-Match` where nothing has a version: it would be taken for heard; raises `Problem`."""
    if seen_by(request) is not None and route not in CHANGED:
        raise Problem(412, "No versions", "What this changes has no version: leave If-Match out.")


def unchanged(request: Request, answer: Response) -> Response:
    """Return an answer, or one that says that whoever asks has this version already."""
    header, tag = request.headers.get("if-none-match", ""), answer.headers.get("etag")
    if request.method != "GET" or answer.status_code != 200 or tag is None or not header:
        return answer
    # A weak tag will do here: it says that nothing of interest is another.
    has_it = header.strip() == _ANY or tag.strip('"') in tags_in(header.replace("W/", ""))
    return Response(status_code=304, headers={"ETag": tag}) if has_it else answer
