"""How everything stood over time: hours put together to slots, as many as a chart shows."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, Literal, TypeAlias

from services.console.use.standing.installation import Installation
from services.console.use.zones import hour_of_day_ms, local
from services.console.views.hours import HOUR_MS, of_connection, of_sync, percentile
from services.console.views.rows import SHOWN

Range: TypeAlias = Literal["24h", "7d", "30d", "90d"]
SLOTS: Final[Mapping[Range, tuple[int, int]]] = {"24h": (24, 1), "7d": (56, 3), "30d": (60, 12), "90d": (90, 24)}
"""How many slots a range has, and how many hours each."""
_DAY_H: Final = 24
_HALF_DAY_H: Final = 12


@dataclass(slots=True)
class Slot:
    """Some hours of one sync, or of all."""

    from_ms: int
    counts: dict[str, int] = field(default_factory=dict)
    """Records by status at its end; empty where nobody looked."""
    failing: dict[str, int] = field(default_factory=dict)
    edits: int = 0
    writes: int = 0
    delays: Counter[str] = field(default_factory=Counter)

    def row(self) -> dict[str, Any]:
        """Return the slot as it is shown."""
        return {
            "from_ms": self.from_ms, "counts": self.counts, "failing": self.failing, "edits": self.edits,
            "writes": self.writes, "delay_p50_s": percentile(self.delays, 0.5),
            "delay_p95_s": percentile(self.delays, 0.95),
            "writes_per_edit": round(self.writes / self.edits, 2) if self.edits else None,
        }  # fmt: skip


def series(console: Installation, wanted: Range, sync: str) -> dict[str, Any]:
    """Return how a sync, or all, and every connection stood: slots in their order, the last of which is not over.

    Days and half days begin in the zone of whoever asks. One that begins within an hour has all of that hour.

    Args:
        console: Where it is known.
        wanted: How far back.
        sync: One sync; all when empty.
    """
    starts = starts_of(wanted, console.clock.now_ms())
    hours = [start - start % HOUR_MS for start in starts]
    syncs = [sync] if sync else [row.id for row in console.setups.syncs()]
    slots = [Slot(start) for start in starts]
    for name in syncs:
        _of_sync(slots, console.views.told_hours(of_sync(name), hours[0]), hours)
    _add_now(slots[-1], console, syncs)
    return {
        "range": wanted,
        "sync": sync,
        "slot_ms": SLOTS[wanted][1] * HOUR_MS,
        "slots": [slot.row() for slot in slots],
        "connections": {
            row.id: _states(console.views.told_hours(of_connection(row.id), hours[0]), hours)
            for row in console.setups.connections()
        },
    }


def starts_of(wanted: Range, now_ms: int) -> list[int]:
    """Return when each slot begins: at a time of day in the zone of whoever asks, or after so many hours."""
    number, size = SLOTS[wanted]
    if size < _HALF_DAY_H:
        last = now_ms - now_ms % (size * HOUR_MS)
        return [last - at * size * HOUR_MS for at in reversed(range(number))]
    today = local(now_ms)
    days = [today - timedelta(days=ago) for ago in reversed(range(number * size // _DAY_H + 1))]
    found = [hour_of_day_ms(day, hour) for day in days for hour in range(0, _DAY_H, size)]
    return [start for start in found if start <= now_ms][-number:]


def _of_sync(slots: list[Slot], found: Iterable[Mapping[str, Any]], hours: Sequence[int]) -> None:
    """Add the hours of one sync; its counts are those at the end of a slot, as far as they are known."""
    counts: dict[int, Mapping[str, Any]] = {}
    for hour in found:
        at = bisect_right(hours, hour["hour_ms"]) - 1
        slots[at].edits += hour["edits"]
        slots[at].writes += hour["writes"]
        slots[at].delays.update(hour["delays"])
        if hour["counts"]:
            counts[at] = hour
    for at, hour in counts.items():
        if at < len(slots) - 1:
            _add(slots[at].counts, hour["counts"])
            _add(slots[at].failing, hour["failing"])


def _add_now(slot: Slot, console: Installation, syncs: Iterable[str]) -> None:
    """Put what stands now into the last slot."""
    standing = console.views.counts()
    slot.counts = dict.fromkeys(SHOWN, 0)
    for name in syncs:
        statuses = standing.get(name, {})
        _add(slot.counts, {status: sum(reasons.values()) for status, reasons in statuses.items()})
        _add(slot.failing, statuses.get("failing", {}))


def _add(to: dict[str, int], more: Mapping[str, int]) -> None:
    for name, number in more.items():
        to[name] = to.get(name, 0) + number


def _states(found: Iterable[Mapping[str, Any]], hours: Sequence[int]) -> list[dict[str, float]]:
    """Return, slot by slot, for how many seconds a connection was in which state; empty where nobody looked."""
    slots: list[dict[str, float]] = [{} for _ in hours]
    for hour in found:
        slot = slots[bisect_right(hours, hour["hour_ms"]) - 1]
        for state, seconds in hour["states"].items():
            slot[state] = round(slot.get(state, 0.0) + seconds, 1)
    return slots
