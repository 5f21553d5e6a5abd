"""The REST API: what stands how, why, and long work to be done."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import asdict
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, FastAPI, Header, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.exceptions import HTTPException

from services.console.access.authentication import Access
from services.console.access.protect import problem_json, protect
from services.console.access.roles import NEEDS, check_role
from services.console.rest.access import add_routes
from services.console.rest.connections import add_connection_routes
from services.console.rest.parked import add_parked
from services.console.rest.sign_in import add_sign_in
from services.console.use.activity import acting, acts
from services.console.use.callers import Caller
from services.console.use.changes import HEADER, noting, read, spell, wait_for
from services.console.use.exporting import as_csv
from services.console.use.installation import Installation, JobRequest
from services.console.use.jobs import Order
from services.console.use.problems import Problem
from services.console.use.records import LATEST_MS, LONGEST, Filter, Period, Status, page_of
from services.console.use.resyncing import resync_chosen
from services.console.use.series import Range, series
from services.console.views.activities import ActivityFilter
from shared.core.records import SIDES
from shared.rules.errors import ERRORS

_PAGE: Final = 500
_bearer: Final = HTTPBearer(auto_error=False)


def _authorized(api: Installation, access: Access) -> Callable[..., Caller]:
    def authorize(request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> Caller:
        caller = access.check(request.client.host if request.client else "", given.credentials if given else None)
        needed = NEEDS[f"{request.method} {request.scope['route'].path}"]
        if needed is not None:
            check_role(caller.role, needed)
        request.state.who = caller.who
        acts(caller)
        if not wait_for(read(request.headers.get(HEADER, "")), api.reached):
            raise Problem(503, "Not shown here yet", f"What {HEADER} names is not read yet.", {"Retry-After": "1"})
        return caller

    return authorize


def _filter(
    sync: str = "",
    object: Annotated[str, Query(description="Of syncs that have this object on one side.")] = "",  # noqa: A002 - the API's word
    connection: Annotated[str, Query(description="Of syncs that have this connection on one side.")] = "",
    status: Status = "",
    category: Annotated[str, Query(description="Reason of the status, such as an error category.")] = "",
    period: Annotated[Period, Query(description="Changed within this time.")] = "",
    since: Annotated[int, Query(ge=0, le=LATEST_MS, description="Changed since, epoch milliseconds.")] = 0,
    q: Annotated[
        str, Query(description="Parts of the name or of an address, or the id of a record.", max_length=LONGEST)
    ] = "",
) -> Filter:
    return Filter(
        sync=sync, object=object, connection=connection, status=status, category=category, period=period,
        since=since, q=q,
    )  # fmt: skip


def routes(api: Installation, access: Access) -> APIRouter:  # noqa: C901 - a list of routes, each a line or two
    """Make the routes below /api/v1."""
    who = _authorized(api, access)
    router = APIRouter(prefix="/api/v1", dependencies=[Depends(who)])

    @router.get("/health", summary="Counts by sync and status, and freshness")
    def health() -> dict[str, Any]:
        return api.health()

    @router.get("/health/series", summary="How everything stood over time, in slots")
    def health_series(
        range: Annotated[Range, Query(description="How far back.")] = "24h",  # noqa: A002 - the API's word
        sync: Annotated[str, Query(description="One sync; all when empty.")] = "",
    ) -> dict[str, Any]:
        return series(api, range, sync)

    @router.get("/records", summary="Rows, filtered, the newest change first, in pages")
    def records(
        wanted: Annotated[Filter, Depends(_filter)],
        cursor: Annotated[str, Query(description="`next` of the page before.")] = "",
        limit: Annotated[int, Query(ge=1, le=_PAGE)] = 50,
    ) -> dict[str, Any]:
        page = page_of(api, wanted, cursor, limit)
        rows = [api.row(pair) for pair in api.views.states([row.pair for row in page.rows])]
        total = asdict(page.total) if page.total else None
        return {"records": rows, "total": total, "next": page.next or None}

    @router.get("/records.csv", summary="All rows that filters choose, as a file", response_class=StreamingResponse)
    def export(wanted: Annotated[Filter, Depends(_filter)]) -> StreamingResponse:
        rows = as_csv(api, wanted.listing(api.setups, api.clock.now_ms()))
        return StreamingResponse(rows, media_type="text/csv; charset=utf-8")

    @router.post("/records/resync", status_code=202, summary="Look again at all rows that filters choose, by jobs")
    def resync_all(
        wanted: Annotated[Filter, Depends(_filter)],
        idempotency_key: Annotated[str, Header(pattern=r"^[A-Za-z0-9_-]{0,64}$")] = "",
    ) -> dict[str, Any]:
        return {"jobs": resync_chosen(api, wanted, idempotency_key)}

    @router.get("/records/{name}", summary="One row")
    def record(name: str) -> dict[str, Any]:
        return api.row(api.find(name))

    @router.get("/records/{name}/explanation", summary="Why a record is as it is")
    def explanation(name: str) -> dict[str, Any]:
        return api.explain(api.find(name))

    @router.post(
        "/records/{name}/resync", status_code=202, summary="Read both records again, and try again what failed"
    )
    def resync(name: str) -> dict[str, Any]:
        return api.row(api.resync(name))

    @router.get("/records/{name}/history", summary="What was decided about a record, the newest first")
    def history(name: str) -> dict[str, Any]:
        return {"history": api.explain(api.find(name))["history"]}

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

    @router.get("/jobs", summary="Jobs and how far they are, the newest first")
    def jobs() -> dict[str, Any]:
        return {"jobs": api.all_jobs()}

    @router.get("/jobs/{name}", summary="One job")
    def job(name: str) -> dict[str, Any]:
        return api.job(name)

    @router.post("/jobs", status_code=202, summary="Look again at all pairs of a sync, or at those of some statuses")
    def add_job(
        wanted: JobRequest,
        idempotency_key: Annotated[str, Header(pattern=r"^[A-Za-z0-9_-]{0,64}$")] = "",
    ) -> dict[str, Any]:
        return api.add_job(wanted, idempotency_key)

    @router.post("/jobs/{name}/{what}", status_code=202, summary="Confirm, pause, resume or cancel a job")
    def give_order(name: str, what: Order) -> dict[str, Any]:
        return api.order_job(name, what)

    @router.get("/audit", summary="Who did what, and when, the newest first")
    def audit(
        what: Annotated[str, Query(max_length=40, description="What was done, or its kind, such as `user`.")] = "",
        q: Annotated[str, Query(max_length=200, description="A part of who did it, or of what it was about.")] = "",
        before: Annotated[int, Query(ge=0, le=LATEST_MS, description="`at` of the last one shown.")] = 0,
        limit: Annotated[int, Query(ge=1, le=_PAGE)] = 50,
    ) -> dict[str, Any]:
        return {"audit": api.views.activity(before, limit, ActivityFilter(what=what, q=q))}

    @router.get("/error-categories", summary="What can go wrong with a record, who acts, and what to do")
    def categories() -> dict[str, Any]:
        return {
            "categories": [
                {"code": row.code, "title": row.title, "who": row.who, "retry": row.retry, "remedy": row.remedy}
                for row in ERRORS
            ]
        }

    add_routes(router, access, who)
    add_sign_in(router, access)
    add_parked(router, api)
    add_connection_routes(router, api)
    return router


def make_app(api: Installation, access: Access, names: Collection[str] = ()) -> FastAPI:
    """Make the web application of the API; its description too is behind the token.

    Args:
        api: What the routes need.
        access: Who may call them.
        names: Names of the console beside localhost and addresses.
    """
    web = FastAPI(title="Syncline", version="1", docs_url=None, redoc_url=None, openapi_url=None)
    web.include_router(routes(api, access))

    @web.get("/api/v1/openapi.json", dependencies=[Depends(_authorized(api, access))], include_in_schema=False)
    def openapi() -> dict[str, Any]:
        return web.openapi()

    protect(web, names)

    @web.middleware("http")
    async def tell_changes(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
        with noting() as changes, acting("api"):
            answer = await go_on(request)
        if changes:
            answer.headers[HEADER] = spell(changes)
        return answer

    @web.exception_handler(Problem)
    async def problem(_: Request, error: Problem) -> JSONResponse:
        return problem_json(error.status, error.title, error.detail, error.headers)

    @web.exception_handler(HTTPException)
    async def not_possible(_: Request, error: HTTPException) -> JSONResponse:
        return problem_json(error.status_code, "Not possible", str(error.detail), error.headers)

    @web.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        rows = (f"{'.'.join(map(str, row['loc'][1:]))}: {row['msg']}" for row in error.errors())
        return problem_json(422, "Not understood", "; ".join(rows), None)

    return web
