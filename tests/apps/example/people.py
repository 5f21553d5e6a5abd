"""The people of Example: where they are, what one holds, how they are listed, and what tells that one changed."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Final

from shared.apps.kit.calls import ask, date_ms, get, read_json, rows, send
from shared.apps.kit.cursors import number
from shared.apps.kit.refusals import Refusing
from shared.apps.kit.rows import Row, Rows
from shared.contract.calls import Exchange, Session
from shared.contract.feeds import FeedExpired, FeedPage, Hint
from shared.contract.reading import Page
from shared.contract.writing import Change
from shared.model.records import Version

BATCH: Final = 100
REFUSE: Final = Refusing(app="Example")


def where(base: str, _session: Session, record: str) -> str:
    """Return the path of a person, or of all people."""
    return f"{base}people" + (f"/{record}" if record else "")


def some(
    base: str, _session: Session, by: str, wanted: Sequence[str], _names: Sequence[str]
) -> Exchange[Iterable[Row]]:
    """Read people by their ids, or by the markers that they carry."""
    body = yield from ask(send("POST", f"{base}people/read", {f"{by}s": wanted}, safe=True), REFUSE)
    return rows(body, "results")


def lock(change: Change) -> Mapping[str, str]:
    """Return the headers by which a write says what it expects."""
    return {} if change.expected is None else {"If-Match": str(change.expected.order)}


PEOPLE: Final = Rows(
    object="contact",
    where=partial(where, ""),
    version=lambda row: Version(order=int(row["version"])),
    created="created",
    marker="marker",
    some=partial(some, ""),
    batch=BATCH,
    refuse=REFUSE,
    lock=lock,
)


def list_page(people: Rows, session: Session, cursor: str | None, names: Sequence[str]) -> Exchange[Page]:
    """Read one page of all people, in the order of their ids."""
    body = yield from ask(get(people.where(session, ""), after=cursor or "", limit=str(BATCH)), REFUSE)
    return people.page(session, rows(body, "results"), names, size=BATCH)


def poll(base: str, _session: Session, cursor: str | None) -> Exchange[FeedPage]:
    """Return what changed since a number that the app gave out.

    Raises:
        FeedExpired: the cursor is none of this feed, or older than what the app remembers.
    """
    request = get(f"{base}changes", limit=str(BATCH), **({} if cursor is None else {"since": str(number(cursor))}))
    response = yield request
    if response.status == 410:
        raise FeedExpired("the app no longer remembers what changed since")
    body = read_json(request, response, REFUSE)
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
