"""The part of the REST API that shows a sync, and switches it off and on."""

from typing import Any

from fastapi import APIRouter

from services.console.rest.describing import may
from services.console.rest.shapes.common import SyncId
from services.console.rest.shapes.standing import SyncShown, SyncStanding
from services.console.use.installation import Installation
from shared.core.syncs import Sync


def add_syncs(router: APIRouter, api: Installation) -> None:
    """Add the routes to those of the API."""

    def standing(sync: Sync) -> dict[str, Any]:
        return next(row for row in api.health()["syncs"] if row["id"] == sync.id)

    @router.get(
        "/syncs/{name}",
        tags=["syncs"],
        summary="How one sync stands, and what switching it off would mean",
        response_model=SyncShown,
        responses=may(404),
    )
    def get_sync(name: SyncId) -> dict[str, Any]:
        return api.sync(name)

    @router.post(
        "/syncs/{name}/switch-off",
        tags=["syncs"],
        summary="Have a sync write nothing any more, until somebody switches it on",
        response_model=SyncStanding,
        responses=may(409),
    )
    def switch_sync_off(name: SyncId) -> dict[str, Any]:
        return standing(api.connections.syncs.switch_off(name))

    @router.post(
        "/syncs/{name}/switch-on",
        tags=["syncs"],
        summary="Have a sync run again, and catch up",
        response_model=SyncStanding,
        responses=may(409),
    )
    def switch_sync_on(name: SyncId) -> dict[str, Any]:
        return standing(api.connections.syncs.switch_on(name))
