"""Writing people of Example, one call a record: under the app's own lock, and found again by their marker."""

from collections.abc import Mapping, Sequence
from typing import Final

from shared.apps.kit.batches import one_by_one
from shared.apps.kit.bodies import read_body
from shared.apps.kit.calls import inner, read_json, rows, send
from shared.apps.kit.markers import create_missing
from shared.apps.kit.results import gone, hidden, refused
from shared.core.connector import Change, Exchange, HttpRequest, Session, Stale, Unreadable, WriteResult, Written
from shared.core.records import Report
from tests.apps.example.calls import OBJECT, PATH, ask, refuse, report_of
from tests.apps.example.reading import read_alone

_JUDGED: Final = frozenset({409, 422})
"""Refusals of what the record would hold."""


def create_many(session: Session, changes: Sequence[Change]) -> Exchange[Sequence[WriteResult]]:
    """Create the records that no marker finds."""
    names = list(dict.fromkeys(name for change in changes for name in change.fields))

    def look(markers: Sequence[str]) -> Exchange[Mapping[str, Report]]:
        body = yield from ask(send("POST", f"{PATH}/read", {"markers": markers}, safe=True))
        return {str(row["marker"]): report_of(session, row, names) for row in rows(body, "results")}

    def create(change: Change) -> Exchange[WriteResult]:
        return (yield from _sent(session, change, send("POST", PATH, {**change.fields, "marker": change.marker})))

    return (yield from create_missing(changes, look, lambda missing: one_by_one(missing, create)))


def update_many(session: Session, changes: Sequence[Change]) -> Exchange[Sequence[WriteResult]]:
    """Change records that are still what the writes expect."""

    def update(change: Change) -> Exchange[WriteResult]:
        where = f"{PATH}/{change.id}"
        return (yield from _sent(session, change, send("PATCH", where, dict(change.fields), headers=_lock(change))))

    return (yield from one_by_one(changes, update))


def archive_many(session: Session, changes: Sequence[Change]) -> Exchange[Sequence[WriteResult]]:
    """Delete records that are still what the writes expect."""

    def delete(change: Change) -> Exchange[WriteResult]:
        request = HttpRequest(method="DELETE", path=f"{PATH}/{change.id}", headers=_lock(change))
        result = yield from _sent(session, change, request)
        # Who deletes what is gone already has what was asked for.
        gone_ = gone(session, OBJECT, change.id)
        return Written(key=change.key, report=gone_) if isinstance(result, Stale) and result.report == gone_ else result

    return (yield from one_by_one(changes, delete))


def _lock(change: Change) -> Mapping[str, str]:
    return {} if change.expected is None else {"If-Match": str(change.expected.order)}


def _sent(session: Session, change: Change, request: HttpRequest) -> Exchange[WriteResult]:
    """Send one write, and say what became of it."""
    response = yield request
    if response.status in (404, 412):
        found = yield from read_alone(session, change.id, list(change.fields))
        return hidden(change, found) if isinstance(found, Unreadable) else Stale(key=change.key, report=found)
    if response.status in _JUDGED:
        field = inner(read_body(response.body), "field")
        return refused(change, refuse(request, response), str(field) if field else None)
    row = read_json(request, response, refuse)
    report = report_of(session, row, list(change.fields)) if row else gone(session, OBJECT, change.id)
    return Written(key=change.key, report=report)
