"""The part of the REST API that tells what changes, as it happens."""

from collections.abc import Callable, Mapping
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Header, Query, Request

from services.console.access.authentication import Access
from services.console.access.scopes import check_scope, opens
from services.console.access.streaming import EventStream, stream
from services.console.rest.describing import may
from services.console.rest.shapes.events import EXAMPLE
from services.console.use.callers import Caller
from services.console.use.standing.events import KINDS, Kind, Wish
from services.console.use.standing.installation import Installation

_DESCRIPTION: Final = """\
Server-sent events, until one of both ends it. `event` is `record`, whose `data` is how a pair stands now, without the
values of its records; `job`, whose `data` is a job; or `connection`, whose `data` is a connection (its `state` is
`gone` once it is none any more). First comes `begin`, and how each connection stands. A line that begins with `:` only
says that the stream lives.

Each event has an `id`. A stream that broke off goes on at any console where `Last-Event-ID` names it: of what happened
meanwhile, the last of each record and job is told at least. `end` says why no more comes: the token has ended, or more
waited than is kept for one listener. Come back then, after `retry` milliseconds. Who was away for more than 100,000
changes is told what happens from now on alone.

A token with scopes hears of jobs where it has `jobs:read`, and of connections where it has `connections:read`."""
_ALSO_AT: Final[Mapping[Kind, str]] = {
    "record": "GET /api/v1/records", "job": "GET /api/v1/jobs", "connection": "GET /api/v1/connections",
}  # fmt: skip
"""Where else one reads what an event of a kind tells: whoever may not read it there does not hear of it."""


def add_events(router: APIRouter, api: Installation, access: Access, who: Callable[..., Caller]) -> None:
    """Add the route.

    Args:
        router: The routes of the API.
        api: What is told of.
        access: Tells whether a token still counts.
        who: Tells who calls.
    """

    @router.get(
        "/events",
        tags=["events"],
        summary="What changes, as it happens",
        description=_DESCRIPTION,
        status_code=200,
        response_class=EventStream,
        responses={
            200: {
                "description": "Events.",
                "content": {"text/event-stream": {"schema": {"type": "string"}, "example": EXAMPLE}},
            },
            **may(400),
        },
    )
    def get_events(
        request: Request,
        by: Annotated[Caller, Depends(who)],
        sync: Annotated[str, Query(description="Of this sync alone.")] = "",
        object: Annotated[str, Query(description="Of syncs that have this object on one side.")] = "",  # noqa: A002 - the API's word
        connection: Annotated[str, Query(description="Of syncs that have this connection on one side.")] = "",
        kind: Annotated[Kind | None, Query(description="Events of this kind alone.")] = None,
        last_event_id: Annotated[str, Header(description="`id` of the last event that was heard.")] = "",
    ) -> EventStream:
        token = request.headers.get("authorization", "").partition(" ")[2].strip()
        if kind is not None:
            check_scope(by.scopes, _ALSO_AT[kind])
        kinds = frozenset(one for one in KINDS if kind in (None, one) and opens(by.scopes, _ALSO_AT[one]))
        wish = Wish(sync=sync, object=object, connection=connection, kinds=kinds)
        return stream(api.events, by.token or by.who, wish, last_event_id, lambda: access.counts(token))
