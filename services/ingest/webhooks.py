"""Receives webhooks: genuine ones become notices, and are answered only when Kafka has them."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from services.ingest.notices import addressed, as_notice
from services.ingest.noting import Noting
from services.ingest.strangers import Strangers
from shared import logs
from shared.config.setups import Setups
from shared.contract.app import App
from shared.contract.feeds import Hint
from shared.contract.webhooks import Webhook, WebhookCall
from shared.io.calls.vault import Vault, VaultError
from shared.io.net.public_address import ADDRESS, ASKED
from shared.io.ports import Bus, BusUnavailable, Clock, NotReady, Outbound, run_blocking
from shared.metrics import Metrics
from shared.model.syncs import Connection
from shared.rules.errors import CODES

MAX_BODY: Final = 1_048_576
_NONCE: Final = re.compile(r"[A-Za-z0-9_-]{20,80}")
_OLD: Final = CODES["old_signature"]
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
        refused: Notes a call of a connection's app that was refused, and why; may raise `NotReady`.
        noting: Has the console know that a call came.
    """

    def __init__(
        self,
        setups: Setups,
        vault: Vault,
        bus: Bus,
        clock: Clock,
        *,
        metrics: Metrics,
        public_url: str,
        refused: Callable[[Connection, str, int], None],
        noting: Noting,
    ) -> None:
        self._setups = setups
        self._vault = vault
        self._bus = bus
        self._clock = clock
        self._metrics = metrics
        self._public_url = public_url.rstrip("/")
        self._refused = refused
        self._noting = noting
        self._strangers = Strangers(clock)

    def refuses_ms(self, address: str) -> int:
        """Return for how long an address is not listened to, because nobody has signed what it sends; 0 where it is."""
        wait_ms = self._strangers.wait_ms(address)
        if wait_ms:
            self._count("too_many", "")
        return wait_ms

    def receive(
        self, app: str, method: str, target: str, headers: Mapping[str, str], body: bytes, *, address: str
    ) -> tuple[int, str]:
        """Handle one call from an address, and return the status and the sentence of the answer."""
        webhook = self._setups.apps[app].webhook
        if webhook is None:
            return 404, f"{app} sends no webhooks"
        url, now_ms = self._public_url + target, self._clock.now_ms()
        call = WebhookCall(method=method, url=url, headers=headers, body=body, at_ms=now_ms)
        senders, old = self._senders(app, webhook, call)
        for row in old:
            self._refuse(row, now_ms)
        self._strangers.heard(address, genuine=bool(senders or old))
        if not senders:
            if old:
                return 401, f"{_OLD.title}. {_OLD.remedy}"
            self._count("forged", "")
            return 401, "the signature, or the time it was made, is not right"
        reason, status, sentence = self._take(app, webhook, senders, body)
        self._count(reason, *(row.id for row in senders))
        return status, sentence

    def proof(self, nonce: str) -> Mapping[str, str]:
        """Return what only ingest of this installation can answer, and the address that it takes for its own."""
        return {ASKED: self._vault.seal(nonce, connection=ASKED, name=ASKED), ADDRESS: self._public_url}

    def _take(self, app: str, webhook: Webhook, senders: Sequence[Connection], body: bytes) -> tuple[str, int, str]:
        """Publish the notices of a genuine call, and return its outcome and the answer."""
        try:
            heard = webhook.read(body)
        except ValueError as error:
            return "malformed", 400, str(error)
        if heard.unread:
            _log.warning("webhook_events_unread", app=app, events=len(heard.unread), detail=heard.unread[0])
        notices = self._notices(senders, heard.hints)
        try:
            run_blocking(self._bus.publish(notices))
        except BusUnavailable as error:
            _log.warning("webhook_refused", app=app, detail=str(error))
            return "bus_unavailable", 503, "not stored yet; send it again"
        told = {hint.account for hint in heard.hints}
        for row in senders:
            if row.push and told & {"", row.account}:
                self._noting.webhook(row.id)
        return "done", 200, "; ".join((f"{len(notices)} accepted", *heard.unread[:1]))

    def _count(self, reason: str, *connections: str) -> None:
        for name in connections:
            self._metrics.count("webhook_calls_total", connection=name, reason=reason)

    def _refuse(self, row: Connection, now_ms: int) -> None:
        """Count a call that its connection does not take, and have the console tell it."""
        self._count(_OLD.code, row.id)
        try:
            self._refused(row, _OLD.code, now_ms)
        except NotReady as error:
            _log.warning("webhook_refusal_not_noted", connection=row.id, detail=str(error))

    def _senders(self, app: str, webhook: Webhook, call: WebhookCall) -> tuple[list[Connection], list[Connection]]:
        """List the connections whose secret signed this call, and those of them that do not take how it is signed."""
        senders: list[Connection] = []
        old: list[Connection] = []
        for row in self._setups.connections():
            if row.app != app or not row.webhook_secret:
                continue
            try:
                secret = self._vault.open(row.webhook_secret, connection=row.id, name="webhook_secret")
            except VaultError as error:
                _log.error("webhook_secret_unreadable", connection=row.id, detail=str(error))
                continue
            proof = webhook.verify(self._setups.session(row.id), call, secret)
            if proof == "genuine" or (proof == _OLD.code and not row.push):
                senders.append(row)
            elif proof == _OLD.code:
                old.append(row)
        return senders, old

    def _is_wanted(self, connection: str, object_: str) -> bool:
        """Check whether a sync takes part in such records, be it one that only a newer version runs."""
        running = self._setups.running
        return bool(running.sides_of(connection, object_) or running.foreign_syncs(connection, object_))

    def _notices(self, senders: Sequence[Connection], hints: Sequence[Hint]) -> list[Outbound]:
        now_ms = self._clock.now_ms()
        found: dict[tuple[str, str, str, str, str], Outbound] = {}
        for hint in hints:
            for row in senders:
                if not row.push:
                    continue  # answered, so that the app does not send it again for a day; its feeds tell of it
                object_ = self._setups.object_called(row.id, hint.object)
                if hint.account not in ("", row.account) or not self._is_wanted(row.id, object_):
                    continue
                found[row.id, object_, hint.id, hint.kind, hint.winner] = addressed(
                    as_notice(hint, row.id, object_, now_ms)
                )
        return list(found.values())


def make_app(webhooks: Webhooks, apps: Mapping[str, App]) -> Starlette:
    """Make the web application: one path for each app that sends webhooks."""

    def routes(name: str, path: str) -> tuple[Route, Route]:
        async def receive(request: Request) -> Response:
            address = request.client.host if request.client is not None else ""
            wait_ms = webhooks.refuses_ms(address)
            if wait_ms:
                told = {"detail": "too many calls that no account has signed"}
                return JSONResponse(told, status_code=429, headers={"Retry-After": str(-(-wait_ms // 1000))})
            try:
                body = await _body(request)
            except TooLarge:
                return JSONResponse({"detail": f"the body has more than {MAX_BODY} bytes"}, status_code=413)
            except ClientDisconnect:
                return Response(status_code=400)
            target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            headers = {key.lower(): value for key, value in request.headers.items()}
            take = partial(webhooks.receive, name, request.method, target, headers, body, address=address)
            status, sentence = await run_in_threadpool(take)
            again = {"Retry-After": "1"} if status == 503 else {}
            return JSONResponse({"detail": sentence}, status_code=status, headers=again)

        def prove(request: Request) -> Response:
            check = request.query_params.get(ASKED, "")
            if not _NONCE.fullmatch(check):
                return JSONResponse({"detail": "webhooks are taken here, by POST"}, status_code=405)
            return JSONResponse(webhooks.proof(check))

        return Route(path, receive, methods=["POST"]), Route(path, prove, methods=["GET"])

    hooks = {name: app.webhook.path for name, app in apps.items() if app.webhook is not None}
    return Starlette(routes=[route for name, path in hooks.items() for route in routes(name, path)])


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
