"""Reading records: by id, and page by page.

A name that begins with ``@`` among the fields asks for an association by its label: ``@company``.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from shared.apps.hubspot.associations import read_links
from shared.apps.hubspot.calls import after, ask, inputs, objects, post, read_json, rows
from shared.apps.hubspot.errors import refuse
from shared.apps.hubspot.objects import CREATED, MARKER, MERGED, Kind
from shared.apps.hubspot.values import REDACTED, canonical, iso, moment_ms
from shared.apps.kit.batches import chunks, read_each
from shared.apps.kit.calls import get
from shared.apps.kit.results import gone
from shared.contract.calls import AppError, Exchange, Session
from shared.contract.reading import Page, ReadResult, Unreadable
from shared.model.fields import label_of
from shared.model.records import FieldType, Life, Report, Value, Version

BATCH: Final = 100


def properties(kind: Kind, names: Iterable[str]) -> list[str]:
    """Return the properties to ask for: those named, and the ones that every report needs."""
    return list(dict.fromkeys([*(name for name in names if not label_of(name)), *kind.system]))


def labels(kind: Kind, names: Iterable[str]) -> tuple[str, ...]:
    """Return the associations asked for."""
    asked = {label_of(name) for name in names}
    return tuple(link.label for link in kind.links if link.label in asked)


def fields_of(kind: Kind, held: Mapping[str, Any], names: Iterable[str]) -> dict[str, Value | None]:
    """Return the named values out of ``properties``; one that is masked or was not sent is not known."""
    return {
        name: canonical(held[name], kind.types.get(name, FieldType.TEXT))
        for name in names
        if name in held and held[name] != REDACTED
    }


def order_of(kind: Kind, body: Mapping[str, Any]) -> int | None:
    """Return the moment of the last change, which is a record's version; archiving is a change, too."""
    held = _held(body)
    told = (moment_ms(held.get(kind.modified)), moment_ms(body.get("updatedAt")), moment_ms(body.get("archivedAt")))
    changed = told[0] if told[0] is not None else told[1]
    return max((ms for ms in (changed, told[2]) if ms is not None), default=None)


def report_of(session: Session, kind: Kind, body: Mapping[str, Any], names: Iterable[str]) -> Report:
    """Return what a record of an answer holds."""
    held = _held(body)
    created = moment_ms(held.get(CREATED)) or moment_ms(body.get("createdAt"))
    merged = canonical(held.get(MERGED), FieldType.MULTI)
    marker = canonical(held.get(MARKER), FieldType.TEXT)
    return Report(
        connection=session.connection,
        object=kind.object,
        id=str(body.get("id")),
        version=Version(order=order_of(kind, body)),
        life=Life.ARCHIVED if body.get("archived") else Life.ALIVE,
        aliases=merged if isinstance(merged, tuple) else (),
        fields=fields_of(kind, held, names),
        marker=marker if isinstance(marker, str) else None,
        created=iso(created) if created is not None else "",
        changed_ms=moment_ms(held.get(kind.modified)) or 0,
    )


def read(session: Session, kind: Kind, ids: Sequence[str], names: Sequence[str]) -> Exchange[Sequence[ReadResult]]:
    """Read records by id.

    One that the batch does not know under its id is read alone before it is called anything: it may be merged (then
    the survivor's own report comes, too), archived, gone for good, or hidden from us.
    """

    def some(chunk: Sequence[str]) -> Exchange[list[Report]]:
        bodies = yield from read_batch(session, kind, chunk, names)
        return [report_of(session, kind, body, names) for body in bodies]

    found = yield from read_each(ids, BATCH, some, lambda record: read_alone(session, kind, record, names))
    return (yield from with_links(session, kind, found, names))


def read_batch(
    session: Session, kind: Kind, ids: Sequence[str], names: Iterable[str], **more: object
) -> Exchange[list[dict[str, Any]]]:
    """Read up to 100 live records; those that are not there are missing from the result."""
    body = inputs(ids, properties=properties(kind, names), **more)
    request = post(objects(session, kind, "batch", "read"), body, safe=True)
    response = yield request
    if response.status == 404:  # none of them is there
        return []
    return rows(read_json(request, response))


def read_alone(session: Session, kind: Kind, record: str, names: Sequence[str]) -> Exchange[list[ReadResult]]:
    """Find out what became of one id."""
    where = objects(session, kind, record)
    asked = ",".join(properties(kind, names))
    for archived in ("false", "true"):
        request = get(where, properties=asked, archived=archived)
        response = yield request
        if response.status == 403:
            return [Unreadable(id=record, code="not_readable", message=refuse(request, response).message)]
        if response.status == 404:
            continue
        report = report_of(session, kind, read_json(request, response), names)
        if report.id == record:
            return [report]
        loser = Report(
            connection=session.connection,
            object=kind.object,
            id=record,
            version=report.version,
            life=Life.MERGED,
            merged_into=report.id,
        )
        return [loser, report]
    return [gone(session, kind.object, record)]


def look_up(session: Session, kind: Kind, values: Sequence[str], names: Sequence[str]) -> Exchange[Sequence[Report]]:
    """Read the living records that have one of these e-mail addresses, be it an additional one.

    HubSpot reads them by address as it does by id, so that one that was just made is found; its search lags behind.
    """
    found: dict[str, Report] = {}
    for chunk in chunks(values, BATCH):
        bodies = yield from read_batch(session, kind, chunk, names, idProperty=kind.address)
        found |= {one.id: one for one in (report_of(session, kind, body, names) for body in bodies)}
    return list(found.values())


def with_links(
    session: Session, kind: Kind, results: Sequence[ReadResult], names: Sequence[str]
) -> Exchange[list[ReadResult]]:
    """Add the associations asked for to the living."""
    done = list(results)
    for label in labels(kind, names):
        alive = [x.id for x in done if isinstance(x, Report) and x.life is Life.ALIVE]
        links = yield from read_links(session, kind, label, alive)
        done = [
            x.model_copy(update={"links": {**x.links, label: links[x.id]}})
            if isinstance(x, Report) and x.id in links
            else x
            for x in done
        ]
    return done


def list_page(session: Session, kind: Kind, cursor: str | None, names: Sequence[str]) -> Exchange[Page]:
    """Read one page of all living records, in the order of their ids."""
    query = {"properties": ",".join(properties(kind, names)), "archived": "false"}
    if cursor is not None:
        query["after"] = cursor
    most = BATCH
    while True:
        try:
            body = yield from ask(get(objects(session, kind), limit=str(most), **query))
        except AppError as error:
            if not error.smaller or most == 1:
                raise
            most //= 2
        else:
            break
    reports: list[ReadResult] = [report_of(session, kind, row, names) for row in rows(body)]
    linked = yield from with_links(session, kind, reports, names)
    return Page(reports=tuple(x for x in linked if isinstance(x, Report)), next=after(body))


def _held(body: Mapping[str, Any]) -> Mapping[str, Any]:
    held = body.get("properties")
    return held if isinstance(held, Mapping) else {}
