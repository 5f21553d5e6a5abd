"""The part of the REST API by which accounts are connected that somebody agrees to in a browser (OAuth)."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response

from services.console.rest.describing import may
from services.console.rest.shapes.agreeing import Agreed, Agreement, Asking
from services.console.rest.shapes.common import AppId
from services.console.rest.shapes.connections import ConnectionRow
from services.console.rest.versions import tell_version
from services.console.use.callers import Caller
from services.console.use.connections.connecting import standing
from services.console.use.standing.installation import Installation


def add_agreeing(router: APIRouter, api: Installation, who: Callable[..., Caller]) -> None:
    """Add the routes.

    Args:
        router: The routes of the API.
        api: What is done.
        who: Tells who calls.
    """

    @router.post(
        "/apps/{name}/authorize",
        tags=["connections"],
        summary="Ask for an account on whose page somebody agrees",
        response_model=Asking,
        responses=may(409),
    )
    def ask_to_agree(name: AppId, wanted: Agreement, by: Annotated[Caller, Depends(who)]) -> dict[str, Any]:
        return {"url": api.connections.agreeing.begin(wanted.question(name), _session(by))}

    @router.post(
        "/connections/agreed",
        tags=["connections"],
        status_code=201,
        summary="Connect the account that somebody agreed to",
        response_model=ConnectionRow,
        responses=may(404, 409, 410),
    )
    def connect_agreed(given: Agreed, by: Annotated[Caller, Depends(who)], answer: Response) -> dict[str, Any]:
        query = {"state": given.state, "code": given.code.get_secret_value()}
        row = api.connections.agreeing.finish(query, _session(by))
        tell_version(answer, standing(row).version)
        return api.connection(row)


def _session(by: Caller) -> str:
    """Return for whom the answer is: nobody else can send it."""
    return f"api:{by.token or by.who}"
