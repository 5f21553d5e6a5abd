"""Drives an exchange against a server: what `shared.io.http` does in the product, less budgets and guards."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import urljoin

import requests

from shared.core.connector import AppError, Exchange, HttpRequest, HttpResponse

T = TypeVar("T")


@dataclass(kw_only=True)
class Driver:
    """One signed-in connection."""

    base_url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    calls: list[HttpRequest] = field(default_factory=list)
    """Everything that was sent."""
    drop: Callable[[HttpRequest], bool] | None = None
    """The answer to a request that fits is lost after the server has executed it."""
    before: Callable[[HttpRequest], None] | None = None
    """Called before a request goes out, so that a test can change the world in between."""

    def run(self, exchange: Exchange[T]) -> T:
        """Drive *exchange* to its result."""
        with requests.Session() as session:
            session.trust_env = False
            try:
                request = next(exchange)
                while True:
                    request = exchange.send(self._send(session, request))
            except StopIteration as stop:
                result: T = stop.value
                return result
            finally:
                exchange.close()

    def _send(self, session: requests.Session, request: HttpRequest) -> HttpResponse:
        if self.before is not None:
            self.before(request)
        self.calls.append(request)
        reply = session.request(
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
        headers = {name.lower(): value for name, value in reply.headers.items()}
        return HttpResponse(status=reply.status_code, headers=headers, body=reply.content)


def replay(exchange: Exchange[T], *responses: HttpResponse) -> tuple[T, list[HttpRequest]]:
    """Drive *exchange* with recorded answers, all of which it must use up."""
    sent: list[HttpRequest] = []
    waiting = list(responses)
    try:
        sent.append(next(exchange))
        while waiting:
            sent.append(exchange.send(waiting.pop(0)))
    except StopIteration as stop:
        assert not waiting, f"{len(waiting)} recorded answers were not asked for"
        return stop.value, sent
    raise AssertionError(f"the exchange asks for more than was recorded: {sent[-1]}")
