"""What changed, asked of HubSpot: the search by modification time, and the list of archived records.

Search is an index that lags behind the writes, shows no archived records, and serves at most 10,000 results to a query.
So a poll walks by time, not by offset: each page is a new query from the last moment seen, which can neither run into
the cap nor lose a record because another one left the pages before it. And a round begins a minute before the last one
did, so that what the index showed late is still found; what was told already is remembered in the cursor and left out.
Hints carry the version, so a repeated one costs the caller nothing.

The archived list cannot be filtered by time, and its order is that of the ids: a round reads all of it, a page a poll.
A record leaves it 90 days after its delete, so a cursor that is older has expired: deletes may have been missed.
Privacy deletions never appear in it: only the webhook tells them.

An association changes no modification time: webhooks tell it at once, and the link feed, which asks about every linked
record in turn (`associations.read_all_links`), within minutes.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from shared.apps.hubspot.calls import after, objects, post, read_json, rows
from shared.apps.hubspot.objects import Kind
from shared.apps.hubspot.reading import order_of
from shared.apps.hubspot.values import moment_ms
from shared.apps.kit.calls import date_ms, get
from shared.contract.calls import Exchange, HttpRequest, Session
from shared.contract.feeds import FeedExpired, FeedPage, Hint
from shared.model.records import Version

PAGE: Final = 200
ARCHIVED_PAGE: Final = 100
OVERLAP_MS: Final = 60_000
"""How far a round looks back behind the beginning of the last one."""
LAG_MS: Final = 15_000
"""How late the index usually is: `complete_to_ms` stays so far behind."""
REMEMBERED: Final = 2_000
"""Hints that the cursor remembers; more are told again."""
KEPT_MS: Final = 90 * 86_400_000
"""How long the list of archived records holds one."""
LEFT_OUT: Final = 100
"""Most records that one query leaves out by their ids: the body of a search may have 3,000 characters."""


def poll_modified(session: Session, kind: Kind, cursor: str | None) -> Exchange[FeedPage]:
    """Return hints of the records created, changed, restored or made by a merge."""
    if cursor is None:
        return (yield from _start(session, kind))
    state = _load(cursor, "at", "low")
    at, low, last_id = state["at"], state["low"], state.get("last_id", 0)
    seen: dict[str, int] = state.get("seen") or {}
    told = sorted(record for record, order in seen.items() if order == at)[:LEFT_OUT]
    request = _search(session, kind, _from(kind, at, last_id, told), PAGE)
    response = yield request
    body = read_json(request, response)
    found = rows(body)
    changes = [(str(row["id"]), order) for row in found if row.get("id") and (order := order_of(kind, row)) is not None]
    hints = tuple(
        Hint(id=record, version=Version(order=order), occurred_ms=order)
        for record, order in changes
        if seen.get(record) != order
    )
    seen |= dict(changes)
    now = state.get("now") or date_ms(response) or max((order for _, order in changes), default=at)
    if len(found) < PAGE and not last_id:
        next_low = max(low, now - OVERLAP_MS)
        kept = _newest({record: order for record, order in seen.items() if order >= next_low})
        done = json.dumps({"at": next_low, "low": next_low, "seen": kept})
        return FeedPage(hints=hints, cursor=done, complete_to_ms=now - LAG_MS)
    going = {"low": low, "now": now, "seen": _newest(seen), **_onward(at, last_id, changes, full=len(found) >= PAGE)}
    return FeedPage(hints=hints, cursor=json.dumps(going), more=True)


def _start(session: Session, kind: Kind) -> Exchange[FeedPage]:
    """Begin now: at HubSpot's own clock, or at its newest record when no clock is told."""
    request = _search(session, kind, {"sorts": [_sort(kind.modified, "DESCENDING")]}, 1)
    response = yield request
    newest = max((order_of(kind, row) or 0 for row in rows(read_json(request, response))), default=0)
    now = date_ms(response) or newest
    low = max(0, now - OVERLAP_MS)
    return FeedPage(hints=(), cursor=json.dumps({"at": low, "low": low}), complete_to_ms=now - LAG_MS)


def _from(kind: Kind, at: int, last_id: int, told: Sequence[str]) -> dict[str, Any]:
    """Ask from a moment on; or, where one moment holds more records than a page, for the rest of it by id.

    What the page before told of that moment is left out: writes in batches give many records one time, and half of
    each page would be told again.
    """
    if not last_id:
        later: list[dict[str, Any]] = [{"propertyName": kind.modified, "operator": "GTE", "value": str(at)}]
        if told:
            later.append({"propertyName": "hs_object_id", "operator": "NOT_IN", "values": told})
        return {"filterGroups": [{"filters": later}], "sorts": [_sort(kind.modified, "ASCENDING")]}
    filters = [
        {"propertyName": kind.modified, "operator": "EQ", "value": str(at)},
        {"propertyName": "hs_object_id", "operator": "GT", "value": str(last_id)},
    ]
    return {"filterGroups": [{"filters": filters}], "sorts": [_sort("hs_object_id", "ASCENDING")]}


def _onward(at: int, last_id: int, changes: list[tuple[str, int]], *, full: bool) -> dict[str, int]:
    """Choose where the next page begins."""
    last = max((order for _, order in changes), default=at)
    if last_id:
        highest = max((int(record) for record, _ in changes if record.isdigit()), default=last_id)
        return {"at": at, "last_id": highest} if full else {"at": at + 1}
    # A full page of one moment: the same question would bring the same page again.
    return {"at": last} if last > at else {"at": at, "last_id": 1}


def _search(session: Session, kind: Kind, query: Mapping[str, Any], limit: int) -> HttpRequest:
    body = {**query, "limit": limit, "properties": [kind.modified]}
    return post(objects(session, kind, "search"), body, safe=True, limit="search")


def _sort(name: str, direction: str) -> dict[str, str]:
    return {"propertyName": name, "direction": direction}


def _newest(seen: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(seen.items(), key=lambda item: item[1])[-REMEMBERED:])


def poll_archived(session: Session, kind: Kind, cursor: str | None) -> Exchange[FeedPage]:
    """Return the records archived since the beginning of the last round.

    Raises:
        FeedExpired: some that were archived since are no longer listed.
    """
    state = _load(cursor, "since") if cursor is not None else {"since": -1}
    query = {"limit": str(ARCHIVED_PAGE), "archived": "true", "properties": kind.modified}
    if state.get("after"):
        query["after"] = str(state["after"])
    request = get(objects(session, kind), **query)
    response = yield request
    body = read_json(request, response)
    archived = [(row, moment_ms(row.get("archivedAt"))) for row in rows(body)]
    latest = max([state.get("latest", 0), *(ms for _, ms in archived if ms is not None)])
    begun = state.get("begun") or date_ms(response) or latest
    since = state["since"] if state["since"] >= 0 else begun - OVERLAP_MS
    if begun - since > KEPT_MS:
        raise FeedExpired("the last round is longer ago than HubSpot lists what was archived")
    hints = tuple(
        Hint(id=str(row.get("id")), kind="deleted", version=Version(order=order_of(kind, row)), occurred_ms=ms or 0)
        for row, ms in archived
        if row.get("id") and (ms is None or ms >= since)
    )
    onward = after(body)
    if onward is not None:
        going = {"since": since, "begun": begun, "latest": latest, "after": onward}
        return FeedPage(hints=hints, cursor=json.dumps(going), more=True)
    done = {"since": max(since, begun - OVERLAP_MS)}
    return FeedPage(hints=hints, cursor=json.dumps(done), complete_to_ms=begun)


def rewind_modified(cursor: str, ms: int) -> str:
    """Begin a round so much earlier, and tell again what was told meanwhile."""
    low = max(0, _load(cursor, "at", "low")["low"] - ms)
    return json.dumps({"at": low, "low": low})


def rewind_archived(cursor: str, ms: int) -> str:
    """Begin a round that tells what was archived so much earlier, too."""
    return json.dumps({"since": max(0, _load(cursor, "since")["since"] - ms)})


def _load(cursor: str, *names: str) -> dict[str, Any]:
    """Read a stored cursor.

    Raises:
        FeedExpired: it is not one of this feed.
    """
    try:
        state = json.loads(cursor)
    except ValueError:
        state = None
    if not isinstance(state, dict) or not all(isinstance(state.get(name), int) for name in names):
        raise FeedExpired("the stored cursor is not one of this feed")
    return state
