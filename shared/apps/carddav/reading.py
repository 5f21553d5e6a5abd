"""Reading cards: by id, page by page, and what changed since a sync token."""

import json
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from urllib.parse import unquote, urlsplit

from shared.apps.carddav.card import FIELDS, Card, read_card, read_fields
from shared.apps.carddav.content import NotACard
from shared.apps.carddav.dav import (
    DAV,
    ask,
    book_of,
    by_email,
    href_of,
    id_of,
    multiget,
    multistatus,
    precondition,
    propfind,
    refusal,
    sync_collection,
)
from shared.apps.kit.batches import chunks, read_each
from shared.apps.kit.calls import date_ms
from shared.apps.kit.results import gone
from shared.contract.calls import AppError, Exchange, HttpRequest, Session
from shared.contract.feeds import FeedExpired, FeedPage, Hint
from shared.contract.reading import Page, ReadResult, Unreadable
from shared.contract.sign_in import AccountInfo
from shared.model.fields import FieldInfo
from shared.model.records import Life, Report, Version
from shared.rules.identifiers import email_spellings

OBJECT: Final = "contact"
BATCH: Final = 50
"""Cards in one multiget: photos make cards large."""
LARGE: Final = 4 * 1024 * 1024
"""Bytes of cards that a listing asks for at once, where the server tells how large they are."""
_LATER: Final = frozenset({"too_long", "app_unavailable"})
"""Why a card is left out of a page and looked at alone."""
PAGE: Final = 200
"""Cards in one page of the full listing, which asks for all hrefs anew: the names are cheap, the cards are not."""


def report_of(session: Session, record: str, card: Card, etag: str, names: Sequence[str]) -> Report:
    """Return what a card holds."""
    return Report(
        connection=session.connection,
        object=OBJECT,
        id=record,
        version=Version(token=etag),
        fields=read_fields(card, names),
        marker=card.marker,
    )


def out_of_scope(session: Session, record: str, etag: str) -> Report:
    """Report a card that is there and is no person."""
    return Report(
        connection=session.connection, object=OBJECT, id=record, version=Version(token=etag), life=Life.OUT_OF_SCOPE
    )


def judge(session: Session, record: str, body: bytes, etag: str, names: Sequence[str]) -> ReadResult:
    """Return what a resource is: a contact, no contact, or no vCard."""
    try:
        card = read_card(body)
    except NotACard as error:
        return Unreadable(id=record, code="invalid_value", message=f"{record} is not a vCard: {error}")
    return report_of(session, record, card, etag, names) if card.is_contact else out_of_scope(session, record, etag)


def read(session: Session, ids: Sequence[str], names: Sequence[str]) -> Exchange[Sequence[ReadResult]]:
    """Read cards by id; one that a multiget does not know is asked for alone before it is called gone."""

    def some(chunk: Sequence[str]) -> Exchange[Iterable[ReadResult]]:
        return (yield from _multiget(session, chunk, names)).values()

    def alone(record: str) -> Exchange[Iterable[ReadResult]]:
        return ((yield from read_alone(session, record, names)),)

    return (yield from read_each(ids, BATCH, some, alone))


def read_alone(session: Session, record: str, names: Sequence[str]) -> Exchange[ReadResult]:
    """Read one card by its address."""
    request = HttpRequest(method="GET", path=href_of(session, record), safe=True)
    response = yield request
    if response.status == 200:
        return judge(session, record, response.body, response.headers.get("etag", ""), names)
    if response.status in (404, 410):
        return gone(session, OBJECT, record)
    if response.status == 403:
        return Unreadable(id=record, code="not_readable", message=f"this user may not read the card {record}")
    raise refusal(request, response)


def _multiget(session: Session, ids: Sequence[str], names: Sequence[str]) -> Exchange[dict[str, ReadResult]]:
    """Read cards in one call, or in halves where they are too much for one; a card that is so alone is unreadable."""
    try:
        answer = yield from ask(multiget(book_of(session), [href_of(session, record) for record in ids]))
    except AppError as error:
        if not error.smaller or error.retry == "outage":
            raise
        if len(ids) == 1:
            return {ids[0]: Unreadable(id=ids[0], code=error.code, message=f"the card {ids[0]}: {error.message}")}
        half = len(ids) // 2
        first = yield from _multiget(session, ids[:half], names)
        return {**first, **(yield from _multiget(session, ids[half:], names))}
    found: dict[str, ReadResult] = {}
    for entry in answer.entries:
        if entry.status == 200 and entry.data is not None:
            record = id_of(session, entry.href)
            found[record] = judge(session, record, entry.data.encode(), entry.etag, names)
    return found


def find(session: Session, values: Sequence[str], names: Sequence[str]) -> Exchange[Sequence[Report]]:
    """Read the contacts that have one of these e-mail addresses, and those whose address only contains one."""
    ids: set[str] = set()
    for some in chunks(values, BATCH):
        texts = [text for value in some for text in email_spellings(value)]
        answer = yield from ask(by_email(book_of(session), texts))
        ids.update(id_of(session, entry.href) for entry in answer.entries if entry.status == 200)
    found = yield from read(session, sorted(ids - {""}), names)
    return [one for one in found if isinstance(one, Report) and one.life is Life.ALIVE]


def list_page(session: Session, cursor: str | None, names: Sequence[str]) -> Exchange[Page]:
    """Read one page of the book in the order of ids; cards that are no contacts, or no vCards, are not in it."""
    sizes = yield from _sizes(session)
    ids = sorted(sizes)
    start = bisect_right(ids, cursor) if cursor is not None else 0
    page = ids[start : start + PAGE]
    found = yield from _all_of(session, _batches(page, sizes), names)
    reports = [x for x in found.values() if isinstance(x, Report) and x.life is Life.ALIVE]
    return Page(
        reports=tuple(sorted(reports, key=lambda x: x.id)),
        next=page[-1] if start + PAGE < len(ids) else None,
        total=len(ids),
        skipped=tuple(x.id for x in found.values() if isinstance(x, Unreadable) and x.code in _LATER),
    )


def _batches(ids: Sequence[str], sizes: Mapping[str, int]) -> list[list[str]]:
    """Divide cards so that no answer grows large."""
    batches: list[list[str]] = []
    room = 0
    for record in ids:
        if not batches or len(batches[-1]) >= BATCH or sizes[record] > room:
            batches.append([])
            room = LARGE
        batches[-1].append(record)
        room -= sizes[record]
    return batches


def _all_of(
    session: Session, batches: Sequence[Sequence[str]], names: Sequence[str]
) -> Exchange[dict[str, ReadResult]]:
    """Read cards in batches that shrink while the server does not answer in time.

    A card that it does not send alone is left out, unless the next one fares alike: then it is the server that is slow.
    """
    found: dict[str, ReadResult] = {}
    waiting = [list(batch) for batch in reversed(batches)]
    slow = ""
    while waiting:
        batch = waiting.pop()
        try:
            found |= yield from _multiget(session, batch, names)
        except AppError as error:
            if not error.smaller or (len(batch) == 1 and slow):
                raise
            if len(batch) > 1:
                waiting += [batch[len(batch) // 2 :], batch[: len(batch) // 2]]
                continue
            slow = batch[0]
            found[slow] = Unreadable(id=slow, code=error.code, message=error.message)
        else:
            slow = ""
    return found


def _sizes(session: Session) -> Exchange[dict[str, int]]:
    """List the cards with their sizes; 0 where the server does not tell one."""
    answer = yield from ask(propfind(book_of(session), ("getetag", "resourcetype", "getcontentlength"), 1))
    sizes: dict[str, int] = {}
    for entry in answer.entries:
        record = id_of(session, entry.href)
        if record and not _is_collection(entry.properties.get(f"{DAV}resourcetype")):
            told = entry.properties.get(f"{DAV}getcontentlength")
            size = (told.text or "").strip() if told is not None else ""
            sizes[record] = int(size) if size.isascii() and size.isdigit() and len(size) < 16 else 0
    return sizes


def _is_collection(kind: object) -> bool:
    find = getattr(kind, "find", None)
    return find is not None and find(f"{DAV}collection") is not None


def poll(session: Session, cursor: str | None) -> Exchange[FeedPage]:
    """Return what changed since the sync token in the cursor.

    Raises:
        FeedExpired: the server no longer knows the token (403 or 412 with ``valid-sync-token``).
    """
    if cursor is None:
        return (yield from _start(session))
    request = sync_collection(book_of(session), _token(cursor))
    response = yield request
    if response.status >= 400 and precondition(response, "valid-sync-token"):
        raise FeedExpired(f"the server answered {response.status}: it no longer knows this sync token")
    if response.status != 207:
        raise refusal(request, response)
    answer = multistatus(response)
    hints = []
    more = False
    for entry in answer.entries:
        record = id_of(session, entry.href)
        if not record:
            more = more or entry.status == 507
        elif entry.status == 404:
            hints.append(Hint(id=record, kind="deleted"))
        else:
            hints.append(Hint(id=record, version=Version(token=entry.etag) if entry.etag else None))
    if not answer.sync_token:
        raise AppError("app_unavailable", "the server sent no sync token with the changes", retry="outage")
    next_cursor = json.dumps({"token": answer.sync_token})
    complete_to_ms = 0 if more else date_ms(response)
    return FeedPage(hints=tuple(hints), cursor=next_cursor, more=more, complete_to_ms=complete_to_ms)


def _start(session: Session) -> Exchange[FeedPage]:
    request = propfind(book_of(session), ("sync-token",), 0)
    response = yield request
    if response.status != 207:
        raise refusal(request, response)
    for entry in multistatus(response).entries:
        token = entry.properties.get(f"{DAV}sync-token")
        if token is not None and token.text:
            return FeedPage(
                hints=(), cursor=json.dumps({"token": token.text.strip()}), complete_to_ms=date_ms(response)
            )
    message = "this address book has no sync token, so its changes cannot be followed (RFC 6578)"
    raise AppError("permission_denied", message, retry="setup")


def _token(cursor: str) -> str:
    try:
        return str(json.loads(cursor)["token"])
    except (ValueError, KeyError, TypeError) as error:
        raise FeedExpired("the stored cursor is not one of this feed") from error


def account(session: Session) -> Exchange[AccountInfo]:
    """Name the account: the path of the book, whoever reads it."""
    book = book_of(session)
    answer = yield from ask(propfind(book, ("current-user-principal", "displayname", "resourcetype"), 0))
    principal, name = "", ""
    for entry in answer.entries:
        found = entry.properties.get(f"{DAV}current-user-principal")
        principal = (found.findtext(f"{DAV}href") or "").strip() if found is not None else principal
        shown = entry.properties.get(f"{DAV}displayname")
        name = (shown.text or "").strip() if shown is not None else name
        if _is_collection(entry.properties.get(f"{DAV}resourcetype")) is False:
            raise AppError("permission_denied", f"{book} is no address book", retry="setup")
    path = unquote(urlsplit(book).path)
    return AccountInfo(id=path, name=name or book, formerly=(f"{principal or '/'} {book}",))


def discover(_session: Session) -> Exchange[Sequence[FieldInfo]]:
    """Return the fields of a card: RFC 6350 fixes them, so no server is asked."""
    yield from ()
    return FIELDS
