"""Time zones by the names that the tz database has for them, and that of whoever asks.

It is known where a request begins (`times_in`), and holds for all that is done within it.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_LONGEST: Final = 64


@dataclass(slots=True)
class _Asking:
    zone: tzinfo = UTC


_asking: ContextVar[_Asking | None] = ContextVar("asking", default=None)


@lru_cache(maxsize=256)
def zone_of(name: str) -> ZoneInfo | None:
    """Return a time zone; None for a name that there is not."""
    if not name or len(name) > _LONGEST:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # no such name, none at all, or that of a folder
        return None


@contextmanager
def times_in(*names: str) -> Iterator[None]:
    """Take times in the first of these time zones that there is; in UTC where there is none."""
    token = _asking.set(_Asking(_first(names)))
    try:
        yield
    finally:
        _asking.reset(token)


def note_zone(name: str) -> None:
    """Note the zone of whoever asks, now that it is known who does."""
    now = _asking.get()
    if now is not None:
        now.zone = _first((name,))


def _first(names: Iterable[str]) -> tzinfo:
    return next((zone for name in names if (zone := zone_of(name)) is not None), UTC)


def _of_asking() -> tzinfo:
    now = _asking.get()
    return UTC if now is None else now.zone


def zone_name() -> str:
    """Return the name of the zone of whoever asks."""
    return str(_of_asking())


def local(at_ms: int) -> datetime:
    """Return a moment in the zone of whoever asks."""
    return datetime.fromtimestamp(at_ms / 1000, _of_asking())


def hour_of_day_ms(day: datetime, hour: int = 0) -> int:
    """Return when an hour of a day begins in the day's zone; one that clocks leave out begins as they go forward."""
    return int(day.replace(hour=hour, minute=0, second=0, microsecond=0, fold=0).timestamp() * 1000)
