"""Asks apps, in turn, what the linked records are associated with: a change that no webhook told is noticed, too.

Where an association moves no record's time of modification, no feed that asks for what changed can tell of it. So the
records of all pairs with both ends are asked about, a batch at a time, round after round, and those whose pair knows
otherwise are read. What it costs is bounded: ten calls a minute, or one for each batch every eight minutes where that
is more, out of the budget that live changes leave.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from services.ingest.notices import addressed
from shared.config.setups import Setups
from shared.contract.feeds import LinkFeed
from shared.engine.policies import Policy
from shared.io.links.store import BUCKETS, Store
from shared.io.ports import Bus, Caller, Clock, run_blocking
from shared.model.pairs import NewerState, Pair
from shared.model.records import Life, Linked, Side
from shared.wire.messages import Notice

SHORTEST_S: Final = 120.0
LONGEST_S: Final = 480.0
"""Time between the beginnings of two rounds: with a round's own time, a change is noticed within ten minutes."""
_EACH_CALL_S: Final = 6.0
_BUCKETS: Final = 64
"""Buckets of pairs read in one round trip."""
_WAIT_S: Final = 10.0
_NOT_SEEN: Final = object()

Links: TypeAlias = Mapping[str, Linked]


@dataclass(frozen=True, slots=True)
class _Row:
    policy: Policy
    side: Side
    pair: str
    record: str


@dataclass(slots=True)
class _Round:
    began_ms: int
    places: list[tuple[Policy, Side, int]]
    """Which buckets of pairs are still to be read, the last one first."""
    rows: list[_Row] = field(default_factory=list)
    """Records to ask about next."""
    calls: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one call brought."""

    told: int
    """Records that are read again."""
    more: bool
    began_ms: int
    """When the round began: what changed before it is told when nothing more waits."""
    calls: int


class LinkRounds:
    """The rounds of all connections; each is asked by one thread at a time.

    A step that fails is taken again by the next call: the round goes on where it was.
    """

    def __init__(self, setups: Setups, store: Store, caller: Caller, bus: Bus, clock: Clock) -> None:
        self._setups = setups
        self._store = store
        self._caller = caller
        self._bus = bus
        self._clock = clock
        self._rounds: dict[tuple[str, str], _Round] = {}
        self._calls: dict[tuple[str, str], int] = {}

    def interval_s(self, connection: str, object_: str) -> float:
        """Return the time between the beginnings of two rounds, which grows with what a round costs."""
        calls = self._calls.get((connection, object_), 0)
        return max(SHORTEST_S, min(_EACH_CALL_S * calls, LONGEST_S))

    def step(self, connection: str, object_: str, feed: LinkFeed) -> Step:
        """Ask about the next batch of records, and have those read whose pair knows otherwise."""
        here = connection, object_
        round_ = self._rounds.get(here)
        if round_ is None:
            round_ = self._rounds[here] = self._begin(connection, object_)
        self._fill(round_, feed.batch)
        rows = round_.rows[: feed.batch]
        told = self._ask(connection, object_, feed, rows) if rows else 0
        del round_.rows[: feed.batch]
        round_.calls += bool(rows)
        more = bool(round_.rows or round_.places)
        if not more:
            self._calls[here] = round_.calls
            del self._rounds[here]
        return Step(told=told, more=more, began_ms=round_.began_ms, calls=round_.calls)

    def _begin(self, connection: str, object_: str) -> _Round:
        places = [
            (policy, side, first)
            for policy, side in self._setups.associations_in_use(connection, object_)
            for first in range(0, len(BUCKETS), _BUCKETS)
        ]
        return _Round(self._clock.now_ms(), places)

    def _fill(self, round_: _Round, size: int) -> None:
        """Read on among the pairs until there is a batch of records, or no pair is left."""
        while len(round_.rows) < size and round_.places:
            policy, side, first = round_.places[-1]
            found = run_blocking(self._store.pairs_in(policy.sync, BUCKETS[first : first + _BUCKETS]))
            round_.places.pop()
            round_.rows += [
                _Row(policy, side, pair, slots.of(side)[1:])
                for pair, slots in found
                if slots.L.startswith(":") and slots.R.startswith(":")
            ]

    def _ask(self, connection: str, object_: str, feed: LinkFeed, rows: list[_Row]) -> int:
        labels = sorted({flow.names[row.side] for row in rows for flow in row.policy.associations})
        records = list(dict.fromkeys(row.record for row in rows))
        exchange = feed.read(self._setups.session(connection), records, labels)
        links = run_blocking(self._caller.run(connection, exchange, share="backfill", wait_s=_WAIT_S))
        # Only now: what a pair learns while the app is asked is newer than what the app says.
        states = run_blocking(self._store.load([(row.policy.sync, row.pair) for row in rows]))
        now_ms = self._clock.now_ms()
        news = {
            row.record: Notice(connection=connection, object=object_, id=row.record, accepted_ms=now_ms)
            for row in rows
            if row.record in links and _differs(states[row.policy.sync, row.pair].state, row, links[row.record])
        }
        run_blocking(self._bus.publish([addressed(notice) for notice in news.values()]))
        return len(news)


def _differs(state: str, row: _Row, links: Links) -> bool:
    """Check whether a pair knows other associations of its living record than the app does."""
    try:
        end = Pair.read(state).side(row.side) if state else None
    except NewerState:
        return True  # whoever reads it may tell
    if end is None or end.id != row.record or end.life is not Life.ALIVE:
        return False
    return any(
        label in links and end.links.get(label, _NOT_SEEN) != links[label]
        for label in (flow.names[row.side] for flow in row.policy.associations)
    )
