"""The records of one table of Tables: as Example's people are read and written, below the table's name."""

from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from shared.core.connector import (
    Change,
    Exchange,
    FeedPage,
    HttpRequest,
    HttpResponse,
    Page,
    ReadResult,
    Refused,
    Session,
    WriteResult,
)
from shared.core.records import Report
from tests.apps.example import reading, writing

BATCH = reading.BATCH
T = TypeVar("T")


def _below(table: str, exchange: Exchange[T]) -> Generator[HttpRequest, HttpResponse, T]:
    """Run an exchange with each of its calls below the table's name."""
    try:
        request = next(exchange)
        while True:
            response = yield replace(request, path=f"{table}/{request.path}")
            request = exchange.send(response)
    except StopIteration as done:
        result: T = done.value
        return result


def _of(table: str, result: Any) -> Any:
    """Return a result as one of the table's records."""
    if isinstance(result, Report):
        return result.model_copy(update={"object": table})
    return result if isinstance(result, Refused) else replace(result, report=_of(table, result.report))


def read(table: str, session: Session, ids: Sequence[str], names: Sequence[str]) -> Exchange[Sequence[ReadResult]]:
    """Read records by id."""
    found = yield from _below(table, reading.read(session, ids, names))
    return [_of(table, one) if isinstance(one, Report) else one for one in found]


def list_page(table: str, session: Session, cursor: str | None, names: Sequence[str]) -> Exchange[Page]:
    """Read one page of all records."""
    page = yield from _below(table, reading.list_page(session, cursor, names))
    return replace(page, reports=tuple(_of(table, one) for one in page.reports))


def poll(table: str, session: Session, cursor: str | None) -> Exchange[FeedPage]:
    """Tell what changed."""
    return (yield from _below(table, reading.poll(session, cursor)))


def _write(table: str, exchange: Exchange[Sequence[WriteResult]]) -> Exchange[Sequence[WriteResult]]:
    return [_of(table, one) for one in (yield from _below(table, exchange))]


def create_many(table: str, session: Session, changes: Sequence[Change]) -> Exchange[Sequence[WriteResult]]:
    """Create the records that no marker finds."""
    return (yield from _write(table, writing.create_many(session, changes)))


def update_many(table: str, session: Session, changes: Sequence[Change]) -> Exchange[Sequence[WriteResult]]:
    """Change records that are still what the writes expect."""
    return (yield from _write(table, writing.update_many(session, changes)))


def archive_many(table: str, session: Session, changes: Sequence[Change]) -> Exchange[Sequence[WriteResult]]:
    """Delete records that are still what the writes expect."""
    return (yield from _write(table, writing.archive_many(session, changes)))
