"""The REST API of messages that nobody could handle."""

from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request

from services.console.rest.describing import may
from services.console.rest.pages import after_of, page_of_topic
from services.console.rest.shapes.common import Cursor, Limit, MessageId
from services.console.rest.shapes.parked import Decided, DropOne, DropRequest, ParkedList, ReplayRequest
from services.console.use.records.parked import Decided as Outcome
from services.console.use.records.parked import chosen, drop, replay
from services.console.use.standing.installation import Installation
from services.console.views.parking import ParkedFilter


def add_parked(router: APIRouter, api: Installation) -> None:
    """Add the routes below /parked."""

    @router.get(
        "/parked",
        tags=["parked"],
        summary="Messages that nobody could handle, and why, the newest first",
        response_model=ParkedList,
    )
    def list_parked(
        reason: Annotated[str, Query(description="Those parked for this reason.")] = "",
        topic: Annotated[str, Query(description="Those that came from this topic.")] = "",
        q: Annotated[str, Query(max_length=200, description="A part of the key, such as a record's id.")] = "",
        state: Annotated[
            Literal["", "decided"], Query(description="`decided`: those that were replayed or dropped, of any kind.")
        ] = "",
        cursor: Cursor = "",
        limit: Limit = 50,
    ) -> dict[str, Any]:
        before, wanted = after_of(cursor), ParkedFilter(reason=reason, topic=topic, q=q)
        if state == "decided":
            return page_of_topic("parked", api.views.parked_decided(before, limit + 1), limit)
        total = api.views.parked_number(wanted)
        return page_of_topic("parked", api.views.parked_rows(before, limit + 1, wanted), limit, total)

    @router.post(
        "/parked/replay",
        tags=["parked"],
        summary="Have messages handled once more, the oldest first",
        response_model=Decided,
        responses=may(404, 409),
    )
    def replay_messages(wanted: ReplayRequest, request: Request) -> dict[str, Any]:
        ids, left = _chosen(api, wanted)
        return _shown(replay(api, ids, request.state.who), left)

    @router.post(
        "/parked/drop",
        tags=["parked"],
        summary="Take messages out of the list for good",
        response_model=Decided,
        responses=may(404, 409),
    )
    def drop_messages(wanted: DropRequest, request: Request) -> dict[str, Any]:
        ids, left = _chosen(api, wanted)
        return _shown(drop(api, ids, wanted.why, request.state.who), left)

    @router.post(
        "/parked/{name}/replay",
        tags=["parked"],
        summary="Have one message handled once more",
        response_model=Decided,
        responses=may(409),
    )
    def replay_message(name: MessageId, request: Request) -> dict[str, Any]:
        return _shown(replay(api, [name], request.state.who), 0)

    @router.post(
        "/parked/{name}/drop",
        tags=["parked"],
        summary="Take one message out of the list for good",
        response_model=Decided,
        responses=may(409),
    )
    def drop_message(name: MessageId, wanted: DropOne, request: Request) -> dict[str, Any]:
        return _shown(drop(api, [name], wanted.why, request.state.who), 0)


def _chosen(api: Installation, wanted: ReplayRequest) -> tuple[list[int], int]:
    if wanted.filter is None:
        return list(wanted.messages), 0
    return chosen(api, ParkedFilter(**wanted.filter.model_dump()))


def _shown(told: Outcome, left: int) -> dict[str, Any]:
    return {**asdict(told), "left": left}
