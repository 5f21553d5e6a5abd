"""What reading and listing records bring."""

from dataclasses import dataclass
from typing import TypeAlias

from shared.model.records import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A record that exists or existed, but may not be read: a connection problem, never a delete."""

    id: str
    code: str
    message: str


ReadResult: TypeAlias = Report | Unreadable


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of a full listing."""

    reports: tuple[Report, ...]
    next: str | None
    """Cursor of the next page; None on the last."""
    total: int | None = None
    skipped: tuple[str, ...] = ()
    """Records that could not be read with the others: each is to be read alone, and holds up none."""
