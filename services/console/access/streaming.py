"""Answers that go on for as long as somebody listens, and how those are let go who do not read."""

import asyncio
from collections.abc import Callable
from typing import Final

from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from services.console.use.standing.events import Hub, Listener, Place, Wish

STREAMS: Final = ("/api/v1/events",)
STALLED_S: Final = 10.0
"""Who has read nothing for so long is let go."""


class EventStream(StreamingResponse):
    """Sends what happens as server-sent events.

    Args:
        hub: Publishes the events.
        listener: The reader of this stream; it is dropped when the answer ends.
        place: How far the reader has read; None for one that begins.
        may: Checks whether the reader may still read.
    """

    media_type = "text/event-stream"

    def __init__(self, hub: Hub, listener: Listener, place: Place | None, may: Callable[[], bool]) -> None:
        # Proxies are asked not to gather events before they pass them on.
        super().__init__(hub.stream(listener, place, may), headers={"X-Accel-Buffering": "no"})
        self._listener = listener

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer until there is nothing more to tell, or nobody who listens."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._listener.close()


def in_time(send: Send) -> Send:
    """Return what sends, and raises `TimeoutError` to whoever does not read: the server closes the connection then."""

    async def sending(message: Message) -> None:
        await asyncio.wait_for(send(message), STALLED_S)

    return sending


def stream(hub: Hub, who: str, wish: Wish, last: str, may: Callable[[], bool]) -> EventStream:
    """Return what happens from a place on; raises `Problem`.

    Args:
        hub: Who tells.
        who: Names the token or the user, of whom so many may listen at once.
        wish: What is wanted.
        last: The id of the last event that was heard; empty for from now on.
        may: Tells whether he may still listen.
    """
    place = Place.read(last) if last else None
    return EventStream(hub, hub.listen(who, wish), place, may)
