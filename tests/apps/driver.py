"""Drives an exchange with the product's own loop, against a server without budgets and guards, or with recorded answers."""  # noqa: E501 - one row reads better whole

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import urljoin

import requests

from shared.contract.calls import AppError, Exchange, HttpRequest, HttpResponse
from shared.io.calls.exchanges import drive, too_large
from shared.io.ports import run_blocking
from tests.sessions import session

T = TypeVar("T")


@dataclass(kw_only=True)
class Driver:
    """One signed-in connection."""

    base_url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    calls: list[HttpRequest] = field(default_factory=list)
    """Everything that was sent."""
    drop: Callable[[HttpRequest], bool] | None = None
    """The answer to the first request that fits is lost after the server has executed it."""
    instead: Callable[[HttpRequest], HttpResponse | None] | None = None
    """Answers in place of the server; it can also change the world before a request goes out."""

    most: int | None = None
    """Bytes of an answer beyond which it is cut off."""
    http: requests.Session = field(default_factory=session)
    """Keeps its connections, as the product's own does."""

    def run(self, exchange: Exchange[T]) -> T:
        """Drive *exchange* to its result."""

        async def send(request: HttpRequest) -> HttpResponse:
            return self._send(request)

        return run_blocking(drive(exchange, send))

    def _send(self, request: HttpRequest) -> HttpResponse:
        answer = self.instead(request) if self.instead is not None else None
        if answer is not None:
            return answer
        self.calls.append(request)
        reply = self.http.request(
            request.method,
            urljoin(self.base_url, request.path),
            params=dict(request.query),
            headers={**self.headers, **request.headers},
            data=request.body,
            timeout=20,
            allow_redirects=False,
        )
        if self.drop is not None and self.drop(request):
            self.drop = None
            raise AppError("app_unavailable", "the connection broke", retry="outage", unknown=not request.safe)
        if self.most is not None and len(reply.content) > self.most:
            raise too_large(request, self.most)
        headers = {name.lower(): value for name, value in reply.headers.items()}
        return HttpResponse(status=reply.status_code, headers=headers, body=reply.content)


def replay(exchange: Exchange[T], *answers: HttpResponse) -> tuple[T, list[HttpRequest]]:
    """Drive *exchange* with recorded answers, all of which it must use up; give its result and what it sent."""
    sent: list[HttpRequest] = []
    waiting = list(answers)

    async def send(request: HttpRequest) -> HttpResponse:
        sent.append(request)
        assert waiting, f"the exchange asks for more than was recorded: {request}"
        return waiting.pop(0)

    result = run_blocking(drive(exchange, send))
    assert not waiting, f"{len(waiting)} recorded answers were not asked for"
    return result, sent
