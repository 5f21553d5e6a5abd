"""Lists as files."""

from typing import Any, Final

from pydantic import Field

from services.console.rest.shapes.common import At, Given, Page, Shown, examples
from services.console.use.asked import Flag
from services.console.use.standing.records import LONGEST, Filter, Period, Status
from shared.wire.exports import ExportFormat

_EXPORT: Final[dict[str, Any]] = {
    "id": "5f0c1d2e3a4b5c6d",
    "format": "csv",
    "records": "Records: failing, of hub",
    "who": "ann@example.com",
    "asked_at_ms": 1_700_000_000_000,
    "state": "ready",
    "rows": 5210,
    "total": 5210,
    "size": 734003,
    "digest": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "error": "",
    "until_ms": 1_700_086_403_000,
    "mail": "sent",
    "may_delete": True,
}


class ExportRequest(Given):
    """A list to be made a file: the filters of `GET /api/v1/records`, and a format."""

    model_config = examples({"format": "xlsx", "status": "failing"})

    format: ExportFormat = "csv"
    sync: str = Field(default="", max_length=LONGEST)
    """Of this sync."""
    object: str = Field(default="", max_length=LONGEST)
    """Of syncs that have this object on one side."""
    connection: str = Field(default="", max_length=LONGEST)
    """Of syncs that have this connection on one side."""
    status: Status = ""
    category: str = Field(default="", max_length=LONGEST)
    """Reason of the status, such as an error category."""
    period: Period = ""
    """Changed within this time before the file was asked for."""
    since: At = 0
    """Changed since, epoch milliseconds."""
    q: str = Field(default="", max_length=LONGEST)
    """Parts of the name or of an address, or the id of a record."""

    mail: Flag = False
    """Whether to tell you by mail when the file is ready, where you are a user."""

    def filter(self) -> Filter:
        """Return which records the file is to hold."""
        return Filter(**self.model_dump(exclude={"format", "mail"}))


class ExportRow(Shown):
    """A list that somebody wants as a file."""

    model_config = examples(_EXPORT)

    id: str
    format: str
    records: str
    """Which records it holds, in words."""
    who: str
    """Who asked for it."""
    asked_at_ms: int
    state: str
    """`waiting`, `running`, `ready`, `failed` or `ended`."""
    rows: int
    """Records written so far."""
    total: int | None
    """How many there will be; null where nobody has counted."""
    size: int | None
    """Bytes of the file; null before it is ready."""
    digest: str | None
    """SHA-256 of the file, which is its `ETag`, too; null before it is ready."""
    error: str
    """Why there is no file; empty where there is one, or will be."""
    until_ms: int | None
    """When it is removed; null before it is ready."""
    mail: str
    """What became of the mail that tells of it: empty where none was wanted, `waiting`, `sent`, or why it was not."""
    may_delete: bool
    """Whether whoever asks may delete it."""


class ExportList(Page):
    """One page of files, the oldest first."""

    model_config = examples({"exports": [_EXPORT], "total": {"number": 1, "exact": True}, "next": None})

    exports: list[ExportRow]
