"""The part of the REST API that is about lists as files."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header
from fastapi.responses import StreamingResponse

from services.console.exports.formats import FORMATS
from services.console.rest.describing import may
from services.console.rest.pages import page
from services.console.rest.shapes.common import Cursor, ExportId, IdempotencyKey, Limit
from services.console.rest.shapes.exports import ExportList, ExportRequest, ExportRow
from services.console.use.callers import Caller
from services.console.use.standing.installation import Installation

_FILE: dict[str, Any] = {row.media_type.partition(";")[0]: {} for row in FORMATS.values()}


def add_exports(router: APIRouter, api: Installation, who: Callable[..., Caller]) -> None:
    """Add the routes below /exports.

    Args:
        router: The routes of the API.
        api: What is done.
        who: Tells who calls.
    """

    @router.get("/exports", tags=["exports"], summary="Files of lists, and how far they are", response_model=ExportList)
    def list_exports(by: Annotated[Caller, Depends(who)], cursor: Cursor = "", limit: Limit = 50) -> dict[str, Any]:
        return page("exports", api.exports.rows(by), lambda row: (row["asked_at_ms"], row["id"]), cursor, limit)

    @router.post(
        "/exports",
        tags=["exports"],
        status_code=202,
        summary="Have a list made a file, which is kept for a day",
        response_model=ExportRow,
        responses=may(409),
    )
    def export_records(
        wanted: ExportRequest, by: Annotated[Caller, Depends(who)], idempotency_key: IdempotencyKey = ""
    ) -> dict[str, Any]:
        return api.exports.ask(by, wanted.filter(), wanted.format, idempotency_key, mail=wanted.mail)

    @router.get("/exports/{name}", tags=["exports"], summary="One file, and how far it is", response_model=ExportRow)
    def get_export(name: ExportId, by: Annotated[Caller, Depends(who)]) -> dict[str, Any]:
        return api.exports.row(name, by)

    @router.get(
        "/exports/{name}/file",
        tags=["exports"],
        summary="The file itself, or a part of it",
        response_class=StreamingResponse,
        responses={
            200: {"description": "All of it.", "content": _FILE},
            206: {"description": "The part that `Range` names.", "content": _FILE},
            **may(409, 410, 416),
        },
    )
    def download_export(
        name: ExportId,
        wanted: Annotated[str, Header(alias="Range", description="`bytes=FIRST-` goes on where one broke off.")] = "",
        if_range: Annotated[str, Header(description="`ETag` of what came before: of another file, all is sent.")] = "",
    ) -> StreamingResponse:
        file = api.exports.open(name, wanted, if_range)
        return StreamingResponse(
            file.pieces, 200 if file.is_whole else 206, headers=dict(file.headers), media_type=file.media_type
        )

    @router.delete(
        "/exports/{name}", tags=["exports"], summary="Delete a file, or stop making it", response_model=ExportRow
    )
    def delete_export(name: ExportId, by: Annotated[Caller, Depends(who)]) -> dict[str, Any]:
        return api.exports.delete(by, name)
