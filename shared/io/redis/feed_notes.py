"""How each way of learning changes stands: ingest notes it, the console shows it.

A cache in Redis: nothing is decided by it, and each round of a feed writes it anew.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

from pydantic import ValidationError
from redis.exceptions import RedisError

from shared.io.ports import NotReady
from shared.io.redis.client import text_of
from shared.model.records import Frozen

if TYPE_CHECKING:
    from redis import Redis

WEBHOOK: Final = "webhook"
"""Stands where a feed is named for the calls that the app makes itself."""
_KEEP_MS: Final = 30 * 86_400_000


class FeedNote(Frozen):
    """How one feed stands."""

    read_ms: int = 0
    """When it was read to its end last."""
    event_ms: int = 0
    """When it told something new last."""
    cursor: str = ""
    """Where it goes on; its beginning, where that is long."""
    moved_ms: int = 0
    """When the cursor moved last."""
    more: bool = False
    """Whether more was waiting when it was asked last."""
    reason: str = ""
    """Why it waits: a row of `shared.rules.errors`, or how it failed; empty while it works."""
    since_ms: int = 0
    """Since when it waits for this."""
    asked_s: float = 0.0
    """How often it is to be asked."""
    next_ms: int = 0
    """When it is asked next."""


class FeedNotesAway(NotReady):
    """Redis, which holds the notes, does not answer."""

    def __init__(self) -> None:
        super().__init__("*")
        self.args = ("what is known of the feeds cannot be read: Redis does not answer",)


class FeedNotes(Protocol):
    """The notes of all feeds. Raises `FeedNotesAway`."""

    def note(self, connection: str, feed: str, note: FeedNote) -> None:
        """Keep how a feed stands."""
        ...

    def of(self, connection: str) -> Mapping[str, FeedNote]:
        """Return how the feeds of a connection stand, by object and feed (`contact/changed`)."""
        ...


class MemoryFeedNotes:
    """The notes of one process."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[str, FeedNote]] = {}

    def note(self, connection: str, feed: str, note: FeedNote) -> None:
        """Keep how a feed stands."""
        self._rows.setdefault(connection, {})[feed] = note

    def of(self, connection: str) -> Mapping[str, FeedNote]:
        """Return how the feeds of a connection stand."""
        return dict(self._rows.get(connection, {}))


class RedisFeedNotes:
    """The notes of all processes that share a Redis. Safe to use from several threads."""

    def __init__(self, client: "Redis") -> None:
        self._client: Any = client

    def note(self, connection: str, feed: str, note: FeedNote) -> None:
        """Keep how a feed stands."""
        try:
            with self._client.pipeline(transaction=False) as pipe:
                pipe.hset(_key(connection), feed, note.model_dump_json(exclude_defaults=True))
                pipe.pexpire(_key(connection), _KEEP_MS)
                pipe.execute()
        except RedisError as error:
            raise FeedNotesAway from error

    def of(self, connection: str) -> Mapping[str, FeedNote]:
        """Return how the feeds of a connection stand; a note that cannot be read counts for none."""
        try:
            rows = self._client.hgetall(_key(connection))
        except RedisError as error:
            raise FeedNotesAway from error
        found = {}
        for name, text in rows.items():
            try:
                found[text_of(name)] = FeedNote.model_validate_json(text)
            except ValidationError:
                continue  # a newer version's: the next round of ours writes another
        return found


def _key(connection: str) -> str:
    return f"feeds:{{{connection}}}"
