"""Finding the address books that a user has: from any address of the server to the books themselves (RFC 6764)."""

from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote, urljoin, urlsplit

from shared.apps.carddav.dav import CARD, DAV, Entry, Multistatus, multistatus, propfind, refusal
from shared.contract.calls import AppError, Exchange, Session
from shared.contract.demands import Place

_WELL_KNOWN: Final = "/.well-known/carddav"
_ASKED: Final = ("current-user-principal", "c:addressbook-home-set", "resourcetype", "displayname")
_MOST_MOVES: Final = 3


def books(session: Session) -> Exchange[list[Place]]:
    """List the address books that are reached from the path that somebody has written, or from the server's own."""
    start = session.options.get("book") or "/"
    found = yield from _asked(start, 0)
    if not _is_there(found) and start != _WELL_KNOWN:
        found = yield from _asked(_WELL_KNOWN, 0)
    rows = list(_books(found))
    if not rows:
        home = _href(found, f"{CARD}addressbook-home-set")
        principal = _href(found, f"{DAV}current-user-principal")
        if not home and principal:
            home = _href((yield from _asked(principal, 0)), f"{CARD}addressbook-home-set")
        if home:
            rows = list(_books((yield from _asked(home, 1))))
    if not rows:
        said = "no address book was found there: write the address of the book itself"
        raise AppError("permission_denied", said, retry="setup")
    return rows


def _asked(path: str, depth: int) -> Exchange[Multistatus]:
    """Ask for what leads to books, and go where the server says that they are by now."""
    for _ in range(_MOST_MOVES):
        request = propfind(path, _ASKED, depth)
        response = yield request
        if response.status == 207:
            return multistatus(response)
        if response.status in (301, 302, 307, 308) and response.headers.get("location"):
            path = urljoin(path, response.headers["location"])
            continue
        if response.status in (404, 405, 410, 501):
            return Multistatus((), "")
        raise refusal(request, response)
    raise AppError("permission_denied", "the server leads from one address to another without end", retry="setup")


def _is_there(found: Multistatus) -> bool:
    return any(entry.properties for entry in found.entries)


def _books(found: Multistatus) -> Iterator[Place]:
    for entry in found.entries:
        kind = entry.properties.get(f"{DAV}resourcetype")
        if kind is not None and kind.find(f"{CARD}addressbook") is not None:
            yield Place(title=_name(entry), options={"book": urlsplit(entry.href).path})


def _name(entry: Entry) -> str:
    shown = entry.properties.get(f"{DAV}displayname")
    name, path = (shown.text or "").strip() if shown is not None else "", unquote(urlsplit(entry.href).path).strip("/")
    # A server that was told no name may make one of the path.
    return name if name not in ("", path) else path.rpartition("/")[2] or "Address book"


def _href(found: Multistatus, name: str) -> str:
    rows = (entry.properties.get(name) for entry in found.entries)
    return next((href for row in rows if row is not None and (href := (row.findtext(f"{DAV}href") or "").strip())), "")
