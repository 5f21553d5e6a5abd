"""Reading people of Example: by id, page by page, and what changed."""

from collections.abc import Sequence
from typing import Final

from shared.apps.kit.batches import chunks
from shared.apps.kit.calls import date_ms, get, read_json, rows, send
from shared.apps.kit.results import gone
from shared.core.connector import (
    AccountInfo,
    Exchange,
    FeedExpired,
    FeedPage,
    FieldInfo,
    Hint,
    Page,
    ReadResult,
    Session,
    Unreadable,
)
from shared.core.records import FieldType, Version
from tests.apps.example.calls import OBJECT, PATH, ask, refuse, report_of

BATCH: Final = 100


def read(session: Session, ids: Sequence[str], names: Sequence[str]) -> Exchange[Sequence[ReadResult]]:
    """Read records by id; one that a batch does not know is asked for alone before it is called gone."""
    found: dict[str, ReadResult] = {}
    wanted = list(dict.fromkeys(ids))
    for chunk in chunks(wanted, BATCH):
        body = yield from ask(send("POST", f"{PATH}/read", {"ids": chunk}, safe=True))
        found |= {str(row["id"]): report_of(session, row, names) for row in rows(body, "results")}
    for record in wanted:
        if record not in found:
            found[record] = yield from read_alone(session, record, names)
    return list(found.values())


def read_alone(session: Session, record: str, names: Sequence[str]) -> Exchange[ReadResult]:
    """Read one record, which may be gone, or hidden from us."""
    request = get(f"{PATH}/{record}")
    response = yield request
    if response.status == 404:
        return gone(session, OBJECT, record)
    if response.status == 403:
        return Unreadable(id=record, code="not_readable", message=refuse(request, response).message)
    return report_of(session, read_json(request, response, refuse), names)


def list_page(session: Session, cursor: str | None, names: Sequence[str]) -> Exchange[Page]:
    """Read one page of all records, in the order of their ids."""
    body = yield from ask(get(PATH, after=cursor or "", limit=str(BATCH)))
    reports = tuple(report_of(session, row, names) for row in rows(body, "results"))
    return Page(reports=reports, next=str(body["next"]) if body.get("next") else None)


def poll(_session: Session, cursor: str | None) -> Exchange[FeedPage]:
    """Tell what changed since a number that the app gave out.

    Raises:
        FeedExpired: the cursor is none of this feed, or older than what the app remembers.
    """
    if cursor is not None and not (cursor.isascii() and cursor.isdigit()):
        raise FeedExpired("the stored cursor is not one of this feed")
    request = get("changes", limit=str(BATCH), **({} if cursor is None else {"since": cursor}))
    response = yield request
    if response.status == 410:
        raise FeedExpired("the app no longer remembers what changed since")
    body = read_json(request, response, refuse)
    hints = tuple(
        Hint(
            id=str(row["id"]),
            kind="deleted" if row.get("deleted") else "changed",
            version=Version(order=int(row["version"])),
        )
        for row in rows(body, "results")
    )
    return FeedPage(
        hints=hints, cursor=str(body["next"]), more=bool(body.get("more")), complete_to_ms=date_ms(response)
    )


def account(_session: Session) -> Exchange[AccountInfo]:
    """Name the account."""
    body = yield from ask(get("me"))
    return AccountInfo(id=str(body["id"]), name=str(body.get("name") or body["id"]))


def discover(_session: Session) -> Exchange[Sequence[FieldInfo]]:
    """List the fields that a person has."""
    body = yield from ask(get("fields"))
    return [
        FieldInfo(
            name=str(row["name"]),
            type=FieldType(row["type"]),
            label=str(row.get("label") or row["name"]),
            unique=bool(row.get("unique")),
            max_length=row.get("max_length"),
            scale=row.get("scale"),
        )
        for row in rows(body, "results")
    ]
