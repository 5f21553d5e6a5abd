"""Receives webhooks: genuine ones become notices, and are answered only when Kafka has them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from starlette.requests import ClientDisconnect

from services.ingest.notices import addressed, as_notice
from shared import logs
from shared.core.connector import Hint, Webhook
from shared.core.syncs import Connection
from shared.io.ports import Bus, BusUnavailable, Clock, Outbound, run_blocking
from shared.io.vault import Vault, VaultError
from shared.setups import Setups

MAX_BODY: Final = 1_048_576
_log = logs.get(__name__)


class TooLarge(Exception):  # noqa: N818 - a fact about the body
    """The body is larger than any app sends."""


class Webhooks:
    """Turns calls of apps into notices.

    Args:
        setups: Connections, whose secrets prove that a call is genuine.
        vault: Opens those secrets.
        bus: Must give up within the time that the sender waits.
        clock: Wall clock.
        public_url: Address under which apps reach us, as their signatures cover it.
    """

    def __init__(self, setups: Setups, vault: Vault, bus: Bus, clock: Clock, *, public_url: str) -> None:
        self._setups = setups
        self._vault = vault
        self._bus = bus
        self._clock = clock
        self._public_url = public_url.rstrip("/")

    def receive(self, app: str, method: str, target: str, headers: Mapping[str, str], body: bytes) -> tuple[int, str]:
        """Take one call; gives the status and the sentence to answer."""
        webhook = self._setups.apps[app].webhook
        if webhook is None:
            return 404, f"{app} sends no webhooks"
        senders = self._genuine(app, webhook, method, self._public_url + target, headers, body)
        if not senders:
            return 401, "the signature, or the time it was made, is not right"
        try:
            heard = webhook.read(body)
        except ValueError as error:
            return 400, str(error)
        if heard.unread:
            _log.warning("webhook_events_unread", app=app, events=len(heard.unread), detail=heard.unread[0])
        notices = self._notices(senders, heard.hints)
        try:
            run_blocking(self._bus.publish(notices))
        except BusUnavailable as error:
            _log.warning("webhook_refused", app=app, detail=str(error))
            return 503, "not stored yet; send it again"
        return 200, "; ".join((f"{len(notices)} accepted", *heard.unread[:1]))

    def _genuine(
        self, app: str, webhook: Webhook, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> list[Connection]:
        """List the connections whose secret signed this call."""
        now_ms, found = self._clock.now_ms(), []
        for row in self._setups.connections():
            if row.app != app or not row.webhook_secret:
                continue
            try:
                secret = self._vault.open(row.webhook_secret, connection=row.id, name="webhook_secret")
            except VaultError as error:
                _log.error("webhook_secret_unreadable", connection=row.id, detail=str(error))
                continue
            if webhook.verify(method, url, headers, body, secret, now_ms):
                found.append(row)
        return found

    def _notices(self, senders: Sequence[Connection], hints: Sequence[Hint]) -> list[Outbound]:
        now_ms = self._clock.now_ms()
        found: dict[tuple[str, str, str, str], Outbound] = {}
        for hint in hints:
            for row in senders:
                if hint.account not in ("", row.account) or not self._setups.sides_of(row.id, hint.object):
                    continue
                found[row.id, hint.object, hint.id, hint.kind] = addressed(as_notice(hint, row.id, hint.object, now_ms))
        return list(found.values())


def make_app(webhooks: Webhooks, apps: Mapping[str, Any]) -> FastAPI:
    """Make the web application: one path for each app that sends webhooks."""
    web = FastAPI(title="Syncline ingest", docs_url=None, redoc_url=None, openapi_url=None)

    def route(name: str, path: str) -> None:
        async def receive(request: Request) -> Response:
            try:
                body = await _body(request)
            except TooLarge:
                return JSONResponse({"detail": f"the body has more than {MAX_BODY} bytes"}, status_code=413)
            except ClientDisconnect:
                return Response(status_code=400)
            target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            headers = {key.lower(): value for key, value in request.headers.items()}
            status, sentence = await run_in_threadpool(webhooks.receive, name, request.method, target, headers, body)
            again = {"Retry-After": "1"} if status == 503 else {}
            return JSONResponse({"detail": sentence}, status_code=status, headers=again)

        web.add_api_route(path, receive, methods=["POST"])

    for name, app in apps.items():
        if app.webhook is not None:
            route(name, app.webhook.path)
    return web


async def _body(request: Request) -> bytes:
    """Read the raw bytes, which the signature covers, up to the limit."""
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_BODY:
            raise TooLarge
        parts.append(part)
    return b"".join(parts)
