"""Writing cards: read, change only what is mapped, put back under the lock of what was read.

Cards are replaced whole, one call a card; there is no batch, so the results of one card never depend on another's.
"""

from collections.abc import Sequence

from shared.apps.carddav.card import FIELDS, Card, new_card, read_card, write_fields
from shared.apps.carddav.dav import ask, book_of, by_uid, href_of, id_of, precondition, refusal
from shared.apps.carddav.reading import OBJECT, judge, read_alone, report_of
from shared.apps.kit.batches import one_by_one
from shared.apps.kit.results import gone, hidden
from shared.contract.calls import AppError, Exchange, HttpRequest, HttpResponse, Session
from shared.contract.reading import Unreadable
from shared.contract.writing import Change, Refused, Stale, WriteResult, Written
from shared.model.records import Life, Report

_NAMES = tuple(info.name for info in FIELDS)
_TYPE = "text/vcard; charset=utf-8"


def create_many(session: Session, changes: Sequence[Change]) -> Exchange[Sequence[WriteResult]]:
    """Make a card for each change at ``<marker>.vcf``, which the server itself allows only once."""
    return (yield from one_by_one(changes, lambda change: _create(session, change)))


def update_many(session: Session, changes: Sequence[Change]) -> Exchange[Sequence[WriteResult]]:
    """Change cards that are still what the writes expect."""
    return (yield from one_by_one(changes, lambda change: _update(session, change)))


def archive_many(session: Session, changes: Sequence[Change]) -> Exchange[Sequence[WriteResult]]:
    """Delete cards that are still what the writes expect; a book has no bin."""
    return (yield from one_by_one(changes, lambda change: _delete(session, change)))


def _create(session: Session, change: Change) -> Exchange[WriteResult]:
    record = f"{change.marker}.vcf"
    try:
        card = new_card(change.marker, {k: v for k, v in change.fields.items() if v is not None})
    except ValueError as error:
        return Refused(key=change.key, code="invalid_value", message=str(error))
    request = _put(session, record, card, {"If-None-Match": "*"})
    response = yield request
    if response.status in (200, 201, 204):
        return (yield from _stored(session, change, record, card, response))
    if response.status == 412 and not precondition(response, "valid-address-data"):
        return (yield from _taken(session, change, record))
    if response.status == 409 and precondition(response, "no-uid-conflict"):
        return (yield from _moved(session, change, request, response))
    raise refusal(request, response)


def _taken(session: Session, change: Change, record: str) -> Exchange[WriteResult]:
    """Something stands where the card should: our own of an earlier try, or a stranger's."""
    found = yield from read_alone(session, record, _NAMES)
    if isinstance(found, Report) and found.marker == change.marker:
        return Written(key=change.key, report=found, found=True)
    message = f"a card that is not ours stands at {record}"
    return Refused(key=change.key, code="duplicate_in_target", message=message, conflicting_id=record)


def _moved(session: Session, change: Change, request: HttpRequest, response: HttpResponse) -> Exchange[WriteResult]:
    """The book has a card with our UID under another name: an earlier try of ours that somebody moved."""
    answer = yield from ask(by_uid(book_of(session), change.marker))
    for entry in answer.entries:
        if entry.data is not None:
            found = judge(session, id_of(session, entry.href), entry.data.encode(), entry.etag, _NAMES)
            if isinstance(found, Report) and found.marker == change.marker:
                return Written(key=change.key, report=found, found=True)
    raise refusal(request, response)


def _update(session: Session, change: Change) -> Exchange[WriteResult]:
    found = yield from _expected(session, change)
    if not isinstance(found, tuple):
        return found
    card, etag = found
    try:
        changed = write_fields(card, change.fields)
    except ValueError as error:
        return Refused(key=change.key, code="invalid_value", message=str(error))
    if changed == card:
        return Written(key=change.key, report=report_of(session, change.id, card, etag, _NAMES))
    request = _put(session, change.id, changed, {"If-Match": etag})
    response = yield request
    if response.status in (200, 201, 204):
        return (yield from _stored(session, change, change.id, changed, response))
    if _lost(response):
        return (yield from _stale(session, change))
    raise refusal(request, response)


def _expected(session: Session, change: Change) -> Exchange[tuple[Card, str] | WriteResult]:
    """Read the card that a write is for; the write's result where it cannot go on."""
    request = HttpRequest(method="GET", path=href_of(session, change.id), safe=True)
    response = yield request
    if response.status in (404, 410):
        return Stale(key=change.key, report=gone(session, OBJECT, change.id))
    if response.status != 200:
        raise refusal(request, response)
    etag = response.headers.get("etag", "")
    found = judge(session, change.id, response.body, etag, _NAMES)
    if isinstance(found, Unreadable):
        return Refused(key=change.key, code=found.code, message=found.message)
    if found.life is not Life.ALIVE or (change.expected is not None and etag != change.expected.token):
        return Stale(key=change.key, report=found)
    if not etag:
        message = "the server sends no ETag, so a card cannot be changed without risk to what others write"
        return Refused(key=change.key, code="permission_denied", message=message, retry="setup")
    return read_card(response.body), etag


def _delete(session: Session, change: Change) -> Exchange[WriteResult]:
    etag = change.expected.token if change.expected is not None else ""
    headers = {"If-Match": etag} if etag else {}
    request = HttpRequest(method="DELETE", path=href_of(session, change.id), headers=headers)
    response = yield request
    if response.status in (200, 202, 204, 404, 410):
        return Written(key=change.key, report=gone(session, OBJECT, change.id))
    if _lost(response):
        return (yield from _stale(session, change))
    raise refusal(request, response)


def _lost(response: HttpResponse) -> bool:
    """Check whether a lock no longer holds; Xandikos says 412 also of a card that it does not take."""
    return response.status in (404, 410, 412) and not precondition(response, "valid-address-data")


def _stale(session: Session, change: Change) -> Exchange[WriteResult]:
    found = yield from read_alone(session, change.id, _NAMES)
    if isinstance(found, Unreadable):
        return hidden(change, found)
    return Stale(key=change.key, report=found)


def _put(session: Session, record: str, card: Card, headers: dict[str, str]) -> HttpRequest:
    body = card.octets()
    return HttpRequest(
        method="PUT", path=href_of(session, record), headers={"Content-Type": _TYPE, **headers}, body=body
    )


def _stored(session: Session, change: Change, record: str, card: Card, response: HttpResponse) -> Exchange[WriteResult]:
    """Report what the server holds now: it may have changed what was sent, also where it answers with an ETag.

    An ETag should say that it stored what was sent (RFC 6352 §6.3.2.3), but Radicale sends one beside a changed card.
    What somebody else wrote since is not the answer to our write, though: then, and where the card cannot be read
    again, what was sent is reported under the ETag that came for it.
    """
    etag = response.headers.get("etag", "")
    sent = Written(key=change.key, report=report_of(session, record, card, etag, _NAMES))
    try:
        found = yield from read_alone(session, record, _NAMES)
    except AppError:
        if etag:
            return sent
        raise
    if etag and (isinstance(found, Unreadable) or found.version.token != etag):
        return sent
    if isinstance(found, Unreadable):
        return hidden(change, found)
    return Written(key=change.key, report=found)
