"""The only place that sends requests to apps: signed, within the budget, past the guard, and never twice by accident.

What a caller must know after a failure is whether the app may have executed something. So every error that comes from
here says so (`AppError.unknown`): a request that may have left and changes something, or an earlier one of the same
exchange that did.
"""

import http.cookiejar
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn, TypeVar
from urllib.parse import urljoin, urlsplit

import requests
from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, NewConnectionError

from shared import logs
from shared.config.setups import Setups
from shared.contract.app import App
from shared.contract.calls import AppError, Exchange, HttpRequest, HttpResponse
from shared.io.calls.budgets import (
    JITTER_S,
    Budgets,
    BudgetsUnavailable,
    CallRequest,
    Denied,
    Grant,
    Quota,
    Reason,
    Share,
)
from shared.io.calls.budgets_redis import RedisBudgets
from shared.io.calls.call_notes import CallNote, CallNotes, CallNotesAway, RedisCallNotes, masked, said
from shared.io.calls.exchanges import UNAVAILABLE, drive, harmless, refusal, retry_after, too_large
from shared.io.calls.grants import Grants
from shared.io.calls.signing import Entry, Sender, SignedIn, SignIns
from shared.io.calls.tokens_redis import RedisTokens
from shared.io.calls.vault import Vault
from shared.io.net.ssrf import AddressGuard, BlockedAddress, GuardedAdapter
from shared.io.ports import Clock, NotReady
from shared.io.redis.client import connect_by
from shared.metrics import Metrics
from shared.model.syncs import Connection
from shared.settings import Settings

T = TypeVar("T")

CONNECT_S: Final = 5.0
READ_S: Final = 20.0
MAX_BODY: Final = 64 * 1024 * 1024
_RENEW_WAIT_S: Final = 2.0
"""How long a renewal may wait for its account's budget at least."""
_log = logs.get(__name__)


class BudgetsAway(NotReady):
    """The shared budgets cannot be read: stop in place, as when the links are away."""

    def __init__(self) -> None:
        super().__init__("*")
        self.args = ("the shared budgets cannot be read: Redis does not answer",)


@dataclass(slots=True)
class _Run:
    """One exchange under way."""

    signed: SignedIn
    share: Share
    wait_s: float
    entry: Entry | None = None
    """Its leave to call; None where nobody has signed in yet."""
    changed: bool = False
    """A request that changes something was sent."""
    about: tuple[str, ...] = ()
    """The records, and of creates the pairs, that its calls are noted for."""


class HttpCaller:
    """Runs exchanges with apps (`shared.io.ports.Caller`), blocking. Safe to use from several threads.

    Args:
        sign_ins: Signs calls.
        budgets: Grants each request.
        guard: Decides where connections may go.
        metrics: Where calls are counted.
        notes: Where calls about records are noted.
        ca_file: Certificates that vouch for apps.
        sleep: Waits; returns early when the process stops.
    """

    def __init__(
        self,
        *,
        sign_ins: SignIns,
        budgets: Budgets,
        guard: AddressGuard,
        metrics: Metrics,
        notes: CallNotes,
        ca_file: str | None = None,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self.sign_ins = sign_ins
        self._budgets = budgets
        self._guard = guard
        self._metrics = metrics
        self._notes = notes
        self._verify: str | bool = ca_file or True
        self._sleep = sleep
        self._local = threading.local()

    async def run(
        self, connection: str, exchange: Exchange[T], *, share: str = "live", wait_s: float = 0.0,
        about: Collection[str] = (),
    ) -> T:  # fmt: skip
        """Drive *exchange* to its result, waiting at most *wait_s* for the budget of each request."""
        signed = self.sign_ins.open(connection)
        run = _Run(signed, "backfill" if share == "backfill" else "live", wait_s, about=tuple(about))
        run.entry = entry = self.sign_ins.enter(signed, self._asker(run))
        try:
            result = await self._drive(run, exchange)
        except AppError as error:
            self.sign_ins.leave(entry, error)
            raise
        self.sign_ins.leave(entry, None)
        return result

    async def run_unsigned(self, connection: str, exchange: Exchange[T], *, wait_s: float = 0.0) -> T:
        """Drive an exchange by which somebody signs in."""
        return await self._drive(_Run(self.sign_ins.open(connection, partly=True), "live", wait_s), exchange)

    async def _drive(self, run: _Run, exchange: Exchange[T]) -> T:
        async def send(request: HttpRequest) -> HttpResponse:
            return self._send(run, request)

        try:
            return await drive(exchange, send)
        except AppError as error:
            if run.changed and error.retry in ("busy", "outage"):
                error.unknown = True  # an earlier request of this exchange may have been executed
            raise

    def _asker(self, run: _Run) -> Sender:
        """Return what renews tokens: its requests are signed by what they carry, and are no part of the exchange."""
        return lambda request: self._granted(_Run(run.signed, "live", max(run.wait_s, _RENEW_WAIT_S)), request)

    # Sending

    def _send(self, run: _Run, request: HttpRequest) -> HttpResponse:
        response = self._granted(run, request)
        if response.status == 401 and run.entry is not None and self.sign_ins.is_renewed(run.entry, self._asker(run)):
            response = self._granted(run, request)  # a refused call was not executed: it is signed anew
        return response

    def _granted(self, run: _Run, request: HttpRequest) -> HttpResponse:
        signed = run.signed
        grant, started = self._grant(run, request)
        ok, counted = False, {}
        headers = run.entry.headers() if run.entry is not None else {}
        began = time.monotonic()
        try:
            response = self._transfer(signed, request, headers)
            run.changed = run.changed or not harmless(request)
            self._note(run, request, headers, began, response)
            ok = response.status not in UNAVAILABLE and response.status != 429
            counted = counted_by_app(signed.app, response.headers)
        except AppError as error:
            self._note(run, request, headers, began, error)
            run.changed = run.changed or error.unknown
            # A listing asks for fewer records then: a slow one is no reason to stop the whole account.
            if error.retry == "outage" and not (error.smaller and run.share == "backfill"):
                self._pause(signed, "app_unavailable", error.retry_after_s)
            raise
        finally:
            self._settle(signed, grant, started, ok=ok, counted=counted)
        refused = refusal(request, response)
        if refused is not None:
            if response.status == 429:
                self._metrics.count("own_429_total", connection=signed.connection.id)
                self._pause(signed, "rate_limited", retry_after(response))
            elif response.status in UNAVAILABLE:
                self._pause(signed, "app_unavailable", retry_after(response))
            raise refused
        return response

    def _grant(self, run: _Run, request: HttpRequest) -> tuple[Grant, float]:
        """Wait for the budget of a request, and return the grant with the latest moment (monotonic) before it."""
        signed = run.signed
        ask = CallRequest(
            account=signed.account,
            quotas=quotas(signed.app, signed.connection, request.limit),
            parallel=signed.app.max_parallel,
            share=run.share,
        )
        started = time.monotonic()
        while True:
            asked = time.monotonic()
            try:
                answer = self._budgets.take(ask)
            except BudgetsUnavailable as error:
                raise BudgetsAway from error
            waited = time.monotonic() - started
            if isinstance(answer, Grant):
                self._metrics.observe("budget_wait_seconds", waited, connection=signed.connection.id, share=run.share)
                return answer, asked
            left = run.wait_s - waited
            if left <= 0 or (answer.reason in ("rate_limited", "app_unavailable") and answer.retry_after_s > left):
                self._metrics.count(
                    "http_calls_total", connection=signed.connection.id, share=run.share, status="denied"
                )
                _deny(answer)
            self._sleep(max(0.001, min(answer.retry_after_s, left, 0.5)))

    def _settle(
        self, signed: SignedIn, grant: Grant, started: float, *, ok: bool, counted: Mapping[str, tuple[int, int]]
    ) -> None:
        now = time.monotonic()
        left_at = max(started, self._adapter(signed).connected_at)
        try:
            late_s = min(now - started, left_at - started + JITTER_S)
            self._budgets.settle(grant, late_s=late_s, ok=ok, counted=counted)
        except BudgetsUnavailable as error:
            _log.warning("budget_not_settled", connection=signed.connection.id, detail=str(error))  # it ends by itself

    def _note(
        self, run: _Run, request: HttpRequest, headers: Mapping[str, str], began: float, came: HttpResponse | AppError
    ) -> None:
        """Note a call for those who ask why a record is as it is; a call that cannot be noted is as good as any."""
        if not run.about:
            return
        note = CallNote(
            method=request.method,
            path=request.path,
            status=came.status or 0,
            took_ms=int(1000 * (time.monotonic() - began)),
            said=masked(said(came) if isinstance(came, HttpResponse) else came.message, headers),
            about=run.about,
        )
        try:
            self._notes.note(run.signed.connection.id, note)
        except CallNotesAway as error:
            _log.warning("call_not_noted", connection=run.signed.connection.id, detail=str(error))

    def _pause(self, signed: SignedIn, reason: Reason, seconds: float | None) -> None:
        try:
            length = self._budgets.pause(signed.account, reason=reason, retry_after_s=seconds)
        except BudgetsUnavailable as error:
            _log.warning("pause_not_told", connection=signed.connection.id, detail=str(error))
        else:
            _log.info("paused", connection=signed.connection.id, reason=reason, seconds=round(length, 3))

    # The wire

    def _transfer(self, signed: SignedIn, request: HttpRequest, headers: Mapping[str, str]) -> HttpResponse:
        """Send one request; once more where a kept connection had died and sending twice does no harm."""
        try:
            return self._once(signed, request, headers)
        except requests.ConnectionError as error:
            cause = _cause(error)
            if isinstance(cause, BlockedAddress):
                raise AppError("permission_denied", str(cause), retry="setup") from error
            if isinstance(error, requests.exceptions.SSLError):
                raise AppError("app_unavailable", f"no secure connection: {cause}", retry="outage") from error
            sent = not isinstance(cause, NewConnectionError | ConnectTimeoutError)
            if not sent or not harmless(request):
                self._broken(signed, request, "refused" if not sent else "broken", cause, sent=sent)
        except requests.Timeout as error:
            self._broken(signed, request, "timeout", error, sent=True)
        except requests.RequestException as error:
            self._broken(signed, request, "broken", error, sent=True)
        try:
            return self._once(signed, request, headers)
        except requests.RequestException as error:
            self._broken(signed, request, "broken", error, sent=True)

    def _broken(
        self, signed: SignedIn, request: HttpRequest, status: str, error: BaseException, *, sent: bool
    ) -> NoReturn:
        self._metrics.count("http_calls_total", connection=signed.connection.id, share="live", status=status)
        what = {"refused": "accepts no connection", "timeout": "did not answer in time"}.get(status, "broke off")
        host = urlsplit(signed.connection.base_url).netloc.rpartition("@")[2]
        raise AppError(
            "app_unavailable",
            f"{host} {what}",
            retry="outage",
            unknown=sent and not harmless(request),
            smaller=status == "timeout" and harmless(request),
        ) from error

    def _once(self, signed: SignedIn, request: HttpRequest, headers: Mapping[str, str]) -> HttpResponse:
        row = signed.connection
        url = _below(row.base_url, request.path)
        started = time.monotonic()
        try:
            with self._session(signed).request(
                request.method,
                url,
                params=dict(request.query),
                headers={"User-Agent": "syncline", **headers, **request.headers},
                data=request.body or None,
                timeout=(CONNECT_S, READ_S),
                allow_redirects=False,
                stream=True,
                verify=self._verify,
            ) as reply:
                body = _body(reply, request, started + CONNECT_S + READ_S)
        except BlockedAddress as error:
            raise AppError("permission_denied", str(error), retry="setup") from error
        self._metrics.observe("http_seconds", time.monotonic() - started, connection=row.id)
        self._metrics.count("http_calls_total", connection=row.id, share="live", status=_status(reply.status_code))
        names = {name.lower(): value for name, value in reply.headers.items()}
        return HttpResponse(status=reply.status_code, headers=names, body=body)

    def _session(self, signed: SignedIn) -> requests.Session:
        """Return this thread's session; sessions are not made to be shared between threads."""
        return self._kept(signed)[0]

    def _adapter(self, signed: SignedIn) -> GuardedAdapter:
        return self._kept(signed)[1]

    def _kept(self, signed: SignedIn) -> tuple[requests.Session, GuardedAdapter]:
        kept: dict[str, tuple[requests.Session, GuardedAdapter]] = self._local.__dict__.setdefault("sessions", {})
        if signed.connection.id not in kept:
            session, adapter = requests.Session(), GuardedAdapter(self._guard)
            session.trust_env = False  # proxies and .netrc of the machine are not meant for us
            session.cookies.set_policy(http.cookiejar.DefaultCookiePolicy(allowed_domains=[]))
            session.mount("http://", adapter)
            session.mount("https://", adapter)
            kept[signed.connection.id] = session, adapter
        return kept[signed.connection.id]


def quotas(app: App, connection: Connection, name: str) -> tuple[Quota, ...]:
    """List the limits that a request counts against: the one it names, and the day's."""
    found = []
    others = next((auth.limits for auth in app.auth if auth.kind == connection.auth), {})
    for limit in app.limits:
        if limit.kind not in ("rolling", "window", "daily") or (limit.name != name and limit.kind != "daily"):
            continue
        amount = connection.limits.get(limit.name, others.get(limit.name, limit.amount))
        if amount > 0:
            found.append(Quota(name=limit.name, amount=amount, window_ms=int(limit.window_s * 1000)))
    return tuple(found)


def counted_by_app(app: App, headers: Mapping[str, str]) -> dict[str, tuple[int, int]]:
    """Return what an answer says of the app's limits, by name: the amount of each, and what is left."""
    found = {}
    for limit in app.limits:
        amount, left = (headers.get(name, "") for name in limit.told or ("", ""))
        if amount.isdecimal() and left.isdecimal():
            found[limit.name] = (int(amount), int(left))
    return found


def make_caller(
    settings: Settings,
    setups: Setups,
    metrics: Metrics,
    clock: Clock,
    *,
    grants: Grants,
    sleep: Callable[[float], object] = time.sleep,
) -> HttpCaller:
    """Make the caller of a process; raises `VaultError`."""
    client = connect_by(settings)
    return HttpCaller(
        sign_ins=SignIns(
            setups=setups,
            vault=Vault.from_file(settings.key_file),
            cache=RedisTokens(client),
            grants=grants,
            metrics=metrics,
            clock=clock,
            sleep=sleep,
        ),
        budgets=RedisBudgets(client, backfill_share=settings.backfill_share),
        guard=AddressGuard(settings.allow_private_addresses),
        metrics=metrics,
        notes=RedisCallNotes(client),
        ca_file=str(settings.http_ca_file) if settings.http_ca_file else None,
        sleep=sleep,
    )


def _deny(answer: Denied) -> NoReturn:
    if answer.reason == "rate_limited":
        raise AppError(
            "rate_limited", "the app asked us to slow down", retry="busy", retry_after_s=answer.retry_after_s
        )
    if answer.reason == "app_unavailable":
        raise AppError(
            "app_unavailable", "the app did not answer lately", retry="outage", retry_after_s=answer.retry_after_s
        )
    raise AppError(
        "budget_spent", f"no call is left now ({answer.reason})", retry="busy", retry_after_s=answer.retry_after_s
    )


def _below(base: str, path: str) -> str:
    """Return the address of a request: below the base, or on its very host."""
    url = urljoin(base, path) if "://" in path or base.count("/") <= 3 else base.rstrip("/") + path
    if urlsplit(url)[:2] != urlsplit(base)[:2]:
        raise AppError("permission_denied", f"{urlsplit(url).netloc} is not the host of this connection", retry="setup")
    return url


def _body(reply: requests.Response, request: HttpRequest, deadline: float) -> bytes:
    """Read an answer that neither grows nor drips without end."""
    parts: list[bytes] = []
    size = 0
    for part in reply.iter_content(65_536):
        size += len(part)
        if size > MAX_BODY:
            raise too_large(request, MAX_BODY)
        if time.monotonic() > deadline:
            raise requests.exceptions.ReadTimeout("the answer came too slowly")
        parts.append(part)
    return b"".join(parts)


def _cause(error: requests.RequestException) -> BaseException:
    inner: Any = error.args[0] if error.args else error
    if isinstance(inner, MaxRetryError) and inner.reason is not None:
        return inner.reason
    return inner if isinstance(inner, BaseException) else error


def _status(status: int) -> str:
    return str(status) if status in (404, 412, 423, 429) else f"{status // 100}xx"
