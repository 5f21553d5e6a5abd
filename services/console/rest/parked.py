"""The REST API of messages that nobody could handle."""

from dataclasses import asdict
from typing import Annotated, Any, Final, Literal, TypeAlias

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from services.console.use.installation import Installation
from services.console.use.parked import LONGEST, MOST, Decided, chosen, drop, replay
from services.console.views.parking import ParkedFilter

_PAGE: Final = 500
_LATEST: Final = 2**53
_At: TypeAlias = Annotated[int, Path(ge=0, le=_LATEST, description="`at` of the message.")]
_WHY: Final = Field(max_length=LONGEST, description="Why they are not needed; kept with them.")


class ParkedChoice(BaseModel):
    """Which parked messages, by a filter."""

    model_config = ConfigDict(extra="forbid")

    reason: str = ""
    topic: str = ""
    q: str = Field(default="", max_length=200, description="A part of the key, such as a record's id.")


class ReplayRequest(BaseModel):
    """Parked messages to be handled once more: some by their `at`, or all that a filter chooses."""

    model_config = ConfigDict(extra="forbid")

    messages: tuple[Annotated[int, Field(ge=0, le=_LATEST)], ...] = Field(default=(), max_length=MOST)
    filter: ParkedChoice | None = None


class DropRequest(ReplayRequest):
    """Parked messages to be dropped."""

    why: str = _WHY


class DropOne(BaseModel):
    """Why one parked message is dropped."""

    model_config = ConfigDict(extra="forbid")

    why: str = _WHY


def add_parked(router: APIRouter, api: Installation) -> None:
    """Add the routes below /parked."""

    @router.get("/parked", summary="Messages that nobody could handle, and why, the newest first")
    def parked(
        reason: str = "",
        topic: str = "",
        q: Annotated[str, Query(max_length=200, description="A part of the key, such as a record's id.")] = "",
        state: Annotated[Literal["", "decided"], Query(description="Those replayed or dropped.")] = "",
        before: Annotated[int, Query(ge=0, le=_LATEST, description="`at` of the last one shown.")] = 0,
        limit: Annotated[int, Query(ge=1, le=_PAGE)] = 50,
    ) -> dict[str, Any]:
        if state == "decided":
            return {"parked": api.views.parked_decided(before, limit)}
        wanted = ParkedFilter(reason=reason, topic=topic, q=q)
        return {"parked": api.views.parked_rows(before, limit, wanted), "total": api.views.parked_number(wanted)}

    @router.post("/parked/replay", summary="Have messages handled once more, the oldest first")
    def replay_some(wanted: ReplayRequest, request: Request) -> dict[str, Any]:
        ats, left = _chosen(api, wanted)
        return _shown(replay(api, ats, request.state.who), left)

    @router.post("/parked/drop", summary="Take messages out of the list for good")
    def drop_some(wanted: DropRequest, request: Request) -> dict[str, Any]:
        ats, left = _chosen(api, wanted)
        return _shown(drop(api, ats, wanted.why, request.state.who), left)

    @router.post("/parked/{name}/replay", summary="Have one message handled once more")
    def replay_one(name: _At, request: Request) -> dict[str, Any]:
        return _shown(replay(api, [name], request.state.who), 0)

    @router.post("/parked/{name}/drop", summary="Take one message out of the list for good")
    def drop_one(name: _At, wanted: DropOne, request: Request) -> dict[str, Any]:
        return _shown(drop(api, [name], wanted.why, request.state.who), 0)


def _chosen(api: Installation, wanted: ReplayRequest) -> tuple[list[int], int]:
    if wanted.filter is None:
        return list(wanted.messages), 0
    return chosen(api, ParkedFilter(**wanted.filter.model_dump()))


def _shown(told: Decided, left: int) -> dict[str, Any]:
    return {**asdict(told), "left": left}
