"""The records of an app that speaks JSON and takes one write a call.

Such an app says where its records are and what one holds; reading, finding again what was created, and writing only to
what a write expects are the same for all of them.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal, TypeAlias

from shared.apps.kit.batches import one_by_one, read_each
from shared.apps.kit.calls import get, read_json, send
from shared.apps.kit.markers import create_missing
from shared.apps.kit.refusals import Refusing
from shared.apps.kit.results import gone, hidden, refused, verdict_on_archive, verdict_on_update
from shared.contract.app import Binding
from shared.contract.calls import Exchange, HttpRequest, Session
from shared.contract.feeds import Feed
from shared.contract.reading import Page, ReadResult, Unreadable
from shared.contract.writing import Change, Stale, WriteResult, Written
from shared.model.fields import FieldInfo
from shared.model.records import Report, Version
from shared.rules.identifiers import email_spellings

Row: TypeAlias = Mapping[str, Any]
_WRITES: Final = 20
"""Writes of one exchange: each is a call of its own, and others wait meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """How an app holds the records of one object; its methods are what a binding takes."""

    object: str
    where: Callable[[Session, str], str]
    """(session, id) -> the address of a record; of all of them, where the id is empty."""
    version: Callable[[Row], Version]
    """(record) -> its version."""
    created: str = ""
    """Which field holds when it was created; empty where none does."""
    marker: str
    """Which field keeps the marker of a create."""
    id: str = "id"
    """Which field holds the record's id."""
    some: Callable[[Session, str, Sequence[str], Sequence[str]], Exchange[Iterable[Row]]]
    """(session, a field, its values, field names) -> records that hold one of these: ids, markers, addresses."""
    batch: int
    """Records that `some` takes at once."""
    refuse: Refusing
    row: Callable[[Row], Row] = lambda body: body
    """(answer) -> the record in it."""
    lock: Callable[[Change], Mapping[str, str]] | None = None
    """Headers by which the app itself writes only to what a write expects; None where it has no lock: then the record
    is read again just before."""
    email: str = ""
    """Which field holds the address by which a record is looked for before a create; empty where the app itself refuses
    a second record with one, and names the first."""
    hides: bool = True
    """Whether a record that `some` leaves out may be there, but hidden from us: then it is asked for alone."""

    def binding(
        self,
        *,
        type: str,  # noqa: A002 - as a binding calls it
        versions: Literal["ordered", "opaque"],
        fields: tuple[FieldInfo, ...],
        feeds: tuple[Feed, ...],
        list_page: Callable[[Session, str | None, Sequence[str]], Exchange[Page]],
        discover: Callable[[Session], Exchange[Sequence[FieldInfo]]],
    ) -> Binding:
        """Bind the object: read, and write, as said here; its answers to writes tell the whole record."""
        return Binding(
            object=self.object,
            type=type,
            versions=versions,
            create="marker",
            lock="none" if self.lock is None else "etag",
            fields=fields,
            feeds=feeds,
            read_batch=self.batch,
            write_batch=_WRITES,
            create_answer="whole",
            read=self.read,
            list_page=list_page,
            create_many=self.create_many,
            update_many=self.update_many,
            archive_many=self.archive_many,
            find=self.find if self.email else None,
            discover=discover,
        )

    def report(self, session: Session, row: Row, names: Sequence[str]) -> Report:
        """Report what a record of an answer holds."""
        return Report(
            connection=session.connection,
            object=self.object,
            id=str(row[self.id]),
            version=self.version(row),
            # An empty text and an empty list are no value, as in most forms; "no" is one.
            fields={name: row[name] if row[name] is False else row[name] or None for name in names if name in row},
            marker=row.get(self.marker),
            created=str(row.get(self.created) or ""),
        )

    def page(self, session: Session, found: Iterable[Row], names: Sequence[str], *, size: int) -> Page:
        """Return a page of a listing in the order of ids, of which the next one begins behind the last."""
        reports = tuple(self.report(session, row, names) for row in found)
        return Page(reports=reports, next=reports[-1].id if len(reports) >= size else None)

    def read(self, session: Session, ids: Sequence[str], names: Sequence[str]) -> Exchange[Sequence[ReadResult]]:
        """Read records by id."""

        def some(chunk: Sequence[str]) -> Exchange[Iterable[ReadResult]]:
            rows = yield from self.some(session, self.id, chunk, names)
            return [self.report(session, row, names) for row in rows]

        return (yield from read_each(ids, self.batch, some, lambda record: self._alone(session, record, names)))

    def _alone(self, session: Session, record: str, names: Sequence[str]) -> Exchange[Sequence[ReadResult]]:
        if not self.hides:
            return [gone(session, self.object, record)]
        request = get(self.where(session, record))
        response = yield request
        if response.status in (404, 410):
            return [gone(session, self.object, record)]
        if response.status == 403:
            return [Unreadable(id=record, code="not_readable", message=self.refuse(request, response).message)]
        return [self.report(session, self.row(read_json(request, response, self.refuse)), names)]

    def find(self, session: Session, values: Sequence[str], names: Sequence[str]) -> Exchange[Sequence[Report]]:
        """Read the records that have one of these e-mail addresses."""
        texts = [text for value in values for text in email_spellings(value)]
        rows = yield from self.some(session, self.email, texts, names)
        return [self.report(session, row, names) for row in rows]

    def create_many(self, session: Session, changes: Sequence[Change]) -> Exchange[Sequence[WriteResult]]:
        """Create the records that no marker finds."""
        names = list(dict.fromkeys(name for change in changes for name in change.fields))

        def look(markers: Sequence[str]) -> Exchange[Mapping[str, Report]]:
            rows = yield from self.some(session, self.marker, markers, names)
            found = [self.report(session, row, names) for row in rows]
            return {report.marker: report for report in found if report.marker}

        def create(change: Change) -> Exchange[WriteResult]:
            body = {**change.fields, self.marker: change.marker}
            return (yield from self._sent(session, change, send("POST", self.where(session, ""), body)))

        return (yield from create_missing(changes, look, lambda missing: one_by_one(missing, create)))

    def update_many(self, session: Session, changes: Sequence[Change]) -> Exchange[Sequence[WriteResult]]:
        """Change records that are still what the writes expect."""
        return (yield from one_by_one(changes, partial(self._update, session)))

    def archive_many(self, session: Session, changes: Sequence[Change]) -> Exchange[Sequence[WriteResult]]:
        """Delete records that are still what the writes expect."""
        return (yield from one_by_one(changes, partial(self._archive, session)))

    def _update(self, session: Session, change: Change) -> Exchange[WriteResult]:
        where, body = self.where(session, change.id), dict(change.fields)
        if self.lock is not None:
            return (yield from self._sent(session, change, send("PATCH", where, body, headers=self.lock(change))))
        held = yield from self._held(session, change)
        return verdict_on_update(change, held) or (yield from self._sent(session, change, send("PATCH", where, body)))

    def _archive(self, session: Session, change: Change) -> Exchange[WriteResult]:
        headers = self.lock(change) if self.lock is not None else {}
        if self.lock is None:
            done = verdict_on_archive(change, (yield from self._held(session, change)))
            if done is not None:
                return done
        request = HttpRequest(method="DELETE", path=self.where(session, change.id), headers=headers)
        result = yield from self._sent(session, change, request)
        # Who deletes what is gone already has what was asked for.
        return (verdict_on_archive(change, result.report) or result) if isinstance(result, Stale) else result

    def _held(self, session: Session, change: Change) -> Exchange[ReadResult]:
        (held,) = yield from self.read(session, [change.id], list({**change.before, **change.fields}))
        return held

    def _sent(self, session: Session, change: Change, request: HttpRequest) -> Exchange[WriteResult]:
        """Send one write, and say what became of it."""
        response = yield request
        if change.id and response.status in (404, 410, 412):
            held = yield from self._held(session, change)
            return hidden(change, held) if isinstance(held, Unreadable) else Stale(key=change.key, report=held)
        if not 200 <= response.status < 300 and (error := self.refuse(request, response)).retry == "edit":
            return refused(change, error, self.refuse.field_of(response))
        body = read_json(request, response, self.refuse)
        report = self.report(session, self.row(body), list(change.fields)) if body else None
        return Written(key=change.key, report=report or gone(session, self.object, change.id))
