"""How an app is asked what changed, and the hints that come of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from shared.contract.calls import Exchange, Session
from shared.model.records import Linked, Version


class FeedExpired(Exception):  # noqa: N818 - it is a fact about the cursor, not a failure of the program
    """The app no longer knows the feed's cursor: everything has to be read again."""


HintKind: TypeAlias = Literal["changed", "deleted", "merged", "erased"]
"""What is told of a record. `erased`: deleted because its person asked for it; reading shows only that it is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """Look at this record."""

    id: str
    kind: HintKind = "changed"
    version: Version | None = None
    """The version that the feed says it has now; a record known at this version need not be read."""
    object: str = ""
    """Where a webhook tells: an object that the app declares, or the id (`FoundObject.id`) of one that the account has
    of its own; feeds leave it to the caller."""
    account: str = ""
    """The account it belongs to, where a webhook tells."""
    occurred_ms: int = 0
    winner: str = ""
    """Of a merge: the old id of the record that lives on, where the source tells."""
    into: str = ""
    """Of a merge: the id of the record that it made, where the source tells. It may have been merged since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedPage:
    """What one poll of a feed brought."""

    hints: tuple[Hint, ...]
    cursor: str
    """Where the next poll goes on; saved only after Kafka has the hints."""
    more: bool = False
    """True when another page is waiting already."""
    complete_to_ms: int = 0
    """All changes up to this moment of the app's clock have been told; said by each page after which nothing waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """One way to ask an app what changed, which misses nothing of what it covers."""

    name: str
    covers: frozenset[Literal["create", "update", "delete", "merge", "association"]]
    """What it tells of, each by itself."""
    poll: Callable[[Session, str | None], Exchange[FeedPage]]
    """Start from now when the cursor is None; raises `FeedExpired` through the exchange."""
    interval_s: float = 60.0
    rewind: Callable[[str, int], str] | None = None
    """(cursor, milliseconds) -> the cursor so much earlier; None where a cursor names no time. Raises `FeedExpired`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkFeed:
    """A feed that is asked about the records we know: what each is associated with now.

    For associations that move no record's version, so that no other feed can tell when they change.
    """

    name: str = "associations"
    batch: int
    """Records that one call answers for."""
    read: Callable[[Session, Sequence[str], Sequence[str]], Exchange[Mapping[str, Mapping[str, Linked]]]]
    """(session, ids, labels) -> by id and label what the association leads to; what the app does not say
    is left out."""
