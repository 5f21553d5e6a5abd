"""Writing records in batches.

HubSpot has no lock, so an update reads its records again and compares them with what the write was computed from, in
the same exchange; what a person changes in the instant between the two is overwritten, and no API of HubSpot's can
prevent that. A create is found again by its marker, so making it twice makes one record.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from shared.apps.hubspot.associations import write_links
from shared.apps.hubspot.batches import Answer, Item, send_batch
from shared.apps.hubspot.calls import inputs, objects, post, read_json, rows
from shared.apps.hubspot.objects import MARKER, Kind
from shared.apps.hubspot.reading import BATCH, fields_of, order_of, read, read_batch, report_of, with_links
from shared.apps.hubspot.values import wire
from shared.apps.kit.batches import in_batches
from shared.apps.kit.calls import inner
from shared.apps.kit.markers import create_missing
from shared.apps.kit.results import gone, verdict_on_archive, verdict_on_update
from shared.contract.calls import Exchange, Session
from shared.contract.reading import ReadResult
from shared.contract.writing import Change, Refused, WriteResult, Written
from shared.model.fields import link_name
from shared.model.records import Linked, Report, Version, linked_after

_TRACE: Final = "objectWriteTraceId"


def create_many(session: Session, kind: Kind, changes: Sequence[Change]) -> Exchange[Sequence[WriteResult]]:
    """Create the records that no marker finds."""
    return (yield from in_batches(changes, BATCH, lambda batch: _create_batch(session, kind, batch)))


def update_many(session: Session, kind: Kind, changes: Sequence[Change]) -> Exchange[Sequence[WriteResult]]:
    """Change the records that still hold what the writes were computed from."""
    return (yield from in_batches(changes, BATCH, lambda batch: _update_batch(session, kind, batch)))


def archive_many(session: Session, kind: Kind, changes: Sequence[Change]) -> Exchange[Sequence[WriteResult]]:
    """Put records that are still what the writes expect into HubSpot's bin, from which people can restore them."""
    return (yield from in_batches(changes, BATCH, lambda batch: _archive_batch(session, kind, batch)))


# Create


def _create_batch(session: Session, kind: Kind, changes: Sequence[Change]) -> Exchange[list[WriteResult]]:
    names = _names(changes)

    def look(markers: Sequence[str]) -> Exchange[Mapping[str, Report]]:
        held = yield from read_batch(session, kind, markers, names, idProperty=MARKER)
        return {str(inner(body, "properties", MARKER)): report_of(session, kind, body, names) for body in held}

    def make(missing: Sequence[Change]) -> Exchange[Sequence[WriteResult]]:
        items = [_new(change) for change in missing]
        answers = yield from send_batch(objects(session, kind, "batch", "upsert"), items, _marker_of)
        return [_created(session, kind, change, answers[change.marker]) for change in missing]

    results = yield from create_missing(changes, look, make)
    return (yield from _link_created(session, kind, changes, results))


def _new(change: Change) -> Item:
    values = {name: wire(value) for name, value in change.fields.items() if value is not None}
    body = {"idProperty": MARKER, "id": change.marker, _TRACE: change.marker}
    return Item(change.marker, {**body, "properties": {**values, MARKER: change.marker}})


def _marker_of(row: Mapping[str, Any]) -> str:
    return str(inner(row, "properties", MARKER) or row.get(_TRACE) or "")


def _created(session: Session, kind: Kind, change: Change, answer: Answer) -> WriteResult:
    if isinstance(answer, Refused):
        return _for(kind, change, answer)
    return Written(key=change.key, report=_answered(session, kind, change, answer, None))


def _link_created(
    session: Session, kind: Kind, changes: Sequence[Change], results: list[WriteResult]
) -> Exchange[list[WriteResult]]:
    """Associate what was created. The record stands whatever comes of it; its report tells which links it has."""
    made = {change.key: change for change in changes if any(change.links.values())}
    fresh = [x for x in results if isinstance(x, Written) and x.key in made]
    if not fresh:
        return results
    asked = [link_name(label) for label in {label for x in fresh for label in made[x.key].links}]
    before = yield from with_links(session, kind, [x.report for x in fresh], asked)
    by_id = {x.report.id: made[x.key] for x in fresh}
    yield from _write_links(session, kind, by_id, before)
    linked = yield from with_links(session, kind, [x.report for x in fresh], asked)
    reports = {x.id: x for x in linked if isinstance(x, Report)}
    return [
        Written(key=x.key, report=reports.get(x.report.id, x.report), found=x.found) if isinstance(x, Written) else x
        for x in results
    ]


# Update


def _update_batch(session: Session, kind: Kind, changes: Sequence[Change]) -> Exchange[list[WriteResult]]:
    names = [*_names(changes), *(link_name(label) for label in {x for change in changes for x in change.links})]
    held = {x.id: x for x in (yield from read(session, kind, [change.id for change in changes], names))}
    results: dict[str, WriteResult] = {}
    for change in changes:
        verdict = verdict_on_update(change, held[change.id])
        if verdict is not None:
            results[change.key] = verdict
    going = {change.id: change for change in changes if change.key not in results}
    before = {record: x for record in going if isinstance(x := held[record], Report)}
    refused = yield from _write_links(session, kind, going, list(before.values()))
    results |= {going[record].key: _for(kind, going[record], answer) for record, answer in refused.items()}
    items = [
        Item(
            change.id,
            {"id": change.id, _TRACE: change.id, "properties": {k: wire(v) for k, v in change.fields.items()}},
        )
        for change in going.values()
        if change.fields and change.key not in results
    ]
    answers = yield from send_batch(objects(session, kind, "batch", "update"), items, lambda row: str(row.get("id")))
    for record, change in going.items():
        answer = answers.get(record, {})
        if isinstance(answer, Refused):
            results[change.key] = _for(kind, change, answer)
        elif change.key not in results:
            report = _answered(session, kind, change, answer, before[record])
            results[change.key] = Written(key=change.key, report=report)
    return (yield from _complete(session, kind, changes, [results[change.key] for change in changes]))


def _write_links(
    session: Session, kind: Kind, changes: Mapping[str, Change], held: Sequence[ReadResult]
) -> Exchange[dict[str, Refused]]:
    """Write the associations of changes by record id, and give the refusals."""
    refused: dict[str, Refused] = {}
    reports = [x for x in held if isinstance(x, Report)]
    for label in sorted({label for change in changes.values() for label in change.links}):
        wanted = {x: change.links[label] for x, change in changes.items() if label in change.links}
        current = {x.id: x.links.get(label) for x in reports}
        answers = yield from write_links(session, kind, label, wanted, current)
        refused |= {record: _at(answer, link_name(label)) for record, answer in answers.items()}
    return refused


def _answered(session: Session, kind: Kind, change: Change, answer: Mapping[str, Any], before: Report | None) -> Report:
    """Return what is known of the record after a write: what was written, and nothing that was read before it.

    An answer names the properties that hold something, so a cleared one that it does not name is cleared.
    """
    cleared = {name: None for name, value in change.fields.items() if value is None}
    if not answer and before is not None:  # only associations were written
        return before.model_copy(update={"links": {**before.links, **_linked(change, before)}})
    held = inner(answer, "properties") or {}
    if before is None:  # HubSpot gives a new record values of its own, too
        report = report_of(session, kind, answer, held)
        return report.model_copy(update={"fields": {**cleared, **report.fields}, "marker": change.marker})
    stored = {**cleared, **fields_of(kind, held, change.fields)}
    order = order_of(kind, answer)
    return before.model_copy(
        update={
            "fields": stored,
            "links": _linked(change, before),
            "version": Version(order=order) if order is not None else before.version,
        }
    )


def _complete(
    session: Session, kind: Kind, changes: Sequence[Change], results: list[WriteResult]
) -> Exchange[list[WriteResult]]:
    """Read again what an answer did not tell: a value that was sent, but not answered, may have been rewritten.

    Where the record moved meanwhile, what stands there now may be somebody's edit, so it is no part of the answer.
    """
    written = {x.key: x for x in results if isinstance(x, Written)}
    untold = [x for x in changes if x.key in written and x.fields.keys() - written[x.key].report.fields.keys()]
    if not untold:
        return results
    asked = _names(untold)
    bodies = yield from read_batch(session, kind, [change.id for change in untold], asked)
    fresh = {report.id: report for report in (report_of(session, kind, body, asked) for body in bodies)}
    for change in untold:
        told = written[change.key].report
        found = fresh.get(change.id)
        if found is not None and found.version == told.version:
            report = told.model_copy(update={"fields": {**found.fields, **told.fields}})
            written[change.key] = Written(key=change.key, report=report)
    return [written.get(x.key, x) for x in results]


# Archive


def _archive_batch(session: Session, kind: Kind, changes: Sequence[Change]) -> Exchange[list[WriteResult]]:
    ids = [change.id for change in changes]
    held = {x.id: x for x in (yield from read(session, kind, ids, ()))}
    results: dict[str, WriteResult] = {}
    for change in changes:
        verdict = verdict_on_archive(change, held[change.id])
        if verdict is not None:
            results[change.key] = verdict
    items = [Item(change.id, {"id": change.id}) for change in changes if change.key not in results]
    answers = yield from send_batch(objects(session, kind, "batch", "archive"), items, lambda row: str(row.get("id")))
    bin_ = yield from _read_bin(session, kind, [x for x, answer in answers.items() if not isinstance(answer, Refused)])
    for change in changes:
        if change.key not in results:
            answer = answers[change.id]
            report = bin_.get(change.id) or gone(session, kind.object, change.id)
            done = Written(key=change.key, report=report)
            results[change.key] = _for(kind, change, answer) if isinstance(answer, Refused) else done
    return [results[change.key] for change in changes]


def _read_bin(session: Session, kind: Kind, ids: Sequence[str]) -> Exchange[dict[str, Report]]:
    if not ids:
        return {}
    body = inputs(ids, properties=list(kind.system))
    request = post(objects(session, kind, "batch", "read"), body, safe=True, archived="true")
    response = yield request
    found = [] if response.status == 404 else rows(read_json(request, response))
    return {report.id: report for report in (report_of(session, kind, row, ()) for row in found)}


def _names(changes: Sequence[Change]) -> list[str]:
    return list(dict.fromkeys(name for change in changes for name in change.fields))


def _for(kind: Kind, change: Change, refused: Refused) -> Refused:
    """Make a refusal that of a change. HubSpot does not name the e-mail address that another contact has."""
    field = refused.field
    if field is None and refused.code == "duplicate_in_target":
        unique = [info.name for info in kind.fields if info.unique and change.fields.get(info.name) is not None]
        field = unique[0] if len(unique) == 1 else None
    return _with(refused, key=change.key, field=field)


def _at(refused: Refused, field: str) -> Refused:
    return _with(refused, key=refused.key, field=field)


def _with(refused: Refused, *, key: str, field: str | None) -> Refused:
    return Refused(
        key=key,
        code=refused.code,
        message=refused.message,
        retry=refused.retry,
        field=field,
        conflicting_id=refused.conflicting_id,
    )


def _linked(change: Change, before: Report) -> dict[str, Linked]:
    """Return what the associations that a change wrote lead to now."""
    return {label: linked_after(before.links.get(label), write) for label, write in change.links.items()}
