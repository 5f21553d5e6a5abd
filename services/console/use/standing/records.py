"""The one list of records: what it can be asked for, a page of it, and where the next page begins."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final, Literal, Protocol, TypeAlias, get_args

from pydantic import TypeAdapter, ValidationError

from services.console.use.cursors import opened, spelled
from services.console.use.reasons import reason_of
from services.console.use.standing.by_sync import has_end
from services.console.use.zones import hour_of_day_ms, local, times_in, zone_name
from services.console.views.lists import Listing, PairRow, Place, Sort, Total
from services.console.views.projection import Views
from services.console.views.rows import SHOWN
from shared.config.setups import Setups
from shared.io.ports import Clock
from shared.model.words import Status as PairStatus

Status: TypeAlias = Literal["", "failing", "pending", "excluded", "in_sync"]
Period: TypeAlias = Literal["", "1h", "today", "24h", "7d", "30d"]
TITLES: Final = {status.value: status.sentence for status in PairStatus if status in SHOWN}
"""What people call each status."""
SORTS: Final[tuple[Sort, ...]] = get_args(Sort)
LONGEST: Final = 200
"""Characters of a text that is searched for."""
LATEST_MS: Final = 2**53
TODAY: Final = "today"
PERIODS: Final = {
    "1h": "Last hour", TODAY: "Today", "24h": "Last 24 hours", "7d": "Last 7 days", "30d": "Last 30 days",
}  # fmt: skip
_PERIODS_MS: Final = {"1h": 3_600_000, "24h": 86_400_000, "7d": 7 * 86_400_000, "30d": 30 * 86_400_000}
_PLACE: Final = TypeAdapter(Place)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which records; its names are those of an address, of the API as of the pages."""

    sync: str = ""
    object: str = ""
    """Those of syncs that have this object on one side."""
    connection: str = ""
    """Those of syncs that have this connection on one side; with an object, on the same side."""
    status: Status = ""
    category: str = ""
    period: Period = ""
    since: int = 0
    q: str = ""
    zone: str = ""
    """In which today begins, of a filter that was stored; that of whoever asks where it is empty."""

    @classmethod
    def read(cls, query: Mapping[str, str]) -> "Filter":
        """Return the filter that an address names, without what nobody can choose."""
        given = {name: query[name].strip()[:LONGEST] for name in NAMES if name in query}
        try:
            return _Filter.validate_python(given)
        except ValidationError as error:
            wrong = {row["loc"][0] for row in error.errors()}
            return _Filter.validate_python({name: value for name, value in given.items() if name not in wrong})

    @classmethod
    def stored(cls, wanted: Mapping[str, str]) -> "Filter":
        """Return the filter that `store` has returned."""
        return replace(cls.read(wanted), since=int(wanted.get("since", "0")), zone=wanted.get("zone", ""))

    def store(self) -> dict[str, str]:
        """Return the filter as texts by name, the moment that the API takes among them."""
        zone = {"zone": zone_name()} if self.period == TODAY else {}
        return {**self.query(), **zone, **({"since": str(self.since)} if self.since else {})}

    def query(self) -> dict[str, str]:
        """Return the filter as an address names it, without what is empty."""
        return {name: str(value) for name in NAMES if (value := getattr(self, name))}

    def words(self) -> str:
        """Return in words which records the filter chooses."""
        since = datetime.fromtimestamp(self.since / 1000, UTC)
        told = (
            (self.sync, f"of the sync {self.sync}"),
            (self.object, self.object),
            (self.connection, f"of {self.connection}"),
            (self.status, TITLES.get(self.status, "").lower()),
            (self.category, reason_of(self.status or "failing", self.category).title),
            (self.period, self._changed()),
            (self.since, f"changed since {since:%Y-%m-%d %H:%M} UTC"),
            (self.q, f"found by “{self.q}”"),
        )
        chosen = ", ".join(words for given, words in told if given)
        return f"Records: {chosen}" if chosen else "All records"

    def _changed(self) -> str:
        if self.period == TODAY:
            return f"changed today ({self.zone or zone_name()})"
        return f"changed in the {PERIODS.get(self.period, '').lower()}"

    def _begins_ms(self, now_ms: int) -> int:
        """Return when the period begins; 0 where there is none."""
        if self.period == TODAY:
            with times_in(self.zone or zone_name()):
                return hour_of_day_ms(local(now_ms))
        return now_ms - _PERIODS_MS[self.period] if self.period else 0

    def listing(self, setups: Setups, now_ms: int) -> Listing:
        """Return which pairs the filter chooses."""
        return Listing(
            syncs=self.syncs(setups),
            status=self.status,
            reason=self.category,
            text=self.q,
            since_ms=max(self.since, self._begins_ms(now_ms)),
        )

    def syncs(self, setups: Setups) -> tuple[str, ...] | None:
        """Return the syncs of which the filter chooses; None for all."""
        if not self.object and not self.connection:
            return (self.sync,) if self.sync else None
        chosen = (sync for sync in setups.syncs() if self.sync in ("", sync.id))
        return tuple(sync.id for sync in chosen if has_end(sync, self.connection, self.object))


_Filter: Final = TypeAdapter(Filter)
Column: TypeAlias = Literal["status", "address", "changed", "sync", "left", "right"]
"""Columns of the list beside the name."""
NAMES: Final = ("sync", "object", "connection", "status", "category", "period", "q")
"""What an address may name of a filter; the API takes a moment, `since`, besides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordsPage:
    """One page of the list."""

    rows: list[PairRow]
    total: Total | None
    """How many records there are in all, where that costs little."""
    next: str
    """The cursor of the next page; empty after the last one."""
    searched_to: int | str | None = None
    """Up to which change, or which name, this page has looked, where so many were looked at that it was not filled."""
    is_loading: bool = False
    """Whether the list is being built: it is in no order, and has not got everything yet."""


def sort_of(text: str) -> Sort:
    """Return the order that an address names; the newest change first where it names none."""
    return next((sort for sort in SORTS if sort == text), SORTS[0])


class Listed(Protocol):
    """What a list is made from."""

    views: Views
    setups: Setups
    clock: Clock


def page_of(console: Listed, asked: Filter, cursor: str, limit: int, sort: Sort = "-changed") -> RecordsPage:
    """Return one page of the list; raises `Problem` for a cursor that none of us made."""
    wanted = asked.listing(console.setups, console.clock.now_ms())
    found = console.views.listed(
        replace(wanted, after=opened(cursor, _PLACE) if cursor else None, limit=limit, sort=sort)
    )
    return RecordsPage(
        rows=found.rows,
        total=found.total,
        next=spelled(found.next) if found.next else "",
        searched_to=found.next.key if found.next and not found.is_full else None,
        is_loading=found.is_loading,
    )
