"""The REST API: what stands how, why, and long work to be done."""

from collections.abc import Awaitable, Callable, Collection
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, FastAPI, Header, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.exceptions import HTTPException

from services.console.access.authentication import Access
from services.console.access.protect import problem_json, protect
from services.console.access.roles import NEEDS, check_role, methods_at
from services.console.access.scopes import check_scope
from services.console.rest.describing import Route, describe
from services.console.rest.routes.access import add_access
from services.console.rest.routes.agreeing import add_agreeing
from services.console.rest.routes.alerts import add_alerts
from services.console.rest.routes.connections import add_connections
from services.console.rest.routes.events import add_events
from services.console.rest.routes.exports import add_exports
from services.console.rest.routes.mail import add_mail
from services.console.rest.routes.own import add_own
from services.console.rest.routes.parked import add_parked
from services.console.rest.routes.records import add_records
from services.console.rest.routes.retention import add_retention
from services.console.rest.routes.sign_in import add_sign_in
from services.console.rest.routes.standing import add_standing
from services.console.rest.routes.syncs import add_syncs
from services.console.rest.versions import check_takes_versions, seen_by, unchanged
from services.console.use.activity import acting, acts
from services.console.use.callers import Caller
from services.console.use.changes import HEADER, noting, read, spell, wait_for
from services.console.use.problems import Problem
from services.console.use.standing.installation import Installation
from services.console.use.versions import seeing
from services.console.use.zones import note_zone, times_in

_bearer: Final = HTTPBearer(
    scheme_name="token", description="A token of the API, or the installation's own.", auto_error=False
)


def _authorized(api: Installation, access: Access) -> Callable[..., Caller]:
    def authorize(
        request: Request,
        given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
        changed: Annotated[
            str, Header(alias=HEADER, description="What must count already, as an answer before named it.")
        ] = "",
    ) -> Caller:
        caller = access.check(request.client.host if request.client else "", given.credentials if given else None)
        route = f"{request.method} {request.scope['route'].path}"
        # Who may not do it is counted, too: nobody tries out in a loop what would be allowed.
        request.state.told = access.limits.take(caller.token or caller.who, route)
        needed = NEEDS[route]
        if needed is not None:
            check_role(caller.role, needed)
        check_scope(caller.scopes, route)
        check_takes_versions(request, route)
        request.state.who = caller.who
        acts(caller)
        note_zone(access.accounts.people.preferences(caller.user).zone)
        if not wait_for(read(changed), api.reached):
            raise Problem(503, "Not shown here yet", f"What {HEADER} names is not read yet.", {"Retry-After": "1"})
        return caller

    return authorize


def _operation(route: APIRoute) -> str:
    """Return what programs that are made from the description call a route."""
    return route.name


def routes(api: Installation, access: Access) -> APIRouter:
    """Make the routes below /api/v1."""
    who = _authorized(api, access)
    router = APIRouter(prefix="/api/v1", dependencies=[Depends(who)], route_class=Route)
    add_records(router, api, who)
    add_standing(router, api)
    add_syncs(router, api)
    add_parked(router, api)
    add_connections(router, api)
    add_agreeing(router, api, who)
    add_exports(router, api, who)
    add_access(router, access, who)
    add_sign_in(router, access)
    add_mail(router, access)
    add_events(router, api, access, who)
    add_own(router, access, who)
    add_alerts(router, access)
    add_retention(router, access)
    return router


def make_app(api: Installation, access: Access, names: Collection[str] = ()) -> FastAPI:
    """Make the web application of the API; its description too is behind the token.

    Args:
        api: What the routes need.
        access: Who may call them.
        names: Names of the console beside localhost and addresses.
    """
    web = FastAPI(
        title="Syncline",
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        generate_unique_id_function=_operation,
    )
    web.include_router(routes(api, access))

    @web.get("/api/v1/openapi.json", dependencies=[Depends(_authorized(api, access))], include_in_schema=False)
    def openapi() -> dict[str, Any]:
        return describe(web)

    protect(web, names)

    @web.middleware("http")
    async def tell_changes(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
        with noting() as changes, acting("api"), seeing(seen_by(request)), times_in():
            answer = unchanged(request, await go_on(request))
        answer.headers.update(getattr(request.state, "told", {}))
        if changes:
            answer.headers[HEADER] = spell(changes)
        return answer

    @web.exception_handler(Problem)
    async def problem(_: Request, error: Problem) -> JSONResponse:
        return problem_json(error.status, error.title, error.detail, error.headers, members=error.members)

    @web.exception_handler(HTTPException)
    async def not_possible(request: Request, error: HTTPException) -> JSONResponse:
        # The router names the methods of one route; others may have the same path.
        headers = {"Allow": ", ".join(methods_at(request.url.path))} if error.status_code == 405 else error.headers
        return problem_json(error.status_code, "Not possible", str(error.detail), headers)

    @web.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        fields = {".".join(map(str, row["loc"][1:])): row["msg"] for row in error.errors()}
        detail = "; ".join(f"{name}: {text}" for name, text in fields.items())
        return problem_json(422, "Not understood", detail, None, members={"fields": fields})

    return web
