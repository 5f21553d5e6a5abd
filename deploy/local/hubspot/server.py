"""The HTTP side: one ASGI application, and a way to run it inside a test."""

import asyncio
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from email.utils import formatdate
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import parse_qs, unquote

import orjson
import uvicorn
import uvloop
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from deploy.local.hubspot import admin, oauth, routes
from deploy.local.hubspot.client import AdminClient
from deploy.local.hubspot.errors import ApiError, bad_request, invalid_input, not_found, rate_limited, wrong_hublet
from deploy.local.hubspot.events.webhooks import Dispatcher
from deploy.local.hubspot.faults import Fault
from deploy.local.hubspot.http import Answer, Call
from deploy.local.hubspot.objects.search import MAX_BODY
from deploy.local.hubspot.world import World

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Result = TypeVar("Result")

MAX_REQUEST = 64 * 1024 * 1024
HANG_SECONDS = 300.0
_BY_FORM: Mapping[str, Callable[[World, dict[str, str]], Answer]] = {
    "/oauth/2026-03/token": oauth.token,
    "/oauth/2026-03/token/introspect": oauth.introspect,
    "/oauth/2026-03/token/revoke": oauth.revoke_by_form,
    "/oauth/v1/token": oauth.token,
}
"""What is asked by forms that are sent to an address of OAuth."""


class Clock:
    """The wall clock as epoch milliseconds, which tests may push forward."""

    def __init__(self) -> None:
        self._ahead = 0

    def __call__(self) -> int:
        """Return the time."""
        return time.time_ns() // 1_000_000 + self._ahead

    def advance(self, ms: int) -> None:
        """Advance the clock."""
        self._ahead += ms


class _Protocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type, unused-ignore] # chosen by uvicorn at run time
    """uvicorn's protocol that also tells the application its connection, so that it can be cut."""

    app_state: dict[str, Any]

    def connection_made(self, transport: Any) -> None:
        """Note the connection where the application finds it."""
        self.app_state = {**self.app_state, "transport": transport}
        super().connection_made(transport)


class Application:
    """The simulator as an ASGI application."""

    def __init__(self, world: World, admin_token: str) -> None:
        self.world = world
        self.dispatcher = Dispatcher(world)
        self._admin = admin.Admin(world, self.dispatcher, admin_token)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event, as ASGI says."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        else:
            raise RuntimeError(f"no {scope['type']} here")

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        await self.dispatcher.start()
        self.world.journal.flush()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.dispatcher.stop()
        self.world.journal.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, correlation = unquote(scope["path"]), self.world.new_id()
        # The Date of an answer is HubSpot's clock to its clients, so it must be the simulator's own.
        date = formatdate(self.world.clock() / 1000, usegmt=True)
        headers = {"date": date, "x-hubspot-correlation-id": correlation}
        try:
            body = await _read(receive)
            if body is None:
                return
            if path.startswith("/_admin/"):
                answer = self._admin.handle(scope, path, body)
            elif path.startswith("/oauth/"):
                answer = self._oauth(scope, path, body)
            else:
                await self._api(scope, path, body, send, correlation, headers)
                return
        except ApiError as error:
            answer = Answer(error.status, error.envelope(correlation))
        self.world.journal.flush()
        for account in self.world.accounts.values():
            self.dispatcher.wake(account)
        await _answer(send, answer, headers)

    def _oauth(self, scope: Scope, path: str, body: bytes) -> Answer:
        method = scope["method"]
        query = {name: values[-1] for name, values in parse_qs(scope["query_string"].decode()).items()}
        form = {name: values[-1] for name, values in parse_qs(body.decode(errors="replace")).items()}
        steps = path.strip("/").split("/")
        if (method, path) == ("GET", "/oauth/authorize"):
            return oauth.consent_page(self.world, query)
        if (method, path) == ("POST", "/oauth/authorize"):
            return oauth.consent(self.world, query, form)
        if method == "POST" and path in _BY_FORM:
            return _BY_FORM[path](self.world, form)
        if len(steps) == 4 and method == "GET" and steps[2] in ("access-tokens", "refresh-tokens"):
            return oauth.token_info(self.world, steps[2].removesuffix("-tokens"), steps[3])
        if len(steps) == 4 and method == "DELETE" and steps[2] == "refresh-tokens":
            return oauth.revoke(self.world, steps[3])
        raise not_found()

    async def _api(
        self, scope: Scope, path: str, body: bytes, send: Send, correlation: str, headers: dict[str, str]
    ) -> None:
        began = time.perf_counter()
        method = scope["method"]
        found = routes.match(method, path)
        if found is None:
            raise not_found()
        route, params = found
        grant = oauth.authenticate(self.world, _header(scope, b"authorization"), routes.scopes(route, params))
        account = self.world.accounts[grant.portal_id]
        struck = account.faults.strike(self.world.clock(), method, path)
        for fault in struck:
            if fault.kind == "latency":
                await asyncio.sleep(account.faults.delay_ms(fault) / 1000)
        now = self.world.clock()
        before = next((fault for fault in struck if fault.kind in ("status", "drop_before", "storm")), None)
        try:
            if before is not None:
                answer = _prevent(before, account.portal_id, correlation)
            else:
                app = self.world.apps[grant.app_id]
                refusal, counted = account.limiter.admit(
                    now, grant.app_id, private=app.private, search=route.group == "search"
                )
                headers.update(counted)
                if refusal is not None:
                    account.calls.refused[refusal.policy] += 1
                    raise rate_limited(refusal.policy, refusal.message, correlation, {})
                call = Call(
                    world=self.world,
                    account=account,
                    app=app,
                    grant=grant,
                    params=params,
                    query=parse_qs(scope["query_string"].decode(), keep_blank_values=True),
                    body=_json(body, route.group),
                    now=now,
                    id=correlation,
                    path=path,
                )
                answer = route.handler(call)
        except ApiError as error:
            headers.update(error.headers)
            answer = Answer(error.status, error.envelope(correlation))
        # Acknowledged means kept: the journal is written before a byte of the answer is.
        self.world.journal.flush()
        self.dispatcher.wake(account)
        after = next(
            (fault for fault in struck if fault.kind in ("drop_before", "drop_reply", "hang", "malformed")), None
        )
        account.calls.note(
            at=now,
            method=method,
            path=path,
            kind=route.group,
            status=0 if after is not None and after.kind != "malformed" else answer.status,
            ms=(time.perf_counter() - began) * 1000,
            app_id=grant.app_id,
        )
        if after is None:
            await _answer(send, answer, headers)
        elif after.kind == "malformed":
            await _answer(send, answer, headers, cut=True)
        else:
            if after.kind == "hang":
                await asyncio.sleep(HANG_SECONDS)
            scope["state"]["transport"].abort()


def _prevent(fault: Fault, portal_id: int, correlation: str) -> Answer:
    """Return the answer of a call that a fault keeps from being executed."""
    if fault.kind == "status" and fault.status == 488:
        raise wrong_hublet(portal_id, "eu1")
    if fault.kind == "storm":
        wait = {"retry-after": str(fault.retry_after)} if fault.retry_after else {}
        message = "You have reached your ten_secondly_rolling limit."
        raise rate_limited("TEN_SECONDLY_ROLLING", message, correlation, wait)
    if fault.kind == "drop_before":
        return Answer(0)
    texts = {423: "The record is locked; try again", 477: "The account is being migrated", 429: "Too many requests"}
    raise ApiError(
        fault.status,
        "LOCKED" if fault.status == 423 else "INTERNAL_ERROR",
        texts.get(fault.status, "internal error"),
        headers={"retry-after": str(fault.retry_after)} if fault.retry_after else None,
    )


def _header(scope: Scope, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


def _json(body: bytes, group: str) -> Any:
    if not body:
        return None
    if group == "search" and len(body) > MAX_BODY:
        raise bad_request(f"The request body must be at most {MAX_BODY} characters long, not {len(body)}")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise invalid_input(str(error)) from error


async def _read(receive: Receive) -> bytes | None:
    """Return the body of a request; None when the client went away."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        size += len(message.get("body", b""))
        if size <= MAX_REQUEST:
            parts.append(message.get("body", b""))
        if not message.get("more_body"):
            break
    if size > MAX_REQUEST:
        raise ApiError(413, "PAYLOAD_TOO_LARGE", f"the body is larger than {MAX_REQUEST} bytes")
    return b"".join(parts)


async def _answer(send: Send, answer: Answer, headers: dict[str, str], *, cut: bool = False) -> None:
    body = b""
    kind = "application/json;charset=utf-8"
    if answer.html:
        body, kind = answer.body.encode(), "text/html;charset=utf-8"
    elif answer.body is not None:
        body = orjson.dumps(answer.body)
    if cut:
        body = body[: len(body) // 2]
    lines = [*headers.items(), ("content-length", str(len(body)))]
    if body:
        lines.append(("content-type", kind))
    if answer.location:
        lines.append(("location", answer.location))
    await send(
        {
            "type": "http.response.start",
            "status": answer.status,
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in lines],
        }
    )
    await send({"type": "http.response.body", "body": body})


def configure(application: Application, *, log_level: str = "warning") -> uvicorn.Config:
    """Return how uvicorn runs the simulator."""
    return uvicorn.Config(
        application,
        log_level=log_level,
        access_log=False,
        date_header=False,
        lifespan="on",
        http=_Protocol,
        ws="none",
        backlog=256,
        timeout_keep_alive=60,
        timeout_graceful_shutdown=2,
    )


class HubSpotServer:
    """The simulator in a thread of this process; use it as a context manager.

    Args:
        port: where to listen on 127.0.0.1; 0 picks a free port.
        admin_token: what `X-Admin-Token` must carry.
        data: folder that keeps the state; None keeps it in memory alone.
        seed: of ids and drawn faults.
        clock: epoch milliseconds; a `Clock` can be pushed forward.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        admin_token: str = "admin",  # noqa: S107 - the default of a simulator on localhost
        data: Path | None = None,
        seed: int = 0,
        clock: Callable[[], int] | None = None,
    ) -> None:
        self.clock = clock or Clock()
        self.world = World(clock=self.clock, seed=seed, folder=data)
        self.admin_token = admin_token
        self.application = Application(self.world, admin_token)
        self._socket = listen(port)
        self.port = int(self._socket.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server = uvicorn.Server(configure(self.application))
        self._thread = threading.Thread(target=self._run, name="hubspot-simulator", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        deadline = time.monotonic() + 10
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise RuntimeError("the HubSpot simulator did not start within 10 s; see its log")
            time.sleep(0.01)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join(10)
        self._socket.close()

    def admin(self) -> AdminClient:
        """Return a new client of the admin API; close it when done."""
        return AdminClient(self.url, self.admin_token)

    def run(self, work: Callable[[World], Result]) -> Result:
        """Run a function on the server's own thread, between two calls, and return what it returns."""
        if self._loop is None:
            raise RuntimeError("the server is not running; use it in a with block")

        async def inside() -> Result:
            result = work(self.world)
            self.world.journal.flush()
            for account in self.world.accounts.values():
                self.application.dispatcher.wake(account)
            return result

        return asyncio.run_coroutine_threadsafe(inside(), self._loop).result(30)

    def _run(self) -> None:
        async def serve() -> None:
            self._loop = asyncio.get_running_loop()
            await self._server.serve(sockets=[self._socket])

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve())


def listen(port: int) -> socket.socket:
    """Return a socket that listens on a port of 127.0.0.1: callers wait in line until the server runs."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", port))
    sock.listen(256)
    return sock
