"""The part of the REST API that is about records: lists, why each is as it is, and resyncs."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from services.console.rest.describing import may
from services.console.rest.pages import named
from services.console.rest.shapes.common import Cursor, IdempotencyKey, Limit, RecordId
from services.console.rest.shapes.records import (
    Explanation,
    Explanations,
    History,
    RecordAsked,
    RecordList,
    RecordNamed,
    RecordRow,
)
from services.console.rest.shapes.standing import JobsAsked
from services.console.use.callers import Caller
from services.console.use.problems import Problem
from services.console.use.records.resyncing import chosen_by, resync_chosen
from services.console.use.records.unseen import MOST_EXPLAINED, explained, read_now, why_at, why_of
from services.console.use.standing.installation import Installation
from services.console.use.standing.records import LATEST_MS, LONGEST, Filter, Period, Status, page_of
from services.console.views.lists import Sort
from shared.model.pairs import Pair


def _filter(
    sync: Annotated[str, Query(description="Of this sync.")] = "",
    object: Annotated[str, Query(description="Of syncs that have this object on one side.")] = "",  # noqa: A002 - the API's word
    connection: Annotated[str, Query(description="Of syncs that have this connection on one side.")] = "",
    status: Annotated[Status, Query(description="Of this status.")] = "",
    category: Annotated[str, Query(description="Reason of the status, such as an error category.")] = "",
    period: Annotated[
        Period, Query(description="Changed within this time; `today` begins at midnight in the caller's zone.")
    ] = "",
    since: Annotated[int, Query(ge=0, le=LATEST_MS, description="Changed since, epoch milliseconds.")] = 0,
    q: Annotated[
        str, Query(description="Words of the name, an address, an id or the reason.", max_length=LONGEST)
    ] = "",
) -> Filter:
    return Filter(
        sync=sync, object=object, connection=connection, status=status, category=category, period=period,
        since=since, q=q,
    )  # fmt: skip


def shown(api: Installation, pair: Pair) -> dict[str, Any]:
    """Return a pair as a row of a list."""
    row = api.row(pair)
    return {**row, "parked": named(row["parked"]) if row["parked"] else None}


def add_records(router: APIRouter, api: Installation, who: Callable[..., Caller]) -> None:  # noqa: C901 - a list of routes, each a line or two
    """Add the routes below /records, and that of explanations."""

    @router.get(
        "/records",
        tags=["records"],
        summary="Records that filters choose, sorted",
        response_model=RecordList,
    )
    def list_records(
        wanted: Annotated[Filter, Depends(_filter)],
        sort: Annotated[Sort, Query(description="By the last change or by name; `-` turns the order.")] = "-changed",
        cursor: Cursor = "",
        limit: Limit = 50,
    ) -> dict[str, Any]:
        page = page_of(api, wanted, cursor, limit, sort)
        rows = [shown(api, pair) for pair in api.views.states([row.pair for row in page.rows])]
        total = asdict(page.total) if page.total else None
        return {"records": rows, "total": total, "next": page.next or None}

    @router.post(
        "/records/resync",
        tags=["records"],
        status_code=202,
        summary="Look again at all records that filters choose, by jobs",
        response_model=JobsAsked,
        responses=may(404, 409),
    )
    def resync_records(
        wanted: Annotated[Filter, Depends(_filter)], idempotency_key: IdempotencyKey = ""
    ) -> dict[str, Any]:
        off = chosen_by(api, wanted).off
        return {"jobs": resync_chosen(api, wanted, idempotency_key), "left_out": off}

    @router.get("/records/{name}", tags=["records"], summary="One record", response_model=RecordRow)
    def get_record(name: RecordId) -> dict[str, Any]:
        return shown(api, api.find(name))

    @router.get(
        "/records/{name}/explanation", tags=["records"], summary="Why a record is as it is", response_model=Explanation
    )
    def explain_record(name: RecordId, by: Annotated[Caller, Depends(who)]) -> dict[str, Any]:
        return api.explain(api.find(name), by.role)

    @router.post(
        "/records/{name}/resync",
        tags=["records"],
        status_code=202,
        summary="Read both sides of a record again, and try again what failed",
        response_model=RecordRow,
        responses=may(409),
    )
    def resync_record(name: RecordId) -> dict[str, Any]:
        return shown(api, api.resync(name))

    @router.get(
        "/records/{name}/history",
        tags=["records"],
        summary="What was decided about a record, the newest first",
        response_model=History,
    )
    def get_history(name: RecordId, by: Annotated[Caller, Depends(who)]) -> dict[str, Any]:
        return {"history": api.history(api.find(name), by.role)}

    @router.post(
        "/records/read",
        tags=["records"],
        status_code=202,
        summary="Read one record of an account, be it known or not, as if its app had told of it",
        response_model=RecordAsked,
        responses=may(404, 409),
    )
    def read_record(wanted: RecordNamed) -> dict[str, Any]:
        return asdict(read_now(api, wanted.connection, wanted.object, wanted.record_id))

    @router.get(
        "/explanations",
        tags=["records"],
        summary="Why a record of an app is as it is, by its id there, also where no sync has seen it",
        response_model=Explanations,
        responses=may(404),
    )
    def explain_by_app(
        by: Annotated[Caller, Depends(who)],
        connection: Annotated[str, Query(description="The account that it is in.")] = "",
        object: Annotated[str, Query(description="Its object type, such as `contact`.")] = "",  # noqa: A002 - the API's word
        record_id: Annotated[str, Query(description="Its id in the app.", max_length=1000)] = "",
        q: Annotated[
            str,
            Query(
                description="In place of the three: its id, its web address in an app, an e-mail address, or a name. "
                f"At most {MOST_EXPLAINED} records are explained.",
                max_length=500,
            ),
        ] = "",
    ) -> dict[str, Any]:
        if bool(q.strip()) == bool(connection or object or record_id):
            raise Problem(422, "Not understood", "Name a record by connection, object and record_id, or else by q.")
        pairs, told = why_of(api, by, q) if q.strip() else why_at(api, by, connection, object, record_id)
        found = [api.explain(pair, by.role) for pair in pairs[:MOST_EXPLAINED]]
        found += [explained(api, answer, by.role) for answer in told.answers]
        if not found:
            raise Problem(404, "Not seen", f"No sync has seen it yet. {told.nowhere}")
        return {"explanations": found}
