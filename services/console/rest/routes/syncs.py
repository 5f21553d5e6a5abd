"""The part of the REST API that shows syncs, and switches them off and on."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from services.console.rest.describing import may
from services.console.rest.pages import page
from services.console.rest.shapes.common import Cursor, Limit, SyncId
from services.console.rest.shapes.standing import SyncList, SyncShown, SyncStanding
from services.console.use.standing.installation import Installation


def add_syncs(router: APIRouter, api: Installation) -> None:
    """Add the routes to those of the API."""

    @router.get(
        "/syncs",
        tags=["syncs"],
        summary="How all syncs stand, or those of a connection or an object",
        response_model=SyncList,
    )
    def list_syncs(
        connection: Annotated[str, Query(description="Those that have this connection on one side.")] = "",
        object: Annotated[  # noqa: A002 - the API's word
            str, Query(description="Those that have this object on one side; with a connection, on the same side.")
        ] = "",
        cursor: Cursor = "",
        limit: Limit = 50,
    ) -> dict[str, Any]:
        return page("syncs", api.syncs(connection, object), lambda row: (row["id"],), cursor, limit)

    @router.get(
        "/syncs/{name}",
        tags=["syncs"],
        summary="How one sync stands, and what switching it off would mean",
        response_model=SyncShown,
        responses=may(404),
    )
    def get_sync(name: SyncId) -> dict[str, Any]:
        return api.sync_shown(name)

    @router.post(
        "/syncs/{name}/switch-off",
        tags=["syncs"],
        summary="Have a sync write nothing any more, until somebody switches it on",
        response_model=SyncStanding,
        responses=may(409),
    )
    def switch_sync_off(name: SyncId) -> dict[str, Any]:
        return api.sync(api.connections.syncs.switch_off(name).id)

    @router.post(
        "/syncs/{name}/switch-on",
        tags=["syncs"],
        summary="Have a sync run again, and catch up",
        response_model=SyncStanding,
        responses=may(409),
    )
    def switch_sync_on(name: SyncId) -> dict[str, Any]:
        return api.sync(api.connections.syncs.switch_on(name).id)
