"""What every request to the console passes first, to the API and to the pages: a small body, and a name of ours.

And what every answer says to browsers: to take it for nothing else than it is, and to show it in no other site.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Final

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from starlette.applications import Starlette
from starlette.middleware.base import BaseHTTPMiddleware

from services.console.access.guard import is_ours
from services.console.use.problems import problem_type

DATA_POLICY: Final = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""What a browser may do with an answer that is no page: nothing."""
_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_MAX_BODY: Final = 65_536

_Next = Callable[[Request], Awaitable[Response]]


def protect(web: Starlette, names: Collection[str], policy: str = DATA_POLICY) -> None:
    """Make an application refuse large bodies and names that are not ours, and tell browsers what they may do.

    Args:
        web: The application.
        names: Names of the console beside localhost and addresses.
        policy: What a browser may do with an answer that does not say so itself.
    """
    headers = {"Content-Security-Policy": policy, **_HEADERS}

    async def small(request: Request, go_on: _Next) -> Response:
        """Refuse a body that no route takes: it would be read before anybody asks who sent it."""
        length = request.headers.get("content-length", "0")
        if "transfer-encoding" in request.headers or not length.isascii() or not length.isdigit():
            return problem_json(411, "Length required", "Send the body with a Content-Length.", None)
        if int(length) > _MAX_BODY:
            return problem_json(413, "Too large", f"A body may have {_MAX_BODY} bytes.", None)
        return await go_on(request)

    async def named(request: Request, go_on: _Next) -> Response:
        """Refuse a request under a name that is not ours."""
        host = request.headers.get("host", "")
        answer: Response
        if is_ours(host, names):
            answer = await go_on(request)
        else:
            said = f"Call the console by its address, or set SYNCLINE_CONSOLE_NAMES to {host!r}."
            answer = problem_json(421, "Not this name", said, None)
        for name, value in headers.items():
            answer.headers.setdefault(name, value)
        return answer

    web.add_middleware(BaseHTTPMiddleware, dispatch=small)
    web.add_middleware(BaseHTTPMiddleware, dispatch=named)


def problem_json(
    status: int,
    title: str,
    detail: str,
    headers: Mapping[str, str] | None,
    *,
    members: Mapping[str, object] | None = None,
) -> JSONResponse:
    """Return what is wrong as RFC 9457 has it, with extension members."""
    body = {"type": problem_type(title), "title": title, "status": status, "detail": detail, **(members or {})}
    return JSONResponse(body, status, dict(headers or {}), media_type="application/problem+json")
