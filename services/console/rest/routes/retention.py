"""The part of the REST API that is about how long things are kept."""

from typing import Any

from fastapi import APIRouter, Response

from services.console.access.authentication import Access
from services.console.rest.describing import may
from services.console.rest.shapes.access import RetentionShown
from services.console.rest.versions import tell_version
from services.console.use.administration.retention import RetentionWanted
from services.console.use.problems import Problem


def add_retention(router: APIRouter, access: Access) -> None:
    """Add the routes to those of the API."""

    def told(answer: Response) -> dict[str, Any]:
        tell_version(answer, access.keeping.standing().version)
        return {"kept": access.keeping.rows()}

    @router.get("/retention", tags=["access"], summary="How long things are kept", response_model=RetentionShown)
    def get_retention(answer: Response) -> dict[str, Any]:
        return told(answer)

    @router.put(
        "/retention",
        tags=["access"],
        summary="Keep things for longer or shorter",
        response_model=RetentionShown,
        responses=may(409),
    )
    def change_retention(wanted: RetentionWanted, answer: Response) -> dict[str, Any]:
        failed = access.keeping.change(wanted)
        if failed:
            raise Problem(409, "Not taken by Kafka", f"It is decided, and tried again every ten minutes: {failed}.")
        return told(answer)
