"""The part of the REST API that is about how everything stands: health, jobs, the activity log, what can go wrong."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request

from services.console.access.roles import methods_at
from services.console.rest.describing import may
from services.console.rest.pages import after_of, page, page_of_topic
from services.console.rest.routes.records import shown
from services.console.rest.shapes.common import Cursor, IdempotencyKey, JobId, Limit
from services.console.rest.shapes.records import JobRecordList
from services.console.rest.shapes.standing import ActivityList, Categories, Health, JobList, JobRow, Series
from services.console.use.health.series import Range, series
from services.console.use.records.job_records import records_of
from services.console.use.standing.installation import Installation, JobRequest
from services.console.use.standing.jobs import Order
from services.console.use.standing.records import Status
from services.console.views.activities import ActivityFilter
from shared.rules.errors import ERRORS


def _is_an_order(request: Request) -> None:
    """Refuse an address that is no order but another thing of a job, which takes other methods."""
    if request.method not in methods_at(request.url.path):
        raise HTTPException(405, "Method Not Allowed")


def add_standing(router: APIRouter, api: Installation) -> None:
    """Add the routes."""

    @router.get(
        "/health",
        tags=["standing"],
        summary="Counts by sync and status, freshness, and problems",
        response_model=Health,
    )
    def get_health() -> dict[str, Any]:
        return api.health()

    @router.get(
        "/health/series",
        tags=["standing"],
        summary="How everything stood over time, in slots; days begin in the caller's time zone",
        response_model=Series,
    )
    def get_series(
        range: Annotated[Range, Query(description="How far back.")] = "24h",  # noqa: A002 - the API's word
        sync: Annotated[str, Query(description="One sync; all when empty.")] = "",
    ) -> dict[str, Any]:
        return series(api, range, sync)

    @router.get("/jobs", tags=["jobs"], summary="Jobs and how far they are, the newest first", response_model=JobList)
    def list_jobs(cursor: Cursor = "", limit: Limit = 50) -> dict[str, Any]:
        return page("jobs", api.all_jobs(), lambda row: (-row["asked_at_ms"], row["id"]), cursor, limit)

    @router.get("/jobs/{name}", tags=["jobs"], summary="One job", response_model=JobRow)
    def get_job(name: JobId) -> dict[str, Any]:
        return api.job(name)

    @router.get(
        "/jobs/{name}/rows",
        tags=["jobs"],
        summary="What a job led to, record by record",
        response_model=JobRecordList,
    )
    def list_job_rows(
        name: JobId,
        status: Annotated[Status, Query(description="Records that stand so now.")] = "",
        cursor: Cursor = "",
        limit: Limit = 50,
    ) -> dict[str, Any]:
        found = records_of(api, name, status, cursor, limit)
        return {"rows": [{**shown(api, row.pair), **row.row()} for row in found.rows], "next": found.next or None}

    @router.post(
        "/jobs",
        tags=["jobs"],
        status_code=202,
        summary="Look again at all records of a sync, or at those of some statuses",
        response_model=JobRow,
        responses=may(404, 409),
    )
    def add_job(wanted: JobRequest, idempotency_key: IdempotencyKey = "") -> dict[str, Any]:
        return api.add_job(wanted, idempotency_key)

    @router.post(
        "/jobs/{name}/{what}",
        tags=["jobs"],
        status_code=202,
        summary="Confirm, pause, resume or cancel a job",
        response_model=JobRow,
        responses=may(409),
        dependencies=[Depends(_is_an_order)],
    )
    def order_job(name: JobId, what: Annotated[Order, Path(description="What is to become of it.")]) -> dict[str, Any]:
        return api.order_job(name, what)

    @router.get(
        "/audit", tags=["activity"], summary="Who did what, and when, the newest first", response_model=ActivityList
    )
    def list_activity(
        what: Annotated[str, Query(max_length=40, description="What was done, or its kind, such as `user`.")] = "",
        q: Annotated[str, Query(max_length=200, description="A part of who did it, or of what it was about.")] = "",
        cursor: Cursor = "",
        limit: Limit = 50,
    ) -> dict[str, Any]:
        rows = api.views.activity(after_of(cursor), limit + 1, ActivityFilter(what=what, q=q))
        return page_of_topic("audit", rows, limit)

    @router.get(
        "/error-categories",
        tags=["standing"],
        summary="What can go wrong with a record, who acts, and what to do",
        response_model=Categories,
    )
    def list_error_categories() -> dict[str, Any]:
        return {
            "categories": [
                {"code": row.code, "title": row.title, "who": row.who, "retry": row.retry, "remedy": row.remedy}
                for row in ERRORS
            ]
        }
