"""The REST API: what stands how, why, and long work to be done."""

import base64
import hmac
import json
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, FastAPI, Header, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from starlette.exceptions import HTTPException

from services.console import projection
from services.console.explain import explain, summary
from services.console.guard import WrongTokens, is_ours
from services.console.projection import SHOWN, Views
from shared import topics
from shared.core.ids import record_key
from shared.core.pairs import Pair
from shared.core.records import SIDES, Side
from shared.core.syncs import Connection, Job
from shared.io.budgets import Budgets, BudgetsUnavailable, account_of
from shared.io.ports import Bus, BusUnavailable, Clock, NotReady, Outbound, run_blocking
from shared.io.tokens import Paused
from shared.io.webhook_refusals import Refusals
from shared.messages import JobProgress, SetupDoc
from shared.rules.errors import CODES, ERRORS
from shared.setups import Setups

_PAGE: Final = 500
_MAX_BODY: Final = 65_536
_LATEST_MS: Final = 2**53
_FRONT: Final = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Syncline</title>
<p>This is Syncline's console. It has no pages yet: ask its API below <code>/api/v1/</code> with the header
<code>Authorization: Bearer</code> and SYNCLINE_CONSOLE_TOKEN, for example <code>/api/v1/health</code>.</p></html>
"""
_bearer: Final = HTTPBearer(auto_error=False)
_Place: Final = TypeAdapter(tuple[str, str])


class Problem(HTTPException):
    """An answer that says what is wrong (RFC 9457)."""

    def __init__(self, status: int, title: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, detail, dict(headers or {}))
        self.title = title


class JobRequest(BaseModel):
    """Long work to be done."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["resync"] = "resync"
    sync: str
    statuses: tuple[Literal["in_sync", "pending", "failing", "excluded"], ...] = Field(
        default=(), description="Which pairs to look at again; all, and all records of both sides, when empty."
    )


class Api:
    """What the routes need.

    Args:
        budgets: Tell which accounts are paused.
        ready: Tells whether the views have caught up with the journal once.
        refused: Tells whether a connection's sign-in was refused; raises `NotReady` when Redis is away.
        webhooks: Tells which calls of a connection's app were refused; raises `NotReady` when Redis is away.
    """

    def __init__(
        self,
        views: Views,
        setups: Setups,
        bus: Bus,
        clock: Clock,
        *,
        budgets: Budgets,
        token: str,
        ready: Callable[[], bool],
        refused: Callable[[Connection], Paused | None],
        webhooks: Callable[[Connection], Refusals | None],
    ) -> None:
        self.views = views
        self.setups = setups
        self.bus = bus
        self.clock = clock
        self._budgets = budgets
        self._token = token
        self._wrong = WrongTokens()
        self._ready = ready
        self._refused = refused
        self._webhooks = webhooks

    def authorize(
        self, request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
    ) -> None:
        """Refuse a call without the token, and one of a client that has sent many wrong ones."""
        client, now = request.client.host if request.client else "", self.clock.now_ms()
        wait_s = self._wrong.wait_s(client, now)
        if wait_s:
            raise Problem(
                429,
                "Too many wrong tokens",
                f"This client sent too many wrong tokens: it is heard again in {wait_s} s.",
                {"Retry-After": str(wait_s)},
            )
        if given is None or not hmac.compare_digest(given.credentials.encode(), self._token.encode()):
            if given is not None:
                self._wrong.note(client, now)
            raise Problem(
                401,
                "Sign in",
                "Send `Authorization: Bearer …` with SYNCLINE_CONSOLE_TOKEN.",
                {"WWW-Authenticate": "Bearer"},
            )

    def health(self) -> dict[str, Any]:
        """Count pairs by sync and status, and say how fresh everything is."""
        counts, fresh, now = self.views.counts(), self.views.freshness(), self.clock.now_ms()
        not_run = self.setups.not_run()
        syncs = []
        for name in dict.fromkeys((*(sync.id for sync in self.setups.syncs()), *not_run)):
            by_status, sync = counts.get(name, {}), self.setups.sync(name)
            settled, waits = fresh.get(name, (0, 0))
            syncs.append(
                {
                    "id": name,
                    "enabled": sync.enabled if sync else None,
                    "phase": self.setups.phase(name),
                    "not_run_here": not_run.get(name, ""),
                    "counts": {status: sum(by_status.get(status, {}).values()) for status in SHOWN},
                    "reasons": {status: rows for status, rows in by_status.items() if any(rows)},
                    "last_settled_ms": settled,
                    "oldest_pending_s": round((now - waits) / 1000, 3) if waits else 0.0,
                    "jobs": [_job(job, told) for job, told in self.setups.jobs() if job.sync == name],
                }
            )
        asked = self.setups.feeds_in_use()
        feeds = [
            {
                "feed": feed.name,
                "complete_to_ms": feed.complete_to_ms,
                "age_s": round(max(0, now - feed.complete_to_ms) / 1000, 1) if feed.complete_to_ms else None,
                "interval_s": round(feed.interval_s, 1) or None,
                **({"calls": feed.calls} if feed.calls else {}),
            }
            for feed in self.views.feeds()
            if feed.name in asked
        ]
        return {
            "ready": self._ready(),
            "connections": [self.connection(row) for row in self.setups.connections()],
            "syncs": syncs,
            "feeds": feeds,
            "parked": self.views.parked(),
            "at_ms": now,
        }

    def connection(self, row: Connection) -> dict[str, Any]:
        """Show whether a connection works: one line tells what holds up all of its records."""
        shown: dict[str, Any] = {"id": row.id, "app": row.app, "account": row.account, "label": row.label}
        try:
            refused, paused = self._refused(row), self._budgets.paused(account_of(row))
            webhooks = self._webhooks(row)
        except (NotReady, BudgetsUnavailable):
            return {**shown, "state": "unknown"}
        if webhooks is not None:
            shown["webhooks_refused"] = {**asdict(webhooks), "hint": _remedy(webhooks.reason)}
        why: dict[str, Any]
        if refused is not None:
            why = {"reason": refused.code, "detail": refused.message}
        elif paused is not None:
            why = {"reason": paused.reason, "since_ms": paused.since_ms}
        else:
            return {**shown, "state": "running"}
        return {**shown, "state": "paused", **why, "hint": _remedy(why["reason"])}

    def row(self, pair: Pair) -> dict[str, Any]:
        """Show one pair as a row of a list."""
        return {
            "id": pair.pair,
            "sync": pair.sync,
            "label": pair.label,
            "status": pair.status,
            "reason": pair.reason,
            "summary": summary(pair, self.setups),
            "left": pair.L.id if pair.L else None,
            "right": pair.R.id if pair.R else None,
            "changed_ms": pair.changed_ms,
            "synced_ms": pair.synced_ms,
            "parked": next(iter(self._parked(pair)), None),
        }

    def _parked(self, pair: Pair) -> list[dict[str, Any]]:
        """List the parked messages to a pair, or of one of its records, the newest first."""
        sync, keys = self.setups.sync(pair.sync), [pair.pair]
        for side in SIDES:
            end = pair.side(side)
            if sync is not None and end is not None:
                part = sync.side(side)
                keys.append(record_key(part.connection, part.object, end.id))
        return self.views.parked_about(keys)

    def find(self, name: str) -> Pair:
        """Give a pair; raises a problem when there is none."""
        pair = self.views.pair(name)
        if pair is None:
            raise Problem(404, "No such record", f"There is no row {name!r}. Look it up by GET /api/v1/records?q=…")
        return pair

    def explain(self, pair: Pair) -> dict[str, Any]:
        """Explain a pair; one that gave its record away, by the pair that holds it now."""
        for _ in range(8):
            owner = self.views.pair(pair.absorbed_by) if pair.absorbed_by else None
            if owner is None:
                break
            pair = owner
        return explain(pair, self.setups, self.views.steps(pair.pair), self._parked(pair), self._label)

    def _label(self, sync: str, side: Side, record: str) -> str:
        found = self.views.holding(sync, side, record)
        return found.label if found is not None else ""

    def add_job(self, wanted: JobRequest, key: str) -> dict[str, Any]:
        """Ask for a job; the same key asks for the same job."""
        if self.setups.sync(wanted.sync) is None:
            known = ", ".join(sync.id for sync in self.setups.syncs()) or "none"
            raise Problem(404, "No such sync", f"There is no sync {wanted.sync!r}; there are: {known}.")
        now = self.clock.now_ms()
        job = Job(
            id=f"{wanted.kind}-{wanted.sync}.{key or now}",  # neither part may hold a dot
            kind=wanted.kind,
            sync=wanted.sync,
            statuses=wanted.statuses,
            asked_at_ms=now,
        )
        for asked, told in self.setups.jobs():
            if asked.id == job.id:
                if set(asked.statuses) != set(job.statuses):
                    raise Problem(422, "Key used before", "That Idempotency-Key asked for other work: take a new one.")
                return _job(asked, told)
        try:
            doc = SetupDoc(job=job)
            run_blocking(self.bus.publish([Outbound(topic=topics.SETUPS, key=f"job:{job.id}", message=doc)]))
        except BusUnavailable as error:
            raise Problem(503, "Kafka is away", str(error), {"Retry-After": "1"}) from error
        return _job(job, None)


def _remedy(reason: str) -> str:
    told = CODES.get(reason)
    return told.remedy if told else ""


def _job(job: Job, told: JobProgress | None) -> dict[str, Any]:
    shown = told.model_dump(exclude={"barrier", "cursors", "job"}) if told else {"phase": "waiting"}
    return {"id": job.id, "kind": job.kind, "sync": job.sync, "asked_at_ms": job.asked_at_ms, **shown}


def _after(cursor: str) -> tuple[str, str]:
    if not cursor:
        return "", ""
    try:
        sync, pair = _Place.validate_json(base64.urlsafe_b64decode(cursor))
    except ValueError as error:
        raise Problem(400, "Not a cursor", "Take `cursor` from the `next` of the page before.") from error
    return sync, pair


def _cursor(rows: Sequence[Pair], limit: int) -> str | None:
    if len(rows) < limit:
        return None
    return base64.urlsafe_b64encode(json.dumps([rows[-1].sync, rows[-1].pair]).encode()).decode()


def routes(api: Api) -> APIRouter:  # noqa: C901 - a list of routes, each a line or two
    """Make the routes below /api/v1."""
    router = APIRouter(prefix="/api/v1", dependencies=[Depends(api.authorize)])

    @router.get("/health", summary="Counts by sync and status, and freshness")
    def health() -> dict[str, Any]:
        return api.health()

    @router.get("/records", summary="Rows, filtered, in pages")
    def records(
        sync: str = "",
        status: Literal["", "in_sync", "pending", "failing", "excluded"] = "",
        category: Annotated[str, Query(description="Reason of the status, such as an error category.")] = "",
        q: Annotated[str, Query(description="Part of the label, or the id of a record.", max_length=200)] = "",
        since: Annotated[int, Query(ge=0, le=_LATEST_MS, description="Changed since, epoch milliseconds.")] = 0,
        cursor: str = "",
        limit: Annotated[int, Query(ge=1, le=_PAGE)] = 50,
    ) -> dict[str, Any]:
        wanted = projection.Query(
            sync=sync, status=status, reason=category, text=q, since_ms=since, after=_after(cursor), limit=limit
        )
        rows = api.views.rows(wanted)
        return {"records": [api.row(pair) for pair in rows], "next": _cursor(rows, limit)}

    @router.get("/records/{name}", summary="One row")
    def record(name: str) -> dict[str, Any]:
        return api.row(api.find(name))

    @router.get("/records/{name}/explanation", summary="Why a record is as it is")
    def explanation(name: str) -> dict[str, Any]:
        return api.explain(api.find(name))

    @router.get("/explanations", summary="Why a record of an app is as it is, by its id there")
    def explanations(connection: str, object: str, record_id: str) -> dict[str, Any]:  # noqa: A002 - the API's word
        found = []
        for sync in api.setups.syncs():
            for side in SIDES:
                end = sync.side(side)
                if (end.connection, end.object) == (connection, object):
                    pair = api.views.holding(sync.id, side, record_id)
                    if pair is not None:
                        found.append(api.explain(pair))
        if not found:
            raise Problem(404, "Not seen", f"No sync has seen {object} {record_id!r} of connection {connection!r} yet.")
        return {"explanations": found}

    @router.get("/parked", summary="Messages that nobody could handle, and why, the newest first")
    def parked(
        before: Annotated[int, Query(ge=0, description="`at` of the last one shown.")] = 0,
        limit: Annotated[int, Query(ge=1, le=_PAGE)] = 50,
    ) -> dict[str, Any]:
        return {"parked": api.views.parked_rows(before, limit)}

    @router.get("/jobs", summary="Jobs and how far they are")
    def jobs() -> dict[str, Any]:
        return {"jobs": [_job(job, told) for job, told in api.setups.jobs()]}

    @router.get("/jobs/{name}", summary="One job")
    def job(name: str) -> dict[str, Any]:
        found = next((_job(row, told) for row, told in api.setups.jobs() if row.id == name), None)
        if found is None:
            raise Problem(404, "No such job", f"There is no job {name!r}.")
        return found

    @router.post("/jobs", status_code=202, summary="Look again at all pairs of a sync, or at those of some statuses")
    def add_job(
        wanted: JobRequest,
        idempotency_key: Annotated[str, Header(pattern=r"^[A-Za-z0-9_-]{0,64}$")] = "",
    ) -> dict[str, Any]:
        return api.add_job(wanted, idempotency_key)

    @router.get("/error-categories", summary="What can go wrong with a record, who acts, and what to do")
    def categories() -> dict[str, Any]:
        return {
            "categories": [
                {"code": row.code, "title": row.title, "who": row.who, "retry": row.retry, "remedy": row.remedy}
                for row in ERRORS
            ]
        }

    return router


def make_app(api: Api, names: Collection[str] = ()) -> FastAPI:
    """Make the web application; its description too is behind the token.

    Args:
        api: What the routes need.
        names: Names of the console beside localhost and addresses.
    """
    web = FastAPI(title="Syncline", version="1", docs_url=None, redoc_url=None, openapi_url=None)
    web.include_router(routes(api))

    @web.get("/api/v1/openapi.json", dependencies=[Depends(api.authorize)], include_in_schema=False)
    def openapi() -> dict[str, Any]:
        return web.openapi()

    @web.middleware("http")
    async def small(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
        """Refuse a body that no route takes: it would be read before anybody asks for the token."""
        length = request.headers.get("content-length", "0")
        if "transfer-encoding" in request.headers or not length.isascii() or not length.isdigit():
            return _problem(411, "Length required", "Send the body with a Content-Length.", None)
        if int(length) > _MAX_BODY:
            return _problem(413, "Too large", f"A body may have {_MAX_BODY} bytes.", None)
        return await go_on(request)

    @web.middleware("http")
    async def named(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
        """Refuse a request under a name that is not ours."""
        host = request.headers.get("host", "")
        if not is_ours(host, names):
            return _problem(
                421,
                "Not this name",
                f"Call the console by its address, or set SYNCLINE_CONSOLE_NAMES to {host!r}.",
                None,
            )
        return await go_on(request)

    @web.get("/", include_in_schema=False)
    def front() -> HTMLResponse:
        return HTMLResponse(_FRONT, headers={"Content-Security-Policy": "default-src 'none'"})

    @web.exception_handler(HTTPException)
    async def problem(_: Request, error: HTTPException) -> JSONResponse:
        title = error.title if isinstance(error, Problem) else "Not possible"
        return _problem(error.status_code, title, str(error.detail), error.headers)

    @web.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        rows = (f"{'.'.join(map(str, row['loc'][1:]))}: {row['msg']}" for row in error.errors())
        return _problem(422, "Not understood", "; ".join(rows), None)

    return web


def _problem(status: int, title: str, detail: str, headers: Mapping[str, str] | None) -> JSONResponse:
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return JSONResponse(body, status, dict(headers or {}), media_type="application/problem+json")
