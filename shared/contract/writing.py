"""Writes to records of an app, and how each of them ended."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from shared.model.records import Fields, LinkWrite, Report, Version
from shared.model.words import Retry


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One write to one record, in the app's own field names."""

    key: str
    """The write's id, to match results with changes."""
    id: str = ""
    """The record; empty for a create."""
    marker: str = ""
    """The create id: carried by the record for ever, found again before any second try."""
    fields: Fields = field(default_factory=dict)
    before: Fields = field(default_factory=dict)
    """What the same fields were last seen to hold; an app without a lock re-reads and compares."""
    expected: Version | None = None
    links: Mapping[str, LinkWrite] = field(default_factory=dict)
    """By association label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """Executed; `report` is the record as the app stored it."""

    key: str
    report: Report
    found: bool = False
    """True when a create found its own record there already (marker) and wrote nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stale:
    """Not executed, because the record is no longer what the write expected; `report` says what it is."""

    key: str
    report: Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Not executed: the app does not take it."""

    key: str
    code: str
    message: str
    retry: Retry = "edit"
    field: str | None = None
    conflicting_id: str | None = None


WriteResult: TypeAlias = Written | Stale | Refused
